"""Faults of whole WebSockets: silent ones, unanswered PINGs, storms of disconnects, resets; and the hook for frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import trio

from agbot.exchange.mischief.frames import Connection, Frames, Note, Timed, note_of
from agbot.exchange.mischief.requests import Mischief
from agbot.exchange.sockets.outlet import Outlets

LOOK_S: Final = 0.25
"""How often a schedule is looked at while one is pending: the exchange's clock may be scaled or jump."""
POLICY: Final = 1008
_NAMES: Final = ("silent_socket", "no_pong", "disconnect_storm", "socket_reset", "key_revoked")


class SocketMischief:
    """Applies a plan to the connections of channels. `run` must be running for what takes time.

    Args:
        mischief: whose plan, core and clock.
        channels: the outlets of each channel; their hooks are taken.
        clock_s: what waiting is measured by; trio's by default.
    """

    def __init__(
        self, mischief: Mischief, channels: Iterable[Outlets], clock_s: Callable[[], float] = trio.current_time
    ) -> None:
        self.plan = mischief.plan
        self._mischief = mischief
        self._frames = Frames(mischief.plan, mischief.first_trade, mischief.now_ns, clock_s)
        self._channels = list(channels)
        self._changed = trio.Event()
        self._clock_s = clock_s
        self.after: Callable[[float, Callable[[], None]], None] | None = None
        """Lets something happen after so many seconds; there while it runs."""
        for channel in self._channels:
            channel.filter = self.change
            channel.opened = self.opened
        self.plan.listeners.append(self._wake)

    def change(self, channel: str, connection: Connection, frame: bytes) -> Iterable[Timed]:
        """Return what leaves instead of a frame; see `Frames.change`."""
        return self._frames.change(channel, connection, frame)

    def opened(self, channel: str, connection: Connection) -> None:
        """Decide what becomes of a connection that was just accepted."""
        if self.plan.busy:
            self._decide(channel, connection)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the plan until cancelled."""
        async with trio.open_nursery() as nursery:
            self.after = lambda delay_s, act: nursery.start_soon(_later, delay_s, act)
            task_status.started()
            try:
                while True:
                    self._changed = trio.Event()
                    self.refresh()
                    pending = self.plan.next_change_ns(self._mischief.now_ns()) is not None
                    with trio.move_on_after(LOOK_S if pending else float("inf")):
                        await self._changed.wait()
            finally:
                self.after = None

    def refresh(self) -> None:
        """Decide anew for every open connection what the plan says differently now."""
        self._mischief.refresh()
        for channel in self._channels:
            for connection in list(channel.open):
                self._decide(channel.name, connection)

    def _wake(self) -> None:
        self._changed.set()

    def _decide(self, channel: str, connection: Connection) -> None:
        now_ns = self._mischief.now_ns()
        for name in _NAMES:
            window = self.plan.window(name, now_ns)
            decided = note_of(connection).decided if window or connection.note is not None else {}
            if decided.get(name, ()) == window:
                continue
            decided[name] = window
            wallet = connection.address or None
            self._apply(name, connection, self.plan.strikes(name, now_ns, channel=channel, wallet=wallet))
        if not self.plan.busy and isinstance(connection.note, Note) and connection.note.due <= self._clock_s():
            connection.note = None

    def _apply(self, name: str, connection: Connection, params: Mapping[str, Any] | None) -> None:
        if name == "silent_socket":
            connection.silent = params is not None
        elif name == "no_pong":
            connection.deaf = params is not None
        elif params is not None and name == "key_revoked":
            connection.close(POLICY)
        elif params is not None and self.after is not None:
            delay_s = params["open_s"] if name == "disconnect_storm" else params["delay_s"]
            self.after(delay_s, partial(_end, connection, name == "socket_reset"))


async def _later(delay_s: float, act: Callable[[], None]) -> None:
    await trio.sleep(delay_s)
    act()


def _end(connection: Connection, abruptly: bool) -> None:
    if abruptly:
        connection.drop(reset=True)
    else:
        connection.close(1000)
