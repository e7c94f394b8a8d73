"""A question before something is done to the bot: y does it, and what came of it takes the question's place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from agbot.errors import AgbotError


class ConfirmScreen(ModalScreen[None]):
    """Asks, then acts.

    Args:
        title: what is to be done, as the box's head.
        question: what exactly, and what follows from it.
        act: does it and says what came of it; blocking, raises AgbotError.
    """

    def __init__(self, title: str, question: str, act: Callable[[], str]) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._act = act
        self._stage = "sure"

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical(id="kill"):
            yield Static(self._title, classes="title", markup=False)
            yield Static(self._question, id="said", markup=False)
            yield Static("y: yes, now   n, esc: no", id="keys", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Take the answer; no key goes further."""
        event.stop()
        event.prevent_default()
        if self._stage == "sure" and event.key == "y":
            self._stage = "asking"
            self._say("Asking the bot…", "")
            self.run_worker(self._do(), exclusive=True)
        elif self._stage == "done" or (self._stage == "sure" and event.key in ("n", "escape")):
            self.dismiss()

    async def _do(self) -> None:
        try:
            said, failed = await asyncio.to_thread(self._act), False
        except AgbotError as e:
            said, failed = f"NOT DONE, or not known to be. {e}", True
        self._stage = "done"
        self.query_one("#kill").set_class(failed, "-failed")
        self._say(said, "any key: back")

    def _say(self, said: str, keys: str) -> None:
        self.query_one("#said", Static).update(said)
        self.query_one("#keys", Static).update(keys)
