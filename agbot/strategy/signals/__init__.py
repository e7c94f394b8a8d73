"""Indicators that are told one thing at a time: constant work and memory a step, equal to their batch definition.

Each has `update(…)`, which returns the value of now, and `value`; None until enough was told. Prices between 0 and 1
move in logits (`agbot.quant.odds`): feed those. What is read off one book needs no memory: `agbot.quant.signals`.
"""

from agbot.strategy.signals.averages import Ema, Rsi, TradeIntensity
from agbot.strategy.signals.composed import Difference, Piped, Signal
from agbot.strategy.signals.flow import KyleLambda, OrderFlow, Vpin
from agbot.strategy.signals.prior import WeightedPrior
from agbot.strategy.signals.windows import Bands, HalfLife, LogitVolatility, Momentum, ZScore

__all__ = [
    "Bands",
    "Difference",
    "Ema",
    "HalfLife",
    "KyleLambda",
    "LogitVolatility",
    "Momentum",
    "OrderFlow",
    "Piped",
    "Rsi",
    "Signal",
    "TradeIntensity",
    "Vpin",
    "WeightedPrior",
    "ZScore",
]
