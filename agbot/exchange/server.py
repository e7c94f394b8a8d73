"""Serves a box: one port with path prefixes, or one port each; and everything of it that runs in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import attrs
import trio

from agbot.errors import ConfigError
from agbot.exchange.box import SITES, Box
from agbot.exchange.settings import BoxSettings
from agbot.run.children import netloc
from agbot.web.http import Bounds
from agbot.web.descriptors import connections_max
from agbot.web.server import Server

SPLIT: Final = ("gamma", "data", "rtds", "realtime")
"""What gets ports of its own, in this order behind the first one."""
BODY_BYTES_MAX: Final = 1024 * 1024
IDLE_S: Final = 75.0


@attrs.frozen(kw_only=True)
class Running:
    """An exchange that serves: its box, its server, and where everything is."""

    box: Box
    server: Server
    urls: Mapping[str, str]

    def ready(self) -> dict[str, Any]:
        """Return the ready line: addresses, test keys and markets."""
        settings = self.box.settings
        return {
            "event": "ready",
            "urls": dict(self.urls),
            "keys": self.box.test_keys(),
            "markets": self.box.market_rows(),
            "admin": str(settings.admin or ""),
            "seed": settings.seed,
            "population": settings.population,
        }


@asynccontextmanager
async def exchange_server(settings: BoxSettings) -> AsyncIterator[Running]:
    """Run an exchange while the body does; its books are there when the body begins.

    Raises:
        ConfigError: AGB-865 a port is taken; AGB-866 the host cannot be listened on; or what a file in `settings` has wrong.
    """
    box = Box(settings)
    listeners = await _listen(settings)
    ports = [listener.socket.getsockname()[1] for group in listeners for listener in group[:1]]
    bounds = Bounds(connections=connections_max(), body_bytes=BODY_BYTES_MAX, idle_s=IDLE_S)
    servers = [Server(partial(box.answer, site), partial(box.socket, site), bounds=bounds) for site in _sites(settings)]
    running = Running(box=box, server=servers[0], urls=_urls(settings, ports))
    async with trio.open_nursery() as nursery:
        for service in box.services():
            await nursery.start(service)
        for server, group in zip(servers, listeners, strict=True):
            await nursery.start(server.run, group)
        try:
            yield running
        finally:
            box.save()
        nursery.cancel_scope.cancel()


def _sites(settings: BoxSettings) -> Sequence[str]:
    return ("", *SPLIT) if settings.split_ports else ("",)


async def _listen(settings: BoxSettings) -> list[list[trio.SocketListener]]:
    listeners: list[list[trio.SocketListener]] = []
    port = settings.port
    for number, site in enumerate(_sites(settings)):
        wanted = port + number if port else 0
        try:
            listeners.append(await trio.open_tcp_listeners(wanted, host=settings.host))
        except OSError as e:
            for group in listeners:
                for listener in group:
                    await listener.aclose()
            raise _not_listening(settings, wanted, site, e) from e
        if not port:
            port = 0
    return listeners


def _not_listening(settings: BoxSettings, port: int, site: str, error: OSError) -> ConfigError:
    what = f" (for {site})" if site else ""
    return ConfigError(
        f"cannot listen on {netloc(settings.host, port)}{what}: {error.strerror or error}",
        id="AGB-865",
        key="--port",
        remedy="stop what listens there, choose another with --port, or --port 0 for a free one",
    )


def _urls(settings: BoxSettings, ports: Sequence[int]) -> dict[str, str]:
    """Return where everything is, by the names of the ready line."""
    places = [netloc(settings.host, port) for port in ports]
    first = places[0]
    urls = {"clob": f"http://{first}", "market_socket": f"ws://{first}/ws/market", "user_socket": f"ws://{first}/ws/user"}
    urls |= {name: f"{scheme}://{first}{path}" for name, (scheme, path) in SITES.items()}
    for name, place in zip(SPLIT, places[1:], strict=False):
        scheme, path = SITES[name]
        urls[name] = f"{scheme}://{place}" + (path if scheme == "ws" else "")
    return urls
