"""Arbitrage: baskets of outcome tokens that gain whatever happens, with a proof of each and a plan for failed legs."""

from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.proof import Proof, verify
from agbot.strategy.arbitrage.scanner import Arbitrage

__all__ = ["Arbitrage", "ArbitrageParams", "Proof", "verify"]
