"""A strategy looked at from outside: one view made by hand, or a run on prices that a test writes.

`traded(strategy, prices)` goes through the real core and the paper venue at zero latency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agbot.backtest.loop import VirtualLoop
from agbot.core.book import OrderBook
from agbot.core.engine import Engine
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.step import Step
from agbot.core.view import BookView, OwnOrder, Strategy, View
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import PlaceOrder
from agbot.model.events import BookSnapshot, Level, MarketData
from agbot.model.market import Market, Outcome
from agbot.testing.builders import levels, make_market, shares
from agbot.units import NS_PER_S, SCALE, complement, tick_down

BIDS: Final = levels(("0.47", "100"), ("0.46", "200"))
ASKS: Final = levels(("0.53", "100"), ("0.54", "200"))
START_NS: Final = 1_000_000 * NS_PER_S
SIZE: Final = shares(1000)


def book_of(tick: int, bids: Sequence[Level], asks: Sequence[Level]) -> OrderBook:
    """Return a book with these levels."""
    book = OrderBook(tick)
    book.snapshot(bids, asks, 1)
    return book


def view_of(
    bids: Sequence[Level] = BIDS,
    asks: Sequence[Level] = ASKS,
    *,
    market: Market | None = None,
    yes: int = 0,
    no: int = 0,
    cash: int = shares(1000),
    orders: Sequence[OwnOrder] = (),
    trusted: bool = True,
) -> View:
    """Return a view of YES levels, which the NO book mirrors; change the rest with `attrs.evolve`."""
    market = market or make_market()
    mirrored = [[(complement(p), s) for p, s in side] for side in (asks, bids)]
    books: dict[Outcome, BookView] = {
        Outcome.YES: book_of(market.tick, bids, asks),
        Outcome.NO: book_of(market.tick, *mirrored),
    }
    return View(
        now_ns=1, market=market, books=books, yes_size=yes, no_size=no, orders=orders, cash=cash, trusted=trusted
    )


def traded(strategy: Strategy, prices: Sequence[float | None], **more: Any) -> Traded:
    """Run a strategy on one market `m1` whose price is the next of `prices` each second; None: nothing is told."""
    return Traded(strategy, {"m1": prices}, **more)


class Traded:
    """What a strategy did: its orders, positions after each step, and the core as it is in the end.

    Args:
        paths: prices of YES by market, one every `every_s`; books stand `half_spread` ticks around them.
        carried: what an earlier run left.
        rules: policies of the gate.
        market: fields of every market.
    """

    def __init__(
        self,
        strategy: Strategy,
        paths: Mapping[str, Sequence[float | None]],
        *,
        every_s: float = 1.0,
        half_spread: int = 1,
        carried: tuple[CarriedPosition, ...] = (),
        rules: Sequence[Any] = (),
        **market: Any,
    ) -> None:
        self.markets = {name: make_market(name, **market) for name in paths}
        made_of = EngineSettings(run_id="r", capital=shares(10_000), carried=carried)
        self.engine = Engine(made_of, Gate(rules), [strategy])
        held = {self.markets[c.market].token(c.outcome): c.size for c in carried}
        matcher = PaperMatcher(shares(10_000), positions=held, terms=Terms(order_latency_ns=0, feed_latency_ns=0))
        self.orders: list[PlaceOrder] = []
        self.positions: list[dict[str, int]] = []
        groups = self._groups(paths, int(every_s * NS_PER_S), half_spread)
        for _, _, step in VirtualLoop(self._step, matcher, list(self.markets.values()), groups).run():
            assert not step.failed, step.failed[0].details
            assert not step.output.anomalies

    def _step(self, now_ns: int, batch: list[Any]) -> Step:
        step = self.engine.step(now_ns, batch)
        self.orders += [c for c in step.output.commands if isinstance(c, PlaceOrder)]
        self.positions.append({name: self.net_of(name) for name in self.markets})
        return step

    @property
    def net(self) -> int:
        """Return YES minus NO shares of the first market."""
        return self.net_of(next(iter(self.markets)))

    def net_of(self, name: str) -> int:
        """Return YES minus NO shares of a market."""
        return self.engine.portfolio.net(self.markets[name])

    def second_of(self, order: PlaceOrder) -> int:
        """Return in which second of the run an order was decided."""
        return (order.created_ns - START_NS) // NS_PER_S

    def _groups(
        self, paths: Mapping[str, Sequence[float | None]], every_ns: int, half_spread: int
    ) -> list[tuple[int, list[MarketData]]]:
        longest = max(map(len, paths.values()))
        return [
            (
                START_NS + at * every_ns,
                [
                    message
                    for name, path in paths.items()
                    if at < len(path) and (price := path[at]) is not None
                    for message in books(self.markets[name], price, START_NS + at * every_ns, half_spread)
                ],
            )
            for at in range(longest)
        ]


def books(market: Market, price: float, ts_ns: int, half_spread: int = 1) -> list[BookSnapshot]:
    """Return both books around a price."""
    tick = market.tick
    centre = min(max(tick_down(round(price * SCALE), tick), (half_spread + 1) * tick), SCALE - (half_spread + 1) * tick)
    bid, ask = centre - half_spread * tick, centre + half_spread * tick
    return [
        BookSnapshot(market.yes, ((bid, SIZE),), ((ask, SIZE),), ts_ns),
        BookSnapshot(market.no, ((complement(ask), SIZE),), ((complement(bid), SIZE),), ts_ns),
    ]
