"""Noise traders: they know nothing, arrive when they like, and trade sizes with a heavy tail."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.exchange.core.model import Listing
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Floor, grid, on_grid
from agbot.exchange.population.wish import Wish, heavy_tailed
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S

_TAKES: Final = 0.4
_CANCELS: Final = 0.15
_EXPIRES: Final = 0.2
_TIDIES: Final = 0.1
_KILLS: Final = 0.15
_BUYS_ANYWAY: Final = 0.35
_DEEPEST_TAKE: Final = 2
"""A taker reaches this many grid steps beyond the best price."""
_LONGEST_S: Final = 180
_RESTING_SHARE: Final = 3
"""It rests at most 1/this of the orders a participant may have: the rest is for those who quote."""


class Noise:
    """One trader without knowledge, in whatever market comes to mind."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def pause_s(self, floor: Floor) -> float:
        """Return the mean time between acts: the more markets, the shorter."""
        return floor.config.noise_every_s * floor.config.noise / max(1, len(floor.open))

    def act(self, floor: Floor, now_ns: int) -> None:
        """Do one thing."""
        rng = self.desk.rng
        resting = self.desk.living()
        old = [o for o in resting if now_ns - o.created_ns > _LONGEST_S * NS_PER_S]
        most = max(2, floor.config.orders_each // _RESTING_SHARE)
        if old or len(resting) >= most:
            self.desk.cancel(floor.core, old or resting[:1], now_ns)
        seat = floor.somewhere(rng)
        if seat is None:
            return
        dice = rng.random()
        if dice < _CANCELS and resting:
            self.desk.cancel(floor.core, [rng.choice(resting)], now_ns)
        elif dice < _CANCELS + _TAKES:
            self._take(floor, seat.listing, now_ns)
        else:
            self._rest(floor, seat.listing, now_ns)
        if dice < _TIDIES:
            self.desk.merge(floor.core, seat.listing, 0)

    def _take(self, floor: Floor, listing: Listing, now_ns: int) -> None:
        """Trade at once, as far as the book near the best price goes."""
        rng = self.desk.rng
        side = rng.choice((Side.BUY, Side.SELL))
        level = floor.best(listing, side.other)
        if level is None:
            return
        step = grid(listing)
        limit = on_grid(level[0] + side.sign * step * rng.randint(0, _DEEPEST_TAKE), step)
        kind = TimeInForce.FOK if rng.random() < _KILLS else TimeInForce.FAK
        self._send(floor, Wish(listing=listing, side=side, price=limit, kind=kind), now_ns)

    def _rest(self, floor: Floor, listing: Listing, now_ns: int) -> None:
        """Join the best price of one side, improve it, or stand a little behind it; a tight book is not crossed."""
        rng = self.desk.rng
        side = rng.choice((Side.BUY, Side.SELL))
        step = grid(listing)
        own, other = floor.best(listing, side), floor.best(listing, side.other)
        start = own[0] if own else listing.last_price - side.sign * step
        price = on_grid(start + side.sign * step * rng.choice((1, 0, 0, -1, -2, -4)), step)
        if other is not None and (price - other[0]) * side.sign >= 0:
            price = on_grid(other[0] - side.sign * step, step)
        kind = TimeInForce.GTD if rng.random() < _EXPIRES else TimeInForce.GTC
        self._send(floor, Wish(listing=listing, side=side, price=price, kind=kind, life_s=_LONGEST_S), now_ns)

    def _send(self, floor: Floor, wish: Wish, now_ns: int) -> None:
        """Send a wish: from shares it holds where it can, else by buying the other outcome."""
        size = heavy_tailed(self.desk.rng, floor.config.trade_size)
        selling = attrs.evolve(wish, on_no=wish.side is Side.BUY)
        held = self.desk.free(floor.core, selling.token)
        if held >= wish.listing.market.min_size and self.desk.rng.random() > _BUYS_ANYWAY:
            wish, size = selling, min(size, held)
        else:
            wish = attrs.evolve(wish, on_no=wish.side is Side.SELL)
        self.desk.place(floor.core, wish.sized(size) if wish.kind.immediate else wish.rested(size), now_ns)
