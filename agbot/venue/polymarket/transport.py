"""One request to one of the venue's hosts: its turn, its headers, a bounded reply, and what became of it.

Nothing is ever sent twice from here. Deadlines are the caller's; the timeouts of httpx only end what nobody waits for.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs
import httpx
import trio

from agbot import __version__
from agbot.core.backoff import Backoff
from agbot.errors import ExecutionError, VenueAmbiguous, VenueProtocolError, VenueThrottled
from agbot.log import get_logger
from agbot.secrets import Masked
from agbot.venue.care import Care
from agbot.venue.polymarket.errors import (
    ACTS,
    VENUE,
    Answer,
    Operation,
    Phase,
    TradingMode,
    lost,
    read_answer,
    refusal,
    row_of,
)
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.wire.rest import Page
from agbot.venue.polymarket.wire_log import WireLog

T = TypeVar("T")
log = get_logger(__name__)

REPLY_BYTES_MAX: Final = 16 * 1024 * 1024
PAGES_MAX: Final = 500
PAGES_TOLD: Final = 25
"""Every so many pages of a list a person is told that it goes on."""
USER_AGENT: Final = f"agbot/{__version__}"
"""Said aloud: the venue turns nameless programs away."""
TIMEOUT: Final = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)
MODE_S: Final = 120.0
"""How long a mode is believed that names no end: what follows a restart lasts two minutes."""

HELD: Final = {"submit": Backoff(first_s=1.0, longest_s=30.0), "read": Backoff(first_s=0.5, longest_s=2.0)}
"""What waits while the venue is ill, and how long. Reads only briefly: they are how questions end."""

_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_LOOPBACK: Final = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
_GZIP: Final = 31
"""zlib's word for a gzip header and trailer."""
_JSON: Final = {"Content-Type": "application/json"}

Params: TypeAlias = Mapping[str, str | int | Sequence[str]]


@attrs.frozen(kw_only=True)
class Ask:
    """A request. `route` is one of `limits.ROUTES`; `cost` what it draws from the signer's bucket."""

    operation: Operation
    route: str
    method: str
    base: str
    path: str
    params: Params = attrs.field(factory=dict)
    body: bytes = b""
    cost: int = 1


Sign: TypeAlias = Callable[[Ask], Mapping[str, str]]
"""Returns the headers that prove who asks; called right before the request leaves."""


@attrs.frozen
class Reply:
    """A whole reply of any status; header names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def open_http() -> httpx.AsyncClient:
    """Return the HTTP client for the venue: connections kept alive, proxies of the environment except for loopback."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=60.0)
    return httpx.AsyncClient(timeout=TIMEOUT, limits=limits, mounts=dict.fromkeys(_LOOPBACK))


