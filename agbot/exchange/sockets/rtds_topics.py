"""What RTDS carries: topics, types, filters, and payloads made of facts and reference prices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import attrs
import msgspec

from agbot.exchange.clob.wire import Json, book_json, fee_bps, number, text
from agbot.exchange.core.model import Listing, TickChanged, Traded
from agbot.exchange.sockets import frames
from agbot.exchange.sockets.mirror import Mirror
from agbot.exchange.sockets.references import References, e18
from agbot.model.events import Change
from agbot.units import NS_PER_S, ms

BINANCE: Final = "crypto_prices"
CHAINLINK: Final = "crypto_prices_chainlink"
EQUITY: Final = "equity_prices"
WINDOWS: Final = {"crypto_prices_twap_thirty": 30, "crypto_prices_twap_sixty": 60}
CLOB_MARKET: Final = "clob_market"
CLOB_USER: Final = "clob_user"
COMMENTS: Final = "comments"
ACTIVITY: Final = "activity"
PRICES: Final = (BINANCE, CHAINLINK, *WINDOWS, EQUITY)
TYPES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(PRICES, ("update",)),
    ACTIVITY: ("trades", "orders_matched"),
    COMMENTS: ("comment_created", "comment_removed", "reaction_created", "reaction_removed"),
    CLOB_MARKET: (
        "price_change",
        "agg_orderbook",
        "last_trade_price",
        "tick_size_change",
        "market_created",
        "market_resolved",
    ),
    CLOB_USER: ("order", "trade"),
    "rfq": tuple(
        f"{what}_{how}" for what in ("request", "quote") for how in ("created", "edited", "canceled", "expired")
    ),
}
BINANCE_POINTS: Final = 120
CHAINLINK_POINTS: Final = 58


def known(topic: str, kind: str) -> bool:
    """Return whether a topic has a type; ``*`` is all of a topic's."""
    return topic in TYPES and kind in ("*", *TYPES[topic])


# ---------------------------------------------------------------- filters


@attrs.frozen
class Filter:
    """What a subscription narrows to. `deaf` filters hold a blank: as at the venue they deliver no update, silently."""

    fields: Json = attrs.field(factory=dict)
    names: frozenset[str] | None = None
    deaf: bool = False

    @classmethod
    def of(cls, given: object) -> Filter:
        """Return the filter a client wrote: JSON in a string, empty for none."""
        if not isinstance(given, str) or not given:
            return cls(deaf=given not in (None, ""))
        try:
            told = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError):
            return cls(deaf=True)
        deaf = any(blank in given for blank in " \t\n\r")
        if isinstance(told, list):
            return cls(names=frozenset(str(name) for name in told if isinstance(name, str)), deaf=deaf)
        return cls(told, deaf=deaf) if isinstance(told, dict) else cls(deaf=True)

    def takes(self, **fields: Any) -> bool:
        """Return whether a payload with these values passes; letters' case does not matter."""
        if self.deaf:
            return False
        return all(
            str(self.fields[name]).lower() == str(value).lower()
            for name, value in fields.items()
            if name in self.fields
        )

    def has(self, *tokens: str) -> bool:
        """Return whether one of these tokens is named; without a list of names all are."""
        return not self.deaf and (self.names is None or not self.names.isdisjoint(tokens))


# ---------------------------------------------------------------- reference prices


def symbol(topic: str, name: str) -> str:
    """Return what a topic calls an asset."""
    return f"{name}usdt" if topic == BINANCE else name if topic == EQUITY else f"{name}/usd"


def names(references: References, topic: str) -> list[str]:
    """Return the assets a topic has."""
    return [name for name, asset in references.assets.items() if asset.equity == (topic == EQUITY)]


def point(references: References, topic: str, name: str, second: int) -> Json:
    """Return the price of a second as the topic writes it."""
    window = WINDOWS.get(topic)
    units = references.average(name, second, window) if window else references.price(name, second)
    exact = text(units) if topic in (BINANCE, EQUITY) else e18(units)
    return {"full_accuracy_value": exact, "timestamp": second * 1000, "value": number(units)}


def update(references: References, topic: str, name: str, second: int) -> Json:
    """Return the payload of an update."""
    more = {"window_s": WINDOWS[topic]} if topic in WINDOWS else {}
    if topic == EQUITY:
        more = {"received_at": second * 1000, "is_carried_forward": False}
    return {"symbol": symbol(topic, name), **point(references, topic, name, second), **more}


