"""What every run has in common, whatever its mode: from settings and screens to a plan, from a plan to a summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from agbot.errors import WalletTaken
from agbot.model.market import Market
from agbot.run.attach import Screens
from agbot.run.bot import bot
from agbot.run.session import RunPlan, Session
from agbot.settings import Settings
from agbot.shared.watch import Shared
from agbot.venue.ports import Feed


@attrs.frozen(kw_only=True)
class Start:
    """How a run was asked for.

    Args:
        monitor_runs: whether a monitor answers at the screens' port already.
        duration_s: after which it ends by itself; None is never.
        simulated: the demo's markets are simulated in the bot itself; else it trades on an exchange beside it.
        shared: what is shared with other bots; whoever starts the run watches it.
        log_wire: note every request to the venue and its reply in the state directory, without secrets.
    """

    settings: Settings
    state_dir: Path
    screens: Screens
    monitor_runs: bool = False
    duration_s: float | None = None
    shared: Shared | None = None
    log_wire: bool = False
    simulated: bool = False

    def plan(self, mode: str, markets: Sequence[Market], feed: Feed, **more: Any) -> RunPlan:
        """Return the plan of a run labelled `mode`; `more` are further fields of `RunPlan`."""
        return RunPlan(
            mode=mode,
            settings=self.settings,
            state_dir=self.state_dir,
            markets=markets,
            feed=feed,
            page=self.screens.page,
            duration_s=float("inf") if self.duration_s is None else self.duration_s,
            beside=self.screens.beside(running=self.monitor_runs),
            push=self.screens.push,
            shared=self.shared,
            **more,
        )


async def trade(plan: RunPlan) -> dict[str, Any]:
    """Run the plan until it ends and return the closing summary. WalletTaken AGB-152: the wallet was taken."""
    session = Session(plan)
    reason = await bot(session.parts())
    if lost := session.lost():
        raise WalletTaken(lost)
    return {"ended": reason, **session.summary()}
