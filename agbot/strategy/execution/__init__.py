"""Execution algorithms: parent orders that trade a total in children, by schedule, by volume, by price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agbot.core.view import Strategy
from agbot.strategy.execution.bracket import Bracket, BracketParams
from agbot.strategy.execution.flow import Pov, PovParams
from agbot.strategy.execution.sliced import (
    Shortfall,
    ShortfallParams,
    Twap,
    TwapParams,
    Vwap,
    VwapParams,
)
from agbot.strategy.execution.standing import Iceberg, IcebergParams, Pegged, PeggedParams
from agbot.strategy.execution.triggers import Oco, OcoParams, Stop, StopParams, Trailing, TrailingParams

ALGORITHMS: Final[dict[str, tuple[Callable[..., Strategy], type[Any]]]] = {
    "twap": (Twap, TwapParams),
    "vwap": (Vwap, VwapParams),
    "pov": (Pov, PovParams),
    "shortfall": (Shortfall, ShortfallParams),
    "iceberg": (Iceberg, IcebergParams),
    "pegged": (Pegged, PeggedParams),
    "stop": (Stop, StopParams),
    "trailing": (Trailing, TrailingParams),
    "bracket": (Bracket, BracketParams),
    "oco": (Oco, OcoParams),
}
"""Strategies and their parameters by the name a configuration uses."""

__all__ = [
    "ALGORITHMS",
    "Bracket",
    "BracketParams",
    "Iceberg",
    "IcebergParams",
    "Oco",
    "OcoParams",
    "Pegged",
    "PeggedParams",
    "Pov",
    "PovParams",
    "Shortfall",
    "ShortfallParams",
    "Stop",
    "StopParams",
    "Trailing",
    "TrailingParams",
    "Twap",
    "TwapParams",
    "Vwap",
    "VwapParams",
]
