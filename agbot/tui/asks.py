"""Asking the bot, over its control socket, for what the frames of the monitor do not carry; only what is in sight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from agbot.control import request, socket_path
from agbot.errors import AgbotError
from agbot.tui.state import Dashboard

LOOK_S: Final = 0.3
"""Between two looks at a ladder."""
LEVELS: Final = 40
STATUS_S: Final = 1.0
ANSWER_S: Final = 1.0

OF_SCREEN: Final[Mapping[str, str]] = {"strategies": "strategies", "risk": "risk", "feeds": "feeds"}
"""What a screen asks once a second, beside the status."""


class Asks:
    """Asks for ever: the status and the screen's own question each second, the ladder three times as often.

    Args:
        screen: returns the screen in sight.
        heard: called when something new is known.
    """

    def __init__(
        self, state_dir: Path, dashboard: Dashboard, screen: Callable[[], str], heard: Callable[[], None]
    ) -> None:
        self._state_dir = state_dir
        self._dashboard = dashboard
        self._screen = screen
        self._heard = heard

    async def run(self) -> None:
        """Ask until cancelled; without an answer what was told is forgotten, and why is shown."""
        clock = asyncio.get_running_loop().time
        due, asked = 0.0, ""
        while True:
            screen = self._screen()
            if clock() >= due or screen != asked:
                due, asked = clock() + STATUS_S, screen
                await self._look(screen)
            elif screen == "markets":
                await self._ladder()
            await asyncio.sleep(LOOK_S)

    async def _look(self, screen: str) -> None:
        """Ask which bot listens, then what this screen shows of it."""
        try:
            status = await self._ask({"op": "status"})
            told = self._dashboard.told
            shown = self._dashboard.run.run_id
            if shown and status.get("run_id") != shown:
                told.fail(f"another run listens in {self._state_dir}")
            else:
                told.take("status", status)
                if op := OF_SCREEN.get(screen):
                    told.take(op, await self._ask({"op": op}))
        except AgbotError as e:
            self._dashboard.told.fail(str(e).partition("\n")[0])
        else:
            if screen == "markets" and not self._dashboard.told.why:
                await self._ladder()
        self._heard()

    async def _ladder(self) -> None:
        market = self._dashboard.told.market
        if not market or self._dashboard.told.why:
            return
        try:
            self._dashboard.told.take("ladder", await self._ask({"op": "ladder", "market": market, "levels": LEVELS}))
        except AgbotError as e:
            self._dashboard.told.fail(str(e).partition("\n")[0])
        self._heard()

    async def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(request, socket_path(self._state_dir), message, ANSWER_S)
