"""Whether the markets that a configuration names are there to be traded, by the run and by each of its strategies."""

from __future__ import annotations

from collections.abc import Sequence

from agbot.errors import ConfigError
from agbot.model.market import Market
from agbot.settings import Settings


def check_named(settings: Settings) -> None:
    """Raise ConfigError AGB-140 unless the configuration names markets."""
    if not settings.markets:
        raise ConfigError(
            f"mode {settings.mode} trades the markets that are named, and none is",
            id="AGB-140",
            path=str(settings.path or ""),
            key="markets",
            remedy="agbot markets search TEXT finds some; then markets: [slug, slug]",
        )


def check_followed(settings: Settings, markets: Sequence[Market]) -> None:
    """Raise ConfigError AGB-157 where a strategy names a market that this run does not have: it would wait for ever."""
    known = {name for market in markets for name in (market.id, market.slug)}
    for strategy in settings.strategies:
        for name in strategy.markets or ():
            if name not in known:
                raise ConfigError(
                    f"strategy {strategy.id or strategy.name} trades {name!r}, which is none of this run's markets",
                    id="AGB-157",
                    path=str(settings.path or ""),
                    line=strategy.node.line if strategy.node else None,
                    key="strategies.markets",
                    remedy=f"known are {', '.join(market.slug or market.id for market in markets)}; "
                    "the run's own markets: has to name it, too",
                )
