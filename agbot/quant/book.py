"""A book of claims and what could become of it: its exact law at resolution, its worst case, Greeks, and shocks.

Profit is measured from the mark: YES at `price`, NO at 1 − `price`. In an event with one winner the prices are the
probabilities; what they lack of 1 is an outcome nobody named, and what they have beyond it is taken off in proportion.
Events are independent of each other. Sizes and values are rounded to cents before they are laid on one grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from agbot.quant.limits import shocked
from agbot.quant.logit import ClaimGreeks, claim_greeks
from agbot.quant.loss import Holding, Law, binary, enumerated, together

CENT: Final = 10_000
UNIT: Final = 1_000_000


@attrs.frozen(kw_only=True)
class Claim:
    """What is held of one market. Shares are never below zero; prices are of YES, as fractions of a usd.

    Args:
        event: markets of the same one resolve together; with `exclusive`, exactly one of them to YES.
        bid: what YES brings now, 0 without a bid; `ask`: what YES costs now, 1 without an offer.
        fee_rate: of a taker.
    """

    market: str
    event: str = ""
    exclusive: bool = False
    yes: float = 0.0
    no: float = 0.0
    price: float
    bid: float = 0.0
    ask: float = 1.0
    fee_rate: float = 0.0

    @property
    def value(self) -> float:
        """Return what it is worth at the mark, usd."""
        return self.worth(self.price)

    def worth(self, price: float) -> float:
        """Return what it would be worth with YES at `price`, usd."""
        return self.yes * price + self.no * (1 - price)

    def sold(self, bid: float, ask: float, fee_rate: float) -> float:
        """Return what selling all of it brings, usd, fees taken off."""
        parts = ((self.yes, bid), (self.no, 1 - ask))
        return math.fsum(size * (price - fee_rate * price * (1 - price)) for size, price in parts)


Book = Sequence[Claim]


def events(book: Book) -> list[Book]:
    """Return the claims by what resolves together: an exclusive event is one, any other market its own."""
    found: dict[tuple[str, bool], list[Claim]] = {}
    for claim in book:
        joined = claim.exclusive and bool(claim.event)
        found.setdefault((claim.event, True) if joined else (claim.market, False), []).append(claim)
    return list(found.values())


def law(book: Book) -> Law:
    """Return the exact law of the profit if everything is held until it resolves, 10⁻⁶ usd."""
    return together(_law(event) for event in events(book))


def _law(event: Book) -> Law:
    if len(event) == 1 and not (event[0].exclusive and event[0].event):
        (claim,) = event
        yes, no, value = _cents(claim.yes), _cents(claim.no), _cents(claim.value)
        return binary(yes - no, value - no, claim.price)
    whole = max(1.0, math.fsum(claim.price for claim in event))
    held = [Holding(probability=claim.price / whole, yes=_cents(claim.yes), no=_cents(claim.no)) for claim in event]
    other = max(0.0, 1 - math.fsum(holding.probability for holding in held))
    cash = -_cents(math.fsum(claim.value for claim in event))
    return enumerated(held, cash, other if other > 1e-12 else 0.0)[1]


def worst_by_event(book: Book) -> dict[str, float]:
    """Return the most each event can lose against the mark, usd, by its name."""
    return {_name(event): _law(event).worst() / UNIT for event in events(book)}


def greeks(book: Book, logit_vol: float) -> dict[str, ClaimGreeks]:
    """Return by event what a move of price or logit does; `price_vol` adds up as if all moved together.

    Args:
        logit_vol: of the logit, per square root of a year.
    """
    return {
        _name(event): _summed(claim_greeks(_inside(c.price), c.yes - c.no, logit_vol) for c in event)
        for event in events(book)
    }


def _summed(parts: Iterable[ClaimGreeks]) -> ClaimGreeks:
    rows = list(parts)
    return ClaimGreeks(
        math.fsum(r.price_delta for r in rows),
        math.fsum(r.logit_delta for r in rows),
        math.fsum(r.logit_gamma for r in rows),
        math.fsum(abs(r.price_delta) * r.price_vol for r in rows),
    )


def _inside(price: float) -> float:
    return min(max(price, 1e-6), 1 - 1e-6)


def _name(event: Book) -> str:
    return event[0].event if event[0].exclusive and event[0].event else event[0].market


def _cents(amount: float) -> int:
    return round(amount * 100) * CENT


# ---------------------------------------------------------------- shocks


def repriced(book: Book, price_of: Callable[[Claim], float]) -> float:
    """Return what the book gains, usd, when each market's YES is priced anew."""
    return math.fsum(claim.worth(price_of(claim)) - claim.value for claim in book)


