"""A bot's eye on what it shares with others: polled and pushed; closed when it cannot be read, or was long ago."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from agbot.errors import ConfigError, WalletTaken
from agbot.latch import LatchState
from agbot.log import get_logger
from agbot.settings import Settings
from agbot.shared.lease import SENDS_S, Lease
from agbot.shared.link import Link, Unreadable
from agbot.shared.switch import ROW_S, Heard, SharedSwitch

if TYPE_CHECKING:
    from redis import Redis

POLL_S: Final = 0.5
STALE_S: Final = 3.0
LISTEN_S: Final = 0.25

log = get_logger(__name__)


class Shared:
    """The shared switch and, where a wallet is traded with, its lease, as this process last read them.

    Args:
        who: this bot in words, for the list of those that listen.
        row: names this process among them.
    """

    def __init__(
        self, link: Link, name: str, *, who: str, row: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.switch = SharedSwitch(link, name)
        self.lease: Lease | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when something was closed or opened, or cannot be read any more."""
        self._link = link
        self._monotonic = monotonic
        self._row = self.switch.rows + row
        self._told = Heard(who=who)
        self._failure = "it was not read yet"
        self._read_at = self._renewed_at = float("-inf")
        self._lost = ""
        self._newest_ns = 0
        self._state = self.switch.state_of(None)
        self._seen: LatchState | None = None
        self._one = trio.CapacityLimiter(1)
        self._pushed = trio.Event()

    @classmethod
    def of(cls, settings: Settings, row: str, who: str) -> Shared | None:
        """Return what a configuration shares, None when that is nothing; see `Link.found` for what it raises."""
        if settings.redis is None or not settings.redis.name:
            return None
        link = Link.found(plain=settings.redis.plain)
        host, pid = socket.gethostname(), os.getpid()
        return cls(link, settings.redis.name, who=f"{who}, pid {pid} on {host}", row=f"{host}:{pid}:{row}")

    def leased(self, wallet: str, who: str) -> Lease:
        """Return a wallet's lease, to be taken; once taken it is renewed by each look."""
        self.lease = Lease(self._link, wallet, who)
        return self.lease

    # -- what may leave --------------------------------------------------------------------------------------------

    def state(self) -> LatchState:
        """Return the switch now; one that was not read for `STALE_S` is on."""
        if self.readable():
            return self._state
        reason = f"shared switch {self.switch.name} cannot be read: {self._failure}"
        return LatchState(on=True, reason=reason, by="agbot", at_ns=0)

    def readable(self) -> bool:
        """Return whether the switch was read within `STALE_S`."""
        return self._monotonic() - self._read_at <= STALE_S

    def gate(self, local: LatchState) -> LatchState:
        """Return what is closed here or for all: the reason of this machine's own latch, the time of the later one."""
        shared = self.state()
        scopes = (*local.scopes, *(s for s in shared.scopes if local.scoped(s.scope, s.name) is None))
        if not shared.on:
            return attrs.evolve(local, scopes=scopes)
        first = local if local.on else shared
        return attrs.evolve(first, at_ns=max(first.at_ns, shared.at_ns), scopes=scopes)

    def refusal(self) -> str:
        """Return why no order may leave for the wallet, empty when one may."""
        if self._lost or self.lease is None:
            return self._lost
        age_s = self._monotonic() - self._renewed_at
        return "" if age_s <= SENDS_S else f"the wallet's lease was not renewed for {age_s:.0f} s: {self._failure}"

    def lost(self) -> str:
        """Return why the wallet is not ours any more, for good; empty while it is."""
        return self._lost

    def carried_out(self, closed_ns: int, cancelled: int | None, left: int | None) -> None:
        """Note what came of what was closed at `closed_ns`, for the list of those that listen."""
        self._told = attrs.evolve(self._told, closed_ns=closed_ns, cancelled=cancelled, left=left)
        self._pushed.set()

    # -- reading ---------------------------------------------------------------------------------------------------

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read until cancelled: every `POLL_S`, and at once when told that the switch has moved.

        Raises:
            ConfigError: AGB-156, it cannot be read the first time. WalletTaken: AGB-152, the wallet is another's.
        """
        try:
            await self.look()
            if not self.readable():
                raise ConfigError(
                    f"the shared kill switch {self.switch.name!r} cannot be read: {self._failure}",
                    id="AGB-156",
                    key="redis",
                    remedy="start Redis, or mend its address; nothing was started",
                )
            if self._lost:
                raise WalletTaken(self._lost)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen)
                task_status.started()
                while True:
                    with trio.move_on_after(POLL_S):
                        await self._pushed.wait()
                    self._pushed = trio.Event()
                    await self.look()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + STALE_S):
                await trio.to_thread.run_sync(self._leave)

    async def look(self) -> None:
        """Read the switch, renew the lease and say that we listen, all in one question."""
        began = self._monotonic()
        try:
            switch, renewed = await trio.to_thread.run_sync(self._pull, limiter=self._one)
        except Unreadable as e:
            if str(e) != self._failure:
                log.error("shared.unread", switch=self.switch.name, error=str(e))
            self._failure = str(e)
        else:
            self._failure, self._read_at = "", began
            self._state = self._named(self._current(self.switch.state_of(switch)))
            if self.lease is not None:
                self._lost = self._lost or self.lease.lost(renewed)
                self._renewed_at = began
        self._report()

    def _report(self) -> None:
        state = self.state()
        if state == self._seen:
            return
        self._seen = state
        log.info("shared.switch", switch=self.switch.name, on=state.on, reason=state.reason, by=state.by)
        self.on_change()

    def _current(self, state: LatchState) -> LatchState:
        """Return a state that was read, closed when it is older than one that was: Redis came back with an old copy."""
        if state.at_ns >= self._newest_ns or not state.at_ns:
            self._newest_ns = max(self._newest_ns, state.at_ns)
            return state
        reason = f"Redis came back with an older one: agbot killswitch off --shared {self.switch.name} opens it"
        return attrs.evolve(state, on=True, reason=reason, by="agbot")

    def _named(self, state: LatchState) -> LatchState:
        """Return a state whose reasons say whose switch it is."""
        prefix = f"shared switch {self.switch.name}: "
        scopes = tuple(attrs.evolve(s, reason=prefix + s.reason) for s in state.scopes)
        return attrs.evolve(state, reason=prefix + state.reason if state.on else state.reason, scopes=scopes)

    def _pull(self) -> tuple[bytes | None, Any]:
        told = attrs.evolve(self._told, on=self.state().on).encoded()

        def ask(redis: Redis) -> tuple[bytes | None, Any]:
            pipe = redis.pipeline(transaction=False)
            pipe.get(self.switch.key)
            pipe.set(self._row, told, ex=ROW_S)
            if self.lease is not None:
                self.lease.renew(pipe)
            answers = pipe.execute()
            return answers[0], answers[-1]

        return self._link.ask(ask)

    async def _listen(self) -> None:
        """Hurry the next look when the switch moves. Messages may be lost: the look comes all the same."""
        while True:
            try:
                heard = await trio.to_thread.run_sync(self._link.wait, self.switch.channel, LISTEN_S)
                while True:
                    if await trio.to_thread.run_sync(heard):
                        self._pushed.set()
            except Unreadable:  # `look` says so
                await trio.sleep(POLL_S)

    def _leave(self) -> None:
        """Take our row off and let go of the wallet; where Redis is away, both end by themselves."""
        try:
            self._link.ask(lambda redis: redis.delete(self._row))
            if self.lease is not None and not self._lost:
                self.lease.release()
            self._link.close()
        except Unreadable as e:
            log.warning("shared.not_released", error=str(e), remedy="it ends by itself within ten seconds")


@asynccontextmanager
async def watching(shared: Shared | None) -> AsyncIterator[None]:
    """Keep an eye on what is shared while the body runs; with nothing shared, just run it."""
    if shared is None:
        yield
        return
    async with trio.open_nursery() as nursery:
        await nursery.start(shared.run)
        yield
        nursery.cancel_scope.cancel()
