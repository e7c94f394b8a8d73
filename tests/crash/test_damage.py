"""Damaged journals: whatever happens to the bytes, the believable prefix stands, or the reader says what is wrong."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from agbot.errors import StoreError
from agbot.store.carry import carry_from, carry_latest
from agbot.store.journal import BATCH, RUN, STEP, Header, Journal, JournalReader
from agbot.store.verify import verify

CASES = 120
SAID = {"AGB-603", "AGB-605", "AGB-606", "AGB-609"}


@pytest.fixture(scope="module")
def pristine(victims, recording, tmp_path_factory):
    """The journal of a killed replay: most of it in the main file, its tail in the write-ahead log."""
    state = tmp_path_factory.mktemp("state")
    job = {
        "argv": ["run", "--replay", str(recording), "--no-web", "--json", "--state-dir", str(state)],
        "kill": ["committed", 900],
    }
    (ended,) = victims([job])
    assert ended.killed
    (path,) = (state / "runs").glob("*.agj")
    assert Path(f"{path}-wal").stat().st_size > 0
    return path


def copied(pristine: Path, to: Path) -> Path:
    to.mkdir()
    for part in (pristine, Path(f"{pristine}-wal")):
        shutil.copy(part, to / part.name)
    return to / pristine.name


def settled(pristine: Path, to: Path) -> Path:
    """Return a copy with everything in the main file."""
    path = copied(pristine, to)
    db = sqlite3.connect(path)
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    assert not Path(f"{path}-wal").exists()
    return path


def cut(target: Path, dice):
    with target.open("r+b") as file:
        file.truncate(dice.randrange(target.stat().st_size))


def flip(target: Path, dice):
    at = dice.randrange(target.stat().st_size)
    with target.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << dice.randrange(8))]))


def blank(target: Path, dice):
    at = dice.randrange(target.stat().st_size)
    with target.open("r+b") as file:
        file.seek(at)
        file.write(bytes(min(dice.choice((1, 16, 512, 4096)), target.stat().st_size - at)))


@pytest.mark.parametrize("wound", [cut, flip, blank])
@pytest.mark.parametrize("part", ["main", "wal"])
def test_any_damage_leaves_a_prefix_or_a_word(pristine, journaled, dice, tmp_path, part, wound):
    whole = journaled(settled(pristine, tmp_path / "whole")).records
    assert len(whole) >= 900
    shorter = 0
    for case in range(CASES // 6):
        path = copied(pristine, tmp_path / f"{case}") if part == "wal" else settled(pristine, tmp_path / f"{case}")
        wound(path if part == "main" else Path(f"{path}-wal"), dice)
        found = believed(lambda: journaled(path))  # noqa: B023 - called at once
        if found is not None:
            assert found.records == whole[: len(found.records)], "a record changed and was believed"
            check_readers(path, found)
        shorter += found is None or len(found.records) < len(whole)
    assert shorter or wound is not cut, "no damage did anything: nothing was proved"


def believed(read):
    """Return what `read` returns, None when it says in our words that this is no journal; nothing else may escape."""
    try:
        return read()
    except StoreError as e:
        if e.id not in SAID:
            raise
        return None


def check_readers(path, found):
    """Verification and carry-over read the same prefix, or say why not."""
    verdict, carry = believed(lambda: verify(path)), believed(lambda: carry_from(path))
    assert (verdict is None) == (carry is None) == (not found.records)
    if verdict is not None:
        assert verdict.agrees
        assert verdict.records == len(found.records)
        assert verdict.set_aside == carry.set_aside == found.set_aside


def test_a_record_table_without_its_root_is_said_to_be_unreadable(pristine, journaled, tmp_path):
    path = settled(pristine, tmp_path / "case")
    db = sqlite3.connect(path)
    (root,) = db.execute("select rootpage from sqlite_master where name = 'record'").fetchone()
    (size,) = db.execute("pragma page_size").fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(bytes(size))
    found = journaled(path)
    assert found.records == ()
    assert "unreadable page" in found.set_aside[0][1]
    with pytest.raises(StoreError, match="AGB-609"):
        verify(path)


# ---------------------------------------------------------------- killed while the file was being made


def header(capital=7, mode="DEMO") -> bytes:
    made_of = {"version": "0", "seed": 0, "policies": '{"policies": []}', "strategies": (), "started_ns": 5}
    return msgspec.msgpack.encode(Header(run_id="r", mode=mode, capital=capital, **made_of))


def earlier_run(directory: Path, name="20260101T000000000-demo", **fields) -> Path:
    journal = Journal(directory / f"{name}.agj")
    journal.append(RUN, 5, header(**fields))
    journal.append(BATCH, 6, msgspec.msgpack.encode([]))
    journal.close()
    return journal.path


def no_bytes(path: Path):
    path.touch()


def no_tables(path: Path):
    db = sqlite3.connect(path)
    db.execute("pragma journal_mode=wal")
    db.close()


def no_records(path: Path):
    Journal(path).close()


@pytest.mark.parametrize("stage", [no_bytes, no_tables, no_records])
def test_a_run_killed_before_its_first_record_does_not_stop_the_next(tmp_path, stage):
    earlier_run(tmp_path)
    stage(tmp_path / "20260102T000000000-demo.agj")
    assert carry_latest(tmp_path, "DEMO").cash == 7


def test_there_is_no_other_stage_of_a_journal_being_made(tmp_path):
    """Tables and schema row come in one transaction: killed before its commit, there are none."""
    statements = []

    class Watched(sqlite3.Connection):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.set_trace_callback(statements.append)

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Watched))
        Journal(tmp_path / "run.agj").close()
    words = [s.split()[0].rstrip(";") for s in statements if not s.startswith("pragma")]
    assert words == ["begin", "create", "create", "insert", "commit"]


# ---------------------------------------------------------------- money is not lost quietly


def damaged_first(path: Path) -> Path:
    db = sqlite3.connect(path)
    with db:
        db.execute("update record set body = x'00' where seq = 1")
    db.close()
    return path


def test_a_run_whose_first_record_is_damaged_is_not_taken_for_one_that_never_traded(tmp_path):
    earlier_run(tmp_path, capital=5)
    path = damaged_first(earlier_run(tmp_path, "20260102T000000000-demo"))
    with pytest.raises(StoreError, match="first record") as caught:
        carry_latest(tmp_path, "DEMO")
    assert caught.value.id == "AGB-609"
    assert "delete" not in caught.value.remedy
    reader = JournalReader(path)
    with pytest.raises(StoreError, match="first record"):
        reader.header()
    reader.close()


@pytest.mark.parametrize("kind", [RUN, BATCH, STEP])
def test_whole_records_of_another_version_are_named_as_such(tmp_path, kind):
    journal = Journal(tmp_path / "20260101T000000000-demo.agj")
    if kind != RUN:
        journal.append(RUN, 5, header())
    journal.append(kind, 6, msgspec.msgpack.encode({"a": "language of tomorrow"}))
    journal.close()
    for read in (carry_from, verify):
        with pytest.raises(StoreError, match="AGB-605"):
            read(journal.path)


def test_the_carry_says_what_was_set_aside(tmp_path):
    path = earlier_run(tmp_path)
    db = sqlite3.connect(path)
    with db:
        db.execute("update record set body = x'00' where seq = 2")
    db.close()
    assert carry_latest(tmp_path, "DEMO").set_aside == ((2, "checksum mismatch"),)


def test_money_of_a_replay_is_not_the_money_of_the_demo(tmp_path):
    earlier_run(tmp_path, capital=5)
    earlier_run(tmp_path, "20260102T000000000-replay", capital=9, mode="REPLAY")
    assert carry_latest(tmp_path, "DEMO").cash == 5
    assert carry_latest(tmp_path, "REPLAY").cash == 9
    assert carry_latest(tmp_path, "PAPER") is None
