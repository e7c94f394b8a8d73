"""Arbitrageurs of neg-risk events: exactly one question pays, so prices that do not sum to one are money."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.exchange.core.model import Listing, Refused
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Floor, Seat, tradable
from agbot.exchange.population.wish import Wish
from agbot.model.events import Level
from agbot.model.fees import taker_fee
from agbot.model.order import Side, TimeInForce
from agbot.units import SCALE

_MOST_AT_ONCE: Final = 10
"""Largest basket, in noise traders' typical sizes."""
_MOST_BASKETS: Final = 100
"""Baskets of all YES it holds at most, in the same unit: they pay only at the end."""
_TIDIES: Final = 0.25


class Arbitrageur:
    """Keeps the YES prices of one closed neg-risk event summing to one.

    Bids above one in sum: it buys NO of every question and converts the basket of n into n − 1 usd a share. Asks below
    one: it buys YES of every question, and sells the basket when the bids pay one again.
    """

    def __init__(self, desk: Desk, seats: list[Seat]) -> None:
        self.desk = desk
        self._seats = seats

    def pause_s(self, floor: Floor) -> float:
        """Return the mean time between looks."""
        gone = any(seat.listing.condition not in floor.seats for seat in self._seats)
        return 0.0 if gone else floor.config.arbitrage_every_s

    def act(self, floor: Floor, now_ns: int) -> None:
        """Convert what is complete, then trade at most one basket."""
        listings = [seat.listing for seat in self._seats]
        if not all(tradable(listing) for listing in listings):
            return
        self._convert(floor, listings)
        tops = {side: [floor.best(listing, side) for listing in listings] for side in Side}
        for side in (Side.SELL, Side.BUY):
            levels = [level for level in tops[side.other] if level is not None]
            if len(levels) == len(listings) and self._basket(floor, listings, levels, side, now_ns):
                return
        if self.desk.rng.random() < _TIDIES:
            self._tidy(floor, listings, now_ns)

    def _convert(self, floor: Floor, listings: list[Listing]) -> None:
        """Turn whole baskets of NO into usd, and pairs too."""
        baskets = min(self.desk.free(floor.core, listing.market.no) for listing in listings)
        if baskets >= SCALE:
            try:
                floor.core.convert(self.desk.wallet, listings, baskets)
            except Refused as e:
                self.desk.note(e)

    def _basket(self, floor: Floor, listings: list[Listing], levels: list[Level], side: Side, now_ns: int) -> bool:
        """Trade every question on one side of YES when that pays; False when it does not."""
        costs = sum(_fee(listing, price) for listing, (price, _) in zip(listings, levels, strict=True))
        gain = (SCALE - sum(price for price, _ in levels)) * side.sign
        held = [self.desk.free(floor.core, listing.market.yes) for listing in listings]
        sells = side is Side.SELL and min(held) >= 10 * SCALE
        if gain <= (0 if sells else costs):
            return False
        unit = floor.config.trade_size
        room = min(held) if sells else _MOST_BASKETS * unit - (max(held) if side is Side.BUY else 0)
        size = min(_MOST_AT_ONCE * unit, room, *(size for _, size in levels))
        legs = [
            Wish(listing=listing, side=side, price=price, on_no=side is Side.SELL and not sells, kind=TimeInForce.FAK)
            for listing, (price, _) in zip(listings, levels, strict=True)
        ]
        size = min(leg.sized(size).size for leg in legs)
        for leg in legs if size else ():
            self.desk.place(floor.core, leg.sized(size), now_ns)
        return size > 0

    def _tidy(self, floor: Floor, listings: list[Listing], now_ns: int) -> None:
        """Sell what one question has more of than the others: the other legs did not trade."""
        for side in Side:
            legs = [Wish(listing=each, side=side, price=0, on_no=side is Side.BUY) for each in listings]
            held = [self.desk.free(floor.core, leg.token) for leg in legs]
            for leg, have in zip(legs, held, strict=True):
                level = floor.best(leg.listing, side.other)
                if level is not None and have > min(held):
                    out = attrs.evolve(leg, price=level[0], kind=TimeInForce.FAK)
                    self.desk.place(floor.core, out.sized(min(have - min(held), level[1])), now_ns)
        for listing in listings:
            self.desk.merge(floor.core, listing, 0)


def _fee(listing: Listing, price: int) -> int:
    """Return the taker fee of a share, 10⁻⁶ usd."""
    return taker_fee(100 * SCALE, price, listing.market.fee_rate, listing.market.fee_exponent) // 100
