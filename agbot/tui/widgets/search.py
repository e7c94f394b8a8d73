"""The line that takes the words of a filter."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Search(Input):
    """Hidden until it is asked for; enter keeps the filter, esc ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "no filter")]

    class Left(Message):
        """Esc was pressed."""

    def __init__(self) -> None:
        super().__init__(placeholder="words", id="search", compact=True, max_length=100)
        self.display = False

    def action_leave(self) -> None:
        """Say that no filter is wanted."""
        self.post_message(self.Left())
