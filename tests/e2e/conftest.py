"""A real bot in a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

AGBOT = [sys.executable, "-m", "agbot"]
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def wait_until(look, *, seconds=20.0, what="it"):
    """Poll `look` until it is truthy; the outside world has no mock clock."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        pause.wait(0.05)
    return found


class Bot:
    def __init__(self, home: Path):
        self.home = home
        self.env = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": ""}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options):
        log = (self.home / "out.log").open("w")
        where = [] if "--exchange" in options else ["--simulated"]
        options = [option for option in options if option != "--exchange"]
        command = [*AGBOT, "run", "--port", str(self.port), *where, *options]
        self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=subprocess.STDOUT, text=True)
        log.close()
        wait_until(lambda: self.run("status").returncode == 0, seconds=60, what="the bot's start")
        return self

    def run(self, *command):
        return subprocess.run([*AGBOT, *command], env=self.env, capture_output=True, text=True, timeout=60, check=False)

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    @property
    def page(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        # The monitor lingers for a minute on purpose; a test does not.
        subprocess.run(["pkill", "-f", f"agbot monitor .*--port {self.port}"], check=False)


@pytest.fixture
def bot(tmp_path):
    bot = Bot(tmp_path)
    yield bot
    bot.close()


@pytest.fixture
def browser():
    """A browser for one test: its loop must not be running when the next one has a loop of its own."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def answers(url):
    """Ask without a browser: its own page of a refused connection may still be loading when it is asked again."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status == 200
    except urllib.error.URLError as e:
        if not isinstance(e.reason, ConnectionRefusedError):
            raise
        return False


@pytest.fixture
def opened():
    """Show a bot's page once its monitor answers."""

    def opened(page, bot):
        wait_until(lambda: answers(bot.page), seconds=40, what="the page")
        page.goto(bot.page)

    return opened


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def sees():
    def sees(page, expression, *, seconds):
        wait_until(lambda: page.evaluate(f"Boolean({expression})"), seconds=seconds, what=expression)

    return sees