def backfill(references: References, topic: str, name: str, second: int) -> tuple[str, Json]:
    """Return (label, payload) of the history sent on subscribing: Chainlink's comes under Binance's label."""
    points = BINANCE_POINTS if topic in (BINANCE, EQUITY) else CHAINLINK_POINTS
    data = [point(references, topic, name, second - ago) for ago in range(points, 0, -1)]
    if topic not in WINDOWS:
        data = [{"timestamp": row["timestamp"], "value": row["value"]} for row in data]
    more = {"window_s": WINDOWS[topic]} if topic in WINDOWS else {}
    return BINANCE if topic == CHAINLINK else topic, {"data": data, "symbol": symbol(topic, name), **more}


# ---------------------------------------------------------------- facts


def activity(fact: Traded) -> Json:
    """Return a trade as the public sees it: its taker's part."""
    trade, leg, listing = fact.trade, fact.trade.taker, fact.trade.listing
    wallet = leg.order.new.maker
    return {
        "asset": leg.token,
        "bio": "",
        "conditionId": listing.condition,
        "eventSlug": listing.event.slug,
        "icon": "",
        "name": wallet,
        "outcome": listing.outcome_name(leg.token),
        "outcomeIndex": listing.tokens.index(leg.token),
        "price": number(leg.price),
        "profileImage": "",
        "proxyWallet": wallet,
        "pseudonym": f"Wallet-{wallet[-4:]}",
        "side": leg.side,
        "size": number(leg.size),
        "slug": listing.market.slug,
        "timestamp": fact.ts_ns // NS_PER_S,
        "title": listing.market.question,
        "transactionHash": trade.tx_hash,
    }


def price_change(listing: Listing, changes: Iterable[Change], mirror: Mirror, ts_ns: int) -> Json:
    """Return changes of levels with the abbreviated keys of this topic."""
    rows = [row for change in changes for row in frames.change_rows(listing, change, mirror, ts_ns)]
    return {
        "m": listing.condition,
        "t": str(ms(ts_ns)),
        "pc": [{short: row[long] for short, long in _SHORT} for row in rows],
    }


_SHORT: Final = (
    ("a", "asset_id"),
    ("h", "hash"),
    ("p", "price"),
    ("s", "side"),
    ("si", "size"),
    ("ba", "best_ask"),
    ("bb", "best_bid"),
)


def agg_orderbook(listing: Listing, token: str, mirror: Mirror, ts_ns: int) -> Json:
    """Return a whole book."""
    book = book_json(listing, token, mirror.bids(), mirror.asks(), ms(ts_ns))
    del book["last_trade_price"]
    return book


def last_trade_price(fact: Traded) -> Json:
    """Return the print of a trade."""
    leg = fact.trade.taker
    return {
        "asset_id": leg.token,
        "fee_rate_bps": fee_bps(leg),
        "market": fact.trade.listing.condition,
        "price": text(leg.price),
        "side": leg.side,
        "size": text(leg.size),
    }


def tick_size_change(fact: TickChanged) -> Json:
    """Return a market's new tick; its two tokens are in one list."""
    return {
        "market": fact.listing.condition,
        "asset_id": fact.listing.tokens,
        "old_tick_size": text(fact.old),
        "new_tick_size": text(fact.new),
    }


def notice(listing: Listing) -> Json:
    """Return what is told of a market that was created or resolved: not its winner."""
    return {
        "market": listing.condition,
        "asset_ids": listing.tokens,
        "min_order_size": text(listing.market.min_size),
        "tick_size": text(listing.market.tick),
        "neg_risk": listing.market.neg_risk,
    }


# ---------------------------------------------------------------- comments

_WORDS: Final = (
    "Looks priced in.",
    "Too high.",
    "Who is selling here?",
    "News?",
    "Holding to the end.",
    "Spread is wide.",
)


def comment(listing: Listing, number_: int, wallet: str, ts_ns: int) -> Json:
    """Return a comment on a market's event; what it says follows from its number."""
    return {
        "id": str(number_),
        "body": _WORDS[number_ % len(_WORDS)],
        "parentEntityType": "Event",
        "parentEntityID": int(listing.event.id) if listing.event.id.isdigit() else 0,
        "userAddress": wallet,
        "createdAt": utc(ts_ns),
        "profile": {
            "baseAddress": wallet,
            "displayUsernamePublic": True,
            "name": f"trader{number_}",
            "proxyWallet": wallet,
        },
        "reactionCount": 0,
        "reportCount": 0,
    }


def utc(ts_ns: int) -> str:
    """Return a time as the venue writes it in comments."""
    return datetime.fromtimestamp(ts_ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
