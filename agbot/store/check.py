"""Is a recording whole? Checksums, indexes, seals, order, gaps: everything is read, nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import attrs

from agbot.errors import RecordingError
from agbot.store.importers import open_recording
from agbot.store.recorder import number_of, segments_in
from agbot.store.recording import Recording
from agbot.store.segment import SUFFIX, Segment
from agbot.units import NS_PER_S

FOUND_KEPT: Final = 50
"""Findings of each kind that are told; all are counted."""
SETTLED, DAMAGED = "note", "damage"


@attrs.frozen
class Finding:
    """Something that was found: a note, or damage; where, and in words."""

    kind: str
    where: str
    words: str


@attrs.define
class Checked:
    """What was read and what was found.

    Attributes:
        counts: messages by kind, with what was set aside and what holds no market data.
        segments, blocks, records: of a recorder's files; 0 for others.
        gaps: stretches without a message longer than what was asked for, as (from, to) in UTC nanoseconds.
        findings: the first ones of each kind; `damaged` and `noted` count all.
    """

    path: Path
    format: str = ""
    counts: dict[str, int] = attrs.field(factory=dict)
    messages: int = 0
    set_aside: int = 0
    segments: int = 0
    blocks: int = 0
    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    gaps: list[tuple[int, int]] = attrs.field(factory=list)
    findings: list[Finding] = attrs.field(factory=list)
    damaged: int = 0
    noted: int = 0

    def damage(self, where: str, words: str) -> None:
        """Note damage: something that was written cannot be read."""
        self.damaged += 1
        if self.damaged <= FOUND_KEPT:
            self.findings.append(Finding(DAMAGED, where, words))

    def note(self, where: str, words: str) -> None:
        """Note something that a person may want to know and that is no damage."""
        self.noted += 1
        if self.noted <= FOUND_KEPT:
            self.findings.append(Finding(SETTLED, where, words))


def check(path: Path, *, gap_ns: int, progress: Callable[[float], None] = lambda _fraction: None) -> Checked:
    """Return what a recording is found to be.

    Args:
        gap_ns: a longer time without any message is a gap.
        progress: told how much was read, 0–1, now and then.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 no recording. ConfigError: its terms are wrong.
    """
    found = Checked(path)
    files = segments_in(path) if path.is_dir() else [path] if path.name.endswith(SUFFIX) else []
    if files:
        _numbers(files, found)
    for done, file in enumerate(files):
        _segment(file, found, newest=file is files[-1])
        progress((done + 1) / len(files) / 2)
    part = 0.5 if files else 0.0
    recording = open_recording(path)
    found.format = recording.format
    _messages(recording, found, gap_ns, lambda fraction: progress(part + fraction * (1 - part)))
    return found


def _numbers(files: list[Path], found: Checked) -> None:
    numbers = [number_of(file) for file in files]
    for before, after in pairwise(numbers):
        if after == before:
            found.damage(f"{after:06d}", "two segments have this number")
        elif after != before + 1:
            found.note(f"{before:06d}", f"the next segment is {after:06d}: those between are not here")


def _segment(path: Path, found: Checked, *, newest: bool) -> None:
    try:
        segment = Segment(path)
    except RecordingError as e:
        found.damage(path.name, e.reason)
        return
    found.segments += 1
    try:
        _sealed(segment, found, newest=newest)
        for at, words in segment.damage:
            found.damage(f"{path.name} at {at}", words)
        _blocks(segment, found)
    finally:
        segment.close()


def _blocks(segment: Segment, found: Checked) -> None:
    newest_ns = 0
    for block in segment.blocks:
        where = f"{segment.path.name} at {block.offset}"
        found.blocks += 1
        try:
            times = [record.ts_ns for record in segment.records(block)]
        except ValueError as e:
            found.damage(where, str(e))
            continue
        found.records += len(times)
        if times and (min(times), max(times)) != (block.first_ns, block.last_ns):
            found.damage(where, "the index has other times than the block")
        for ts_ns in times:
            if ts_ns < newest_ns:
                found.note(where, f"our clock went back by {(newest_ns - ts_ns) / NS_PER_S:.3f} s")
            newest_ns = ts_ns


def _sealed(segment: Segment, found: Checked, *, newest: bool) -> None:
    name = segment.path.name
    if segment.sealed:
        if tuple(segment.walk()) != tuple(segment.blocks):
            found.damage(name, "the index has other blocks than the file")
    else:
        who = "a recorder writes it, or was killed" if newest else "it was cut off, and copied so"
        found.note(name, f"not sealed: {who}; the next recorder that starts there seals it")
    if segment.head.number != number_of(segment.path):
        found.note(name, f"it was written as number {segment.head.number}")


def _messages(recording: Recording, found: Checked, gap_ns: int, progress: Callable[[float], None]) -> None:
    try:
        for ts_ns, group in _told(recording, progress):
            found.messages += len(group)
            if found.last_ns and ts_ns - found.last_ns > gap_ns:
                found.gaps.append((found.last_ns, ts_ns))
            found.first_ns, found.last_ns = found.first_ns or ts_ns, ts_ns
    except RecordingError as e:
        found.damage(str(e.line or ""), e.reason)
    log = recording.log
    found.counts = {**dict(sorted(log.counts.items())), **{f"{name} (no data)": n for name, n in log.noted.items()}}
    found.set_aside = log.skipped_count
    for skipped in log.skipped:
        found.note(f"line {skipped.line}", skipped.reason)
    found.noted += log.skipped_count - len(log.skipped)
    for begin_ns, end_ns in found.gaps[:FOUND_KEPT]:
        found.note(moment(begin_ns), f"no message for {(end_ns - begin_ns) / NS_PER_S:,.1f} s")


def _told(recording: Recording, progress: Callable[[float], None]) -> Iterator[tuple[int, list[object]]]:
    for count, (ts_ns, group) in enumerate(recording.groups()):
        if count % 1024 == 0:
            progress(recording.fraction)
        yield ts_ns, list(group)


def moment(ts_ns: int) -> str:
    """Return a time to the millisecond, UTC."""
    from datetime import UTC, datetime  # noqa: PLC0415

    at = datetime.fromtimestamp(ts_ns // NS_PER_S, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ts_ns % NS_PER_S // 10**6:03d}Z"
