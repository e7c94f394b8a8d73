"""What the tests of recordings share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    LinkDown,
    LinkUp,
    MarketData,
    MarketListed,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side


@pytest.fixture
def recordings() -> Path:
    """Public recordings that are not part of the project."""
    root = Path(os.environ.get("AGBOT_SHARED", Path(__file__).parents[3] / "shared"))
    folder = root / "data" / "polymarket_l2_mlb"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set AGBOT_SHARED")
    return folder


@pytest.fixture
def market() -> Market:
    return Market(id=MarketId("0xm"), yes=TokenId("Y"), no=TokenId("N"), slug="game", fee_rate=30_000)


@pytest.fixture
def every_kind(market: Market) -> list[MarketData]:
    """One message of every kind, in time order."""
    other = Market(id=MarketId("0xo"), yes=TokenId("OY"), no=TokenId("ON"), tick=1_000, neg_risk=True, event_id="e")
    return [
        LinkUp("clob", 1),
        MarketListed(other, 1),
        BookSnapshot(market.yes, ((480_000, 10**7), (470_000, 1)), ((520_000, 3),), 2),
        BookSnapshot(market.no, (), (), 2),
        BookDelta(market.yes, ((0, 490_000, 2_500_000), (1, 520_000, 0)), 3),
        TradePrint(market.yes, Side.SELL, 480_000, 1_234_567, 4),
        TickSizeChanged(market.yes, 1_000, 5),
        LinkDown("clob", "reset by peer", 6),
        MarketResolved(market.id, market.yes, 7),
    ]
