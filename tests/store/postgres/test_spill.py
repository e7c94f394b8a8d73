"""What waits on the disk: in order, whole, within its bound, and executions never go."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import StoreError
from agbot.store.postgres.spill import CHUNK_ROWS, Spill
from agbot.store.postgres.spill import _encode as encode
from agbot.store.postgres.spill import _packed as packed
from agbot.store.postgres.tables import Batch, Execution
from agbot.store.rows import MetricRow
from tests.store.postgres.model import fill, metric, order, position

ROOMY = 10**6


def drained(spill: Spill, rows_max: int = 50) -> Batch:
    """Return all that is held, and let go of it."""
    batch = Batch([], [])
    while held := spill.oldest(rows_max):
        batch.metrics.extend(held.batch.metrics)
        batch.executions.extend(held.batch.executions)
        spill.release(held.records)
    return batch


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    executions: list[Execution] = [fill(1), order(2), fill(1, settlement="CONFIRMED"), position(3)]
    spill = Spill(tmp_path / "spill")
    spill.hold(Batch([metric(1, value=0.1)], executions))
    spill.hold(Batch([metric(2, name="größe")], [order(7, reason="\0 ü")]))
    spill.close()
    spill = Spill(tmp_path / "spill")
    assert (spill.rows, spill.dropped, spill.set_aside) == (7, 0, 0)
    expected = Batch([metric(1, value=0.1), metric(2, name="größe")], [*executions, order(7, reason="\0 ü")])
    assert drained(spill, 1) == expected
    assert (spill.rows, spill.bytes, spill.oldest(1)) == (0, 0, None)
    spill.close()


def test_rows_that_are_not_released_come_again(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill")
    spill.hold(Batch([], [order()]))
    assert spill.oldest(9) == spill.oldest(9)
    spill.close()


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Spill(tmp_path / "spill").close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "spill").stat().st_mode) == 0o600


def test_what_does_not_encode_is_held_all_the_same(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill")
    spill.hold(Batch([metric(name="half \ud800", labels=(("\udfff", "x"),))], []))
    assert drained(spill).metrics == [metric(name="half ?", labels=(("?", "x"),))]
    spill.close()


def test_the_oldest_observations_go_and_are_counted(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 20_000)
    for n in range(100):
        spill.hold(Batch([metric(n * 10 + i) for i in range(10)], [order(n)] if n < 20 else []))
    assert spill.bytes <= 20_000
    left = drained(spill)
    assert left.executions == [order(n) for n in range(20)]
    assert left.metrics == [metric(n) for n in range(1_000 - len(left.metrics), 1_000)]
    assert 0 < spill.dropped == 1_000 - len(left.metrics)
    spill.close()
    spill = Spill(tmp_path / "spill")
    assert spill.dropped == 1_000 - len(left.metrics)  # it is remembered
    spill.close()


def test_an_execution_without_room_is_refused_and_none_goes(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", 5_000)
    told = 5_000 // len(encode(packed(Batch([], [order(10)]))))
    for n in range(10, 10 + told):
        spill.hold(Batch([metric(n)], [order(n)]))
    with pytest.raises(StoreError, match=r"AGB-916.*full of orders and fills"):
        spill.hold(Batch([], [order(99)]))
    spill.hold(Batch([metric(1)] * CHUNK_ROWS, []))  # observations give way instead
    assert spill.dropped >= CHUNK_ROWS
    assert drained(spill).executions == [order(n) for n in range(10, 10 + told)]
    spill.hold(Batch([], [order(99)]))
    spill.close()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.booleans()), max_size=30), st.integers(500, 6_000))
def test_told_is_held_or_dropped_or_refused(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, int, bool]], bytes_max: int
) -> None:
    path = tmp_path_factory.mktemp("spill") / "spill"
    spill = Spill(path, bytes_max)
    back, metrics, executions = Batch([], []), [], []
    for number, (many, few, drain) in enumerate(told):
        batch = Batch([metric(number * 100 + i) for i in range(many)], [order(number * 100 + i) for i in range(few)])
        try:
            spill.hold(batch)
        except StoreError:
            assert few
        else:
            metrics += batch.metrics
            executions += batch.executions
        assert spill.bytes <= bytes_max
        if drain:
            for kept, more in zip(back, drained(spill), strict=True):
                kept.extend(more)  # type: ignore[arg-type]
    for kept, more in zip(back, drained(spill), strict=True):
        kept.extend(more)  # type: ignore[arg-type]
    assert back.executions == executions
    assert len(back.metrics) + spill.dropped == len(metrics)
    assert is_part_in_order(back.metrics, metrics)
    spill.close()


def is_part_in_order(part: list[MetricRow], whole: list[MetricRow]) -> bool:
    rest = iter(whole)
    return all(row in rest for row in part)


def test_a_damaged_record_is_set_aside_and_the_others_stand(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill")
    for n in range(3):
        spill.hold(Batch([], [order(n), fill(n)]))
    spill.close()
    with sqlite3.connect(tmp_path / "spill") as database:
        (body,) = database.execute("select body from held where seq = 2").fetchone()
        database.execute("update held set body = ? where seq = 2", [body[:40] + b"?" + body[41:]])
    database.close()
    spill = Spill(tmp_path / "spill")
    assert drained(spill).executions == [order(0), fill(0), order(2), fill(2)]
    assert (spill.set_aside, spill.rows) == (2, 0)
    spill.close()


def test_two_bots_do_not_share_one(tmp_path: Path) -> None:
    first = Spill(tmp_path / "spill")
    with pytest.raises(StoreError, match="AGB-917"):
        Spill(tmp_path / "spill")
    first.hold(Batch([], [order()]))
    first.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_spill_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spill").write_bytes(content)
    with pytest.raises(StoreError, match="AGB-917"):
        Spill(tmp_path / "spill")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="AGB-917"):
        Spill(tmp_path / "none" / "spill")
