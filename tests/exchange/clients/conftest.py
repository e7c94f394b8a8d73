"""One exchange for the tests of a file; each test gets a market whose book is empty and a trader to trade with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.clients.box import HEARTBEAT_TIMEOUT_S, Box, Market, Other, running


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    """Run an exchange without populations, whose heartbeats run out soon."""
    with running("--heartbeat-timeout", str(HEARTBEAT_TIMEOUT_S), "--seed", "7") as box:
        yield box


@pytest.fixture
def market(box: Box) -> Market:
    """Return a market nobody trades in."""
    return box.markets[0]


@pytest.fixture
def other(box: Box) -> Iterator[Other]:
    """Return the other side of a trade; it leaves nothing on the book."""
    other = Other(box)
    yield other
    other.leave()
