"""A seeded stream of market data that looks alive: the demo's venue and a load generator for tests.

Deterministic: the seed, the markets and the start time decide every byte; no clock, no hash order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from agbot.model.events import ASK, BookDelta, BookSnapshot, MarketData, TradePrint
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import NS_PER_MS, SCALE
from agbot.venue.demo.ladder import Act, Ladder
from agbot.venue.demo.latent import Belief

CALM_RATE: Final = 0.75
"""Instants a second in one calm market."""
TOP_RATE: Final = 16.0
"""Instants a second in all markets together, at most; an instant is two to five messages."""
SNAPSHOT_EVERY_MS: Final = (12_000, 20_000)
"""A market's whole book is repeated after a time in this range."""


class _Floor:
    """One market being traded: its book, and when its book is repeated next."""

    def __init__(self, market: Market, belief: Belief, place: int, ladder: Ladder) -> None:
        self.market = market
        self.belief = belief
        self.place = place
        self.ladder = ladder
        self.snapshot_ms = 0

    def snapshots(self, ts_ns: int) -> list[MarketData]:
        """Return both tokens' whole books, best level first."""
        tick, scale = self.market.tick, SCALE
        bids, asks = self.ladder.sides
        yes_bids = tuple((i * tick, bids[i]) for i in sorted(bids, reverse=True))
        yes_asks = tuple((i * tick, asks[i]) for i in sorted(asks))
        return [
            BookSnapshot(self.market.yes, yes_bids, yes_asks, ts_ns),
            BookSnapshot(
                self.market.no,
                tuple((scale - price, size) for price, size in yes_asks),
                tuple((scale - price, size) for price, size in yes_bids),
                ts_ns,
            ),
        ]

    def deltas(self, act: Act, ts_ns: int) -> list[MarketData]:
        """Return the changes of one act, for YES and mirrored for NO."""
        tick = self.market.tick
        yes = tuple((side, index * tick, size) for side, index, size in act.changes)
        no = tuple((1 - side, SCALE - price, size) for side, price, size in yes)
        return [BookDelta(self.market.yes, yes, ts_ns), BookDelta(self.market.no, no, ts_ns)]

    def prints(self, act: Act, ts_ns: int) -> list[MarketData]:
        """Return the executions of one act, each once, on the YES token."""
        return [
            TradePrint(
                self.market.yes, Side.BUY if t.side == ASK else Side.SELL, t.at * self.market.tick, t.size, ts_ns
            )
            for t in act.takes
        ]


class _Instant(NamedTuple):
    ts_ns: int
    messages: list[MarketData]


class DemoSimulation:
    """An endless stream of instants; each is one market's next move, for both its tokens at once.

    Within an instant: trade prints first (on the YES token only, so that volume is not counted twice), then a delta for
    YES and its mirror for NO, or now and then both whole books instead. A print takes its size off the best level it
    hits; after an instant NO mirrors YES exactly; a book is never locked, crossed or one-sided.

    Args:
        seed: decides everything together with the other arguments.
        markets: what to simulate; markets that share an `event_id` with `neg_risk` share one belief that sums to 1.
        start_ns: time of the first instant, in which every market shows its whole book.
    """

    def __init__(self, seed: int, markets: Sequence[Market], start_ns: int) -> None:
        if not markets:
            raise ValueError("nothing to simulate: no markets")
        self.markets = tuple(markets)
        self._rng = random.Random(f"simulation {seed}")  # noqa: S311 - a simulation, not a secret
        self._beliefs: list[Belief] = []
        self._floors = list(self._open())
        self._start_ns = start_ns
        self._elapsed_ms = 0
        self._opened = False

    def next(self) -> tuple[int, list[MarketData]]:
        """Return the next instant: its time in nanoseconds, later than the one before, and its messages in order."""
        if not self._opened:
            self._opened = True
            return _Instant(self._start_ns, [m for floor in self._floors for m in self._repeat(floor)])
        floor = self._advance()
        act = floor.ladder.act(floor.belief.prices()[floor.place], floor.belief.half_spread)
        ts_ns = self._now_ns()
        whole = self._elapsed_ms >= floor.snapshot_ms
        book = self._repeat(floor) if whole else floor.deltas(act, ts_ns)
        return _Instant(ts_ns, floor.prints(act, ts_ns) + book)

    def __iter__(self) -> Iterator[tuple[int, list[MarketData]]]:
        """Yield instants without end."""
        while True:
            yield self.next()

    def _open(self) -> Iterator[_Floor]:
        events: dict[str, list[Market]] = {}
        for market in self.markets:
            shared = market.event_id if market.neg_risk and market.event_id else market.id
            events.setdefault(shared, []).append(market)
        for members in events.values():
            belief = Belief(self._rng, len(members))
            self._beliefs.append(belief)
            for place, (market, fair) in enumerate(zip(members, belief.prices(), strict=True)):
                ladder = Ladder(self._rng, SCALE // market.tick, fair, belief.half_spread)
                yield _Floor(market, belief, place, ladder)

    def _advance(self) -> _Floor:
        """Let time pass until some market moves, and return it."""
        paces = [floor.belief.regime.pace for floor in self._floors]
        rate = min(CALM_RATE * sum(paces), TOP_RATE)
        step_ms = 1 + int(self._rng.expovariate(rate) * 1000)
        self._elapsed_ms += step_ms
        for belief in self._beliefs:
            belief.advance(step_ms / 1000)
        return self._rng.choices(self._floors, weights=paces)[0]

    def _repeat(self, floor: _Floor) -> list[MarketData]:
        floor.snapshot_ms = self._elapsed_ms + self._rng.randint(*SNAPSHOT_EVERY_MS)
        return floor.snapshots(self._now_ns())

    def _now_ns(self) -> int:
        return self._start_ns + self._elapsed_ms * NS_PER_MS
