"""Every screen as text, beside the capture that was looked at: of a fixed state, so neither time nor machine count.

After a change that is meant: AGBOT_CAPTURE=1 pytest tests/tui/test_captures.py, then look at what differs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agbot.tui.app import AgbotApp
from agbot.tui.widgets.tabs import SCREENS

CAPTURES = Path(__file__).parent / "captures"


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_is_as_it_was_looked_at(
    run_app: Any, app: AgbotApp, text_of: Any, until: Any, size: tuple[int, int]
) -> None:
    differ = []

    async def steps(pilot: Any) -> None:
        for key, name in enumerate(SCREENS, 1):
            await app.action_go(name)
            await pilot.pause()
            app.draw()
            await pilot.pause()
            shown = "\n".join(line.rstrip() for line in text_of(app).splitlines()) + "\n"
            path = CAPTURES / f"{key}_{name}_{size[0]}x{size[1]}.txt"
            if "AGBOT_CAPTURE" in os.environ:
                path.write_text(shown, encoding="utf-8")
            elif path.read_text(encoding="utf-8") != shown:
                differ.append(f"{path.name}:\n{shown}")

    run_app(app, steps, size)
    assert not differ, "\n".join(differ)
