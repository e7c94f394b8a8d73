"""The database says what a history in memory says, whatever is told it, and however often."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.secrets import Secret
from agbot.store.postgres import PostgresStore, migrate, open_store
from agbot.store.postgres.link import Refused
from agbot.store.rows import FillRow, Filter, HistoryStore, MetricRow, OrderRow, PositionRow
from benchmarks.postgres_server import Server
from tests.store.postgres.model import DAY_NS, START_NS, MemoryStore, digest, fill, metric, order, position

EVER = 2**63 - 1
MINUTE_NS = 60 * 10**9
TABLES = ("metrics", "metrics_1m", "metrics_1h", "metric_series", "orders", "fills", "positions")

Telling: TypeAlias = list[MetricRow] | OrderRow | FillRow | PositionRow

times = st.integers(0, 3 * 3600 * 4).map(lambda quarter: START_NS + quarter * 10**9 // 4) | st.integers(
    START_NS, START_NS + 3 * DAY_NS
)
few = st.integers(0, 3)
labels = st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=3)), unique_by=lambda label: label[0]).map(
    lambda each: tuple(sorted((name, value.replace("\0", "")) for name, value in each))
)
metrics = st.builds(
    MetricRow, times, st.sampled_from(["pnl", "größe"]), labels, st.integers(-(2**40), 2**40).map(lambda n: n / 8)
)
orders = st.builds(
    lambda n, state, made, updated: order(n, state=state, created_ns=made, updated_ns=updated),
    few,
    st.sampled_from(["OPEN", "FILLED"]),
    times,
    times,
)
fills = st.builds(
    lambda n, strategy, settlement, ts_ns: fill(n, strategy=strategy, settlement=settlement, ts_ns=ts_ns),
    few,
    st.sampled_from(["s", "z"]),
    st.sampled_from(["MATCHED", "MINED", "CONFIRMED", "FAILED"]),
    times,
)
positions = st.builds(lambda n, size: position(n, size=size), few, st.integers(-(2**62), 2**62))
tellings: st.SearchStrategy[list[Telling]] = st.lists(
    st.lists(metrics, max_size=30) | orders | fills | positions, max_size=12
)


def tell(store: HistoryStore, telling: Telling) -> None:
    match telling:
        case OrderRow():
            store.store_order(telling)
        case FillRow():
            store.store_fill(telling)
        case PositionRow():
            store.store_position(telling)
        case _:
            store.insert_metrics_batch(telling)


@pytest.fixture(scope="module")
def kept(server: Server) -> Iterator[PostgresStore]:
    """Return a store for all examples: each empties it first."""
    server.ask("create database kept template template0 strategy wal_log")
    migrate(server.dsn("kept"))
    server.ask("delete from agbot_retention", "kept")
    store = open_store(server.dsn("kept"))
    yield store
    store.close()
    server.ask("drop database kept with (force)")


@pytest.fixture
def empty(kept: PostgresStore, server: Server) -> Iterator[PostgresStore]:
    clear(kept, server)
    yield kept
    clear(kept, server)


def clear(store: PostgresStore, server: Server) -> None:
    server.ask("; ".join(f"delete from {table}" for table in TABLES), "kept")
    store._worker._session._series.clear()  # type: ignore[union-attr]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tellings, st.randoms(use_true_random=False), times, st.integers(0, 2 * DAY_NS))
def test_it_says_what_memory_says(
    kept: PostgresStore, server: Server, told: list[Telling], dice, start_ns: int, span_ns: int
) -> None:
    clear(kept, server)
    memory = MemoryStore()
    for telling in [*told, *(dice.sample(told, len(told) // 2))]:
        tell(kept, telling)
        tell(memory, telling)
    for begin, end in ((0, EVER), (start_ns, start_ns + span_ns)):
        for step_ns in (0, 7 * 10**9, MINUTE_NS, 60 * MINUTE_NS):
            for name in ("pnl", "größe"):
                assert kept.query_metrics(name, begin, end, step_ns=step_ns) == memory.query_metrics(
                    name, begin, end, step_ns=step_ns
                )
        assert kept.query_metrics("pnl", begin, end, {"a": ""}) == memory.query_metrics("pnl", begin, end, {"a": ""})
        for wanted in (
            Filter(start_ns=begin, end_ns=end),
            Filter(state="FILLED", strategy="s", limit=1),
            Filter(state="CONFIRMED", market="m", run_id="r", mode="paper"),
        ):
            assert kept.query_orders(wanted) == memory.query_orders(wanted)
            assert kept.query_fills(wanted) == memory.query_fills(wanted)
    assert digest(kept.query_positions(Filter(limit=10**6))) == digest(memory.positions.values())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tellings, st.lists(st.integers(0, 12), max_size=3))
def test_in_one_transaction_or_in_many_it_is_the_same(
    kept: PostgresStore, server: Server, told: list[Telling], cuts: list[int]
) -> None:
    clear(kept, server)
    memory = MemoryStore()
    for telling in told:
        tell(memory, telling)
    edges = sorted({0, len(told), *(cut for cut in cuts if cut < len(told))})
    for first, last in itertools.pairwise(edges):
        rows = [row for telling in told[first:last] if isinstance(telling, list) for row in telling]
        kept.post(rows, [telling for telling in told[first:last] if not isinstance(telling, list)]).result()
    assert kept.query_metrics("pnl", 0, EVER) == memory.query_metrics("pnl", 0, EVER)
    assert kept.query_metrics("pnl", 0, EVER, step_ns=MINUTE_NS) == memory.query_metrics(
        "pnl", 0, EVER, step_ns=MINUTE_NS
    )
    assert kept.query_orders(Filter()) == memory.query_orders(Filter())
    assert kept.query_fills(Filter()) == memory.query_fills(Filter())
    assert digest(kept.query_positions(Filter(limit=10**6))) == digest(memory.positions.values())


@pytest.mark.parametrize(
    "rows",
    [
        [metric(ts_ns=-1)],
        [metric(), metric(ts_ns=2**63 - 1)],
        [order(price=2**63)],
        [order(size=-(2**63))],
        [fill(ts_ns=-1)],
        [fill(fee=2**80)],
        [position(ts_ns=2**63)],
    ],
    ids=str,
)
def test_what_no_column_takes_is_refused_before_anything_is_stored(
    empty: PostgresStore, server: Server, rows: Sequence[MetricRow | OrderRow | FillRow | PositionRow]
) -> None:
    with pytest.raises(Refused, match="AGB-913"):
        empty.post(
            [row for row in rows if isinstance(row, MetricRow)],
            [row for row in rows if not isinstance(row, MetricRow)],
        )
    assert server.ask("select count(*) from metrics", "kept") == [(0,)]


def test_what_only_the_server_refuses_fails_alone(empty: PostgresStore) -> None:
    long = "".join(chr(0x4E00 + n) for n in range(6_000))  # no index takes it
    bad, good = empty.post(executions=[order(1, client_order_id=long)]), empty.post(executions=[order(2)])
    with pytest.raises(Refused, match="AGB-913"):
        bad.result()
    good.result()
    assert [row.client_order_id for row in empty.query_orders(Filter())] == ["o2"]


def test_text_that_no_column_takes_is_replaced(empty: PostgresStore) -> None:
    empty.store_order(order(reason="nul \0 and half \ud800"))
    assert empty.query_orders(Filter())[0].reason == "nul \ufffd and half ?"
    empty.insert_metrics_batch([metric(name="a\0", labels=(("k\ud800", "v\0"),))])
    (series,) = empty.query_metrics("a\ufffd", 0, EVER)
    assert series.labels == (("k?", "v\ufffd"),)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(empty: PostgresStore, server: Server, value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        empty.insert_metrics_batch([metric(0), metric(3, value=value)])
    assert server.ask("select count(*) from metrics", "kept") == [(0,)]


def test_a_step_is_not_negative(empty: PostgresStore) -> None:
    with pytest.raises(ValueError, match="a step of -1 ns"):
        empty.query_metrics("pnl", 0, EVER, step_ns=-1)


def test_a_mean_lies_between_its_ends(empty: PostgresStore) -> None:
    empty.insert_metrics_batch([metric(n, value=0.1) for n in range(0, 90, 3)])
    for step_ns in (7 * 10**9, MINUTE_NS):
        (series,) = empty.query_metrics("pnl", 0, EVER, step_ns=step_ns)
        assert {point.mean for point in series.points} == {0.1}


def test_a_fill_told_again_with_another_time_is_one_row(empty: PostgresStore, server: Server) -> None:
    other = {"ts_ns": START_NS + 40 * DAY_NS, "price": 1, "fee": 9}
    empty.store_fill(fill(settlement="MINED"))
    empty.store_fill(fill(settlement="MATCHED", **other))
    assert empty.query_fills(Filter()) == [fill(settlement="MINED")]
    empty.store_fill(fill(settlement="CONFIRMED", **other))
    assert empty.query_fills(Filter()) == [fill(settlement="CONFIRMED", fee=9)]
    empty.store_executions([fill(settlement="FAILED"), fill(settlement="CONFIRMED", **other)])
    assert empty.query_fills(Filter()) == [fill(settlement="FAILED")]
    assert server.ask("select count(*) from fills", "kept") == [(1,)]


def test_labels_are_found_in_any_order(empty: PostgresStore) -> None:
    empty.insert_metrics_batch([metric(0, labels=(("a", "1"), ("b", "2")))])
    empty.insert_metrics_batch([metric(1, labels=(("b", "2"), ("a", "1")))])
    (series,) = empty.query_metrics("pnl", 0, EVER, {"b": "2"})
    assert len(series.points) == 2
    assert empty.query_metrics("pnl", 0, EVER, {"b": "3"}) == []


def test_two_bots_may_name_the_same_series(empty: PostgresStore, server: Server) -> None:
    other = open_store(server.dsn("kept"))
    waiting = [store.post([metric(n + 100 * i) for n in range(50)]) for i, store in enumerate([empty, other])]
    for each in waiting:
        each.result()
    other.close()
    assert sum(len(series.points) for series in empty.query_metrics("pnl", 0, EVER)) == 100


def test_a_price_is_an_integer_there_and_usd_for_people(empty: PostgresStore, server: Server) -> None:
    empty.store_fill(fill(price=2**62, size=-1))
    empty.store_order(order())
    empty.insert_metrics_batch([metric()])
    assert empty.query_fills(Filter())[0].price == 2**62
    ((price, size),) = server.ask("select price::text, size::text from fills_in_usd", "kept")
    assert (price, size) == ("4611686018427.387904", "-0.000001")
    assert server.ask("select count(*) from orders_in_usd join metrics_by_name on true", "kept") == [(1,)]


def test_what_was_deleted_behind_it_is_made_again(empty: PostgresStore, server: Server) -> None:
    empty.insert_metrics_batch([metric()])
    server.ask(f"drop table metrics_p{START_NS // DAY_NS}", "kept")
    empty.insert_metrics_batch([metric()])
    assert len(empty.query_metrics("pnl", 0, EVER)) == 1


def test_a_closed_store_takes_nothing(dsn: Secret) -> None:
    migrate(dsn)
    store = open_store(dsn)
    late = store.post([metric()])
    store.close()
    assert late.result() is None
    with pytest.raises(Exception, match="AGB-918"):
        store.store_order(order())
