"""The exchange's clock and the pacer that follows it."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import NewOrder, Refused
from agbot.exchange.paced import Pacer
from agbot.exchange.population import PRESETS, Population
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import START_NS, make_listing


class Wall:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.ns = START_NS

    def __call__(self) -> int:
        return self.ns


def trio_wall() -> int:
    """Return a wall clock that trio's clock drives."""
    return START_NS + int(trio.current_time() * NS_PER_S)


def test_it_is_the_wall_clock_until_told_otherwise() -> None:
    wall = Wall()
    clock = ExchangeClock(wall)
    wall.ns += 123_456_789
    assert clock.now_ns() == wall.ns


def test_it_runs_faster_from_when_it_was_made() -> None:
    wall = Wall()
    clock = ExchangeClock(wall, speed=10)
    assert clock.now_ns() == START_NS
    wall.ns += 3 * NS_PER_S
    assert clock.now_ns() == START_NS + 30 * NS_PER_S


def test_it_jumps_and_tells() -> None:
    wall, told = Wall(), list[int]()
    clock = ExchangeClock(wall)
    clock.watch(lambda: told.append(clock.now_ns()))
    clock.jump(5 * NS_PER_S)
    clock.jump(-7 * NS_PER_S)
    assert told == [START_NS + 5 * NS_PER_S, START_NS - 2 * NS_PER_S]


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        ExchangeClock(Wall(), speed)


async def test_deadlines_are_scaled(autojump_clock: trio.testing.MockClock) -> None:
    clock = ExchangeClock(trio_wall, speed=10)
    assert clock.to_trio_deadline(clock.now_ns() + 20 * NS_PER_S) == pytest.approx(trio.current_time() + 2)
    assert clock.to_trio_deadline(0) == trio.current_time()


class Recorder:
    """An act that notes when it was asked, and wants to come back every so often."""

    def __init__(self, every_ns: int) -> None:
        self.times: list[int] = []
        self._every_ns = every_ns

    def step(self, core: Exchange, now_ns: int) -> int:
        """Note the time."""
        self.times.append(now_ns)
        return now_ns + self._every_ns


def fak(core: Exchange, token: str, now_ns: int, wallet: str = "0xtaker") -> NewOrder:
    """Send a FAK that spends 9.90 usd at any price."""
    new = NewOrder(
        id=f"0x{now_ns:064x}",
        address=wallet,
        owner="key",
        maker=wallet,
        token=token,
        side=Side.BUY,
        maker_amount=9_900_000,
        taker_amount=10 * SCALE,
        order_type=TimeInForce.FAK,
    )
    core.place(new, now_ns)
    return new


async def test_acts_come_when_they_said(autojump_clock: trio.testing.MockClock) -> None:
    core, clock, act = Exchange(), ExchangeClock(trio_wall, speed=4), Recorder(2 * NS_PER_S)
    async with trio.open_nursery() as nursery:
        await nursery.start(Pacer(core, clock, [act]).run)
        assert len(act.times) == 1
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    gaps = [b - a for a, b in zip(act.times, act.times[1:], strict=False)]
    assert 19 <= len(act.times) <= 21
    assert all(2 * NS_PER_S <= gap < 2.1 * NS_PER_S for gap in gaps)


async def test_settlement_of_an_order_from_outside_needs_no_nudge(autojump_clock: trio.testing.MockClock) -> None:
    core, clock = Exchange(), ExchangeClock(trio_wall)
    listing = make_listing("rain")
    core.list_market(listing, clock.now_ns())
    population = Population(1, [listing], PRESETS["calm"])
    population.step(core, clock.now_ns())
    pacer = Pacer(core, clock)
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        await trio.sleep(0.5)
        new = fak(core, listing.market.yes, clock.now_ns())
        await trio.sleep(0.499)
        assert core.balance(new.maker, listing.market.yes) == 0
        await trio.sleep(0.003)
        assert core.balance(new.maker, listing.market.yes) >= 10 * SCALE
        nursery.cancel_scope.cancel()


async def test_a_jump_is_followed_at_once_and_brings_no_burst(autojump_clock: trio.testing.MockClock) -> None:
    core, clock, act = Exchange(), ExchangeClock(trio_wall), Recorder(3600 * NS_PER_S)
    async with trio.open_nursery() as nursery:
        await nursery.start(Pacer(core, clock, [act]).run)
        await trio.sleep(0.1)
        seen = len(act.times)
        clock.jump(86_400 * NS_PER_S)
        await trio.sleep(0.01)
        assert len(act.times) == seen + 1
        assert act.times[-1] - act.times[0] > 86_000 * NS_PER_S
        nursery.cancel_scope.cancel()


async def test_an_act_that_is_always_late_leaves_turns_to_others(autojump_clock: trio.testing.MockClock) -> None:
    core, act = Exchange(), Recorder(1)
    pacer = Pacer(core, ExchangeClock(trio_wall, speed=1000), [act])
    async with trio.open_nursery() as nursery:
        await nursery.start(pacer.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert pacer.steps <= 1010


async def test_a_population_lives_in_time(autojump_clock: trio.testing.MockClock) -> None:
    core, clock = Exchange(), ExchangeClock(trio_wall, speed=10)
    listing = make_listing("rain")
    core.list_market(listing, clock.now_ns())
    population = Population(2, [listing], PRESETS["lively"])
    async with trio.open_nursery() as nursery:
        await nursery.start(Pacer(core, clock, [population]).run)
        assert core.levels(listing, Side.BUY)
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    assert listing.volume > 0
    assert core.ledger()["faults"] == []
    with pytest.raises(Refused):
        fak(core, "12345", clock.now_ns())
