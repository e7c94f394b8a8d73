"""agbot history: import, export and verify, as a person types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.errors import AgbotError
from agbot.model.events import BookDelta, BookSnapshot, LinkUp
from agbot.store.history import read_history, write_history
from agbot.store.importers import open_recording
from agbot.store.packing import packer
from agbot.store.recorder import Bounds, FrameRecorder, segments_in
from agbot.store.segment import FRAME, Head, Record, SegmentWriter, encode_record
from agbot.testing.builders import make_market
from agbot.testing.frames import book, price_change
from agbot.units import NS_PER_S

MARKET = make_market()
T = 1_700_000_000 * NS_PER_S


def run(*words):
    return CliRunner().invoke(cli.cli, ["history", *map(str, words)])


def failed(*words):
    error = run(*words).exception
    assert isinstance(error, AgbotError), error
    return error


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "game.agh"
    told = [
        BookSnapshot(MARKET.yes, ((400_000, 5),), ((600_000, 5),), T),
        BookDelta(MARKET.yes, ((0, 410_000, 7),), T + 90 * NS_PER_S),
    ]
    write_history(path, [MARKET], told)
    return path


@pytest.fixture
def tape(tmp_path):
    folder = tmp_path / "tape"
    now = [T]
    bounds = Bounds(free_min=0, segment_bytes=1)
    recorder = FrameRecorder(folder, markets=[MARKET], packer=packer("deflate"), now_ns=lambda: now[0], bounds=bounds)
    number = recorder.opened("market", "ws://x")
    for n in range(3):
        now[0] = T + n * NS_PER_S
        ms = now[0] // 10**6
        frame = (
            book(MARKET.yes, {"0.4": "5"}, {}, ms=ms)
            if n == 0
            else price_change((MARKET.yes, "BUY", "0.4", "6"), ms=ms)
        )
        recorder.frames(number, [frame])
        recorder.write(recorder.take())
    recorder.close()
    return folder


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.jsonl", "x.agh"])
def test_export_and_import_give_the_same_recording(history, tmp_path, name):
    told = json.loads(run("export", history, "--to", tmp_path / name, "--json").output)
    assert told["messages"] == 2
    assert told["bytes"] == (tmp_path / name).stat().st_size
    assert run("import", tmp_path / name, "--to", tmp_path / "back.agh").exit_code == 0
    back = read_history(tmp_path / "back.agh")
    assert (list(back.messages()), back.markets) == (list(read_history(history).messages()), (MARKET,))


def test_a_recorders_folder_is_one_recording(tape, tmp_path):
    assert run("import", tape, "--to", tmp_path / "x.agh").exit_code == 0
    assert list(read_history(tmp_path / "x.agh").messages()) == list(open_recording(tape).messages())


def test_a_folder_of_files_becomes_a_folder_and_what_is_none_is_named(history, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    history.rename(source / "a.agh")
    (source / "notes.txt").write_text("hello\n")
    (source / "b.csv").write_text("date,v\n2020-01-01,5\n")
    told = json.loads(run("import", source, "--to", tmp_path / "out", "--json").output)
    assert [row["file"] for row in told["left_out"]] == ["notes.txt"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.agh", "b.agh"]
    assert "left out: notes.txt" in run("import", source, "--to", tmp_path / "out", "--force").output


def test_what_cannot_be_exported_or_imported(history, tmp_path):
    assert failed("export", history, "--to", tmp_path / "x.doc").id == "AGB-925"
    assert failed("export", history, "--to", history).id == "AGB-206"
    assert failed("export", tmp_path / "no", "--to", tmp_path / "x.csv").id == "AGB-201"
    assert failed("import", history, "--to", history).id == "AGB-206"
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert failed("import", tmp_path / "empty", "--to", tmp_path / "file" / "x").id == "AGB-206"


def test_a_whole_recording_is_whole(history, tape):
    told = json.loads(run("verify", history, "--json").output)
    assert (told["whole"], told["messages"], told["gaps"]) == (True, 2, [[T, T + 90 * NS_PER_S]])
    told = json.loads(run("verify", tape, "--json").output)
    assert (told["whole"], told["segments"], told["blocks"], told["records"]) == (True, 3, 3, 4)
    assert json.loads(run("verify", history, "--gap", "2m", "--json").output)["gaps"] == []
    text = run("verify", history).output
    assert "no message for 90.0 s" in text
    assert "whole" in text


def test_a_flipped_bit_is_found(tape):
    path = segments_in(tape)[1]
    whole = bytearray(path.read_bytes())
    whole[-120] ^= 1
    path.write_bytes(whole)
    result = run("verify", tape)
    assert isinstance(result.exception, AgbotError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-923", 1)
    assert path.name in result.output


def test_a_history_that_was_cut_is_found(history):
    history.write_bytes(history.read_bytes()[:-10])
    assert failed("verify", history).id == "AGB-923"


def test_missing_files_a_clock_that_went_back_and_an_open_end_are_told(tape):
    segments_in(tape)[1].unlink()
    path = tape / "000004-x.agf"
    writer = SegmentWriter(path, Head(run="r", number=9, started_ns=T), packer("plain"))
    content = encode_record(Record(T + 5, 1, FRAME, b"PONG")) + encode_record(Record(T + 4, 1, FRAME, b"PONG"))
    writer.write(content, T + 4, T + 5, 2)
    writer.close()
    told = json.loads(run("verify", tape, "--json").output)
    words = "\n".join(found["words"] for found in told["findings"])
    assert told["whole"]
    for part in ("those between are not here", "not sealed", "went back", "written as number 9", "which nobody opened"):
        assert part in words


def test_an_index_that_lies_is_damage(tape, monkeypatch):
    path = segments_in(tape)[0]
    path.unlink()
    writer = SegmentWriter(path, Head(run="r", number=1, started_ns=T), packer("plain"))
    content = encode_record(Record(T, 1, FRAME, b"PONG"))
    writer.write(content, T, T + 7, 1)
    writer.write(content, T, T, 1)
    del writer.blocks[1]
    writer.seal()
    told = json.loads(run("verify", tape, "--json").stdout.splitlines()[0])
    assert [f["words"] for f in told["findings"] if f["kind"] == "damage"] == [
        "the index has other blocks than the file",
        "the index has other times than the block",
    ]


def test_lines_set_aside_are_told_and_no_damage(tmp_path):
    path = tmp_path / "x.agh"
    write_history(path, [MARKET], [LinkUp("f", 1)], compress=False)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "rubbish", lines[1], '["end",2]']) + "\n")
    told = json.loads(run("verify", path, "--json").output)
    assert (told["whole"], told["set_aside"], told["findings"][0]["where"]) == (True, 1, "line 2")
