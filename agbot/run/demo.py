"""The demo: simulated markets, paper venue, everything else as it will be."""

from __future__ import annotations

from collections.abc import Sequence

from agbot.errors import ConfigError
from agbot.model.market import Market
from agbot.run.plans import Start
from agbot.run.session import RunPlan, now_ns
from agbot.settings import Settings
from agbot.venue.demo import DemoFeed, DemoSimulation, demo_markets


def demo_plan(start: Start) -> RunPlan:
    """Return the plan of a demo run."""
    settings = start.settings
    markets = chosen(demo_markets(settings.seed), settings)
    simulation = DemoSimulation(settings.seed, markets, now_ns())
    return start.plan("DEMO", markets, DemoFeed(simulation, now_ns=now_ns))


def chosen(markets: Sequence[Market], settings: Settings) -> tuple[Market, ...]:
    """Return the markets the configuration names (all when it names none); ConfigError AGB-119 for an unknown one."""
    by_name = {name: market for market in markets for name in (market.id, market.slug)}
    for name in settings.markets:
        if name not in by_name:
            raise ConfigError(
                f"no market {name!r}",
                id="AGB-119",
                path=str(settings.path or ""),
                key="markets",
                remedy=f"there are {', '.join(market.name for market in markets)}",
            )
    return tuple(dict.fromkeys(by_name[name] for name in settings.markets)) or tuple(markets)
