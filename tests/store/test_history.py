"""The history format: exact round trips, bad lines set aside, cut files reported, files complete or absent."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.errors import RecordingError
from agbot.model.events import BookDelta, BookSnapshot, MarketData, TradePrint
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store import recording as recording_module
from agbot.store.history import encode_message, read_history, write_history
from agbot.store.recording import KINDS

PRICES = st.integers(1, 2**62)
SIZES = st.integers(0, 2**62)
VOLUMES = st.integers(1, 2**62)
TOKENS = st.sampled_from([TokenId("Y"), TokenId("N")])
LEVELS = st.lists(st.tuples(PRICES, VOLUMES), max_size=4).map(tuple)
MESSAGES = st.one_of(
    st.builds(BookSnapshot, TOKENS, LEVELS, LEVELS, st.just(0)),
    st.builds(BookDelta, TOKENS, st.lists(st.tuples(st.integers(0, 1), PRICES, SIZES)).map(tuple), st.just(0)),
    st.builds(TradePrint, TOKENS, st.sampled_from(Side), PRICES, VOLUMES, st.just(0)),
)


@pytest.mark.parametrize("compress", [True, False])
def test_every_kind_comes_back_as_it_was(
    tmp_path: Path, market: Market, every_kind: list[MarketData], compress: bool
) -> None:
    path = tmp_path / "a.agh"
    assert write_history(path, [market], every_kind, source="x", compress=compress) == len(every_kind)
    recording = read_history(path)
    assert recording.markets == (market,)
    assert list(recording.messages()) == every_kind
    assert recording.log.counts == {**dict.fromkeys(KINDS.values(), 1), "book": 2}
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is compress
    assert [ts for ts, _ in recording.groups()] == [1, 2, 3, 4, 5, 6, 7]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(messages=st.lists(MESSAGES, max_size=30), steps=st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_round_trip_is_exact_and_grouped_by_time(
    tmp_path: Path, market: Market, messages: list[MarketData], steps: list[int]
) -> None:
    now, timed = 10**18, []
    for message, step in zip(messages, steps, strict=False):
        now += step
        fields = [getattr(message, name) for name in message.__struct_fields__[:-1]]
        timed.append(type(message)(*fields, now))
    path = tmp_path / "a.agh"
    write_history(path, [market], timed)
    recording = read_history(path)
    groups = list(recording.groups())
    assert [m for _, group in groups for m in group] == timed
    assert recording.log.skipped_count == 0
    times = [ts for ts, _ in groups]
    assert times == sorted(set(times))
    assert all(m.ts_ns == ts for ts, group in groups for m in group)


def test_bytes_do_not_depend_on_when_they_are_written(
    tmp_path: Path, market: Market, every_kind: list[MarketData]
) -> None:
    for name in "ab":
        write_history(tmp_path / name, [market], every_kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'["book",2,"Y",[[0,1]],[]]', "not a message"),
        (b'["book",2,"Y",[[5,0]],[]]', "not a message"),
        (b'["book",2,"Y",[[0.5,1]],[]]', "not a message"),
        (b'["delta",2,"Y",[[2,5,1]]]', "not a message"),
        (b'["delta",2,"Y",[[1,5,-1]]]', "not a message"),
        (b'["delta",-2,"Y",[]]', "not a message"),
        (b'["trade",2,"Y","HOLD",5,1]', "not a message"),
        (b'["trade",2,"Y","BUY",5,0]', "not a message"),
        (b'["gossip",2,"Y"]', "not a message"),
        (b'["delta",2]', "not a message"),
        (b"\xff\xfe", "not a message"),
        (b"[" * 100_000, "not a message"),
        (b'["delta",2,"stranger",[]]', "belongs to no listed market"),
        (b'["resolved",2,"0xother","Y"]', "is not listed"),
        (b'["end",7]', "the end line counts 7 messages"),
    ],
)
def test_a_bad_line_is_set_aside_and_the_rest_is_read(tmp_path: Path, market: Market, line: bytes, reason: str) -> None:
    good = [BookDelta(market.yes, ((0, 5, 1),), ts) for ts in (1, 3)]
    path = tmp_path / "a.agh"
    header = b'{"agbot_history":1,"markets":[{"id":"0xm","yes":"Y","no":"N"}]}\n'
    path.write_bytes(header + encode_message(good[0]) + line + b"\n\n" + encode_message(good[1]))
    recording = read_history(path)
    assert list(recording.messages()) == good
    assert recording.log.skipped_count == 1
    assert recording.skipped[0].line == 3
    assert reason in recording.skipped[0].reason


def test_all_bad_lines_are_counted_but_few_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.agh"
    path.write_bytes(b'{"agbot_history":1,"markets":[{"id":"0xm","yes":"Y","no":"N"}]}\n' + b"rubbish\n" * 500)
    recording = read_history(path)
    assert list(recording.groups()) == []
    assert recording.log.skipped_count == 500
    assert len(recording.skipped) == recording_module.SKIPS_KEPT


@pytest.mark.parametrize(
    ("content", "error_id", "text"),
    [
        (b"", "AGB-202", "is not an agbot history file"),
        (b'{"x":1}\n', "AGB-202", "is not an agbot history file"),
        (b'{"agbot_history":2,"markets":[]}\n', "AGB-202", "is history version 2"),
        (b'{"agbot_history":1}\n', "AGB-202", "bad header"),
        (b'{"agbot_history":1,"markets":[{"id":"m","yes":"Y","no":"Y"}]}\n', "AGB-202", "both outcomes"),
        (b'{"agbot_history":1,"markets":[{"id":"m","yes":"Y","no":"N","tick":7}]}\n', "AGB-202", "tick 7"),
        (b'{"agbot_history":1,"mark', "AGB-203", "the header has no end"),
        (b"\x1f\x8b\x08\x00", "AGB-203", "ends early"),
    ],
)
def test_a_wrong_header_says_what_to_do(tmp_path: Path, content: bytes, error_id: str, text: str) -> None:
    path = tmp_path / "a.agh"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=text) as caught:
        read_history(path)
    assert caught.value.id == error_id
    assert caught.value.remedy
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_directory_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(RecordingError) as caught:
            read_history(path)
        assert caught.value.id == "AGB-201"


@pytest.mark.parametrize("compress", [True, False])
def test_wherever_a_file_is_cut_the_whole_lines_are_read_and_the_cut_is_reported(
    tmp_path: Path, market: Market, every_kind: list[MarketData], compress: bool
) -> None:
    path = tmp_path / "a.agh"
    write_history(path, [market], every_kind, compress=compress)
    whole = path.read_bytes()
    cut_at = range(len(whole) - 1, 12, -3) if compress else range(len(whole) - 2, 250, -1)
    fully_read = 0
    for cut in cut_at:
        path.write_bytes(whole[:cut])
        got: list[MarketData] = []
        with pytest.raises(RecordingError) as caught:
            got.extend(read_history(path).messages())  # keeps what came before the error
        assert caught.value.id == "AGB-203"
        assert got == every_kind[: len(got)]
        fully_read = max(fully_read, len(got))
    assert fully_read == len(every_kind)


def test_a_damaged_gzip_stream_is_reported(tmp_path: Path, market: Market) -> None:
    path = tmp_path / "a.agh"
    write_history(path, [market], [BookDelta(market.yes, ((0, i, i),), i) for i in range(1, 5000)])
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(RecordingError) as caught:
        list(read_history(path).groups())
    assert caught.value.id == "AGB-203"
    assert "lines were read" in caught.value.reason


def test_an_unsealed_file_needs_no_end_line(tmp_path: Path, market: Market) -> None:
    path = tmp_path / "live.agh"
    path.write_bytes(b'{"agbot_history":1,"markets":[{"id":"0xm","yes":"Y","no":"N"}]}\n["delta",1,"Y",[]]\n')
    assert list(read_history(path).messages()) == [BookDelta(market.yes, (), 1)]


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path, market: Market) -> None:
    path = tmp_path / "a.agh"
    path.write_text("old")

    def failing() -> Iterator[MarketData]:
        yield BookDelta(market.yes, (), 1)
        raise RuntimeError("source broke")

    with pytest.raises(RuntimeError, match="source broke"):
        write_history(path, [market], failing())
    with pytest.raises(ValueError, match="comes after"):
        write_history(path, [market], [BookDelta(market.yes, (), 2), BookDelta(market.yes, (), 1)])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.agh"]


def test_an_unwritable_place_is_an_error_with_a_remedy(tmp_path: Path, market: Market) -> None:
    with pytest.raises(RecordingError, match="cannot be written") as caught:
        write_history(tmp_path / "no" / "a.agh", [market], [])
    assert caught.value.id == "AGB-206"


def test_progress_counts_every_message(tmp_path: Path, market: Market, every_kind: list[MarketData]) -> None:
    told: list[int] = []
    write_history(tmp_path / "a", [market], every_kind, progress=told.append)
    assert told == list(range(1, len(every_kind) + 1))


def test_the_documented_lines_are_what_is_written(every_kind: list[MarketData]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
    for message in every_kind:
        kind, *fields = json.loads(encode_message(message))
        assert f'["{kind}",ts' in text
        assert fields[0] == message.ts_ns


def test_reading_is_lazy(tmp_path: Path, market: Market) -> None:
    path = tmp_path / "a.agh"
    write_history(path, [market], (BookDelta(market.yes, ((0, 5, i),), i) for i in range(50_000)))
    groups = read_history(path)
    iterator = groups.groups()
    next(iterator)
    assert 0 < groups.fraction < 1
    assert groups._lines.number <= recording_module.REORDER_WINDOW + 10
    iterator.close()
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 50_002
