"""What a simulated world is about: its markets, where their prices begin, and the strategy of its bot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs

from agbot.core.view import Strategy
from agbot.exchange.core.model import Listing
from agbot.exchange.markets.catalogue import generated
from agbot.simulate.trader import Trader
from agbot.strategy.arbitrage import Arbitrage, ArbitrageParams


@attrs.frozen
class Setting:
    """A kind of world.

    Args:
        listings: the markets of a seed.
        strategy: a new one for each life of the bot, by the life's own seed.
        middle: where the crowd's prices begin, in cents, and the least they fall to.
    """

    listings: Callable[[int], Sequence[Listing]]
    strategy: Callable[[int], Strategy]
    middle: tuple[int, int] = (50, 20)


ANYTHING: Final = Setting(partial(generated, count=3), Trader)
"""Three markets, and a strategy that wishes for a bit of everything."""


_SMALL: Final[dict[str, Any]] = {
    "min_profit": "0.02",
    "min_edge": "0.001",
    "max_capital": "20",
    "depth_part": "1",
    "confirm_ms": "200",
}
"""Attempts of a few sets, so that the policies leave room for many."""


def _election(seed: int) -> Sequence[Listing]:
    return [listing for listing in generated(seed, 8) if listing.market.neg_risk]


def _arbitrage(_seed: int) -> Arbitrage:
    return Arbitrage(ArbitrageParams(**_SMALL, exhaustive={_election(0)[0].market.event_id: 4}))


ELECTION: Final = Setting(_election, _arbitrage, (27, 10))
"""A neg-risk event of four outcomes whose prices wander apart, and a strategy that lives of it."""
