"""What the CLOB tells everybody: books, prices, terms of markets, the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from agbot.venue.care import Care
from agbot.venue.polymarket.errors import Operation, TradingMode
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.transport import Ask, Transport
from agbot.venue.polymarket.wire import public
from agbot.venue.polymarket.wire.public import ClobMarket, Geoblock, MarketRecord, PricePoint, RestBook
from agbot.venue.polymarket.wire_log import WireLog

BOOKS_MAX: Final = 500
"""Tokens in one question for books."""


class PublicReads:
    """Asks what needs no key. `rest.ClobClient` has these and the rest.

    Args:
        http: shared with others, not closed here; see `transport.open_http`.
        hosts: where the venue lives.
        limiter: shared with every client of this address.
        now_s: UTC seconds.
        wire_log: where requests and replies are noted.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        hosts: Hosts,
        *,
        limiter: Limiter,
        now_s: Callable[[], float] = time.time,
        wire_log: WireLog | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.hosts = hosts
        self.limiter = limiter
        self._now_s = now_s
        self._transport = transport or Transport(http, limiter, now_s=now_s, wire_log=wire_log)

    @property
    def care(self) -> Care:
        """What the answers so far say of the venue's health."""
        return self._transport.care

    @property
    def utilisation(self) -> Mapping[str, float]:
        """The used part of every limit in use, by name; above 1 is debt."""
        return self._transport.limiter.utilisation()

    @property
    def mode(self) -> TradingMode:
        """What the venue takes at the moment, as far as its refusals have told."""
        return self._transport.mode

    async def book(self, token: str) -> RestBook:
        """Return a token's book."""
        return public.decode_book(await self._public("book", "/book", token_id=token))

    async def books(self, tokens: Sequence[str]) -> tuple[RestBook, ...]:
        """Return the books of many tokens; those the venue does not know are missing, the order is the venue's."""
        found: list[RestBook] = []
        for start in range(0, len(tokens), BOOKS_MAX):
            body = msgspec.json.encode([{"token_id": token} for token in tokens[start : start + BOOKS_MAX]])
            ask = self._ask(Operation.READ, "books", "POST", "/books", body=body)
            found += public.decode_books(await self._transport.send(ask))
        return tuple(found)

    async def tick_size(self, token: str) -> int:
        """Return the token's tick, 10⁻⁶ usd."""
        return public.decode_tick_size(await self._public("tick-size", "/tick-size", token_id=token))

    async def market(self, condition: str) -> ClobMarket:
        """Return a market's trading terms."""
        return public.decode_clob_market(await self._public("clob", f"/clob-markets/{quote(condition, safe='')}"))

    async def record(self, condition: str) -> MarketRecord:
        """Return a market's long record, with its winner after resolution."""
        return public.decode_market_record(await self._public("clob", f"/markets/{quote(condition, safe='')}"))

    async def price_history(
        self,
        token: str,
        *,
        interval: str = "",
        start_s: int | None = None,
        end_s: int | None = None,
        fidelity_min: int | None = None,
    ) -> tuple[PricePoint, ...]:
        """Return a token's past prices: of an `interval` (1h 6h 1d 1w 1m max), or between two times (UTC seconds)."""
        times = (("startTs", start_s), ("endTs", end_s), ("fidelity", fidelity_min))
        params = given(market=token, interval=interval) | {k: str(v) for k, v in times if v is not None}
        return public.decode_price_history(await self._public("prices-history", "/prices-history", **params))

    async def server_time(self) -> int:
        """Return the venue's clock, UTC nanoseconds of a whole second."""
        return public.decode_server_time(await self._public("clob", "/time"))

    async def version(self) -> int:
        """Return the order version the venue takes for token ids."""
        return public.decode_version(await self._public("clob", "/version"))

    async def geoblock(self) -> Geoblock:
        """Return whether the venue closes this place to trading."""
        ask = Ask(operation=Operation.READ, route="site", method="GET", base=self.hosts.geoblock, path="")
        return public.decode_geoblock(await self._transport.send(ask))

    def _ask(
        self,
        operation: Operation,
        route: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        cost: int = 1,
    ) -> Ask:
        return Ask(
            operation=operation,
            route=route,
            method=method,
            base=self.hosts.clob,
            path=path,
            params=params or {},
            body=body,
            cost=cost,
        )

    async def _public(self, route: str, path: str, **params: str) -> bytes:
        return await self._transport.send(self._ask(Operation.READ, route, "GET", path, params=params))


def given(**params: str) -> dict[str, str]:
    """Return the query parameters that are not empty."""
    return {name: value for name, value in params.items() if value}
