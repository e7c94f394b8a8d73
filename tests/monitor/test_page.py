"""The page in a real browser: charts grow, nothing foreign is loaded, it comes back by itself."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = Path(__file__).parent
PATIENCE_S = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
Page = Any


def spawn_monitor(port: int = 0) -> tuple["subprocess.Popen[str]", int]:
    command = [sys.executable, "-m", "agbot", "monitor", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r":(\d+)$", said.strip())
    assert found is not None, said
    return process, int(found[1])


class Stage:
    """A monitor on a fixed port that can be killed and started again, and the bot that feeds it."""

    def __init__(self) -> None:
        self.monitor, self.port = spawn_monitor()
        self.bot: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self.port}/"

    def start_bot(self) -> None:
        url = f"ws://127.0.0.1:{self.port}/metrics"
        self.bot = subprocess.Popen([sys.executable, str(HERE / "synthetic_bot.py"), url], stdout=subprocess.DEVNULL)

    def kill_monitor(self) -> None:
        with self.monitor:
            self.monitor.kill()

    def start_monitor(self) -> None:
        self.monitor, _ = spawn_monitor(self.port)

    def close(self) -> None:
        for process in (self.monitor, self.bot):
            if process is not None:
                with process:
                    process.kill()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def browse() -> Iterator[Callable[..., Page]]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)

        def open_page(url: str, **context: Any) -> tuple[Page, list[str], list[str]]:
            page = browser.new_context(**context).new_page()
            errors: list[str] = []
            asked: list[str] = []
            page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
            page.on("pageerror", lambda e: errors.append(str(e)))
            page.on("request", lambda r: asked.append(r.url))
            page.goto(url)
            return page, errors, asked

        yield open_page
        browser.close()


def until(page: Page, condition: str) -> None:
    deadline = time.monotonic() + PATIENCE_S  # not wait_for_function: the page's own policy forbids its eval
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, (condition, page.evaluate("JSON.stringify({...agbot, store: undefined})"))
        page.wait_for_timeout(50)


LIVE = "agbot.open && agbot.store.connected && Object.values(agbot.charts).every((n) => n > 2)"


def vendored(stage: Stage) -> bool:
    return 'data-uplot="vendor"' in httpx.get(stage.url, trust_env=False).text


def test_charts_grow_and_nothing_foreign_is_loaded(stage: Stage, browse: Callable[..., Page]) -> None:
    if not vendored(stage):
        pytest.skip("built without uPlot: the page would ask the CDN")
    page, errors, asked = browse(stage.url)
    until(page, "agbot.frames > 3")
    assert page.inner_text("#link") == "waiting for a bot"
    stage.start_bot()
    until(page, LIVE)
    before = page.evaluate("({...agbot.charts, frames: agbot.frames})")
    until(page, f"agbot.charts.lag > {before['lag'] + 10} && agbot.charts.rate > {before['rate'] + 10}")
    until(page, f"agbot.charts.pnl > {before['pnl'] + 2} && agbot.charts.decisions > {before['decisions']}")
    charts = page.locator(".chart canvas")
    assert charts.count() >= 4
    assert page.evaluate("[...document.querySelectorAll('.chart canvas')].every(drawn)".replace("drawn", DRAWN))
    assert page.evaluate("agbot.gaps") == 0
    assert page.inner_text("#mode") == "DEMO"
    assert page.inner_text("#kill") == "kill switch off"
    assert page.inner_text("#link") == "live"
    for table in ("b-markets", "b-orders", "b-fills", "b-log"):
        assert page.locator(f"#{table} tr").count() >= 1
    assert "<b>Lakers</b>" in page.inner_text("#b-markets"), "what a bot says is text, never markup"
    assert errors == []
    assert {url.split("/")[2] for url in asked} == {f"127.0.0.1:{stage.port}"}


DRAWN = """((canvas) => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value) => value > 0);
})"""


def test_it_comes_back_when_the_monitor_does(stage: Stage, browse: Callable[..., Page]) -> None:
    stage.start_bot()
    page, errors, _ = browse(stage.url)
    until(page, LIVE)
    assert errors == [] or not vendored(stage)
    fills = page.evaluate("agbot.store.value('agbot.events', {event_type: 'fill'})")
    stage.kill_monitor()
    until(page, "!agbot.open")
    until(page, "document.getElementById('link').textContent.includes('monitor away')")
    assert page.inner_text("#mode") == "DEMO", "the last values stay"
    stage.start_monitor()
    until(page, "agbot.connections === 2 && agbot.store.connected")
    until(page, f"agbot.store.value('agbot.events', {{event_type: 'fill'}}) > {fills}")
    assert page.evaluate("agbot.store.markets.size") == 3, "a monitor without memory is told again"


def test_the_kill_switch_and_the_end_of_a_run_are_seen(stage: Stage, browse: Callable[..., Page]) -> None:
    from websockets.sync.client import connect  # noqa: PLC0415

    page, errors, _ = browse(stage.url)
    with connect(f"ws://127.0.0.1:{stage.port}/metrics") as bot:
        bot.send(line("run", run_id="r", mode="LIVE"))
        bot.send(line("kill_switch", on=True, reason="drill", by="me"))
        until(page, "document.getElementById('kill').textContent === 'KILL SWITCH ON: drill'")
        assert page.inner_text("#mode") == "LIVE"
        for value, said in ((1, "live, venue degraded"), (2, "live, venue down"), (0, "live")):
            labels = {"venue": "polymarket"}
            metric = {"timestamp": value + 1, "metric_type": "gauge", "metric_name": "venue.health"}
            bot.send(json.dumps({**metric, "value": value, "labels": labels}))
            until(page, f"document.getElementById('link').textContent === '{said}'")
        bot.send(line("run", run_id="r", ended=True, reason="stopped"))
    until(page, "document.getElementById('link').textContent === 'run ended: stopped'")
    assert errors == [] or not vendored(stage)


def test_a_new_run_clears_the_page(stage: Stage, browse: Callable[..., Page]) -> None:
    from websockets.sync.client import connect  # noqa: PLC0415

    stage.start_bot()
    page, errors, _ = browse(stage.url)
    until(page, LIVE)
    with connect(f"ws://127.0.0.1:{stage.port}/metrics") as bot:
        bot.send(line("run", run_id="another", mode="PAPER"))
        until(page, "document.getElementById('mode').textContent === 'PAPER'")
        until(page, "Object.values(agbot.charts).every((n) => n === 0)")
        assert page.locator(".chart canvas").count() == 0
        until(page, "document.getElementById('b-fills').textContent === 'no fill yet'")
    until(page, LIVE + " && agbot.store.run.mode === 'DEMO'")
    assert errors == [] or not vendored(stage)
    assert page.evaluate("agbot.gaps") == 0


def line(event_type: str, **event: object) -> str:
    return json.dumps({"timestamp": int(time.time() * 1000), "event_type": event_type, "event": event})


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_a_phone(stage: Stage, browse: Callable[..., Page], scheme: str) -> None:
    stage.start_bot()
    page, _, _ = browse(stage.url, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    until(page, LIVE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    red, green, blue = map(
        int, page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)")
    )
    assert (red + green + blue > 384) == (scheme == "light")


def test_without_uplot_it_shows_tables_and_a_hint(stage: Stage, browse: Callable[..., Page]) -> None:
    stage.start_bot()
    page, _, _ = browse("about:blank")
    page.route(re.compile("uPlot"), lambda route: route.abort())
    page.goto(stage.url)
    until(page, "agbot.uplot === 'missing'")
    until(page, LIVE)
    assert "uPlot" in page.inner_text("#hint")
    assert page.locator(".chart canvas").count() == 0
    until(page, "document.querySelectorAll('#c-lag tr').length === 2")
    assert "clob_market" in page.inner_text("#c-lag")
    assert "agbot" in page.title()
