"""Whether the gate lets anything pass: what status says of a bot whose every order is denied."""

from __future__ import annotations

import pytest

from agbot.core.rules import DayCap
from agbot.core.view import Place
from agbot.model.events import OrderAccepted
from agbot.model.order import Side
from agbot.run.denials import LATELY_NS
from agbot.run.tally import Tally
from agbot.units import to_units

CAP = DayCap(to_units("5"), spent_usd=to_units("3"))
FIGURE = {
    "rule": "DayCap",
    "figure": "7.00 usd, 3.00 usd without it",
    "limit": "at most 5 usd traded in one UTC day",
}


def bid(size="10", price="0.40"):
    return Place(token="m1-yes", side=Side.BUY, price=to_units(price), size=to_units(size), why="test")


@pytest.fixture
def core(make_core):
    core = make_core(CAP)
    core.tally = Tally(core.engine)
    core.observers.append(core.tally.observe)
    return core.open()


def report(core, later_ns=0):
    return core.tally.lately.report(core.now + later_ns)


def test_every_order_denied_is_told_with_the_figures_and_counts_repetitions(core):
    assert report(core) == {}
    for _ in range(3):
        core.wish(bid())
    assert report(core) == {
        "count": 3,
        "policies": ["DayCap"],
        "strategy_id": "script",
        "market_id": "m1",
        "figures": [FIGURE],
    }


def test_a_minute_in_which_one_passed_or_none_was_wished_for_is_not(core):
    core.wish(bid())
    assert report(core, LATELY_NS - 1)
    assert report(core, LATELY_NS + 1) == {}
    passed = core.wish(bid("5")).output.commands[0].client_order_id
    core.step(OrderAccepted(passed, "v", 1))
    core.wish(bid())
    assert report(core) == {}
    core.now += LATELY_NS
    core.wish(bid())
    found = report(core)
    assert (found["count"], found["figures"][0]["figure"]) == (2, "9.00 usd, 5.00 usd without it")


async def test_the_running_bot_says_so_and_asking_leaves_no_trace(operated):
    core = operated.core
    tally = Tally(core.engine)
    core.observers.append(tally.observe)
    operated.operator._denials = tally.lately
    core.wish(bid("9000"))
    before = list(core.engine.oms.all())
    told = (await operated.ask("status"))["denied"]
    assert [row["rule"] for row in told["figures"]] == ["BuyingPower", "DayCap"]
    assert list(core.engine.oms.all()) == before
