"""Small whole runs of market makers on simulated markets, in virtual time, told as a few exact figures.

`python tests/strategy/making_runs.py > tests/vectors/market_making.json` writes them anew, once a change is meant.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec

from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.core.view import Intent, OwnFill, Strategy, View
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import MarketData
from agbot.model.market import Market
from agbot.model.order import OrderState, Side
from agbot.strategy.maker import Maker, MakerParams
from agbot.strategy.quoter import Quoter, QuoterParams
from agbot.strategy.quoting import yes_side
from agbot.strategy.sized import sized
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_text
from agbot.venue.demo import DemoSimulation, demo_markets

START: Final = 1_700_000_000 * NS_PER_S
SECONDS: Final = 240
CAPITAL: Final = 10_000 * SCALE
MAX_POSITION: Final = 200
SLUGS: Final = ("demo-rate-cut", "demo-launch", "demo-derby")
SEED: Final = 11

CARA: Final[Mapping[str, Any]] = {"max_position": MAX_POSITION}
CASES: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "cara": (CARA, {}),
    "cara, two levels in little room": ({"levels": 2, "level_step_ticks": 3, "max_position": 30}, {}),
    "cara, fills learnt": ({**CARA, "k": 0, "fit_ratio_max": 4}, {}),
    "cara, near the end": ({**CARA, "fade_before_end_s": 180, "stop_before_end_s": 60}, {}),
    "glft": ({**CARA, "model": "glft"}, {}),
    "glft, averse": ({**CARA, "model": "glft", "gamma": "0.02", "rate": "0.002"}, {}),
    "cara, Kelly": (CARA, {"type": "Kelly", "fraction": "0.25", "cap": "0.0015"}),
    "cara, FixedFractional": (CARA, {"type": "FixedFractional", "risk": "0.0006"}),
    "cara, VolTarget": (CARA, {"type": "VolTarget", "target": "0.3", "period": 60}),
    "cara, RiskParity": (CARA, {"type": "RiskParity", "capital": "0.006", "least": 60}),
    "cara, MaxDiversification": (CARA, {"type": "MaxDiversification", "capital": "0.006", "least": 60}),
}
"""Parameters of the maker, and the sizing."""


@attrs.define
class Watched:
    """A strategy, and what was seen of it on the way."""

    strategy: Strategy
    looks: int = 0
    two_sided: int = 0
    most: int = 0
    fills: list[OwnFill] = attrs.field(factory=list)

    @property
    def id(self) -> Any:
        return self.strategy.id

    def decide(self, view: View) -> Sequence[Intent]:
        if view.second:
            live = {yes_side(view, o) for o in view.orders if o.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)}
            self.looks += 1
            self.two_sided += len(live) == len(Side)
        self.most = max(self.most, abs(view.own_net))
        self.fills += view.fills
        return self.strategy.decide(view)


@attrs.frozen
class Run:
    """A run that has ended."""

    watched: Watched
    engine: Engine
    placed: list[PlaceOrder]
    cancels: int
    denied: Counter[str]

    def told(self) -> dict[str, Any]:
        """Return the figures of the golden table: shares and usd as decimal text."""
        portfolio = self.engine.portfolio
        sizing = getattr(self.watched.strategy, "metadata", dict)().get("sizing", {})
        return {
            "orders": len(self.placed),
            "cancels": self.cancels,
            "fills": len(self.watched.fills),
            "bought": to_text(sum(f.size for f in self.watched.fills if f.side is Side.BUY)),
            "sold": to_text(sum(f.size for f in self.watched.fills if f.side is Side.SELL)),
            "net": {market.slug: to_text(portfolio.net(market)) for market in self.engine.markets.values()},
            "most_net": to_text(self.watched.most),
            "two_sided": round(self.watched.two_sided / self.watched.looks, 3),
            "profit": to_text(portfolio.equity() - CAPITAL),
            "denied": dict(sorted(self.denied.items())),
            "shrunk": sizing.get("shrunk", 0),
            "not_placed": sizing.get("not_placed", 0),
        }


def markets(seed: int, end_ns: int = 0) -> tuple[Market, ...]:
    """Return binary markets of a coarse and of a fine tick."""
    return tuple(msgspec.structs.replace(m, end_ns=end_ns) for m in demo_markets(seed) if m.slug in SLUGS)


def instants(simulation: DemoSimulation) -> Iterator[tuple[int, Sequence[MarketData]]]:
    """Yield the simulation's instants up to the end of a run."""
    for ts_ns, messages in simulation:
        if ts_ns > START + SECONDS * NS_PER_S:
            return
        yield ts_ns, messages


def run(strategy: Strategy, seed: int = SEED, end_ns: int = 0) -> Run:
    """Run a strategy alone, without policies, 50 ms from the venue and 20 ms behind its feed."""
    watched = Watched(strategy)
    engine = Engine(EngineSettings(run_id="r", capital=CAPITAL), Gate([]), [watched])
    matcher = PaperMatcher(CAPITAL, terms=Terms(order_latency_ns=50 * NS_PER_MS, feed_latency_ns=20 * NS_PER_MS))
    traded = markets(seed, end_ns)
    loop = VirtualLoop(engine.step, matcher, traded, instants(DemoSimulation(seed, traded, START)))
    ended = Run(watched, engine, [], 0, Counter())
    cancels = 0
    for _, _, step in loop.run():
        assert not step.failed, step.failed
        ended.placed.extend(c for c in step.output.commands if isinstance(c, PlaceOrder))
        cancels += sum(isinstance(c, CancelOrder) for c in step.output.commands)
        ended.denied.update(rule for decision in step.output.decisions for rule in decision.violated)
    return attrs.evolve(ended, cancels=cancels)


def case(name: str, seed: int = SEED) -> Run:
    """Run a case of the golden table; ``quoter`` is the one to compare with."""
    if name == "quoter":
        return run(Quoter(QuoterParams(max_position=MAX_POSITION)), seed)
    params, sizing = CASES[name]
    maker: Strategy = Maker(MakerParams(**params))
    end_ns = START + SECONDS * NS_PER_S if "fade_before_end_s" in params else 0
    return run(sized(maker, sizing) if sizing else maker, seed, end_ns)


if __name__ == "__main__":
    json.dump({name: case(name).told() for name in ("quoter", *CASES)}, sys.stdout, indent=1)
    sys.stdout.write("\n")
