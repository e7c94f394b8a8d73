"""The page in a real browser: charts grow, nothing foreign is loaded, it comes back by itself."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agbot.monitor

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


def spawn_monitor(port: int = 0, *, token: str = "", history: bool = False) -> tuple["subprocess.Popen[str]", int]:
    plain = ["-m", "agbot", "monitor", "--port", str(port)]
    command = [sys.executable, *([str(HERE / "monitor_with_history.py"), str(port)] if history else plain)]
    env = {**os.environ, "AGBOT_MONITOR_TOKEN": token}
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r":(\d+)$", said.strip())
    assert found is not None, said
    return process, int(found[1])


class Stage:
    """A monitor on a fixed port that can be killed and started again, and the bot that feeds it."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.monitor, self.port = spawn_monitor(**options)
        self.bot: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self.port}/"

    def start_bot(self) -> None:
        url = f"ws://127.0.0.1:{self.port}/metrics"
        self.bot = subprocess.Popen([sys.executable, str(HERE / "synthetic_bot.py"), url], stdout=subprocess.DEVNULL)

    def kill_bot(self) -> None:
        assert self.bot is not None
        with self.bot:
            self.bot.kill()

    def kill_monitor(self) -> None:
        with self.monitor:
            self.monitor.kill()

    def start_monitor(self) -> None:
        self.monitor, _ = spawn_monitor(self.port, **self.options)

    def close(self) -> None:
        for process in (self.monitor, self.bot):
            if process is not None:
                with process:
                    process.kill()


