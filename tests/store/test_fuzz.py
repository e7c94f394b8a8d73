"""Whatever bytes come, only our own errors leave, and reading stays honest about what it skipped."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.errors import AgbotError
from agbot.model.events import MarketData
from agbot.store import lines as lines_module
from agbot.store.history import write_history
from agbot.store.importers import open_recording
from agbot.store.recording import Recording

ROWS = b"asset_id,event_type,price,side,size,hash,timestamp\n" + b"".join(
    b"%s,price_change,0.%d,bid,%d,h%d,17502168152%02d\n" % (b"AB"[i % 2 : i % 2 + 1], i + 1, i, i, i) for i in range(40)
)
FRAMES = b"".join(
    b'{"event_type":"price_change","market":"0xm","asset_id":"%s","timestamp":"17502168152%02d",'
    b'"changes":[{"price":".5","side":"BUY","size":"%d"}]}\n' % (b"AB"[i % 2 : i % 2 + 1], i, i)
    for i in range(40)
)
HISTORY = b'{"agbot_history":1,"markets":[{"id":"0xm","yes":"A","no":"B"}]}\n' + b"".join(
    b'["delta",%d,"A",[[0,5,%d]]]\n' % (i, i + 1) for i in range(40)
)
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def _read(path: Path, content: bytes) -> tuple[Recording | None, list[MarketData]]:
    path.write_bytes(content)
    messages: list[MarketData] = []
    recording = None
    try:
        recording = open_recording(path)
        messages.extend(recording.messages())
    except AgbotError as e:
        problem = (e.id in {"AGB-202", "AGB-203", "AGB-205"}, bool(e.remedy))
    else:
        return recording, messages
    assert problem == (True, True)
    return recording, messages


@QUIET
@given(content=st.binary(max_size=300), start=st.sampled_from([b"", ROWS, FRAMES, HISTORY]), zipped=st.booleans())
def test_arbitrary_bytes_raise_only_our_errors(tmp_path: Path, content: bytes, start: bytes, zipped: bool) -> None:
    data = start + content
    _read(tmp_path / "x", gzip.compress(data) if zipped else data)


@QUIET
@given(source=st.sampled_from([ROWS, FRAMES, HISTORY]), at=st.integers(120, 10_000), byte=st.integers(0, 255))
def test_one_damaged_byte_costs_at_most_its_line_and_neighbour(
    tmp_path: Path, source: bytes, at: int, byte: int
) -> None:
    damaged = bytearray(source)
    damaged[at % (len(source) - 120) + 120] = byte
    recording, messages = _read(tmp_path / "x", bytes(damaged))
    if recording is None:
        return
    assert 38 <= len(messages) <= 41
    assert recording.log.skipped_count <= 2
    times = [message.ts_ns for message in messages]
    assert times == sorted(times)


@pytest.mark.parametrize("source", [ROWS, FRAMES, HISTORY], ids=["rows", "frames", "history"])
def test_an_overlong_line_is_set_aside(tmp_path: Path, source: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINE", 400)
    head, rest = source.split(b"\n", 1)
    path = tmp_path / "x"
    recording, messages = _read(path, head + b"\n" + b"x" * 1000 + b"\n" + rest)
    assert recording is not None
    assert len(messages) == 40
    assert [skip.line for skip in recording.skipped] == [2]


def test_what_is_read_can_be_written_and_read_again(tmp_path: Path) -> None:
    for source in (ROWS, FRAMES, HISTORY):
        recording, messages = _read(tmp_path / "x", source)
        assert recording is not None
        assert len(messages) == 40
        write_history(tmp_path / "y", recording.markets, messages)
        again, copied = _read(tmp_path / "y", (tmp_path / "y").read_bytes())
        assert again is not None
        assert (again.markets, copied) == (recording.markets, messages)
