"""Gamma: which markets and events there are. Routes without prefix, for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import Catalogue
from agbot.exchange.reads.gamma_filters import EVENT_FILTERS, MARKET_FILTERS, Group, event_order, market_order, wanted
from agbot.exchange.reads.gamma_json import GammaText, Json
from agbot.exchange.reads.pages import Query, after, cursor_of, read_cursor
from agbot.exchange.reads.quotes import Books, Tape

PAGE_MAX: Final = 100
"""More is cut in silence."""
PAGE: Final = 20
OFFSET_MAX: Final = 2_000
SEARCH_PAGE: Final = 5
INVALID: Final = 422
_OLD: Final = {
    name: (
        ("Deprecation", "@1778716800"),
        ("Link", f'</{name}/keyset>; rel="successor-version"'),
    )
    for name in ("markets", "events")
}


class _Place(msgspec.Struct, array_like=True):
    """What a cursor holds: how many rows went before, and the id of the last of them."""

    offset: int
    last: str


def routes(core: Books, catalogue: Catalogue, now_ns: Callable[[], int], tape: Tape) -> Routes:
    """Return Gamma's routes.

    Args:
        core: for listings and live prices.
        catalogue: for the tags.
        now_ns: the exchange's clock.
        tape: a listener of the core, for what was traded lately.
    """
    gamma = _Gamma(core, GammaText(core, catalogue, tape), now_ns)
    told: dict[tuple[str, str], Route] = {
        ("GET", "/markets/keyset"): gamma.markets_keyset,
        ("GET", "/markets"): gamma.markets_old,
        ("GET", "/markets/slug/{}"): gamma.market_by_slug,
        ("GET", "/markets/{}"): gamma.market_by_id,
        ("GET", "/markets/{}/tags"): gamma.market_tags,
        ("GET", "/events/keyset"): gamma.events_keyset,
        ("GET", "/events"): gamma.events_old,
        ("GET", "/events/slug/{}"): gamma.event_by_slug,
        ("GET", "/events/{}"): gamma.event_by_id,
        ("GET", "/events/{}/tags"): gamma.event_tags,
        ("GET", "/public-search"): gamma.search,
        ("GET", "/tags"): gamma.tags,
        ("GET", "/tags/slug/{}"): gamma.tag_by_slug,
        ("GET", "/tags/{}"): gamma.tag_by_id,
        ("GET", "/series/{}"): lambda _: _missing("series"),
        ("GET", "/sports/market-types"): lambda _: Reply({"marketTypes": []}),
        ("GET", "/comments/keyset"): lambda _: Reply({"comments": []}),
        ("GET", "/public-profile"): lambda _: _missing("profile"),
        ("GET", "/status"): lambda _: Reply(raw=b"OK", content_type="text/plain"),
    }
    # What this exchange has nothing of is empty, not absent.
    told |= {("GET", path): lambda _: Reply([]) for path in ("/series", "/sports", "/teams", "/comments")}
    return told


class _Gamma:
    def __init__(self, core: Books, text: GammaText, now_ns: Callable[[], int]) -> None:
        self._core = core
        self._text = text
        self._now_ns = now_ns

    # ---------------------------------------------------------------- markets

    def markets_keyset(self, ask: Ask) -> Reply:
        query = _keyset(ask)
        rows = self._markets(query, closed=False)
        page, cursor = _page(rows, query, lambda listing: listing.gamma_id)
        now_ns, tagged = self._now_ns(), query.flag("include_tag")
        return _keyset_reply("markets", [self._market(x, now_ns, tagged=bool(tagged)) for x in page], cursor)

    def markets_old(self, ask: Ask) -> Reply:
        query = Query(ask, INVALID)
        now_ns = self._now_ns()
        page = _offset_page(self._markets(query, closed=None), query)
        return Reply([self._market(x, now_ns) for x in page], headers=_OLD["markets"])

    def market_by_id(self, ask: Ask) -> Reply:
        return self._one_market(lambda listing: listing.gamma_id == ask.tail, ask)

    def market_by_slug(self, ask: Ask) -> Reply:
        return self._one_market(lambda listing: listing.market.slug == ask.tail, ask)

    def market_tags(self, ask: Ask) -> Reply:
        listing = next((x for x in self._core.listings.values() if x.gamma_id == ask.tail), None)
        return _missing("market") if listing is None else Reply(self._text.tags(listing.event))

    def _one_market(self, fits: Callable[[Listing], bool], ask: Ask) -> Reply:
        listing = next((x for x in self._core.listings.values() if fits(x)), None)
        if listing is None:
            return _missing("market")
        tagged = bool(Query(ask, INVALID).flag("include_tag"))
        return Reply(self._market(listing, self._now_ns(), tagged=tagged))

    def _market(self, listing: Listing, now_ns: int, *, tagged: bool = False) -> Json:
        told = self._text.market(listing, now_ns)
        return told | {"tags": self._text.tags(listing.event)} if tagged else told

    def _markets(self, query: Query, *, closed: bool | None) -> list[Listing]:
        rows = wanted(self._core.listings.values(), query, MARKET_FILTERS, self._text, closed)
        return market_order(self._core, rows, query, self._text.tape, self._now_ns())

    # ---------------------------------------------------------------- events

    def events_keyset(self, ask: Ask) -> Reply:
        query = _keyset(ask)
        page, cursor = _page(self._events(query, closed=False), query, lambda group: group.event.id)
        return _keyset_reply("events", self._event_rows(page, query), cursor)

    def events_old(self, ask: Ask) -> Reply:
        query = Query(ask, INVALID)
        page = _offset_page(self._events(query, closed=None), query)
        return Reply(self._event_rows(page, query), headers=_OLD["events"])

    def event_by_id(self, ask: Ask) -> Reply:
        return self._one_event(lambda event: event.id == ask.tail, ask)

    def event_by_slug(self, ask: Ask) -> Reply:
        return self._one_event(lambda event: event.slug == ask.tail, ask)

    def event_tags(self, ask: Ask) -> Reply:
        group = next((group for group in self._groups() if group.event.id == ask.tail), None)
        return _missing("event") if group is None else Reply(self._text.tags(group.event))

    def _one_event(self, fits: Callable[[Event], bool], ask: Ask) -> Reply:
        group = next((group for group in self._groups() if fits(group.event)), None)
        return _missing("event") if group is None else Reply(self._event_rows([group], Query(ask, INVALID))[0])

    def _event_rows(self, groups: Sequence[Group], query: Query) -> list[Json]:
        now_ns, markets = self._now_ns(), query.flag("include_markets") is not False
        return [self._text.event(group.event, group.listings, now_ns, markets=markets) for group in groups]

    def _events(self, query: Query, *, closed: bool | None) -> list[Group]:
        rows = wanted(self._groups(), query, EVENT_FILTERS, self._text, closed)
        return event_order(self._core, rows, query, self._text.tape, self._now_ns())

    def _groups(self) -> list[Group]:
        groups: dict[str, Group] = {}
        for listing in self._core.listings.values():
            groups.setdefault(listing.event.id, Group(listing.event, [])).listings.append(listing)
        return list(groups.values())

    # ---------------------------------------------------------------- search and tags

    def search(self, ask: Ask) -> Reply:
        query = Query(ask, INVALID)
        words = query.text("q").lower().split()
        if not words:
            raise query.refused("q is required")
        limit = query.whole("limit_per_type", SEARCH_PAGE, low=1, high=PAGE_MAX)
        start = (query.whole("page", 1, low=1) - 1) * limit
        found = [group for group in self._groups() if _status(group, query.text("events_status"))]
        ranked = sorted(found, key=lambda group: -_score(group, words))
        hits = [group for group in ranked if _score(group, words)]
        told: dict[str, Any] = {
            "events": self._event_rows(hits[start : start + limit], query),
            "pagination": {"hasMore": start + limit < len(hits), "totalResults": len(hits)},
        }
        if query.flag("search_tags"):
            told["tags"] = [tag for tag in self._all_tags() if any(word in tag["slug"] for word in words)]
        if query.flag("search_profiles"):
            told["profiles"] = []
        return Reply(told)

    def tags(self, ask: Ask) -> Reply:
        return Reply(_offset_page(self._all_tags(), Query(ask, INVALID)))

    def tag_by_id(self, ask: Ask) -> Reply:
        return self._one_tag("id", ask.tail)

    def tag_by_slug(self, ask: Ask) -> Reply:
        return self._one_tag("slug", ask.tail)

    def _one_tag(self, name: str, value: str) -> Reply:
        tag = next((tag for tag in self._all_tags() if tag[name] == value), None)
        return _missing("tag") if tag is None else Reply(tag)

    def _all_tags(self) -> list[Json]:
        slugs = dict.fromkeys(slug for listing in self._core.listings.values() for slug in listing.event.tags)
        return [self._text.tag(slug) for slug in slugs]


def _keyset(ask: Ask) -> Query:
    query = Query(ask, INVALID)
    if "offset" in ask.query:
        raise query.refused("offset is not supported on keyset endpoints, use after_cursor")
    return query


def _page(rows: list[Any], query: Query, key: Callable[[Any], str]) -> tuple[list[Any], str]:
    """Return the page that is asked for, and the cursor of the next one, empty when there is none."""
    limit = query.whole("limit", PAGE, low=1, high=PAGE_MAX)
    text = query.text("after_cursor")
    place = read_cursor(text, _Place, INVALID) if text else _Place(0, "")
    rest = after(rows, place.last, place.offset, key)
    page = rest[:limit]
    more = len(rest) > limit
    return page, cursor_of(_Place(place.offset + len(page), key(page[-1]))) if more else ""


def _offset_page(rows: Sequence[Any], query: Query) -> list[Any]:
    limit = query.whole("limit", PAGE, high=PAGE_MAX)
    offset = query.whole("offset", 0)
    if offset > OFFSET_MAX:
        raise query.refused(f"offset must be at most {OFFSET_MAX}, use the keyset endpoint")
    return list(rows[offset : offset + limit])


def _keyset_reply(name: str, rows: Iterable[Json], cursor: str) -> Reply:
    return Reply({name: list(rows)} | ({"next_cursor": cursor} if cursor else {}))


def _missing(what: str) -> Reply:
    return Reply({"type": "not found error", "error": f"{what} not found"}, 404)


def _status(group: Group, status: str) -> bool:
    if status not in ("active", "resolved", "closed"):
        return True
    return group.closed == (status != "active")


def _score(group: Group, words: Iterable[str]) -> int:
    names = [group.event.title, group.event.slug, *(f"{x.market.question} {x.market.slug}" for x in group.listings)]
    text = " ".join(names).lower()
    return sum(word in text for word in words)
