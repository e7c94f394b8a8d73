"""A strategy that raises while it holds shares, and a configuration that says they are to be sold."""

from __future__ import annotations

import json

STRATEGY = """
from agbot.model.order import Side
from agbot.strategy.base import Place

class Mine:
    id = "mine"
    def decide(self, view):
        if view.own_yes:
            raise RuntimeError("enough")
        if view.orders or not view.trusted or not 0 < view.book.best_ask < 1_000_000:
            return ()
        return [Place(token=view.market.yes, side=Side.BUY, price=view.book.best_ask, size=20_000_000, why="buys")]
"""
CONFIG = """
mode: demo
strategies:
  - name: mine.py:Mine
    when_it_fails: {sell: "0.50"}
"""


def test_what_a_failing_strategy_holds_is_sold_and_the_journal_agrees(bot, until, tmp_path):
    (tmp_path / "mine.py").write_text(STRATEGY)
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert "D24" in bot.run("doctor", str(tmp_path / "c.yaml"), "--offline").stdout
    bot.start(str(tmp_path / "c.yaml"))
    log = tmp_path / "out.log"
    until(lambda: "flatten.over" in log.read_text(), what="the sales")
    until(lambda: json.loads(bot.run("positions", "--json").stdout)["positions"] == [], what="an empty book")
    assert "closed for strategy mine" in bot.run("status").stdout
    bot.run("stop")
    assert bot.run("replay", "--verify", "--profile", "default").returncode == 0
