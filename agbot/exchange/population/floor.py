"""What every participant sees: the exchange, the open markets, and the fair price it may or may not know."""

from __future__ import annotations

import random
from typing import Final, Protocol

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing
from agbot.exchange.population.belief import Belief
from agbot.exchange.population.config import Config
from agbot.model.events import Level
from agbot.model.order import Side
from agbot.units import SCALE

_FINEST_QUOTED: Final = 1_000
"""Nobody here thinks in less than a tenth of a cent, however fine the tick."""


class Actor(Protocol):
    """Somebody who does something now and then."""

    def act(self, floor: Floor, now_ns: int) -> None:
        """Do what is to be done now; a bounded number of calls of the exchange."""

    def pause_s(self, floor: Floor) -> float:
        """Return the mean time until the next act; 0 for never again."""


class Seat:
    """One market on the floor: its belief, its place in it, and how popular it is."""

    def __init__(self, listing: Listing, belief: Belief, place: int, popularity: float) -> None:
        self.listing = listing
        self.first_tick = listing.market.tick
        self.belief = belief
        self.place = place
        self.popularity = popularity

    @property
    def fair(self) -> float:
        """Return the fair YES price, between 0 and 1."""
        return self.belief.prices[self.place]


class Floor:
    """All open markets of the population."""

    def __init__(self, core: Exchange, config: Config) -> None:
        self.core = core
        self.config = config
        self.seats: dict[str, Seat] = {}
        """By condition id."""
        self._open: list[Seat] = []
        self._weights: list[float] = []

    def seat(self, seat: Seat) -> None:
        """Open a market for participants."""
        self.seats[seat.listing.condition] = seat
        self._count()

    def leave(self, condition: str) -> None:
        """Close a market for participants."""
        self.seats.pop(condition, None)
        self._count()

    @property
    def open(self) -> list[Seat]:
        """Return the markets that participants trade, in the order they were opened."""
        return self._open

    def somewhere(self, rng: random.Random) -> Seat | None:
        """Return a market, popular ones more often; None when none takes orders."""
        if not self._open:
            return None
        seat = rng.choices(self._open, cum_weights=self._weights)[0]
        return seat if tradable(seat.listing) else None

    def best(self, listing: Listing, side: Side) -> Level | None:
        """Return the best YES level of BUY (bids) or SELL (asks)."""
        return self.core.best(listing, side)

    def _count(self) -> None:
        self._open = list(self.seats.values())
        total, self._weights = 0.0, []
        for seat in self._open:
            total += seat.popularity
            self._weights.append(total)


def tradable(listing: Listing) -> bool:
    """Return whether a market takes orders."""
    return listing.accepting and listing.winner is None


def grid(listing: Listing) -> int:
    """Return the step of the prices that participants think in: the market's tick, or a tenth of a cent."""
    return max(listing.market.tick, _FINEST_QUOTED)


def on_grid(price: float, step: int) -> int:
    """Return the multiple of `step` nearest to `price` (10⁻⁶ usd) that an order may have."""
    return min(max(round(price / step), 1), SCALE // step - 1) * step
