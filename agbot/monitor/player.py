"""A journal on the same screens as a live run: played, paused, stepped through, searched.

Theory of operation. One task owns the core of the past and goes after one `Goal` at a time; the control socket replaces
the goal, and the task notices between two steps. Forward is playing on. Back is a core as it was at a checkpoint
(`agbot.monitor.checkpoints`), or one built anew, stepped to where it shall stand: a journal has no other way back. The
screens get each beginning as a run of its own, so that nothing of what is still to come stays on them. While it
hurries, what is measured once a second is measured now and then, and where it stops.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from agbot import __version__
from agbot.errors import TimedOutError
from agbot.monitor.checkpoints import Checkpoints, Standing
from agbot.monitor.goals import GOALS, Goal
from agbot.monitor.hub import Feed, Hub
from agbot.monitor.state import RunState
from agbot.run.bot import Stop
from agbot.run.playback import Moment, Playback
from agbot.run.publish import Publisher
from agbot.telemetry.protocol import PROTOCOL, EventLine, encode
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S, ms, usd_text

APP: Final = "agbot-player"
YIELD_EVERY: Final = 16
"""Steps between two looks at the clock and the sockets while it hurries."""
DRAIN_BYTES: Final = 1 << 20
NEAR: Final = 20
"""On the way back a checkpoint is made so many steps before the goal: who goes back once does it again."""
WAIT_MAX_S: Final = 600.0
SUMMARY: Final = "replay.at"
HURRY_NS: Final = 10 * NS_PER_S
GOES_ON_NS: Final = 10 * NS_PER_S
"""An incident that comes again so soon, in the journal's time, is the same one."""

Op = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


