"""What a newcomer sees: `agbot run`, then the page, alive; and what happens when its monitor is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("playwright.sync_api")


def opened(browser, bot, until):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    requests = []
    page.on("request", lambda r: requests.append(r.url))
    until(lambda: answers(bot), what="the page")
    page.goto(bot.page)
    return page, faults, requests


def answers(bot):
    """Ask without the browser: its own page of a refused connection may still be loading when it is asked again."""
    try:
        with urllib.request.urlopen(bot.page, timeout=10) as reply:
            return reply.status == 200
    except urllib.error.URLError as e:
        if not isinstance(e.reason, ConnectionRefusedError):
            raise
        return False


def points(page):
    return page.evaluate("Object.fromEntries(Object.entries(window.agbot.charts).map(([k, v]) => [k, Number(v)]))")


def test_within_ten_seconds_there_are_live_charts_orders_and_fills(bot, browser, until, sees):
    began = time.monotonic()
    bot.start("--seed", "1")
    page, faults, requests = opened(browser, bot, until)
    sees(page, "window.agbot.store.orders.size > 0 && window.agbot.store.fills.length > 0", seconds=15)
    sees(page, "document.querySelectorAll('canvas').length >= 4", seconds=15)
    assert time.monotonic() - began < 20  # a whole browser starts in it; the bot's own part is a tenth
    before = points(page)
    frames = page.evaluate("window.agbot.frames")
    sees(page, f"window.agbot.frames > {frames + 30}", seconds=15)
    after = points(page)
    assert sum(after[name] > before[name] for name in before) >= 2, (before, after)
    assert page.evaluate("window.agbot.gaps") == 0
    assert "DEMO" in page.inner_text("body")
    assert faults == []
    assert all(url.startswith((bot.page, bot.page.replace("http", "ws"))) for url in requests)


def test_a_killed_monitor_comes_back_and_the_bot_does_not_notice(bot, browser, until, sees):
    bot.start("--seed", "1")
    page, _, _ = opened(browser, bot, until)
    sees(page, "window.agbot.frames > 5", seconds=15)
    placed = len(bot.status()["open_orders"])
    found = subprocess.run(
        ["pgrep", "-f", f"agbot monitor .*--port {bot.port}"], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    sees(page, "window.agbot.open === false", seconds=15)
    assert bot.run("status", "--probe").returncode == 0
    assert placed > 0
    sees(page, "window.agbot.open && window.agbot.snapshots >= 2", seconds=30)
    sees(page, "window.agbot.store.orders.size > 0", seconds=15)
    assert bot.process.poll() is None


def test_the_page_fits_a_phone(bot, browser, until, sees):
    bot.start("--seed", "1")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    until(lambda: answers(bot), what="the page")
    page.goto(bot.page)
    sees(page, "window.agbot.frames > 5", seconds=15)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
