"""A limit that is passed closes the latch in that very step; what losses are measured from survives the run."""

from __future__ import annotations

import errno
import json
import types

import pytest
import trio

from agbot.core.limits import Limits
from agbot.core.triggers import Baseline
from agbot.errors import ConfigError
from agbot.latch import Latch
from agbot.model.events import KillSwitchProven, KillSwitchSet, OrderFilled, Timer
from agbot.model.order import Liquidity
from agbot.run import baseline as baseline_module
from agbot.run import guard as guard_module
from agbot.run.baseline import BaselineFile
from agbot.run.guard import Guard, floors_of
from agbot.run.inbox import Inbox
from agbot.settings import Settings, StrategySettings
from agbot.testing.builders import make_order, place
from agbot.units import SCALE
from tests.run.conftest import a_killer

KEPT = Baseline(day=20_000, day_equity=3 * SCALE, peak=5 * SCALE, equity=4, book=-7, losses=2, tripped=("drawdown",))


class Bench:
    """A core with limits, its guard, a latch on disk and a fake venue."""

    def __init__(self, make_core, venue, directory, **more):
        self.file = BaselineFile(directory, "DEMO")
        self.core = core = make_core(limits=Limits(daily_loss=50_000), **more).open()
        self.inbox, self.latch, self.venue = Inbox(), Latch(directory / "latch"), venue
        killer = a_killer(core, self.inbox, venue, self.latch)
        self.unwound = []
        self.guard = Guard(core.engine, killer, self.file, self, {"boom": "0.80"})
        core.observers.append(self.guard.observe)

    async def sell(self, floor, strategy):
        self.unwound.append((floor, strategy))

    def lose(self, usd):
        self.core.engine.portfolio.cash -= usd * SCALE
        return self.core.step(Timer("second", self.core.now))


@pytest.fixture
def bench(make_core, venue, tmp_path):
    return Bench(make_core, venue, tmp_path)


def test_the_latch_is_closed_within_the_step(bench):
    step = bench.lose(50)
    assert (step.tripped, bench.latch.gate().on) == (None, False)
    step = bench.lose(1)
    reason = "daily_loss: 51.00 usd (5.10 %) below 1000.00 usd, over the limit of 5 %"
    assert str(step.tripped) == bench.core.engine.kill_switch == bench.latch.gate().reason == reason
    assert bench.latch.gate().by == "agbot"
    assert [type(c).__name__ for c in step.output.commands] == ["CancelAll"]
    assert bench.file.read().tripped == ("daily_loss",)


def test_it_trips_once(bench):
    bench.lose(51)
    step = bench.lose(100)
    assert step.tripped is None


async def test_a_trip_is_followed_by_the_whole_sequence_of_a_kill(bench, nursery):
    bench.venue.orders = {f"o{n}": make_order(f"o{n}") for n in range(3)}
    nursery.start_soon(bench.guard.run)
    bench.lose(60)
    with trio.fail_after(60):
        told = await bench.inbox.receive()
        while not any(isinstance(e, KillSwitchProven) for e in told):
            told += await bench.inbox.receive()
    reason = bench.latch.read().reason
    assert told[0] == KillSwitchSet(True, reason, "agbot", bench.core.now)
    assert told[-1] == KillSwitchProven("", "", 3, 0, bench.core.now)
    assert bench.venue.orders == {}
    nursery.cancel_scope.cancel()


class Boom:
    id = "boom"

    def decide(self, view):
        raise ZeroDivisionError(view.market.id)


async def test_a_strategy_that_raises_is_closed_on_disk_and_its_orders_are_taken_off(bench, nursery):
    bench.core.engine.coordinator.register_strategy("boom", Boom())
    nursery.start_soon(bench.guard.run)
    step = bench.core.wish()
    assert [failed.strategy for failed in step.failed] == ["boom"]
    assert "ZeroDivisionError: m1" in step.failed[0].details
    (closed,) = bench.latch.read().scopes
    assert (closed.scope, closed.name, closed.reason) == ("strategy", "boom", "it raised ZeroDivisionError")
    assert not bench.latch.read().on
    with trio.fail_after(60):
        told = await bench.inbox.receive()
        while not any(isinstance(e, KillSwitchProven) for e in told):
            told += await bench.inbox.receive()
    assert told[-1] == KillSwitchProven("strategy", "boom", 0, 0, bench.core.now)
    await trio.testing.wait_all_tasks_blocked()
    assert bench.unwound == [("0.80", "boom")]
    nursery.cancel_scope.cancel()


