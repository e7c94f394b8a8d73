"""What backtests here run on."""

from __future__ import annotations

import pytest

from agbot.backtest.spec import BacktestSpec, Sources
from agbot.settings import PaperSettings, Settings


@pytest.fixture(scope="session")
def demo_spec(root):
    """Return the backtest of the quoter on two demo minutes."""
    return BacktestSpec(settings=Settings(), data=Sources(recordings=(root / "tests/data/demo-120s.agh",)))


@pytest.fixture
def at_once():
    """Return settings without latency."""
    return Settings(paper=PaperSettings(order_latency_ns=0, feed_latency_ns=0))
