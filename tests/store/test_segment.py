"""Segments: what was written is read back, and what a crash or a bad disk leaves is every block that is whole."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError, RecordingError
from agbot.store.packing import DEFLATE, ZSTD, Packer, has_zstd, packer, unpack
from agbot.store.segment import (
    FRAME,
    MAGIC,
    Connection,
    Head,
    Record,
    Segment,
    SegmentWriter,
    encode_record,
    recover,
    repack,
)
from agbot.testing.builders import make_market

HEAD = Head(
    run="r",
    number=3,
    started_ns=7,
    markets=(make_market(),),
    open=(Connection(number=2, socket="market", url="ws://x", opened_ns=5),),
)
CODECS = [name for name in ("plain", "deflate", "zstd") if name != "zstd" or has_zstd()]

records = st.builds(
    Record,
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 4),
    st.binary(max_size=60),
)
blocks = st.lists(st.lists(records, min_size=1, max_size=5), max_size=5)


def write(path: Path, told: list[list[Record]], *, codec: str = "plain", sealed: bool = True) -> None:
    path.unlink(missing_ok=True)
    writer = SegmentWriter(path, HEAD, packer(codec))
    for block in told:
        times = [record.ts_ns for record in block]
        writer.write(b"".join(map(encode_record, block)), min(times), max(times), len(block))
    if sealed:
        writer.seal()
    writer.close()


def read(path: Path) -> list[list[Record] | None]:
    """Return the records of each block, None where it is damaged."""
    segment = Segment(path)
    told: list[list[Record] | None] = []
    for block in segment.blocks:
        try:
            told.append(segment.records(block))
        except ValueError:
            told.append(None)
    segment.close()
    return told


@pytest.mark.parametrize("codec", CODECS)
@given(told=blocks, sealed=st.booleans())
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read_back(tmp_path_factory, codec, told, sealed):
    path = tmp_path_factory.mktemp("s") / "1.agf"
    write(path, told, codec=codec, sealed=sealed)
    segment = Segment(path)
    assert (segment.head, segment.sealed, segment.damage) == (HEAD, sealed, [])
    assert [segment.records(block) for block in segment.blocks] == told
    segment.close()


@given(told=blocks, start=st.integers(0, 2**63 - 1), length=st.integers(0, 2**62))
@settings(max_examples=50, deadline=None)
def test_the_index_leaves_out_no_block_of_a_span(tmp_path_factory, told, start, length):
    path = tmp_path_factory.mktemp("s") / "1.agf"
    write(path, told)
    segment = Segment(path)
    inside = [r for b in segment.between(start, start + length) for r in segment.records(b)]
    wanted = [r for block in told for r in block if start <= r.ts_ns < start + length]
    assert [r for r in inside if start <= r.ts_ns < start + length] == wanted
    segment.close()


@given(told=blocks, data=st.data())
@settings(max_examples=50, deadline=None)
def test_cut_anywhere_every_whole_block_stands(tmp_path_factory, told, data):
    path = tmp_path_factory.mktemp("s") / "1.agf"
    write(path, told, codec="deflate")
    whole = path.read_bytes()
    first = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:first])
    if first < _head_end(whole):
        with pytest.raises(RecordingError) as e:
            Segment(path)
        assert e.value.id in ("AGB-202", "AGB-923")
        return
    kept = read(path)
    assert kept == told[: len(kept)]
    ends = _ends(whole, told)
    assert len(kept) == sum(end <= first for end in ends)
    assert recover(path) == first - (ends[len(kept) - 1] if kept else _head_end(whole))
    assert read(path) == kept
    segment = Segment(path)
    assert segment.sealed
    segment.close()
    assert recover(path) is None


def _head_end(whole: bytes) -> int:
    return whole.index(b"\x1eAGB", len(MAGIC) + 1)


def _ends(whole: bytes, told: list[list[Record]]) -> list[int]:
    """Return where each block of the file ends: where the next one, or the index, begins."""
    starts, at = [], len(MAGIC)
    while (at := whole.find(b"\x1eAGB", at)) >= 0:
        starts.append(at)
        at += 36 + int.from_bytes(whole[at + 8 : at + 12], "little")
    return starts[2:] if told else []


@pytest.mark.parametrize("sealed", [True, False])
@given(told=blocks.filter(bool), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_costs_its_block_and_no_other(tmp_path_factory, sealed, told, data):
    path = tmp_path_factory.mktemp("s") / "1.agf"
    write(path, told, sealed=sealed)
    whole = bytearray(path.read_bytes())
    ends = [*_ends(bytes(whole), told), len(whole)][: len(told)]
    at = data.draw(st.integers(_head_end(bytes(whole)), ends[-1] - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    hit = sum(end <= at for end in ends)
    kept = read(path)
    others = [block for n, block in enumerate(told) if n != hit]
    assert [block for block in kept if block is not None] == others
    assert told[hit] not in (kept[hit : hit + 1] if sealed else []) or told[hit] in others


def test_damage_between_whole_blocks_is_told_and_recovered_around(tmp_path):
    told = [[Record(n, 1, FRAME, b"x" * 50)] for n in range(4)]
    path = tmp_path / "1.agf"
    write(path, told, sealed=False)
    whole = bytearray(path.read_bytes())
    start = _head_end(bytes(whole))
    whole[start + 40] ^= 255
    path.write_bytes(whole)
    segment = Segment(path)
    assert [at for at, _ in segment.damage] == [start]
    segment.close()
    assert recover(path) == 0
    assert read(path) == told[1:]


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", "AGB-202"), (b"hello", "AGB-202"), (MAGIC, "AGB-923"), (MAGIC + b"\x1eAGB" + bytes(60), "AGB-923")],
)
def test_files_that_are_none(tmp_path, content, error):
    path = tmp_path / "1.agf"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as e:
        Segment(path)
    assert e.value.id == error


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "1.agf"
    SegmentWriter(path, Head(agbot_frames=2, run="r", number=1, started_ns=0), packer("plain")).seal()
    with pytest.raises(RecordingError, match="version 2"):
        Segment(path)


def test_a_missing_file_and_a_folder(tmp_path):
    for path, code in ((tmp_path / "no", 4), (tmp_path, 1)):
        with pytest.raises(RecordingError) as e:
            Segment(path)
        assert (e.value.id, e.value.exit_code) == ("AGB-201", code)


def test_a_disk_that_fills_in_the_middle_of_a_block_leaves_the_blocks_before(tmp_path, monkeypatch):
    path = tmp_path / "1.agf"
    writer = SegmentWriter(path, HEAD, packer("plain"))
    first = Record(1, 1, FRAME, b"first")
    writer.write(encode_record(first), 1, 1, 1)
    real = os.write

    def full(file, content):
        if len(content) < 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, content[:30])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        writer.write(encode_record(Record(2, 1, FRAME, b"second")), 2, 2, 1)
    monkeypatch.undo()
    third = Record(3, 1, FRAME, b"third")
    writer.write(encode_record(third), 3, 3, 1)
    writer.seal()
    assert read(path) == [[first], [third]]


@pytest.mark.parametrize("codec", CODECS)
def test_packed_anew_it_says_the_same_in_fewer_blocks(tmp_path, codec):
    told = [[Record(n, 1, FRAME, b"frame %d" % n)] for n in range(40)]
    path = tmp_path / "1.agf"
    write(path, told, codec=codec)
    repack(path, packer(codec), 300)
    segment = Segment(path)
    assert segment.sealed
    assert 1 < len(segment.blocks) < 10
    assert [segment.blocks[0].first_ns, segment.blocks[-1].last_ns] == [0, 39]
    segment.close()
    assert [record for block in read(path) for record in block] == [record for block in told for record in block]
    assert os.listdir(tmp_path) == ["1.agf"]


def test_a_damaged_segment_is_not_packed_anew(tmp_path):
    path = tmp_path / "1.agf"
    write(path, [[Record(n, 1, FRAME, b"x" * 50)] for n in range(3)])
    whole = bytearray(path.read_bytes())
    whole[_head_end(bytes(whole)) + 50] ^= 1
    path.write_bytes(whole)
    repack(path, packer("deflate"), 10**6)
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["1.agf"]


def test_what_is_not_what_was_packed():
    packed = packer("deflate").pack(b"hello")
    for codec, stored, size in ((DEFLATE, packed, 4), (DEFLATE, packed, 6), (DEFLATE, b"junk", 5), (9, b"x", 1)):
        with pytest.raises(ValueError):
            unpack(codec, stored, size)
    if has_zstd():
        with pytest.raises(ValueError):
            unpack(ZSTD, b"junk", 4)


def test_without_zstandard_deflate_packs_and_zstd_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert isinstance(packer("deflate"), Packer)
    with pytest.raises(ConfigError, match=r"pip install 'agbot\[record\]'"):
        packer("zstd")
    monkeypatch.setattr("agbot.store.packing.has_zstd", lambda: False)
    assert packer().name == "deflate"
