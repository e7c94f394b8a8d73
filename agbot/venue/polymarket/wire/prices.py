"""Reference prices as both of the venue's real-time sockets give them."""

from __future__ import annotations

from typing import Final

import msgspec

from agbot.venue.polymarket.wire.fields import Fields

_E18: Final = 18
_AGREE: Final = 10_000
"""`value` and the accurate text may differ by one part in this many, plus one unit; more means we misread one."""


class Quote(msgspec.Struct, frozen=True):
    """A reference price: `value` in 10⁻⁶ usd, rounded down from the most accurate text the venue gave.

    `source` is the topic or channel it belongs to ("crypto_prices_chainlink", "price.crypto"); `window_s` is 0 unless
    it is a time-weighted average; `backfill` says it is history sent on subscribing; `carried` that it is a repeat.
    """

    symbol: str
    source: str
    value: int
    ts_ns: int
    window_s: int = 0
    backfill: bool = False
    carried: bool = False
    received_ns: int = 0
    provider: str = ""


def quotes(f: Fields, source: str, *, e18: bool = False) -> tuple[Quote, ...]:
    """Return the price or the history in a payload; `e18` says accurate text without a point is scaled by 10¹⁸.

    Raises:
        ValueError: no symbol, no price, a price that is not positive, or two readings of it that differ.
    """
    history = "data" in f
    rows = [Fields(row) for row in f.rows("data")] if history else [f]
    symbol, window_s = f.name("symbol").lower(), f.whole("window_s", "window_seconds", default=0)
    return tuple(
        Quote(
            symbol,
            source,
            _value(row, e18=e18),
            row.time("timestamp"),
            window_s,
            backfill=history,
            carried=row.flag("is_carried_forward", default=False),
            received_ns=row.time("received_at", default=0),
            provider=f.text("source", default=""),
        )
        for row in rows
    )


def _value(f: Fields, *, e18: bool) -> int:
    rough = f.floor("value", default=0)
    text = f.text("full_accuracy_value", default="")
    scale = _E18 if e18 and "." not in text else 0
    value = f.floor("full_accuracy_value", scale=scale) if text else rough
    if value <= 0:
        raise ValueError(f"the price {text or f.text('value')!r} is not positive")
    if rough and abs(value - rough) > rough // _AGREE + 1:
        raise ValueError(f"value {f.text('value')[:40]!r} and full_accuracy_value {text[:40]!r} differ")
    return value
