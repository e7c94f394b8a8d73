"""The kill switch's question: a reason, y or n, then the receipt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from agbot.control import KillReceipt
from agbot.errors import AgbotError

DEFAULT_REASON: Final = "from the terminal"

Kill = Callable[[str], KillReceipt]
"""Turns the switch on with this reason; blocking, raises AgbotError when nothing was achieved."""


class KillScreen(ModalScreen[None]):
    """Typing a reason is optional, y is not: k, enter, y is the fastest way, also where the switch is closed already.

    Args:
        kill: closes it.
        closed: why it is closed already; empty while it is open.
    """

    def __init__(self, kill: Kill, closed: str = "") -> None:
        super().__init__()
        self._kill = kill
        self._found_on = closed
        self._stage = "reason"
        self._reason = DEFAULT_REASON

    def compose(self) -> ComposeResult:
        """Lay out the question; the receipt takes the place of its text."""
        with Vertical(id="kill"):
            yield Static("Kill switch", classes="title")
            yield Static(self._what(), id="said", markup=False)
            yield Input(placeholder=f"reason ({DEFAULT_REASON})", max_length=200, id="reason")
            yield Static("enter: go on, then y: yes   esc: back", id="keys", markup=False)

    def _what(self) -> str:
        if not self._found_on:
            return "Closes the gate for orders and cancels every one that rests."
        again = "Again: every order that rests is cancelled, your reason goes on record."
        return (
            f"It is closed already: {self._found_on}\n{again}\nTo open it: agbot killswitch off --by NAME --reason TEXT"
        )

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Take the reason and ask for the last word."""
        self._reason = message.value.strip() or DEFAULT_REASON
        self._stage = "sure"
        self.query_one("#reason", Input).display = False
        self.set_focus(None)
        question = (
            "Keep the gate closed and cancel all orders?" if self._found_on else "Close the gate and cancel all orders?"
        )
        self._say(f"{question}\nReason: {self._reason}", "y: yes, now   n, esc: no")

    def on_key(self, event: events.Key) -> None:
        """Answer the stage's question; what the reason's field needs is left to it."""
        if self._stage == "reason" and event.key != "escape":
            return
        event.stop()
        event.prevent_default()
        if self._stage == "sure" and event.key == "y":
            self._stage = "asking"
            self._say("Closing the gate…", "")
            self.run_worker(self._trigger(), exclusive=True)
        elif self._stage == "done" or (self._stage != "asking" and event.key in ("n", "escape")):
            self.dismiss()

    async def _trigger(self) -> None:
        try:
            receipt = await asyncio.to_thread(self._kill, self._reason)
        except AgbotError as e:
            self._finish(f"NOT CLOSED. {e}", failed=True)
        else:
            self._finish(receipt_text(receipt), failed=receipt.reply is None)

    def _finish(self, said: str, *, failed: bool) -> None:
        self._stage = "done"
        self.query_one("#kill").set_class(failed, "-failed")
        self._say(said, "any key: back")

    def _say(self, said: str, keys: str) -> None:
        self.query_one("#said", Static).update(said)
        self.query_one("#keys", Static).update(keys)


def receipt_text(receipt: KillReceipt) -> str:
    """Return the receipt as lines: what is closed, what the bot confirmed, and what nobody could verify."""
    lines = ["Gate closed." if receipt.latched else "The latch file could not be written."]
    if receipt.reply is not None:
        lines += [f"{_label(key)}: {_figure(value)}" for key, value in receipt.reply.items() if key != "ok"]
    else:
        lines += [
            "NOT VERIFIED: whether orders still rest at the venue is unknown.",
            *([receipt.bot] if receipt.bot else []),
        ]
    return "\n".join([*lines, receipt.doubt] if receipt.doubt else lines)


def _label(key: str) -> str:
    return key.replace("_", " ")


def _figure(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)[:200]
