"""A block of lines: names at the left, figures beside them, bars where something is part of a whole."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.message import Message
from textual.widgets import Static

from agbot.tui.state import Dashboard
from agbot.tui.widgets.inks import ink

NAME: Final = 12
_INKS: Final = {"good": "text-success", "bad": "text-error", "warn": "text-warning"}
_PARTS: Final = " ▏▎▍▌▋▊▉█"


class Panel(Static):
    """Base of the blocks. Subclasses say what the lines are; drawn only when they have changed."""

    class Resized(Message):
        """There is more room, or less: what is shown depends on it."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.border_title = title
        self._drawn: Text | None = None

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return what to show."""
        raise NotImplementedError

    def show(self, dashboard: Dashboard) -> None:
        """Draw the newest lines, if they differ from those on the screen."""
        text = Text("\n").join(self.lines(dashboard))
        text.no_wrap, text.overflow = True, "ellipsis"
        if self._drawn is None or text != self._drawn or text.spans != self._drawn.spans:
            self._drawn = text
            self.update(text, layout=False)

    def on_resize(self) -> None:
        """Ask to be drawn anew."""
        self.post_message(self.Resized())

    def line(self, name: str, said: str, tone: str = "", more: str = "") -> Text:
        """Return one line: a name, what is said of it in a tone, and more in dim."""
        return Text.assemble(
            (f"{name:<{NAME}}", self.ink("dim")), (said, f"bold {self.ink(tone)}".strip()), (more, self.ink("dim"))
        )

    def bar_line(self, name: str, part: float, cells: int, more: str = "") -> Text:
        """Return a line with a bar of `cells` cells for a part of a whole."""
        tone = tone_of(part)
        return Text.assemble(
            (f"{name[: NAME + 8]:<{NAME + 8}}", self.ink("dim")),
            (bar(part, cells), self.ink(tone)),
            (f" {part:>z6.1%}", f"bold {self.ink(tone)}"),
            (more, self.ink("dim")),
        )

    def ink(self, tone: str) -> str:
        """Return a tone's style in the theme, empty for the plain one."""
        if tone == "dim":
            return tone
        return ink(self.app, _INKS[tone]) if tone in _INKS else ""


def tone_of(part: float) -> str:
    """Return the tone of a part that is used: bad from 90 %, a warning from 70 %."""
    return "bad" if part >= 0.9 else "warn" if part >= 0.7 else "good"


def bar(part: float, cells: int) -> str:
    """Return a bar that fills this part of its cells, to an eighth of one; never empty when something is used."""
    eighths = round(min(max(part, 0.0), 1.0) * cells * 8) or (1 if part > 0 else 0)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_PARTS[rest] if rest else "")).ljust(cells, "·")[:cells]
