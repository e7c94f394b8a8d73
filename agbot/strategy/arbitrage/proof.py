"""An arbitrage as a thing that can be checked: equal shares, what each leg takes, what every outcome pays.

`verify` believes nothing of a proof: it walks the books anew, and enumerates the outcomes from what the identity says
about the markets, not from the states that the proof was found with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Final

import attrs

from agbot.core.view import BookView
from agbot.model.events import ASK, BID, Level
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import EVENTS, Basket, Identity, Want
from agbot.strategy.arbitrage.walk import Ladder, cash, fee_ceiling, take
from agbot.units import SCALE, on_tick, to_text, usd_text

DAY_NS: Final = 86_400_000_000_000
LEVELS_MAX: Final = SCALE // 100
"""More than any book has."""


@attrs.frozen(kw_only=True)
class Leg:
    """One order of a proof. `price` is the worst level it walks; `cash` what it costs with `fee`, below 0 for a sale.

    `ladder` is what there was to take.
    """

    market: Market
    want: Want
    size: int
    price: int
    taken: Sequence[Level]
    fee: int
    cash: int
    ladder: Ladder

    @property
    def token(self) -> TokenId:
        """Return the token that is traded."""
        return self.market.token(self.want.outcome)

    @property
    def side(self) -> Side:
        """Return the side of the order."""
        return self.want.side

    def __str__(self) -> str:
        return f"{self.side} {self.market.name} {self.want.outcome} {to_text(self.price)}"


@attrs.frozen(kw_only=True)
class Proof:
    """Why a basket gains whatever happens. Money in 10⁻⁶ usd, rounded against us.

    Args:
        size: shares of every leg, the same for all.
        payoffs: what each state of the basket brings, in the basket's order.
        fixed: costs beside the legs: gas, relayer, transfers.
        days: until the money is free again, 0 where nobody said.
    """

    basket: Basket
    legs: Sequence[Leg]
    size: int
    payoffs: Sequence[int]
    fixed: int = 0
    days: int = 0

    @property
    def cost(self) -> int:
        """Return what it costs, fees and fixed costs included; negative where sales bring more."""
        return sum(leg.cash for leg in self.legs) + self.fixed

    @property
    def worst(self) -> int:
        """Return the profit in the worst state, those left out in which two rules differ."""
        agreed = zip(self.basket.states, self.payoffs, strict=True)
        return min(paid for state, paid in agreed if not state.mismatch) - self.cost

    @property
    def worst_of_all(self) -> int:
        """Return the profit in the worst state of all."""
        return min(self.payoffs) - self.cost

    @property
    def expected(self) -> int:
        """Return `worst` less what a mismatch costs on average, rounded down: the whole set, with its probability."""
        return self.worst - -(-self.size * self.basket.mismatch // SCALE)

    @property
    def edge(self) -> int:
        """Return the expected profit of one set (10⁻⁶ usd), rounded down."""
        return self.expected * SCALE // self.size

    @property
    def riskless(self) -> bool:
        """Return whether no state loses."""
        return self.basket.riskless and self.worst_of_all >= 0

    @property
    def locked(self) -> int:
        """Return the money that is bound until the end: nothing where shares are sold for more than is bought."""
        return max(0, self.cost)

    @property
    def annualised(self) -> int | None:
        """Return the simple rate a year on the money bound (10⁻⁶), None where no end is known or nothing is bound."""
        if not (self.locked and self.days):
            return None
        return int(Fraction(self.expected * 365 * SCALE, self.locked * self.days))

    def __str__(self) -> str:
        legs = " + ".join(str(leg) for leg in self.legs)
        told = f"{self.basket.identity}: {to_text(self.size)} × ({legs}) costs {usd_text(self.cost)}"
        told += f", pays {usd_text(self.worst + self.cost)}, gains {usd_text(self.worst)}"
        if not self.basket.riskless:
            told += f", expected {usd_text(self.expected)}, at worst {usd_text(self.worst_of_all)}"
        return told + ("" if self.annualised is None else f", {to_text(self.annualised * 100)} % a year")


def leg_of(market: Market, want: Want, ladder: Ladder, size: int) -> Leg | None:
    """Return the leg that takes `size` shares of a ladder, None where it is too short."""
    taken = take(ladder, size)
    if not taken:
        return None
    return Leg(
        market=market,
        want=want,
        size=size,
        price=taken[-1][0],
        taken=taken,
        fee=sum(fee_ceiling(market, price, part) for price, part in taken),
        cash=cash(market, want.side, taken),
        ladder=ladder,
    )


def prove(basket: Basket, legs: Sequence[Leg], *, fixed: int = 0, now_ns: int = 0) -> Proof:
    """Return the proof of a basket with equal legs."""
    size = legs[0].size
    ends = [leg.market.end_ns for leg in legs]
    days = -(-max(0, max(ends) - now_ns) // DAY_NS) if all(ends) and now_ns else 0
    payoffs = [sum(s.pays(want) * size // SCALE for want in basket.wants) for s in basket.states]
    return Proof(basket=basket, legs=legs, size=size, payoffs=payoffs, fixed=fixed, days=days)


def verify(proof: Proof, books: Mapping[TokenId, BookView], *, outcomes: int = 0) -> str | None:
    """Return what is wrong with a proof, None when it holds.

    Args:
        books: of every token that it trades.
        outcomes: how many outcomes the event has, for YES of all.
    """
    if not proof.legs or [leg.want for leg in proof.legs] != list(proof.basket.wants):
        return "its legs are not its basket's"
    wrong = next((w for leg in proof.legs if (w := _wrong_leg(leg, proof.size, books[leg.token]))), None)
    if wrong:
        return wrong
    worlds = list(_worlds(proof.basket, outcomes))
    if not worlds:
        return f"{proof.basket.identity} does not say what these legs pay"
    paid = [sum(_pays(leg, world) for leg in proof.legs) for world in worlds]
    if min(paid) - proof.cost != proof.worst:
        return f"the worst outcome brings {usd_text(min(paid) - proof.cost)}, not {usd_text(proof.worst)}"
    return None if proof.worst >= 0 else f"the worst outcome loses {usd_text(-proof.worst)}"


def _wrong_leg(leg: Leg, size: int, book: BookView) -> str | None:
    if leg.size != size or size <= 0:
        return f"{leg}: {to_text(leg.size)} shares, not {to_text(size)} like the others"
    if size % leg.market.size_step or size < leg.market.min_size or not on_tick(leg.price, book.tick):
        return f"{leg}: the venue takes no such size or price"
    taken = take(book.top(ASK if leg.side is Side.BUY else BID, LEVELS_MAX), size)
    if taken is None or (taken[-1][0] - leg.price) * leg.side.sign > 0:
        return f"{leg}: the book does not hold {to_text(size)} shares at that price"
    dearer = cash(leg.market, leg.side, taken) - leg.cash
    return f"{leg}: costs {usd_text(dearer)} more than it says" if dearer > 0 else None


def _worlds(basket: Basket, outcomes: int) -> Iterator[Mapping[MarketId, int]]:
    """Yield every way the markets of a basket can resolve, by what the identity says about them."""
    markets = list(dict.fromkeys(want.market for want in basket.wants))
    if basket.identity in EVENTS:
        yield from ({m: SCALE * (m == winner) for m in markets} for winner in markets)
        if outcomes != len(markets):
            yield dict.fromkeys(markets, 0)
        return
    for pays in product((0, SCALE), repeat=len(markets)):
        a, b = pays[0], pays[-1]
        allowed = a <= b if basket.identity is Identity.IMPLICATION else a == b
        if allowed:
            yield dict(zip(markets, pays, strict=True))
    if basket.identity is Identity.COMPLETE_SET:
        yield {markets[0]: SCALE // 2}


def _pays(leg: Leg, world: Mapping[MarketId, int]) -> int:
    yes = world[leg.want.market]
    return leg.side.sign * (yes if leg.want.outcome is Outcome.YES else SCALE - yes) * leg.size // SCALE
