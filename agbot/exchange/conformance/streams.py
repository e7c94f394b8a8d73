"""WebSockets of a target: what came is kept until a check asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import msgspec
import trio

from agbot.errors import LinkLost
from agbot.exchange.conformance.verdict import failed, require
from agbot.web.socket import Socket, open_socket

KEPT_MAX: Final = 20_000
WITHIN_S: Final = 6.0
FRAME_BYTES_MAX: Final = 1024 * 1024
"""The official Python client closes with 1009 on a larger one."""
Told: TypeAlias = Callable[[Any], bool]


class Stream:
    """An open socket. `longest` is the longest frame so far, in bytes."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._kept: list[Any] = []
        self.longest = 0

    async def send(self, said: object) -> None:
        """Send text as it is, anything else as JSON."""
        await self._socket.send(said if isinstance(said, str) else msgspec.json.encode(said))

    async def find(self, wanted: Told, what: str, within_s: float = WITHIN_S) -> Any:
        """Return (and forget) the first item that is `wanted`, waiting for it; others stay. Failed when none comes."""
        checked = 0
        with trio.move_on_after(within_s):
            while True:
                for at in range(checked, len(self._kept)):
                    if wanted(self._kept[at]):
                        return self._kept.pop(at)
                checked = len(self._kept)
                await self._more()
        kinds = sorted({kind(item) for item in self._kept})
        raise failed(f"within {within_s:g} s only {', '.join(kinds) or 'silence'}", what)

    async def event(self, event_type: str, within_s: float = WITHIN_S, **fields: object) -> Any:
        """Return the next event of this type with these fields."""
        what = " ".join([event_type, *(f"{name}={str(value)[:12]}" for name, value in fields.items())])
        return await self.find(lambda item: is_event(item, event_type, **fields), f"the event {what}", within_s)

    async def silent(self, unwanted: Told, what: str, for_s: float = 0.7) -> None:
        """Fail when something `unwanted` is there or comes within `for_s` seconds."""
        with trio.move_on_after(for_s):
            while not any(map(unwanted, self._kept)):
                await self._more()
        found = [item for item in self._kept if unwanted(item)]
        require(not found, found[:1], what)

    async def drain(self, for_s: float = 0.3) -> list[Any]:
        """Return (and forget) everything that came or comes within `for_s` seconds."""
        with trio.move_on_after(for_s):
            while True:
                await self._more()
        kept, self._kept = self._kept, []
        return kept

    async def closed(self, within_s: float = WITHIN_S) -> int:
        """Return the close code (0: none) once the target has hung up; Failed when it does not."""
        with trio.move_on_after(within_s):
            try:
                while True:
                    await self._more()
            except LinkLost as e:
                return e.code
        raise failed(f"still open after {within_s:g} s", "the socket closed")

    async def pong(self) -> None:
        """Send PING; Failed unless the text PONG comes."""
        await self.send("PING")
        await self.find(lambda item: item == "PONG", "the text PONG, exactly")

    async def _more(self) -> None:
        require(len(self._kept) < KEPT_MAX, f"{len(self._kept)} events", "fewer events")
        for raw in await self._socket.receive():
            self.longest = max(self.longest, len(raw))
            self._kept += _items(raw)


def kind(item: Any) -> str:
    """Return what an item calls itself."""
    if not isinstance(item, dict):
        return str(item)[:20]
    return str(item.get("event_type") or item.get("op") or item.get("topic") or item.get("channel") or "?")


def is_event(item: Any, event_type: str, **fields: object) -> bool:
    """Return whether an item is an event of this type with these fields."""
    if not isinstance(item, dict) or item.get("event_type") != event_type:
        return False
    return all(item.get(name) == value for name, value in fields.items())


def _items(raw: bytes) -> list[Any]:
    try:
        told = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return [raw.decode(errors="replace")]
    return told if isinstance(told, list) else [told]


@asynccontextmanager
async def open_stream(url: str) -> AsyncIterator[Stream]:
    """Connect; see `agbot.web.socket.open_socket` for what is raised."""
    async with open_socket(url) as socket:
        yield Stream(socket)
