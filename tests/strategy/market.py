"""A strategy on markets whose prices the test writes, through the real core and the paper venue at zero latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.step import Step
from agbot.core.view import Strategy
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import PlaceOrder
from agbot.model.events import BookSnapshot, MarketData
from agbot.model.market import Market
from agbot.testing.builders import make_market, shares
from agbot.units import NS_PER_S, SCALE, complement, tick_down

START_NS = 1_000_000 * NS_PER_S
SIZE = shares(1000)


class Traded:
    """What a strategy did: its orders as (second, market, side, outcome, why), and the core as it is in the end."""

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
        self.positions.append({name: self.net(name) for name in self.markets})
        return step

    def net(self, name: str) -> int:
        return self.engine.portfolio.net(self.markets[name])

    def second_of(self, order: PlaceOrder) -> int:
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
