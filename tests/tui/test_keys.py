"""Each key, by the hand of a pilot; and what a click does instead."""

from __future__ import annotations

from typing import Any

from textual.widgets import Input

from agbot.tui.app import AgbotApp
from agbot.tui.screens.help import KEYS, HelpScreen
from agbot.tui.screens.kill import KillScreen
from agbot.tui.widgets.log import LogSheet
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.tabs import SCREENS


def test_number_keys_tab_and_clicks_go_where_they_say(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        for n, name in enumerate(SCREENS, 1):
            await pilot.press(str(n))
            assert app.view == name, n
            assert isinstance(app.focused, Sheet)
            assert app.focused in app.query(f"#{name} Sheet")
        await pilot.press("4", "tab")
        assert app.focused is app.query_one("#positions")
        await pilot.press("tab")
        assert app.focused is app.query_one("#fill-list")
        await pilot.click("#tabs", offset=(12, 0))
        assert app.view == "markets"
        await pilot.click("#tabs", offset=(1, 0))
        assert app.view == "overview"

    run_app(app, steps)


def test_z_enlarges_and_another_screen_ends_it(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        await pilot.press("4", "z")
        assert app.screen.maximized is app.query_one("#fill-list")
        await pilot.press("z")
        assert app.screen.maximized is None
        await pilot.press("z", "escape")
        assert app.screen.maximized is None
        await pilot.press("z", "3")
        assert app.screen.maximized is None
        assert app.view == "orders"

    run_app(app, steps)


def test_a_table_scrolls_under_its_header(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot(orders=[bot.order(n, why=f"reason{n:03}") for n in range(150)]))
        await pilot.press("3")
        app.draw()
        await pilot.pause()
        assert "reason149" in text_of(app)
        assert "reason000" not in text_of(app)
        await pilot.press("end")
        await pilot.pause()
        sheet = app.query_one("#order-list", Sheet)
        assert sheet.scroll_y == sheet.max_scroll_y > 0
        assert "reason000" in text_of(app)
        assert "why" in text_of(app)
        await pilot.press("pageup", "home")
        await pilot.pause()
        assert "reason149" in text_of(app)

    run_app(app, steps, (140, 24))


def test_the_selection_stays_on_its_order_while_others_come(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "down", "down")
        sheet = app.query_one("#order-list", Sheet)
        assert sheet.selected is not None
        chosen = sheet.selected.key
        app.take(bot.delta(*(bot.order(200 + n) for n in range(30))))
        app.draw()
        assert sheet.selected.key == chosen
        app.take(bot.delta(bot.order(int(chosen[1:]), "CANCELLED")))
        app.draw()
        assert sheet.selected.key == chosen
        await pilot.press("4", "down")
        fills = app.query_one("#fill-list", Sheet)
        assert fills.selected is not None
        chosen = fills.selected.key
        app.take(bot.delta(bot.fill(300)))
        app.draw()
        assert fills.selected.key == chosen
        await pilot.press("home")
        app.take(bot.delta(bot.fill(301)))
        app.draw()
        assert fills.selected.key.startswith("t301")  # the top stays the newest

    run_app(app, steps)


def test_slash_filters_while_it_is_typed_enter_keeps_esc_ends_it(
    run_app: Any, bot: Any, app: AgbotApp, text_of: Any
) -> None:

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "slash", *"btc 3q")  # letters and digits are no keys here
        sheet = app.query_one("#order-list", Sheet)
        assert app.view == "orders"
        assert sheet.words == "btc 3q"
        await pilot.press("backspace", "backspace", "enter")
        assert app.focused is sheet
        assert not app.query_one("#search", Input).display
        await pilot.pause()
        assert "btc-over-120k" in text_of(app)
        assert "will-it-rain" not in text_of(app)
        assert "/btc" in text_of(app)
        await pilot.press("slash")
        assert app.query_one("#search", Input).value.strip() == "btc"
        await pilot.press("escape")
        await pilot.pause()
        assert "will-it-rain" in text_of(app)
        await pilot.press("slash", *"zzz", "enter")
        await pilot.pause()
        assert "nothing has these words" in text_of(app)
        await pilot.press("escape")
        assert sheet.words == ""

    run_app(app, steps)


def test_s_sorts_by_the_next_column_r_turns_it_a_click_does_both(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        await pilot.press("2", "s", "s")
        sheet = app.query_one("#market-list", Sheet)

        def bids() -> list[float]:
            return [float(row.cells[1][0]) for row in sheet._rows]

        assert bids() == sorted(bids())
        assert "by bid ↑" in sheet._said
        await pilot.press("r")
        assert bids() == sorted(bids(), reverse=True)
        await pilot.click(sheet, offset=(3, 1))
        names = [row.cells[0][0] for row in sheet._rows]
        assert names == sorted(names)
        await pilot.click(sheet, offset=(3, 1))
        assert [row.cells[0][0] for row in sheet._rows] == names[::-1]
        await pilot.click(sheet, offset=(3, 3))
        assert sheet.selected is sheet._rows[1]

    run_app(app, steps)


def test_l_goes_through_the_levels_of_the_log(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:
    app.take(bot.delta(bot.line("log", {"level": "error", "event": "venue.lost"}), bot.line("position_opened", {})))

    async def steps(pilot: Any) -> None:
        await pilot.press("9")
        shown = {}
        for _ in range(4):
            await pilot.pause()
            shown[app.query_one("#log-list", LogSheet).level] = {
                word for word in ("allowed", "opened", "denied", "venue.lost") if word in text_of(app)
            }
            await pilot.press("l")
        assert shown == {
            0: {"allowed", "opened", "denied", "venue.lost"},
            1: {"opened", "denied", "venue.lost"},
            2: {"denied", "venue.lost"},
            3: {"venue.lost"},
        }

    run_app(app, steps)


def test_the_ladder_follows_the_selected_market(run_app: Any, bot: Any, app: AgbotApp, text_of: Any) -> None:

    async def steps(pilot: Any) -> None:
        await pilot.press("2")
        await pilot.pause()
        assert app.dashboard.told.market == "m3"
        assert "spread 0.02 · trust ok" in text_of(app)
        assert "≤120" in text_of(app)
        await pilot.press("down")
        await pilot.pause()
        assert app.dashboard.told.market == "m2"
        assert "spread 0.02" not in text_of(app)  # that was told of another market

    run_app(app, steps, (80, 24))


def test_the_palette_offers_every_screen_and_act(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        offered = {command.title: command.callback for command in app.get_system_commands(app.screen)}
        for name in SCREENS:
            await offered[f"Go to {name}"]()  # type: ignore[func-returns-value]
            assert app.view == name
        assert {"Kill switch", "Why", "Cancel order", "Filter", "Theme", "Help", "Quit"} <= set(offered)
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert len(app.screen_stack) == 2

    run_app(app, steps)


def test_help_names_every_key(run_app: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app)
        for word in (
            "kill switch",
            "the bot is untouched",
            "dark or light",
            "overview markets",
            "enlarge",
            "the story",
        ):
            assert word in shown
        for _ in range(12):
            await pilot.press("down")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("end")
        await pilot.press("question_mark", "k")  # any other key closes it, and does nothing else
        assert not isinstance(app.screen, HelpScreen | KillScreen)

    run_app(app, steps, (80, 24))


def test_every_binding_is_in_the_help() -> None:
    told = " ".join(keys for keys, _ in KEYS)
    bound = {
        binding.key_display or binding.key.replace("question_mark", "?")
        for binding in AgbotApp.BINDINGS
        if hasattr(binding, "key")
    }
    assert {key for key in bound if key not in told and not key.isdigit()} == {"escape"}  # it ends what is begun


def test_q_leaves_with_success(run_app: Any) -> None:
    app = AgbotApp(None)
    run_app(app, lambda pilot: pilot.press("q"))
    assert app.return_code == 0
    assert not app.is_running


def test_dark_light_and_themes(run_app: Any, bot: Any, app: AgbotApp) -> None:

    async def steps(pilot: Any) -> None:
        assert app.current_theme.dark
        dark = app.screen.styles.background
        await pilot.press("d")
        await pilot.pause()
        assert not app.current_theme.dark
        assert app.screen.styles.background != dark
        for theme in ("ansi-dark", "ansi-light", "nord"):  # the terminal's own colours have no figures
            app.theme = theme
            await pilot.pause()

    run_app(app, steps)
    assert not app.return_code


def test_a_market_or_a_filter_may_have_any_name(run_app: Any, bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)
    odd = "[red]x[/] [AGB-501] \\"
    listed = {"m3": {"market_id": "m3", "slug": odd}}

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot(markets=listed))
        await pilot.press("2")
        await pilot.pause()
        assert text_of(app).count("[red]x[/] [AGB-501]") >= 2  # in the table, and as the ladder's title
        await pilot.press("slash", *"[x]", "enter")
        await pilot.pause()
        assert "/[x]: 0 of 5" in text_of(app)

    run_app(app, steps, (200, 50))
