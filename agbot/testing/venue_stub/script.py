"""What the stub was asked, what it says, and the scripts that make it say something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import attrs
import msgspec
import trio

from agbot.web.server import Break, Request, Response

JSON: Final = "application/json"


@attrs.frozen(kw_only=True)
class Received:
    """One request: `path` without the mount of the CLOB; of repeated query keys `query` has the last."""

    method: str
    path: str
    query: dict[str, str]
    pairs: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, request: Request, mount: str = "") -> Received:
        """Return what `request` asks."""
        pairs = tuple(parse_qsl(request.query, keep_blank_values=True))
        path = request.path.removeprefix(mount) if request.path.startswith(f"{mount}/") else request.path
        headers = dict(request.headers)
        return cls(method=request.method, path=path, query=dict(pairs), pairs=pairs, headers=headers, body=request.body)

    @property
    def json(self) -> Any:
        """The body, decoded; None when there is none."""
        return msgspec.json.decode(self.body) if self.body else None


@attrs.frozen
class Reply:
    """What the venue answers: `json` encoded, or `body` as it is."""

    status: int = 200
    json: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = JSON

    @property
    def bytes(self) -> bytes:
        """The body as it goes out."""
        return msgspec.json.encode(self.json) if self.body is None else self.body

    def response(self) -> Response:
        """Return it as the web server's response."""
        return Response(self.status, self.bytes, self.content_type, self.headers)


def error(status: int, text: str, **more: Any) -> Reply:
    """Return the venue's usual error body."""
    return Reply(status, {"error": text, **more})


HTML_403: Final = Reply(
    403,
    body=b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body></body></html>",
    content_type="text/html; charset=UTF-8",
)
RESTARTING: Final = error(425, "matching engine is restarting")
DISABLED: Final = error(503, "Trading is currently disabled. Check polymarket.com for updates")
CANCEL_ONLY: Final = error(
    503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
)
DUPLICATED: Final = error(400, "order is invalid. Duplicated.")
TIMED_OUT: Final = error(500, "order timed out")
NOT_EXECUTED: Final = error(500, "could not run the execution")


def throttled(retry_after_s: int = 1, *, remaining: int = 0, tier: str = "Standard") -> Reply:
    """Return a 429 of the per-signer limiter."""
    limits = (("Poly-RateLimit-Remaining", str(remaining)), ("Poly-RateLimit-Tier", tier))
    return Reply(429, {"error": "Too Many Requests"}, (("Retry-After", str(retry_after_s)), *limits))


def post_only_mode(retry_after_s: int = 79) -> Reply:
    """Return the 503 of the minutes behind a restart."""
    return Reply(
        503,
        {
            "error": "post-only mode: only post-only orders and cancels are allowed",
            "code": "post_only_mode",
            "retry_after_seconds": retry_after_s,
        },
        (("Retry-After", str(retry_after_s)),),
    )


Said: TypeAlias = Reply | Break | None
Script: TypeAlias = Callable[[Received], Said | Awaitable[Said]]
"""Returns what to say; None leaves the answer to the default venue."""


@attrs.define
class Rule:
    """One script for a route. `path` may hold ``*``; `times` None is for ever."""

    method: str
    path: str
    script: Script
    times: int | None = None

    def takes(self, received: Received) -> bool:
        """Whether the rule is for this request and not used up; counts the use."""
        if self.times == 0 or self.method != received.method or not fnmatchcase(received.path, self.path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@attrs.define
class Held:
    """A reply that waits: the venue has acted on the request, the answer leaves on `release`."""

    arrived: trio.Event = attrs.field(factory=trio.Event)
    released: trio.Event = attrs.field(factory=trio.Event)

    def release(self) -> None:
        """Let the answer go."""
        self.released.set()
