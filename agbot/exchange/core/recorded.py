"""A recorded stream as a market's background: one aggregated participant per YES level; orders queue behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from agbot.exchange.core.model import Leg, Listing, Order, OrderStatus
from agbot.exchange.core.register import Orders
from agbot.exchange.core.trading import UNPAID, Trading, house_order
from agbot.matching.book import ConditionBook, MakerMatch
from agbot.model.events import BID, BookDelta, BookSnapshot, Level, TradePrint
from agbot.model.ids import TokenId
from agbot.model.order import Side
from agbot.units import complement, notional

Recording: TypeAlias = BookSnapshot | BookDelta | TradePrint


class Recorded:
    """Applies recorded messages to the books; where they reach somebody's order, the house trades with it."""

    def __init__(self, books: Mapping[str, ConditionBook], orders: Orders, trading: Trading) -> None:
        self._books = books
        self._orders = orders
        self._trading = trading

    def apply(self, listing: Listing, event: Recording, now_ns: int) -> None:
        """Apply one message; books of the NO token are passed over, they mirror the YES token's."""
        book, yes = self._books[listing.condition], event.token == listing.market.yes
        match event:
            case BookSnapshot() if yes:
                for side, levels in ((Side.BUY, event.bids), (Side.SELL, event.asks)):
                    self._touch(listing, side, book.levels(side).prices(), levels)
                matches = book.snapshot(event.bids, event.asks)
            case BookDelta() if yes:
                for which, price, _ in event.changes:
                    self._trading.touch(listing, Side.BUY if which == BID else Side.SELL, price)
                matches = book.change(event.changes)
            case TradePrint():
                side, price = (event.side, event.price) if yes else (event.side.other, complement(event.price))
                matches = book.trade(side, price, event.size)
            case _:
                return
        self._trade(listing, matches, now_ns)
        self._trading.flush(listing, now_ns)

    def _touch(self, listing: Listing, side: Side, old: Sequence[int], new: Sequence[Level]) -> None:
        for price in dict.fromkeys([*old, *(price for price, _ in new)]):
            self._trading.touch(listing, side, price)

    def _trade(self, listing: Listing, matches: Sequence[MakerMatch], now_ns: int) -> None:
        """Let the house be the taker of what the recording reached, one trade a price."""
        found = [(self._living(match), match) for match in matches]
        for (side, price), group in groupby(found, lambda pair: (_yes_side(pair[0]), pair[1].price)):
            makers = [(maker, match.size) for maker, match in group]
            size = sum(part for _, part in makers)
            taker = house_order(listing, side.other, price, size, now_ns)
            spent: Counter[tuple[str, TokenId | None]] = Counter()
            legs = [leg for maker, part in makers if (leg := self._maker(maker, taker, price, part, spent))]
            for maker, _ in makers:
                if all(leg.order is not maker for leg in legs):
                    self._trading.take_off(maker, OrderStatus.CANCELED_NOT_ENOUGH_BALANCE, UNPAID, now_ns)
            self._trading.touch(listing, side, price)
            if legs:
                size = sum(leg.size for leg in legs)
                value = sum(_yes_value(leg, price) for leg in legs)
                self._trading.begin(self._trading.leg(taker, price, size, value=value), legs, now_ns)

    def _living(self, match: MakerMatch) -> Order:
        order = self._orders.get(match.id)
        assert order is not None, f"order {match.id} rests and is not known"
        return order

    def _maker(
        self, maker: Order, taker: Order, price: int, size: int, spent: Counter[tuple[str, TokenId | None]]
    ) -> Leg | None:
        """Return a maker's leg, its cost added to `spent`; None when its wallet can no longer pay that too."""
        leg = self._trading.maker_leg(maker, taker, price, size)
        kind = None if leg.side is Side.BUY else TokenId(leg.token)
        total = spent[maker.new.maker, kind] + (leg.value if kind is None else size)
        if self._trading.spendable(maker.new.maker, kind) < total:
            return None
        spent[maker.new.maker, kind] = total
        return leg


def _yes_side(order: Order) -> Side:
    return order.new.side if order.new.token == order.listing.market.yes else order.new.side.other


def _yes_value(leg: Leg, price: int) -> int:
    """Return what the house, which trades YES, gives or takes against a leg."""
    return notional(price, leg.size)
