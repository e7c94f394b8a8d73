"""Time order, grouping and bounds, whatever the format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import RecordingError
from agbot.model.events import BookDelta, MarketData
from agbot.model.market import Market
from agbot.store import lines as lines_module
from agbot.store import recording as recording_module
from agbot.store.lines import LineReader
from agbot.store.recording import Numbered, ReadLog, Recording

MARKET = Market(id="m", yes="Y", no="N")


def _recording(times: list[int], fault_after: int | None = None) -> Recording:
    def source(lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        for place, ts in enumerate(times):
            if place == fault_after:
                raise RecordingError("cut", id="AGB-203")
            yield place + 1, BookDelta(MARKET.yes, ((0, 1, place),), ts)

    return Recording(Path("none"), "test", (MARKET,), (), source)


def _places(messages: list[MarketData]) -> list[int]:
    return [m.changes[0][2] for m in messages if isinstance(m, BookDelta)]


@given(st.lists(st.integers(0, 50), max_size=60))
def test_within_the_window_messages_are_sorted_stably(times: list[int]) -> None:
    recording = _recording(times)
    groups = list(recording.groups())
    assert [ts for ts, _ in groups] == sorted(set(times))
    assert _places([m for _, g in groups for m in g]) == sorted(range(len(times)), key=times.__getitem__)
    assert recording.log.skipped_count == 0


def test_a_message_too_late_for_the_window_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "REORDER_WINDOW", 2)
    recording = _recording([10, 20, 30, 40, 50, 5, 60])
    assert [ts for ts, _ in recording.groups()] == [10, 20, 30, 40, 50, 60]
    assert [(s.line, "late" in s.reason) for s in recording.skipped] == [(6, True)]


def test_what_was_read_before_a_fault_is_given_out_first() -> None:
    recording = _recording([1, 2, 2, 9], fault_after=3)
    groups = recording.groups()
    assert [next(groups)[0], next(groups)[0]] == [1, 2]
    with pytest.raises(RecordingError, match="cut"):
        next(groups)


def test_a_huge_group_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "GROUP_LIMIT", 3)
    assert [len(group) for _, group in _recording([7] * 8).groups()] == [3, 3, 2]


def test_a_recording_can_be_read_again() -> None:
    recording = _recording([1, 2, 3])
    assert list(recording.groups()) == list(recording.groups())
    assert recording.log.counts["delta"] == 3


def test_an_overlong_line_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 10)
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfone\r\n" + b"x" * 9 + b"\n" + b"y" * 35 + b"\nlast")
    reader = LineReader(path)
    assert list(reader) == [b"one", b"x" * 9, None, b"last"]
    assert reader.number == 4
    assert reader.torn
    assert reader.fraction == 1.0
    assert reader.first() == b"one"
