"""From an order as the caller gives it to the one that is signed: amounts, expiry, version. Pure."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from agbot.errors import UnsupportedOrder, VenueRefused
from agbot.model.order import Order, OrderType, Side, TimeInForce
from agbot.units import NS_PER_MS, NS_PER_S, TICKS, notional, on_tick, to_text, to_units
from agbot.venue.polymarket.amounts import Amounts, limit_amounts, market_amounts
from agbot.venue.polymarket.orders import OrderFields, Version, salt_of
from agbot.venue.polymarket.wire.public import ClobMarket

VENUE: Final = "polymarket"
EARLY_S: Final = 60
"""The venue drops a GTD order this long before the expiration it was given."""
LIFE_S_MIN: Final = 125
"""It wants an expiration at least 180 s away: the 60 it takes, 120 of life, and 5 for the way."""
ORDER_TYPES: Final[dict[TimeInForce, str]] = {
    TimeInForce.GTC: "GTC",
    TimeInForce.GTD: "GTD",
    TimeInForce.FOK: "FOK",
    TimeInForce.FAK: "FAK",
    TimeInForce.IOC: "FAK",
}
_VERSIONS: Final[dict[str, Literal[2, 3]]] = {"v1": 2, "v2": 3}


@attrs.frozen(kw_only=True)
class Terms:
    """What the venue demands in one market, 10⁻⁶; `version` and `neg_risk` choose the contract that is signed for."""

    tick: int
    min_size: int
    neg_risk: bool = False
    version: Version = 2
    fee_rate: int = 0
    fee_exponent: int = 1
    delay_s: int = 0

    @classmethod
    def of(cls, market: ClobMarket) -> Terms:
        """Return a market's terms; VenueRefused for a version that this bot cannot sign for, or an unknown tick."""
        version = _VERSIONS.get(market.version)
        if version is None or market.tick not in TICKS:
            raise VenueRefused(
                f"market {market.condition} has version {market.version!r} and tick {to_text(market.tick)}: not known",
                code="version",
                venue=VENUE,
                remedy="install the newest agbot",
            )
        return cls(
            tick=market.tick,
            min_size=market.min_size,
            neg_risk=market.neg_risk,
            version=version,
            fee_rate=market.fee_rate,
            fee_exponent=market.fee_exponent,
            delay_s=market.delay_s,
        )


@attrs.frozen(kw_only=True)
class Composed:
    """What is signed; `asked` shares by the caller and `shares` by the venue, `budget` in usd, all 10⁻⁶."""

    fields: OrderFields
    order_type: str
    asked: int
    shares: int
    budget: int


def compose(order: Order, terms: Terms) -> Composed:
    """Return the order to sign. The same order and terms always give the same fields, so the same id.

    Raises:
        VenueRefused: price off the tick (code "tick"), size under the minimum ("min_size"), or a GTD that ends too
            early ("expiration").
        UnsupportedOrder: the venue has no way to say this order.
    """
    price, size = _price_of(order, terms), _size_of(order)
    buys_usd = order.order_type is OrderType.MARKET and order.side is Side.BUY
    if not order.time_in_force.immediate and size < terms.min_size:
        raise _refused(f"size {order.size} is under the minimum {to_text(terms.min_size)}", "min_size")
    amounts = _amounts(order, price, size, terms, buys_usd=buys_usd)
    return Composed(
        fields=OrderFields(
            token_id=_token_of(order),
            maker_amount=amounts.maker,
            taker_amount=amounts.taker,
            side=order.side,
            salt=salt_of(order.client_order_id),
            timestamp_ms=order.created_ns // NS_PER_MS,
            expiration_s=_expiration(order),
        ),
        order_type=ORDER_TYPES[order.time_in_force],
        asked=0 if buys_usd else size,
        shares=amounts.taker if order.side is Side.BUY else amounts.maker,
        budget=amounts.maker if buys_usd else 0,
    )


def _amounts(order: Order, price: int, size: int, terms: Terms, *, buys_usd: bool) -> Amounts:
    if not order.time_in_force.immediate:
        return limit_amounts(order.side, price, size, terms.tick)
    if order.side is Side.SELL or buys_usd:
        return market_amounts(order.side, size, price, terms.tick)
    return market_amounts(order.side, notional(price, size), price, terms.tick)


def _price_of(order: Order, terms: Terms) -> int:
    try:
        assert order.price is not None
        price = to_units(order.price)
    except ValueError as e:
        raise _refused(str(e), "tick") from e
    if not on_tick(price, terms.tick):
        raise _refused(f"price {order.price} is not on the tick {to_text(terms.tick)}", "tick")
    return price


def _size_of(order: Order) -> int:
    try:
        return to_units(order.size)
    except ValueError as e:
        raise _refused(str(e), "size") from e


def _token_of(order: Order) -> int:
    if not (order.token.isdigit() and order.token.isascii() and len(order.token) <= 78):
        raise UnsupportedOrder(f"{order.token!r} is not an outcome token", venue=VENUE)
    return int(order.token)


def _expiration(order: Order) -> int:
    """Return the expiration in seconds that gives the order its whole life, 0 for none."""
    if order.time_in_force is not TimeInForce.GTD:
        return 0
    if order.expire_ns < order.created_ns + LIFE_S_MIN * NS_PER_S:
        raise _refused(f"a GTD order lives at least {LIFE_S_MIN} s here", "expiration")
    return order.expire_ns // NS_PER_S + EARLY_S


def _refused(reason: str, code: str) -> VenueRefused:
    return VenueRefused(reason, code=code, venue=VENUE)
