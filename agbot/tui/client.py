"""Reading the monitor's dashboard socket, for ever: a lost link is tried again after a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from agbot.telemetry.access import TOKEN_ENV, bearer, monitor_token
from agbot.tui.state import Applied

RECONNECT_S: Final = 1.0
OPEN_S: Final = 5.0
IDLE_S: Final = 5.0
"""A frame comes every 100 ms, also when nothing changed; this long a silence is a dead link."""
FRAME_MAX: Final = 16 * 1024 * 1024


async def follow(url: str, take: Callable[[object], Applied], lost: Callable[[str], None]) -> None:
    """Pass every frame of `url` to `take` until cancelled.

    Args:
        take: gets a decoded frame; GAP makes the client connect anew, which brings a snapshot at once.
        lost: gets one line that says why, whenever the link is lost or could not be made.
    """
    while True:
        try:
            why = await _read(url, take)
        except (OSError, TimeoutError, WebSocketException) as e:
            why = _reason(e)
        lost(why)
        await asyncio.sleep(RECONNECT_S)


async def _read(url: str, take: Callable[[object], Applied]) -> str:
    # The monitor is on this machine: no proxy of the environment belongs in between.
    shown = bearer(monitor_token())
    async with connect(
        url, open_timeout=OPEN_S, close_timeout=1, max_size=FRAME_MAX, proxy=None, additional_headers=shown
    ) as link:
        while True:
            async with asyncio.timeout(IDLE_S):
                received = await link.recv()
            try:
                frame = msgspec.json.decode(received)
            except msgspec.MsgspecError:
                return "the monitor sent no JSON"
            if (applied := take(frame)) is not Applied.SHOWN:
                return "frames were lost" if applied is Applied.GAP else "the monitor speaks another version"


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "no monitor listens"
    if isinstance(error, TimeoutError):
        return "the monitor is silent"
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return f"the monitor wants {TOKEN_ENV}" if status == 401 else f"refused with {status}"
    return "the link was lost"
