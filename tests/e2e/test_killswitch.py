"""The kill switch on a live bot at the exchange: two hundred orders, a stopped process, a loss, positions sold."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

STRATEGY = """
from agbot.core.view import Place
from agbot.model.market import Outcome
from agbot.model.order import Side, TimeInForce
from agbot.units import SCALE


class Hoard:
    id = "hoard"

    def __init__(self, rest, hold):
        self.rest, self.hold = int(rest), int(hold) * SCALE

    def decide(self, view):
        book, tick = view.books[Outcome.YES], view.market.tick
        resting = [o for o in view.orders if o.price == tick]
        if view.trusted and len(resting) < self.rest and book.best_bid > tick:
            yield Place(token=view.market.yes, side=Side.BUY, price=tick, size=5 * SCALE, why="rest")
        if view.trusted and view.yes_size < self.hold and book.best_ask < SCALE and len(resting) == len(view.orders):
            fak = {"time_in_force": TimeInForce.FAK, "size": min(10 * SCALE, book.best_ask_size)}
            yield Place(token=view.market.yes, side=Side.BUY, price=book.best_ask, why="hold", **fak)
"""
PLACES = ("clob", "market_socket", "user_socket", "realtime", "gamma", "data", "geoblock")


class Live:
    """An exchange with ten markets, and a live bot there that rests and holds as much as the test says."""

    def __init__(self, directory):
        self.directory = directory
        self.env = {**os.environ, "XDG_STATE_HOME": str(directory / "state")}
        exchange = [*self.words("exchange"), "--json", "--port", "0", "--seed", "5", "--markets", "11"]
        self.exchange = subprocess.Popen(exchange, stdout=subprocess.PIPE, text=True, env=self.env)
        self.ready = json.loads(self.exchange.stdout.readline())
        self.wallet = self.ready["keys"][0]["wallet"]
        exported = self.agbot("exchange", "--export-env", "agbot").stdout
        self.env |= dict(re.findall(r"^export (\w+)=(.*)$", exported, re.MULTILINE))
        self.bot = None

    @staticmethod
    def words(*more):
        return [sys.executable, "-m", "agbot", *more]

    def agbot(self, *words):
        return subprocess.run(
            self.words(*words),
            cwd=self.directory,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *, rest, hold, **limits):
        urls = self.ready["urls"]
        config = {
            "profile": "e2e",
            "markets": [market["slug"] for market in self.ready["markets"]],
            "strategies": [{"name": "hoard.py:Hoard", "params": {"rest": rest, "hold": hold}}],
            "live": {"max_order_usd": 100, "max_day_usd": 5000},
            "killswitch": limits,
            "polymarket": {name: urls[name] for name in PLACES},
            "rtds": {"endpoint": urls["rtds"]},
        }
        (self.directory / "hoard.py").write_text(STRATEGY)
        (self.directory / "c.json").write_text(json.dumps(config))
        run = ("run", "c.json", "--mode", "live", "--no-web", "--json", "--confirm", self.wallet)
        with (self.directory / "bot.err").open("w") as log:
            self.bot = subprocess.Popen(
                self.words(*run), cwd=self.directory, env=self.env, stdout=subprocess.DEVNULL, stderr=log
            )

    def status(self):
        said = self.agbot("status", "--profile", "e2e", "--json")
        return json.loads(said.stdout) if said.returncode in (0, 1) and said.stdout else {}

    def killswitch(self, *words):
        return self.agbot("killswitch", *words, "--profile", "e2e")

    def at_the_venue(self):
        return json.loads(self.agbot("exchange", "ledger", self.wallet, "--json").stdout)

    def until(self, look):
        deadline = time.monotonic() + 60
        while not look():
            assert self.bot.poll() is None, (self.directory / "bot.err").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def end(self):
        for process in (self.bot, self.exchange):
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(30)
        self.exchange.stdout.close()


@pytest.fixture
def live(tmp_path):
    live = Live(tmp_path)
    yield live
    live.end()


@pytest.mark.slow
def test_two_hundred_orders_are_gone_and_the_receipt_has_seen_it(live):
    live.start(rest=20, hold=0)
    live.until(lambda: len(live.status().get("open_orders", ())) >= 200)
    live.until(lambda: len(live.at_the_venue()["orders"]) >= 200)
    said = live.killswitch("on", "--reason", "drill", "--by", "me", "--json")
    assert live.at_the_venue()["orders"] == []
    receipt = json.loads(said.stdout)
    assert said.returncode == 0, receipt
    assert receipt["orders_cancelled"] >= 200
    assert (receipt["orders_left"], receipt["verified"], receipt["bot"]) == (0, True, "confirmed")


@pytest.mark.slow
def test_a_stopped_bot_sends_nothing_more_and_the_heartbeat_cancels_what_rests(live):
    live.start(rest=3, hold=0)
    live.until(lambda: len(live.status().get("open_orders", ())) >= 30)
    live.bot.send_signal(signal.SIGSTOP)
    assert live.at_the_venue()["orders"] != []
    said = live.killswitch("on", "--reason", "it hangs", "--by", "me")
    assert said.returncode == 5
    assert f"the bot (pid {live.bot.pid}) is stopped: when it goes on, it finds the latch closed" in said.stdout
    assert "its heartbeat cancels: ten seconds after the bot's last one" in said.stdout
    live.until(lambda: live.at_the_venue()["orders"] == [])
    live.bot.send_signal(signal.SIGCONT)
    live.until(lambda: live.status().get("kill_switch") == {"on": True, "reason": "it hangs"})
    live.until(lambda: live.status()["open_orders"] == [])
    assert live.at_the_venue()["orders"] == []


@pytest.mark.slow
def test_a_loss_trips_a_kill_9_forgives_none_of_it_and_ten_positions_are_sold(live):
    live.start(rest=0, hold=30, daily_loss_pct="1")
    live.until(lambda: live.status().get("kill_switch", {}).get("on"))
    reason = live.status()["kill_switch"]["reason"]
    assert reason.startswith("daily_loss: ")
    live.bot.kill()
    live.bot.wait(30)
    kept = json.loads((live.directory / "state" / "agbot" / "e2e" / "equity-live.json").read_text())
    assert (kept["day_equity_usd"], kept["tripped"]) == ("1000", ["daily_loss"])
    assert live.killswitch("status").stdout == f"on: {reason} (by agbot)\n"
    live.start(rest=0, hold=30, daily_loss_pct="1")
    live.until(lambda: len(live.status().get("positions", ())) >= 5)
    held = {(p["market"], p["size"]) for p in live.status()["positions"]}
    said = live.killswitch("on", "--reason", "get out", "--by", "me", "--flatten", "--floor", "0.5", "--json")
    told = json.loads(said.stdout)["flatten"]
    assert {(row["market"], row["held"]) for row in told["positions"]} == held
    assert said.returncode == 0, told
    live.until(lambda: all(float(share["shares"]) < 0.01 for share in live.at_the_venue()["shares"]))  # once settled
