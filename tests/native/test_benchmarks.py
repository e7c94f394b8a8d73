"""The benches run and judge themselves honestly. How fast they are is for `nox -s bench`, not for the tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    ("order to signed body", "<= 1.6 x coincurve's signature alone"),
    ("order to signed body", ">= 10 x faster than py-clob-client-v2"),
    ("order to signed body", ">= 100 x faster than py-clob-client-v2 without coincurve"),
    ("HMAC of an order", "<= 0.5 x py-clob-client"),
    ("HMAC without a body", "<= 0.5 x py-clob-client"),
    ("market frames, text to book", "<= 1.2 x msgspec decode alone"),
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], check=False, cwd=ROOT, capture_output=True, text=True, timeout=100
    )


def test_one_table_with_every_promise():
    done = run("-m", "benchmarks", "--quick")
    rows = json.loads(done.stdout)["rows"]
    assert {(row["name"], row["goal"]) for row in rows} == PROMISES
    assert done.returncode == any(row["ok"] is False for row in rows)
    for row in rows:
        if row["measured"] is None:
            assert (row["ok"], row["ours_ns"], "not installed" in row["peer"]) == (None, None, True)
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
        "m.book.rows = lambda effort: [Row('x', '<= 1', 2.0, False)];"
        "m.ring.rows = m.frames.rows = m.signing.rows = m.authentication.rows = lambda effort: [];"
        "sys.argv = ['benchmarks']; sys.exit(m.main())"
    )
    assert run("-c", program).returncode == 1
