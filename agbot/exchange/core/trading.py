"""What an order does on the book: its plan, its trades, its rest, its end. The exchange's state is the `Floor`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Final

import attrs

from agbot.exchange.core.gate import as_command, check_funds, check_shape, opened
from agbot.exchange.core.model import (
    BookChanged,
    Fact,
    Leg,
    Listing,
    NewOrder,
    Order,
    OrderNews,
    OrderStatus,
    OrderTold,
    Placed,
    Refused,
    Trade,
    Traded,
)
from agbot.exchange.core.register import Orders
from agbot.exchange.core.settling import Settlement
from agbot.exchange.core.terms import Terms
from agbot.matching.book import ConditionBook, Offer
from agbot.matching.checks import FAK_KILLED, FOK_KILLED, SELF_TRADE, taking_refusal
from agbot.matching.clearing import HOUSE, Ledger
from agbot.matching.crossing import Fill, Plan, Taker
from agbot.model.events import ASK, BID
from agbot.model.fees import taker_fee
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, complement, token_value

ARRIVE: Final = "arrive"
EXPIRE: Final = "expire"
SETTLE: Final = "settle"
UNPAID: Final = "not enough balance / allowance"
FAK_REST: Final = "order couldn't be fully filled. The rest of a FAK order is cancelled."
_PAIRS: Final = {Side.BUY: "mint", Side.SELL: "merge"}


@attrs.frozen(kw_only=True)
class Floor:
    """What trading changes, and how it tells of it; `schedule` lets something named happen at a time."""

    terms: Terms
    accounts: Ledger
    orders: Orders
    settlement: Settlement
    books: dict[str, ConditionBook]
    tell: Callable[[Fact], None]
    schedule: Callable[[int, str, str], None]


class Trading:
    """Takes orders and lets them trade; each call leaves the books uncrossed and the ledger conserved."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._touched: dict[str, dict[tuple[Side, int], None]] = {}

    def place(self, new: NewOrder, listing: Listing, now_ns: int) -> Placed:
        """Take an order, or raise Refused; a refused order leaves nothing behind."""
        floor = self._floor
        order = opened(new, listing, now_ns)
        command = as_command(order)
        check_shape(order, command, floor.terms.orders)
        plan, skipped = self._plan(order)
        if self._meets_own(order, plan):
            raise Refused(SELF_TRADE)
        refusal = taking_refusal(command, bool(plan.fills), plan.complete, floor.terms.orders)
        if refusal is not None:
            raise Refused(refusal)
        check_funds(order, floor.accounts.holding(new.maker), self._needed(order, plan))
        floor.orders.add(order)
        if plan.fills and listing.taker_delay_ns:
            return self._delay(order, now_ns)
        floor.tell(OrderTold(order, OrderNews.PLACEMENT, now_ns))
        return Placed(order, self._execute(order, plan, skipped, now_ns))

    def arrive(self, order: Order, now_ns: int) -> None:
        """Let an order that was delayed act on the book of now."""
        order.status = OrderStatus.LIVE
        plan, skipped = self._plan(order)
        if order.new.order_type is TimeInForce.FOK and not plan.complete:
            self.take_off(order, OrderStatus.CANCELED, FOK_KILLED, now_ns)
        elif order.new.order_type.immediate and not plan.fills:
            self.take_off(order, OrderStatus.CANCELED, FAK_KILLED, now_ns)
        elif self._meets_own(order, plan):
            self.take_off(order, OrderStatus.CANCELED, SELF_TRADE, now_ns)
        elif not self._funded(order, plan):
            self.take_off(order, OrderStatus.CANCELED_NOT_ENOUGH_BALANCE, UNPAID, now_ns)
        else:
            self._floor.tell(OrderTold(order, OrderNews.UPDATE, now_ns))
            self._execute(order, plan, skipped, now_ns)

    def take_off(self, order: Order, status: OrderStatus, reason: str, now_ns: int) -> None:
        """End a living order; `flush` its market afterwards."""
        resting = self._floor.books[order.listing.condition].remove(ClientOrderId(order.id))
        if resting is not None:
            self.touch(order.listing, resting.side, resting.price)
        order.reason = reason
        self._end(order, status)
        self._floor.tell(OrderTold(order, OrderNews.CANCELLATION, now_ns))

    def touch(self, listing: Listing, side: Side, price: int) -> None:
        """Note that a YES level changed, for the next `flush`."""
        self._touched.setdefault(listing.condition, {})[side, price] = None

    def flush(self, listing: Listing, now_ns: int) -> None:
        """Tell every level of a market that changed since the last call, once."""
        touched = self._touched.pop(listing.condition, None)
        if not touched:
            return
        book = self._floor.books[listing.condition]
        changes = [(BID if s is Side.BUY else ASK, price, book.size(s, price)) for s, price in touched]
        self._floor.tell(BookChanged(listing, tuple(changes), now_ns))

    # ---------------------------------------------------------------- the plan

    def _taker(self, order: Order) -> Taker:
        at, left = (order.new.side, order.price), order.size - order.matched
        return Taker.of(order.listing.market, TokenId(order.new.token), at, size=left, budget=order.budget)

    def _plan(self, order: Order) -> tuple[Plan, list[Order]]:
        """Return what the order would trade with, and the makers passed over that must go: unpaid, or its own."""
        skipped: list[Order] = []
        spent: dict[tuple[str, TokenId | None], int] = {}
        cancels_own = self._floor.terms.self_trade == "cancel"

        def takes(offer: Offer) -> bool:
            maker = self._floor.orders.get(offer.order.id) if offer.order else None
            if maker is None:
                return True
            own = cancels_own and maker.new.maker == order.new.maker
            if own or not self._pays(maker, offer, spent):
                skipped.append(maker)
                return False
            return True

        return self._taker(order).plan(self._floor.books[order.listing.condition], takes), skipped

    def _pays(self, maker: Order, offer: Offer, spent: dict[tuple[str, TokenId | None], int]) -> bool:
        """Return whether a maker still has what its part could cost beside what the plan takes of it already."""
        wallet, buys = maker.new.maker, maker.new.side is Side.BUY
        kind = None if buys else TokenId(maker.new.token)
        cost = self._value(maker, offer.price, offer.size) if buys else offer.size
        total = spent.get((wallet, kind), 0) + cost
        if self._floor.accounts.holding(wallet).spendable(kind) < total:
            return False
        spent[wallet, kind] = total
        return True

    def _meets_own(self, order: Order, plan: Plan) -> bool:
        """Return whether it would trade with its own wallet where that is refused."""
        if self._floor.terms.self_trade != "refuse":
            return False
        found = (self._floor.orders.get(fill.offer.order.id) for fill in plan.fills if fill.offer.order)
        return any(maker is not None and maker.new.maker == order.new.maker for maker in found)

    def _needed(self, order: Order, plan: Plan) -> int:
        """Return what the wallet gives for the fills, their fees, and what would rest."""
        if order.new.side is Side.SELL:
            return order.size
        fees = sum(self._fee(order, price, size) for price, size, _ in _by_price(plan))
        return (order.budget or plan.value + self._cost(order, order.size - plan.size)) + fees

    def _funded(self, order: Order, plan: Plan) -> bool:
        """Return whether its wallet still has what a delayed order needs: fees were not held back for it."""
        kind = None if order.new.side is Side.BUY else TokenId(order.new.token)
        holding = self._floor.accounts.holding(order.new.maker)
        return holding.spendable(kind) - holding.kept(kind) + order.reserve >= self._needed(order, plan)

    # ---------------------------------------------------------------- acting

    def _delay(self, order: Order, now_ns: int) -> Placed:
        order.status = OrderStatus.DELAYED
        self._hold(order)
        self._floor.tell(OrderTold(order, OrderNews.PLACEMENT, now_ns))
        self._floor.schedule(now_ns + order.listing.taker_delay_ns, ARRIVE, order.id)
        return Placed(order)

    def _execute(self, order: Order, plan: Plan, skipped: Iterable[Order], now_ns: int) -> tuple[Trade, ...]:
        """Trade, then rest or end; the order is living and on no book."""
        for maker in skipped:
            own = maker.new.maker == order.new.maker
            status = OrderStatus.CANCELED if own else OrderStatus.CANCELED_NOT_ENOUGH_BALANCE
            self.take_off(maker, status, SELF_TRADE if own else UNPAID, now_ns)
        trades = tuple(self._trade(order, price, fills, now_ns) for price, _, fills in _by_price(plan))
        left = order.size - order.matched
        if plan.fills and (plan.complete if order.budget else left == 0):
            self._end(order, OrderStatus.MATCHED)
            self._floor.tell(OrderTold(order, OrderNews.UPDATE, now_ns))
        elif order.new.order_type.immediate:
            self.take_off(order, OrderStatus.CANCELED, FAK_REST, now_ns)
        else:
            self._rest(order, left, now_ns)
        self.flush(order.listing, now_ns)
        return trades

    def _rest(self, order: Order, size: int, now_ns: int) -> None:
        taker = self._taker(order)
        book = self._floor.books[order.listing.condition]
        book.rest(ClientOrderId(order.id), taker.side, taker.limit, size)
        self.touch(order.listing, taker.side, taker.limit)
        self._hold(order)
        if order.matched:
            self._floor.tell(OrderTold(order, OrderNews.UPDATE, now_ns))
        if order.new.order_type is TimeInForce.GTD:
            at_ns = order.new.expiration_s * NS_PER_S - self._floor.terms.orders.gtd_early_ns
            self._floor.schedule(at_ns, EXPIRE, order.id)

    def _trade(self, order: Order, yes_price: int, fills: Sequence[Fill], now_ns: int) -> Trade:
        """Trade an order with all makers of one price."""
        makers = [self._meet(order, fill, now_ns) for fill in fills]
        size, value = sum(fill.size for fill in fills), sum(fill.value for fill in fills)
        leg = self.leg(order, yes_price, size, value=value, fee=self._fee(order, yes_price, size))
        return self.begin(leg, makers, now_ns)

    def begin(self, taker: Leg, makers: Sequence[Leg], now_ns: int) -> Trade:
        """Begin a trade whose sizes have left the book, and count it in its orders."""
        listing, floor = taker.order.listing, self._floor
        trade = Trade(
            id=floor.settlement.name(),
            listing=listing,
            taker=taker,
            makers=tuple(makers),
            matched_ns=now_ns,
            updated_ns=now_ns,
        )
        yes = taker.token == listing.market.yes
        listing.last_price = taker.price if yes else complement(taker.price)
        listing.last_side = taker.side if yes else taker.side.other
        listing.volume += taker.value
        for leg in trade.legs:
            leg.order.matched += leg.size
            leg.order.trades.append(trade.id)
        floor.tell(Traded(trade, now_ns))
        floor.settlement.begin(trade)
        floor.schedule(now_ns + floor.terms.mined_after_ns + floor.settlement.lag_ns(trade), SETTLE, trade.id)
        for leg in makers:
            self._tell_maker(leg.order, now_ns)
        return trade

    def leg(self, order: Order, yes_price: int, size: int, *, value: int, fee: int = 0, kind: str = "normal") -> Leg:
        """Return an order's part of a trade at a YES price."""
        token = TokenId(order.new.token)
        yes = token == order.listing.market.yes
        price = yes_price if yes else complement(yes_price)
        return Leg(
            order=order, token=token, side=order.new.side, price=price, size=size, value=value, fee=fee, kind=kind
        )

    def maker_leg(self, maker: Order, taker: Order, yes_price: int, size: int) -> Leg:
        """Return the leg of an order that was met at its own price."""
        kind = "normal" if maker.new.token == taker.new.token else _PAIRS[taker.new.side]
        return self.leg(maker, yes_price, size, value=self._value(maker, yes_price, size), kind=kind)

    def _meet(self, taker: Order, fill: Fill, now_ns: int) -> Leg:
        """Take a fill off the book and return its maker's leg."""
        side = self._taker(taker).side
        self._floor.books[taker.listing.condition].hit(side, fill.offer, fill.size)
        self.touch(taker.listing, side.other, fill.price)
        maker = self._floor.orders.get(fill.offer.order.id) if fill.offer.order else None
        if maker is None:
            maker = house_order(taker.listing, side.other, fill.price, fill.size, now_ns)
        return self.maker_leg(maker, taker, fill.price, fill.size)

    def _tell_maker(self, maker: Order, now_ns: int) -> None:
        if maker.new.maker == HOUSE:
            return
        if maker.matched >= maker.size:
            self._end(maker, OrderStatus.MATCHED)
        else:
            self._hold(maker)
        self._floor.tell(OrderTold(maker, OrderNews.UPDATE, now_ns))

    # ---------------------------------------------------------------- money of orders

    def spendable(self, wallet: str, token: TokenId | None) -> int:
        """Return what a wallet can still promise, usd for None."""
        return self._floor.accounts.holding(wallet).spendable(token)

    def _value(self, order: Order, yes_price: int, size: int) -> int:
        yes = order.new.token == order.listing.market.yes
        return token_value(yes_price if yes else complement(yes_price), size, yes=yes)

    def _cost(self, order: Order, size: int) -> int:
        """Return what `size` shares cost or are at the order's own limit."""
        if order.new.side is Side.SELL:
            return size
        return token_value(order.price, size, yes=order.new.token == order.listing.market.yes)

    def _fee(self, order: Order, yes_price: int, size: int) -> int:
        market = order.listing.market
        rounding = self._floor.terms.orders.fee_rounding
        fee = taker_fee(size, yes_price, market.fee_rate, market.fee_exponent, rounding)
        # a sale never costs more than it brings
        return fee if order.new.side is Side.BUY else min(fee, self._value(order, yes_price, size))

    def _end(self, order: Order, status: OrderStatus) -> None:
        order.status = status
        self._hold(order)
        self._floor.orders.end(order)

    def _hold(self, order: Order) -> None:
        """Make what an order holds back fit what can still trade of it."""
        kind = None if order.new.side is Side.BUY else TokenId(order.new.token)
        wanted = (order.budget or self._cost(order, order.remaining)) if order.living else 0
        self._floor.accounts.holding(order.new.maker).keep(kind, wanted - order.reserve)
        order.reserve = wanted


def house_order(listing: Listing, yes_side: Side, price: int, size: int, now_ns: int) -> Order:
    """Return an order of the recorded background for what it trades: it is nobody's and is told to nobody."""
    new = NewOrder(
        id="0x" + "0" * 64,
        address="",
        owner="",
        maker=HOUSE,
        token=listing.market.yes,
        side=yes_side,
        maker_amount=0,
        taker_amount=0,
    )
    return Order(new=new, listing=listing, price=price, size=size, created_ns=now_ns)


def _by_price(plan: Plan) -> Iterable[tuple[int, int, list[Fill]]]:
    """Yield price, size and fills of each price of a plan, best first."""
    for price, group in groupby(plan.fills, lambda fill: fill.price):
        fills = list(group)
        yield price, sum(fill.size for fill in fills), fills
