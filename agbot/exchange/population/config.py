"""How many trade on the exchange, how often and how large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from agbot.errors import ConfigError
from agbot.exchange.population.belief import News
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class Config:
    """Who trades. Times are means in exchange seconds, sizes 10⁻⁶ shares, money 10⁻⁶ usd.

    Args:
        makers: market makers in each market.
        maker_every_s: how often each looks at its quotes; trades in its market wake it earlier.
        noise: traders without knowledge, in all markets together.
        noise_every_s: how often one of them does something in an average market.
        informed: traders who know the fair price, in all markets together.
        informed_every_s: how often each looks at some markets; news wakes them earlier.
        arbitrage_every_s: how often the arbitrageur of a neg-risk event looks at its markets.
        acts_per_s: the most acts in one second of all together; more markets than that bears are slowed down. Trades of
            others may wake makers as often again.
        trade_size: what noise trades in the middle; the largest are thirty times that.
        quote_size: what a market maker shows on its best level.
        orders_each: the most orders one participant has resting.
        bankroll_usd: the most a participant brings from outside; then it stops buying.
        news: how fair prices move.
        finer_ticks: whether a market's tick becomes 0.001 when its price nears 0 or 1.
        resolves: whether a market whose `end_ns` comes is resolved by its fair process.
        takes_over: whether the size that a market opened with, nobody's orders, leaves when the population comes; its
            prices are where the population begins.
        rolling: whether a market that was resolved so is listed again, with a new end.
    """

    makers: int = 3
    maker_every_s: float = 2.5
    noise: int = 8
    noise_every_s: float = 4.0
    informed: int = 3
    informed_every_s: float = 4.0
    arbitrage_every_s: float = 3.0
    acts_per_s: float = 60.0
    trade_size: int = 40 * SCALE
    quote_size: int = 150 * SCALE
    orders_each: int = 60
    bankroll_usd: int = 20_000_000 * SCALE
    news: News = attrs.field(factory=News)
    finer_ticks: bool = True
    resolves: bool = True
    takes_over: bool = True
    rolling: bool = False


PRESETS: Final[Mapping[str, Config]] = {
    "calm": Config(acts_per_s=20.0),
    "lively": Config(
        maker_every_s=1.0,
        noise_every_s=1.2,
        informed_every_s=1.5,
        arbitrage_every_s=1.5,
        acts_per_s=80.0,
        news=News(volatility=0.006, jump_every_s=90.0),
    ),
    "stress": Config(
        makers=4,
        maker_every_s=0.25,
        noise=24,
        noise_every_s=0.15,
        informed=8,
        informed_every_s=0.4,
        arbitrage_every_s=0.4,
        acts_per_s=500.0,
        news=News(volatility=0.012, jump_every_s=20.0),
    ),
}
"""Ready-made populations, from quiet to more than a person can read."""


def preset(name: str) -> Config:
    """Return a ready-made population.

    Raises:
        ConfigError: AGB-158 there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(
            f"no population is called {name!r}", id="AGB-158", key="population", remedy=f"use {', '.join(PRESETS)}"
        )
    return PRESETS[name]
