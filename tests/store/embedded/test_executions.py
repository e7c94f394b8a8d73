"""Orders, fills and positions: in any order, and however often they are told, the same rows come of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import NotFoundError, StoreError
from agbot.model.order import Settlement
from agbot.store.embedded import EmbeddedStore, HistoryReader
from agbot.store.rows import FillRow, Filter, OrderRow, PositionRow
from tests.store.embedded.rows import fill, order, position

VERSIONS = [order(n, updated, filled=updated, state=f"s{updated}") for n in ("a", "b") for updated in (1, 2, 3)]
SETTLED = [fill(t, s) for t in ("x", "y") for s in ("MATCHED", "MINED", "CONFIRMED")]
HELD = [position(ts, strategy=s) for ts in (1, 2) for s in ("p", "q")]
ALL = Filter()


@settings(max_examples=12)
@given(st.lists(st.sampled_from([*VERSIONS, *SETTLED, *HELD]), max_size=40), st.data())
def test_the_order_in_which_rows_are_told_does_not_matter(rows, data):
    directory = Path(tempfile.mkdtemp())
    try:
        with EmbeddedStore(directory) as store:
            for told in (rows, data.draw(st.permutations(rows))):
                store.store_executions(told)
                found = [set(ask(ALL)) for ask in (store.query_orders, store.query_fills, store.query_positions)]
                assert found == latest(rows)
    finally:
        shutil.rmtree(directory)


def latest(rows):
    """Return what must be there, in any order of telling."""
    rank = list(Settlement)
    orders = sorted((r for r in rows if isinstance(r, OrderRow)), key=lambda r: r.updated_ns)
    fills = sorted((r for r in rows if isinstance(r, FillRow)), key=lambda r: rank.index(r.settlement))
    positions = {r for r in rows if isinstance(r, PositionRow)}
    return [
        set({r.client_order_id: r for r in orders}.values()),
        set({r.trade_id: r for r in fills}.values()),
        positions,
    ]


@pytest.fixture
def store(tmp_path):
    with EmbeddedStore(tmp_path) as store:
        yield store


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("MATCHED", "FAILED", "FAILED"),
        ("CONFIRMED", "MATCHED", "CONFIRMED"),
        ("RETRYING", "CONFIRMED", "CONFIRMED"),
        ("FAILED", "CONFIRMED", "FAILED"),
        ("odd", "MATCHED", "MATCHED"),
    ],
)
def test_the_later_settlement_stays(store, before, after, kept):
    store.store_fill(fill(settlement=before))
    store.store_fill(fill(settlement=after, price=1))
    (found,) = store.query_fills(ALL)
    assert (found.settlement, found.price) == (kept, 500_000)


def test_one_trade_may_fill_two_orders(store):
    store.store_executions([fill(client_order_id="a"), fill(client_order_id="b"), fill(venue="w")])
    assert len(store.query_fills(ALL)) == 3


FILTERS = [
    ({}, "edcba"),
    ({"start_ns": 2}, "edc"),
    ({"end_ns": 2}, "ba"),
    ({"start_ns": 1, "end_ns": 3}, "dcb"),
    ({"run_id": "r2"}, "e"),
    ({"mode": "LIVE"}, "d"),
    ({"strategy": "t"}, "cb"),
    ({"market": "n"}, "ca"),
    ({"market": "n", "strategy": "t"}, "c"),
    ({"state": "FILLED"}, "b"),
    ({"state": "LOST"}, ""),
    ({"limit": 2}, "ed"),
    ({"limit": 0}, ""),
]


@pytest.mark.parametrize(("wanted", "names"), FILTERS, ids=str)
def test_filters(store, wanted, names):
    rows = {
        "a": {"at": 0, "market": "n"},
        "b": {"at": 1, "strategy": "t", "state": "FILLED"},
        "c": {"at": 2, "strategy": "t", "market": "n"},
        "d": {"at": 2, "mode": "LIVE"},
        "e": {"at": 3, "run_id": "r2"},
    }
    for name, row in rows.items():
        changes = {key: value for key, value in row.items() if key not in ("at", "state")}
        state = row.get("state", "OPEN")
        store.store_order(order(name, created_ns=row["at"], state=state, **changes))
        store.store_fill(fill(name, state, ts_ns=row["at"], **changes))
    assert "".join(row.client_order_id for row in store.query_orders(Filter(**wanted))) == names
    assert "".join(row.trade_id for row in store.query_fills(Filter(**wanted))) == names


@pytest.mark.parametrize("wrong", [{"ts_ns": None}, {"size": 2**63}, {"market": "\ud800"}], ids=str)
def test_all_rows_of_a_call_or_none(store, wrong):
    with pytest.raises(StoreError) as caught:
        store.store_executions([order(), fill(**wrong)])
    assert caught.value.id == "AGB-901"
    assert store.query_orders(ALL) == []
    store.store_order(order())
    assert len(store.query_orders(ALL)) == 1


def test_what_is_old_goes_by_when_it_was_last_heard_of(store):
    store.store_executions([order("old", 10), order("new", 30), fill("old", ts_ns=10), fill("new", ts_ns=30)])
    store.store_position(position(10))
    store.store_position(position(30))
    assert store.prune(100, metrics_ns=100, executions_ns=80) == 3
    assert [row.client_order_id for row in store.query_orders(ALL)] == ["new"]
    assert [row.trade_id for row in store.query_fills(ALL)] == ["new"]
    assert [row.ts_ns for row in store.query_positions(ALL)] == [30]


def test_money_and_times_come_back_to_the_last_digit(store):
    row = order(price=10**17 + 1, size=2**62, created_ns=2**63 - 2, why="“ü”'; drop table orders")
    store.store_order(row)
    assert store.query_orders(ALL) == [row]


def test_there_is_nothing_to_read_where_nobody_wrote(tmp_path):
    with pytest.raises(NotFoundError) as caught:
        HistoryReader(tmp_path)
    assert caught.value.id == "AGB-905"
    assert list(tmp_path.iterdir()) == []
