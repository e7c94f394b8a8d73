"""A journal, step by step, through the same core: what a player shows. No clock, no task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from agbot.core.engine import Engine
from agbot.core.step import Output, Step
from agbot.model.events import (
    BookTrust,
    Event,
    Health,
    HeartbeatLost,
    KillSwitchSet,
    LinkDown,
    ReconcileDifference,
    VenueHealth,
)
from agbot.model.order import OrderState
from agbot.store.codec import decode_batch, decode_output, encode_output
from agbot.store.journal import BATCH, STEP, JournalReader, Record, foreign
from agbot.store.rebuild import engine_of

DENIED: Final = "denied by"
"""How the incident of a denied order begins: our own rules at work, and the most frequent of all."""


@attrs.frozen(kw_only=True)
class Moment:
    """One step of the past. `number` counts batches from 1; `differs` says that the core decided otherwise then."""

    number: int
    now_ns: int
    batch: list[Event]
    step: Step
    differs: bool = False

    @property
    def decided(self) -> str:
        """Return the first decision in a few words, empty when there was none."""
        decisions = self.step.output.decisions
        if not decisions:
            return ""
        first = decisions[0]
        said = "allowed" if first.allowed else f"{DENIED} {', '.join(first.violated)}"
        more = f", and {len(decisions) - 1} more" if len(decisions) > 1 else ""
        return f"{first.side} by {first.strategy} {said}{more}"

    @property
    def incidents(self) -> tuple[str, ...]:
        """Return what went wrong, each in a few words: what comes before the first colon says what kind it is."""
        return tuple(_incidents(self))


def _incidents(moment: Moment) -> Iterator[str]:
    if moment.differs:
        yield "this agbot decides otherwise than the one that wrote the journal"
    for event in moment.batch:
        if said := _wrong(event):
            yield said
    step = moment.step
    if step.tripped is not None:
        yield f"kill switch tripped: {step.tripped}"
    yield from (f"strategy {failed.strategy} failed: {failed.reason}" for failed in step.failed)
    for record in step.changed:
        if record.state is OrderState.UNKNOWN:
            yield f"order {record.command.client_order_id} is UNKNOWN: {record.reason}"
    yield from (f"contradiction: {heard.contradiction}" for heard in step.heard if heard.contradiction)
    for decision in step.output.decisions:
        if not decision.allowed:
            yield f"{DENIED} {', '.join(decision.violated)}"
    yield from (f"fault: {anomaly}" for anomaly in step.output.anomalies)


def _wrong(event: Event) -> str:
    say = _WRONG.get(type(event))
    return say(event) if say else ""


_WRONG: Final[Mapping[type, Callable[[Any], str]]] = {
    KillSwitchSet: lambda e: f"kill switch on: {e.reason}" if e.on else "",
    LinkDown: lambda e: f"link {e.feed} lost: {e.reason}",
    BookTrust: lambda e: f"a book is doubted: {e.cause}" if e.cause else "",
    VenueHealth: lambda e: f"venue {e.venue} is {e.health}: {e.reason}" if e.health is not Health.HEALTHY else "",
    ReconcileDifference: lambda e: f"the venue's figures differ: {e.reason}" if e.reason else "",
    HeartbeatLost: lambda _: "the venue hears no heartbeat",
}


class Playback:
    """The journal of one run and its core, as of one moment.

    Raises:
        StoreError: it is not a journal, or of another schema. ConfigError: its strategy is unknown to this version.
    """

    def __init__(self, path: Path) -> None:
        self._reader = JournalReader(path)
        try:
            self.header = self._reader.header()
            self.engine = engine_of(self.header)
            self.batches, self.first_ns, self.last_ns = self._reader.batches()
        except Exception:
            self._reader.close()
            raise
        self.path = path
        self.number = 0
        self.now_ns = self.first_ns
        self._taken = 0
        self._records = self._reader.records()
        self._next: Record | None = next(self._records, None)
        self._seek_batch()

    @property
    def next_ns(self) -> int | None:
        """Return when the next step was, None at the end."""
        return None if self._next is None else self._next.now_ns

    def batches_until(self, at_ns: int) -> int:
        """Return how many steps there were up to a time."""
        return self._reader.batches(at_ns)[0]

    def advance(self) -> Moment | None:
        """Take the next step and return it, None at the end of what can be believed.

        Raises:
            StoreError: AGB-605, it was written by another agbot.
        """
        record = self._next
        if record is None:
            return None
        try:
            batch = decode_batch(record.body)
            step = self.engine.step(record.now_ns, batch)
            self._next = next(self._records, None)
            differs = self._differs(step.output)
        except msgspec.DecodeError as e:
            raise foreign(self.path, str(e)) from e
        self.number += 1
        self.now_ns, self._taken = record.now_ns, record.seq
        self._seek_batch()
        return Moment(number=self.number, now_ns=record.now_ns, batch=batch, step=step, differs=differs)

    def resumed(self, engine: Engine, number: int, after: int, now_ns: int) -> None:
        """Go on with a core that has taken `number` steps, up to record `after` of the journal."""
        self.engine, self.number, self.now_ns = engine, number, now_ns
        self._records = self._reader.records(after)
        self._next = next(self._records, None)
        self._seek_batch()

    @property
    def taken(self) -> int:
        """Return the number of the last record that was taken; what the core answered to it counts too."""
        return self._taken

    def close(self) -> None:
        """Close the journal."""
        self._reader.close()

    def _differs(self, computed: Output) -> bool:
        """Return whether the journal has another output; a run that was killed may have lost its last one."""
        following: Record | None = self._next
        if following is None:
            return False
        if following.kind != STEP:
            return not computed.empty
        return encode_output(computed) != following.body and computed != decode_output(following.body)

    def _seek_batch(self) -> None:
        while self._next is not None and self._next.kind != BATCH:
            self._next = next(self._records, None)
