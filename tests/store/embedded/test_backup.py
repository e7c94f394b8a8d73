"""A backup is whole or refused: what is restored has the digests of what was backed up."""

from __future__ import annotations

import shutil
import stat
import threading
import zipfile

import pytest

from agbot.errors import NotFoundError, StoreError
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.backup import MANIFEST, backup, kept, restore
from agbot.store.embedded.schema import EXECUTIONS_NAME, FILES, METRICS_NAME
from agbot.store.rows import Filter, MetricRow
from tests.store.embedded.rows import fill, order, position

SECOND = 10**9


@pytest.fixture
def history(tmp_path):
    with EmbeddedStore(tmp_path / "h") as store:
        store.store_executions([order(), fill(), position()])
        store.insert_metrics_batch([MetricRow(n * SECOND, "m", (("a", "b"),), n / 7) for n in range(500)])
        store._writer.pack_all()
    return tmp_path / "h"


def digests(history):
    return {name: kept(history / name) for name in FILES}


def test_backup_wipe_restore_has_identical_digests(history, tmp_path):
    before, told = digests(history), []
    made = backup(history, tmp_path / "b.zip", 77, lambda done, of: told.append((done, of)))
    assert (made.made_ns, made.files) == (77, before)
    assert stat.S_IMODE((tmp_path / "b.zip").stat().st_mode) == 0o600
    assert all(0 < done <= of for done, of in told)
    shutil.rmtree(history)
    assert restore(tmp_path / "b.zip", history) == made
    assert digests(history) == before
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in history.iterdir()} == dict.fromkeys(FILES, 0o600)
    with EmbeddedStore(history) as store:  # and it goes on
        store.insert_metrics_batch([MetricRow(500 * SECOND, "m", (("a", "b"),), 1.0)])
        assert len(store.query_metrics("m", 0, 2**62)[0].points) == 501
        assert store.query_orders(Filter()) == [order()]


def test_what_came_after_the_backup_is_gone_with_its_log(history, tmp_path):
    backup(history, tmp_path / "b.zip", 0)
    before = digests(history)
    with EmbeddedStore(history) as store:
        store.store_order(order("later"))
        for rest in ("-wal", "-shm"):  # as a killed bot leaves them
            shutil.copy(history / f"{EXECUTIONS_NAME}{rest}", tmp_path / rest)
    for rest in ("-wal", "-shm"):
        shutil.copy(tmp_path / rest, history / f"{EXECUTIONS_NAME}{rest}")
    restore(tmp_path / "b.zip", history)
    assert digests(history) == before


def test_a_digest_knows_one_changed_digit(history):
    before = digests(history)
    with EmbeddedStore(history) as store:
        store.store_order(order(updated=11, filled=1))
    after = digests(history)
    assert after[METRICS_NAME] == before[METRICS_NAME]
    assert after[EXECUTIONS_NAME].rows == before[EXECUTIONS_NAME].rows
    assert after[EXECUTIONS_NAME].digest != before[EXECUTIONS_NAME].digest


def test_a_backup_is_one_moment_while_a_bot_writes(history, tmp_path):
    stop, wrote = threading.Event(), threading.Event()

    def write():
        with EmbeddedStore(history) as store:
            n = 1000
            while not stop.is_set():
                store.insert_metrics_batch([MetricRow((n + i) * SECOND, "m", (), 1.0) for i in range(100)])
                store.store_order(order(f"o{n}"))
                n += 100
                wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(30)
        made = backup(history, tmp_path / "b.zip", 0)
    finally:
        stop.set()
        writer.join()
    assert restore(tmp_path / "b.zip", tmp_path / "other") == made
    with EmbeddedStore(tmp_path / "other") as store:
        for step in (60 * SECOND, 3600 * SECOND):
            observed = sum(p.observed for s in store.query_metrics("m", 0, 2**62, None, step) for p in s.points)
            assert observed == sum(len(s.points) for s in store.query_metrics("m", 0, 2**62))


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_rows(path):
    """A whole archive whose database was changed and zipped again."""
    scratch = path.parent / "scratch"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(scratch)
    with EmbeddedStore(scratch) as store:
        store.store_order(order("planted"))
    repack(path, scratch, (MANIFEST, *FILES))


def no_metrics(path):
    scratch = path.parent / "scratch"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(scratch)
    repack(path, scratch, (MANIFEST, EXECUTIONS_NAME))


def repack(path, scratch, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.write(scratch / name, name)


DAMAGE = [cut, flipped, other_rows, no_metrics, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"x")]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_backup_changes_nothing(history, tmp_path, damage):
    backup(history, tmp_path / "b.zip", 0)
    before = {path.name: path.read_bytes() for path in history.iterdir()}
    damage(tmp_path / "b.zip")
    with pytest.raises(StoreError) as caught:
        restore(tmp_path / "b.zip", history)
    assert caught.value.id == "AGB-906"
    assert {path.name: path.read_bytes() for path in history.iterdir()} == before


def test_what_is_not_there_is_told(history, tmp_path):
    with pytest.raises(NotFoundError):
        restore(tmp_path / "none.zip", history)
    with pytest.raises(NotFoundError):
        backup(tmp_path / "none", tmp_path / "b.zip", 0)
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("target", ["there.zip", "no/such/b.zip"])
def test_a_file_that_cannot_be_written_is_told(history, tmp_path, target):
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(StoreError) as caught:
        backup(history, tmp_path / target, 0)
    assert caught.value.id == "AGB-907"
    assert (tmp_path / "there.zip").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
