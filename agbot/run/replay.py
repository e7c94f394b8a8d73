"""`agbot run --replay`: a recording through core and paper venue in virtual time, watched from outside if wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from agbot.backtest.loop import VirtualLoop
from agbot.control import socket_path
from agbot.core.step import Step
from agbot.core.ticks import TickWatch
from agbot.errors import UnsupportedOrder
from agbot.model.commands import PlaceOrder
from agbot.model.events import Event, KillSwitchSet, MarketData
from agbot.run.attach import Screens
from agbot.run.bot import PUSH_S, Stop, all_beside, signals
from agbot.run.control import ControlServer
from agbot.run.engine import Recorder
from agbot.run.facts import RunFacts
from agbot.run.publish import Publisher
from agbot.run.requests import signed_reason
from agbot.run.session import RUNS, now_ns, run_id_at
from agbot.run.supervise import background
from agbot.run.tally import Tally
from agbot.run.venues import Account, paper_matcher
from agbot.settings import Settings
from agbot.store.journal import Journal
from agbot.store.mirror import MirrorCheck
from agbot.store.rebuild import engine_of, header_of
from agbot.store.recording import Recording
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S, usd_text

RUN_ID: Final = "replay"
YIELD_EVERY: Final = 64
COMMIT_EVERY: Final = 1000

Moment = tuple[int, list[Event], Step]


@attrs.frozen(kw_only=True)
class ReplayPlan:
    """What to replay, and how: `speed` 0 is as fast as possible, 1 as it was; `hold` stays for the screens."""

    recording: Recording
    settings: Settings
    state_dir: Path
    screens: Screens
    monitor_runs: bool
    speed: float = 0.0
    hold: bool = False
    progress: Callable[[float], None] = lambda _fraction: None


class ReplayRun:
    """One replay. Its journal stays in the state directory; no latch is read, so that an old one changes no digest."""

    def __init__(self, plan: ReplayPlan) -> None:
        self.plan = plan
        settings, recording = plan.settings, plan.recording
        self.first_ns = next((ts for ts, _ in recording.groups()), 0)
        header = header_of(
            settings,
            run_id=RUN_ID,
            mode="REPLAY",
            started_ns=self.first_ns,
            source=recording.path.name,
            capital=settings.capital_usd,
        )
        self.engine = engine_of(header)
        self.journal = Journal(plan.state_dir / RUNS / f"{run_id_at(now_ns(), RUN_ID)}.agj")
        self.recorder = Recorder(self.engine, self.journal, header)
        self.facts = RunFacts(
            run_id=RUN_ID,
            mode="REPLAY",
            page=plan.screens.page,
            started_ns=now_ns(),
            journal=str(self.journal.path),
            capital=settings.capital_usd,
        )
        self.matcher = paper_matcher(settings, recording.markets, Account(cash=settings.capital_usd))
        self.ticks = TickWatch(recording.markets)
        self.mirror = MirrorCheck(recording.markets)
        self.loop = VirtualLoop(self._step, self.matcher, recording.markets, self._groups())
        self.registry = Registry(now_ns, run_id=RUN_ID, metrics_max=settings.monitor.buffer_size)
        self.publisher = Publisher(self.engine, self.registry)
        self.tally = Tally(self.engine)
        self.stop = Stop()
        self._second_ns = 0
        self._over = False

    async def run(self) -> dict[str, Any]:
        """Replay to the end, or to the stop, and return the summary."""
        screens = self.plan.screens
        async with (
            background(signals(self.stop)),
            all_beside(screens.beside(running=self.plan.monitor_runs)),
            background(screens.push(self.registry, self.facts.run_event()), ask=self.registry.close, grace_s=PUSH_S),
            background(ControlServer(socket_path(self.plan.state_dir), self._handlers()).run),
        ):
            await self._drive()
            if self.plan.hold:
                await self.stop.wait()
            self.registry.event("run", **self.facts.run_event(), ended=True, exit_code=0, reason=self._reason())
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """Return counts, money and the decision digest; the journal's place last."""
        return {
            **self.tally.result(),
            **self._estimates(),
            "timestamps": self.mirror.timestamps,
            "synthetic_tick_changes": sum(self.ticks.synthetic.values()),
            "mirror_exceptions": self.mirror.exceptions,
            "skipped_records": self.plan.recording.log.skipped_count,
            "journal_records": self.journal.seq,
            "decision_digest": self.recorder.digest.hex(),
            "journal": str(self.journal.path),
        }

    def _estimates(self) -> dict[str, str]:
        """Return what makers are paid beside their trades, when the configuration asks for it; no part of the PnL."""
        earnings = self.matcher.earnings
        if earnings is None:
            return {}
        return {
            "estimated_rebates_usd": usd_text(earnings.rebates),
            "estimated_rewards_usd": usd_text(earnings.rewards),
        }

    async def _drive(self) -> None:
        try:
            began = trio.current_time()
            for count, moment in enumerate(self.loop.run()):
                self._observe(moment)
                if self.stop.reason:
                    break
                if self.plan.speed:
                    await self._pace(began)
                elif count % YIELD_EVERY == 0:
                    self.plan.progress(self.plan.recording.fraction)
                    await trio.lowlevel.checkpoint()
            self._observe_all(self.loop.finish(self._reason()))
            self.publisher.second(self.loop.now_ns)
            self.recorder.end(self.loop.now_ns, self._reason())
        finally:
            self._over = True
            self.journal.close()

    async def _pace(self, began: float) -> None:
        due = began + (self.loop.now_ns - self.first_ns) / NS_PER_S / self.plan.speed
        with trio.move_on_at(due):
            await self.stop.wait()
        await trio.lowlevel.checkpoint()

    def _groups(self) -> Iterable[tuple[int, list[MarketData]]]:
        for ts_ns, group in self.plan.recording.groups():
            self.mirror.apply(ts_ns, group)
            yield ts_ns, list(self.ticks.announce(group))

    def _step(self, at_ns: int, batch: list[Event]) -> Step:
        step, _ = self.recorder.step(at_ns, batch)
        leaves = any(isinstance(command, PlaceOrder) for command in step.output.commands)
        if leaves or self.journal.backlog >= COMMIT_EVERY:
            self.journal.commit()
        return step

    def _observe(self, moment: Moment) -> None:
        at_ns, batch, step = moment
        self.publisher.observe(batch, step)
        self.tally.observe(batch, step)
        if at_ns >= self._second_ns:
            self._second_ns = at_ns + NS_PER_S
            self.publisher.second(at_ns)

    def _observe_all(self, moments: Iterable[Moment]) -> None:
        for moment in moments:
            self._observe(moment)

    def _reason(self) -> str:
        return self.stop.reason or "end of recording"

    def _handlers(self) -> dict[str, Any]:
        return {
            "status": self._status,
            "stop": self._stop,
            "killswitch": self._killswitch,
            "order": self._no_orders,
            "cancel": self._no_orders,
        }

    async def _no_orders(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        raise UnsupportedOrder("a replay takes no orders but its strategies', or it would not be one")

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self.facts.status(self.engine, now_ns())

    async def _stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.stop.ask(str(request.get("reason") or "agbot stop"))
        return {"stopping": True, "pid": os.getpid()}

    async def _killswitch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reason, by = signed_reason(request)
        before = sum(1 for _ in self.engine.oms.all_live())
        on = bool(request.get("on"))
        if not self._over:  # after the end nothing rests, and the journal and its digest are closed
            self._observe_all(self.loop.inject_and_settle(KillSwitchSet(on, reason, by, self.loop.now_ns)))
        left = sum(1 for _ in self.engine.oms.all_live())
        return {"on": on, "orders_cancelled": before - left, "orders_left": left, "verified": left == 0}
