"""Who trades on the exchange of their own accord: market makers, noise, informed traders, arbitrageurs."""

from agbot.exchange.population.config import PRESETS, Config, preset
from agbot.exchange.population.population import Population

__all__ = ["PRESETS", "Config", "Population", "preset"]
