"""A backtest on columns: the whole report is that of the slow way, whatever C passed over."""

from __future__ import annotations

import pytest

from agbot.backtest.columns import Columns
from agbot.backtest.generated import generated
from agbot.backtest.loop import VirtualLoop
from agbot.backtest.run import run
from agbot.backtest.source import open_data
from agbot.backtest.spec import BacktestSpec, Sources
from agbot.settings import PaperSettings, Settings, StrategySettings
from agbot.units import NS_PER_MS, NS_PER_S


def both(path, **settings):
    spec = BacktestSpec(settings=Settings(**settings), data=Sources(columns=path))
    return run(spec), run(spec, make_loop=VirtualLoop)


def hurried(seed, faster):
    """Return a made-up day, played so many times faster."""
    day = generated(seed, markets=3, days=1, per_day=300)
    rows = day.rows.copy()
    rows["ts_ns"] = rows["ts_ns"][0] + (rows["ts_ns"] - rows["ts_ns"][0]) // faster
    return Columns(day.markets, rows)


@pytest.mark.parametrize(
    ("seed", "faster", "order_ms", "feed_ms", "size"), [(1, 30, 50, 10, 20), (2, 90, 0, 0, 60), (3, 90, 700, 1300, 20)]
)
def test_the_whole_report_is_that_of_the_slow_way(tmp_path, seed, faster, order_ms, feed_ms, size):
    hurried(seed, faster).save(tmp_path / "g.npz")
    quick, slow = both(
        tmp_path / "g.npz",
        paper=PaperSettings(order_latency_ns=order_ms * NS_PER_MS, feed_latency_ns=feed_ms * NS_PER_MS),
        strategies=(StrategySettings(name="quoter", params={"size": size}),),
    )
    for name, value in ((field, getattr(slow, field)) for field in slow.__struct_fields__):
        assert getattr(quick, name) == value, name
    assert slow.trades > 5
    assert slow.calibration is not None
    assert any(m.fills for m in slow.markouts if m.after_ns)
    assert slow.period_ns == (2 if faster == 30 else 1) * NS_PER_S


GAMES = {
    "20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz": "1425f1cf1c2e3b62ef47903c9ccb07da",
    "20250619_mlb-hou-bal-2025-06-19_market-events.csv.gz": "3328874923d473eba3830ce25c52e10b",
}


@pytest.mark.parametrize(("game", "digest"), GAMES.items())
def test_the_recorded_games_too(shared, tmp_path, game, digest):
    source = open_data(Sources(recordings=(shared / "data" / "polymarket_l2_mlb" / game,))).source
    Columns.of_groups(source.markets, source.groups()).save(tmp_path / "game.npz")
    quick, slow = both(tmp_path / "game.npz")
    assert quick == slow
    assert slow.digest == digest
