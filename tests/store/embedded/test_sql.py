"""SQL reads what there is, in time, and can do nothing else."""

from __future__ import annotations

import pytest

from agbot.errors import ConfigError, NotFoundError, TimedOutError
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.backup import kept
from agbot.store.embedded.schema import FILES
from agbot.store.embedded.sql import ask
from agbot.store.rows import MetricRow
from tests.store.embedded.rows import fill, order, position

SECOND = 10**9


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("h")
    with EmbeddedStore(path) as store:
        store.store_executions([order("a"), order("b", side="SELL"), fill(), position()])
        for labels in ((), (("side", "YES"),)):
            store.insert_metrics_batch([MetricRow(n * SECOND, "m", labels, n / 2) for n in range(4000)])
        store._writer.pack_all()
    return path


def rows(history, question, deadline_s=10.0, names=None):
    with ask(history, question, deadline_s, names or {}) as answer:
        return [tuple(answer.columns), *answer]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("select side, count(*) as n from orders group by side", [("side", "n"), ("BUY", 1), ("SELL", 1)]),
        ("select price * 1.0 / 1e6 as p from fills", [("p",), (0.5,)]),
        ("select cost from positions", [("cost",), (-2,)]),
        ("select count(*) c, sum(value) s from metrics", [("c", "s"), (8000, 2 * 1999.5 * 2000)]),
        ("select max(ts_ns) t from metrics where labels ->> 'side' = 'YES'", [("t",), (3999 * SECOND,)]),
        ("select sum(observed) o from metrics_1m where name = 'm'", [("o",), (8000,)]),
        ("select mean, last from metrics_1h where labels = '{}' and ts_ns = 0", [("mean", "last"), (899.75, 1799.5)]),
        (
            "with recursive c(x) as (select 1 union all select x + 1 from c where x < 3) select x from c",
            [("x",), (1,), (2,), (3,)],
        ),
        ("select 1 where 0", [("1",)]),
    ],
)
def test_answers(history, question, answer):
    assert rows(history, question) == answer


def test_markets_have_the_names_of_people(history):
    market = fill().market
    question = "select m.name, sum(f.size) / 1e6 from fills f join markets m using (market) group by 1"
    (_, found) = rows(history, question, names={market: "will-it", "0xother": "other"})
    assert found == ("will-it", fill().size / 1e6)
    assert rows(history, "select * from markets") == [("market", "name")]


@pytest.mark.parametrize(
    "question",
    [
        "delete from markets",
        "delete from orders",
        "insert into orders select * from orders",
        "update m.chunk set body = x''",
        "drop table orders",
        "create table mine (a)",
        "create temp table mine (a)",
        "attach '/tmp/other.db' as other",
        "detach m",
        "pragma query_only=0",
        "pragma user_version",
        "vacuum into '/tmp/copy.db'",
        "begin",
        "select load_extension('x')",
        "explain delete from orders",
        "select 1; select 2",
        "selec 1",
        "select nothing from orders",
        "select observations(1, x'00') from m.chunk",
        "",
        "-- nothing",
    ],
)
def test_nothing_else_can_be_asked(history, question):
    before = {name: kept(history / name) for name in FILES}
    with pytest.raises(ConfigError) as caught:
        rows(history, question)
    assert caught.value.id == "AGB-903"
    assert {name: kept(history / name) for name in FILES} == before


@pytest.mark.parametrize("slow", ["select count(*) from c", "select x from c where x < 0"])
def test_a_question_that_takes_too_long_is_broken_off(history, slow):
    with pytest.raises(TimedOutError) as caught:
        rows(history, f"with recursive c(x) as (select 1 union all select x + 1 from c) {slow}", 0.05)
    assert caught.value.id == "AGB-904"


def test_a_bot_may_write_meanwhile(history):
    with EmbeddedStore(history) as store, ask(history, "select count(*) from orders", 10) as answer:
        store.store_order(order("c"))
        assert list(answer) == [(2,)] or list(answer) == [(3,)]
    assert rows(history, "select count(*) n from orders")[1] == (3,)


def test_there_is_nothing_to_ask_where_nobody_wrote(tmp_path):
    with pytest.raises(NotFoundError):
        rows(tmp_path, "select 1")
