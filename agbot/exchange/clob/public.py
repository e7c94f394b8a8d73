"""What the CLOB tells everybody: books, prices, markets, and pools of rewards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.clob.candles import PriceHistory
from agbot.exchange.clob.cursors import page
from agbot.exchange.clob.market_json import (
    BASE_FEE,
    clob_json,
    current_reward_json,
    market_reward_json,
    record_json,
    reward_market_json,
    simplified_json,
)
from agbot.exchange.clob.wire import Json, book_json, number, text
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, Refused
from agbot.exchange.reads.quotes import quote
from agbot.model.order import Side
from agbot.units import NS_PER_S, complement, ms

NO_BOOK: Final = "No orderbook exists for the requested token id"
NO_MARKET: Final = "market not found"
BAD_SIDE: Final = "Invalid side"
BAD_TOKEN: Final = "Invalid token id"  # noqa: S105 - a text
BAD_PAYLOAD: Final = "Invalid payload"
BAD_FILTERS: Final = "invalid filters"
BOOKS_MAX: Final = 500
HISTORIES_MAX: Final = 20
MARKETS_PAGE: Final = 1000
REWARDS_PAGE: Final = 500
MINUTE_S: Final = 60
INTERVALS: Final[Mapping[str, int]] = {
    "1h": 3_600,
    "6h": 6 * 3_600,
    "1d": 86_400,
    "1w": 7 * 86_400,
    "1m": 30 * 86_400,
    "max": 0,
    "all": 0,
}
"""Seconds; 0 is everything."""


class PublicReads:
    """Routes that need no key.

    Args:
        history: is fed by the exchange's facts.
        now_ns: the exchange's clock.

    Attributes:
        version: what ``/version`` tells: which exchange's orders are taken where nothing else is said.
    """

    def __init__(self, core: Exchange, history: PriceHistory, now_ns: Callable[[], int]) -> None:
        self.core = core
        self.history = history
        self.now_ns = now_ns
        self.version = 2

    def routes(self) -> Routes:
        """Return the routes."""
        return self._reads() | self._markets()

    def _reads(self) -> dict[tuple[str, str], Route]:
        told: dict[str, Callable[[Listing, str], Json]] = {
            "/tick-size": lambda listing, _: {"minimum_tick_size": number(listing.market.tick)},
            "/neg-risk": lambda listing, _: {"neg_risk": listing.market.neg_risk},
            "/fee-rate": lambda listing, _: {"base_fee": BASE_FEE if listing.market.fee_rate else 0},
        }
        routes: dict[tuple[str, str], Route] = {
            ("GET", "/"): lambda _: Reply("OK"),
            ("GET", "/ok"): lambda _: Reply("OK"),
            ("GET", "/time"): lambda _: Reply(self.now_ns() // NS_PER_S),
            ("GET", "/version"): lambda _: Reply({"version": self.version}),
            ("GET", "/book"): lambda ask: Reply(self._book(*self._open(ask.query.get("token_id", "")))),
            ("POST", "/books"): self._books,
            ("GET", "/price"): lambda ask: Reply({"price": self._price(ask.query, self._top(ask.query))}),
            ("GET", "/midpoint"): lambda ask: Reply({"mid": _middle(*self._top(ask.query))}),
            ("GET", "/spread"): lambda ask: Reply({"spread": _spread(*self._top(ask.query))}),
            ("POST", "/prices"): self._prices,
            ("POST", "/midpoints"): lambda ask: self._each(ask, lambda _, top: _middle(*top)),
            ("POST", "/spreads"): lambda ask: self._each(ask, lambda _, top: _spread(*top)),
            ("GET", "/last-trade-price"): lambda ask: Reply(self._last(*self._known(ask.query.get("token_id", "")))),
            ("POST", "/last-trades-prices"): lambda ask: self._lasts(_named(ask)),
            ("GET", "/last-trades-prices"): lambda ask: self._lasts(_listed(ask)),
            ("GET", "/prices-history"): self._history,
            ("POST", "/batch-prices-history"): self._histories,
        }
        for path, say in told.items():
            routes["GET", path] = routes["GET", f"{path}/{{}}"] = partial(self._term, say)
        return routes

    def _term(self, say: Callable[[Listing, str], Json], ask: Ask) -> Reply:
        """Answer with one of a market's terms; the token is in the path or in the query."""
        return Reply(say(*self._known(ask.tail or ask.query.get("token_id", ""))))

    def _markets(self) -> dict[tuple[str, str], Route]:
        def long(listing: Listing) -> Json:
            return record_json(listing, self.fair(listing))

        def short(listing: Listing) -> Json:
            return simplified_json(listing, self.fair(listing))

        return {
            ("GET", "/markets-by-token/{}"): self._by_token,
            ("GET", "/clob-markets/{}"): lambda ask: Reply(clob_json(self._market(ask.tail))),
            ("GET", "/markets/{}"): lambda ask: Reply(long(self._market(ask.tail))),
            ("GET", "/markets/live-activity/{}"): self._activity,
            ("GET", "/markets"): lambda ask: page(ask, self._all(), long, size=MARKETS_PAGE),
            ("GET", "/simplified-markets"): lambda ask: page(ask, self._all(), short, size=MARKETS_PAGE),
            ("GET", "/sampling-markets"): lambda ask: page(ask, self._paying(), long, size=MARKETS_PAGE),
            ("GET", "/sampling-simplified-markets"): lambda ask: page(ask, self._paying(), short, size=MARKETS_PAGE),
            ("GET", "/rewards/markets/current"): lambda ask: page(
                ask, self._paying(), current_reward_json, size=REWARDS_PAGE
            ),
            ("GET", "/rewards/markets/multi"): self._rewards,
            ("GET", "/rewards/markets/{}"): self._reward,
            ("GET", "/fees/builder-fees/{}"): self._builder_fees,
            ("GET", "/builder/trades"): lambda ask: page(ask, list[Json](), lambda row: row, size=REWARDS_PAGE),
        }

    def fair(self, listing: Listing) -> int:
        """Return what YES of a market is worth now, 10⁻⁶ usd."""
        return quote(self.core, listing).fair

    # ------------------------------------------------------------ which market

    def _known(self, token: str) -> tuple[Listing, str]:
        listing = self.core.of_token(token)
        if listing is None:
            raise Refused(NO_MARKET if token.isdigit() else BAD_TOKEN, 404 if token.isdigit() else 400)
        return listing, token

    def _open(self, token: str) -> tuple[Listing, str]:
        """Return the market of a token that has a book; a resolved market has none any more."""
        listing = self.core.of_token(token)
        if listing is None or listing.winner is not None:
            raise Refused(NO_BOOK, 404)
        return listing, token

    def _market(self, condition: str) -> Listing:
        listing = self.core.listings.get(condition)
        if listing is None:
            raise Refused(NO_MARKET, 404)
        return listing

    def _all(self) -> list[Listing]:
        return list(self.core.listings.values())

    def _paying(self) -> list[Listing]:
        return [x for x in self._all() if x.rewards_daily_usd and x.winner is None]

    def _by_token(self, ask: Ask) -> Reply:
        listing, _ = self._known(ask.tail)
        yes, no = listing.tokens
        return Reply({"condition_id": listing.condition, "primary_token_id": yes, "secondary_token_id": no})

    def _activity(self, ask: Ask) -> Reply:
        self._market(ask.tail)
        return Reply([])

    # ------------------------------------------------------------ books and prices

    def _book(self, listing: Listing, token: str) -> Json:
        bids, asks = self.core.levels(listing, Side.BUY), self.core.levels(listing, Side.SELL)
        return book_json(listing, token, bids, asks, ms(self.now_ns()))

    def _books(self, ask: Ask) -> Reply:
        return Reply([self._book(listing, token) for listing, token, _ in self._several(ask)])

    def _several(self, ask: Ask) -> Iterator[tuple[Listing, str, Json]]:
        """Yield the open markets of the tokens in a body; others are passed over, as the venue does."""
        for row in _rows(ask):
            listing = self.core.of_token(row["token_id"])
            if listing is not None and listing.winner is None:
                yield listing, row["token_id"], row

    def _top(self, query: Mapping[str, Any]) -> tuple[int | None, int | None]:
        """Return a token's best bid and ask."""
        return self._best(*self._open(str(query.get("token_id", ""))))

    def _best(self, listing: Listing, token: str) -> tuple[int | None, int | None]:
        tops = [self.core.best(listing, side) for side in (Side.BUY, Side.SELL)]
        bid, ask = (top[0] if top else None for top in tops)
        if token == listing.market.yes:
            return bid, ask
        return None if ask is None else complement(ask), None if bid is None else complement(bid)

    def _price(self, query: Mapping[str, Any], top: tuple[int | None, int | None]) -> str:
        side = query.get("side")
        if side not in {"BUY", "SELL"}:
            raise Refused(BAD_SIDE)
        price = top[0 if side == "BUY" else 1]
        if price is None:
            raise Refused(NO_BOOK, 404)
        return text(price)

    def _prices(self, ask: Ask) -> Reply:
        told: dict[str, Json] = {}
        for listing, token, row in self._several(ask):
            top = self._best(listing, token)
            for side in [row["side"]] if row.get("side") else ["BUY", "SELL"]:
                if side in {"BUY", "SELL"} and top[0 if side == "BUY" else 1] is None:
                    continue
                told.setdefault(token, {})[side] = self._price({"side": side}, top)
        return Reply(told)

    def _each(self, ask: Ask, say: Callable[[Listing, tuple[int, int]], str]) -> Reply:
        told: Json = {}
        for listing, token, _ in self._several(ask):
            bid, offer = self._best(listing, token)
            if bid is not None and offer is not None:
                told[token] = say(listing, (bid, offer))
        return Reply(told)

    def _last(self, listing: Listing, token: str) -> Json:
        yes, side = token == listing.market.yes, listing.last_side
        if side is None:
            return {"price": "0.5", "side": ""}
        price = listing.last_price if yes else complement(listing.last_price)
        return {"price": text(price), "side": str(side if yes else side.other)}

    def _lasts(self, tokens: list[str]) -> Reply:
        known = [(listing, token) for token in tokens if (listing := self.core.of_token(token))]
        return Reply([{"token_id": token, **self._last(listing, token)} for listing, token in known])

    # ------------------------------------------------------------ prices before

    def _history(self, ask: Ask) -> Reply:
        query = ask.query
        token = query.get("market", "")
        if not token:
            raise Refused(f"{BAD_FILTERS}: market is required")
        span = self._span(query, ("startTs", "endTs"))
        return Reply({"history": self._points(token, *span)})

    def _histories(self, ask: Ask) -> Reply:
        body = ask.json
        tokens = body.get("markets") if isinstance(body, dict) else None
        if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
            raise Refused(BAD_PAYLOAD)
        if len(tokens) > HISTORIES_MAX:
            raise Refused(f"Too many markets in payload: {len(tokens)}, max allowed: {HISTORIES_MAX}")
        span = self._span(body, ("start_ts", "end_ts"))
        return Reply({"history": {token: self._points(token, *span) for token in tokens}})

    def _span(self, query: Mapping[str, Any], names: tuple[str, str]) -> tuple[int, int, int]:
        """Return start, end and step in seconds."""
        now_s = self.now_ns() // NS_PER_S
        step = max(1, _whole(query.get("fidelity") or 1)) * MINUTE_S
        start, end = (query.get(name) for name in names)
        if start or end:
            return _whole(start or 0), _whole(end or now_s), step
        interval = str(query.get("interval") or "1d")
        if interval not in INTERVALS:
            raise Refused(f"{BAD_FILTERS}: interval must be one of {', '.join(INTERVALS)}")
        return now_s - (INTERVALS[interval] or now_s), now_s, step

    def _points(self, token: str, start_s: int, end_s: int, step_s: int) -> list[Json]:
        listing = self.core.of_token(token)
        if listing is None:
            return []
        if listing.winner is None:
            self.history.note(listing, self.fair(listing), self.now_ns())
        yes = token == listing.market.yes
        points = self.history.points(listing.condition, start_s, end_s, step_s)
        return [{"t": at_s, "p": number(price if yes else complement(price))} for at_s, price in points]

    # ------------------------------------------------------------ rewards and builders

    def _reward(self, ask: Ask) -> Reply:
        listing = self._market(ask.tail)
        shown = [listing] if listing.rewards_daily_usd and listing.winner is None else []
        return page(ask, shown, lambda x: market_reward_json(x, self.fair(x)))

    def _rewards(self, ask: Ask) -> Reply:
        size = min(max(1, _whole(ask.query.get("page_size") or 100)), REWARDS_PAGE)
        query = ask.query.get("q", "").lower()
        shown = [x for x in self._paying() if query in x.market.question.lower()]

        def told(listing: Listing) -> Json:
            top = quote(self.core, listing)
            return reward_market_json(listing, top.fair, top.spread)

        return page(ask, shown, told, size=size)

    @staticmethod
    def _builder_fees(ask: Ask) -> Reply:  # noqa: ARG004 - nobody builds here
        raise Refused("builder not found", 404)


