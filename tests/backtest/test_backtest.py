"""A backtest as a whole: worked out by hand, the same for everybody, adding up to the last millionth."""

from __future__ import annotations

import os
import subprocess
import sys

import attrs
import msgspec
import pytest

from agbot.backtest.columns import Columns
from agbot.backtest.loop import VirtualLoop
from agbot.backtest.result import Report, read_report
from agbot.backtest.run import report, run
from agbot.backtest.source import open_data
from agbot.backtest.spec import BacktestSpec, Generated, Sources
from agbot.backtest.table import figures_of
from agbot.errors import ConfigError, RecordingError
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.rewards import Incentives, Programme
from agbot.model.events import BookSnapshot, MarketResolved, TradePrint
from agbot.model.order import Side
from agbot.settings import Settings, StrategySettings
from agbot.store.history import read_history, write_history
from agbot.store.verify import verify
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_S, SCALE, to_units, usd_text

START = 1_700_000_000 * NS_PER_S
SD_LAD = "20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz"
HOU_BAL = "20250619_mlb-hou-bal-2025-06-19_market-events.csv.gz"


@pytest.fixture
def tiny(tmp_path):
    """One market at 0.48/0.52; 20 shares are sold at 0.49, where only we bid; the bids fall to 0.46, and YES loses."""
    market = make_market(fee_rate=0)

    def book(at, bid="0.48", ask="0.52"):
        yes = BookSnapshot(market.yes, levels((bid, "100")), levels((ask, "100")), START + at * NS_PER_S)
        mirrored = (levels((str(1 - float(ask)), "100")), levels((str(1 - float(bid)), "100")))
        return [yes, BookSnapshot(market.no, *mirrored, START + at * NS_PER_S)]

    sold = TradePrint(market.yes, Side.SELL, to_units("0.49"), to_units("20"), START + 2 * NS_PER_S)
    ended = MarketResolved(market.id, market.no, START + 200 * NS_PER_S)
    path = tmp_path / "tiny.agh"
    write_history(path, [market], [*book(0), sold, *book(5, "0.46", "0.50"), ended])
    return BacktestSpec(settings=Settings(), data=Sources(recordings=(path,)))


def test_a_recording_that_can_be_worked_out_by_hand(tiny):
    """The bid at 0.49 fills with 20 shares; later bids below the new middle rest. YES pays nothing: −9.80 usd."""
    found = run(tiny)
    assert (found.trades, found.pnl, found.fees) == (1, -to_units("9.80"), 0)
    assert found.equity == found.capital + found.pnl
    assert (found.turnover, found.orders.filled) == (to_units("9.80"), to_units(20))
    assert found.drawdown == to_units("9.80")
    at_fill, second, five, minute = found.markouts
    assert (at_fill.a_share, second.a_share) == (to_units("0.01"), to_units("0.01"))  # the middle stays at 0.50
    assert (five.a_share, minute.a_share) == (-to_units("0.01"), -to_units("0.01"))  # 0.48 from second 5 on
    assert found.calibration.brier == pytest.approx(0.49**2)
    assert [(b.low, b.shares, b.price, b.paid) for b in found.calibration.buckets] == [
        (to_units("0.4"), to_units(20), pytest.approx(0.49), 0.0)
    ]
    assert found.points[0].equity == found.capital
    assert found.points[-1].equity == found.equity
    assert {b.ts_ns - a.ts_ns for a, b in zip(found.points[1:-1], found.points[2:-1], strict=False)} == {NS_PER_S}


@pytest.fixture(scope="module")
def demo(demo_spec):
    """Return the result of the demo backtest."""
    return run(demo_spec)


def test_two_runs_are_the_same_result(demo, demo_spec):
    assert run(demo_spec) == demo
    assert demo.trades > 10


SD_LAD_DIGEST = "1425f1cf1c2e3b62ef47903c9ccb07da"
HOU_BAL_DIGEST = "3328874923d473eba3830ce25c52e10b"
DEMO_DIGEST = "bcbc27a555e8acf2a0b2e828d8bbc8ce"
_ELSEWHERE = """
import sys
from pathlib import Path
from agbot.backtest.run import run
from agbot.backtest.spec import BacktestSpec, Sources
from agbot.settings import Settings
print(run(BacktestSpec(settings=Settings(), data=Sources(recordings=(Path(sys.argv[1]),)))).digest)
"""


def elsewhere(path):
    """Start the same backtest in a process of its own, with other hashes; its output is the digest."""
    argv, env = [sys.executable, "-c", _ELSEWHERE, str(path)], {**os.environ, "PYTHONHASHSEED": "12345"}
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)


def test_another_process_decides_the_same(demo, demo_spec):
    with elsewhere(demo_spec.data.recordings[0]) as other:
        assert other.communicate(timeout=60)[0].strip() == demo.digest == DEMO_DIGEST


def test_the_recorded_games_decide_the_same_here_and_elsewhere(shared):
    games = shared / "data" / "polymarket_l2_mlb"
    with elsewhere(games / SD_LAD) as other:
        assert (
            run(BacktestSpec(settings=Settings(), data=Sources(recordings=(games / HOU_BAL,)))).digest == HOU_BAL_DIGEST
        )
        assert other.communicate(timeout=60)[0].strip() == SD_LAD_DIGEST


def test_the_digest_depends_on_what_was_decided(demo_spec):
    other = StrategySettings(name="quoter", params={"size": 30})
    changed = attrs.evolve(demo_spec, settings=attrs.evolve(demo_spec.settings, strategies=(other,)))
    assert run(changed).digest != DEMO_DIGEST


