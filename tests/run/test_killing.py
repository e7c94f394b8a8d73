"""A kill that takes its time, and kill switches of one market, strategy or venue."""

from __future__ import annotations

import pytest
import trio

from agbot.core.view import Place
from agbot.errors import ConfigError, NotFoundError
from agbot.model.events import KillSwitchSet, OrderAccepted
from agbot.model.order import Side
from agbot.testing.builders import make_order, place
from agbot.units import SCALE

ORDER = {"market": "m1", "side": "buy", "price": "0.52", "size": "10"}


@pytest.fixture
def bench(operated):
    return operated


# ---------------------------------------------------------------- kills that take their time


async def test_a_cancel_that_waits_for_its_budget_keeps_nobody_from_looking(bench, nursery):
    bench.venue.hang = {"cancel_all"}  # the core's own is done, the second one waits
    bench.venue.orders.clear()
    receipt = await bench.kill()
    assert (receipt["orders_left"], receipt["verified"]) == (0, True)


async def test_while_an_order_is_on_the_wire_no_look_is_the_last(bench, autojump_clock, nursery):
    bench.venue.orders.clear()
    engine = bench.core.engine
    engine.oms.begin(1, place("late"))
    began = trio.current_time()

    async def arrive():
        await trio.sleep(2)
        bench.venue.orders["late"] = make_order("late")
        bench.core.step(OrderAccepted("late", "v", 1))

    nursery.start_soon(arrive)
    receipt = await bench.kill()
    assert trio.current_time() - began > 2
    assert bench.venue.orders == {}
    assert receipt["verified"]


async def test_an_order_that_is_never_answered_leaves_the_kill_unproven(bench, autojump_clock):
    bench.core.engine.oms.begin(1, place("lost"))
    assert not (await bench.kill())["verified"]


# ---------------------------------------------------------------- one market, strategy or venue


async def test_a_market_is_closed_on_its_own(bench):
    bench.venue.orders["other"] = make_order("other", market="m2")
    receipt = await bench.kill(scope="market", name="m1")
    assert (receipt["orders_cancelled"], receipt["orders_left"], receipt["verified"]) == (3, 0, True)
    assert list(bench.venue.orders) == ["other"]
    assert "cancel_all" not in bench.venue.calls
    assert not bench.latch.read().on
    assert str(bench.latch.read().scoped("market", "m1")) == "market m1"
    told = await bench.told()
    assert told[0] == KillSwitchSet(True, "fire", "me", bench.core.now, "market", "m1")
    bench.core.step(*told)
    assert (await bench.ask("preview", **ORDER))["denied"] == ["KillSwitch(market m1)"]
    assert (await bench.ask("status"))["kill_scopes"] == [{"scope": "market", "name": "m1", "reason": "fire"}]
    assert (await bench.ask("status"))["kill_switch"]["on"] is False
    await bench.ask("killswitch", on=False, reason="safe", by="me", scope="market", name="m1")
    bench.core.step(*await bench.told())
    assert (await bench.ask("preview", **ORDER))["denied"] == []
    assert bench.latch.read().scopes == ()


async def test_a_strategy_is_closed_on_its_own(bench):
    for order_id, strategy in (("o0", "script"), ("o1", "operator")):
        bench.core.engine.oms.begin(1, place(order_id, strategy=strategy))
        bench.core.step(OrderAccepted(order_id, "v", 1))
    bench.core.step(KillSwitchSet(True, "mad", "me", 1, "strategy", "script"))
    states = {r.command.client_order_id: str(r.state) for r in bench.core.engine.oms.all()}
    assert states == {"o0": "PENDING_CANCEL", "o1": "OPEN"}
    receipt = await bench.kill(scope="strategy", name="script")
    assert (receipt["orders_cancelled"], sorted(bench.venue.orders)) == (1, ["o1", "o2"])
    place_it = Place(token=bench.core.market.yes, side=Side.BUY, price=500_000, size=10 * SCALE, why="w")
    denied = bench.core.engine.admission.violations(1, "m1", "script", place_it)
    assert denied == ("KillSwitch(strategy script)",)
    assert bench.core.engine.admission.violations(bench.core.now, "m1", "operator", place_it) == ()


async def test_a_venue_is_closed_on_its_own(bench):
    assert (await bench.kill(scope="venue", name="paper"))["orders_cancelled"] == 3
    bench.core.step(*await bench.told())
    assert (await bench.ask("preview", **ORDER))["denied"] == ["KillSwitch(venue paper)"]


@pytest.mark.parametrize(("scope", "name"), [("market", "m9"), ("strategy", "no"), ("venue", "x"), ("planet", "m1")])
async def test_a_name_that_is_not_there_closes_nothing(scope, name, bench):
    with pytest.raises((NotFoundError, ConfigError)) as caught:
        await bench.kill(scope=scope, name=name)
    assert caught.value.id == "AGB-515"
    assert bench.latch.read().scopes == ()
    assert bench.venue.calls == []


async def test_opening_what_is_not_closed_is_refused(bench):
    with pytest.raises(NotFoundError) as caught:
        await bench.ask("killswitch", on=False, reason="r", by="me", scope="market", name="m1")
    assert caught.value.id == "AGB-512"


async def test_flatten_begins_with_the_receipt(bench):
    held = {"side": Side.BUY, "price": 400_000, "size": 10 * SCALE, "fee": 0, "strategy": "s"}
    bench.core.engine.portfolio.fill(bench.core.market, bench.core.market.yes, **held)
    assert (await bench.ask("flatten"))["positions"] == []
    assert (await bench.kill(flatten="0.80"))["verified"]
    told = await bench.ask("flatten", seen=0)
    assert [(p["held"], p["floor"]) for p in told["positions"]] == [("10", "0.39")]
    assert not told["over"]
