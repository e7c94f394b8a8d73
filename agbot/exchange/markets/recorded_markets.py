"""Gamma's market and event objects and the CLOB's books, as anybody records them, made into listings.

Read like a client reads them; what cannot be traded (no token ids, not two outcomes) is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import attrs
import msgspec

from agbot.errors import ConfigError, VenueProtocolError
from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import Catalogue, OpeningBook, Tag
from agbot.model.events import Level
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.market import Market
from agbot.units import NS_PER_S, SCALE, complement
from agbot.venue.polymarket.wire.fields import Fields
from agbot.venue.polymarket.wire.gamma import GammaMarket, decode_market

T = TypeVar("T")
_Json: TypeAlias = dict[str, Any]
_REMEDY: Final = "mend or remove this object; docs/exchange.md shows the formats"


@attrs.define
class _Found:
    """What is gathered from the files, in their order."""

    markets: list[tuple[str, str, GammaMarket, _Json]] = attrs.field(factory=list)
    """(file, place in it, the market, its event)"""
    books: list[tuple[str, str, _Json]] = attrs.field(factory=list)
    tags: dict[str, Tag] = attrs.field(factory=dict)


class RecordedMarkets:
    """Gathers recorded objects, file by file; `catalogue` is what they make."""

    def __init__(self) -> None:
        self._found = _Found()
        self._left_out: list[str] = []

    @staticmethod
    def known(value: object) -> bool:
        """Return whether a JSON value holds recorded objects (not markets written in our own format)."""
        return any(True for _ in _objects(value, ""))

    def add(self, value: object, file: str) -> None:
        """Take the objects of a file.

        Raises:
            ConfigError: AGB-124, one of them cannot be read.
        """
        for place, kind, plain in _objects(value, ""):
            if kind == "book":
                self._found.books.append((file, place, plain))
            elif kind == "event":
                self._event(plain, file, place)
            else:
                events = plain.get("events") or [{}]
                self._market(plain, events[0], file, place)

    def catalogue(self) -> Catalogue:
        """Return the listings, each once, with the books that were recorded of them.

        Raises:
            ConfigError: AGB-124, a market or book says what cannot be.
        """
        listings: dict[str, Listing] = {}
        for file, place, told, event in self._found.markets:
            if told.condition not in listings:
                listings[told.condition] = _located(partial(_listing, told, event), file, place)
        books = self._books(list(listings.values()))
        return Catalogue(tuple(listings.values()), books, self._found.tags, tuple(self._left_out))

    def _event(self, plain: _Json, file: str, place: str) -> None:
        for tag in plain.get("tags") or ():
            if isinstance(tag, dict) and tag.get("slug"):
                slug = str(tag["slug"])
                self._found.tags[slug] = Tag(str(tag.get("id") or ""), slug, str(tag.get("label") or slug))
        for i, market in enumerate(plain.get("markets") or ()):
            self._market(market, plain, file, f"{place}.markets[{i}]".lstrip("."))

    def _market(self, plain: _Json, event: _Json, file: str, place: str) -> None:
        told = _located(partial(decode_market, msgspec.json.encode(plain)), file, place)
        tokens = told.positions if told.version == "v2" and told.positions else told.tokens
        name = told.slug or told.id
        if len(tokens) != 2 or len(told.outcomes) != 2 or not told.condition:
            self._left_out.append(f"{file}: {place}: market {name} has not two outcomes with token ids")
        else:
            self._found.markets.append((file, place, told, event))

    def _books(self, listings: list[Listing]) -> tuple[OpeningBook, ...]:
        of_token = {token: listing for listing in listings for token in listing.tokens}
        books: dict[str, OpeningBook] = {}
        for file, place, plain in self._found.books:
            token = str(plain["asset_id"])
            listing = of_token.get(TokenId(token))
            if listing is None:
                self._left_out.append(f"{file}: {place}: book of token {token}, which no market here has")
            elif token == listing.market.yes or listing.market.yes not in books:
                # One book has both outcomes: YES's own recording counts where there are two.
                read = _located(partial(_book, plain, listing), file, place)
                books[listing.market.yes] = read
        return tuple(books.values())


def _objects(value: object, place: str) -> Iterator[tuple[str, str, _Json]]:
    """Yield (place, kind, object) of every recorded object, events with their markets inside."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _objects(item, f"{place}[{i}]")
    if not isinstance(value, dict):
        return
    if "asset_id" in value and "bids" in value:
        yield place, "book", value
    elif "conditionId" in value:
        yield place, "market", value
    elif isinstance(value.get("markets"), list) and ("title" in value or "ticker" in value):
        yield place, "event", value
    else:
        for name in ("events", "markets", "data"):
            if isinstance(value.get(name), list):
                yield from _objects(value[name], f"{place}.{name}".lstrip("."))


