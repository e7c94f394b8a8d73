"""What backtests here run on."""

from __future__ import annotations

from itertools import islice

import attrs
import pytest

from agbot.backtest.spec import BacktestSpec, Sources
from agbot.settings import Settings
from agbot.store.history import read_history, write_history


@pytest.fixture(scope="session")
def demo_spec(root):
    """Return the backtest of the quoter on two demo minutes."""
    return BacktestSpec(settings=Settings(), data=Sources(recordings=(root / "tests/data/demo-120s.agh",)))


@pytest.fixture(scope="session")
def short_spec(demo_spec, tmp_path_factory):
    """Return the same on the first half minute."""
    whole = read_history(demo_spec.data.recordings[0])
    path = tmp_path_factory.mktemp("short") / "short.agh"
    write_history(path, whole.markets, list(islice(whole.messages(), 450)))
    return attrs.evolve(demo_spec, data=Sources(recordings=(path,)))
