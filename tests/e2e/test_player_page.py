"""A recorded fault on the page: the player's place is told, and what was decided after the fault is shown."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from agbot.simulate.schedule import Trouble
from agbot.simulate.seeds import journals

pytest.importorskip("playwright.sync_api")


@pytest.fixture
def player(bot, tmp_path):
    _, paths = journals(7, [Trouble("feed_lost", 2.5, 2.0)], tmp_path)
    agbot = [sys.executable, "-P", "-m", "agbot", "replay", "--port", str(bot.port)]
    with subprocess.Popen(
        [*agbot, str(paths[0]), "--watch"], stderr=subprocess.PIPE, text=True, env=bot.env
    ) as process:
        process.stderr.readline()
        yield lambda *asked: subprocess.run([*agbot, *asked], env=bot.env, capture_output=True, text=True, check=True)
        process.terminate()


def test_the_page_stands_where_the_player_stands(bot, player, browser, opened, until):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults = []
    page.on("console", lambda m: faults.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: faults.append(str(e)))
    opened(page, bot)
    note = lambda: page.inner_text("#mode-note")  # noqa: E731
    until(lambda: re.search(r"step 0 of [\d,]+ · paused", note()), what="the player's start on the page")
    assert "2026-09-21 14:13:2" in note()
    player("--next", "incident")
    player("--next", "incident")
    until(lambda: "link books lost" in page.inner_text("body"), what="the fault on the page")
    before = len(page.evaluate("agbot.store.decisions"))
    player("--next", "decision")
    until(lambda: len(page.evaluate("agbot.store.decisions")) > before, what="the decision after the fault")
    step = int(re.search(r"step ([\d,]+) of", note())[1].replace(",", ""))
    assert step > 0
    player("--step", "-1")
    until(lambda: f"step {step - 1:,} of" in note(), what="a step back on the page")
    player("--seek", "0%")
    until(lambda: "step 0 of" in note() and not page.evaluate("agbot.store.decisions.length"), what="the start again")
    assert faults == []