def _located(build: Callable[[], T], file: str, place: str) -> T:
    """Return what `build` makes; what it says against the object is told with its place."""
    try:
        return build()
    except VenueProtocolError as e:
        raise ConfigError(e.reason, id="AGB-124", path=file, key=place, remedy=_REMEDY) from e
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise ConfigError(str(e)[:300], id="AGB-124", path=file, key=place, remedy=_REMEDY) from e


def _listing(told: GammaMarket, event: _Json) -> Listing:
    market = _market(told, event)
    resolved = told.closed and told.resolution == "resolved" and SCALE in told.prices
    return Listing(
        market=market,
        gamma_id=told.id,
        event=_event(told, event),
        outcomes=(told.outcomes[0], told.outcomes[1]),
        group_title=told.group_title,
        description=told.description,
        start_ns=told.start_ns,
        rebate_rate=told.rebate_rate,
        taker_delay_ns=told.delay_s * NS_PER_S,
        rewards_min_size=told.reward_min_size,
        rewards_max_spread_cents=told.reward_spread / 10_000,
        accepting=told.accepting and not told.closed,
        winner=(market.yes, market.no)[told.prices.index(SCALE)] if resolved else None,
        resolved_ns=(told.closed_ns or told.end_ns) if resolved else 0,
        last_price=_last_price(told),
        volume=told.volume,
    )


def _market(told: GammaMarket, event: _Json) -> Market:
    tokens = told.positions if told.version == "v2" and told.positions else told.tokens
    return Market(
        id=MarketId(told.condition),
        yes=TokenId(tokens[0]),
        no=TokenId(tokens[1]),
        tick=told.tick or 10_000,
        min_size=told.min_size or 5 * SCALE,
        fee_rate=(told.fee_rate or 0) if told.fees_enabled else 0,
        fee_exponent=told.fee_exponent,
        slug=told.slug,
        question=told.question,
        venue=VenueId("polymarket"),
        event_id=str(event.get("slug") or told.slug),
        neg_risk=told.neg_risk,
        exchange_version=3 if told.version == "v2" else 2,
        end_ns=told.end_ns,
    )


def _event(told: GammaMarket, plain: _Json) -> Event:
    return Event(
        id=str(plain.get("id") or told.id),
        slug=str(plain.get("slug") or told.slug),
        title=str(plain.get("title") or told.question),
        neg_risk=told.neg_risk,
        neg_risk_id=told.neg_risk_market or str(plain.get("negRiskMarketID") or ""),
        tags=tuple(str(tag["slug"]) for tag in plain.get("tags") or () if isinstance(tag, dict) and tag.get("slug")),
    )


def _last_price(told: GammaMarket) -> int:
    for price in (told.last_price, *told.prices[:1]):
        if 0 < price < SCALE:
            return price
    return SCALE // 2


def _book(plain: _Json, listing: Listing) -> OpeningBook:
    yes = str(plain["asset_id"]) == listing.market.yes
    sides = [_levels(plain, name, yes=yes) for name in (("bids", "asks") if yes else ("asks", "bids"))]
    return OpeningBook(listing.market.yes, tuple(sorted(sides[0], reverse=True)), tuple(sorted(sides[1])))


def _levels(plain: _Json, name: str, *, yes: bool) -> list[Level]:
    rows = [Fields(row) for row in Fields(plain).rows(name)]
    told = [(row.price("price"), row.units("size")) for row in rows]
    return [(price if yes else complement(price), size) for price, size in told if size]
