"""Serves a box: one port with path prefixes, or one port each; and everything of it that runs in time.

A reset or a restore replaces the box while the ports stay: its WebSockets break, as in a restart of the venue.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

from agbot.errors import ConfigError
from agbot.exchange.admin.arguments import Arguments
from agbot.exchange.admin.socket import AdminServer, Answer, Request, Verb
from agbot.exchange.box import SITES, Box
from agbot.exchange.claim import claimed
from agbot.exchange.opening import Parts
from agbot.exchange.settings import BoxSettings
from agbot.exchange.snapshot import put, read
from agbot.log import get_logger
from agbot.run.children import netloc
from agbot.web.descriptors import connections_max
from agbot.web.http import Bounds, Break, Response, SocketRoute
from agbot.web.http import Request as HttpRequest
from agbot.web.origin import refusal_of_pages
from agbot.web.server import Server

SPLIT: Final = ("gamma", "data", "rtds", "realtime")
"""What gets ports of its own, in this order behind the first one."""
BODY_BYTES_MAX: Final = 1024 * 1024
IDLE_S: Final = 75.0
SHARE: Final = 20.0
"""The pause after a save is at least so many times what it took."""


log = get_logger(__name__)


class Exchange:
    """An exchange that serves, over whatever box it has now."""

    def __init__(self, settings: BoxSettings) -> None:
        self.settings = settings
        self.box = Box(settings)
        self.urls: dict[str, str] = {}
        self.servers: list[Server] = []
        self._renewed = trio.Event()
        self._next: Box | None = None
        self._up = trio.Event()
        self._replacing = trio.Lock()

    def ready(self) -> dict[str, Any]:
        """Return the ready line: addresses, test keys and markets."""
        return {
            "event": "ready",
            "urls": dict(self.urls),
            "keys": self.box.test_keys(),
            "markets": self.box.market_rows(),
            "admin": str(self.settings.admin or ""),
            "seed": self.settings.seed,
            "population": self.settings.population,
        }

    async def answer(self, site: str, request: HttpRequest) -> Response | Break:
        """Answer a request by the box of this moment."""
        return await self.box.answer(site, request)

    def socket(self, site: str, request: HttpRequest) -> SocketRoute | None:
        """Return what talks on a WebSocket in the box of this moment."""
        return self.box.socket(site, request)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the box's services, and those of every box that replaces it, until cancelled."""
        while True:
            async with trio.open_nursery() as nursery:
                for service in self.box.services():
                    await nursery.start(service)
                task_status.started()
                task_status = trio.TASK_STATUS_IGNORED
                self._up.set()
                await self._renewed.wait()
                nursery.cancel_scope.cancel()
            self.box.drop_sockets()
            assert self._next is not None
            self.box, self._next, self._renewed = self._next, None, trio.Event()

    async def replace(self, parts: Parts) -> None:
        """Go on from a snapshot's parts, or begin anew from none; return when the new box is up."""
        async with self._replacing:
            self._next = Box(self.settings, parts)
            self._up = trio.Event()
            self._renewed.set()
            await self._up.wait()

    async def save(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Save the state now and then, until cancelled. It goes on when it cannot: what it holds is worth more.

        The file is written beside everything else, and less often the longer that takes.
        """
        task_status.started()
        pause_s = self.settings.save_every_s
        while True:
            await trio.sleep(pause_s)
            begun = trio.current_time()
            try:
                await trio.to_thread.run_sync(self.put, self.box.saved())
            except ConfigError as e:
                log.error("exchange.unsaved", said=str(e))
            pause_s = max(self.settings.save_every_s, SHARE * (trio.current_time() - begun))

    def put(self, body: bytes) -> None:
        """Write the state file, if there is to be one. ConfigError AGB-863 when that cannot be."""
        if self.settings.state is not None:
            put(self.settings.state, body)

    def verbs(self) -> dict[str, Verb]:
        """Return what the admin socket can be asked, each of the box of that moment."""
        of_box: dict[str, Verb] = {name: partial(self._verb, name) for name in self.box.verbs}
        return {
            **of_box,
            "reset": self._reset,
            "snapshot": self._snapshot,
            "restore": self._restore,
            "ready": self._ready,
        }

    def _verb(self, name: str, request: Request) -> Answer:
        told = self.box.verbs[name](request)
        assert isinstance(told, dict), "these verbs wait for nothing"
        return told

    def _ready(self, _request: Request) -> Answer:
        return self.ready()

    async def _reset(self, _request: Request) -> Answer:
        await self.replace({})
        return {"markets": len(self.box.core.listings)}

    async def _snapshot(self, request: Request) -> Answer:
        path = Path(Arguments(request).text("file"))
        body = self.box.saved()
        await trio.to_thread.run_sync(put, path, body)
        return {"file": str(path), "bytes": len(body)}

    async def _restore(self, request: Request) -> Answer:
        path = Path(Arguments(request).text("file"))
        await self.replace(read(path))
        return {"file": str(path), "markets": len(self.box.core.listings)}


@asynccontextmanager
async def exchange_server(settings: BoxSettings) -> AsyncIterator[Exchange]:
    """Run an exchange while the body does; its books are there when the body begins.

    Raises:
        ConfigError: AGB-865, a port cannot be listened on; AGB-866, the state file or the admin socket is another
            exchange's; or what a file that `settings` names has wrong.
    """
    async with claimed(settings.state, settings.admin), _serving(settings) as exchange:
        yield exchange


@asynccontextmanager
async def _serving(settings: BoxSettings) -> AsyncIterator[Exchange]:
    exchange = Exchange(settings)
    listeners = await _listen(settings)
    exchange.urls = _urls(settings, [group[0].socket.getsockname()[1] for group in listeners])
    try:
        async with trio.open_nursery() as nursery:
            await _start(exchange, listeners, nursery)
            yield exchange
            nursery.cancel_scope.cancel()
    finally:
        exchange.put(exchange.box.saved())  # last of all: nothing is taken any more, and no other save is under way


async def _start(exchange: Exchange, listeners: Sequence[list[trio.SocketListener]], nursery: trio.Nursery) -> None:
    settings = exchange.settings
    bounds = Bounds(connections=connections_max(), body_bytes=BODY_BYTES_MAX, idle_s=IDLE_S)
    await nursery.start(exchange.run)
    for site, group in zip(_sites(settings), listeners, strict=True):
        answer, socket = partial(exchange.answer, site), partial(exchange.socket, site)
        server = Server(answer, socket, refuse=refusal_of_pages, bounds=bounds)
        exchange.servers.append(server)
        await nursery.start(server.run, group)
    if settings.admin:
        await nursery.start(AdminServer(settings.admin, exchange.verbs()).run)
    if settings.state:
        await nursery.start(exchange.save)


def _sites(settings: BoxSettings) -> Sequence[str]:
    return ("", *SPLIT) if settings.split_ports else ("",)


async def _listen(settings: BoxSettings) -> list[list[trio.SocketListener]]:
    groups: list[list[trio.SocketListener]] = []
    for number, site in enumerate(_sites(settings)):
        port = settings.port and settings.port + number
        try:
            groups.append(await trio.open_tcp_listeners(port, host=settings.host))
        except OSError as e:
            for listener in (listener for group in groups for listener in group):
                await listener.aclose()
            raise _not_listening(settings, port, site, e) from e
    return groups


def _not_listening(settings: BoxSettings, port: int, site: str, error: OSError) -> ConfigError:
    what = f" (for {site})" if site else ""
    busy = error.errno in (errno.EADDRINUSE, errno.EACCES)
    return ConfigError(
        f"cannot listen on {netloc(settings.host, port)}{what}: {error.strerror or error}",
        id="AGB-865",
        key="--port" if busy else "--host",
        remedy="stop what listens there, choose another with --port, or --port 0 for a free one"
        if busy
        else "name an address of this machine: 127.0.0.1 is this machine alone, 0.0.0.0 is open to everybody",
    )


def _urls(settings: BoxSettings, ports: Sequence[int]) -> dict[str, str]:
    """Return where everything is, by the names of the ready line."""
    places = [netloc(settings.host, port) for port in ports]
    first = places[0]
    urls = {
        "clob": f"http://{first}",
        "market_socket": f"ws://{first}/ws/market",
        "user_socket": f"ws://{first}/ws/user",
    }
    urls |= {name: f"{scheme}://{first}{path}" for name, (scheme, path) in SITES.items()}
    for name, place in zip(SPLIT, places[1:], strict=False):
        scheme, path = SITES[name]
        urls[name] = f"{scheme}://{place}" + (path if scheme == "ws" else "")
    return urls
