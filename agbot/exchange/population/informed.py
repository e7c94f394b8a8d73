"""Informed traders: they know the fair price, and trade where the book is off by more than it costs to say so."""

from __future__ import annotations

from typing import Final

from agbot.exchange.core.model import Listing
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Floor, Seat, grid, tradable
from agbot.exchange.population.wish import Wish, heavy_tailed
from agbot.model.events import Level
from agbot.model.fees import taker_fee
from agbot.model.order import Side, TimeInForce
from agbot.units import SCALE

_LOOKS_AT: Final = 4
_LARGER: Final = 3
"""What they trade at once, in noise traders' typical sizes."""
_MOST_HELD: Final = 100
"""Shares of one outcome they hold at most, in noise traders' typical sizes."""
_LETS_GO: Final = 0.3


class Informed:
    """One trader who knows.

    Args:
        margin: what must be left after costs, in grid steps.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._margin = desk.rng.uniform(0.3, 1.0)
        self._heard: list[Seat] = []

    def pause_s(self, floor: Floor) -> float:
        """Return the mean time between looks."""
        return floor.config.informed_every_s

    def hear(self, seats: list[Seat]) -> None:
        """Learn which markets just had news; they are looked at first."""
        self._heard = (seats + self._heard)[:_LOOKS_AT]

    def act(self, floor: Floor, now_ns: int) -> None:
        """Look at a few markets and trade in those that are wrong."""
        heard, self._heard = self._heard, []
        for seat in heard or self._some(floor):
            if tradable(seat.listing) and seat.listing.condition in floor.seats:
                self._look(floor, seat, now_ns)

    def _some(self, floor: Floor) -> list[Seat]:
        return self.desk.rng.sample(floor.open, min(_LOOKS_AT, len(floor.open)))

    def _look(self, floor: Floor, seat: Seat, now_ns: int) -> None:
        fair, listing = round(seat.fair * SCALE), seat.listing
        for side in (Side.BUY, Side.SELL):
            level = floor.best(listing, side.other)
            if level is not None and (fair - level[0]) * side.sign > self._cost(listing, level[0]):
                self._trade(floor, listing, side, fair, now_ns)
                return
        self._let_go(floor, listing, fair, now_ns)

    def _cost(self, listing: Listing, price: int) -> int:
        """Return what a share must gain to be worth it, 10⁻⁶ usd."""
        market = listing.market
        fee = taker_fee(100 * SCALE, price, market.fee_rate, market.fee_exponent) // 100
        return fee + round(self._margin * grid(listing))

    def _trade(self, floor: Floor, listing: Listing, side: Side, fair: int, now_ns: int) -> None:
        """Take everything up to the price where nothing is left to gain: from shares held, else with money."""
        step = grid(listing)
        edge = fair - side.sign * self._cost(listing, fair)
        limit = (edge // step if side is Side.BUY else -(-edge // step)) * step
        if not 0 < limit < SCALE:
            return
        net = self.desk.net(floor.core, listing) * side.sign
        closes = net < 0
        on_no = (side is Side.BUY) == closes
        wish = Wish(listing=listing, side=side, price=limit, on_no=on_no, kind=TimeInForce.FAK)
        room = self.desk.free(floor.core, wish.token) if closes else _MOST_HELD * floor.config.trade_size - net
        likes = _LARGER * heavy_tailed(self.desk.rng, floor.config.trade_size)
        size = min(room, likes, self._reach(floor, listing, side, limit))
        self.desk.place(floor.core, wish.sized(size), now_ns)

    def _reach(self, floor: Floor, listing: Listing, side: Side, limit: int) -> int:
        """Return what the book shows up to the limit."""
        levels: list[Level] = floor.core.levels(listing, side.other)
        return sum(size for price, size in levels if (limit - price) * side.sign >= 0)

    def _let_go(self, floor: Floor, listing: Listing, fair: int, now_ns: int) -> None:
        """Sell some of what is held once the book pays what it is worth, so that there is room for the next news."""
        net = self.desk.net(floor.core, listing)
        if abs(net) < listing.market.min_size or self.desk.rng.random() > _LETS_GO:
            return
        side = Side.SELL if net > 0 else Side.BUY
        level = floor.best(listing, side.other)
        if level is None or (fair - level[0]) * side.sign < -grid(listing):
            return
        wish = Wish(listing=listing, side=side, price=level[0], on_no=side is Side.BUY, kind=TimeInForce.FAK)
        self.desk.place(floor.core, wish.sized(min(self.desk.free(floor.core, wish.token), level[1])), now_ns)
        self.desk.merge(floor.core, listing, 0)
