"""The journal: what is committed stays, what is torn is set aside, what is wrong is said."""

import os
import sqlite3
import stat

import msgspec
import pytest

from agbot.core.step import Output
from agbot.errors import NotFoundError, StoreError
from agbot.model.events import BookDelta, Timer
from agbot.store import journal as j
from agbot.store.codec import GENESIS, chain, decode_batch, decode_output, encode_batch, encode_output


def header() -> j.Header:
    return j.Header(run_id="r", mode="DEMO", version="0", capital=1, seed=0, policies="", strategies=(), started_ns=5)


@pytest.fixture
def written(tmp_path):
    journal = j.Journal(tmp_path / "run.agj")
    journal.append(j.RUN, 5, msgspec.msgpack.encode(header()))
    for n in range(1, 5):
        journal.append(j.BATCH, 5 + n, encode_batch([Timer("second", n)]))
    journal.close()
    return journal.path


def read(path):
    reader = j.JournalReader(path)
    try:
        return list(reader.records()), reader.set_aside
    finally:
        reader.close()


def damage(path, sql):
    with sqlite3.connect(path) as db:
        db.execute(sql)
    db.close()


def test_what_was_written_is_read(written):
    records, aside = read(written)
    assert [r.seq for r in records] == [1, 2, 3, 4, 5]
    assert aside == []
    assert decode_batch(records[2].body) == [Timer("second", 2)]
    reader = j.JournalReader(written)
    assert reader.header() == header()
    reader.close()


def test_the_file_is_private(written):
    assert stat.S_IMODE(os.stat(written).st_mode) == 0o600


def test_nothing_is_durable_before_the_commit(tmp_path):
    journal = j.Journal(tmp_path / "run.agj")
    seq = journal.append(j.BATCH, 1, b"x")
    assert journal.durable_seq < seq
    assert read(journal.path)[0] == []
    assert journal.commit() == seq
    assert len(read(journal.path)[0]) == 1
    journal.close()


@pytest.mark.parametrize(
    ("sql", "kept", "reason"),
    [
        ("update record set body = x'00' where seq = 4", 3, "checksum"),
        ("update record set now_ns = 99 where seq = 3", 2, "checksum"),
        ("update record set kind = 'step' where seq = 5", 4, "checksum"),
        ("delete from record where seq = 2", 1, "gap"),
        ("update record set body = 'text' where seq = 5", 4, "wrong type"),
    ],
)
def test_a_corrupt_record_ends_the_believable_prefix(written, sql, kept, reason):
    damage(written, sql)
    records, aside = read(written)
    assert len(records) == kept
    assert reason in aside[0][1]


def test_another_schema_is_refused(written):
    damage(written, "update meta set value = '99'")
    with pytest.raises(StoreError, match="schema 99"):
        j.JournalReader(written)


def test_not_a_journal(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"hello" * 500)
    with pytest.raises(StoreError, match="not a journal"):
        j.JournalReader(path)
    with pytest.raises(NotFoundError):
        j.JournalReader(tmp_path / "none")


def test_a_missing_header_is_named(tmp_path):
    journal = j.Journal(tmp_path / "run.agj")
    journal.close()
    reader = j.JournalReader(journal.path)
    with pytest.raises(StoreError, match="does not begin"):
        reader.header()
    reader.close()


def test_an_existing_file_is_never_overwritten(written):
    with pytest.raises(StoreError, match="cannot create"):
        j.Journal(written)


def test_a_failed_commit_keeps_its_records(tmp_path, monkeypatch):
    journal = j.Journal(tmp_path / "run.agj")
    journal.append(j.BATCH, 1, b"x")
    real = journal._db

    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

    journal._db = Full()
    with pytest.raises(StoreError, match="disk is full"):
        journal.commit()
    journal._db = real
    assert journal.backlog == 1
    journal.commit()
    assert read(journal.path)[0][0].body == b"x"
    journal.close()


def test_a_backlog_over_its_bound_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(j, "BACKLOG_MAX", 3)
    journal = j.Journal(tmp_path / "run.agj")
    for _ in range(3):
        journal.append(j.BATCH, 1, b"")
    with pytest.raises(StoreError, match="behind the disk"):
        journal.append(j.BATCH, 1, b"")
    journal.close()


def test_codec_round_trip_and_chain():
    batch = [BookDelta("t", ((0, 1, 2),), 3), Timer("second", 4)]
    assert decode_batch(encode_batch(batch)) == batch
    output = Output((), (), ("odd",))
    assert decode_output(encode_output(output)) == output
    first = chain(GENESIS, 1, b"a")
    assert first != chain(GENESIS, 2, b"a") != chain(first, 2, b"a")
    assert len(first) == 16


def test_a_run_does_not_begin_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(j, "DISK_FREE_MIN", 2**62)
    with pytest.raises(StoreError, match="AGB-610"):
        j.Journal(tmp_path / "run.agj")
    assert list(tmp_path.iterdir()) == []
