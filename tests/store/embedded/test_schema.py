"""Versions of the files: forward, back, never half; what cannot be opened is told, and nothing is thrown away."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from agbot.errors import ConfigError, NotFoundError, StoreError
from agbot.store.embedded import EmbeddedStore, HistoryReader, schema
from agbot.store.embedded.schema import EXECUTIONS, EXECUTIONS_NAME, FILES, METRICS_NAME, Migration, migrate, version_of
from agbot.store.embedded.upkeep import lead, status
from agbot.store.rows import Filter
from tests.store.embedded.rows import fill, order


@pytest.fixture
def history(tmp_path):
    with EmbeddedStore(tmp_path / "h") as store:
        store.store_executions([order(), fill()])
    return tmp_path / "h"


def on(path, *statements):
    """Execute statements and return the rows of the last one."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        return [db.execute(statement).fetchall() for statement in statements][-1]
    finally:
        db.close()


def tables(path):
    return on(path, "select name, sql from sqlite_master order by name")


def test_files_are_private(history):
    assert stat.S_IMODE(history.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in history.iterdir()} == {0o600}


def test_back_and_forward_again_is_the_same_and_keeps_the_rows(history):
    before = tables(history / EXECUTIONS_NAME)
    assert [step.number for step in lead(history, 1)[EXECUTIONS_NAME]] == [2]
    assert tables(history / EXECUTIONS_NAME) != before
    with HistoryReader(history) as reader:  # an older version can be read
        assert reader.query_orders(Filter()) == [order()]
    assert [step.number for step in lead(history, None)[EXECUTIONS_NAME]] == [2]
    assert lead(history, None) == {name: [] for name in FILES}
    assert tables(history / EXECUTIONS_NAME) == before
    with EmbeddedStore(history) as store:
        assert store.query_fills(Filter()) == [fill()]


def test_a_writer_leads_an_older_file_forward(history):
    lead(history, 1)
    EmbeddedStore(history).close()
    assert [file.version for file in status(history)] == [file.newest for file in status(history)]


@pytest.mark.parametrize("name", FILES)
def test_every_step_down_undoes_its_step_up(name):
    db = sqlite3.connect(":memory:", isolation_level=None)
    numbers, seen = range(FILES[name][-1].number + 1), []

    def at(number):
        migrate(db, Path(name), number)
        return db.execute("select name, sql from sqlite_master order by name").fetchall()

    seen = [at(number) for number in numbers]
    assert [at(number) for number in reversed(numbers)] == seen[::-1]
    db.close()


def test_a_step_that_fails_leaves_the_version_before(history, monkeypatch):
    broken = Migration(3, "broken", ("create table extra (a)", "create nonsense"), ())
    monkeypatch.setitem(schema.FILES, EXECUTIONS_NAME, (*EXECUTIONS, broken))
    before = tables(history / EXECUTIONS_NAME)
    with pytest.raises(StoreError) as caught:
        lead(history, None)
    assert caught.value.id == "AGB-901"
    assert tables(history / EXECUTIONS_NAME) == before
    db = sqlite3.connect(history / EXECUTIONS_NAME)
    assert version_of(db) == 2
    db.close()


@pytest.mark.parametrize("to", [0, 3, -1])
def test_there_are_only_the_versions_that_there_are(history, to):
    with pytest.raises(ConfigError) as caught:
        lead(history, to)
    assert caught.value.id == "AGB-909"


@pytest.mark.parametrize("opened", [EmbeddedStore, HistoryReader, lambda path: lead(path, None)])
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_newer_agbot_is_left_alone(history, name, opened):
    on(history / name, "pragma user_version=99")
    before = tables(history / name)
    with pytest.raises(StoreError) as caught:
        opened(history)
    assert (caught.value.id, tables(history / name)) == ("AGB-902", before)
    assert [file.version for file in status(history) if file.name == name] == [99]


@pytest.mark.parametrize("opened", [EmbeddedStore, HistoryReader])
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_told_and_left(history, name, opened):
    (history / name).write_bytes(b"not a database, whatever it is called" * 100)
    with pytest.raises(StoreError) as caught:
        opened(history)
    assert (caught.value.id, str(history / name) in str(caught.value)) == ("AGB-901", True)
    assert (history / name).read_bytes().startswith(b"not a database")


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory") as caught:
        EmbeddedStore(tmp_path / "file" / "h")
    assert caught.value.id == "AGB-901"


def test_there_is_no_status_of_nothing(tmp_path):
    with pytest.raises(NotFoundError):
        status(tmp_path)


def test_status_says_from_when_to_when(history):
    executions, metrics = status(history)
    assert (executions.name, executions.first_ns, executions.last_ns) == (EXECUTIONS_NAME, 5, 10)
    assert (metrics.name, metrics.first_ns, metrics.last_ns) == (METRICS_NAME, 0, 0)
    assert executions.size > 4096
