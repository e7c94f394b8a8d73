"""What an incoming order takes: a walk over the reachable levels, bounded by size or by a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from agbot.matching.account import trade_value
from agbot.matching.book import first_of
from agbot.model.commands import PlaceOrder
from agbot.model.events import Level
from agbot.model.fees import FeeRounding, taker_fee
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import complement

LOT: Final = 10_000
"""Budget orders trade whole hundredths of a share: a rounded-up share would sit below the ask."""


def seen_from_yes(market: Market, order: PlaceOrder) -> tuple[Side, int]:
    """Return the order's side and limit as an order for YES."""
    if order.token == market.yes:
        return order.side, order.price
    return order.side.other, complement(order.price)


@attrs.frozen(kw_only=True)
class Taking:
    """The fills an order would make now, and the money they mean. Pure: nothing is taken yet."""

    market: Market
    order: PlaceOrder
    rounding: FeeRounding
    levels: Sequence[Level]

    def value(self, fills: Sequence[Level]) -> int:
        """Return the usd that changes hands."""
        return sum(trade_value(self.market, self.order.token, price, size) for price, size in fills)

    def fee(self, price: int, size: int) -> int:
        """Return the fee of one fill."""
        return taker_fee(size, price, self.market.fee_rate, self.market.fee_exponent, self.rounding)

    def fees(self, fills: Sequence[Level]) -> int:
        """Return the fees of all fills."""
        return sum(self.fee(price, size) for price, size in fills)

    def fills(self) -> list[Level]:
        """Return (YES price, size) of each fill, best first."""
        size = self._affordable() if self.order.budget else self.order.size
        return first_of(self.levels, size)

    def complete(self, fills: Sequence[Level]) -> bool:
        """Return whether all of the order is met: its size, or its budget as far as money goes.

        A budget is met unless the depth ended while the rest could still pay one more lot at the limit.
        """
        size = sum(part for _, part in fills)
        if not self.order.budget:
            return size == self.order.size
        if size + LOT <= self._depth():
            return True
        _, limit = seen_from_yes(self.market, self.order)
        return self._spend([*fills, (limit, LOT)]) > self.order.budget

    def cash_needed(self, limit: int, fills: Sequence[Level]) -> int:
        """Return the free cash these fills and the rest, resting at the YES price `limit`, call for.

        A sale needs cash only where a fee is larger than what the fill brings.
        """
        if self.order.side is Side.SELL:
            return sum(max(0, self.fee(*fill) - self.value([fill])) for fill in fills)
        if self.order.budget:
            return self.order.budget
        rest = self.order.size - sum(size for _, size in fills)
        piecewise = self.value([*fills, (limit, rest)])
        return max(self.value([(limit, self.order.size)]), piecewise) + self.fees(fills)

    def _affordable(self) -> int:
        """Return the most shares, in whole lots, whose price and fees together stay within the budget."""
        low, high = 0, self._depth() // LOT
        while low < high:
            middle = (low + high + 1) // 2
            if self._spend(first_of(self.levels, middle * LOT)) <= self.order.budget:
                low = middle
            else:
                high = middle - 1
        return low * LOT

    def _depth(self) -> int:
        return sum(size for _, size in self.levels)

    def _spend(self, fills: Sequence[Level]) -> int:
        return self.value(fills) + self.fees(fills)
