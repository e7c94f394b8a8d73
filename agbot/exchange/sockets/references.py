"""Reference prices of crypto and equities: seeded random walks that are functions of time.

The price at a second depends on the seed, the symbol and that second alone: clocks may jump, history needs no storage,
and two exchanges with the same seed tell the same prices. It is a sum of octaves of smooth noise whose size grows with
the root of their period, which moves like a random walk up to a day and stays near its base beyond.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import attrs

from agbot.units import SCALE

_OCTAVES: Final = 17
"""From two seconds to one and a half days."""
_KEPT: Final = 4096
"""How many prices are remembered: averages look back."""


@attrs.frozen
class Asset:
    """What has a reference price: `base` usd, and the standard deviation of its log return over a day."""

    name: str
    base: float
    day_sigma: float
    equity: bool = False


ASSETS: Final = (
    Asset("btc", 79_700.0, 0.028),
    Asset("eth", 2_950.0, 0.036),
    Asset("sol", 138.0, 0.045),
    Asset("xrp", 2.05, 0.042),
    Asset("bnb", 890.0, 0.03),
    Asset("doge", 0.151, 0.05),
    Asset("aapl", 271.0, 0.014, equity=True),
    Asset("googl", 299.0, 0.016, equity=True),
    Asset("msft", 472.0, 0.013, equity=True),
    Asset("nvda", 179.0, 0.024, equity=True),
    Asset("tsla", 391.0, 0.032, equity=True),
)


class References:
    """All reference prices of an exchange, by asset name and UTC second; values in 10⁻⁶ usd."""

    def __init__(self, seed: int = 0, assets: tuple[Asset, ...] = ASSETS) -> None:
        self.assets = {asset.name: asset for asset in assets}
        self._seed = seed
        self._price = lru_cache(_KEPT * len(assets))(self._walk)

    def price(self, name: str, second: int) -> int:
        """Return a price; KeyError for a name that is not among `assets`."""
        return self._price(name, second)

    def average(self, name: str, second: int, window_s: int) -> int:
        """Return the average over the last `window_s` seconds, rounded down."""
        return sum(self._price(name, second - i) for i in range(window_s)) // window_s

    def _walk(self, name: str, second: int) -> int:
        asset = self.assets[name]
        # Octave k swings by sigma of its own period: day_sigma · sqrt(2^k s / 86 400 s).
        swings = (
            math.sqrt(2.0**k / 86_400.0) * self._noise(f"{name}:{k}", second / 2.0**k) for k in range(1, _OCTAVES + 1)
        )
        return max(1, round(asset.base * math.exp(asset.day_sigma * sum(swings)) * SCALE))

    def _noise(self, key: str, x: float) -> float:
        """Return a smooth value around 0 with unit deviation at whole `x`."""
        left = math.floor(x)
        part = x - left
        part = part * part * (3.0 - 2.0 * part)
        return self._dice(key, left) * (1.0 - part) + self._dice(key, left + 1) * part

    def _dice(self, key: str, n: int) -> float:
        digest = blake2b(f"{self._seed}:{key}:{n}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") / 2.0**63 - 1.0) * math.sqrt(3.0)


def e18(value: int) -> str:
    """Return 10⁻⁶ usd as the integer scaled by 10¹⁸ that Chainlink topics carry."""
    return str(value * 10**12)
