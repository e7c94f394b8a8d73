"""A neg-risk event whose arbitrages are known: at most instants its books stand around one pricing measure, so there is
none; at planted ones all YES, or all NO, are too cheap by more than the fees; near misses by less than the fees.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import attrs

from agbot.model.events import BookSnapshot, Level, MarketData
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.strategy.arbitrage.walk import unit
from agbot.units import NS_PER_S, SCALE, complement

EVENT: Final = "planted"
TICK: Final = 1_000
_LEVELS: Final = 3


class Truth(enum.StrEnum):
    """What an instant holds."""

    NOTHING = "nothing"
    NEAR_MISS = "less than the fees"
    ALL_YES = "YES of all"
    NO_SET = "NO of several"


@attrs.frozen
class Instant:
    """The books of every market at one time: YES bids and asks; NO mirrors them."""

    ts_ns: int
    truth: Truth
    books: Sequence[tuple[Sequence[Level], Sequence[Level]]]


@attrs.frozen
class PlantedEvent:
    """An event of `markets`, one of which wins, and its instants."""

    markets: Sequence[Market]
    instants: Sequence[Instant]

    def messages(self, instant: Instant) -> list[MarketData]:
        """Return the books of an instant as a feed tells them."""
        told: list[MarketData] = []
        for market, (bids, asks) in zip(self.markets, instant.books, strict=True):
            told.append(BookSnapshot(market.yes, tuple(bids), tuple(asks), instant.ts_ns))
            told.append(BookSnapshot(market.no, _mirrored(asks), _mirrored(bids), instant.ts_ns))
        return told


def planted_event(
    seed: int, *, outcomes: int = 4, instants: int = 40, fee_rate: int = 30_000, every_ns: int = 2 * NS_PER_S
) -> PlantedEvent:
    """Return an event; `seed` decides everything about it. Every fourth instant holds something, or nearly."""
    dice = random.Random(f"planted {seed}")  # noqa: S311 - a test's dice
    markets = [_market(i, fee_rate) for i in range(outcomes)]
    found = []
    for number in range(instants):
        truth = dice.choice([*Truth][1:]) if number % 4 == 2 else Truth.NOTHING
        books = _books(dice, markets, truth)
        found.append(Instant((number + 1) * every_ns, truth, books))
    return PlantedEvent(markets, found)


def _market(number: int, fee_rate: int) -> Market:
    name = f"outcome-{number}"
    return Market(
        id=MarketId(name),
        yes=TokenId(f"{name}-yes"),
        no=TokenId(f"{name}-no"),
        slug=name,
        tick=TICK,
        size_step=10_000,
        fee_rate=fee_rate,
        event_id=EVENT,
        neg_risk=True,
    )


def _books(
    dice: random.Random, markets: Sequence[Market], truth: Truth
) -> list[tuple[Sequence[Level], Sequence[Level]]]:
    """Return books whose best prices stand around a measure, one side of them moved towards and beyond it."""
    fair = _measure(dice, len(markets))
    asks = [price + TICK * dice.randint(1, 8) for price in fair]
    bids = [price - TICK * dice.randint(1, 8) for price in fair]
    if truth in (Truth.ALL_YES, Truth.NEAR_MISS):
        wide = 0 if truth is Truth.NEAR_MISS else dice.randint(5_000, 15_000)
        asks = _moved(dice, markets, asks, Side.BUY, wide)
        bids = [min(bid, ask - 2 * TICK) for bid, ask in zip(bids, asks, strict=True)]
    elif truth is Truth.NO_SET:
        bids = _moved(dice, markets, bids, Side.SELL, dice.randint(5_000, 15_000))
        asks = [max(ask, bid + 2 * TICK) for bid, ask in zip(bids, asks, strict=True)]
    return [(_ladder(dice, bid, -TICK), _ladder(dice, ask, TICK)) for bid, ask in zip(bids, asks, strict=True)]


def _measure(dice: random.Random, outcomes: int) -> list[int]:
    weights = [dice.randint(10, 40) for _ in range(outcomes)]
    ticks = [SCALE // TICK * weight // sum(weights) for weight in weights]
    ticks[0] += SCALE // TICK - sum(ticks)
    return [TICK * count for count in ticks]


def _moved(dice: random.Random, markets: Sequence[Market], prices: Sequence[int], side: Side, wide: int) -> list[int]:
    """Move prices tick by tick until a set of them, fees included, gains `wide`; with 0, until just before it gains.

    Buying YES at an ask and selling it at a bid (buying NO) differ in the sign only.
    """
    found = list(prices)
    while True:
        at = dice.randrange(len(found))
        tried = [price - side.sign * TICK * (i == at) for i, price in enumerate(found)]
        gain = side.sign * SCALE - sum((unit(m, side, p) for m, p in zip(markets, tried, strict=True)), Fraction())
        if not wide and gain >= 0:
            return found
        found = tried
        if wide and gain >= wide:
            return found


def _ladder(dice: random.Random, best: int, step: int) -> list[Level]:
    return [(best + step * i * 2, dice.randint(100, 400) * SCALE) for i in range(_LEVELS)]


def _mirrored(levels: Sequence[Level]) -> tuple[Level, ...]:
    return tuple((complement(price), size) for price, size in levels)
