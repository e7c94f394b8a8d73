"""What several test modules begin with; a module's own fixture of the same name goes before."""

from __future__ import annotations

import pytest

from agbot.exchange.api import Routes
from agbot.exchange.reads import records
from tests.exchange.clob_desk import KEYS, Desk, Trader, listing_at
from tests.exchange.reading import World, traded_world


@pytest.fixture
def desk() -> Desk:
    """A CLOB with a plain market that takes fees, a neg-risk one and one of Protocol V2."""
    return Desk(
        listing_at(1, fee_rate=50_000), listing_at(2, neg_risk=True, tick=1_000), listing_at(3, exchange_version=3)
    )


@pytest.fixture
def alice(desk: Desk) -> Trader:
    return Trader(desk)


@pytest.fixture
def bob(desk: Desk) -> Trader:
    return Trader(desk, KEYS[1])


@pytest.fixture
def world() -> World:
    """Markets in which three wallets have traded."""
    return traded_world()


@pytest.fixture
def routes(world: World) -> Routes:
    """The Data API of that world."""
    return records.routes(world.core, world.book, world.tape, world.clock)
