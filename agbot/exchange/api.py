"""What an HTTP route gets and gives. Routes are plain functions; the server adds faults, limits and headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import attrs
import msgspec

from agbot.exchange.core.model import Refused
from agbot.web.server import Response


@attrs.define(kw_only=True, slots=False)
class Ask:
    """One request. `path` is without the mount prefix, as an HMAC covers it; `tail` stands in a route's ``{}``."""

    method: str
    path: str
    query_text: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    tail: str = ""
    address: str = ""
    """The EOA of the key that signed the request; empty on routes for everybody."""
    key: str = ""
    """The API key that signed the request."""

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the query's parameters; of repeated ones the last."""
        return dict(parse_qsl(self.query_text, keep_blank_values=True))

    @cached_property
    def queries(self) -> dict[str, list[str]]:
        """Return all values of each parameter."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query_text, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    @cached_property
    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            Refused: 400, it is not JSON.
        """
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError) as e:  # DecodeError, bad UTF-8; nested too deep
            raise Refused("Invalid order payload") from e


@attrs.frozen
class Reply:
    """A JSON answer. `raw`, when given, is sent as it is, as `content_type`."""

    json: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    content_type: str = "application/json"

    def response(self) -> Response:
        """Return it for the web server."""
        body = msgspec.json.encode(self.json) if self.raw is None else self.raw
        return Response(self.status, body, self.content_type, self.headers)


Route: TypeAlias = Callable[[Ask], Reply]
Routes: TypeAlias = Mapping[tuple[str, str], Route]
"""By method and path; ``{}`` as the last or the second-last part takes any part, handed over as `Ask.tail`."""


def error(status: int, text: str, **more: Any) -> Reply:
    """Return an error as the venue words it."""
    return Reply({"error": text, **more}, status)
