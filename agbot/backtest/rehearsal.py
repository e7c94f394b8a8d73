"""What a strategy of somebody's own goes through before it may trade with real money: half an hour that is made up.

Its markets move, an order takes its time, a trade in twenty fails to settle, and the venue is away for a minute and
restarts. It has to come through without raising; what it earns is not judged.
"""

from __future__ import annotations

from typing import Final

import attrs

from agbot.backtest.result import BacktestResult
from agbot.backtest.run import run
from agbot.backtest.source import START_NS
from agbot.backtest.spec import BacktestSpec, Generated, Sources
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.outages import Outage, OutageKind
from agbot.settings import Settings, StrategySettings
from agbot.strategy.registry import names
from agbot.units import NS_PER_S

SPAN_NS: Final = 30 * 60 * NS_PER_S
MARKETS: Final = 3
SEED: Final = 1
TROUBLE: Final = Conditions(
    settling=Settling(after_ns=2 * NS_PER_S, fail_rate=50_000),
    outages=(
        Outage(kind=OutageKind.DOWN, from_ns=START_NS + 300 * NS_PER_S, to_ns=START_NS + 360 * NS_PER_S),
        Outage(kind=OutageKind.RESTART, from_ns=START_NS + 900 * NS_PER_S, to_ns=START_NS + 930 * NS_PER_S),
    ),
)


def own(settings: Settings) -> tuple[StrategySettings, ...]:
    """Return the strategies that did not come with agbot."""
    return tuple(each for each in settings.strategies if each.name not in names())


def rehearse(settings: Settings) -> BacktestResult | None:
    """Return what became of the strategies that did not come with agbot, None where there is none of them.

    They have their own parameters, sizing and capital, but every made-up market and agbot's own policies.

    Raises:
        ConfigError: one of them cannot be loaded.
    """
    strategies = tuple(attrs.evolve(each, markets=None) for each in own(settings))
    if not strategies:
        return None
    paper = attrs.evolve(settings.paper, conditions=TROUBLE)
    stage = attrs.evolve(settings, strategies=strategies, policy_file=None, paper=paper, seed=SEED)
    data = Sources(generated=Generated(seed=SEED, span_ns=SPAN_NS, markets=MARKETS))
    return run(BacktestSpec(settings=stage, data=data))
