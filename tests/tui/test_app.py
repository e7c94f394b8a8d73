"""The app as a person meets it, on a terminal of a given size: sync tests, Textual needs asyncio."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from agbot.tui.app import AgbotApp, screenshot_svg
from agbot.tui.screens.help import HelpScreen
from agbot.tui.screens.kill import KillScreen
from agbot.tui.widgets.chart import Chart
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.status import StatusBar

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
def test_everything_is_in_sight(run_app: Any, bot: Any, text_of: Any, until: Any, size: tuple[int, int]) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await until(lambda: "k kill switch" in text_of(app), "the keys: they come after the first refresh")
        screen = text_of(app)
        expected = ("DEMO", "● live", "kill switch off", "equity 10,003.52", "cash 9,790.12", "pnl +", "btc-over")
        for part in (*expected, "35.5N", "120Y", "BUY YES", "open", "10 live", "denied", "q quit", "k kill switch"):
            assert part in screen, part
        assert any("⠀" < c <= "⣿" for c in screen)  # braille: the charts
        for pane in (*app.query(Sheet), *app.query(Chart)):
            assert pane.size.width >= 28
            assert pane.size.height >= 5

    run_app(app, steps, size)


@pytest.mark.parametrize("size", [(20, 6), (40, 10), (1, 1)])
def test_a_tiny_terminal_is_no_crash(run_app: Any, bot: Any, size: tuple[int, int]) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await pilot.press("k")
        await pilot.press("escape", "question_mark", "x", "z", "d")

    run_app(app, steps, size)
    assert not app.return_code


def test_it_is_alive_before_anything_came(run_app: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.draw()
        await pilot.pause()
        for part in ("connecting", "no market yet", "no order yet", "no fill yet", "nothing to tell yet"):
            assert part in text_of(app)

    run_app(app, steps)


@pytest.mark.parametrize("mode", ["DEMO", "REPLAY", "PAPER", "SHADOW", "LIVE", "WHATEVER"])
def test_the_mode_is_always_in_sight(run_app: Any, bot: Any, text_of: Any, mode: str) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        bot.mode = mode
        app.take(bot.snapshot())
        app.draw()
        await pilot.pause()
        assert f" {mode} " in text_of(app).splitlines()[0]
        await pilot.press("z")
        assert f" {mode} " in text_of(app).splitlines()[0]

    run_app(app, steps, (80, 24))


def test_states_of_bot_and_kill_switch_in_words(run_app: Any, bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        async def top(frame: object) -> str:
            app.take(frame)
            app.draw()
            await pilot.pause()
            return text_of(app).splitlines()[0]

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


def test_prices_move(run_app: Any, bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await pilot.pause()
        before = text_of(app)
        for _ in range(40):
            app.take(bot.delta())
        app.draw()
        await pilot.pause()
        assert text_of(app) != before

    run_app(app, steps)


def test_keys_move_the_focus_and_the_zoom(run_app: Any, bot: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        for key, pane in (("2", "orders"), ("3", "fills"), ("4", "risk"), ("1", "markets")):
            await pilot.press(key)
            assert app.focused is not None
            assert app.focused.id == pane
        await pilot.press("tab")
        assert app.focused is not None
        assert app.focused.id == "orders"
        await pilot.press("z")
        assert app.screen.maximized is app.query_one("#orders")
        await pilot.press("4")
        assert app.screen.maximized is app.query_one("#risk")
        await pilot.press("z")
        assert app.screen.maximized is None

    run_app(app, steps)


def test_a_table_scrolls_under_its_header(run_app: Any, bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot(orders=[bot.order(n, why=f"reason{n:03}") for n in range(150)]))
        await pilot.press("2", "z")
        app.draw()
        await pilot.pause()
        assert "reason149" in text_of(app)
        assert "reason000" not in text_of(app)
        await pilot.press("end")
        sheet = app.query_one("#orders")
        await pilot.wait_for_scheduled_animations()
        assert sheet.scroll_y == sheet.max_scroll_y > 0
        assert "reason000" in text_of(app)
        assert "why" in text_of(app)

    run_app(app, steps, (120, 24))


def test_dark_and_light(run_app: Any, bot: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        assert app.current_theme.dark
        dark = app.screen.styles.background
        await pilot.press("d")
        await pilot.pause()
        assert not app.current_theme.dark
        assert app.screen.styles.background != dark
        await pilot.press("d")
        assert app.current_theme.dark

    run_app(app, steps)


def test_help_names_every_key(run_app: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app)
        for word in ("kill switch", "the bot is untouched", "dark or light", "go to markets", "enlarge", "UNKNOWN"):
            assert word in shown
        await pilot.press("k")  # any key closes it, and does nothing else
        assert not isinstance(app.screen, HelpScreen | KillScreen)

    run_app(app, steps, (80, 24))


def test_q_leaves_with_success(run_app: Any) -> None:
    app = AgbotApp(None)
    run_app(app, lambda pilot: pilot.press("q"))
    assert app.return_code == 0
    assert not app.is_running


def test_a_bug_in_the_app_is_a_failure_exit() -> None:
    class Buggy(AgbotApp):
        def draw_tables(self) -> None:
            raise ZeroDivisionError

    app = Buggy(None)
    app.run(headless=True, size=(80, 24))
    assert app.return_code == 1


@pytest.mark.parametrize("size", SIZES)
def test_screenshot(bot: Any, size: tuple[int, int]) -> None:
    svg = screenshot_svg([bot.snapshot(), *(bot.delta() for _ in range(5))], size)
    words = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for part in ("DEMO", "agbot", "btc-over", "1 markets", "4 risk log"):
        assert part in words


def test_a_drawing_after_the_widgets_have_gone_is_no_crash(run_app: Any, bot: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        await app.screen.remove_children()
        app.draw()

    run_app(app, steps)
    assert not app.return_code
