"""Strategies of one's own before real money: the ones that come through, and the ones that do not."""

from __future__ import annotations

import types

import pytest

from agbot.backtest.rehearsal import own, rehearse
from agbot.doctor import Status, strategies
from agbot.errors import ConfigError
from agbot.settings import Settings, StrategySettings

BUYS = """
from agbot.strategy.base import Place, Side

class Mine:
    id = "mine"
    def __init__(self, after=0):
        self.after = after
        self.seen = 0
    def decide(self, view):
        self.seen += 1
        FAULT
        if view.orders or not view.trusted or not 0 < view.book.best_ask < 1_000_000:
            return ()
        return [Place(token=view.market.yes, side=Side.BUY, price=view.book.best_ask, size=10_000_000, why="buys")]
"""


@pytest.fixture
def yours(tmp_path):
    def write(fault="pass", name="mine", **params):
        path = tmp_path / f"{name}.py"
        text = BUYS.replace("FAULT", fault).replace('id = "mine"', f'id = "{name}"')
        path.write_text(text.replace("Place, Side", "Place\nfrom agbot.model.order import Side"))
        return StrategySettings(name=f"{path}:Mine", params=params, markets=("a-market-of-mine",))

    return write


def world(*chosen):
    return types.SimpleNamespace(settings=Settings(strategies=chosen))


async def test_our_own_need_no_rehearsal():
    found = await strategies.rehearsal(world(StrategySettings(name="quoter"), StrategySettings(name="maker")))
    assert (found.status, found.cause) == (Status.SKIP, "no strategy but agbot's own")


async def test_one_that_comes_through_says_what_it_did(yours):
    found = await strategies.rehearsal(world(StrategySettings(name="quoter"), yours()))
    assert found.status is Status.OK
    assert found.cause.startswith("mine came through: ")
    assert int(found.cause.split(": ")[1].split()[0]) > 10


async def test_one_that_never_orders_comes_through(yours):
    assert (await strategies.rehearsal(world(yours("return ()")))).cause == "mine came through, without an order"


@pytest.mark.parametrize(
    "fault",
    [
        "if self.seen > 500: raise RuntimeError('boom')",
        "if any(fill.voided for fill in view.fills): raise RuntimeError('boom')",
        "if any(end.reason for end in view.ended): raise RuntimeError('boom')",
    ],
    ids=["late", "a failed trade", "an order that ends"],
)
async def test_one_that_raises_may_not_trade(yours, fault):
    found = await strategies.rehearsal(world(yours(fault)))
    assert found.status is Status.FAIL
    assert found.cause.startswith("mine: it raised RuntimeError: boom (")
    assert "mine.py" in found.cause


async def test_every_one_that_raises_is_named(yours):
    found = await strategies.rehearsal(world(yours("raise KeyError(1)"), yours("1 / 0", name="other")))
    assert found.cause.startswith("mine: it raised KeyError: 1")
    assert found.details[0].startswith("other: it raised ZeroDivisionError")


async def test_one_that_cannot_be_loaded_is_the_configurations_fault(yours):
    with pytest.raises(ConfigError, match="AGB-118"):
        await strategies.rehearsal(world(yours(unknown=1)))


def test_the_rehearsal_is_the_same_every_time(yours):
    chosen = Settings(strategies=(yours(),))
    assert rehearse(chosen).digest == rehearse(chosen).digest
    assert own(chosen) == chosen.strategies
