"""Why the exchange says no to an order that is properly signed: its numbers, its market, its money."""

from __future__ import annotations

from agbot.exchange.core.model import Listing, NewOrder, Order, Refused
from agbot.matching.checks import Terms, shape_refusal
from agbot.matching.clearing import Holding
from agbot.model.commands import PlaceOrder
from agbot.model.ids import ClientOrderId, StrategyId, TokenId, VenueId
from agbot.model.order import OrderType, Side
from agbot.units import NS_PER_S, SCALE, tick_down, tick_up

NO_ACCEPT = "the market is not yet ready to process new orders"
BAD_AMOUNTS = "invalid amounts, maker and taker amount must be higher than 0"


def opened(new: NewOrder, listing: Listing, now_ns: int) -> Order:
    """Return the order that its amounts mean.

    A resting order's price is what the amounts say to 10⁻⁶. One that never rests may be off the grid: its limit is
    rounded toward its owner, and a BUY is worth its usd, whatever shares they buy.
    """
    if new.maker_amount <= 0 or new.taker_amount <= 0:
        raise Refused(BAD_AMOUNTS)
    buys, immediate = new.side is Side.BUY, new.order_type.immediate
    usd, size = (new.maker_amount, new.taker_amount) if buys else (new.taker_amount, new.maker_amount)
    price, rest = divmod(usd * SCALE, size)
    price += bool(rest) and not buys
    budget = usd if buys and immediate else 0
    return Order(new=new, listing=listing, price=price, size=size, created_ns=now_ns, budget=budget)


def as_command(order: Order) -> PlaceOrder:
    """Return the order in the words of the matching core's checks."""
    new, tick = order.new, order.listing.market.tick
    price = order.price
    if new.order_type.immediate and tick < price < SCALE - tick:
        price = tick_down(price, tick) if new.side is Side.BUY else tick_up(price, tick)
    return PlaceOrder(
        client_order_id=ClientOrderId(new.id),
        venue=VenueId("exchange"),
        market=order.listing.market.id,
        token=TokenId(new.token),
        side=new.side,
        order_type=OrderType.MARKET if new.order_type.immediate else OrderType.LIMIT,
        price=price,
        size=order.size,
        time_in_force=new.order_type,
        post_only=new.post_only,
        expire_ns=new.expiration_s * NS_PER_S,
        budget=order.budget,
        strategy=StrategyId(""),
        why="",
    )


def check_shape(order: Order, command: PlaceOrder, terms: Terms) -> None:
    """Raise Refused for what is wrong with an order whatever the book holds."""
    if not order.listing.accepting:
        raise Refused(NO_ACCEPT)
    reason = shape_refusal(command, order.listing.market, order.created_ns, terms)
    if reason is not None:
        raise Refused(reason)


def check_funds(order: Order, holding: Holding, needed: int) -> None:
    """Raise Refused unless a wallet has `needed` beside what its other orders and unsettled trades call for."""
    kind = None if order.new.side is Side.BUY else TokenId(order.new.token)
    balance, kept, out = holding.of(kind), holding.kept(kind), holding.out(kind) + holding.stuck(kind)
    if balance - kept - out >= needed:
        return
    parts = [f"balance: {balance}"]
    parts += [f"sum of active orders: {kept}"] if kept else []
    parts += [f"sum of matched orders: {out}"] if out else []
    told = ", ".join([*parts, f"order amount: {needed}"])
    raise Refused(f"not enough balance / allowance: the balance is not enough -> {told}")
