"""The dashboard in a real terminal: beside the bot, and on the bot's own terminal."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    def __init__(self, home, until):
        self.socket = str(home / "tmux.sock")
        self.env = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": "",
            "XDG_RUNTIME_DIR": "",
            "TERM": "xterm-256color",
        }
        self.until = until

    def call(self, *words):
        done = subprocess.run(
            ["tmux", "-S", self.socket, *words], env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout

    def open(self, *command):
        shell = f"{shlex.join(map(str, command))}; echo END $?; exec cat"
        self.call("new-session", "-d", "-x", "120", "-y", "40", shell)

    def screen(self):
        return self.call("capture-pane", "-p")

    def shows(self, pattern, seconds=40):
        found = self.until(lambda: re.search(pattern, self.screen()), seconds=seconds, what=pattern)
        return found.group(0)

    def keys(self, *keys):
        self.call("send-keys", *keys)


@pytest.fixture
def tmux(tmp_path, until):
    tmux = Tmux(tmp_path, until)
    yield tmux
    subprocess.run(["tmux", "-S", tmux.socket, "kill-server"], check=False)


AGBOT = [sys.executable, "-m", "agbot"]
ROWS = r"demo-\S+ +\d\.\d+ +\d\.\d+"


def test_beside_a_running_bot(bot, tmux, until):
    bot.start("--seed", "1")
    tmux.open(*AGBOT, "tui", "--url", bot.page.replace("http", "ws") + "/dashboard")
    tmux.shows(r"DEMO.*live")
    tmux.shows(r"[⠁-⣿]{3}")  # a chart's dots
    tmux.keys("3")
    tmux.shows(r"(BUY|SELL) (YES|NO) +\d\.\d+ +\d+/\d+")
    tmux.keys("2")
    tmux.shows(r"spread \d\.\d+ · trust ok")  # the bot answers
    until(lambda: len(re.findall(ROWS, tmux.screen())) >= 8, what="eight markets", seconds=40)
    before = re.findall(ROWS, tmux.screen())
    until(lambda: re.findall(ROWS, tmux.screen()) != before, what="a price that moves", seconds=40)
    tmux.keys("q")
    tmux.shows("END 0")
    assert bot.run("status", "--probe").returncode == 0


def test_the_kill_switch_key(bot, tmux, until):
    bot.start("--seed", "1")
    until(lambda: bot.status()["open_orders"], what="an open order")
    tmux.open(*AGBOT, "tui", "--url", bot.page.replace("http", "ws") + "/dashboard")
    tmux.shows(r"DEMO.*live")
    tmux.keys("k")
    tmux.shows("(?i)reason")
    tmux.keys("f", "i", "r", "e", "Enter")
    tmux.shows("cancel all orders")
    tmux.keys("y")
    tmux.shows(r"(?i)orders.left")
    assert bot.status()["kill_switch"] == {"on": True, "reason": "fire"}
    assert bot.status()["open_orders"] == []


def test_on_the_bots_own_terminal(bot, tmux, until):
    tmux.open(*AGBOT, "run", "--simulated", "--tui", "--no-web", "--port", bot.port)
    tmux.shows(r"DEMO.*live")
    child = subprocess.run(["pgrep", "-f", f"agbot tui .*:{bot.port}/"], capture_output=True, text=True, check=True)
    os.kill(int(child.stdout.split()[0]), signal.SIGKILL)
    again = ["pgrep", "-f", f"agbot tui .*:{bot.port}/"]
    until(
        lambda: subprocess.run(again, capture_output=True, text=True, check=False).stdout not in ("", child.stdout),
        what="a new terminal",
    )
    tmux.shows(r"DEMO.*live")
    tmux.keys("q")
    tmux.shows("the bot still runs")
    assert bot.run("status", "--probe").returncode == 0
    tmux.keys("C-c")
    tmux.shows("END 0")
    assert "\x1b" not in tmux.screen()