def test_pnl_adds_up_by_strategy_and_market(demo):
    found = demo
    assert sum(row.pnl for row in found.attribution) == found.pnl != 0
    assert sum(row.fills for row in found.attribution) == found.trades == len(found.fills)
    assert sum(row.shares for row in found.attribution) == found.orders.filled == sum(f.size for f in found.fills)
    assert sum(row.fees for row in found.attribution) == found.fees


def test_every_order_ended(demo):
    orders = demo.orders
    assert orders.placed == orders.filled_whole + orders.cancelled + orders.rejected + orders.expired


def test_a_journal_can_be_kept_and_changes_nothing(demo, demo_spec, tmp_path):
    assert run(demo_spec, journal=tmp_path / "run.agj") == demo
    verdict = verify(tmp_path / "run.agj")
    assert (verdict.agrees, verdict.complete, verdict.header.mode) == (True, True, "BACKTEST")


def test_the_bounds_stand_beside_it(demo, demo_spec):
    told = []
    found = report(attrs.evolve(demo_spec, queue="proportional"), told.append)
    assert found.chosen.queue == "proportional"
    assert found.lower == demo
    assert found.lower.orders.filled <= found.chosen.orders.filled <= found.upper.orders.filled
    assert told == sorted(told)
    assert all(0 <= part <= 1 for part in told)


def test_a_result_is_read_as_it_was_written(demo, tmp_path):
    found = Report(chosen=demo, lower=demo, upper=demo, trials=3)
    (tmp_path / "result.json").write_bytes(found.to_json())
    again = read_report(tmp_path / "result.json")
    assert again == found
    assert again.to_json() == found.to_json()


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"chosen": 1}', b"\xff"])
def test_what_is_no_result_is_refused(tmp_path, content):
    path = tmp_path / "result.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="AGB-587"):
        read_report(path)


def test_a_kill_switch_that_trips_stops_the_backtest(tiny):
    """9.80 of 100 usd is more than the 5 % a day may lose."""
    found = run(attrs.evolve(tiny, settings=attrs.evolve(tiny.settings, capital_usd=to_units(100))))
    assert "loss" in found.stopped
    assert run(tiny).stopped == ""


def test_data_without_messages_is_refused(tmp_path):
    path = tmp_path / "empty.agh"
    write_history(path, [make_market()], [])
    with pytest.raises(ConfigError, match="AGB-586"):
        run(BacktestSpec(settings=Settings(), data=Sources(recordings=(path,))))


def test_columns_decide_what_their_recording_decides(demo, demo_spec, tmp_path):
    Columns.of(read_history(demo_spec.data.recordings[0])).save(tmp_path / "demo.npz")
    spec = attrs.evolve(demo_spec, data=Sources(columns=tmp_path / "demo.npz"))
    quick, slow = run(spec), run(spec, make_loop=VirtualLoop)
    assert quick == slow
    assert msgspec.structs.replace(quick, source=demo.source, data=demo.data) == demo
    kept = run(spec, journal=tmp_path / "r.agj")
    assert kept == quick
    (tmp_path / "demo.npz").write_bytes(b"")
    with pytest.raises(RecordingError, match="AGB-561"):
        open_data(Sources(columns=tmp_path / "demo.npz"))


def test_recordings_are_merged_by_time(demo_spec, tiny):
    both = Sources(recordings=(*demo_spec.data.recordings, *tiny.data.recordings))
    source = open_data(both).source
    groups = list(source.groups())
    assert [ts for ts, _ in groups] == sorted(ts for ts, _ in groups)
    alone = [len(group) for one in (demo_spec, tiny) for _, group in open_data(one.data).source.groups()]
    assert (len(source.markets), sum(len(group) for _, group in groups)) == (4, sum(alone))


def test_a_generated_history_resolves_and_is_the_same_again():
    made = Generated(seed=5, span_ns=60 * NS_PER_S, markets=4)
    spec = BacktestSpec(settings=Settings(), data=Sources(generated=made))
    one, other = run(spec), run(spec)
    assert one == other
    assert one.markets == 4
    assert one.calibration is not None
    assert one.calibration.shares == one.orders.filled
    assert sum(b.shares for b in one.calibration.buckets) == one.calibration.shares
    changed = run(attrs.evolve(spec, data=Sources(generated=attrs.evolve(made, seed=6))))
    assert changed.data != one.data
    assert changed.digest != one.digest
    assert one.capital == 10_000 * SCALE


def under(demo_spec, **conditions):
    """Return the demo's specification at a paper venue that is less than ideal."""
    paper = attrs.evolve(demo_spec.settings.paper, conditions=Conditions(**conditions))
    return attrs.evolve(demo_spec, settings=attrs.evolve(demo_spec.settings, paper=paper))


def test_trades_that_fail_to_settle_leave_no_trace_in_the_sums(demo_spec, demo):
    found = run(under(demo_spec, settling=Settling(after_ns=NS_PER_S, fail_rate=SCALE // 2)))
    assert sum(row.pnl for row in found.attribution) == found.pnl
    assert sum(row.shares for row in found.attribution) == found.orders.filled
    assert 0 < found.trades < len(found.fills)
    assert found.pnl != demo.pnl
    assert found.digest != demo.digest


def test_what_makers_are_paid_beside_trades_is_estimated_and_no_part_of_the_pnl(demo_spec, demo):
    programme = Programme(rebate_rate=SCALE // 4, daily_usd=1_000_000 * SCALE, min_size=SCALE)
    found = run(under(demo_spec, incentives=Incentives(programme=programme)))
    assert found.rewards > 0
    assert (found.digest, found.pnl, demo.rewards) == (demo.digest, demo.pnl, 0)
    rows = {row["figure"]: row["chosen"] for row in figures_of({"chosen": found})}
    assert rows["rewards usd, estimated"] == usd_text(found.rewards)
    assert "rewards usd, estimated" not in {row["figure"] for row in figures_of({"chosen": demo})}