@pytest.fixture
def staged() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**options: Any) -> Stage:
        made.append(Stage(**options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(staged: Callable[..., Stage]) -> Stage:
    return staged()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for the whole module: its start is the slowest thing here."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium: Any) -> Iterator[Callable[..., tuple[Page, list[str], list[str]]]]:
    opened = []

    def open_page(url: str, **context: Any) -> tuple[Page, list[str], list[str]]:
        opened.append(chromium.new_context(**context))
        page = opened[-1].new_page()
        errors: list[str] = []
        asked: list[str] = []
        page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("request", lambda r: asked.append(r.url))
        page.goto(url)
        return page, errors, asked

    yield open_page
    for context in opened:
        context.close()


def until(page: Page, condition: str) -> None:
    deadline = time.monotonic() + PATIENCE_S  # not wait_for_function: the page's own policy forbids its eval
    while not holds(page, condition):
        assert time.monotonic() < deadline, (
            condition,
            page.evaluate("JSON.stringify({...agbot, store: 0, view: 0, history: 0})"),
        )
        page.wait_for_timeout(50)


def holds(page: Page, condition: str) -> bool:
    from playwright.sync_api import Error  # noqa: PLC0415

    try:
        return bool(page.evaluate(condition))
    except Error as e:
        if "navigation" not in str(e):
            raise
        return False  # the page is being replaced: its successor is asked next


CHECKS = (HERE / "page_checks.js").read_text(encoding="utf-8")
WEB = Path(agbot.monitor.__file__).parent / "web"
LIVE = "agbot.open && agbot.store.connected && Object.values(agbot.charts).every((n) => n > 2)"


def check(page: Page, what: str) -> Any:
    return page.evaluate(f"({CHECKS}).{what}()")


@pytest.fixture(autouse=True)
def _vendored(request: pytest.FixtureRequest) -> None:
    if not (WEB / "vendor/uPlot.iife.min.js").is_file() and "tables" not in request.node.name:
        pytest.skip("built without uPlot")


def test_charts_grow_and_nothing_foreign_is_loaded(stage: Stage, browse: Callable[..., Page]) -> None:
    page, errors, asked = browse(stage.url)
    until(page, "agbot.frames > 3")
    assert page.inner_text("#link") == "waiting for a bot"
    stage.start_bot()
    until(page, LIVE)
    before = page.evaluate("({...agbot.charts, frames: agbot.frames})")
    grows = [f"agbot.charts.{name} > {before[name]}" for name in before if name not in {"frames", "position"}]
    until(page, " && ".join(grows))
    assert len(grows) == 7
    assert page.locator(".chart canvas").count() == 8
    assert page.locator("#limits [role=meter]").count() == 3
    assert page.get_attribute("#limits .over", "aria-label") == "limit DailyLossLimit"
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
    assert errors == []
    fills = page.evaluate("agbot.store.value('agbot.events', {event_type: 'fill'})")
    oldest = page.evaluate("agbot.store.bands.pnl.oldest")
    stage.kill_monitor()
    until(page, "!agbot.open")
    until(page, "document.getElementById('link').textContent.includes('monitor away')")
    assert page.inner_text("#mode") == "DEMO", "the last values stay"
    stage.start_monitor()
    until(page, "agbot.connections === 2 && agbot.store.connected")
    until(page, f"agbot.store.value('agbot.events', {{event_type: 'fill'}}) > {fills}")
    assert page.evaluate("agbot.store.markets.size") == 3, "a monitor without memory is told again"
    assert page.evaluate("agbot.store.bands.pnl.oldest") == oldest, "the same run goes on where it was"
    stage.kill_bot()
    until(page, "document.getElementById('link').textContent === 'bot away'")
    assert check(page, "pale") == []
    stage.start_bot()
    until(page, LIVE)


def test_the_kill_switch_and_the_end_of_a_run_are_seen(stage: Stage, browse: Callable[..., Page]) -> None:
    from websockets.sync.client import connect  # noqa: PLC0415

    page, errors, _ = browse(stage.url)
    with connect(f"ws://127.0.0.1:{stage.port}/metrics") as bot:
        bot.send(line("run", run_id="r", mode="LIVE"))
        bot.send(line("kill_switch", on=True, reason="drill", by="me"))
        until(page, "document.getElementById('kill').textContent === 'KILL SWITCH ON: drill'")
        assert page.inner_text("#mode") == "LIVE"
        assert check(page, "pale") == []
        for value, said in ((1, "live, venue degraded"), (2, "live, venue down"), (0, "live")):
            labels = {"venue": "polymarket"}
            metric = {"timestamp": value + 1, "metric_type": "gauge", "metric_name": "venue.health"}
            bot.send(json.dumps({**metric, "value": value, "labels": labels}))
            until(page, f"document.getElementById('link').textContent === '{said}'")
        bot.send(line("run", run_id="r", ended=True, reason="stopped"))
    until(page, "document.getElementById('link').textContent === 'run ended: stopped'")
    assert errors == []


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
    assert errors == []
    assert page.evaluate("agbot.gaps") == 0


def line(event_type: str, **event: object) -> str:
    return json.dumps({"timestamp": int(time.time() * 1000), "event_type": event_type, "event": event})


def test_it_fits_a_phone_and_can_be_read_in_both_themes(stage: Stage, browse: Callable[..., Page]) -> None:
    stage.start_bot()
    page, _, _ = browse(stage.url, viewport={"width": 390, "height": 844})
    until(page, LIVE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert check(page, "small") == []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        assert is_light(page) == (scheme == "light")
        assert check(page, "pale") == []


def is_light(page: Page) -> bool:
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    return sum(shade) > 384


def test_without_uplot_it_shows_tables_and_a_hint(stage: Stage, browse: Callable[..., Page]) -> None:
    stage.start_bot()
    page, _, _ = browse("about:blank")
    page.route(re.compile("uPlot"), lambda route: route.abort())
    page.goto(stage.url)
    until(page, "agbot.uplot === false")
    until(page, LIVE)
    assert "uPlot" in page.inner_text("#hint")
    assert page.locator(".chart canvas").count() == 0
    until(page, "document.querySelectorAll('#c-lag tr').length === 2")
    assert "clob_market" in page.inner_text("#c-lag")
    assert "agbot" in page.title()


def test_everything_has_a_name_and_the_keyboard_gets_everywhere(stage: Stage, browse: Callable[..., Page]) -> None:
    stage.start_bot()
    page, errors, _ = browse(stage.url, color_scheme="light")
    until(page, LIVE)
    assert check(page, "frame") == []
    assert check(page, "nameless") == []
    until(page, "document.getElementById('c-pnl').getAttribute('aria-label').includes('now')")
    stage.kill_bot()
    until(page, "!agbot.store.connected")
    wanted = check(page, "stops")
    reached = []
    for _ in wanted:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(
            "(({name, id, textContent, ...e}, a) => name || id || a || textContent)"
            "(document.activeElement, document.activeElement.getAttribute('aria-label'))"
        ))  # fmt: skip
    assert reached == wanted
    page.focus("input[name=range]:checked")
    page.keyboard.press("ArrowRight")
    until(page, "agbot.view.range === '1h'")
    page.focus("#theme")
    for theme, light in (("light", True), ("dark", False), ("auto", True)):
        page.keyboard.press("Enter")
        assert (page.inner_text("#theme"), is_light(page)) == (f"Theme: {theme}", light)
    page.focus("#market")
    page.keyboard.press("ArrowDown")
    until(page, "agbot.view.market === '0xa1'")
    until(page, "document.querySelectorAll('#b-markets tr').length === 1")
    page.fill("#words", "synthetic bot")
    until(page, "document.querySelectorAll('#b-log tr').length === 1")
    assert "synthetic bot started" in page.inner_text("#b-log")
    page.reload()
    until(page, "agbot.view.range === '1h' && agbot.store.run")
    assert errors == []


def test_a_range_shows_what_the_store_kept_and_goes_on_live(
    staged: Callable[..., Stage], browse: Callable[..., Page]
) -> None:
    stage = staged(history=True)
    stage.start_bot()
    page, errors, asked = browse(stage.url)
    until(page, LIVE)
    page.select_option("#market", "0xa1")
    for span in ("7d", "1h"):
        page.check(f"input[name=range][value='{span}']", force=True)
        until(page, "[...agbot.history.past.values()].filter((series) => series.length).length === 7")
        for name in ("pnl", "drawdown", "lag", "rate", "price"):
            until(page, f"agbot.charts.{name} > 500")
        until(page, "agbot.charts.decisions > 3000")
    shown = page.evaluate("agbot.charts.pnl")
    until(page, f"agbot.charts.pnl > {shown}")
    assert page.inner_text("#since") == "with the bot's history"
    assert all("/history?name=" in url for url in asked if "/history?" in url)
    assert errors == []


def test_a_monitor_with_a_token_asks_once_and_lets_in_also_after_a_restart(
    staged: Callable[..., Stage], browse: Callable[..., Page]
) -> None:
    token = "correct-horse-battery-staple"
    stage = staged(token=token)
    page, errors, _ = browse(stage.url)
    assert page.title() == "Sign in · agbot"
    assert check(page, "frame") == []
    assert check(page, "nameless") == []
    assert check(page, "pale") == []
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('said').textContent === 'That is not the token.'")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    until(page, "window.agbot?.frames > 2")
    assert page.evaluate("document.cookie") == "", "no script can read it"
    ((cookie),) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert token not in cookie["value"]
    stage.kill_monitor()
    stage.start_monitor()
    until(page, "agbot.connections === 2")
    page.context.clear_cookies()
    stage.kill_monitor()
    stage.start_monitor()
    until(page, "document.title.startsWith('Sign in')")
    page.goto(f"{stage.url}#token=wrong")  # pasted over the page: no load, only another hash
    until(page, "document.getElementById('said').textContent === 'That is not the token.'")
    page.goto("about:blank")
    page.goto(f"{stage.url}#token={token}")
    until(page, "window.agbot?.frames > 2")
    assert token not in page.url
    assert [text for text in errors if "401" not in text and "ERR_CONNECTION" not in text] == []
