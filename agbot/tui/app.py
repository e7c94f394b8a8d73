"""The dashboard in a terminal: reads the monitor's socket and shows it. It owns nothing and decides nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Footer

from agbot.control import KillReceipt, kill, request, socket_path
from agbot.errors import AgbotError, ConfigError, NotRunningError
from agbot.tui.client import follow
from agbot.tui.screens.help import HelpScreen
from agbot.tui.screens.kill import KillScreen
from agbot.tui.state import Applied, Dashboard
from agbot.tui.widgets.chart import Chart
from agbot.tui.widgets.fills import FillsSheet
from agbot.tui.widgets.lag import LagChart
from agbot.tui.widgets.markets import MarketsSheet
from agbot.tui.widgets.orders import OrdersSheet
from agbot.tui.widgets.pnl import PnlChart
from agbot.tui.widgets.risk import RiskSheet
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.status import Link, StatusBar

DEFAULT_URL: Final = "ws://127.0.0.1:8080/dashboard"
TABLES_S: Final = 0.25
CHARTS_S: Final = 1.0
DARK: Final = "textual-dark"
LIGHT: Final = "textual-light"


class AgbotApp(App[None]):
    """The terminal dashboard.

    Args:
        url: the monitor's dashboard socket; None to show only what is given to `take`.
        state_dir: of the bot that `k` stops; None when that bot is on another machine.
        by: who presses the keys, for the kill switch's record.
    """

    TITLE = "agbot"
    CSS_PATH = "agbot.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_IN_MAXIMIZED_VIEW = "Footer, StatusBar"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-medium"), (160, "-wide")]  # noqa: RUF012 - Textual's spelling
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("k", "kill", "kill switch"),
        Binding("d", "shade", "dark/light"),
        Binding("1", "go('markets')", "panes", key_display="1-4"),
        Binding("2", "go('orders')", "orders", show=False),
        Binding("3", "go('fills')", "fills", show=False),
        Binding("4", "go('risk')", "risk log", show=False),
        Binding("z", "zoom", "zoom"),
        Binding("question_mark", "help", "help", key_display="?"),
    ]

    def __init__(self, url: str | None = DEFAULT_URL, *, state_dir: Path | None = None, by: str = "terminal") -> None:
        super().__init__()
        self.dashboard = Dashboard()
        self.link = Link.CONNECTING
        self.link_why = ""
        self._url = url
        self._state_dir = state_dir
        self._by = by
        self._changed = True

    def compose(self) -> ComposeResult:
        """Lay out three groups; the style sheet says how they stand at each width."""
        yield StatusBar()
        with Container(id="panes"):
            with Vertical(id="trade"):
                yield MarketsSheet("1 markets", id="markets")
                yield OrdersSheet("2 orders", id="orders")
            with Vertical(id="charts"):
                yield PnlChart("pnl", id="pnl")
                yield LagChart("lag", id="lag")
            with Container(id="story"):
                yield FillsSheet("3 fills", id="fills")
                yield RiskSheet("4 risk log", id="risk")
        yield Footer()

    def on_mount(self) -> None:
        """Start to read and to draw."""
        self.theme = DARK
        self.theme_changed_signal.subscribe(self, lambda _: self.draw())
        if not self.is_headless:
            for gone in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(gone, self.exit)
        self.query_one("#markets").focus()
        self.set_interval(TABLES_S, self.draw_tables)
        self.set_interval(CHARTS_S, self.draw_charts)
        if self._url is not None:
            self.run_worker(follow(self._url, self.take, self.lost), name="follow")

    def take(self, frame: object) -> Applied:
        """Take a frame in; it is on the screen at the next drawing."""
        applied = self.dashboard.apply(frame)
        if applied is Applied.SHOWN:
            self.link, self._changed = Link.UP, True
        return applied

    def lost(self, why: str) -> None:
        """Note that the link is gone; the last values stay."""
        self.link, self.link_why, self._changed = Link.RECONNECTING, why, True

    def draw(self) -> None:
        """Draw everything now."""
        self._changed = True
        self.draw_tables()
        self.draw_charts()

    def draw_tables(self) -> None:
        """Draw what changed since the last time: the status line and the tables."""
        if not self._changed:
            return
        self._changed = False
        main = self.screen_stack[0]
        for bar in main.query(StatusBar):  # none any more while it leaves: a timer may tick once more
            bar.show(self.dashboard, self.link, self.link_why)
        main.set_class(self.link is not Link.UP or not self.dashboard.connected, "-stale")
        for sheet in main.query(Sheet):
            sheet.show(self.dashboard)

    def draw_charts(self) -> None:
        """Draw the charts; less often, they cost more."""
        for chart in self.screen_stack[0].query(Chart):
            chart.show(self.dashboard)

    def action_go(self, pane: str) -> None:
        """Move the focus, and the enlargement with it."""
        zoomed = self.screen.maximized is not None
        if zoomed:
            self.screen.minimize()
        self.screen.set_focus(self.query_one(f"#{pane}"))
        if zoomed:
            self.action_zoom()

    def action_zoom(self) -> None:
        """Let the focused pane fill the screen, or take its place again."""
        if self.screen.maximized is not None:
            self.screen.minimize()
        elif self.focused is not None:
            self.screen.maximize(self.focused)

    def action_shade(self) -> None:
        """Change between dark and light."""
        self.theme = LIGHT if self.theme == DARK else DARK

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    def action_kill(self) -> None:
        """Ask, then turn the kill switch on."""
        self.push_screen(KillScreen(self._kill))

    def _kill(self, reason: str) -> KillReceipt:
        if self._state_dir is None:
            raise NotRunningError(
                "this terminal watches a bot on another machine", id="AGB-523", remedy="press k in a terminal there"
            )
        self._same_bot(self._state_dir)
        return kill(self._state_dir, reason=reason, by=self._by, at_ns=time.time_ns())

    def _same_bot(self, directory: Path) -> None:
        """Refuse to stop another bot than the one on the screen; one that does not answer is latched all the same."""
        shown = self.dashboard.run.run_id
        if not shown:
            return
        try:
            listening = str(request(socket_path(directory), {"op": "status"}, 1.0).get("run_id", ""))
        except AgbotError:
            return
        if listening not in ("", shown):
            raise ConfigError(
                f"the screen shows run {shown}, but the bot in {directory} is run {listening}",
                id="AGB-528",
                remedy="agbot tui --state-dir DIR of the run you watch",
            )


def screenshot_svg(frames: Sequence[object], size: tuple[int, int] = (120, 40)) -> str:
    """Return an SVG of the terminal (columns, lines) after these decoded frames; needs no terminal and no monitor."""

    async def take() -> str:
        app = AgbotApp(None)
        async with app.run_test(size=size) as pilot:
            for frame in frames:
                app.take(frame)
            app.draw()
            await pilot.pause()
            return app.export_screenshot(title="agbot tui")

    return asyncio.run(take())
