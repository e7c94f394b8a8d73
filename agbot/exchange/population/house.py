"""What happens to markets themselves: their odds move, their ticks become finer, they end and are followed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing
from agbot.exchange.population.belief import Belief
from agbot.exchange.population.config import Config
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Floor, Seat, tradable
from agbot.model.events import BookSnapshot
from agbot.model.order import Side
from agbot.units import SCALE

LOOKS_EVERY_S: Final = 1.0
"""How often the odds of one event move."""
_FINER_BELOW: Final = 0.04
_FINER_TICK: Final = 1_000
_PAID_AFTER_S: Final = 5.0
"""A resolved market is redeemed this much later: the shares of its last trades must arrive first."""
_UNSET: Final = 500_000
"""What a market says its last price is before it has one."""
_UNSEEN: Final = 0.01
_WIDEST: Final = 100_000


class Oracle:
    """Moves the odds of one event, and ends its markets when their time comes.

    Args:
        seats: the event's markets in the order of the belief.
        heard: called with the seats after a jump.
        ended: called with the seats after they were resolved.
    """

    def __init__(
        self,
        belief: Belief,
        seats: Sequence[Seat],
        heard: Callable[[list[Seat]], None],
        ended: Callable[[list[Seat]], None],
    ) -> None:
        self._belief = belief
        self._seats = list(seats)
        self._heard = heard
        self._ended = ended
        self._gone = False

    def pause_s(self, floor: Floor) -> float:  # noqa: ARG002 - an actor's shape
        """Return the time between looks."""
        return 0.0 if self._gone else LOOKS_EVERY_S

    def act(self, floor: Floor, now_ns: int) -> None:
        """Let the odds move until now."""
        if self._belief.advance(now_ns) and not self._belief.ended:
            self._heard(self._seats)
        if self._belief.ended:
            self._resolve(floor, now_ns)
        elif all(seat.listing.winner is not None for seat in self._seats):
            self._gone = True
            self._ended(self._seats)
        elif floor.config.finer_ticks:
            self._refine(floor, now_ns)

    def _resolve(self, floor: Floor, now_ns: int) -> None:
        for seat in self._seats:
            if seat.listing.winner is None:
                won = self._belief.answer == seat.place
                floor.core.resolve(seat.listing, seat.listing.tokens[0 if won else 1], now_ns)
        self._gone = True
        self._ended(self._seats)

    def _refine(self, floor: Floor, now_ns: int) -> None:
        for seat in self._seats:
            near = min(seat.fair, 1.0 - seat.fair) < _FINER_BELOW
            if near and seat.listing.market.tick > _FINER_TICK and tradable(seat.listing):
                floor.core.set_tick(seat.listing, _FINER_TICK, now_ns)


class Cashier:
    """Redeems for all participants what resolved markets pay, once."""

    def __init__(self, desks: Sequence[Desk], listings: Sequence[Listing]) -> None:
        self._desks = desks
        self._listings = listings
        self._paid = False

    def pause_s(self, floor: Floor) -> float:  # noqa: ARG002 - an actor's shape
        """Return how long the shares of the last trades are waited for."""
        return 0.0 if self._paid else _PAID_AFTER_S

    def act(self, floor: Floor, now_ns: int) -> None:  # noqa: ARG002 - an actor's shape
        """Redeem."""
        self._paid = True
        for desk in self._desks:
            for listing in self._listings:
                desk.redeem(floor.core, listing)


def homes(rng: random.Random, core: Exchange, listings: Sequence[Listing]) -> list[float]:
    """Return where the odds of one event start: at its books or last prices where there are any, else anywhere."""
    seen = [_seen(core, listing) for listing in listings]
    if len(listings) == 1:
        return [seen[0] or rng.uniform(0.25, 0.75)]
    invented = [0.6**i * rng.uniform(0.8, 1.2) for i in range(len(listings))]
    weights = [price or _UNSEEN for price in seen] if any(seen) else invented
    return [weight / sum(weights) for weight in weights]


def _seen(core: Exchange, listing: Listing) -> float | None:
    """Return the price a market shows, None when it shows none that means anything."""
    bid, ask = (core.best(listing, side) for side in Side)
    if bid and ask and ask[0] - bid[0] <= _WIDEST:
        return (bid[0] + ask[0]) / 2 / SCALE
    return None if listing.last_price == _UNSET else listing.last_price / SCALE


def take_over(core: Exchange, listing: Listing, now_ns: int) -> None:
    """Take off the size a market opened with that is nobody's order."""
    core.background(BookSnapshot(listing.market.yes, (), (), now_ns), now_ns)


def end_of(listings: Sequence[Listing], config: Config, now_ns: int) -> int:
    """Return when the markets of one event are resolved by their fair process; 0 for not, as of one long over."""
    end_ns = max(listing.market.end_ns for listing in listings)
    return end_ns if config.resolves and end_ns > now_ns else 0
