"""Market makers: quote both sides around what they believe, lean against their inventory, replace what became wrong."""

from __future__ import annotations

import enum
import math
from typing import Final

from agbot.exchange.core.model import Listing, Order
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Floor, Seat, grid, tradable
from agbot.exchange.population.wish import Wish
from agbot.model.events import Level
from agbot.model.order import Side
from agbot.units import SCALE

_LEVELS: Final = (5, 7)
_PLACED_AT_ONCE: Final = 10
_LEARNS: Final = (0.45, 0.85)
"""How much of the way to the fair price a maker's own estimate goes in one look."""
_MISJUDGES: Final = 0.15
"""Standard deviation of what a maker gets wrong in one look, in grid steps."""
_LEAN_AT: Final = 12
"""Inventory of this many best-level sizes shifts quotes by `_LEAN` grid steps; more does not shift them further."""
_LEAN: Final = 2.0
_PAIRS_KEPT: Final = 20


class Style(enum.Enum):
    """How a maker shows its two sides; all four kinds of orders occur, so shares are passed on, minted and merged."""

    PAIRS = (False, False)
    """Bids BUY YES, asks SELL YES."""
    CASH = (False, True)
    """Bids BUY YES, asks BUY NO."""
    SHARES = (True, False)
    """Bids SELL NO, asks SELL YES."""
    MIRROR = (True, True)
    """Bids SELL NO, asks BUY NO."""

    def on_no(self, side: Side) -> bool:
        """Return whether a YES side is shown on the NO token."""
        return self.value[0 if side is Side.BUY else 1]


class Maker:
    """One market maker in one market. Its quotes never cross anybody's: where the book is in the way it waits.

    Args:
        style: which tokens it uses.
        size: what it shows on its best level, 10⁻⁶ shares.
    """

    def __init__(self, desk: Desk, seat: Seat, style: Style, size: int) -> None:
        self.desk = desk
        self.seat = seat
        self._style = style
        rng = desk.rng
        self._size = size
        self._depth = rng.randint(*_LEVELS)
        self._half = rng.uniform(0.45, 1.1)
        self._gap = rng.choice((1, 1, 2))
        self._learns = rng.uniform(*_LEARNS)
        self._shape = [rng.uniform(0.5, 1.5) * (1.0 + 0.35 * i) for i in range(self._depth)]
        self._estimate = seat.fair
        self._quotes: dict[tuple[Side, int], Order] = {}

    def pause_s(self, floor: Floor) -> float:
        """Return the mean time between looks; shorter in unrest."""
        gone = self.seat.listing.condition not in floor.seats
        return 0.0 if gone else floor.config.maker_every_s / (1.0 + self.seat.belief.unrest)

    def act(self, floor: Floor, now_ns: int) -> None:
        """Look at the market once."""
        listing = self.seat.listing
        self._quotes = {at: order for at, order in self._quotes.items() if order.living}
        if not tradable(listing):
            self.desk.cancel(floor.core, self._quotes.values(), now_ns)
            return
        wanted = self._wanted(floor, listing)
        stale = {at: o for at, o in self._quotes.items() if at not in wanted or 3 * o.remaining < wanted[at]}
        self.desk.cancel(floor.core, stale.values(), now_ns)
        self._quotes = {at: o for at, o in self._quotes.items() if at not in stale}
        self._show(floor, listing, wanted, now_ns)
        self.desk.merge(floor.core, listing, _PAIRS_KEPT * self._size)

    def _targets(self, floor: Floor, listing: Listing) -> tuple[int, int]:
        """Return where best bid and best ask should be, in grid steps of YES; never locked, never off the grid."""
        step, rng = grid(listing), self.desk.rng
        self._estimate += (self.seat.fair - self._estimate) * self._learns
        inventory = self.desk.net(floor.core, listing) / (self._size * _LEAN_AT)
        middle = self._estimate * SCALE / step + rng.gauss(0.0, _MISJUDGES) - _LEAN * min(max(inventory, -1.0), 1.0)
        half = self._half * (1.0 + self.seat.belief.unrest)
        bid = min(max(math.floor(middle - half), 1), SCALE // step - 2)
        return bid, min(max(math.ceil(middle + half), bid + 1), SCALE // step - 1)

    def _wanted(self, floor: Floor, listing: Listing) -> dict[tuple[Side, int], int]:
        """Return the size wanted at each YES side and price, the best prices first; none would trade at once."""
        step = grid(listing)
        targets = self._targets(floor, listing)
        ends = {side: _last_passive(floor.best(listing, side.other), side, step) for side in Side}
        wanted: dict[tuple[Side, int], int] = {}
        for i, share in enumerate(self._shape):
            size = round(self._size * share)
            for side, target in zip((Side.BUY, Side.SELL), targets, strict=True):
                index = target - side.sign * self._gap * i
                index = min(index, ends[side]) if side is Side.BUY else max(index, ends[side])
                if 0 < index < SCALE // step:
                    wanted.setdefault((side, index * step), size)
        return wanted

    def _show(self, floor: Floor, listing: Listing, wanted: dict[tuple[Side, int], int], now_ns: int) -> None:
        missing = [at for at in wanted if at not in self._quotes]
        for side, price in missing[:_PLACED_AT_ONCE]:
            wish = Wish(listing=listing, side=side, price=price, on_no=self._style.on_no(side), post_only=True)
            order = self.desk.place(floor.core, wish.rested(wanted[side, price]), now_ns)
            if order is not None and order.living:
                self._quotes[side, price] = order


def _last_passive(other: Level | None, side: Side, step: int) -> int:
    """Return the index of the best price on `side` that does not reach the other side's best level."""
    if other is None:
        return SCALE // step if side is Side.BUY else 0
    return -(-other[0] // step) - 1 if side is Side.BUY else other[0] // step + 1
