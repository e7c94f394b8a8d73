"""The demo: simulated markets, paper venue, everything else as it will be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agbot.config import Settings
from agbot.errors import ConfigError
from agbot.model.market import Market
from agbot.run.attach import Screens
from agbot.run.bot import bot
from agbot.run.session import RunPlan, Session, now_ns
from agbot.venue.demo import DemoFeed, DemoSimulation, demo_markets


def demo_plan(
    settings: Settings, state_dir: Path, screens: Screens, *, monitor_runs: bool, duration_s: float | None
) -> RunPlan:
    """Return the plan of a demo run."""
    markets = chosen(demo_markets(settings.seed), settings)
    return RunPlan(
        mode="DEMO",
        settings=settings,
        state_dir=state_dir,
        markets=markets,
        feed=DemoFeed(DemoSimulation(settings.seed, markets, now_ns()), now_ns=now_ns),
        page=screens.page,
        duration_s=float("inf") if duration_s is None else duration_s,
        beside=screens.beside(running=monitor_runs),
        push=screens.push,
    )


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


async def trade(plan: RunPlan) -> dict[str, Any]:
    """Run the plan until it ends and return the closing summary."""
    session = Session(plan)
    reason = await bot(session.parts())
    return {"ended": reason, **session.summary()}
