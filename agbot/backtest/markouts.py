"""What the market did after each fill, streaming: at every horizon the middle as it was then, as the bot saw it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import attrs

from agbot.backtest.result import Markout
from agbot.model.ids import MarketId
from agbot.units import NS_PER_S, SCALE

NEVER: Final = 2**63 - 1
HORIZONS_NS: Final = (0, NS_PER_S, 5 * NS_PER_S, 60 * NS_PER_S)


class Trade(NamedTuple):
    """A fill seen from YES: `sign` is 1 when it gains with the YES price, `price` the YES price."""

    ts_ns: int
    market: MarketId
    sign: int
    price: int
    size: int


@attrs.define
class _Horizon:
    after_ns: int
    waiting: deque[Trade] = attrs.field(factory=deque)
    fills: int = 0
    shares: int = 0
    gained: int = 0
    """In halves of 10⁻¹² usd: exact until it is told."""
    unseen: int = 0

    def settle(self, trade: Trade, mid2: int | None) -> None:
        if mid2 is None:
            self.unseen += 1
            return
        self.fills += 1
        self.shares += trade.size
        self.gained += trade.sign * (mid2 - 2 * trade.price) * trade.size

    def told(self) -> Markout:
        return Markout(
            after_ns=self.after_ns,
            fills=self.fills,
            shares=self.shares,
            usd=self.gained // (2 * SCALE),
            unseen=self.unseen + len(self.waiting),
        )


class Markouts:
    """Follows fills.

    Args:
        middle: bid + ask of a market's YES now (twice the middle), None when a side is missing.
    """

    def __init__(self, middle: Callable[[MarketId], int | None]) -> None:
        self._middle = middle
        self._horizons = [_Horizon(after_ns) for after_ns in HORIZONS_NS]
        self._last: dict[MarketId, int | None] = {}
        self._waits: Counter[MarketId] = Counter()
        self._paid: dict[MarketId, int] = {}

    def resolved(self, market: MarketId, yes_won: bool) -> None:
        """Take the outcome for the middle from now on."""
        self._paid[market] = 2 * SCALE if yes_won else 0

    @property
    def due_ns(self) -> int:
        """Return when a fill is next held against the middle, `NEVER` when none waits."""
        return min((h.waiting[0].ts_ns + h.after_ns for h in self._horizons if h.waiting), default=NEVER)

    def refresh(self) -> None:
        """Take the middles of this moment for those fills are held against until more is told."""
        for market in self._waits:
            self._last[market] = self._now(market)

    def observe(self, now_ns: int, touched: Iterable[MarketId], trades: Iterable[Trade]) -> None:
        """Take in a step after it was made: markets it touched, and the fills it told of."""
        if self._waits:
            self._settle(now_ns - 1, self._last.__getitem__)
            self._settle(now_ns, self._now)
            for market in touched:
                if market in self._waits:
                    self._last[market] = self._now(market)
        for trade in trades:
            self._begin(now_ns, trade)

    def lost(self) -> None:
        """Count what still waits as not seen: nobody looks until it is due."""
        for horizon in self._horizons:
            horizon.unseen += len(horizon.waiting)
            horizon.waiting.clear()
        self._waits.clear()

    def told(self) -> tuple[Markout, ...]:
        """Return one row a horizon; what is still waited for was not seen."""
        return tuple(horizon.told() for horizon in self._horizons)

    def _begin(self, now_ns: int, trade: Trade) -> None:
        mid2 = self._last[trade.market] = self._now(trade.market)
        for horizon in self._horizons:
            if trade.ts_ns + horizon.after_ns <= now_ns:
                horizon.settle(trade, mid2)
            else:
                horizon.waiting.append(trade)
                self._waits[trade.market] += 1

    def _settle(self, until_ns: int, mid2_of: Callable[[MarketId], int | None]) -> None:
        for horizon in self._horizons:
            waiting = horizon.waiting
            while waiting and waiting[0].ts_ns + horizon.after_ns <= until_ns:
                trade = waiting.popleft()
                horizon.settle(trade, mid2_of(trade.market))
                self._waits[trade.market] -= 1
                if not self._waits[trade.market]:
                    del self._waits[trade.market]

    def _now(self, market: MarketId) -> int | None:
        return self._paid.get(market, self._middle(market))
