"""The monitor process: routes, the tick, and who may listen where."""

from __future__ import annotations

import errno
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import httpx
import msgspec
import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from agbot.errors import ConfigError
from agbot.monitor.gate import Gate
from agbot.monitor.history import Archive, History
from agbot.monitor.hub import BACKLOG_BYTES_MAX, BACKLOG_TICKS_MAX, Hub
from agbot.monitor.keeper import Keeper
from agbot.monitor.prometheus import CONTENT_TYPE, exposition
from agbot.monitor.site import Site
from agbot.secrets import Secret
from agbot.telemetry.protocol import (
    APP,
    CLOSE_TRY_LATER,
    DASHBOARD_PATH,
    FRAME_BYTES_MAX,
    INGEST_PATH,
    PROTOCOL,
    TICK_MS,
    Health,
    encode,
)
from agbot.web.http import PushRoute
from agbot.web.origin import is_unspecified, refusal_of_strangers
from agbot.web.outlet import Outlet
from agbot.web.server import Request, Response, Server, SocketRoute

READERS_MAX: Final = 100
"""Dashboard connections; one more is closed with 1013."""
PROBE_S: Final = 2.0
"""How long whoever holds our port may take to say who it is."""
_log = structlog.get_logger("agbot.monitor")


async def serve(
    host: str,
    port: int,
    *,
    linger_s: float | None = None,
    token: Secret | None = None,
    history: History | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    hub: Hub | None = None,
    keeper: Keeper | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> bool:
    """Serve the page, the sockets and health until cancelled. Reports the port it listens on.

    Args:
        linger_s: return this long after the last bot left, or after the start when none came; None stays.
        token: what readers and bots must show; None asks nobody.
        history: reads what the store has kept, in a worker thread; None answers that there is none.
        hub: what is shown, fed in this process; then no bot may push to it.
        keeper: keeps what programs push that are no bots.

    Returns:
        False at once when a monitor of this protocol listens there already, True when `linger_s` is over.

    Raises:
        ConfigError: the port belongs to somebody else, or the address cannot be listened on.
    """
    listeners = await _listen(host, port)
    if listeners is None:
        return False
    ingest, hub = hub is None, hub or Hub(keep=keeper.take if keeper is not None else None)
    site = Site.load()
    routes: dict[str, SocketRoute | PushRoute] = {
        DASHBOARD_PATH: PushRoute(
            talk=partial(_dashboard, hub), waiting_max=BACKLOG_TICKS_MAX, bytes_max=BACKLOG_BYTES_MAX
        ),
    }
    if ingest:
        routes[INGEST_PATH] = SocketRoute(partial(_ingest, hub), FRAME_BYTES_MAX)
    server = Server(
        partial(_answer, hub, site, Archive(history)),
        routes,
        refuse=Gate(token, refusal_of_strangers(host), site.sign_in).refuse,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        if keeper is not None:
            nursery.start_soon(keeper.run)
        task_status.started(listeners[0].socket.getsockname()[1])
        await _tick(hub, now_ms, linger_s)
        nursery.cancel_scope.cancel()
    return True


async def _tick(hub: Hub, now_ms: Callable[[], int], linger_s: float | None) -> None:
    due = busy = trio.current_time()
    while linger_s is None or trio.current_time() - busy < linger_s:
        due = max(due + TICK_MS / 1000, trio.current_time())  # late once is late once: no burst of ticks behind it
        await trio.sleep_until(due)
        hub.tick(now_ms())
        if hub.bots:
            busy = trio.current_time()


async def _ingest(hub: Hub, ws: WebSocketConnection, _: Request) -> None:
    feed = hub.feed()
    try:
        while True:
            feed.take(await ws.get_message())
    except ConnectionClosed:
        pass
    finally:
        feed.close()


async def _dashboard(hub: Hub, outlet: Outlet, request: Request) -> None:
    if len(hub.readers) >= READERS_MAX:
        outlet.leave(CLOSE_TRY_LATER, "too many readers")
        return
    reader = hub.subscribe(outlet, plain="v=0" in request.query.split("&"))
    try:
        await outlet.over.wait()
    finally:
        hub.readers.discard(reader)


def _answer(hub: Hub, site: Site, archive: Archive, request: Request) -> Response | Awaitable[Response]:
    match request.path:
        case "/healthz" | "/health":
            return Response(200, encode(hub.health(history=archive.kept)), "application/json")
        case "/readyz" | "/ready":
            return Response(200, b"ready\n") if hub.bots else Response(503, b"no bot is connected\n")
        case "/prometheus":
            return Response(200, exposition(m.entry() for m in hub.shown.metrics.values()), CONTENT_TYPE)
        case "/history":
            return archive.answer(request)
        case path:
            return site.files.get(path) or Response(404, b"not found\n")


async def _listen(host: str, port: int) -> list[trio.SocketListener] | None:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise ConfigError(
                f"cannot listen on {host} port {port}: {e}",
                id="AGB-702",
                key="--host/--port",
                remedy="choose an address of this machine and a free port over 1023",
            ) from e
    found = await _who_listens(host, port)
    if found is not None and found.app == APP and found.protocol == PROTOCOL:
        return None
    raise ConfigError(_taken(port, found), id="AGB-701", key="--port", remedy=_taken_remedy(port, found))


def _taken(port: int, found: Health | None) -> str:
    if found is None or found.app != APP:
        return f"port {port} is in use by another program"
    return f"port {port} is in use by an agbot monitor of protocol {found.protocol}, this is protocol {PROTOCOL}"


def _taken_remedy(port: int, found: Health | None) -> str:
    if found is None or found.app != APP:
        return f"stop it (ss -ltnp 'sport = :{port}' names it) or choose another port with --port"
    return f"stop the monitor of version {found.version} or choose another port with --port"


async def _who_listens(host: str, port: int) -> Health | None:
    place = "127.0.0.1" if is_unspecified(host) else f"[{host}]" if ":" in host else host
    try:
        with trio.fail_after(PROBE_S):
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"http://{place}:{port}/healthz")
                return msgspec.json.decode(answer.content, type=Health)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, trio.TooSlowError):
        return None
