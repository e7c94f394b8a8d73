"""Every policy in turn denies an order of a bot on an exchange: told in the answer, journal, page and terminal."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from agbot.control import request, socket_path
from agbot.errors import AgbotError

AGBOT = [sys.executable, "-m", "agbot"]


def buy(price="0.99", size="5", **more):
    return {"op": "order", "side": "BUY", "outcome": "YES", "price": price, "size": size, **more}


CASES = [
    ({"type": "PositionLimit", "max_size": 0}, buy()),
    ({"type": "InventoryLimit", "max_value_usd": 0}, buy()),
    ({"type": "OrderCap", "max_usd": 0}, buy()),
    ({"type": "DayCap", "max_usd": 0}, buy()),
    ({"type": "MaxLoss", "max_loss_usd": "0.01"}, buy()),
    ({"type": "PositionPct", "max_pct": "0.0001"}, buy()),
    ({"type": "EventExposure", "max_pct": "0.0001"}, buy()),
    ({"type": "MaxPositions", "max_positions": 0}, buy(where=2)),
    ({"type": "StrategyBudget", "strategy": "operator", "max_usd": 0}, buy()),
    ({"type": "VarLimit", "max_var_usd": "0.01"}, buy()),
    ({"type": "ExpectedShortfallLimit", "max_es_usd": "0.01"}, buy()),
    ({"type": "GreeksLimit", "max_delta": "0.01"}, buy()),
    ({"type": "Correlation", "max_correlation": "0.8", "implies": "both"}, buy(where=1)),
    ({"type": "DailyLoss", "max_pct": 0}, buy()),
    ({"type": "Drawdown", "max_pct": 0}, buy()),
    ({"type": "ConsecutiveLosses", "max_losses": 0}, buy()),
    ({"type": "FatFinger", "max_size": 4, "max_usd": 100}, buy()),
    ({"type": "OrderRate", "max_orders": 0}, buy()),
    ({"type": "PriceBand", "max_away": 0}, buy()),
    ({"type": "Staleness", "max_age_sec": "0.000001"}, buy()),
    ({"type": "SelfTrade"}, buy("0.99", outcome="NO")),
    ({"type": "Universe", "markets": ["another"]}, buy()),
    ({"type": "MinEdge", "min_edge": "0.05"}, buy()),
    ({"type": "SlippageGuard"}, buy()),
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_each_denies_an_order_and_says_so_everywhere(bot, browser, until, tmp_path, opened):
    config = tmp_path / "quiet.yaml"
    config.write_text("strategies: []\nkillswitch: {daily_loss_pct: off, drawdown_pct: off, consecutive_losses: off}\n")
    bot.start("--exchange", "--seed", "1", "--mode", "demo", str(config))
    socket = socket_path(bot.home / ".local/state/agbot/default")

    def ask(**what):
        return request(socket, what, 20.0)

    def policies(*rules):
        ask(op="policies", policies=json.dumps({"policies": rules}), reason="a test", by="me")

    until(lambda: len(bot.status()["markets"]) > 2, what="markets")
    one, two, three = bot.status()["markets"][:3]
    policies()
    ask(**buy(size="10"), market=one)
    until(lambda: sold(ask, one), what="settled shares, sold cheaper than bought")
    for market in (one, two):
        ask(**buy(size="10"), market=market)
    ask(**buy("0.02"), market=one)  # it rests
    until(lambda: len(json.loads(bot.run("positions", "--json").stdout)["positions"]) > 1, what="positions")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened(page, bot)
    tmux = ["tmux", "-S", str(tmp_path / "tmux.sock")]
    subprocess.run([*tmux, "new-session", "-d", "-x", "160", "-y", "50", *AGBOT, "tui"], env=bot.env, check=True)
    try:
        for rule, order in CASES:
            denied_everywhere(rule, order, ask, policies, (one, two, three), page, tmux, until)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
    bot.run("stop")
    verdict = bot.run("replay", "--verify", "--profile", "default")
    assert verdict.returncode == 0, verdict.stderr
    state = bot.home / ".local/state/agbot/default"
    kept = "".join(path.read_text(encoding="utf-8") for path in sorted(state.rglob("audit*.jsonl")))
    assert {rule["type"] for rule, _ in CASES} == {name for rule, _ in CASES if (name := rule["type"]) in kept}
    assert kept.count('"kind":"policies"') == len(CASES) + 1


def sold(ask, market):
    """Return whether what was bought could be sold: not before its trade has settled."""
    said = refusal(ask, {**buy("0.01", "10"), "side": "SELL"}, market)
    assert "'ok': True" in said or "SharesHeld" in said, said
    return "SharesHeld" not in said


def refusal(ask, order, market):
    try:
        return str(ask(**order, market=market))
    except AgbotError as e:
        return str(e)


def denied_everywhere(rule, order, ask, policies, markets, page, tmux, until):
    name, order = rule["type"], dict(order)
    market = markets[order.pop("where", 0)]
    policies({**rule, **({"implies": [list(markets[:2])]} if "implies" in rule else {})})
    assert name in refusal(ask, order, market), rule
    until(lambda: name in page.inner_text("#n-decisions"), what=f"{name} on the page")
    seen = lambda: subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout  # noqa: E731
    until(lambda: re.search(rf"denied +.*{name[:12]}", seen()), what=f"{name} on the terminal")
