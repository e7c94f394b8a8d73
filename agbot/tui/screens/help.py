"""The keys, and what the words and colours mean."""

from __future__ import annotations

from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS: Final = (
    ("q", "leave; the bot is untouched"),
    ("k", "kill switch: asks, closes the gate, cancels all"),
    ("1 2 3 4", "go to markets, orders, fills, risk log"),
    ("tab", "go to the next of them"),
    ("↑ ↓ pgup pgdn", "scroll"),
    ("z", "enlarge what you are on, and back"),
    ("d", "dark or light"),
    ("space n i I", "replay: play or pause, next decision, incident, fault (no denial)"),
    (", . [ ]", "replay: a step back or on, 5 % back or on"),
    ("?", "this page; any key closes it"),
)
WORDS: Final = (
    ("denied", "our own risk said no; nothing was sent"),
    ("rejected", "the venue said no"),
    ("UNKNOWN", "sent, no answer: it may rest and it may fill"),
    ("position", "120Y is 120 shares of YES, 5N is 5 of NO"),
    ("pnl", "realised and unrealised, at what selling now brings"),
    ("lag", "received minus sent; negative: a clock is off"),
)


class HelpScreen(ModalScreen[None]):
    """Closed by any key."""

    def compose(self) -> ComposeResult:
        """Lay out the two lists."""
        with VerticalScroll(id="help"):
            yield Static("Keys", classes="title")
            yield Static("\n".join(f"{key:>14}  {said}" for key, said in KEYS), markup=False)
            yield Static("\nWords", classes="title")
            yield Static("\n".join(f"{word:>14}  {said}" for word, said in WORDS), markup=False)
            yield Static("\nTimes are UTC. The terminal only watches; k is all it can do.", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Go back. The key stops here: without that, k would close the help and open the kill switch's question."""
        event.stop()
        event.prevent_default()
        self.dismiss()
