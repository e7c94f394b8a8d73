"""What makes the kill switch trip by itself: losses, errors, doubt and silence, each against its limit. Pure.

Theory of operation: facts are noted as they come (`erred`, `traded`, `beat`, `unheard`), and once a step `look` holds
every figure against its limit. What is above trips; what is exactly at it does not.

Equity is what the account would bring if everything held were sold now. While something held was never marked by a book
it is unknown: the losses wait for it, and when they have waited too long, not knowing trips as well.

What comes into the account or leaves it other than by trading (`look` sees it in `brought`) moves day's baseline and
peak in proportion: a withdrawal is no loss, and a deposit makes up for none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

from agbot.core.limits import OFF, Limits
from agbot.core.turnover import utc_day
from agbot.model.ids import MarketId
from agbot.units import NS_PER_S, SCALE, to_text, usd_text

DAILY_LOSS: Final = "daily_loss"
DRAWDOWN: Final = "drawdown"
LOSSES: Final = "consecutive_losses"
ERRORS: Final = "errors"
DISTRUST: Final = "feed_distrust"
HEARTBEAT: Final = "heartbeat"
EQUITY: Final = "equity_unknown"

UNKNOWN_NS: Final = 60 * NS_PER_S
"""Equity may be unknown for this long: books come one after the other."""
ERRORS_MAX: Final = 10_000


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What losses are measured from, as it is kept over restarts. Money in 10⁻⁶ usd.

    `day` is the UTC day that began with `day_equity`; −1 asks for a new one, as a `peak` of 0 does. `equity` is the
    last one known, and `book` the same account with everything held at its cost. `tripped` are triggers that closed the
    gate.
    """

    day: int = -1
    day_equity: int = 0
    peak: int = 0
    equity: int = 0
    book: int = 0
    losses: int = 0
    tripped: tuple[str, ...] = ()

    def released(self) -> Baseline:
        """Return what holds once a person has opened the gate: what had tripped counts anew from there."""
        return Baseline(
            day=-1 if DAILY_LOSS in self.tripped else self.day,
            day_equity=self.day_equity,
            peak=0 if DRAWDOWN in self.tripped else self.peak,
            equity=self.equity,
            book=self.book,
            losses=0 if LOSSES in self.tripped else self.losses,
        )


class Trip(msgspec.Struct, frozen=True):
    """A limit that was passed: `figure` and `limit` as a person reads them."""

    trigger: str
    figure: str
    limit: str

    def __str__(self) -> str:
        return f"{self.trigger}: {self.figure}, over the limit of {self.limit}"


