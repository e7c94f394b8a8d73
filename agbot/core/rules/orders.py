"""Policies on one order: its price, size and pace, what it would meet, and whether it is worth its costs. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import attrs

from agbot.core.rules.measured import Measured, NotKnown, usd
from agbot.model.fees import taker_fee
from agbot.units import NS_PER_S, SCALE, complement, notional, to_text
from agbot.words import many

if TYPE_CHECKING:
    from agbot.core.oms import OrderRecord
    from agbot.core.prospect import Prospect


def price_text(price: float) -> str:
    """Return a price, or a distance of prices, as a person reads it."""
    return to_text(round(price))


@attrs.frozen
class FatFinger(Measured):
    """At most `max_size` shares and `max_usd` in one order; for the way out too."""

    max_size: int
    max_usd: int
    standing: ClassVar[bool] = False

    def _after(self, asked: Prospect) -> float:
        """Return the larger part of the two, where 10⁶ is all of it."""
        order = asked.order
        value = order.budget or notional(order.price, order.size)
        return max(_part(order.size, self.max_size), _part(value, self.max_usd))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return SCALE

    def _shown(self, value: float) -> str:
        return f"{value * 100 / SCALE:.2f} % of the limit"

    def __str__(self) -> str:
        return f"at most {to_text(self.max_size)} shares and {usd(self.max_usd)} in one order"


def _part(amount: int, most: int) -> float:
    return amount * SCALE / most if most else math.inf


@attrs.frozen
class OrderRate(Measured):
    """At most `max_orders` orders within `per_sec` seconds; cancels are never held back."""

    max_orders: int
    per_sec: int = NS_PER_S
    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False

    def _shown(self, value: float) -> str:
        return many(f"{value:.0f}", "order")

    def _after(self, asked: Prospect) -> float:
        return asked.sent_since(asked.now_ns - self.per_sec + 1) + 1

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_orders

    def __str__(self) -> str:
        return f"at most {self.max_orders} orders within {to_text(self.per_sec // 1000)} s"


@attrs.frozen
class PriceBand(Measured):
    """No buy more than `max_away` (usd a share) above the mid of its book, no sale as far below it.

    Where only one side is there, it stands for the mid; an empty book says nothing, and nothing passes.
    """

    max_away: int
    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False

    def _shown(self, value: float) -> str:
        return price_text(value)

    def _after(self, asked: Prospect) -> float:
        """Return how far beyond the mid the order may trade."""
        order, book = asked.order, asked.book
        quotes = [price for price in (book.best_bid, book.best_ask) if 0 < price < SCALE]
        if not quotes:
            raise NotKnown("the book is empty: there is no price to compare with")
        return order.side.sign * (order.price - sum(quotes) / len(quotes))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_away

    def __str__(self) -> str:
        return f"no order more than {price_text(self.max_away)} beyond the mid"


@attrs.frozen
class Staleness(Measured):
    """No order on a book that nothing was heard of for `max_age_sec` seconds, but to make the position smaller."""

    max_age_sec: int
    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False
    opening: ClassVar[bool] = True

    def _shown(self, value: float) -> str:
        return f"{to_text(round(value) // 1000)} s"

    def _after(self, asked: Prospect) -> float:
        return asked.now_ns - asked.book.updated_ns

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_age_sec

    def __str__(self) -> str:
        return f"no order on a book older than {to_text(self.max_age_sec // 1000)} s"


@attrs.frozen
class SelfTrade(Measured):
    """No order that would meet one of ours: in the same token, or as a pair of YES and NO that is made or merged."""

    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False

    def _shown(self, value: float) -> str:
        return many(f"{value:.0f}", "order of ours", "orders of ours")

    def _after(self, asked: Prospect) -> float:
        return sum([_meet(asked, record) for record in asked.live])

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return 0

    def __str__(self) -> str:
        return "no order that would trade with one of ours"


def _meet(asked: Prospect, record: OrderRecord) -> bool:
    ours, order = record.command, asked.order
    if not record.remaining or (ours.token == order.token) == (ours.side is order.side):
        return False
    theirs = ours.price if ours.token == order.token else complement(ours.price)
    return (order.price - theirs) * order.side.sign >= 0


@attrs.frozen
class Universe(Measured):
    """Orders in the approved `markets` (ids or slugs) only, but to make a position smaller."""

    markets: tuple[str, ...]
    standing: ClassVar[bool] = False
    opening: ClassVar[bool] = True

    def _shown(self, value: float) -> str:
        return "not among the approved markets" if value else "approved"

    def _after(self, asked: Prospect) -> float:
        """Return 1 when the market is not approved."""
        return not any(map(asked.names.__contains__, map(str.lower, self.markets)))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return 0

    def __str__(self) -> str:
        return f"orders in {len(self.markets)} approved markets only"


@attrs.frozen
class MinEdge(Measured):
    """An order must be expected to gain at least `min_edge` (usd a share), its fee taken off, by its strategy's value.

    What makes the position smaller passes; an order whose strategy tells no value does not.
    """

    min_edge: int
    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False
    opening: ClassVar[bool] = True

    def _shown(self, value: float) -> str:
        return f"an edge of {price_text(-value)}"

    def _after(self, asked: Prospect) -> float:
        """Return the edge, negated: less is better."""
        order = asked.order
        if not order.fair:
            raise NotKnown("its strategy tells no value to compare with")
        return (asked.takes and _fee_of_a_share(asked, order.price)) - order.side.sign * (order.fair - order.price)

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return -self.min_edge

    def __str__(self) -> str:
        return f"an edge of at least {price_text(self.min_edge)} a share, fees taken off"


@attrs.frozen
class SlippageGuard(Measured):
    """What trades at once must not pay away more than a part of its edge beyond the best price, fees counted.

    The edge is from the best price to the strategy's value. `max_slippage` (usd a share), where it is given, holds as
    well, and alone where no value is told. A book too thin for the size is refused.
    """

    part_of_edge: int = SCALE // 2
    max_slippage: int | None = None
    standing: ClassVar[bool] = False
    exits: ClassVar[bool] = False

    def _shown(self, value: float) -> str:
        return f"{price_text(value)} a share"

    def _after(self, asked: Prospect) -> float:
        """Return what a share costs beyond the best price; 0 where nothing trades at once."""
        order, best = asked.order, asked.opposite
        if best is None and order.time_in_force.immediate:
            raise NotKnown("nobody is there to trade with")
        if best is None or not asked.takes:
            return 0
        value, there = asked.walked
        if there < order.size and order.time_in_force.immediate:
            raise NotKnown(f"the book has {to_text(there)} of {to_text(order.size)} shares")
        average = value * SCALE / there
        return order.side.sign * (average - best) + _fee_of_a_share(asked, round(average))

    def _limit(self, asked: Prospect) -> float:
        limits = [] if self.max_slippage is None else [float(self.max_slippage)]
        order, best = asked.order, asked.opposite
        if best is None or not asked.takes:
            return 0
        if order.fair:
            limits.append(max(0, order.side.sign * (order.fair - best)) * self.part_of_edge / SCALE)
        if not limits:
            raise NotKnown("its strategy tells no value: what it may cost is open")
        return min(limits)

    def __str__(self) -> str:
        beyond = "" if self.max_slippage is None else f", at most {price_text(self.max_slippage)} a share"
        return f"at most {to_text(self.part_of_edge * 100)} % of the edge paid away{beyond}"


def _fee_of_a_share(asked: Prospect, price: int) -> int:
    market = asked.market
    return taker_fee(1000 * SCALE, price, market.fee_rate, market.fee_exponent) // 1000
