"""What a wallet holds and did, from the venue's Data API (version 2). Late by seconds to minutes: not for trading."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import httpx

from agbot.venue.polymarket.errors import Operation
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.public_reads import given
from agbot.venue.polymarket.transport import Ask, Transport, everything, pages
from agbot.venue.polymarket.wire import account
from agbot.venue.polymarket.wire.account import AccountActivity, AccountPosition, AccountTrade
from agbot.venue.polymarket.wire.rest import Page
from agbot.venue.polymarket.wire_log import WireLog

T = TypeVar("T")

PAGE_MAX: Final = 500


class AccountClient:
    """Asks the Data API; needs no key. `user` is the wallet that holds: the funder, not the key's own address.

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
    ) -> None:
        self._base = hosts.data
        self._transport = Transport(http, limiter, now_s=now_s, wire_log=wire_log)

    async def positions(self, user: str, *, condition: str = "", status: str = "") -> tuple[AccountPosition, ...]:
        """Return every position of a wallet, those of one `status` (OPEN, REDEEMABLE, CLOSED …) where given."""
        params = given(user=user, condition=condition, status=status)
        return await everything(self._fetch("data-positions", "/v2/positions", account.decode_positions, params))

    async def trades(self, user: str, *, condition: str = "") -> AsyncIterator[tuple[AccountTrade, ...]]:
        """Yield a wallet's trades page by page, in the venue's order: as taker and as maker."""
        params = given(user=user, condition=condition, taker_only="false")  # untold, the venue hides makers' fills
        async for page in pages(self._fetch("data-trades", "/v2/trades", account.decode_public_trades, params)):
            yield page.items

    async def market_trades(self, condition: str, *, limit: int) -> tuple[AccountTrade, ...]:
        """Return at most `limit` (one page) of everybody's latest trades in a market."""
        params = {"condition": condition, "limit": str(min(limit, PAGE_MAX))}
        return account.decode_public_trades(await self._get("data-trades", "/v2/trades", params)).items[:limit]

    async def activity(self, user: str, *, kind: str = "") -> AsyncIterator[Page[AccountActivity]]:
        """Yield what a wallet did page by page, with what could not be read: of one `kind` (TRADE …) where given."""
        cash = "false" if kind in ("DEPOSIT", "WITHDRAWAL") else ""  # untold, the venue hides them, also when asked for
        params = given(user=user, type=kind, exclude_deposits_withdrawals=cash)
        async for page in pages(self._fetch("data-activity", "/v2/activity", account.decode_activity, params)):
            yield page

    async def value(self, user: str) -> int:
        """Return what a wallet's positions are worth, 10⁻⁶ usd."""
        return account.decode_value(await self._get("data", "/v2/value", {"user": user}))

    def _fetch(
        self, route: str, path: str, decode: Callable[[bytes], Page[T]], params: dict[str, str]
    ) -> Callable[[str], Awaitable[Page[T]]]:
        async def fetch(cursor: str) -> Page[T]:  # the venue forgets the filters: they go with every cursor
            return decode(await self._get(route, path, params | {"limit": str(PAGE_MAX)} | given(cursor=cursor)))

        return fetch

    async def _get(self, route: str, path: str, params: dict[str, str]) -> bytes:
        ask = Ask(operation=Operation.READ, route=route, method="GET", base=self._base, path=path, params=params)
        return await self._transport.send(ask)