class Transport:
    """Sends asks through one limiter; knows which mode the venue said it is in.

    Args:
        http: not closed here.
        now_s: UTC seconds: for signatures and for dates in replies.
        care: breakers, and what they have seen.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        limiter: Limiter,
        *,
        now_s: Callable[[], float] = time.time,
        wire_log: WireLog | None = None,
        care: Care | None = None,
    ) -> None:
        self.limiter = limiter
        self.care = care or Care(VENUE, trio.current_time, random.random, held=HELD)
        self.now_s = now_s
        self._http = http
        self._wire_log = wire_log
        self._mode = TradingMode.NORMAL
        self._mode_until_s = 0.0

    @property
    def mode(self) -> TradingMode:
        """What the venue takes, as far as it has told."""
        return self._mode if self.now_s() < self._mode_until_s else TradingMode.NORMAL

    async def send(self, ask: Ask, sign: Sign | None = None) -> bytes:
        """Send and return the body of a success.

        Raises:
            ExecutionError: what anything else means for the caller; see `errors`.
        """
        reply = await self.exchange(ask, sign)
        if not reply.ok:
            self.refuse(ask, reply)
        if ask.operation is Operation.SUBMIT and self._mode is not TradingMode.POST_ONLY:
            self._mode = TradingMode.NORMAL
        return reply.body

    def refuse(self, ask: Ask, reply: Reply) -> NoReturn:
        """Raise what a reply that is no success means."""
        error, answer = self._meaning(ask, reply)
        row = row_of(ask.operation, answer)
        if row.mode is not None:
            wait_s = MODE_S if answer.retry_after_s is None else answer.retry_after_s
            self._mode, self._mode_until_s = row.mode, self.now_s() + wait_s
        if isinstance(error, VenueThrottled):
            self.limiter.pause(ask.route, error.retry_after_s)
        raise error

    async def exchange(self, ask: Ask, sign: Sign | None = None) -> Reply:
        """Send and return the whole reply, whatever its status.

        Raises:
            VenueUnavailable: nothing was sent, or a read got no whole reply; VenueHeld when nothing was tried.
            VenueAmbiguous: an order or cancel may have arrived.
            VenueThrottled: too many requests wait here.
            VenueProtocolError: the reply is longer than `REPLY_BYTES_MAX`, and nothing hangs on it.
        """
        await self._turn(ask)
        with self.care.request(ask.operation.name.lower()) as under:
            reply = await self._carry(ask, sign)
            under.answer(None if reply.ok else self._meaning(ask, reply)[0])
        self.limiter.observe(ask.route, reply.headers)
        return reply

    async def _turn(self, ask: Ask) -> None:
        await self.limiter.admit(ask.route, ask.cost)

    def _meaning(self, ask: Ask, reply: Reply) -> tuple[ExecutionError, Answer]:
        answer = read_answer(reply.status, reply.headers, reply.body, now_s=self.now_s())
        return refusal(ask.operation, answer), answer

    async def _carry(self, ask: Ask, sign: Sign | None) -> Reply:
        with _without_frames():
            request = self._request(ask, sign)
        number = self._logged(request, ask)
        try:
            with _without_frames():
                reply = await self._reply(ask, request)
        except _NOT_SENT as e:
            raise self._lost(ask, number, Phase.NOT_SENT, e) from None
        except (httpx.HTTPError, httpx.StreamError, OSError, zlib.error) as e:
            raise self._lost(ask, number, Phase.MAYBE_SENT, e) from None
        if self._wire_log is not None:
            self._wire_log.reply(number, reply.status, reply.headers, reply.body)
        return reply

    def _request(self, ask: Ask, sign: Sign | None) -> httpx.Request:
        headers = {**_HEADERS, **(_JSON if ask.body else {})}
        headers.update(sign(ask) if sign else {})
        content, params = ask.body or None, dict(ask.params) or None
        return self._http.build_request(
            ask.method, ask.base + ask.path, params=params, content=content, headers=headers
        )

    async def _reply(self, ask: Ask, request: httpx.Request) -> Reply:
        response = await self._http.send(request, stream=True)
        try:
            raw = await _bounded(response)
        finally:
            await response.aclose()
        body = _unpacked(raw, response.headers.get("content-encoding", "")) if len(raw) <= REPLY_BYTES_MAX else raw
        if len(body) > REPLY_BYTES_MAX:
            raise _too_long(ask)
        return Reply(response.status_code, response.headers, body)

    def _logged(self, request: httpx.Request, ask: Ask) -> int:
        if self._wire_log is None:
            return 0
        headers = {name: Masked(value) for name, value in request.headers.items()}
        return self._wire_log.request(ask.method, str(request.url), headers, ask.body)

    def _lost(self, ask: Ask, number: int, phase: Phase, error: Exception) -> Exception:
        why = f"{type(error).__name__}: {error}".rstrip(": ")[:300]
        if self._wire_log is not None:
            self._wire_log.lost(number, why)
        return lost(ask.operation, phase, f"{urlsplit(ask.base).netloc.rpartition('@')[2]}: {why}")


@contextmanager
def _without_frames() -> Iterator[None]:
    """Let an error out without the frames it came through: those of the HTTP libraries hold the headers by name."""
    try:
        yield
    except Exception as e:  # noqa: BLE001 - raised again, only lighter
        raise e.with_traceback(None) from None


async def pages(fetch: Callable[[str], Awaitable[Page[T]]], first: str = "") -> AsyncIterator[Page[T]]:
    """Yield every page, from cursor `first` on.

    Raises:
        VenueProtocolError: a cursor came twice, or there are more than `PAGES_MAX` pages.
    """
    cursor, seen, rows = first, set[str](), 0
    while len(seen) < PAGES_MAX:
        seen.add(cursor)
        page = await fetch(cursor)
        rows += len(page.items)
        if not len(seen) % PAGES_TOLD:
            log.info("polymarket.reading", pages=len(seen), rows=rows, pages_max=PAGES_MAX)
        if page.faults:
            log.warning("polymarket.rows_left_out", rows=len(page.faults), first=page.faults[0])
        yield page
        cursor = page.next_cursor
        if not cursor:
            return
        if cursor in seen:
            raise VenueProtocolError(f"the page {cursor[:50]!r} came twice", venue=VENUE)
    raise VenueProtocolError(f"a list has more than {PAGES_MAX} pages", venue=VENUE)


async def everything(fetch: Callable[[str], Awaitable[Page[T]]], first: str = "") -> tuple[T, ...]:
    """Return the items of every page; raises what `pages` raises."""
    return tuple([item async for page in pages(fetch, first) for item in page.items])


async def _bounded(response: httpx.Response) -> bytes:
    """Return the body as it came, cut a little after `REPLY_BYTES_MAX`.

    Cancelled rather than left: the generators inside httpx end only by an exception from their innermost.
    """
    raw = bytearray()
    with trio.CancelScope() as reading:
        async for part in response.aiter_raw():
            raw += part
            if len(raw) > REPLY_BYTES_MAX:
                reading.cancel()
    return bytes(raw)


def _unpacked(raw: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() not in {"gzip", "x-gzip"}:
        return raw  # nothing else was asked for; what it is shows when it is read
    unpacking = zlib.decompressobj(wbits=_GZIP)
    body = unpacking.decompress(raw, REPLY_BYTES_MAX + 1)
    if not unpacking.eof and len(body) <= REPLY_BYTES_MAX:
        raise zlib.error("the packed reply ends too early")
    return body


def _too_long(ask: Ask) -> Exception:
    reason = f"the reply to {ask.method} {ask.path} is longer than {REPLY_BYTES_MAX} bytes"
    return VenueAmbiguous(reason, venue=VENUE) if ask.operation in ACTS else VenueProtocolError(reason, venue=VENUE)
