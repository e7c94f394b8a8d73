"""Why a venue says no, in the venue's own words. Each check returns the reason, or None."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.model.commands import PlaceOrder
from agbot.model.fees import FeeRounding
from agbot.model.market import Market
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, SCALE, complement, notional, to_text

NO_BOOK: Final = "No orderbook exists for the requested token id"
FOK_KILLED: Final = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED: Final = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
CROSSES_BOOK: Final = "invalid post-only order: order crosses book"
SELF_TRADE: Final = "self trade: order crosses a resting order of the same account"
NO_BALANCE: Final = "not enough balance / allowance"
BAD_EXPIRATION: Final = "invalid expiration"
NOT_FOUND: Final = "order not found"


@attrs.frozen(kw_only=True)
class Terms:
    """How the paper venue behaves. Times in nanoseconds, money in 10⁻⁶ usd.

    Args:
        order_latency_ns: from our command to its effect at the venue.
        feed_latency_ns: from an effect at the venue to our hearing of it.
        gtd_min_ns: a GTD order must be given at least this much time.
        gtd_early_ns: the venue drops a GTD order this long before its stated time.
        marketable_buy_min: the smallest usd amount of a BUY that trades at once.
    """

    order_latency_ns: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    feed_latency_ns: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    gtd_min_ns: int = attrs.field(default=180 * NS_PER_S, validator=attrs.validators.ge(0))
    gtd_early_ns: int = attrs.field(default=60 * NS_PER_S, validator=attrs.validators.ge(0))
    marketable_buy_min: int = SCALE
    fee_rounding: FeeRounding = FeeRounding.HALF_UP


def shape_refusal(order: PlaceOrder, market: Market, now_ns: int, terms: Terms) -> str | None:
    """Return what is wrong with the order whatever the book holds."""
    if order.token not in (market.yes, market.no):
        return NO_BOOK
    return (
        _price_refusal(order, market.tick)
        or _size_refusal(order, market.min_size)
        or _lifetime_refusal(order, now_ns, terms)
    )


def taking_refusal(order: PlaceOrder, takes: bool, complete: bool, terms: Terms) -> str | None:
    """Return what is wrong with the order against the book of this moment.

    Args:
        takes: it would trade at once.
        complete: it would be met in full at once.
    """
    if order.post_only and takes:
        return CROSSES_BOOK
    if order.side is Side.BUY and (takes or order.time_in_force.immediate):
        amount = order.budget or notional(order.price, order.size)
        if amount < terms.marketable_buy_min:
            smallest = to_text(terms.marketable_buy_min)
            return f"invalid amount for a marketable BUY order (${to_text(amount)}), min size: ${smallest}"
    if order.time_in_force is TimeInForce.FOK and not complete:
        return FOK_KILLED
    if order.time_in_force.immediate and not takes:
        return FAK_KILLED
    return None


def _price_refusal(order: PlaceOrder, tick: int) -> str | None:
    price = to_text(order.price)
    if not tick <= order.price <= complement(tick):
        return f"invalid price ({price}), min: {to_text(tick)} - max: {to_text(complement(tick))}"
    if order.price % tick:
        return f"{_invalid(order)} Price ({price}) breaks minimum tick size rule: {to_text(tick)}"
    return None


def _size_refusal(order: PlaceOrder, min_size: int) -> str | None:
    immediate = order.time_in_force.immediate
    smallest = 1 if immediate else max(1, min_size)
    if order.budget and not (immediate and order.side is Side.BUY and order.budget > 0):
        return "invalid amounts, a budget is for a market BUY only"
    if order.size < smallest and not order.budget:
        return f"{_invalid(order)} Size ({to_text(order.size)}) lower than the minimum: {to_text(smallest)}"
    return None


def _lifetime_refusal(order: PlaceOrder, now_ns: int, terms: Terms) -> str | None:
    if order.post_only and order.time_in_force.immediate:
        return f"invalid post-only order: {order.time_in_force} never rests"
    if order.time_in_force is not TimeInForce.GTD:
        return BAD_EXPIRATION if order.expire_ns else None
    return BAD_EXPIRATION if order.expire_ns < now_ns + terms.gtd_min_ns else None


def _invalid(order: PlaceOrder) -> str:
    return f"order {order.client_order_id} is invalid."
