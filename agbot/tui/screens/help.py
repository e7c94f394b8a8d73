"""The keys, and what the words and colours mean."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS: Final = (
    ("1 … 9", "overview markets orders fills strategies risk feeds latency log"),
    ("tab", "to the next table of the screen"),
    ("↑ ↓ pgup pgdn", "select a row (a click does too)"),
    ("/", "show rows with these words only; esc ends it"),
    ("s r", "sort by the next column, turn round (or click a column)"),
    ("w, enter", "why: the story of the selected order, quote or fill"),
    ("c", "cancel the selected order; asks first"),
    ("x", "strategies: stop or start the selected one; asks first"),
    ("l", "log: all, info, warning, error"),
    ("k", "kill switch: asks, closes the gate, cancels all"),
    ("z", "enlarge the table you are on, and back"),
    ("d, ctrl+p", "dark or light; every command and theme"),
    ("space n i I", "replay: play or pause, next decision, incident, fault (no denial)"),
    (", . [ ]", "replay: a step back or on, 5 % back or on"),
    ("?, q", "this page; leave (the bot is untouched)"),
)
WORDS: Final = (
    ("denied", "our own risk said no; nothing was sent"),
    ("rejected", "the venue said no"),
    ("UNKNOWN", "sent, no answer: it may rest and it may fill"),
    ("position", "120Y is 120 shares of YES, 5N is 5 of NO"),
    ("queue", "at most so many shares are ahead of ours: an estimate"),
    ("pnl", "realised and unrealised, at what selling now brings"),
    ("lag", "received minus sent; negative: a clock is off"),
)


class HelpScreen(ModalScreen[None]):
    """Closed by any key but those that scroll."""

    def compose(self) -> ComposeResult:
        """Lay out the two lists."""
        with VerticalScroll(id="help"):
            yield Static("Keys", classes="title")
            yield Static("\n".join(f"{key:>14}  {said}" for key, said in KEYS), markup=False)
            yield Static("Words", classes="title")
            yield Static("\n".join(f"{word:>14}  {said}" for word, said in WORDS), markup=False)
            yield Static("Times are UTC. Any key closes this page.", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Go back. The key stops here: without that, k would close the help and open the kill switch's question."""
        if event.key in ("up", "down", "pageup", "pagedown"):
            return
        event.stop()
        event.prevent_default()
        self.dismiss()
