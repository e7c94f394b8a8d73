"""The bot's side of `ws://…/metrics`: connects for ever, never raises for what the monitor does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from agbot.log import get_logger
from agbot.secrets import MaskedBytes, Secret
from agbot.telemetry.access import bearer
from agbot.telemetry.protocol import Event, EventLine, encode
from agbot.telemetry.registry import Registry
from agbot.telemetry.websocket import open_websocket
from agbot.units import NS_PER_MS
from agbot.web.lost import LOST

SEND_TIMEOUT_S: Final = 5.0
"""A monitor that takes nothing for this long is treated as gone."""
LAST_FLUSH_S: Final = 1.0
"""After `Registry.close`, push gives up and returns by then."""
FRAME_BYTES: Final = 64 * 1024
"""A frame is closed once it holds this much; one line more may be in it."""

AWAY: Final = "monitor away"

_log = get_logger("agbot.telemetry.push")


async def push(
    registry: Registry,
    url: str,
    *,
    run_event: Event,
    token: Secret | None = None,
    reconnect_delay_s: float = 1.0,
    interval_s: float = 0.1,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Send what the registry holds to the monitor at `url`, reconnecting for ever.

    Every connection begins with the run line, then what a monitor needs that knows nothing (`Registry.resync`), then
    what waited. Returns after `Registry.close`, at the latest `LAST_FLUSH_S` later. Its loss is logged, not raised.

    Args:
        run_event: the `run` event of `docs/protocol.md`.
        token: what the monitor asks for, None when it asks nobody.
        interval_s: at most this long a metric waits while connected.
    """
    sender = _Sender(registry, run_event, interval_s)
    registry.on_pressure = sender.press
    if registry.closed:
        sender.press()
    task_status.started()
    try:
        with sender.scope:
            while True:
                await _connect_once(sender, url, token)
                if registry.closed:
                    return
                with trio.move_on_after(reconnect_delay_s):
                    await sender.closing.wait()
    finally:
        registry.on_pressure = None


async def _connect_once(sender: _Sender, url: str, token: Secret | None) -> None:
    shown = [(name.encode(), MaskedBytes(value.encode())) for name, value in bearer(token).items()]
    try:
        async with open_websocket(url, extra_headers=shown) as ws:
            sender.say("monitor connected", url)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_discard, ws, nursery.cancel_scope)
                await sender.run(ws)
                nursery.cancel_scope.cancel()
    except* LOST as lost:
        sender.say(AWAY, url, why=_first(lost))


def _first(lost: BaseExceptionGroup[BaseException]) -> str:
    first = lost.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else repr(first)


async def _discard(ws: WebSocketConnection, session: trio.CancelScope) -> None:
    with suppress(ConnectionClosed):
        while True:
            await ws.get_message()
    session.cancel()  # the monitor is gone; do not wait for a send to find out


class _Sender:
    def __init__(self, registry: Registry, run_event: Event, interval_s: float) -> None:
        self.registry = registry
        self.run_event = run_event
        self.interval_s = interval_s
        self.scope = trio.CancelScope()
        self.closing = trio.Event()
        self.pressed = trio.Event()
        self.said = ""

    def press(self) -> None:
        self.pressed.set()
        if self.registry.closed:
            self.closing.set()
            self.scope.deadline = min(self.scope.deadline, trio.current_time() + LAST_FLUSH_S)

    def say(self, what: str, url: str, **more: str) -> None:
        if what == AWAY and not self.said:  # it takes a second to start: the first miss is no news
            self.said = "not yet there"
        elif what != self.said:  # each change once: a monitor may be away for days
            self.said = what
            _log.info(what, url=url, **more)

    async def run(self, ws: WebSocketConnection) -> None:
        await self._send(ws, self._opening())
        while not self.registry.closed:
            await self._flush(ws)
            with trio.move_on_after(self.interval_s):
                await self.pressed.wait()
            self.pressed = trio.Event()
        await self._flush(ws)

    def _opening(self) -> Iterator[bytes]:
        yield encode(EventLine(self.registry.now_ns() // NS_PER_MS, "run", self.run_event, self.registry.run_id))
        yield from self.registry.resync()

    async def _flush(self, ws: WebSocketConnection) -> None:
        while (batch := self.registry.drain(FRAME_BYTES)).lines:
            sent = False
            try:
                await self._send(ws, batch.lines)
                sent = True
            finally:
                if not sent:
                    self.registry.restore(batch)

    async def _send(self, ws: WebSocketConnection, lines: Iterable[bytes]) -> None:
        for frame in _frames(lines):
            with trio.fail_after(SEND_TIMEOUT_S):
                await ws.send_message(frame)


def _frames(lines: Iterable[bytes]) -> Iterator[str]:
    frame: list[bytes] = []
    size = 0
    for line in lines:
        frame.append(line)
        size += len(line) + 1
        if size >= FRAME_BYTES:
            yield b"\n".join(frame).decode()
            frame, size = [], 0
    if frame:
        yield b"\n".join(frame).decode()
