"""`/history`: what it asks the store, what it answers, and what it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from agbot.errors import StoreError
from agbot.monitor import history as module
from agbot.monitor.history import POINTS, SERIES_MAX, SPAN_MS_MAX, Archive, of_state_dir
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.schema import HISTORY
from agbot.store.rows import MetricPoint, MetricRow, Series
from agbot.web.http import Request, Response

GOOD = "name=strategy.pnl_usd&from=1000&to=2000"


async def ask(archive: Archive, query: str) -> tuple[int, Any]:
    answer: Response = await archive.answer(Request("GET", "/history", query, {}))
    assert answer.content_type == "application/json"
    return answer.status, json.loads(answer.body)


def kept(asked: list[Any], *series: Series) -> module.History:
    def read(name: str, start_ns: int, end_ns: int, points: int) -> Sequence[Series]:
        asked.append((name, start_ns, end_ns, points))
        return series

    return read


def point(ms: int, value: float) -> MetricPoint:
    return MetricPoint(ms * 1_000_000, 3, value - 1, value + 1, value, value + 0.5)


async def test_the_store_is_asked_in_nanoseconds_and_answers_in_milliseconds() -> None:
    asked: list[Any] = []
    series = Series("strategy.pnl_usd", (("market", "m"), ("strategy_id", "s")), [point(1000, 5.0), point(1500, 6.0)])
    status, answer = await ask(Archive(kept(asked, series)), GOOD + "&points=7")
    assert asked == [("strategy.pnl_usd", 1_000_000_000, 2_000_000_000, 7)]
    assert status == 200
    assert answer == {
        "v": 1, "name": "strategy.pnl_usd", "from": 1000, "to": 2000, "left_out": 0,
        "series": [[
            {"market": "m", "strategy_id": "s"},
            [[1000, 3, 4.0, 6.0, 5.0, 5.5], [1500, 3, 5.0, 7.0, 6.0, 6.5]],
        ]],
    }  # fmt: skip


async def test_a_market_is_picked_by_either_label() -> None:
    rows = [
        Series("x", (("market", "a"),), []),
        Series("x", (("market_id", "a"), ("side", "YES")), []),
        Series("x", (("market_id", "b"),), []),
        Series("x", (("topic", "a"),), []),
    ]
    _, answer = await ask(Archive(kept([], *rows)), GOOD + "&market=a")
    assert [labels for labels, _ in answer["series"]] == [{"market": "a"}, {"market_id": "a", "side": "YES"}]


async def test_an_answer_is_bounded_in_series_and_points() -> None:
    many = [Series("x", (("n", str(n)),), [point(ms, 0.0) for ms in range(50)]) for n in range(SERIES_MAX + 3)]
    _, answer = await ask(Archive(kept([], *many)), GOOD + "&points=9")
    assert (len(answer["series"]), answer["left_out"]) == (SERIES_MAX, 3)
    assert [row[0] for row in answer["series"][0][1]] == list(range(40, 50))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "name",
        "name=x",
        "name=x&from=1",
        "name=x&from=2&to=1",
        "name=x&from=1&to=1",
        "name=x&from=-1&to=1",
        "name=x&from=1.5&to=2",
        "name=x&from=1e3&to=2000",
        "name=x&from=\u0661&to=2000",
        f"name=x&from=0&to={SPAN_MS_MAX + 1}",
        "name=x&from=1&to=99999999999999999",
        "name=../../etc/passwd&from=1&to=2",
        "name=x%00&from=1&to=2",
        f"name={'x' * 101}&from=1&to=2",
        "name=x&from=1&to=2&points=0",
        "name=x&from=1&to=2&points=2001",
        "name=x&from=1&to=2&points=-1",
        f"name=x&from=1&to=2&market={'m' * 201}",
        "&".join(f"a{n}=1" for n in range(9)),
    ],
)
async def test_a_query_that_makes_no_sense_is_400_and_asks_nobody(query: str) -> None:
    asked: list[Any] = []
    status, answer = await ask(Archive(kept(asked)), query)
    assert (status, asked) == (400, [])
    assert answer["error"]


async def test_without_a_store_it_says_so() -> None:
    status, answer = await ask(Archive(None), GOOD)
    assert status == 404
    assert "--state-dir" in answer["error"]


async def test_a_store_that_cannot_be_read_is_503_and_keeps_its_secrets() -> None:
    def broken(*_: object) -> Sequence[Series]:
        raise StoreError("the file at a private place is damaged", id="AGB-205")

    status, answer = await ask(Archive(broken), GOOD)
    assert status == 503
    assert "private" not in answer["error"]


async def test_a_slow_store_blocks_neither_the_monitor_nor_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def slow(*_: object) -> Sequence[Series]:
        release.wait(30)
        return []

    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    try:
        assert (await ask(Archive(slow), GOOD))[0] == 503
    finally:
        release.set()


async def test_too_many_at_once_are_told_to_come_again(nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    release, reading = threading.Event(), trio.Event()

    def slow(*_: object) -> Sequence[Series]:
        trio.from_thread.run_sync(reading.set)
        release.wait(30)
        return []

    monkeypatch.setattr(module, "WAITING_MAX", 1)
    archive = Archive(slow)
    answers: list[int] = []

    async def first() -> None:
        answers.append((await ask(archive, GOOD))[0])

    nursery.start_soon(first)
    await reading.wait()
    status, _ = await ask(archive, GOOD)
    release.set()
    assert status == 503
    with trio.fail_after(30):
        while not answers:
            await trio.sleep(0.01)
    assert answers == [200]
    assert (await ask(archive, GOOD))[0] == 200


def test_the_default_number_of_points_is_within_the_bound() -> None:
    assert module.Query.parse(GOOD).points == POINTS <= module.POINTS_MAX


def test_what_a_bot_has_stored_in_its_state_directory_is_read(tmp_path: Path) -> None:
    read = of_state_dir(tmp_path)
    assert read("x", 0, 10**10, 3) == []
    store = EmbeddedStore(tmp_path / HISTORY)
    store.insert_metrics_batch([MetricRow(10**9 * n, "x", (("side", "YES"),), float(n)) for n in (1, 2, 3)])
    store.close()
    (series,) = read("x", 0, 10**10, 100)
    assert (series.name, series.labels) == ("x", (("side", "YES"),))
    assert [point.last for point in series.points] == [1.0, 2.0, 3.0]
