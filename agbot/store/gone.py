"""What a bot that does not answer left behind, from its journals: when it was last heard, and which orders may rest."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.control import RUNS_NAME
from agbot.core.oms import OrderRecord
from agbot.model.events import MarketListed
from agbot.store.carry import Past, newest, unasked
from agbot.store.journal import JournalReader, foreign
from agbot.units import to_text

LIVE: Final = "LIVE"
"""The mode whose orders outlive their bot: those of others rest in it, or on an exchange that ends with it."""


@attrs.frozen(kw_only=True)
class Gone:
    """A run that is over. `ended` is why it ended in order, None when it was cut off; `orders` may rest still."""

    run_id: str
    mode: str
    last_ns: int
    ended: str | None
    orders: tuple[dict[str, str], ...] = ()


def gone(directory: Path) -> Gone | None:
    """Return what the last run with this state directory left, None when there was none.

    Where orders of real money may rest that no run has asked the venue about since, it is the run that left them.

    Raises:
        StoreError: a journal cannot be read.
    """
    runs = directory / RUNS_NAME
    past = unasked(runs, LIVE, _past)
    if past is not None and (live := past.live()):
        return _of(runs / f"{past.header.run_id}.agj", past.header.run_id, LIVE, [_row(past, r) for r in live])
    found = newest(runs)
    return _of(*found) if found else None


def _past(*paths: Path) -> Past:
    """Fold what journals, oldest first, say of orders: a day's books are not read for a line on a screen."""
    past: Past | None = None
    for path in paths:
        reader = JournalReader(path)
        try:
            header = reader.header()
            past = Past.after(past, header, reader.about(header.run_id, MarketListed.__name__))
        except msgspec.DecodeError as e:
            raise foreign(path, str(e)) from e
        finally:
            reader.close()
    assert past is not None
    return past


def _of(path: Path, run_id: str, mode: str, orders: list[dict[str, str]] | None = None) -> Gone:
    reader = JournalReader(path)
    try:
        ended, last_ns = reader.ended(), reader.last_ns()
    finally:
        reader.close()
    return Gone(run_id=run_id, mode=mode, last_ns=last_ns, ended=ended, orders=tuple(orders or ()))


def _row(past: Past, record: OrderRecord) -> dict[str, str]:
    order, market = record.command, past.markets.get(record.command.market)
    return {
        "client_order_id": order.client_order_id,
        "venue_order_id": record.venue_order_id,
        "market": market.name if market else order.market,
        "outcome": str(market.outcome(order.token)) if market else "",
        "side": str(order.side),
        "price": to_text(order.price),
        "size": to_text(order.size),
        "filled": to_text(record.filled),
        "state": str(record.state),
    }
