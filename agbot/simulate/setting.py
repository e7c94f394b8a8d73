"""What a simulated world is about: its markets, where their prices begin, and the strategy of its bot."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from agbot.core.rules import InventoryLimit, PositionLimit, Rule
from agbot.core.view import Strategy
from agbot.exchange.core.model import Listing
from agbot.exchange.markets.catalogue import generated
from agbot.simulate.crowd import Crowd
from agbot.simulate.trader import Trader
from agbot.strategy.arbitrage import Arbitrage, ArbitrageParams
from agbot.units import SCALE

POSITION_MAX: Final = 60 * SCALE
INVENTORY_MAX: Final = 400 * SCALE
Written: TypeAlias = tuple[tuple[str, str, tuple[str, ...] | None], ...]
RULES: Final[tuple[Rule, ...]] = (PositionLimit(None, POSITION_MAX), InventoryLimit(INVENTORY_MAX))


@attrs.frozen
class Setting:
    """A kind of world.

    Args:
        listings: the markets of a seed.
        strategies: new ones for each life of the bot, by the life's own seed.
        middle: where the crowd's prices begin, in cents, and the least they fall to.
        rules: policies of the bot.
        crowd: everybody else.
        written: the strategies of a life as its journal has them, so that the journal alone builds the same core again.
    """

    listings: Callable[[int], Sequence[Listing]]
    strategies: Callable[[int], Sequence[Strategy]]
    middle: tuple[int, int] = (50, 20)
    rules: Sequence[Rule] = RULES
    crowd: type[Crowd] = Crowd
    written: Callable[[int], Written] = lambda _seed: ()


def _trader_as_written(seed: int) -> Written:
    return ((f"{Trader.__module__}:{Trader.__name__}", json.dumps({"seed": seed}), None),)


ANYTHING: Final = Setting(partial(generated, count=3), lambda seed: [Trader(seed)], written=_trader_as_written)
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


def _arbitrage(_seed: int) -> list[Strategy]:
    return [Arbitrage(ArbitrageParams(**_SMALL, exhaustive={_election(0)[0].market.event_id: 4}))]


ELECTION: Final = Setting(_election, _arbitrage, (27, 10))
"""A neg-risk event of four outcomes whose prices wander apart, and a strategy that lives of it."""
