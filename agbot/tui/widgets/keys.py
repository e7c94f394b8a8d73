"""The last line: the keys that mean something on the screen in sight, and a click for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from rich.text import Text
from textual import events
from textual.widgets import Static

from agbot.tui.widgets.inks import ink

Key: TypeAlias = tuple[str, str, str]

KEYS: Final[tuple[Key, ...]] = (
    ("q", "quit", "quit"),
    ("k", "kill switch", "kill"),
    ("?", "help", "help"),
    ("/", "filter", "filter"),
    ("w", "why", "story"),
    ("c", "cancel", "cancel"),
    ("x", "stop/start", "switch"),
    ("l", "level", "level"),
    ("z", "zoom", "zoom"),
    ("s", "sort", "sort"),
    ("^p", "all", "command_palette"),
)
"""(key, what it does, the action); the most wanted first: a narrow terminal has no room for the last."""
ONLY_ON: Final = {
    "switch": ("strategies",),
    "level": ("overview", "log"),
    "cancel": ("markets", "orders", "strategies"),
    "story": ("overview", "markets", "orders", "fills", "strategies", "risk", "log"),
}
"""Actions that mean something on some screens only."""


class KeysLine(Static):
    """Names the keys."""

    def __init__(self) -> None:
        super().__init__(id="keys-line")
        self._view = ""
        self._more: Sequence[Key] = ()

    def add(self, more: Sequence[Key]) -> None:
        """Name these before the others."""
        self._more = more
        self.draw()

    def show(self, view: str) -> None:
        """Name the keys of this screen."""
        self._view = view
        self.draw()

    def on_resize(self) -> None:
        """Name as many as fit now."""
        self.draw()

    def draw(self) -> None:
        """Name the keys that fit."""
        key = f"bold {ink(self.app, 'accent')}"
        parts = [Text.assemble((f" {name} ", key), said) for name, said, _ in self._keys()]
        self.update(Text(" ", no_wrap=True).join(parts), layout=False)

    async def on_click(self, event: events.Click) -> None:
        """Do what the key that was clicked does."""
        left = 0
        for name, said, action in self._keys():
            left += len(name) + len(said) + 3
            if event.x < left:
                await self.app.run_action(action, self.app.focused or self.app)
                return

    def _keys(self) -> list[Key]:
        room, found = self.size.width, []
        for key in (*self._more, *KEYS):
            cells = len(key[0]) + len(key[1]) + 3
            if means(key[2], self._view) and cells <= room + 1:
                found.append(key)
                room -= cells
        return found


def means(action: str, view: str) -> bool:
    """Return whether an action means something on this screen."""
    return view in ONLY_ON.get(action, (view,))
