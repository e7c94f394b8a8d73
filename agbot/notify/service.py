"""Tells people what happens, beside trading: it may die or hang, and nobody but the reader notices."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs
import trio

from agbot.core.backoff import Backoff
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.log import get_logger
from agbot.model.events import Event
from agbot.notify.channel import Channel, NotSent, Refused, Sender
from agbot.notify.ear import Ear
from agbot.notify.notice import Message, Notice
from agbot.notify.open import open_channel
from agbot.notify.outbox import Outbox
from agbot.notify.settings import NotifySettings
from agbot.notify.waits import Waits
from agbot.notify.words import Words
from agbot.units import NS_PER_S

LAST_S: Final = 3.0
"""At the end what is queued may take so long, all channels together."""
ATTEMPTS_MAX: Final = 8
REFUSALS_MAX: Final = 3
"""In a row; then nothing more is sent over this channel in this run."""
AGAIN: Final = Backoff(first_s=1.0, longest_s=300.0)
ASK_S: Final = 1.0
"""How often strategies are asked what waits for a person."""
IDLE_S: Final = 3600.0
"""A wall clock may be set: what is due is looked at so often at least."""

log = get_logger(__name__)


@attrs.define(kw_only=True)
class Line:
    """One channel with what waits for it, and how it fares."""

    name: str
    channel: Channel
    outbox: Outbox
    woken: trio.Event = attrs.field(factory=trio.Event)
    sent: int = 0
    failed: int = 0
    refusals: int = 0
    """In a row."""
    ended: str = ""
    """Why nothing is sent any more, empty while it is."""

    def put(self, notice: Notice, now_ns: int) -> None:
        """Queue a notice."""
        self.outbox.put(notice, now_ns)
        self.woken.set()


class Notifier:
    """Observer of the engine and a service.

    Args:
        dice: in [0, 1), for the pauses between attempts.
    """

    def __init__(
        self,
        settings: NotifySettings,
        engine: Engine,
        lines: Sequence[Line],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.lines = lines
        self._words = Words(settings, engine)
        self._waits = Waits(engine)
        self._woken = trio.Event()
        self._ear = Ear(self._wake, lambda: self._words.report_ns)
        self._now_ns = now_ns
        self._dice = dice

    def observe(self, batch: list[Event], step: Step) -> None:
        """Hear one step; never waits."""
        self._ear.observe(batch, step)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send until cancelled, then for `LAST_S` seconds at most what is queued. An error ends this, not the bot."""
        task_status.started()
        try:
            await self._run()
        except* Exception as bugs:  # noqa: BLE001 - a bug in a message must not stop trading
            log.critical("notify.died", reason=repr(bugs.exceptions[0]), remedy="report this; trading goes on")

    async def _run(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                for line in self.lines:
                    nursery.start_soon(self._keep_sending, line)
                while True:
                    with trio.move_on_after(ASK_S if self._waits else math.inf):
                        await self._woken.wait()
                    self._woken = trio.Event()
                    self._put_into_words()
        finally:
            with trio.move_on_after(LAST_S, shield=True):
                await self._flush()
            self._count()

    def _wake(self) -> None:
        self._woken.set()

    def _put_into_words(self) -> None:
        for happened in self._ear.take():
            self._tell(self._words.notices(happened))
        self._tell(self._waits.notices(self._now_ns()))

    def _tell(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            for line in self.lines:
                line.put(notice, self._now_ns())

    async def _keep_sending(self, line: Line) -> None:
        attempt = 0
        while not line.ended:
            message = line.outbox.take(self._now_ns())
            if message is None:
                await self._wait(line)
                continue
            again_s = await self._attempt(line, message, attempt)
            attempt = 0 if again_s is None else attempt + 1
            if again_s is not None:
                await trio.sleep(again_s)

    async def _attempt(self, line: Line, message: Message, attempt: int) -> float | None:
        """Return None when a message is done with, else how many seconds to wait before the next attempt."""
        cut_off = True
        try:
            await line.channel.send(message)
            cut_off = False
        except NotSent as e:
            cut_off = False
            return self._later(line, message, attempt, e)
        except Refused as e:
            cut_off = False
            self._refused(line, str(e))
            return None
        finally:
            if cut_off:  # the bot ends, and nobody knows whether it arrived: better twice than never
                line.outbox.again(message)
        line.sent += 1
        line.refusals = 0
        return None

    def _refused(self, line: Line, reason: str) -> None:
        line.failed += 1
        line.refusals += 1
        log.error("notify.refused", channel=line.name, reason=reason, remedy=f"agbot notify test {line.name}")
        if line.refusals >= REFUSALS_MAX:
            line.ended = reason
            log.error("notify.channel_ended", channel=line.name, reason=f"refused {line.refusals} times in a row")

    def _later(self, line: Line, message: Message, attempt: int, error: NotSent) -> float:
        """Put a message back, or give it up, and return how many seconds to leave the channel alone."""
        log.warning("notify.not_sent", channel=line.name, reason=str(error), attempt=attempt + 1)
        if attempt + 1 < ATTEMPTS_MAX:
            line.outbox.again(message)
        else:
            line.failed += 1
            log.error("notify.given_up", channel=line.name, notices=message.count, attempts=attempt + 1)
        return max(AGAIN.delay_s(attempt, self._dice()), error.retry_after_s or 0.0)

    async def _wait(self, line: Line) -> None:
        now_ns = self._now_ns()
        due_ns = line.outbox.due_ns(now_ns)
        with trio.move_on_after(IDLE_S if due_ns is None else min((due_ns - now_ns) / NS_PER_S, IDLE_S)):
            await line.woken.wait()
        line.woken = trio.Event()

    async def _flush(self) -> None:
        self._put_into_words()
        async with trio.open_nursery() as nursery:
            for line in self.lines:
                message = line.outbox.last(self._now_ns())
                if message is not None and not line.ended:
                    nursery.start_soon(self._attempt, line, message, ATTEMPTS_MAX)

    def _count(self) -> None:
        for line in self.lines:
            left = line.outbox.waiting + line.outbox.held
            if left or line.failed or line.outbox.dropped or self._ear.lost:
                log.warning(
                    "notify.ended",
                    channel=line.name,
                    sent=line.sent,
                    failed=line.failed,
                    dropped=line.outbox.dropped,
                    left=left,
                    unheard=self._ear.lost,
                )


def notifier_of(
    settings: NotifySettings, engine: Engine, sender: Sender, environ: Mapping[str, str] | None = None
) -> Notifier | None:
    """Return the service of a configuration, None when it tells nobody. ConfigError AGB-115, AGB-951."""
    lines = [
        Line(name=each.name, channel=open_channel(each, sender, environ), outbox=Outbox(each.rules))
        for each in settings.channels
    ]
    return Notifier(settings, engine, lines) if lines else None
