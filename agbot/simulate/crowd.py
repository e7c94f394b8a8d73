"""Everybody else: they keep books on both sides of a price that wanders, and now and then take what rests."""

from __future__ import annotations

import random
from typing import Final

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, NewOrder, Refused
from agbot.model.order import Side, TimeInForce
from agbot.simulate.venue import SimVenue
from agbot.units import SCALE, notional

MAKER: Final = "0x00000000000000000000000000000000000000aa"
TAKER: Final = "0x00000000000000000000000000000000000000bb"
_RICH: Final = 10**6 * SCALE
_LEVELS: Final = 4
EVERY_S: Final = 0.25
CALMLY: Final = 8
"""So many times longer between two acts once all is well: what trouble did shows without a crowd."""


class Crowd:
    """Two wallets on every market, acting at random moments, `every_s` seconds apart on average.

    `middle` is where prices begin and the least they fall to, in cents.
    """

    def __init__(
        self, venue: SimVenue, dice: random.Random, every_s: float = EVERY_S, middle: tuple[int, int] = (50, 20)
    ) -> None:
        self._every_s = every_s
        self.slower = 1.0
        self._venue = venue
        self._dice = dice
        self._count = 0
        self._resting = False
        begins, self._least = middle
        self._middle = {listing.condition: begins for listing in venue.listings}
        """In cents."""
        self._mine: dict[str, list[str]] = {listing.condition: [] for listing in venue.listings}
        for wallet in (MAKER, TAKER):
            venue.core.deposit(wallet, _RICH, venue.now_ns())
            for listing in venue.listings:
                venue.core.split(wallet, listing, _RICH // 10, venue.now_ns())
        for listing in venue.listings:
            self._quote(listing)
        self._act()

    def rest(self) -> None:
        """Do nothing more."""
        self._resting = True

    def _act(self) -> None:
        if self._resting:
            return
        listing = self._dice.choice(self._venue.listings)
        if listing.winner is None:
            if self._dice.random() < 0.5:
                self._quote(listing)
            else:
                self._take(listing)
        self._venue.heap.after(self._every_s * self.slower * 2 * self._dice.random(), self._act)

    def _quote(self, listing: Listing) -> None:
        middle = self._middle[listing.condition] + self._dice.choice((-1, 0, 0, 1))
        self._middle[listing.condition] = middle = min(max(middle, self._least), 80)
        self._venue.act(lambda core, now_ns: self._requote(core, listing, middle, now_ns))

    def _requote(self, core: Exchange, listing: Listing, middle: int, now_ns: int) -> None:
        core.cancel(MAKER, self._mine[listing.condition], now_ns)
        self._mine[listing.condition] = []
        for level in range(1, _LEVELS):
            for side, cents in ((Side.BUY, middle - level), (Side.SELL, middle + level)):
                order_id = self._place(core, listing, MAKER, side, cents, TimeInForce.GTC, now_ns)
                self._mine[listing.condition] += [order_id] if order_id else []

    def _take(self, listing: Listing) -> None:
        side, cents = self._dice.choice(((Side.BUY, 85), (Side.SELL, 15)))
        self._venue.act(lambda core, now_ns: self._place(core, listing, TAKER, side, cents, TimeInForce.FAK, now_ns))

    def _place(  # noqa: PLR0917 - an order
        self, core: Exchange, listing: Listing, wallet: str, side: Side, cents: int, kind: TimeInForce, now_ns: int
    ) -> str:
        self._count += 1
        size = 5 * SCALE * self._dice.randrange(1, 8)
        usd = notional(cents * SCALE // 100, size)
        new = NewOrder(
            id=f"0x{'c' * 40}{self._count:024x}",
            address=wallet,
            owner="",
            maker=wallet,
            token=listing.market.yes,
            side=side,
            maker_amount=usd if side is Side.BUY else size,
            taker_amount=size if side is Side.BUY else usd,
            order_type=kind,
            lasting=False,
        )
        try:
            core.place(new, now_ns)
        except Refused:
            return ""
        return new.id
