"""From what a person calls a market to what can be traded: Gamma knows the names, the CLOB the terms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlsplit

from agbot.errors import AgbotError, ExecutionError, NotFoundError, VenueNotFound, VenueProtocolError
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.market import Market
from agbot.venue.polymarket.amounts import SIZE_STEP
from agbot.venue.polymarket.errors import VENUE
from agbot.venue.polymarket.gamma import GammaClient
from agbot.venue.polymarket.public_reads import PublicReads
from agbot.venue.polymarket.wire.gamma import GammaEvent, GammaMarket
from agbot.venue.polymarket.wire.public import ClobMarket

NEAR_MAX: Final = 5
"""Near matches that an error names."""
LISTED_MAX: Final = 100
"""Markets that are looked through where a search finds nothing."""
ALIKE: Final = 0.6
SLUG_WORDS_MAX: Final = 8

_CONDITION: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_TOKEN: Final = re.compile(r"[0-9]{20,78}")
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,250}")
_SITE: Final = re.compile(r"(www\.)?polymarket\.com")


async def find_markets(
    gamma: GammaClient, clob: PublicReads, names: Sequence[str], *, tradable: bool = True
) -> list[Market]:
    """Return the markets that `names` mean, in that order and each once.

    Args:
        gamma: for the names.
        clob: for the terms, which are the trading truth.
        names: a market's slug, condition id, one of its token ids, or its page on polymarket.com. An event's slug or
            page is good for its only open market.
        tradable: False also finds markets that are closed or take no orders; they must still have terms.

    Raises:
        NotFoundError: AGB-414 nothing is called so, with near matches; AGB-418 it is an event of several markets;
            AGB-416 the market cannot be traded.
        ExecutionError: a read failed.
    """
    found: dict[str, Market] = {}
    for name in names:
        told = await find_listing(gamma, name)
        if told.condition not in found:
            found[told.condition] = market_of(told, await _terms(clob, told), name=name, tradable=tradable)
    return list(found.values())


async def find_listing(gamma: GammaClient, name: str) -> GammaMarket:
    """Return Gamma's market that `name` means; raises what `find_markets` raises, but never AGB-416."""
    wanted = name.strip()
    if _CONDITION.fullmatch(wanted):
        return await _only(gamma, name, await gamma.by_condition([wanted.lower()]))
    if _TOKEN.fullmatch(wanted):
        return await _only(gamma, name, await gamma.by_token([wanted]))
    for slug in _slugs(wanted):
        if told := await gamma.market(slug):
            return told
        if event := await gamma.event(slug):
            return _of_event(event, name)
    raise await _unknown(gamma, name)


def market_of(told: GammaMarket, terms: ClobMarket, *, name: str = "", tradable: bool = True) -> Market:
    """Return the market as the core trades it. YES is the first outcome, whatever it is called.

    Raises:
        NotFoundError: AGB-416 it takes no orders, and `tradable` ones are wanted.
        VenueProtocolError: Gamma and the CLOB tell of different tokens.
    """
    if tradable and (told.closed or not terms.accepting):
        raise _closed(name or told.slug, "it is closed" if told.closed else "it takes no orders")
    yes, no = _tokens(told, terms)
    return Market(
        id=MarketId(told.condition),
        yes=TokenId(yes),
        no=TokenId(no),
        tick=terms.tick,
        min_size=terms.min_size,
        size_step=SIZE_STEP,
        fee_rate=terms.fee_rate,
        fee_exponent=terms.fee_exponent,
        slug=told.slug,
        question=told.question,
        venue=VenueId(VENUE),
        event_id=told.events[0].slug if told.events else "",
        neg_risk=terms.neg_risk,
        exchange_version=3 if told.version == "v2" else 2,
        end_ns=told.end_ns,
    )