def test_what_is_sold_when_a_strategy_fails_is_the_configurations_to_say():
    chosen = [StrategySettings(name=name, failing_floor=floor) for name, floor in (("a.py:A", "0.5"), ("b", ""))]
    engine = types.SimpleNamespace(coordinator=types.SimpleNamespace(strategies=("mine", "b")))
    assert floors_of(Settings(strategies=tuple(chosen)), engine) == {"mine": "0.5"}


async def test_the_baseline_is_kept_while_it_changes(bench, nursery, until):
    bench.lose(10)
    nursery.start_soon(bench.guard.run)
    await until(bench.file.read)
    assert (bench.file.read().day_equity, bench.file.read().equity) == (1000 * SCALE, 990 * SCALE)
    nursery.cancel_scope.cancel()


def test_the_next_run_begins_where_this_one_ended(bench, make_core, venue, tmp_path):
    bench.lose(40)
    bench.guard.close()
    again = Bench(make_core, venue, tmp_path, baseline=bench.file.read(), capital="960")
    step = again.lose(11)
    assert step.tripped is not None


def test_a_run_without_limits_keeps_nothing(make_core, venue, tmp_path):
    core = make_core().open()
    killer = a_killer(core, Inbox(), venue, Latch(tmp_path / "l"))
    Guard(core.engine, killer, BaselineFile(tmp_path, "DEMO"), None, {}).close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_the_latch_is_tried_all_the_same(bench, monkeypatch, logged):
    log = logged("agbot.run.guard")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(baseline_module, "replace_file", full)
    bench.lose(60)
    assert bench.latch.gate().on
    assert log.events == ["baseline.not_written"]


# ---------------------------------------------------------------- the file


def test_what_is_written_is_read(tmp_path):
    file = BaselineFile(tmp_path, "LIVE")
    assert file.read() is None
    file.write(KEPT)
    assert file.read() == KEPT
    assert (file.path.name, file.path.stat().st_mode & 0o777) == ("equity-live.json", 0o600)
    assert json.loads(file.path.read_text())["peak_usd"] == "5"


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_torn_file_starts_nothing(cut, tmp_path):
    file = BaselineFile(tmp_path, "LIVE")
    file.write(KEPT)
    file.path.write_bytes(file.path.read_bytes()[:cut])
    with pytest.raises(ConfigError, match=f"mv {file.path}") as caught:
        file.read()
    assert caught.value.id == "AGB-514"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("day", -2),
        ("day", True),
        ("peak_usd", 5),
        ("peak_usd", "x"),
        ("tripped", "no"),
        ("tripped", [1]),
        ("day", None),
    ],
)
def test_a_field_that_cannot_be_believed_starts_nothing(name, value, tmp_path):
    file = BaselineFile(tmp_path, "LIVE")
    file.write(KEPT)
    file.path.write_text(json.dumps({**json.loads(file.path.read_text()), name: value}))
    with pytest.raises(ConfigError):
        file.read()


async def test_a_fill_is_kept_at_once(bench, nursery, until, monkeypatch):
    monkeypatch.setattr(guard_module, "KEEP_S", 3600)
    bench.lose(1)
    nursery.start_soon(bench.guard.run)
    await until(bench.file.read)
    bench.core.engine.oms.begin(1, place("b"))
    bench.core.step(OrderFilled("b", "t", 500_000, 10 * SCALE, 5 * SCALE, Liquidity.TAKER, 1))
    await until(lambda: bench.file.read().book == 994 * SCALE)
    nursery.cancel_scope.cancel()
