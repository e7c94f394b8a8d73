"""Does a strategy know what it cannot know? Its decisions before a cut must not depend on what comes after it.

The same history is run twice whole, then cut short, with another future, and moved in time as a whole. What this finds
is sure: two runs that saw the same past decided differently. What it does not find is not proven absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
import msgspec

from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, Change, Level, MarketData, ReferencePrice, TradePrint
from agbot.units import NS_PER_S, complement

Group: TypeAlias = tuple[int, Sequence[MarketData]]
History: TypeAlias = Callable[[], Iterable[Group]]
"""Gives the groups of messages in time order, from the top at each call."""

CUTS: Final = 5
AGAIN: Final = "the same history again"
WEEK_NS: Final = 7 * 86_400 * NS_PER_S
"""By how much time is moved: the hour and the day of the week stay, which an honest strategy may look at."""


class Said(NamedTuple):
    """One decision: when, in which market, and what."""

    ts_ns: int
    market: str
    text: str


Decisions: TypeAlias = Callable[[Iterable[Group], int], Sequence[Said]]
"""Runs a fresh strategy over groups that lie so many ns later than they did, and returns what it decided."""


@attrs.frozen
class Peek:
    """The first decision that differs: in which run, before which cut (0: none), and what was decided otherwise."""

    run: str
    cut_ns: int
    whole: Said | None
    other: Said | None

    @property
    def at(self) -> Said:
        """Return the earlier of the two, the whole run's when they are of one time."""
        said = [one for one in (self.whole, self.other) if one is not None]
        return min(said, key=lambda one: one.ts_ns)

    def __str__(self) -> str:
        whole, other = (one.text if one else "nothing" for one in (self.whole, self.other))
        return f"{self.at.market}: decided '{whole}', and with {self.run}: '{other}'"


@attrs.frozen
class Inspection:
    """What was looked at, and the first thing found by each run that found one."""

    runs: int
    decisions: int
    peeks: tuple[Peek, ...]


def inspect(
    decisions: Decisions, history: History, cuts: int = CUTS, told: Callable[[], None] = lambda: None
) -> Inspection:
    """Run the whole history, then every variant of it, and compare what was decided before each cut.

    Args:
        told: called after each run; there are ``3 + 2·cuts`` at most.
    """
    whole = decisions(history(), 0)
    told()
    peeks, runs = [], 1
    for name, cut_ns, later_ns, groups in _variants(history, cuts):
        other = decisions(groups, later_ns)
        runs += 1
        told()
        if found := _first(_before(whole, cut_ns), _before(_moved_back(other, later_ns), cut_ns)):
            peeks.append(Peek(name, cut_ns, *found))
            if name == AGAIN:
                break  # of what is never twice the same, nothing else can be said
    return Inspection(runs, len(whole), tuple(peeks))


def _variants(history: History, cuts: int) -> Iterator[tuple[str, int, int, Iterable[Group]]]:
    yield AGAIN, 0, 0, history()
    for cut_ns in cuts_of(history, cuts):
        yield "the history cut short", cut_ns, 0, truncated(history(), cut_ns)
        yield "another future", cut_ns, 0, mirrored(history(), cut_ns)
    yield "everything a week later", 0, WEEK_NS, shifted(history(), WEEK_NS)


def cuts_of(history: History, cuts: int) -> tuple[int, ...]:
    """Return the times of groups that part the history into pieces of about as many groups."""
    times = [ts_ns for ts_ns, _ in history()]
    chosen = (times[len(times) * i // (cuts + 1)] for i in range(1, cuts + 1)) if times else iter(())
    return tuple(sorted({cut for cut in chosen if cut < times[-1]}))


def truncated(groups: Iterable[Group], cut_ns: int) -> Iterator[Group]:
    """Yield the groups up to the cut, and nothing after it."""
    for ts_ns, messages in groups:
        if ts_ns > cut_ns:
            return
        yield ts_ns, messages


def mirrored(groups: Iterable[Group], cut_ns: int) -> Iterator[Group]:
    """Yield the same groups up to the cut; after it every price is one less it, and buyers are sellers."""
    for ts_ns, messages in groups:
        yield ts_ns, messages if ts_ns <= cut_ns else [_mirror(message) for message in messages]


def shifted(groups: Iterable[Group], later_ns: int) -> Iterator[Group]:
    """Yield the same groups, everything so much later."""
    for ts_ns, messages in groups:
        yield ts_ns + later_ns, [_later(message, later_ns) for message in messages]


def _mirror(message: MarketData) -> MarketData:
    match message:
        case BookSnapshot():
            bids, asks = (tuple(_opposite(level) for level in side) for side in (message.asks, message.bids))
            return msgspec.structs.replace(message, bids=bids, asks=asks)
        case BookDelta():
            return msgspec.structs.replace(message, changes=tuple(_reverse(change) for change in message.changes))
        case TradePrint():
            return msgspec.structs.replace(message, side=message.side.other, price=complement(message.price))
        case ReferencePrice():
            return msgspec.structs.replace(message, value=message.value // 2)
        case _:
            return message


def _opposite(level: Level) -> Level:
    return complement(level[0]), level[1]


def _reverse(change: Change) -> Change:
    side, price, size = change
    return ASK if side == BID else BID, complement(price), size


def _later(message: Any, later_ns: int) -> Any:
    return msgspec.structs.replace(message, ts_ns=message.ts_ns + later_ns)


def _moved_back(said: Sequence[Said], later_ns: int) -> list[Said]:
    return [one._replace(ts_ns=one.ts_ns - later_ns) for one in said]


def _before(said: Sequence[Said], cut_ns: int) -> list[Said]:
    return [one for one in said if not cut_ns or one.ts_ns <= cut_ns]


def _first(whole: Sequence[Said], other: Sequence[Said]) -> tuple[Said | None, Said | None] | None:
    return next((pair for pair in zip_longest(whole, other) if pair[0] != pair[1]), None)
