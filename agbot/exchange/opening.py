"""What an exchange opens with: a saved state, or new markets from a seed, a file, a recording; and who trades there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import OrderStatus
from agbot.exchange.markets.catalogue import generated
from agbot.exchange.markets.files import load_markets
from agbot.exchange.markets.offer import Catalogue
from agbot.exchange.markets.replayed import Replay, open_replay
from agbot.exchange.paced import Act
from agbot.exchange.population import Population
from agbot.exchange.population.config import preset
from agbot.exchange.population.rolling import short_lived
from agbot.exchange.settings import BoxSettings
from agbot.exchange.snapshot import core_of
from agbot.units import NS_PER_S

Parts = Mapping[str, Any]
"""A snapshot's parts by name; empty to begin anew."""


@attrs.frozen
class Opening:
    """An exchange with its markets listed, their catalogue, and what will happen on it.

    Attributes:
        era: how often this exchange was restored: participants of another era roll other dice.
    """

    core: Exchange
    catalogue: Catalogue
    acts: list[Act]
    era: int = 0


def opened(settings: BoxSettings, parts: Parts, now_ns: int) -> Opening:
    """Return an exchange as `settings` ask for it, going on from `parts` when there are any.

    Raises:
        ConfigError: a file is wrong.
    """
    replay = _replay(settings)
    found = load_markets(*settings.markets_files) if settings.markets_files else Catalogue()
    if parts:
        core = restored(settings, parts, now_ns)
    else:
        core = Exchange(settings.terms, seed=settings.seed)
        for listing in (*generated(settings.seed, settings.markets), *found.listings):
            core.list_market(listing, now_ns)
        if settings.rolling_s:
            core.list_market(short_lived(settings.seed, 1, now_ns, int(settings.rolling_s * NS_PER_S)), now_ns)
        for book in found.books:
            core.background(book.snapshot(now_ns), now_ns)
    catalogue = Catalogue(tuple(core.listings.values()), found.books, found.tags)
    era = int(parts.get("era", 0)) + bool(parts)
    return Opening(core, catalogue, _acts(settings, core, replay, era, now_ns), era)


def _replay(settings: BoxSettings) -> Replay | None:
    if settings.recording is None:
        return None
    return open_replay(
        settings.recording,
        market=settings.recording_market,
        start_s=settings.recording_start_s,
        at_end=settings.recording_end,
    )


def restored(settings: BoxSettings, parts: Parts, now_ns: int) -> Exchange:
    """Return the exchange of a snapshot, its orders cancelled: the venue was restarted."""
    core = core_of(parts, settings.state or "", settings.terms)
    for order in list(core.orders.all_living()):
        core.trading.take_off(order, OrderStatus.CANCELED, "the exchange was restarted", now_ns)
    for listing in core.listings.values():
        core.trading.flush(listing, now_ns)
    return core


def _acts(settings: BoxSettings, core: Exchange, replay: Replay | None, era: int, now_ns: int) -> list[Act]:
    acts: list[Act] = []
    replayed = set()
    if replay is not None:
        if replay.listing.condition not in core.listings:
            core.list_market(replay.listing, now_ns)
        acts.append(replay)
        replayed.add(replay.listing.condition)
    open_ = [x for x in core.listings.values() if x.winner is None and x.condition not in replayed]
    if settings.population and open_:
        acts.append(Population(settings.seed, open_, preset(settings.population), era=era))
    return acts