def moved(book: Book, logits: float) -> float:
    """Return what the book gains when every YES moves by so many logits."""
    return repriced(book, lambda claim: shocked(claim.price, logits))


def moved_against(book: Book, logits: float) -> float:
    """Return what it gains, below zero, when every market moves so many logits against what is held of it."""
    return repriced(book, lambda claim: shocked(claim.price, -logits if claim.yes >= claim.no else logits))


def resolved(book: Book, yes: Callable[[Claim, Book], bool]) -> float:
    """Return what it gains when each market resolves as `yes` says of it and its event."""
    return math.fsum(claim.worth(float(yes(claim, event))) - claim.value for event in events(book) for claim in event)


def exited(book: Book, *, of_the_bid: float = 1.0, fees: float = 1.0) -> float:
    """Return what selling all of it at once brings beyond the mark, with bids and fees times so much."""
    return math.fsum(
        claim.sold(claim.bid * of_the_bid, 1 - (1 - claim.ask) * of_the_bid, claim.fee_rate * fees) - claim.value
        for claim in book
    )


def _favourite(claim: Claim, event: Book) -> bool:
    if claim.exclusive and claim.event:
        return claim is max(event, key=lambda each: each.price)
    return claim.price >= 0.5


def _underdog(claim: Claim, event: Book) -> bool:
    if claim.exclusive and claim.event:
        return claim is min(event, key=lambda each: each.price)
    return claim.price < 0.5


SCENARIOS: Final[Mapping[str, tuple[str, Callable[[Book], float]]]] = {
    "all against": ("every event resolves the way that costs most", lambda b: -math.fsum(worst_by_event(b).values())),
    "favourites win": ("in every event the likeliest outcome comes true", lambda b: resolved(b, _favourite)),
    "favourites lose": ("in every event the least likely outcome comes true", lambda b: resolved(b, _underdog)),
    "all YES up": ("every YES rises by one logit", lambda b: moved(b, 1.0)),
    "all YES down": ("every YES falls by one logit", lambda b: moved(b, -1.0)),
    "volatility twice": ("every market moves two logits against what is held", lambda b: moved_against(b, 2.0)),
    "election night": (
        "three logits against what is held, as on 2024-11-05: 0.60 becomes 0.07",
        lambda b: moved_against(b, 3.0),
    ),
    "exit now": ("all is sold at the best bids, fees paid", exited),
    "liquidity gone": ("all is sold at half of the best bids", lambda b: exited(b, of_the_bid=0.5)),
    "fees twice": ("all is sold at the best bids, taker fees twice as high", lambda b: exited(b, fees=2.0)),
    "one invalid": (
        "the market where it costs most resolves 50/50",
        lambda b: min((repriced([claim], lambda _: 0.5) for claim in b), default=0.0),
    ),
    "venue down for an hour": (
        "half a logit against what is held, then all is sold at bids that moved along",
        lambda b: math.fsum(_after_an_hour(claim) for claim in b),
    ),
}
"""By name: what happens, and what it brings (usd, below zero for a loss)."""


def _after_an_hour(claim: Claim) -> float:
    way = -0.5 if claim.yes >= claim.no else 0.5
    bid, ask = shocked(claim.bid, way), shocked(claim.ask, way)
    return claim.sold(bid, ask, claim.fee_rate) - claim.value
