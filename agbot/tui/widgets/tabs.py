"""The line under the status: the nine screens, which of them is shown, and a click to another."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Static

from agbot.tui.widgets.inks import ink

SCREENS: Final = ("overview", "markets", "orders", "fills", "strategies", "risk", "feeds", "latency", "log")
SHORT: Final = {"strategies": "strategy"}
WIDE: Final = 90


class Tabs(Static):
    """Number keys and names of the screens."""

    class Chosen(Message):
        """A screen was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._current = SCREENS[0]

    def show(self, name: str) -> None:
        """Mark the screen that is shown."""
        self._current = name
        self.update(self._said(), layout=False)

    def on_resize(self) -> None:
        """Choose anew between long names and short."""
        self.update(self._said(), layout=False)

    def on_click(self, event: events.Click) -> None:
        """Ask for the screen that was clicked."""
        left = 0
        for said, name in self._names():
            left += len(said) + 1
            if event.x < left:
                self.post_message(self.Chosen(name))
                return

    def _names(self) -> list[tuple[str, str]]:
        wide = self.size.width >= WIDE
        return [(f"{n} {name if wide else SHORT.get(name, name)}", name) for n, name in enumerate(SCREENS, 1)]

    def _said(self) -> Text:
        current = f"bold reverse {ink(self.app, 'primary')}"
        parts = [Text(said, style=current if name == self._current else "dim") for said, name in self._names()]
        return Text(" ", no_wrap=True).join(parts)