class Triggers:
    """The figures of a run against their limits.

    Args:
        limits: what is watched.
        baseline: what an earlier run of the account left, None when there was none.
        measures: whether losses are measured although nothing trips by them: policies ask.
    """

    def __init__(self, limits: Limits, baseline: Baseline | None = None, *, measures: bool = False) -> None:
        self.limits = limits
        self.measures = measures
        self._base = baseline
        self._brought: int | None = baseline.book if baseline else None
        self._errors: deque[int] = deque(maxlen=ERRORS_MAX)
        self._left_with: dict[MarketId, int] = {}
        self._beat_ns = 0
        self._silent_ns = 0
        self._doubted_since = 0
        self._unknown_since = 0
        self._measured = False

    @property
    def watching(self) -> bool:
        """Return whether anything is watched at all."""
        return self.limits != OFF or self.measures

    @property
    def known(self) -> Baseline | None:
        """Return what losses are measured from, None until the equity was known in this run, and while it is not."""
        return self._base if self._measured and not self._unknown_since else None

    # -- facts -----------------------------------------------------------------------------------------------------

    def erred(self, now_ns: int) -> None:
        """Note that the venue refused, or said nothing."""
        self._errors.append(now_ns)

    def traded(self, market: MarketId, *, flat: bool, realised: int) -> None:
        """Note a fill or a settlement: a market left flat was a gain or a loss since it was flat the last time."""
        if flat and self._base is not None:
            pnl = realised - self._left_with.get(market, 0)
            losses = self._base.losses + 1 if pnl < 0 else 0 if pnl > 0 else self._base.losses
            self._base = msgspec.structs.replace(self._base, losses=losses)
        if flat:
            self._left_with[market] = realised

    def beat(self, now_ns: int) -> None:
        """Note the core's own timer: a gap in it is a bot that was stopped or hung."""
        if self._beat_ns:
            self._silent_ns = max(self._silent_ns, now_ns - self._beat_ns)
        self._beat_ns = now_ns

    def unheard(self, silent_ns: int) -> None:
        """Note for how long the venue has heard no heartbeat."""
        self._silent_ns = max(self._silent_ns, silent_ns)

    # -- limits ----------------------------------------------------------------------------------------------------

    def look(self, now_ns: int, *, equity: int | None, brought: int, believed: bool, armed: bool = True) -> Trip | None:
        """Return the first limit that was passed, None when none was.

        Args:
            armed: False only measures, because the gate is closed already: what happens meanwhile is no transfer.
            equity: 10⁻⁶ usd, None while it is not known.
            brought: what came into the account other than by trading, at cost (10⁻⁶ usd).
            believed: whether the book of any market that still trades is believed.
        """
        if equity is None:
            self._unknown_since = self._unknown_since or now_ns
        else:
            self._unknown_since = 0
            self._measure(now_ns, equity, brought)
        self._doubted_since = 0 if believed else self._doubted_since or now_ns
        trip = next(self._passed(now_ns), None) if armed else None
        self._silent_ns = 0
        if trip is not None and self._base is not None:
            self._base = msgspec.structs.replace(self._base, tripped=(*self._base.tripped, trip.trigger))
        return trip

    def release(self) -> None:
        """Start anew what had tripped: a person took the responsibility for it."""
        self._base = self._base.released() if self._base else None
        self._errors.clear()
        self._beat_ns = self._silent_ns = self._doubted_since = self._unknown_since = 0

    def baseline(self, book: int) -> Baseline | None:
        """Return what the next run begins with; `book` is the account at cost now (10⁻⁶ usd)."""
        return msgspec.structs.replace(self.known, book=book) if self.known else self._base

    def _measure(self, now_ns: int, equity: int, brought: int) -> None:
        base = self._base or Baseline()
        if self._brought is not None and brought != self._brought:
            base = _moved(base, brought - self._brought)
        self._brought, self._measured = brought, True
        if utc_day(now_ns) > base.day:
            base = msgspec.structs.replace(base, day=utc_day(now_ns), day_equity=equity)
        self._base = msgspec.structs.replace(base, peak=max(base.peak, equity), equity=equity)

    def _passed(self, now_ns: int) -> Iterator[Trip]:
        limits, base = self.limits, self._base
        measured = limits.daily_loss is not None or limits.drawdown is not None
        if measured and self._waited(now_ns, self._unknown_since, UNKNOWN_NS):
            yield Trip(EQUITY, f"unknown for {_seconds(now_ns - self._unknown_since)}", _seconds(UNKNOWN_NS))
        if base is not None and not self._unknown_since:
            yield from _lost(DAILY_LOSS, limits.daily_loss, base.day_equity, base.equity)
            yield from _lost(DRAWDOWN, limits.drawdown, base.peak, base.equity)
        if base is not None and limits.losses is not None and base.losses > limits.losses:
            yield Trip(LOSSES, f"{base.losses} markets left with a loss in a row", str(limits.losses))
        if limits.errors is not None and (errors := self._lately(now_ns)) > limits.errors:
            window = _seconds(limits.window_ns)
            yield Trip(ERRORS, f"{errors} refusals or silences of the venue in {window}", str(limits.errors))
        if limits.distrust_ns is not None and self._waited(now_ns, self._doubted_since, limits.distrust_ns):
            doubted = _seconds(now_ns - self._doubted_since)
            yield Trip(DISTRUST, f"no book was believed for {doubted}", _seconds(limits.distrust_ns))
        if limits.heartbeat_ns is not None and self._silent_ns > limits.heartbeat_ns:
            yield Trip(HEARTBEAT, f"none for {_seconds(self._silent_ns)}", _seconds(limits.heartbeat_ns))

    def _lately(self, now_ns: int) -> int:
        while self._errors and now_ns - self._errors[0] >= self.limits.window_ns:
            self._errors.popleft()
        return len(self._errors)

    @staticmethod
    def _waited(now_ns: int, since_ns: int, limit_ns: int) -> bool:
        return bool(since_ns) and now_ns - since_ns > limit_ns


def _moved(base: Baseline, usd: int) -> Baseline:
    """Return the baseline of an account that `usd` came into: of the same loss, as a fraction."""
    after = base.equity + usd
    if base.equity <= 0 or after <= 0:  # nothing was there to lose, or nothing is left: it begins anew
        return msgspec.structs.replace(base, day=-1, peak=0)
    return msgspec.structs.replace(
        base, day_equity=base.day_equity * after // base.equity, peak=base.peak * after // base.equity
    )


def _lost(trigger: str, limit: int | None, began: int, equity: int) -> Iterator[Trip]:
    lost = began - equity
    if limit is not None and lost * SCALE > limit * began:
        share = f"{usd_text(lost * 100 * SCALE // began)} %" if began > 0 else "all"
        yield Trip(trigger, f"{usd_text(lost)} usd ({share}) below {usd_text(began)} usd", f"{to_text(limit * 100)} %")


def _seconds(ns: int) -> str:
    return f"{to_text(ns // 1000)} s"