def _middle(bid: int | None, ask: int | None) -> str:
    if bid is None or ask is None:
        raise Refused(NO_BOOK, 404)
    return text((bid + ask) // 2)


def _spread(bid: int | None, ask: int | None) -> str:
    if bid is None or ask is None:
        raise Refused(NO_BOOK, 404)
    return text(ask - bid)


def _rows(ask: Ask) -> list[Json]:
    rows = ask.json
    named = isinstance(rows, list) and all(isinstance(x, dict) and isinstance(x.get("token_id"), str) for x in rows)
    if not named:
        raise Refused(BAD_PAYLOAD)
    if len(rows) > BOOKS_MAX:
        raise Refused(f"Payload exceeds the limit: {len(rows)}, max allowed: {BOOKS_MAX}")
    return list(rows)


def _named(ask: Ask) -> list[str]:
    return [row["token_id"] for row in _rows(ask)]


def _listed(ask: Ask) -> list[str]:
    names = [*ask.queries.get("token_id", ()), *ask.queries.get("token_ids", ())]
    tokens = [token for name in names for token in name.split(",") if token]
    if len(tokens) > BOOKS_MAX:
        raise Refused(f"Payload exceeds the limit: {len(tokens)}, max allowed: {BOOKS_MAX}")
    return tokens


def _whole(value: object) -> int:
    digits = str(value) if isinstance(value, int | str) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise Refused(f"{BAD_FILTERS}: {str(value)[:40]!r} is no whole number")
    return int(digits)
