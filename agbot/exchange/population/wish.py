"""What a participant wants, seen from YES, and sizes that the exchange takes."""

from __future__ import annotations

import math
import random
from typing import Final

import attrs

from agbot.exchange.core.model import Listing
from agbot.model.order import Side, TimeInForce
from agbot.units import SCALE, complement, notional

_STEP: Final = SCALE // 100
"""Sizes are whole hundredths of a share."""
_CENT: Final = SCALE * SCALE // 100
"""0.01 usd in the unit of price times size."""


@attrs.frozen(kw_only=True)
class Wish:
    """An order as its sender thinks of it: side and price of YES, `on_no` when it is sent as its mirror on NO."""

    listing: Listing
    side: Side
    price: int
    size: int = 0
    on_no: bool = False
    kind: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    life_s: int = 0
    """Seconds a GTD order is to live."""

    @property
    def token(self) -> str:
        """Return the token the order names."""
        return self.listing.market.no if self.on_no else self.listing.market.yes

    @property
    def token_side(self) -> Side:
        """Return the side of that token."""
        return self.side.other if self.on_no else self.side

    @property
    def token_price(self) -> int:
        """Return the price of that token."""
        return complement(self.price) if self.on_no else self.price

    def sized(self, size: int) -> Wish:
        """Return it for the largest size up to `size` that the exchange takes at once; 0 when that is under one usd.

        An immediate order's usd and shares have at most two decimals.
        """
        step = math.lcm(_STEP, _CENT // math.gcd(self.token_price, _CENT))
        size = max(0, size) // step * step
        return attrs.evolve(self, size=size if notional(self.token_price, size) >= SCALE else 0)

    def rested(self, size: int) -> Wish:
        """Return it for a size near `size` that may rest: not below the market's least."""
        least = -(-self.listing.market.min_size // _STEP) * _STEP
        return attrs.evolve(self, size=max(size // _STEP * _STEP, least))


def heavy_tailed(rng: random.Random, middle: int) -> int:
    """Return a size with median `middle`, at most thirty times that; often a round number, as people type them."""
    shares = max(5, round(min(rng.lognormvariate(0.0, 1.1), 30.0) * middle / SCALE))
    if shares > 10 and rng.random() < 0.4:
        step = 5 * 10 ** (len(str(shares)) - 2)
        shares = max(step, shares // step * step)
    return shares * SCALE
