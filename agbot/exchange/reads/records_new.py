"""The Data API, version 2: what wallets hold and did, and public trades. Routes without prefix, for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import attrs
import msgspec

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.core.model import Listing, Refused
from agbot.exchange.reads import records_json as rows
from agbot.exchange.reads.gamma_json import question_id
from agbot.exchange.reads.pages import Query, after, cursor_of, number, read_cursor
from agbot.exchange.reads.places import approvals
from agbot.exchange.reads.portfolio_book import Deed, PortfolioBook
from agbot.exchange.reads.profits import series, stats
from agbot.exchange.reads.quotes import MINUTE_NS, Books, Tape
from agbot.exchange.reads.records_filters import (
    STATUSES,
    chosen_kinds,
    chosen_positions,
    chosen_trades,
    has_status,
    oldest_first,
    price_point,
)
from agbot.exchange.reads.records_json import Held, Json
from agbot.units import NS_PER_S, notional

PAGE: Final = 100
PAGE_MAX: Final = 1_000
HISTORY_MAX: Final = 10_000
SPANS: Final = {"1h": 3_600, "6h": 21_600, "1d": 86_400, "1w": 604_800, "1m": 2_592_000, "max": 0, "all": 0}
_Listed: TypeAlias = Callable[[Query], Sequence[Any]]


class _Place(msgspec.Struct, array_like=True):
    """What a cursor holds: rows that went before, the last one's key, the page's size, what was asked."""

    offset: int
    last: str
    limit: int
    asked: dict[str, str]


def routes(records: Records) -> Routes:
    """Return the routes of version 2."""
    book, now_ns = records.book, records.now_ns
    told: dict[tuple[str, str], Route] = {
        ("GET", "/v2/positions"): _paged(records.positions, rows.position, _held_key),
        ("GET", "/v2/trades"): _paged(records.trades, rows.trade, _deed_key),
        ("GET", "/v2/activity"): _paged(records.activity, rows.activity, _deed_key),
        ("GET", "/v2/holders"): records.holders,
        ("GET", "/v2/prices-history"): _paged(
            records.prices, lambda row: row, lambda row: str(row["timestamp"]), page=PAGE_MAX, high=HISTORY_MAX
        ),
        ("GET", "/v2/value"): records.value,
        ("GET", "/v2/oi"): records.open_interest,
        ("GET", "/v2/live-volume"): records.live_volume,
        ("GET", "/v2/resolutions"): records.resolutions,
        ("GET", "/v2/tokens"): records.tokens,
        ("GET", "/v2/user-pnl"): lambda ask: _answer(series(book, records.held, Query(ask), now_ns())),
        ("GET", "/v2/user-stats"): lambda ask: _answer(stats(book, Query(ask))),
        ("GET", "/v2/user-volume"): records.user_volume,
        ("GET", "/v2/approvals"): lambda ask: _answer(approvals(Query(ask).user(), now_ns())),
        ("GET", "/v2/leaderboard"): _no_rank,
    }
    # What this exchange has none of: combinations and boards.
    none = ("positions/combos", "activity/combos", "biggest-winners", "builders/leaderboard")
    told |= {("GET", f"/v2/{name}"): _paged(lambda _: [], lambda row: row, str) for name in none}
    told["GET", "/v2/builders/volume"] = lambda _: _answer([])
    return told


@attrs.frozen
class Records:
    """Answers of version 2 that need more than one source, and what both versions share."""

    core: Books
    book: PortfolioBook
    tape: Tape
    now_ns: Callable[[], int]

    def held(self, wallet: str) -> list[Held]:
        """Return a wallet's accounts at the prices of now."""
        return rows.held(self.core, self.book.entries(wallet))

    # ---------------------------------------------------------------- lists

    def positions(self, query: Query) -> list[Held]:
        """Return the positions that are asked for: of a wallet, or all of one market."""
        user, conditions = query.user(required=False), query.conditions()
        if not user and len(conditions) != 1:
            raise query.refused("required query param 'user' or 'condition' not provided")
        status = query.choice("status", STATUSES, "OPEN")
        entries = self.book.entries(user) if user else self._holders(conditions)
        found = [row for row in rows.held(self.core, entries) if has_status(row, status) and row.entry.bought]
        fits = self._fits(query, conditions)
        return chosen_positions([r for r in found if fits(r.entry.listing, r.entry.last_ns)], query, status)

    def trades(self, query: Query) -> list[Deed]:
        """Return trades, the newest first: takers' legs only unless ``taker_only=false``."""
        user, conditions = query.user(required=False), query.conditions()
        side = query.choice("side", ("BUY", "SELL"), "", said="side must be BUY or SELL")
        taker_only = query.flag("taker_only", "takerOnly") is not False
        deeds = [deed for deed in self.book.deeds(user) if deed.kind == "TRADE"] if user else self.book.prints()
        fits = self._fits(query, conditions, timed=bool(user))
        found = [
            deed
            for deed in reversed(deeds)
            if fits(deed.listing, deed.ts_ns) and (deed.taker or not taker_only) and side in ("", deed.side)
        ]
        return chosen_trades(found, query)

    def activity(self, query: Query) -> list[Deed]:
        """Return what a wallet did, the newest first unless ascending order is asked for."""
        user, conditions = query.user(), query.conditions()
        side = query.choice("side", ("BUY", "SELL"), "", said="side must be BUY or SELL")
        kinds = chosen_kinds(query)
        fits = self._fits(query, conditions)
        found = [
            deed
            for deed in self.book.deeds(user)
            if deed.kind in kinds and side in ("", deed.side) and fits(deed.listing, deed.ts_ns)
        ]
        return found if oldest_first(query) else found[::-1]

    def prices(self, query: Query) -> list[Json]:
        """Return a token's past prices, oldest first."""
        token = query.text("token_id")
        listing = self.core.of_token(token)
        if not token:
            raise query.refused("required query param 'token_id' not provided")
        if sum(bool(query.text(name)) for name in ("interval", "start", "as_of")) != 1:
            raise query.refused("provide exactly one of 'interval', 'start', or 'as_of'")
        minutes = self.tape.minutes(listing) if listing else []
        as_of = query.time("as_of")
        if as_of is not None:
            return [price_point(minute, listing, token, 0) for minute in minutes if minute.begin_ns <= as_of][-1:]
        interval = query.choice("interval", tuple(SPANS), "max")
        start_ns = query.time("start") or (self.now_ns() - SPANS[interval] * NS_PER_S if SPANS[interval] else 0)
        end_ns = query.time("end") or self.now_ns()
        step_ns = query.whole("bucket_seconds", 60, low=60, high=86_400) * NS_PER_S
        chosen = [
            minute for minute in minutes if start_ns <= minute.begin_ns + MINUTE_NS - 1 and minute.begin_ns <= end_ns
        ]
        return [
            price_point(list(group)[-1], listing, token, step_ns // NS_PER_S, begin * step_ns)
            for begin, group in groupby(chosen, lambda minute: minute.begin_ns // step_ns)
        ]

    # ---------------------------------------------------------------- others

    def holders(self, ask: Ask) -> Reply:
        """Answer who holds the tokens of markets, the largest first."""
        pnl = Query(ask).flag("include_pnl") is True
        if not Query(ask).conditions() and "cursor" not in ask.query:
            raise Query(ask).refused("required query param 'condition' not provided")
        reply = _paged(self.holder_rows, lambda row: row, _held_key, high=PAGE if pnl else PAGE_MAX)(ask)
        groups = [
            {"token_id": token, "holders": [rows.holder(row, pnl=pnl) for row in group]}
            for token, group in groupby(reply.json["data"], lambda row: row.entry.token)
        ]
        return Reply(reply.json | {"data": groups})

    def holder_rows(self, query: Query) -> list[Held]:
        """Return the holders of the markets that are asked for, by token, the largest first."""
        smallest = query.units("min_balance", "minBalance") or 1
        found: list[Held] = []
        for condition in query.conditions():
            here = [row for row in rows.held(self.core, self._holders([condition])) if row.entry.size >= smallest]
            here.sort(key=lambda row: (rows.index(row.entry.listing, row.entry.token), -row.entry.size))
            found += here
        return found

    def value(self, ask: Ask) -> Reply:
        """Answer what a wallet's positions are worth."""
        user, conditions = Query(ask).user(), Query(ask).conditions()
        return _answer({"proxy_wallet": user, "value": number(self.worth(user, conditions))})

    def worth(self, user: str, conditions: Sequence[str]) -> int:
        """Return what a wallet's positions are worth, in these markets or (none named) in all."""
        entries = [e for e in self.book.entries(user) if not conditions or e.listing.condition.lower() in conditions]
        return sum(row.value for row in rows.held(self.core, entries))

    def open_interest(self, ask: Ask) -> Reply:
        """Answer how much is locked in markets, or in all of them."""
        conditions = Query(ask).conditions()
        if not conditions:
            total = sum(map(self.book.open_interest, self.core.listings.values()))
            return _answer([{"condition_id": "GLOBAL", "value": number(total)}])
        listings = self._listings(conditions)
        return _answer([{"condition_id": x.condition, "value": number(self.book.open_interest(x))} for x in listings])

    def live_volume(self, ask: Ask) -> Reply:
        """Answer the shares that takers traded in events."""
        events = Query(ask).words("event_id", "id")
        if not events:
            raise Query(ask).refused("required query param 'event_id' not provided")
        told = [
            (listing.condition, sum(minute.shares for minute in self.tape.minutes(listing)))
            for listing in self.core.listings.values()
            if listing.event.id in events
        ]
        conditions = [{"condition_id": name, "taker_volume": number(shares)} for name, shares in told]
        return _answer({"taker_volume_total": number(sum(shares for _, shares in told)), "conditions": conditions})

    def resolutions(self, ask: Ask) -> Reply:
        """Answer how far the oracle is with markets."""
        query = Query(ask)
        question, conditions, events = query.text("question_id"), query.conditions(), query.words("event_id")
        if sum(bool(given) for given in (question, conditions, events)) != 1:
            raise query.refused("provide exactly one of 'question_id', 'condition', or 'event_id'")
        found = self._listings(conditions) if conditions else list(self.core.listings.values())
        if question:
            found = [listing for listing in found if question_id(listing) == question.lower()]
        elif events:
            found = [listing for listing in found if listing.event.id in events]
        return _answer([rows.resolution_row(listing, question_id(listing), self.now_ns()) for listing in found])

    def tokens(self, ask: Ask) -> Reply:
        """Answer what tokens stand for."""
        query = Query(ask)
        asked, conditions = query.words("token_id"), query.conditions()
        if bool(asked) == bool(conditions):
            raise query.refused("provide exactly one of 'token_id' or 'condition'")
        pairs = [(self.core.of_token(token), token) for token in asked]
        pairs += [(listing, token) for listing in self._listings(conditions) for token in listing.tokens]
        return _answer([rows.token_reference(listing, token) for listing, token in pairs if listing is not None])

    def user_volume(self, ask: Ask) -> Reply:
        """Answer what a wallet traded, since it was first seen or between two times."""
        query = Query(ask)
        user, fits = query.user(), self._fits(query, [])
        purse = self.book.purse(user)
        if purse is not None and not query.text("start") and not query.text("end"):
            shares, usd, count = purse.shares, purse.usd, purse.trades
        else:
            deeds = [d for d in self.book.deeds(user) if d.kind == "TRADE" and fits(d.listing, d.ts_ns)]
            shares, count = sum(d.size for d in deeds), len(deeds)
            usd = sum(notional(d.price, d.size) for d in deeds)
        return _answer({"volume": number(shares), "volume_usdc": number(usd), "trade_count": count})

    # ---------------------------------------------------------------- parts

    def _listings(self, conditions: Iterable[str]) -> list[Listing]:
        by_id = {condition.lower(): listing for condition, listing in self.core.listings.items()}
        return [by_id[condition] for condition in conditions if condition in by_id]

    def _holders(self, conditions: Iterable[str]) -> list[Any]:
        return [entry for listing in self._listings(conditions) for entry in self.book.holders(listing)]

    @staticmethod
    def _fits(query: Query, conditions: Sequence[str], *, timed: bool = True) -> Callable[[Listing | None, int], bool]:
        """Return what tells whether a row is of the markets and the time that are asked for."""
        events = query.words("event_id", "eventId")
        start_ns, end_ns = query.time("start") or 0, query.time("end")

        def fits(listing: Listing | None, ts_ns: int) -> bool:
            of_markets = not conditions or (listing is not None and listing.condition.lower() in conditions)
            of_events = not events or (listing is not None and listing.event.id in events)
            in_time = start_ns <= ts_ns and (not end_ns or ts_ns < end_ns + NS_PER_S)
            return of_markets and of_events and (in_time or not timed)

        return fits


def _answer(data: Any) -> Reply:
    return Reply({"data": data})


def _no_rank(ask: Ask) -> Reply:
    if Query(ask).user(required=False):
        return _answer(None)
    return _paged(lambda _: [], lambda row: row, str)(ask)


def _paged(
    listed: _Listed, tell: Callable[[Any], Any], key: Callable[[Any], str], *, page: int = PAGE, high: int = PAGE_MAX
) -> Route:
    """Return a route that tells a list page by page; a cursor remembers what was asked and how much."""

    def answer(ask: Ask) -> Reply:
        if "offset" in ask.query:
            raise Refused("offset is not supported, follow pagination.next_cursor")
        asked = {name: value for name, value in ask.query.items() if name not in ("cursor", "limit") and value}
        place = _Place(0, "", Query(ask).whole("limit", page, low=1, high=high), asked)
        if text := ask.query.get("cursor"):
            place = read_cursor(text, _Place)
            if not asked.items() <= place.asked.items():
                raise Refused("invalid cursor")
        rest = after(listed(Query(attrs.evolve(ask, query_text=urlencode(place.asked)))), place.last, place.offset, key)
        shown, more = rest[: place.limit], len(rest) > place.limit
        pages: Json = {"limit": place.limit, "has_more": more, "next_cursor": None}
        if more:
            pages["next_cursor"] = cursor_of(
                _Place(place.offset + len(shown), key(shown[-1]), place.limit, place.asked)
            )
        return Reply({"data": [tell(row) for row in shown], "pagination": pages})

    return answer


def _held_key(row: Held) -> str:
    return f"{row.entry.wallet} {row.entry.token}"


def _deed_key(deed: Deed) -> str:
    return str(deed.seq)
