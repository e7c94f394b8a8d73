"""Time travel in the terminal: a player's keys, and a line that says where in the journal the screens stand.

On a live run there is neither: the keys do nothing and the line is not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Static

from agbot.control import request
from agbot.errors import AgbotError
from agbot.tui import wire
from agbot.tui.app import AgbotApp
from agbot.tui.state import Applied, Dashboard
from agbot.tui.widgets.keys import KeysLine

ANSWER_S: Final = 600.0
SHOW_S: Final = 0.1
SCRUB: Final = 0.05
STEP, STEPS, SPEED, SEEKING = "replay.step", "replay.steps", "replay.speed", "replay.seeking"
SPEEDS: Final = (1.0, 10.0, 100.0)
BAR: Final = 20
KEYS: Final = (
    ("space", "play/pause", "travel('pause')"),
    ("n", "next decision", "travel('decision')"),
    ("i", "next incident", "travel('incident')"),
    (", .", "step", "travel('on')"),
    ("[ ]", "scrub", "travel('forward')"),
)


class TravelBar(Static):
    """One line above the footer: the journal's time, the step, whether it plays, and why it stands."""

    DEFAULT_CSS = "TravelBar { height: 1; background: $accent-muted; color: $foreground; }"

    def show(self, dashboard: Dashboard, said: str) -> None:
        """Draw where the player stands; `said` is its last word."""
        self.update(where(dashboard, said))


def where(dashboard: Dashboard, said: str) -> Text:
    """Return the line."""
    step, steps = (int(dashboard.gauge(name) or 0) for name in (STEP, STEPS))
    speed, seeking = dashboard.gauge(SPEED) or 0.0, bool(dashboard.gauge(SEEKING))
    doing = "» seeking" if seeking else f"▶ ×{speed:g}" if speed else "‖ paused"
    at = datetime.fromtimestamp(dashboard.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    full = round(BAR * step / steps) if steps else 0
    parts = [f" REPLAY {doing}", f"{at} UTC", f"{step:,}/{steps:,}", said, f"{'█' * full}{'░' * (BAR - full)}"]
    return Text("  ".join(part for part in parts if part), no_wrap=True, overflow="ellipsis")


class TravelApp(AgbotApp):
    """The terminal dashboard, which is a player's screen too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "travel('pause')"),
        Binding("n", "travel('decision')"),
        Binding("i", "travel('incident')"),
        Binding("I", "travel('fault')"),
        Binding("full_stop", "travel('on')"),
        Binding("comma", "travel('back')"),
        Binding("right_square_bracket", "travel('forward')"),
        Binding("left_square_bracket", "travel('rewind')"),
    ]

    player = ""
    """The player's control socket, empty on a live run."""
    player_said = ""

    async def on_mount(self) -> None:
        """Add the line, out of sight until a player is met."""
        bar = TravelBar()
        bar.display = False
        await self.mount(bar, before=self.query_one(KeysLine))
        self.set_interval(SHOW_S, self.draw_travel)

    def take(self, frame: object) -> Applied:
        """Take a frame in; the run's line in it names the player."""
        applied = super().take(frame)
        if applied is Applied.SHOWN:
            self._look_for_player(frame)
        return applied

    def _look_for_player(self, frame: object) -> None:
        fields = wire.mapping(frame)
        lines = [wire.event_line(each) for each in wire.items(fields.get("events"))]
        runs = [wire.event_line(fields.get("run")).body] if fields.get("kind") == "snapshot" else []
        runs += [line.body for line in lines if line.kind == "run"]
        for body in runs:
            player = wire.text(body, "player")
            if player != self.player:
                self.player, self.player_said = player, ""
                for keys in self.base.query(KeysLine) if self.base else ():
                    keys.add(KEYS if player else ())
        for line in (*lines, *map(wire.event_line, wire.items(fields.get("logs")))):
            if wire.text(line.body, "event") == "replay.at":
                self.player_said = wire.text(line.body, "reason")

    def draw_travel(self) -> None:
        """Draw the line where there is a player."""
        for bar in self.base.query(TravelBar) if self.base else ():
            bar.display = bool(self.player)
            if self.player:
                bar.show(self.dashboard, self.player_said if not self.dashboard.gauge(SPEED) else "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a player's keys with a player only, and the kill switch, which a journal has none of, without one."""
        if action == "travel":
            return bool(self.player)
        if action == "kill":
            return not self.player
        return super().check_action(action, parameters)

    def action_travel(self, key: str) -> None:
        """Ask the player; what it says comes over the dashboard."""
        self.run_worker(self._ask(self._message(key)), group="travel", exit_on_error=True)

    def _message(self, key: str) -> Mapping[str, Any]:
        if key == "pause":
            playing = self.dashboard.gauge(SPEED) or self.dashboard.gauge(SEEKING)
            return {"op": "pause"} if playing else {"op": "play", "speed": SPEEDS[0]}
        return _MESSAGES[key]

    async def _ask(self, message: Mapping[str, Any]) -> None:
        try:
            await asyncio.to_thread(request, Path(self.player), {**message, "wait": False}, ANSWER_S)
        except AgbotError as e:
            self.player_said = str(e)


_MESSAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "decision": {"op": "next", "what": "decision"},
    "incident": {"op": "next", "what": "incident"},
    "fault": {"op": "next", "what": "fault"},
    "on": {"op": "step", "count": 1},
    "back": {"op": "step", "count": -1},
    "forward": {"op": "seek", "by": SCRUB},
    "rewind": {"op": "seek", "by": -SCRUB},
}
