"""The engine task: receive, journal, step, dispatch. The only code that touches the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
import trio

from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.errors import StoreError
from agbot.model.commands import Command
from agbot.model.events import Event
from agbot.run.inbox import Inbox
from agbot.store.codec import GENESIS, chain, encode_batch, encode_output
from agbot.store.journal import BATCH, END, RUN, STEP, Header

COMMANDS_MAX: Final = 4096

Observer = Callable[[list[Event], Step], None]


class Log(Protocol):
    """Where a run is written down; see `agbot.store.journal.Journal`."""

    def append(self, kind: str, now_ns: int, body: bytes) -> int:
        """Queue one record and return its sequence number."""
        ...


class Recorder:
    """Journals batches before they are applied and outputs before they are carried out, and keeps the digest."""

    def __init__(self, engine: Engine, journal: Log, header: Header) -> None:
        self.engine = engine
        self.journal = journal
        self.digest = GENESIS
        self.steps = 0
        journal.append(RUN, header.started_ns, msgspec.msgpack.encode(header))

    def step(self, now_ns: int, batch: list[Event]) -> tuple[Step, int]:
        """Return the step and the sequence number that must be durable before its orders may leave."""
        seq = self.journal.append(BATCH, now_ns, encode_batch(batch))
        step = self.engine.step(now_ns, batch)
        self.steps += 1
        if not step.output.empty:
            body = encode_output(step.output)
            self.digest = chain(self.digest, now_ns, body)
            seq = self.journal.append(STEP, now_ns, body)
        return step, seq

    def end(self, now_ns: int, reason: str) -> None:
        """Close the record of this run; absent after a crash."""
        self.journal.append(END, now_ns, msgspec.msgpack.encode({"reason": reason, "digest": self.digest.hex()}))


class EngineTask:
    """Drains the inbox and steps the core.

    Args:
        commands: where commands leave, with the journal sequence number that must be durable first.
        observers: called after each step with the batch and its step; they must not wait.
    """

    def __init__(
        self,
        recorder: Recorder,
        inbox: Inbox,
        commands: trio.MemorySendChannel[tuple[int, Command]],
        observers: Sequence[Observer],
        now_ns: Callable[[], int],
    ) -> None:
        self._recorder = recorder
        self._inbox = inbox
        self._commands = commands
        self._observers = observers
        self._now_ns = now_ns
        self._last_ns = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Step until cancelled; an error here stops the bot."""
        task_status.started()
        while True:
            self.step(await self._inbox.receive())
            await trio.lowlevel.checkpoint()

    def step(self, batch: list[Event]) -> Step:
        """Apply one batch now. Time never goes back, whatever the wall clock does."""
        self._last_ns = max(self._now_ns(), self._last_ns)
        step, seq = self._recorder.step(self._last_ns, batch)
        for command in step.output.commands:
            self._send(seq, command)
        for observe in self._observers:
            observe(batch, step)
        return step

    def _send(self, seq: int, command: Command) -> None:
        try:
            self._commands.send_nowait((seq, command))
        except trio.WouldBlock as e:
            raise StoreError(
                f"{COMMANDS_MAX} commands wait to leave: the core broke its own limit",
                id="AGB-607",
                remedy="all orders were cancelled; report this with the journal",
            ) from e
