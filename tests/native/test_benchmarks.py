"""The benches run and judge themselves honestly. How fast they are is for `nox -s bench`, not for the tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import backtest, broadcast, history

ROOT = Path(__file__).parents[2]
PROMISES = {
    ("ring append", "<= 1.5 x no-op FASTCALL"),
    ("ring append", "<= 0.8 x deque.append"),
    ("view(1000)", ">= 100 x faster than deque, oldest first"),
    ("last(1000)", ">= 15 x faster than deque, newest first"),
    ("book update + best bid and ask", "<= 5 x two no-op calls"),
    ("book update + best bid and ask", ">= 6 x faster than sortedcontainers"),
    ("one change of a batch inside C", "<= 20 ns"),
    ("top 10 of both sides", ">= 10 x faster than nautilus_trader"),
    ("market message of 750 bytes, socket to facts", "<= 0.75 x trio-websocket, receiving only"),
    ("market message of 750 bytes, received", "for comparison"),
    ("order to signed body", "<= 1.6 x coincurve's signature alone"),
    ("order to signed body", ">= 10 x faster than py-clob-client-v2"),
    ("order to signed body", ">= 100 x faster than py-clob-client-v2 without coincurve"),
    ("HMAC of an order", "<= 0.5 x py-clob-client"),
    ("HMAC without a body", "<= 0.5 x py-clob-client"),
    ("market frames, text to book", "<= 1.2 x msgspec decode alone"),
    ("exact loss of 100 contracts, whole shares", "<= 2 x NumPy Monte Carlo of 100,000 paths"),
    ("exact loss of 100 contracts, hundredths of a share", "<= 2 x NumPy Monte Carlo of 100,000 paths"),
    ("exact loss of 1,000 contracts, whole shares", "<= 2 x NumPy Monte Carlo of 100,000 paths"),
    ("exact loss of 1,000 contracts on as wide a grid", "<= 10 x exact loss of 100 contracts"),
    ("all policies before an order, 100 positions", "<= 2 x one coincurve signature"),
    ("all policies before an order, 100 positions, another market changed", "<= 2 x one coincurve signature"),
    ("exact loss of 1,000 contracts on a grid ten times as wide", "for comparison"),
    ("all policies before an order, 100 positions, all other markets changed within a second", "for comparison"),
    ("digital claim, price and Greeks", ">= 5 x faster than QuantLib"),
    ("10,000 digital claims at once", ">= 50 x faster than QuantLib, one by one"),
    ("risk parity of 20 assets", ">= 30 x faster than skfolio"),
    ("risk parity of 20 assets", ">= 30 x faster than riskfolio-lib"),
    ("Kelly bets on 5 outcomes", ">= 100 x faster than cvxpy"),
    (broadcast.NAME, ">= 5 x faster than starlette + hypercorn"),
    (f"{broadcast.NAME}{broadcast.AS_IT_IS}", ">= 4 x faster than starlette + hypercorn"),
    (broadcast.STALLED, "<= 1.1 x"),
    ("observation into PostgreSQL", "<= 1.66 x a COPY made before"),
    ("observation into PostgreSQL", ">= 5 x faster than executemany"),
    (history.WRITING, f"<= 0.7 x {history.PLAIN}"),
    (history.READING, f">= 20 x faster than {history.ROWS}"),
    *((f"{history.RECORDING} {kind}", "<= 200 ns") for kind in ("a counter", "a gauge", "a histogram")),
    (history.LOADED, "<= 2 % of a core"),
    (backtest.EVERY, ">= 15 x faster than nautilus_trader, L2 deltas"),
    (backtest.PRICE, ">= 1 x faster than hftbacktest, each feed event"),
    (backtest.LINEAR, "<= 1.3 x an event of the shorter one"),
    (backtest.MEMORY, "<= 1.5 x one of 100 markets"),
    (backtest.MARKETS, "for comparison"),
    (f"{backtest.READING}, beside nautilus_trader, L2 deltas", "for comparison"),
    (f"{backtest.BEST}, beside hftbacktest, each feed event", "for comparison"),
    (f"{backtest.EVERY}, beside backtesting.py, a bar", "for comparison"),
    (f"{backtest.EVERY}, beside vectorbt, a bar", "for comparison"),
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=280
    )


@pytest.mark.timeout(300)  # the peers are large: where they are installed, and cold, loading them takes its time
def test_one_table_with_every_promise():
    done = run("-m", "benchmarks", "--quick")
    rows = json.loads(done.stdout)["rows"]
    assert {(row["name"], row["goal"]) for row in rows} == PROMISES
    assert done.returncode == any(row["ok"] is False for row in rows)
    for row in rows:
        if row["measured"] is None:
            assert (row["ok"], row["ours_ns"], "not installed" in row["peer"]) == (None, None, True)
            continue
        if row["goal"] == "for comparison":
            assert row["ok"] is None
            continue
        limit = float(row["goal"].split()[1])
        assert row["ok"] == (row["measured"] <= limit if row["goal"].startswith("<=") else row["measured"] >= limit)


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        ("at_most('n', 1.5, ns, 'a', 'b')", True),
        ("at_most('n', 1.4, ns, 'a', 'b')", False),
        ("faster('n', 2, ns, 'b', 'c')", True),
        ("faster('n', 2.1, ns, 'b', 'c')", False),
        ("within('n', 30, ns, 'a')", True),
        ("within('n', 29, ns, 'a')", False),
    ],
)
def test_a_broken_promise_shows(row, ok):
    program = f"from benchmarks.timing import *; ns = {{'a': 30, 'b': 20, 'c': 40}}; print({row}.ok)"
    assert run("-c", program).stdout.strip() == str(ok)


def test_a_broken_promise_fails_the_run():
    program = (
        "import sys; import benchmarks.__main__ as m; from benchmarks.timing import Row;"
        "others = (m.ring, m.frames, m.signing, m.authentication, m.websocket, m.broadcast, m.risk, m.models);"
        "others += (m.history, m.postgres, m.backtest);"
        "[setattr(bench, 'rows', lambda effort: []) for bench in others];"
        "m.book.rows = lambda effort: [Row('x', '<= 1', 2.0, False)];"
        "sys.argv = ['benchmarks']; sys.exit(m.main())"
    )
    assert run("-c", program).returncode == 1
