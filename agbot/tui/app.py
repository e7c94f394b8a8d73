"""The dashboard in a terminal: reads the monitor's socket and shows it. It owns nothing and decides nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input

from agbot.tui.acts import Acts
from agbot.tui.asks import Asks
from agbot.tui.client import follow
from agbot.tui.screens.confirm import ConfirmScreen
from agbot.tui.screens.help import HelpScreen
from agbot.tui.screens.kill import KillScreen, receipt_text
from agbot.tui.screens.story import StoryScreen, seen
from agbot.tui.state import Applied, Dashboard
from agbot.tui.views import view as make
from agbot.tui.widgets.chart import Chart
from agbot.tui.widgets.keys import KeysLine, means
from agbot.tui.widgets.panel import Panel
from agbot.tui.widgets.search import Search
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.status import Link, StatusBar
from agbot.tui.widgets.strategies import StrategiesSheet
from agbot.tui.widgets.tabs import SCREENS, Tabs

DEFAULT_URL: Final = "ws://127.0.0.1:8080/dashboard"
TABLES_S: Final = 0.25
CHARTS_S: Final = 1.0
DARK: Final = "textual-dark"
LIGHT: Final = "textual-light"
REASON: Final = "from the terminal"


class AgbotApp(App[None]):
    """The terminal dashboard.

    Args:
        url: the monitor's dashboard socket; None to show only what is given to `take`.
        state_dir: of the bot that is asked and stopped; None when that bot is on another machine.
        by: who presses the keys, for the record.
    """

    TITLE = "agbot"
    CSS_PATH = "agbot.tcss"
    ALLOW_IN_MAXIMIZED_VIEW = "KeysLine, StatusBar, Tabs, Search"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (160, "-wide")]  # noqa: RUF012 - Textual's spelling
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit"),
        Binding("k", "kill"),
        Binding("slash", "filter", key_display="/"),
        Binding("w,enter", "story", key_display="w"),
        Binding("c", "cancel"),
        Binding("x", "switch"),
        Binding("z", "zoom"),
        Binding("question_mark", "help", key_display="?"),
        Binding("d", "shade"),
        Binding("escape", "clear"),
        *(Binding(str(n), f"go('{name}')") for n, name in enumerate(SCREENS, 1)),
    ]

    def __init__(self, url: str | None = DEFAULT_URL, *, state_dir: Path | None = None, by: str = "terminal") -> None:
        super().__init__()
        self.dashboard = Dashboard()
        self.link = Link.CONNECTING
        self.link_why = ""
        self.view = SCREENS[0]
        self.acts = Acts(state_dir, by, lambda: self.dashboard.run.run_id)
        self._url = url
        self._state_dir = state_dir
        self._changed = True

    def compose(self) -> ComposeResult:
        """Lay out what stands around the nine screens."""
        yield StatusBar()
        yield Tabs()
        yield ContentSwitcher(id="views")
        yield Search()
        yield KeysLine()

    async def on_mount(self) -> None:
        """Start to read, to ask and to draw."""
        self.theme = DARK
        self.theme_changed_signal.subscribe(self, lambda _: self._colour())
        if not self.is_headless:
            for gone in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(gone, self.exit)
        await self.action_go(self.view)
        self.set_interval(TABLES_S, self.draw_tables)
        self.set_interval(CHARTS_S, self.draw_charts)
        if self._url is not None:
            self.run_worker(follow(self._url, self.take, self.lost), name="follow")
            if self._state_dir is not None:
                asks = Asks(self._state_dir, self.dashboard, lambda: self.view, self._heard)
                self.run_worker(asks.run(), name="asks")

    def _colour(self) -> None:
        self.query_one(Tabs).show(self.view)
        self.query_one(KeysLine).show(self.view)
        self.draw()

    def take(self, frame: object) -> Applied:
        """Take a frame in; it is on the screen at the next drawing."""
        applied = self.dashboard.apply(frame)
        if applied is Applied.SHOWN:
            self.link, self._changed = Link.UP, True
        return applied

    def lost(self, why: str) -> None:
        """Note that the link is gone; the last values stay."""
        self.link, self.link_why, self._changed = Link.RECONNECTING, why, True

    def _heard(self) -> None:
        self._changed = True

    def draw(self) -> None:
        """Draw everything in sight now."""
        self._changed = True
        self.draw_tables()
        self.draw_charts()

    @property
    def base(self) -> Screen[object] | None:
        """The screen below all others; none any more once the application leaves, which timers may outlive."""
        return self.screen_stack[0] if self.screen_stack else None

    def draw_tables(self) -> None:
        """Draw what changed since the last time: the status line, and the tables of the screen in sight."""
        if not self._changed:
            return
        self._changed = False
        main = self.base
        if main is None:
            return
        for bar in main.query(StatusBar):  # none any more while it leaves: a timer may tick once more
            bar.show(self.dashboard, self.link, self.link_why)
        main.set_class(self.link is not Link.UP or not self.dashboard.connected, "-stale")
        for sheet in main.query(f"#{self.view} Sheet").results(Sheet):
            sheet.show(self.dashboard)
        for panel in main.query(f"#{self.view} Panel").results(Panel):
            panel.show(self.dashboard)

    def draw_charts(self) -> None:
        """Draw the charts in sight; less often, they cost more."""
        for chart in self.base.query(f"#{self.view} Chart").results(Chart) if self.base else ():
            chart.show(self.dashboard)

    async def action_go(self, view: str) -> None:
        """Show another screen, with the focus on its first table; one that was never seen is made now."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        self.view = view
        switcher = self.query_one("#views", ContentSwitcher)
        if switcher.query_children(f"#{view}"):
            switcher.current = view
        else:
            await switcher.add_content(make(view), set_current=True)
        self.query_one(Tabs).show(view)
        self.query_one(KeysLine).show(view)
        first = self.query(f"#{view} Sheet").results(Sheet)
        self.screen.set_focus(next(iter(first), None))
        self._end_search()
        self.draw()
        self.call_after_refresh(self.draw)  # what depends on its size has one now

    async def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        """Show the screen that was clicked."""
        await self.action_go(message.name)

    def on_sheet_selected(self) -> None:
        """Draw what depends on the selected row."""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's shape
        """Return whether a key means something on the screen in sight; the others are not offered."""
        return means(action, self.view)

    def on_panel_resized(self) -> None:
        """Draw what depends on its size."""
        self.draw()

    def action_zoom(self) -> None:
        """Let the focused table fill the screen, or take its place again."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif self.focused is not None:
            self.screen.maximize(self.focused)

    def action_shade(self) -> None:
        """Change between dark and light."""
        self.theme = LIGHT if self.current_theme.dark else DARK

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    # -- the filter ----------------------------------------------------------------------------------------------------

    def sheet(self) -> Sheet | None:
        """Return the table that keys are about: the focused one, else the first of the screen in sight."""
        if isinstance(self.focused, Sheet):
            return self.focused
        return next(iter(self.query(f"#{self.view} Sheet").results(Sheet)), None)

    def action_filter(self) -> None:
        """Ask for the words of a filter."""
        sheet, search = self.sheet(), self.query_one(Search)
        if sheet is not None:
            self._filtered = sheet
            search.display = True
            search.value = sheet.words
            search.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Filter while it is typed."""
        if isinstance(message.input, Search) and message.input.display:
            self._filtered.filter(message.value)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter."""
        if isinstance(message.input, Search):
            self._end_search()
            self._filtered.focus()

    def on_search_left(self) -> None:
        """End the filter."""
        self._end_search()
        self._filtered.filter("")
        self._filtered.focus()

    def action_clear(self) -> None:
        """End the enlargement, else the filter of the table in use."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif (sheet := self.sheet()) is not None:
            sheet.filter("")

    def _end_search(self) -> None:
        self.query_one(Search).display = False

    # -- what asks first -----------------------------------------------------------------------------------------------

    def action_kill(self) -> None:
        """Ask, then turn the kill switch on."""
        board = self.dashboard
        closed = (board.kill_reason or "no reason was told") if board.kill_on else ""
        self.push_screen(KillScreen(self.acts.kill, closed))

    def action_story(self) -> None:
        """Tell the story of the selected order."""
        if order_id := self._order():
            self.push_screen(StoryScreen(order_id, seen(self.dashboard, order_id), self.acts.story))

    def action_cancel(self) -> None:
        """Ask, then cancel the selected order."""
        if not (order_id := self._order()):
            return
        order = self.dashboard.orders.get(order_id)
        if order is not None and not order.live:
            self.notify(f"{order_id} is {order.state}: nothing rests", severity="warning", markup=False)
            return
        wish = f"{order.side} {order.outcome} {order.size} at {order.price}\n" if order else ""
        market = f"in {self.dashboard.market_name(order.market_id)}" if order else ""
        question = f"{order_id}\n{wish}{market}".strip()

        def act() -> str:
            return f"{order_id} is {self.acts.cancel(order_id)}."

        self.push_screen(ConfirmScreen("Cancel this order?", question, act))

    def action_switch(self) -> None:
        """Ask, then stop the selected strategy, or start it again."""
        row = self.query_one(StrategiesSheet).selected
        if row is None:
            return
        name, stopped = row.key, row.cells[2][0].startswith("STOPPED")
        if stopped:
            question = f"{name}: its kill switch is opened, it is asked again.\n{row.cells[2][0]}"
            self.push_screen(ConfirmScreen("Start this strategy?", question, lambda: self._start(name)))
        else:
            question = f"{name}: its kill switch is closed and its orders are cancelled.\nWhat is held stays held."
            self.push_screen(ConfirmScreen("Stop this strategy?", question, lambda: self._stop(name)))

    def _stop(self, name: str) -> str:
        return receipt_text(self.acts.stop(name, REASON))

    def _start(self, name: str) -> str:
        self.acts.start(name, REASON)
        return f"{name} is asked again."

    def _order(self) -> str:
        """Return the order of the selected row; say so when there is none."""
        sheet = self.sheet()
        row = sheet.selected if sheet else None
        if row is None or not row.story:
            self.notify("select an order, a quote or a fill first", severity="warning")
            return ""
        return row.story

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual's shape
        """Yield what the command palette offers."""
        for n, name in enumerate(SCREENS, 1):
            yield SystemCommand(f"Go to {name}", f"Key {n}", lambda name=name: self.action_go(name))
        yield SystemCommand("Kill switch", "Close the gate and cancel every order; asks first", self.action_kill)
        yield SystemCommand("Why", "The story of the selected order", self.action_story)
        yield SystemCommand("Cancel order", "The selected one; asks first", self.action_cancel)
        yield SystemCommand("Filter", "Show rows with some words only", self.action_filter)
        yield SystemCommand("Enlarge", "Let the table in use fill the screen, or end that", self.action_zoom)
        yield SystemCommand("Dark or light", "Change the shade", self.action_shade)
        yield SystemCommand("Theme", "Choose the colours", self.action_change_theme)
        yield SystemCommand("Help", "Keys and words", self.action_help)
        yield SystemCommand("Quit", "Leave; the bot is untouched", self.exit)


def screenshot_svg(
    frames: Sequence[object],
    size: tuple[int, int] = (120, 40),
    *,
    view: str = SCREENS[0],
    told: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> str:
    """Return an SVG of a screen (columns, lines) after these decoded frames and the bot's answers by request."""

    async def take() -> str:
        app = AgbotApp(None)
        async with app.run_test(size=size) as pilot:
            for frame in frames:
                app.take(frame)
            for op, answer in told.items():
                app.dashboard.told.take(op, dict(answer))
            await app.action_go(view)
            await pilot.pause()
            app.draw()
            await pilot.pause()
            return app.export_screenshot(title="agbot tui")

    return asyncio.run(take())
