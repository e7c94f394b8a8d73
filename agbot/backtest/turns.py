"""A journal read as a story: what reached the core when, what it answered, and how long messages were under way."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, get_args

import attrs
import msgspec

from agbot.core.step import Output
from agbot.model.events import Event, MarketData, OrderEvidence
from agbot.store.codec import decode_batch, decode_output
from agbot.store.journal import BATCH, END, STEP, Header, JournalReader, foreign

REORDER_WINDOW: Final = 4096
"""Market data may be this many messages out of the venue's order."""
AT_THE_BOT: Final = ("PAPER", "DEMO", "SHADOW")
"""Modes whose venue hears the market's messages when the bot does."""
_MARKET: Final = get_args(MarketData)
_EVIDENCE: Final = get_args(OrderEvidence)

Message = tuple[int, MarketData]
"""When it took effect at the venue, and what."""


@attrs.frozen
class Turn:
    """One step of a run: the batch, and what the core answered (empty when nothing)."""

    now_ns: int
    batch: list[Event]
    output: Output


EMPTY: Final = Output((), (), ())


@attrs.define
class Fate:
    """How a journal ends: whether in order, and from which record on it cannot be believed, and why."""

    ended: bool = False
    set_aside: tuple[tuple[int, str], ...] = ()


def turns(path: Path, fate: Fate | None = None) -> Iterator[Turn]:
    """Yield the believable steps of a journal in order; `fate` is told at the end how it ended.

    StoreError as `JournalReader` raises, AGB-605.
    """
    waiting: tuple[int, list[Event]] | None = None
    with closing(JournalReader(path)) as reader:
        try:
            for record in reader.records():
                if record.kind == STEP and waiting is not None:
                    yield Turn(*waiting, decode_output(record.body))
                    waiting = None
                elif record.kind in (BATCH, END):
                    if fate is not None:
                        fate.ended = record.kind == END
                    if waiting is not None:
                        yield Turn(*waiting, EMPTY)
                    waiting = (record.now_ns, decode_batch(record.body)) if record.kind == BATCH else None
        except msgspec.DecodeError as e:
            raise foreign(path, str(e)) from e
        if waiting is not None:
            yield Turn(*waiting, EMPTY)
        if fate is not None:
            fate.set_aside = tuple(reader.set_aside)


def header_of_run(path: Path) -> Header:
    """Return what the run was made of."""
    with closing(JournalReader(path)) as reader:
        return reader.header()


def is_evidence(event: Event) -> bool:
    """Return whether an event is a venue's word on an order of ours."""
    return isinstance(event, _EVIDENCE)


def is_market_data(event: Event) -> bool:
    """Return whether an event is about markets, not about us."""
    return isinstance(event, _MARKET)


def messages(path: Path, *, at_the_bot: bool) -> Iterator[Message]:
    """Yield the market data of a run in the order it took effect at the venue.

    Args:
        at_the_bot: take the time the bot heard of it for the venue's: no latency, or a venue inside the bot.
    """
    waiting: list[tuple[int, int, MarketData]] = []
    newest = place = 0
    for turn in turns(path):
        for event in turn.batch:
            if isinstance(event, _MARKET):
                place += 1
                at_ns = turn.now_ns if at_the_bot else min(event.ts_ns, turn.now_ns)
                heapq.heappush(waiting, (max(at_ns, newest), place, event))
        while len(waiting) > REORDER_WINDOW:
            newest, _, event = heapq.heappop(waiting)
            yield newest, event
    while waiting:
        at_ns, _, event = heapq.heappop(waiting)
        yield at_ns, event
