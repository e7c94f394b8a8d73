"""Ten orders of a run among faults, killed -9: each story is complete and readable, and the audit log's chain holds."""

from __future__ import annotations

import json
import random

import pytest

FAULTS = (
    "reply_lost probability=0.3 match.path=/order",
    "duplicated_frames probability=0.3",
    "reordered_frames probability=0.3",
    "missing_user_events probability=0.3",
    "settlement_retries probability=0.3",
    "provisional_trade_fails probability=0.3",
)
ORDERS_MIN = 25
SEED = 5


def audit_rows(bot):
    path = bot.home / ".local/state/agbot/demo/audit.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()[:-1]] if path.exists() else []


def sent(rows):
    return [row["client_order_id"] for row in rows if row["kind"] == "submit"]


def evidence(rows, order):
    return [(row["source"], row["after"]) for row in rows if row["client_order_id"] == order and "said_ns" in row]


@pytest.mark.slow
def test_ten_orders_at_random_out_of_a_faulty_run(bot, until):
    bot.start("--exchange", "--seed", "1", "--no-web")
    for fault in FAULTS:
        assert bot.run("exchange", "faults", "on", *fault.split()).returncode == 0

    def enough():
        rows = audit_rows(bot)
        return len(sent(rows)) >= ORDERS_MIN and {"fill", "cancelled"} <= {row["kind"] for row in rows}

    until(enough, seconds=60, what="orders among faults")
    early = sent(audit_rows(bot))  # a kill in the middle of an order's sending ends its story there
    until(lambda: len(sent(audit_rows(bot))) > len(early) + 2, seconds=60, what="orders after them")
    bot.process.kill()
    bot.process.wait(10)
    verified = bot.run("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["ok"]
    rows = [row for row in audit_rows(bot) if "client_order_id" in row]
    filled = [row["client_order_id"] for row in rows if row["kind"] == "fill"]
    chosen = [*random.Random(SEED).sample(early, 9), filled[0]]
    for order in dict.fromkeys(chosen):
        told = complete(bot, order, evidence(rows, order))
        text = bot.run("explain", order).stdout
        assert told["decisions"][0]["decision"]["why"] in text
        assert len(text.splitlines()) < 80
        assert max(map(len, text.splitlines())) < 220


def complete(bot, order, heard):
    """Return the story of an order, which has all that the audit log has of it, and what it was decided on."""
    done = bot.run("explain", order, "--json")
    assert done.returncode == 0, done.stderr
    story = json.loads(done.stdout)
    (choice,) = story["decisions"]
    assert choice["sight"]["quotes"][0]["bid"] > 0
    assert len(choice["sight"]["figures"]) >= 6
    assert all(figure["passed"] for figure in choice["sight"]["figures"])
    told = [(turn["source"], turn["effect"].rpartition(" ")[2]) for turn in story["story"] if turn["source"] != "ours"]
    # The audit log may lack the last moment before the kill, never the journal what was sent.
    kept = [(source, after) for source, after in heard if source != "ours"]
    assert [source for source, _ in told[: len(kept)]] == [source for source, _ in kept]
    assert any(turn["what"].startswith("post: ") for turn in story["story"])
    assert story["orders"][0]["signature"].startswith("0x")
    assert any("has not ended in order" in note for note in story["notes"])
    return story
