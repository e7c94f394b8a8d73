"""The demo: simulated markets, paper venue, everything else as it will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agbot.config import Settings
from agbot.run.attach import Screens
from agbot.run.bot import bot
from agbot.run.session import RunPlan, Session, now_ns
from agbot.venue.demo import DemoFeed, DemoSimulation, demo_markets


def demo_plan(
    settings: Settings, state_dir: Path, screens: Screens, *, monitor_runs: bool, duration_s: float | None
) -> RunPlan:
    """Return the plan of a demo run."""
    markets = demo_markets(settings.seed)
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


async def trade(plan: RunPlan) -> dict[str, Any]:
    """Run the plan until it ends and return the closing summary."""
    session = Session(plan)
    reason = await bot(session.parts())
    return {"ended": reason, **session.summary()}
