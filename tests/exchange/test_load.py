"""benchmarks/exchange_load.py for three seconds: what every bot saw is what the exchange's ledger says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_three_bots_see_what_the_ledger_says() -> None:
    done = python("-m", "benchmarks.exchange_load", "--seconds", "3", "--bots", "3", "--json")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["differences"] == []
    assert not [what for what in report["failures"] if "ledger" in what]
    assert report["orders"] + sum(report["refused"].values()) > 60
    assert report["user_frames"] > report["orders"] > 50
    assert report["market_frames"] > 0
    assert report["cancels"] > 0
    assert report["acknowledged_ms"]["p99"] >= report["acknowledged_ms"]["p50"] > 0


VIEW = """
import json, sys
from benchmarks.exchange_view import OrdersView
order = {"event_type": "order", "id": "0x1", "original_size": "5", "size_matched": "0"}
def tell(**more):
    view.take(json.dumps({**order, **more}).encode())
def trade():
    leg = {"order_id": "0x1", "owner": "mine", "matched_amount": "5", "asset_id": "1", "side": "BUY"}
    tell(event_type="trade", type="TRADE", status="MATCHED", trader_side="MAKER", maker_orders=[leg])
def ledger(orders=(), **tallies):
    return {"orders": [{"id": i, "address": "a", "matched": m} for i, m in orders], "tallies": {"a": tallies}}
found = []
for told, happened in json.loads(sys.argv[1]):
    view = OrdersView("mine")
    view.accepted.add("0x1")
    exec(told)
    found.append(view.differences("a", eval(f"ledger({happened})")))
print(json.dumps(found))
"""


CASES: list[tuple[str, str, list[str]]] = [
    ('tell(type="PLACEMENT")', '[("0x1", "0")], placed=1', []),
    ("", "", ["accepted, but no PLACEMENT came (1)"]),
    ('tell(type="PLACEMENT")', '[("0x1", "2")], placed=1', ["open orders differ (2)"]),
    ('tell(type="PLACEMENT")', '[("0x1", "0")], placed=2', ["placed: 1 told, 2 happened (1)"]),
    (
        'tell(type="PLACEMENT"); tell(type="UPDATE", size_matched="2"); tell(type="UPDATE", size_matched="2")',
        '[("0x1", "2")], placed=1',
        ["told twice (1)"],
    ),
    ('tell(type="PLACEMENT"); tell(type="CANCELLATION")', "placed=1, cancelled=1", []),
    (
        'tell(type="PLACEMENT"); view.cancel_told.add("0x1")',
        '[("0x1", "0")], placed=1',
        ["cancelled by the answer, but no CANCELLATION came (1)"],
    ),
    (
        'tell(type="PLACEMENT"); trade(); tell(type="UPDATE", size_matched="5")',
        "placed=1, trades=1, matched=1, matched_size=5000000",
        [],
    ),
]


def test_a_message_that_is_missing_or_came_twice_is_found() -> None:
    done = python("-c", VIEW, json.dumps([case[:2] for case in CASES]))
    assert done.returncode == 0, done.stderr
    for (told, happened, differences), found in zip(CASES, json.loads(done.stdout), strict=True):
        assert found == differences, (told, happened)


def test_a_book_that_differs_is_found() -> None:
    program = """
import json
from benchmarks.exchange_view import BookView
book = BookView("1")
rungs = lambda *prices: [{"price": p, "size": "5"} for p in prices]
def say(**told): book.take(json.dumps(told).encode())
say(event_type="book", asset_id="1", bids=rungs("0.4"), asks=rungs("0.6"))
row = {"asset_id": "1", "price": "0.41", "size": "7", "side": "BUY"}
say(event_type="price_change", price_changes=[row, {**row, "price": "0.4", "size": "0"}])
same = {"bids": [{"price": "0.41", "size": "7"}], "asks": rungs("0.6")}
told = [book.differences(json.dumps(b).encode()) for b in (same, {**same, "asks": []})]
print(json.dumps([book.middle(10_000), *map(len, told)]))
"""
    done = python("-c", program)
    assert json.loads(done.stdout) == [500_000, 0, 1], done.stderr


SEARCH = """
import json, math, sys, types
import trio
from benchmarks import exchange_load as load
made = []
async def measure(bots, running, rate, seconds, give_up_ms=math.inf):
    made.append((round(rate), seconds))
    good = rate <= (500 if seconds < 100 else 470)
    sent = round(rate * seconds)
    p99 = 1.0 if good else give_up_ms + 1
    told = {"orders": sent, "orders_wanted": sent, "refused": {}, "skipped": 0, "wall_s": 1.0}
    return told | {"acknowledged_ms": {"p99": p99}}
load.measure, load.QUIET_S = measure, 0
search = load.Search([], None, 50.0)
result = trio.run(search.highest, float(sys.argv[1]), 300)
print(json.dumps([result["orders"] / 300, result["acknowledged_ms"]["p99"], len(made), made[-1][1]]))
"""


@pytest.mark.parametrize("start", [100, 440, 3000])
def test_the_highest_rate_is_one_that_held_for_long(start: int) -> None:
    done = python("-c", SEARCH, str(start))
    rate, p99, made, seconds = json.loads(done.stdout or done.stderr)
    assert seconds == 300
    assert p99 == 1.0
    assert 0.9 * 470 < rate <= 470
    assert made < 20


HOPE = """
import json, types
from collections import Counter
from benchmarks.exchange_load import Hope
def bot(slow, fast): return types.SimpleNamespace(latencies=[0.2] * slow + [0.01] * fast, refusals=Counter(), skipped=0)
cases = [(10, 90, 10), (9, 92, 10), (0, 70, 10), (0, 100, 10)]
print(json.dumps([Hope([bot(slow, fast)], 10.0, 100.0, 100.0).lost(passed) for slow, fast, passed in cases]))
one = bot(0, 100)
hope = Hope([one], 10.0, 100.0, 100.0)
answers = [hope.lost(10)]
for slow in (5, 5, 1):
    one.latencies += [0.2] * slow
    answers.append(hope.lost(10))
print(json.dumps(answers))
"""


def test_a_try_ends_when_a_hundredth_was_slow_or_orders_pile_up() -> None:
    done = python("-c", HOPE)
    assert list(map(json.loads, (done.stdout or done.stderr).splitlines())) == [
        [False, False, True, False],
        [False, False, False, True],
    ]