def _tokens(told: GammaMarket, terms: ClobMarket) -> tuple[str, str]:
    """Return YES and NO. Gamma may list two kinds of ids for one market; the CLOB's are those that have a book."""
    listed = {token for token, _ in terms.tokens}
    for tokens in (told.tokens, told.positions):
        if len(tokens) == 2 and set(tokens) == listed:
            return tokens[0], tokens[1]
    raise VenueProtocolError(f"market {told.slug or told.condition}: Gamma and the CLOB name other tokens", venue=VENUE)


async def _terms(clob: PublicReads, told: GammaMarket) -> ClobMarket:
    try:
        return await clob.market(told.condition)
    except VenueNotFound:
        raise _closed(told.slug, "it has no order book (yet)") from None


def _slugs(name: str) -> list[str]:
    """Return the slugs a name can mean, the most exact first: of a page the market's, then the event's."""
    if "/" not in name:
        return [name.lower()] if _SLUG.fullmatch(name) else []
    place = urlsplit(name if "://" in name else f"https://{name}")
    if place.hostname is None or not _SITE.fullmatch(place.hostname):
        return []
    parts = [part for part in place.path.split("/") if _SLUG.fullmatch(part)]
    for kind in ("event", "market", "sports"):
        if kind in parts:
            return parts[parts.index(kind) + 1 :][::-1]
    return []


def _of_event(event: GammaEvent, name: str) -> GammaMarket:
    markets = [market for market in event.markets if not market.closed] or list(event.markets)
    if len(markets) == 1:
        return markets[0]
    slugs = ", ".join(market.slug for market in markets[:NEAR_MAX])
    more = f", and {len(markets) - NEAR_MAX} more" if len(markets) > NEAR_MAX else ""
    reason = f"{name} is an event of {len(markets)} markets"
    raise NotFoundError(reason, id="AGB-418", remedy=f"name one of them: {slugs}{more}")


async def _only(gamma: GammaClient, name: str, found: Sequence[GammaMarket]) -> GammaMarket:
    if not found:
        raise await _unknown(gamma, name)
    return found[0]


async def _unknown(gamma: GammaClient, name: str) -> AgbotError:
    near = "" if _CONDITION.fullmatch(name) or _TOKEN.fullmatch(name) else await _near(gamma, name)
    remedy = near or "copy the address of the market's page on polymarket.com"
    return NotFoundError(f"no market is called {name!r}", id="AGB-414", remedy=remedy)


def _closed(name: str, why: str) -> NotFoundError:
    return NotFoundError(f"market {name} cannot be traded: {why}", id="AGB-416", remedy="choose an open market")


async def _near(gamma: GammaClient, name: str) -> str:
    """Return what may have been meant, in words; empty when nothing was found."""
    is_page, name = "/" in name, name.rpartition("/")[2]
    words = re.findall(r"[A-Za-z0-9]+", name)[:SLUG_WORDS_MAX]
    if not words:
        return ""
    try:
        events = await gamma.search(" ".join(words))
        found = [market for event in events for market in event.markets]
        listed = () if found or is_page else await gamma.first_markets(closed="false", limit=LISTED_MAX)
    except ExecutionError as e:
        return f"nothing near it could be looked for: {e.reason}"
    slugs = _nearest(name, found or listed)
    if found or (slugs and SequenceMatcher(None, name.lower(), slugs[0]).ratio() >= ALIKE):
        return f"did you mean {', '.join(slugs)}?" if slugs else ""
    if len(listed) < LISTED_MAX and slugs:  # a small venue: an exchange of one's own
        return f"there are {', '.join(slugs)}{', and others' * (len(listed) > len(slugs))}: agbot exchange ready"
    return ""


def _nearest(name: str, markets: Sequence[GammaMarket]) -> list[str]:
    """Return the slugs of open markets, those most like `name` first."""
    slugs = [market.slug for market in markets if not market.closed]
    return sorted(slugs, key=lambda slug: -SequenceMatcher(None, name.lower(), slug).ratio())[:NEAR_MAX]
