"""Gamma: which markets and events there are. Told late by up to five minutes; never a trading truth."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import quote

import httpx

from agbot.errors import VenueNotFound
from agbot.venue.polymarket.errors import Operation
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.transport import Ask, Params, Transport, everything
from agbot.venue.polymarket.wire import gamma
from agbot.venue.polymarket.wire.gamma import GammaEvent, GammaMarket
from agbot.venue.polymarket.wire.rest import Page
from agbot.venue.polymarket.wire_log import WireLog

PAGE_MAX: Final = 100
"""More in one page is cut in silence by the venue."""
NAMES_MAX: Final = 50
"""Ids in one question: they stand in the address line."""


class GammaClient:
    """Asks Gamma; needs no key. A failed read raises.

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
        self._base = hosts.gamma
        self._transport = Transport(http, limiter, now_s=now_s, wire_log=wire_log)

    async def first_markets(self, **filters: str | int | Sequence[str]) -> tuple[GammaMarket, ...]:
        """Return the first page of markets.

        Args:
            filters: Gamma's own, such as ``closed="true"``, ``order="volume24hr"``, ``ascending="false"``, ``tag_id``,
                ``limit``. Unknown ones are ignored by the venue in silence.
        """
        return (await self._fetch(filters)("")).items

    async def by_condition(self, conditions: Sequence[str]) -> tuple[GammaMarket, ...]:
        """Return the markets with these condition ids, open or closed; unknown ones are missing."""
        return await self._named("condition_ids", conditions)

    async def by_token(self, tokens: Sequence[str]) -> tuple[GammaMarket, ...]:
        """Return the markets of these outcome tokens, open or closed; unknown ones are missing."""
        return await self._named("clob_token_ids", tokens)

    async def market(self, slug: str) -> GammaMarket | None:
        """Return the market with this slug, open or closed; None when Gamma has none."""
        try:
            return gamma.decode_market(await self._get("gamma", f"/markets/slug/{quote(slug, safe='')}", {}))
        except VenueNotFound:
            return None

    async def event(self, slug: str) -> GammaEvent | None:
        """Return the event with this slug; None when Gamma has none."""
        try:
            return gamma.decode_event(await self._get("gamma", f"/events/slug/{quote(slug, safe='')}", {}))
        except VenueNotFound:
            return None

    async def search(self, words: str, *, limit: int = 10) -> tuple[GammaEvent, ...]:
        """Return the events that Gamma finds for `words`, the best first."""
        params: Params = {"q": words, "limit_per_type": limit}
        return gamma.decode_events(await self._get("gamma-search", "/public-search", params)).items

    async def _named(self, key: str, names: Sequence[str]) -> tuple[GammaMarket, ...]:
        found: list[GammaMarket] = []
        for closed in ("false", "true"):
            for start in range(0, len(names), NAMES_MAX):
                chosen: Params = {key: list(names[start : start + NAMES_MAX]), "closed": closed}
                found += await everything(self._fetch(chosen))
        return tuple(found)

    def _fetch(self, filters: Params) -> Callable[[str], Awaitable[Page[GammaMarket]]]:
        async def fetch(cursor: str) -> Page[GammaMarket]:
            return gamma.decode_markets(await self._get("gamma-markets", "/markets/keyset", _page(filters, cursor)))

        return fetch

    async def _get(self, route: str, path: str, params: Params) -> bytes:
        ask = Ask(operation=Operation.READ, route=route, method="GET", base=self._base, path=path, params=params)
        return await self._transport.send(ask)


def _page(filters: Params, cursor: str) -> Params:
    return {"limit": PAGE_MAX, **filters, **({"after_cursor": cursor} if cursor else {})}