class Player:
    """See the module.

    Args:
        control: the path of its socket, told to the screens.

    Raises:
        StoreError, ConfigError: as `Playback`.
    """

    def __init__(self, path: Path, *, control: str = "") -> None:
        self.hub = Hub(APP)
        self.stop = Stop()
        self.stopped = "at the start"
        """Why it stands where it stands."""
        self._path = path
        self._control = control
        self._goal: Goal | None = None
        self._news = trio.Event()
        self._rest = trio.Event()
        self._beginnings = 0
        self._clock = _Clock()
        self._feed: Feed | None = None
        self.playback = Playback(path)
        self.checkpoints = Checkpoints()
        self._begin(self._start())
        self._rest.set()

    def now_ms(self) -> int:
        """Return the journal's time, UTC milliseconds."""
        return ms(self._clock.at_ns)

    def handlers(self) -> dict[str, Op]:
        """Return what the control socket answers, by `op`."""
        goals = dict.fromkeys(GOALS, self._go)
        return {**goals, "pause": self._pause, "status": self._status, "stop": self._end}

    def state(self) -> dict[str, Any]:
        """Return where it stands, as plain values."""
        playback, goal = self.playback, self._goal
        return {
            "player": True,
            "run_id": playback.header.run_id,
            "mode": playback.header.mode,
            "journal": str(self._path),
            "state": goal.word if goal else "paused",
            "speed": goal.speed if goal else 0.0,
            "at": moment_text(playback.now_ns),
            "at_ns": playback.now_ns,
            "first_ns": playback.first_ns,
            "last_ns": playback.last_ns,
            "step": playback.number,
            "steps": playback.batches,
            "goal": goal.to if goal else None,
            "stopped": "" if goal else self.stopped,
        }

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go after goals until cancelled."""
        task_status.started()
        while True:
            if self._goal is None:
                self._rest.set()
                await self._news.wait()
            self._news = trio.Event()
            if (goal := self._goal) is not None:
                self._rest = trio.Event() if self._rest.is_set() else self._rest
                await self._pursue(goal)

    # -- what it is asked ------------------------------------------------------------------------------------------

    async def _go(self, request: Mapping[str, Any]) -> dict[str, Any]:
        goal = GOALS[str(request["op"])](request, self.playback)
        self._set(goal)
        if goal.word != "playing" and request.get("wait", True):
            with trio.move_on_after(WAIT_MAX_S) as late:
                await self._rest.wait()
            if late.cancelled_caught:
                raise TimedOutError(f"still on its way after {WAIT_MAX_S:g} s", id="AGB-958", remedy="ask its status")
        return self.state()

    async def _pause(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        if self._goal is not None:
            self.stopped = "paused"
            self._set(None)
        return self.state()

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self.state()

    async def _end(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self.stop.ask("asked over its socket")
        return {"stopping": True}

    def _set(self, goal: Goal | None) -> None:
        self._goal = goal
        if goal is not None:
            self._rest = trio.Event() if self._rest.is_set() else self._rest
        self._news.set()
        self._tell()

    # -- what it does ----------------------------------------------------------------------------------------------

    async def _pursue(self, goal: Goal) -> None:
        near = None
        if goal.to is not None and goal.to < self.playback.number:
            self._back(goal.to)
            near = goal.to - NEAR
        began_s, began_ns, count = trio.current_time(), self.playback.next_ns or 0, 0
        why, self._looked_s = "", time.perf_counter()
        while self._goal is goal and not why:
            if goal.speed:
                await self._until(began_s + ((self.playback.next_ns or 0) - began_ns) / NS_PER_S / goal.speed)
                if self._goal is not goal:
                    break
            if near is not None and self.playback.number >= near:
                near = None
                self._keep(anyhow=self.checkpoints.far(self.playback.number) > NEAR)
            why = self._take(goal)
            count += 1
            if count % YIELD_EVERY == 0:
                self._tell()
                self._keep(anyhow=False)
                await trio.lowlevel.checkpoint()
        if why and self.playback.number:
            self._publisher.second(self.playback.now_ns)
        if self._goal is goal:
            self._goal, self.stopped = None, why
        self._tell(why if self._goal is None else "")

    def _take(self, goal: Goal) -> str:
        """Take a step towards a goal; returns why to stop, empty to go on."""
        if goal.to is not None and self.playback.number >= goal.to:
            return f"at step {self.playback.number}"
        moment = self.playback.advance()
        if moment is None:
            return "at the end"
        self._publish(moment, NS_PER_S if goal.speed else HURRY_NS)
        return goal.found(moment, self._fresh(moment))

    def _fresh(self, moment: Moment) -> list[str]:
        """Return the incidents of a step, without those that go on: the same kind within `GOES_ON_NS` is one."""
        fresh = []
        for said in moment.incidents:
            kind = said.partition(":")[0]
            if moment.now_ns - self._seen_ns.get(kind, -GOES_ON_NS) >= GOES_ON_NS:
                fresh.append(said)
            self._seen_ns[kind] = moment.now_ns
        return fresh

    async def _until(self, due_s: float) -> None:
        """Wait for a time, or for another goal."""
        if due_s <= trio.current_time():
            await trio.lowlevel.checkpoint()
            return
        self._tell()
        with trio.move_on_at(due_s):
            await self._news.wait()

    # -- what it shows ---------------------------------------------------------------------------------------------

    def _start(self) -> Standing:
        """Return a core and screens that know nothing."""
        registry, engine = Registry(self._clock.now_ns, run_id=self._name()), self.playback.engine
        return Standing(
            number=0,
            taken=0,
            now_ns=self.playback.first_ns,
            engine=engine,
            publisher=Publisher(engine, registry),
            registry=registry,
            run=RunState(self._name()),
            seen_ns={},
            second_ns=0,
        )

    def _name(self) -> str:
        return f"{self.playback.header.run_id}~{self._beginnings}"

    def _back(self, number: int) -> None:
        """Stand at a step at or before `number`."""
        self._beginnings += 1
        kept = self.checkpoints.best(number)
        if kept is not None:
            standing = kept.copied(self._name())
            self.playback.resumed(standing.engine, standing.number, standing.taken, standing.now_ns)
        else:
            self.playback.close()
            self.playback = Playback(self._path)
            standing = self._start()
        self._begin(standing)

    def _begin(self, standing: Standing) -> None:
        """Show a run of its own from a standing on."""
        if self._feed is not None:
            self._feed.close()
        self._standing = standing
        self._registry, self._publisher = standing.registry, standing.publisher
        self._second_ns, self._seen_ns = standing.second_ns, standing.seen_ns
        self._clock.at_ns = standing.now_ns
        self.hub.adopt(standing.run)
        self._feed = self.hub.feed()
        run_id = standing.run.run_id
        self._feed.take(encode(EventLine(self.now_ms(), "run", self._run_event(run_id), run_id)))
        self._looked_s = time.perf_counter()
        self._tell()

    def _keep(self, *, anyhow: bool) -> None:
        """Make a checkpoint where it is worth its time, or anyhow."""
        looked_s, self._looked_s = self._looked_s, time.perf_counter()
        if self.checkpoints.worth(self.playback.number, self._looked_s - looked_s) or anyhow:
            self._tell()  # what waits for the screens is not copied
            here = attrs.evolve(
                self._standing,
                number=self.playback.number,
                taken=self.playback.taken,
                now_ns=self.playback.now_ns,
                seen_ns=self._seen_ns,
                second_ns=self._second_ns,
            )
            self.checkpoints.add(here, time.perf_counter)
            self._looked_s = time.perf_counter()

    def _run_event(self, run_id: str) -> dict[str, Any]:
        header = self.playback.header
        capital = header.capital + sum(position.cost for position in header.carried)
        return {
            "run_id": run_id,
            "mode": "REPLAY",
            "version": __version__,
            "protocol": PROTOCOL,
            "capital_usd": usd_text(capital),
            "started_ms": ms(header.started_ns),
            "recorded": {"run_id": header.run_id, "mode": header.mode, "version": header.version},
            "player": self._control,
        }

    def _publish(self, moment: Moment, second_ns: int) -> None:
        self._clock.at_ns = moment.now_ns
        self._publisher.observe(moment.batch, moment.step)
        if moment.now_ns >= self._second_ns:
            self._second_ns = moment.now_ns + second_ns
            self._publisher.second(moment.now_ns)

    def _tell(self, stopped: str = "") -> None:
        """Bring the screens up to date."""
        gauge, playback, goal = self._registry.gauge, self.playback, self._goal
        gauge("replay.step").set(playback.number)
        gauge("replay.steps").set(playback.batches)
        gauge("replay.speed").set(goal.speed if goal else 0)
        gauge("replay.seeking").set(1 if goal is not None and goal.word == "seeking" else 0)
        if stopped:
            self._registry.event("log", level="info", event=SUMMARY, step=playback.number, reason=stopped)
        assert self._feed is not None
        while (batch := self._registry.drain(DRAIN_BYTES)).lines:
            self._feed.take(b"\n".join(batch.lines))


@attrs.define
class _Clock:
    """The journal's time. A copy of what it is told to shares it: there is one player."""

    at_ns: int = 0

    def now_ns(self) -> int:
        return self.at_ns

    def __deepcopy__(self, _memo: object) -> _Clock:
        return self


def moment_text(at_ns: int) -> str:
    """Return a time as a person writes it, UTC with milliseconds."""
    return datetime.fromtimestamp(at_ns / NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
