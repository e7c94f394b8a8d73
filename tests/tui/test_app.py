"""The app as a person meets it, on a terminal of a given size: sync tests, Textual needs asyncio."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from agbot.tui.app import AgbotApp, screenshot_svg
from agbot.tui.widgets.chart import Chart
from agbot.tui.widgets.panel import Panel
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.status import StatusBar
from agbot.tui.widgets.tabs import SCREENS

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
def test_the_overview_says_how_it_stands(
    run_app: Any, bot: Any, app: AgbotApp, text_of: Any, until: Any, size: Any
) -> None:

    async def steps(pilot: Any) -> None:
        app.draw()
        await until(lambda: "k kill switch" in text_of(app), "the keys: they come after the first refresh")
        screen = text_of(app)
        expected = ("DEMO", "● live", "kill switch off", "equity 10,003.52", "cash 9,79", "pnl +", "day pnl     −46.50")
        more = ("worst case  118.25", "best-picture-drama ON", "2/2 flow", "9/10 books ok", "93.0%", "12 s ago")
        for part in (*expected, *more, "exposure    213.40", "10 live", "2 UNKNOWN", "q quit"):
            assert part in screen, part
        assert any("⠀" < c <= "⣿" for c in screen)  # braille: the charts

    run_app(app, steps, size)


def test_the_overview_says_when_every_order_is_denied(
    run_app: Any, bot: Any, app: AgbotApp, text_of: Any, until: Any
) -> None:
    figure = {"rule": "DayCap", "figure": "26.00 usd, 24.00 usd without it", "limit": "at most 25 usd"}
    status = {**app.dashboard.told.of("status"), "denied": {"policies": ["DayCap"], "figures": [figure]}}
    app.dashboard.told.take("status", status)

    async def steps(pilot: Any) -> None:
        app.draw()
        await until(lambda: "every order of the last minute" in text_of(app), "the denials")
        assert "DayCap  26.00 usd" in text_of(app)

    run_app(app, steps, (200, 50))


@pytest.mark.parametrize("size", SIZES)
def test_every_screen_has_room_for_all_that_is_on_it(
    run_app: Any, bot: Any, app: AgbotApp, text_of: Any, size: Any
) -> None:

    async def steps(pilot: Any) -> None:
        for key, name in enumerate(SCREENS, 1):
            await app.action_go(name)
            await pilot.pause()
            parts = [p for p in app.query(f"#{name} *") if isinstance(p, Sheet | Panel | Chart) and p.display]
            assert parts
            for part in parts:
                assert part.region.width >= 30, part
                assert part.region.height >= 6, part
                assert app.screen.region.contains_region(part.region), part
            lines = text_of(app).splitlines()
            assert f"{key} {name}"[:9] in lines[1 if size[0] > 118 else 2]

    run_app(app, steps, size)


@pytest.mark.parametrize("size", [(40, 10), (1, 1)])
def test_a_tiny_terminal_is_no_crash(run_app: Any, bot: Any, app: AgbotApp, size: tuple[int, int]) -> None:

    async def steps(pilot: Any) -> None:
        app.draw()
        for name in SCREENS:
            await app.action_go(name)
            await pilot.pause()
        await pilot.press("2", "down", "s", "end", "k", "escape", "question_mark", "x", "z", "slash", "a", "enter")

    run_app(app, steps, size)
    assert not app.return_code


def test_it_is_alive_before_anything_came_and_says_why_it_is_empty(run_app: Any, text_of: Any) -> None:
    app = AgbotApp(None)
    said = {
        "1": ("connecting", "nothing of this level yet", "no bot of this machine is asked"),
        "2": ("no market yet",),
        "3": ("no order yet",),
        "4": ("no fill yet", "nothing is held"),
        "5": ("no strategy has been heard of", "no quote rests"),
        "6": ("no limit has been told of", "nothing was denied"),
        "7": ("no feed has been heard of", "no socket of its own"),
        "8": ("no order has been sent yet", "no request has been made"),
        "9": ("nothing of this level yet",),
    }

    async def steps(pilot: Any) -> None:
        for key, parts in said.items():
            await pilot.press(key)
            await pilot.pause()
            for part in parts:
                assert part in text_of(app), (key, part)

    run_app(app, steps)


def test_the_mode_is_always_in_sight(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        for mode in ("DEMO", "REPLAY", "PAPER", "SHADOW", "LIVE", "READ-ONLY", "WHATEVER"):
            bot.mode = mode
            app.take(bot.snapshot())
            app.draw()
            await pilot.pause()
            assert f" {mode} " in text_of(app).splitlines()[0]
            assert ("REAL MONEY" in text_of(app)) == (mode == "LIVE")
        for key in ("3", "z"):
            await pilot.press(key)
            assert f" {mode} " in text_of(app).splitlines()[0]

    run_app(app, steps, (80, 24))


def test_states_of_bot_and_kill_switch_in_words(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        async def top(frame: object) -> str:
            app.take(frame)
            app.draw()
            await pilot.pause()
            return str(text_of(app).splitlines()[0])

        assert "● live" in await top(bot.snapshot())
        for value, said in ((1, "● live, venue degraded"), (2, "● live, venue down"), (0, "● live  ")):
            assert said in await top(bot.delta(metrics=[["venue.health", {"venue": "v"}, "gauge", value, 0]]))
        assert "bot away" in await top(bot.delta(connected=False))
        assert app.screen.has_class("-stale")
        killed = [["polymarket.risk.kill_switch", {}, "gauge", 1, 0]]
        assert "KILL SWITCH ON: odd fills" in await top(bot.delta(bot.kill(), metrics=killed))
        assert app.query_one(StatusBar).has_class("-killed")
        end = bot.line("run", {"run_id": bot.run_id, "ended": True, "exit_code": 1})
        assert "run ended, exit 1" in await top(bot.delta(end))

    run_app(app, steps)


def test_what_comes_is_on_the_screen(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:

    async def steps(pilot: Any) -> None:
        for name in ("overview", "markets", "orders", "strategies", "latency"):
            await app.action_go(name)
            await pilot.pause()
            before = text_of(app)
            for n in range(40):
                app.take(bot.delta(bot.order(100 + n)))
            app.draw()
            await pilot.pause()
            assert text_of(app) != before, name

    run_app(app, steps)


def test_without_colour_the_selection_is_seen(
    run_app: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = request.getfixturevalue("app")  # which asks for it when it is made

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "down")
        await pilot.pause()
        strip = app.query_one("#order-list", Sheet).render_line(2)
        assert all(segment.style.reverse for segment in strip if segment.style)
        for line in app.screen._compositor.render_strips():
            for segment in line.apply_filter(app._filters[-1], app.screen.background_colors[1]):
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert colour is None or colour.triplet is None or len(set(colour.triplet)) == 1

    run_app(app, steps)


def test_a_bug_in_the_app_is_a_failure_exit() -> None:
    class Buggy(AgbotApp):
        def draw_tables(self) -> None:
            raise ZeroDivisionError

    app = Buggy(None)
    app.run(headless=True, size=(80, 24))
    assert app.return_code == 1


def test_screenshot(bot: Any) -> None:
    svg = screenshot_svg([bot.snapshot(), *(bot.delta() for _ in range(5))], (120, 40))
    words = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for part in ("DEMO", "agbot", "equity", "1 overview", "worst case"):
        assert part in words


def test_a_drawing_after_the_widgets_have_gone_is_no_crash(run_app: Any, bot: Any, app: AgbotApp) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        await app.screen.remove_children()
        app.draw()

    run_app(app, steps)
    assert not app.return_code
