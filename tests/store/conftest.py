"""What the tests of recordings share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    LinkDown,
    LinkUp,
    MarketData,
    MarketListed,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.run.attach import Screens
from agbot.run.replay import ReplayPlan, ReplayRun
from agbot.settings import Settings
from agbot.store.history import read_history, write_history
from agbot.units import NS_PER_S
from agbot.venue.demo import DemoSimulation, demo_markets


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
        BookTrust(market.yes, Doubt.CROSSED, 6),
        ReferencePrice("btcusd", "price.crypto", 61_234_567_890, 6),
        MarketResolved(market.id, market.yes, 7),
    ]


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run half a minute of the demo's markets through the core once; return its journal. Copy before changing it."""
    directory = tmp_path_factory.mktemp("traded")
    (directory / "runs").mkdir()
    markets = demo_markets(3)
    simulation = DemoSimulation(3, markets, 1_700_000_000 * NS_PER_S)
    messages = [m for _ in range(300) for m in simulation.next()[1]]
    write_history(directory / "demo.agh", markets, messages)
    plan = ReplayPlan(
        recording=read_history(directory / "demo.agh"),
        settings=Settings(),
        state_dir=directory,
        screens=Screens(web=False, state_dir=directory),
        monitor_runs=False,
    )
    run = ReplayRun(plan)
    trio.run(run.run)
    return run.journal.path
