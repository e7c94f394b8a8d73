"""HTTP to a target: exactly the bytes and headers a check wants, and answers that say what is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import attrs
import httpx
import msgspec
import trio

from agbot.exchange.conformance.verdict import failed, require

AGENT: Final = "agbot-conformance"
TIMEOUT_S: Final = 10.0
WAITS_MAX: Final = 3
RETRY_S_MAX: Final = 5.0


@attrs.frozen
class Answer:
    """What a target answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    asked: str

    @property
    def json(self) -> Any:
        """Return the body decoded; Failed when it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as e:
            raise failed(f"{self.asked}: HTTP {self.status} {self.body[:80]!r}", "JSON") from e

    def ok(self) -> Any:
        """Return the JSON of a success; Failed unless the status is exactly 200."""
        require(self.status == 200, f"{self.asked}: HTTP {self.status} {self.text}", "HTTP 200")
        return self.json

    @property
    def retry_s(self) -> float:
        """Return how long the target asks to wait, within bounds."""
        said = self.headers.get("retry-after", "")
        return min(RETRY_S_MAX, float(said)) if said.isdigit() else 1.0

    @property
    def text(self) -> str:
        """Return the body's first characters."""
        return self.body[:120].decode(errors="replace")

    def refused(self, *words: str, status: int | tuple[int, ...] = 400) -> str:
        """Return the `error` text of a refusal; Failed unless status and every one of `words` are there."""
        allowed = (status,) if isinstance(status, int) else status
        wanted = f"HTTP {' or '.join(map(str, allowed))} with an error text" + (f" that says {words}" if words else "")
        seen = f"{self.asked}: HTTP {self.status} {self.text}"
        require(self.status in allowed, seen, wanted)
        told = self.json
        require(isinstance(told, dict) and isinstance(told.get("error"), str) and told["error"], seen, wanted)
        text = str(told["error"])
        require(all(word.lower() in text.lower() for word in words), seen, wanted)
        return text


class Site:
    """One base address."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client = client
        self.base = base.rstrip("/")

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | str = "",
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
    ) -> Answer:
        """Ask, again where the target says to wait a moment (429) and `patient`; redirects are not followed.

        Raises:
            httpx.TransportError: no answer.
        """
        text = query if isinstance(query, str) else query_text(query)
        url = f"{self.base}{path}" + (f"?{text}" if text else "")
        sent = {**({"Content-Type": "application/json"} if body else {}), **(headers or {})}
        for wait in range(WAITS_MAX, -1, -1):
            said = await self._client.request(method, url, content=body or None, headers=sent)
            answer = Answer(said.status_code, dict(said.headers), said.content, f"{method} {path}")
            if answer.status != 429 or not patient or not wait:
                break
            await trio.sleep(answer.retry_s)
        return answer

    async def get(self, path: str, **query: object) -> Answer:
        """Return the answer to a plain GET."""
        return await self.ask("GET", path, query)

    async def post(self, path: str, value: object) -> Answer:
        """Return the answer to a plain POST of JSON."""
        return await self.ask("POST", path, body=msgspec.json.encode(value))


def query_text(query: Mapping[str, object]) -> str:
    """Return a query as it is sent; lists become repeated names."""
    pairs = [
        (name, one) for name, value in query.items() for one in (value if isinstance(value, list | tuple) else [value])
    ]
    return "&".join(f"{name}={quote(str(value), safe='=')}" for name, value in pairs)


@asynccontextmanager
async def open_client() -> AsyncIterator[httpx.AsyncClient]:
    """Return the HTTP client of all sites."""
    agent = {"User-Agent": AGENT}
    async with httpx.AsyncClient(headers=agent, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        yield client
