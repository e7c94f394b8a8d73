"""What the venue says when something is wrong with it: whole answers, word for word where they were seen."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

from agbot.exchange.api import Reply, error
from agbot.matching.outages import WORDS, OutageKind
from agbot.units import NS_PER_S
from agbot.web.server import Break

RESTARTING: Final = error(425, WORDS[OutageKind.RESTART])
DISABLED: Final = error(503, WORDS[OutageKind.DISABLED])
CANCEL_ONLY: Final = error(503, WORDS[OutageKind.CANCEL_ONLY])
UNAUTHORIZED: Final = error(401, "Unauthorized/Invalid api key")
REGION: Final = error(
    403,
    "Trading restricted in your region, please refer to available regions - "
    "https://docs.polymarket.com/developers/CLOB/geoblock",
)
_PAGE: Final = (
    b'<!DOCTYPE html>\n<html lang="en-US"><head><title>Attention Required! | Cloudflare</title></head>'
    b"<body><h1>Sorry, you have been blocked</h1><p>You are unable to access polymarket.com</p></body></html>\n"
)
BLOCKED: Final = Reply(status=403, raw=_PAGE, content_type="text/html; charset=UTF-8")
EMPTY_PAGE: Final = {"limit": 100, "count": 0, "next_cursor": "LTE=", "data": []}
NOT_TAKEN: Final = "could not insert order"
_BROKEN_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def post_only_mode(retry_after_s: int) -> Reply:
    """Return the 503 of the minutes behind a restart."""
    body = {"error": WORDS[OutageKind.POST_ONLY], "code": "post_only_mode", "retry_after_seconds": retry_after_s}
    return Reply(body, 503, (("Retry-After", str(retry_after_s)),))


def throttled(params: Mapping[str, Any], now_ns: int) -> Reply:
    """Return a 429: of the signer's limiter, with its headers, or of the one in front of everything, as plain text."""
    headers = _retry_after(params["retry_after"], params["wait_s"], now_ns)
    if params["kind"] == "ip":
        return Reply(status=429, headers=headers, raw=b"error code: 1015\n", content_type="text/plain; charset=UTF-8")
    reset = str(now_ns // NS_PER_S + params["wait_s"])
    limits = (
        ("Poly-RateLimit-Remaining", "0"),
        ("Poly-RateLimit-Reset", reset),
        ("Poly-RateLimit-Tier", "Standard"),
    )
    return Reply({"error": "Too Many Requests"}, 429, (*headers, *limits))


def _retry_after(how: str, wait_s: int, now_ns: int) -> tuple[tuple[str, str], ...]:
    if how == "none":
        return ()
    text = str(wait_s) if how == "seconds" else formatdate(now_ns // NS_PER_S + wait_s, usegmt=True)
    return (("Retry-After", text),)


def geoblock(country: str) -> Reply:
    """Return what ``/geoblock`` tells somebody who may not trade."""
    return Reply({"blocked": True, "ip": "192.0.2.1", "country": country, "region": ""})


def truncated(reply: Reply, framing: str) -> Reply | Break:
    """Return the first half of an answer's body: as a whole answer, or one that ends before its length is reached."""
    whole = reply.response()
    half = whole.body[: max(1, len(whole.body) // 2)]
    if framing == "broken":
        return Break(_BROKEN_HEAD % len(whole.body) + half)
    return Reply(status=whole.status, headers=tuple(whole.headers), raw=half)
