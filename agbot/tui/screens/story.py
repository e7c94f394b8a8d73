"""An order's whole story: at once what this terminal saw of it, then what `agbot explain` tells from the journal."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.screen import ModalScreen
from textual.widgets import Static

from agbot.errors import AgbotError
from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock, plain, plain_price
from agbot.tui.wire import OrderRow


class StoryScreen(ModalScreen[None]):
    """Fills the terminal; the arrows scroll.

    Args:
        order_id: whose story.
        seen: what this terminal knows of it.
        tell: returns the whole story; raises AgbotError.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,w,q,enter", "dismiss", "back"),
        Binding("question_mark", "dismiss", show=False),
    ]

    def __init__(self, order_id: str, seen: str, tell: Callable[[str], Awaitable[str]]) -> None:
        super().__init__()
        self._order_id = order_id
        self._seen = seen
        self._tell = tell
        self._began = time.monotonic()
        self._reading = True

    def compose(self) -> ComposeResult:
        """Lay out one page that scrolls both ways."""
        with ScrollableContainer(id="story") as page:
            page.border_title = Text(f"story of {self._order_id}")
            page.border_subtitle = "esc: back   ↑ ↓ ← → pgup pgdn: scroll"
            yield Static(id="told", markup=False)

    def on_mount(self) -> None:
        """Show what is known, and begin to read."""
        self.query_one("#story").focus()
        self._wait()
        self.set_interval(1.0, self._wait)
        self.run_worker(self._read(), exclusive=True)

    def _wait(self) -> None:
        if self._reading:
            passed = int(time.monotonic() - self._began)
            self._show(f"{self._seen}\n\nreading the journal, {passed} s: a long one takes minutes")

    async def _read(self) -> None:
        try:
            told = await self._tell(self._order_id)
        except AgbotError as e:
            told = f"{self._seen}\n\n{e}"
        self._reading = False
        self._show(told.rstrip())

    def _show(self, told: str) -> None:
        self.query_one("#told", Static).update(Text(told, no_wrap=True))


def seen(dashboard: Dashboard, order_id: str) -> str:
    """Return what the frames have told of an order, line by line; empty when nothing."""
    order = dashboard.orders.get(order_id)
    told = [(row.at_ms, f"{row.label}: {row.text}") for row in (*dashboard.allowed, *dashboard.log)
            if row.order_id == order_id]  # fmt: skip
    told += [
        (fill.at_ms, f"filled {plain(fill.size)} at {plain_price(fill.price)}, fee {plain(fill.fee_usd)} usd")
        for fill in dashboard.fills
        if fill.client_order_id == order_id
    ]
    lines = [f"{clock(at_ms)}  {said}" for at_ms, said in sorted(told)]
    return "\n".join([*(_order(dashboard, order) if order else [order_id, ""]), *lines])


def _order(dashboard: Dashboard, order: OrderRow) -> list[str]:
    wish = f"{order.side} {plain(order.size)} {order.outcome} at {plain_price(order.price)}"
    fields = {
        "order": order.client_order_id,
        "story": order.correlation_id,
        "market": dashboard.market_name(order.market_id),
        "wish": f"{wish}, by {order.strategy_id or 'nobody known'}",
        "why": order.why,
        "state": f"{order.state} since {clock(order.at_ms)}, filled {plain(order.filled) or '0'}",
        "reason": order.reason,
    }
    return [*(f"{name:<8}{said}" for name, said in fields.items() if said), ""]
