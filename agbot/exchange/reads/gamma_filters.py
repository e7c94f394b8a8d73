"""What Gamma's lists can be narrowed to and ordered by. Parameters nobody knows are passed over, as the venue does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import Catalogue
from agbot.exchange.reads.gamma_json import GammaText, question_id, resolution, version
from agbot.exchange.reads.pages import Query
from agbot.exchange.reads.quotes import DAY_NS, Books, Tape, liquidity, quote
from agbot.units import SCALE

T = TypeVar("T", "Listing", "Group")


class Group(NamedTuple):
    """An event and its markets."""

    event: Event
    listings: list[Listing]

    @property
    def closed(self) -> bool:
        """Return whether all its markets are resolved."""
        return all(listing.winner is not None for listing in self.listings)


Words: TypeAlias = Mapping[str, Callable[[Any], Iterable[str]]]
Amounts: TypeAlias = Mapping[str, Callable[[Any, Books], int]]


class Filters(NamedTuple):
    """By parameter: what a row must have one of; what must lie between ``_min`` and ``_max``; which times must."""

    words: Words
    amounts: Amounts
    times: Mapping[str, Callable[[Any], int]]
    closed: Callable[[Any], bool]
    tags: Callable[[Any], Iterable[str]]
    title: Callable[[Any], str]


MARKET_FILTERS: Final = Filters(
    words={
        "id": lambda x: (x.gamma_id,),
        "slug": lambda x: (x.market.slug,),
        "condition_ids": lambda x: (x.condition.lower(),),
        # Both kinds of ids: a client that has only a token must find its market.
        "clob_token_ids": lambda x: x.tokens,
        "position_ids": lambda x: x.tokens if version(x) == "v2" else (),
        "question_ids": lambda x: (question_id(x),),
        "request_ids": lambda x: (x.condition.lower(),) if version(x) == "v2" else (),
        "onchain_event_ids": lambda x: (f"{x.condition.lower()[:-6]}000000",) if version(x) == "v2" else (),
        "version": lambda x: (version(x),),
        "uma_resolution_status": lambda x: (resolution(x),),
        "resolution_status": lambda x: (resolution(x) or "active",) if version(x) == "v2" else (),
        "market_maker_address": lambda _: (),
        "sports_market_types": lambda _: (),
        "game_id": lambda _: (),
    },
    amounts={
        "liquidity_num": lambda x, core: liquidity(core, x),
        "volume_num": lambda x, _: x.volume,
    },
    times={"start_date": lambda x: x.start_ns, "end_date": lambda x: x.market.end_ns},
    closed=lambda x: x.winner is not None,
    tags=lambda x: x.event.tags,
    title=lambda x: x.market.question,
)
EVENT_FILTERS: Final = Filters(
    words={
        "id": lambda x: (x.event.id,),
        "slug": lambda x: (x.event.slug,),
        "version": lambda x: tuple(version(listing) for listing in x.listings),
        "series_id": lambda _: (),
        "game_id": lambda _: (),
        "parent_event_id": lambda _: (),
    },
    amounts={
        "liquidity": lambda x, core: sum(liquidity(core, listing) for listing in x.listings),
        "volume": lambda x, _: sum(listing.volume for listing in x.listings),
    },
    times={
        "start_date": lambda x: min(listing.start_ns for listing in x.listings),
        "end_date": lambda x: max(listing.market.end_ns for listing in x.listings),
    },
    closed=lambda x: x.closed,
    tags=lambda x: x.event.tags,
    title=lambda x: x.event.title,
)
_NEVER: Final = ("archived", "cyom", "featured", "live", "rfq_enabled", "recurrence", "partner_slug")
"""What no market of this exchange is: asked for, nothing is found."""


def wanted(rows: Iterable[T], query: Query, filters: Filters, text: GammaText, closed: bool | None) -> list[T]:
    """Return the rows that a query is for; `closed` holds where it does not say (None: either)."""
    tests = [
        *_word_tests(query, filters),
        *_range_tests(query, filters, text.core),
        *_tag_tests(query, filters, text.catalogue),
        *_flag_tests(query, filters, closed),
    ]
    return [row for row in rows if all(test(row) for test in tests)]


_Test: TypeAlias = Callable[[Any], bool]


def _word_tests(query: Query, filters: Filters) -> list[_Test]:
    asked = {name: {word.lower() for word in query.words(name)} for name in filters.words}
    tests = [_one_of(filters.words[name], words) for name, words in asked.items() if words]
    if title := query.text("title_search").lower():
        tests.append(lambda row: title in filters.title(row).lower())
    return tests


def _one_of(told: Callable[[Any], Iterable[str]], words: set[str]) -> _Test:
    return lambda row: any(word.lower() in words for word in told(row))


def _range_tests(query: Query, filters: Filters, core: Books) -> list[_Test]:
    ranges: list[tuple[int | None, int | None, Callable[[Any], int]]] = [
        (query.units(f"{name}_min"), query.units(f"{name}_max"), partial(_amount, amount, core))
        for name, amount in filters.amounts.items()
    ]
    ranges += [(query.time(f"{name}_min"), query.time(f"{name}_max"), time) for name, time in filters.times.items()]
    return [_between(low, high, told) for low, high, told in ranges if low is not None or high is not None]


def _amount(amount: Callable[[Any, Books], int], core: Books, row: Any) -> int:
    return amount(row, core)


def _between(low: int | None, high: int | None, told: Callable[[Any], int]) -> _Test:
    return lambda row: (low is None or told(row) >= low) and (high is None or told(row) <= high)


def _tag_tests(query: Query, filters: Filters, catalogue: Catalogue) -> list[_Test]:
    asked, slugs, unwanted = query.words("tag_id"), query.words("tag_slug"), query.words("exclude_tag_id")
    enough = all if query.text("tag_match") == "all" else any

    def ids(row: Any) -> set[str]:
        return {catalogue.tag(slug).id for slug in filters.tags(row)}

    tests: list[_Test] = []
    if asked:
        tests.append(lambda row: enough(tag in ids(row) for tag in asked))
    if slugs:
        tests.append(lambda row: any(slug in filters.tags(row) for slug in slugs))
    if unwanted:
        tests.append(lambda row: not any(tag in ids(row) for tag in unwanted))
    return tests


def _flag_tests(query: Query, filters: Filters, closed: bool | None) -> list[_Test]:
    told = query.flag("closed")
    state, ended = closed if told is None else told, query.flag("ended")
    tests: list[_Test] = []
    if state is not None:
        tests.append(lambda row: filters.closed(row) is state)
    if ended is not None:
        tests.append(lambda row: filters.closed(row) is ended)
    if query.flag("active") is False or any(query.text(name).lower() not in ("", "false") for name in _NEVER):
        tests.append(lambda _: False)
    return tests


# ---------------------------------------------------------------- order

_SPANS: Final = {"volume24hr": 1, "volume1wk": 7, "volume1mo": 30, "volume1yr": 365}


def market_order(core: Books, rows: list[Listing], query: Query, tape: Tape, now_ns: int) -> list[Listing]:
    """Return markets in the order that is asked for, else as they were listed."""

    def key(name: str) -> Callable[[Listing], Any] | None:
        if name in _SPANS:
            return lambda x: tape.volume(x, now_ns - _SPANS[name] * DAY_NS)
        if name in _LIVE:
            return lambda x: _LIVE[name](x, core)
        return _PLAIN.get(name)

    return _ordered(rows, query, key)


def event_order(core: Books, rows: list[Group], query: Query, tape: Tape, now_ns: int) -> list[Group]:
    """Return events in the order that is asked for, else as they were listed."""

    def key(name: str) -> Callable[[Group], Any] | None:
        if name in _SPANS:
            return lambda x: sum(tape.volume(listing, now_ns - _SPANS[name] * DAY_NS) for listing in x.listings)
        if name in ("liquidity", "liquidityClob"):
            return lambda x: EVENT_FILTERS.amounts["liquidity"](x, core)
        return _EVENT_KEYS.get(name)

    return _ordered(rows, query, key)


_PLAIN: Final[dict[str, Callable[[Listing], Any]]] = {
    "id": lambda x: int(x.gamma_id) if x.gamma_id.isdigit() else 0,
    "slug": lambda x: x.market.slug,
    "question": lambda x: x.market.question,
    "volume": lambda x: x.volume,
    "volumeNum": lambda x: x.volume,
    "volumeClob": lambda x: x.volume,
    "startDate": lambda x: x.start_ns,
    "createdAt": lambda x: x.start_ns,
    "updatedAt": lambda x: x.resolved_ns or x.start_ns,
    "endDate": lambda x: x.market.end_ns,
    "closedTime": lambda x: x.resolved_ns,
    "lastTradePrice": lambda x: x.last_price,
    "rewardsMinSize": lambda x: x.rewards_min_size,
}
_LIVE: Final[dict[str, Callable[[Listing, Books], int]]] = {
    "bestBid": lambda x, core: quote(core, x).bid,
    "bestAsk": lambda x, core: quote(core, x).ask,
    "spread": lambda x, core: quote(core, x).spread,
    "competitive": lambda x, core: -abs(quote(core, x).fair - SCALE // 2),
    **dict.fromkeys(("liquidity", "liquidityNum", "liquidityClob"), lambda x, core: liquidity(core, x)),
}
_EVENT_KEYS: Final[dict[str, Callable[[Group], Any]]] = {
    "id": lambda x: int(x.event.id) if x.event.id.isdigit() else 0,
    "slug": lambda x: x.event.slug,
    "title": lambda x: x.event.title,
    "volume": lambda x: sum(listing.volume for listing in x.listings),
    "startDate": EVENT_FILTERS.times["start_date"],
    "createdAt": EVENT_FILTERS.times["start_date"],
    "updatedAt": EVENT_FILTERS.times["start_date"],
    "endDate": EVENT_FILTERS.times["end_date"],
    "closedTime": lambda x: max(listing.resolved_ns for listing in x.listings),
    "competitive": lambda _: 0,
    "featuredOrder": lambda _: 0,
    "commentCount": lambda _: 0,
}


def _ordered(rows: list[T], query: Query, key: Callable[[str], Callable[[T], Any] | None]) -> list[T]:
    told, down = list(rows), query.flag("ascending") is False
    names = query.words("order")
    for name in reversed(names):
        by = key(name)
        if by is None:
            raise query.refused(f"order fields are not valid: {name[:80]}")
        told.sort(key=by, reverse=down)
    return told[::-1] if down and not names else told
