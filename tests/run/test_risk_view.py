"""What a running bot says of its book and its limits; the command takes it as it is."""

from __future__ import annotations

import json

import trio
from click.testing import CliRunner

from agbot.cli import risk
from agbot.core.rules import DayCap, InventoryLimit, OrderCap, PositionLimit
from agbot.run.embed import demo_bot
from agbot.run.risk_view import _limit, view
from agbot.units import SCALE


async def test_a_bot_that_trades(monkeypatch):
    async with demo_bot(seed=3, strategies=["quoter"]) as bot:
        engine = bot.session.engine
        with trio.fail_after(60):
            while not view(engine, 0)["positions"]:
                await trio.sleep(0.05)
        told = view(engine, 0)
        asked = await bot.session.operator().handlers()["risk"]({})
    held = {row["market"]: row for row in told["positions"]}
    for row in held.values():
        assert 0 <= float(row["bid"]) <= float(row["price"]) <= float(row["ask"]) <= 1
        assert float(row["yes"]) or float(row["no"])
    assert {row["policy"] for row in told["limits"]} == {"PositionLimit", "InventoryLimit", "KillSwitch"}
    used = {row["policy"]: row["used_pct"] for row in told["limits"]}
    assert used["KillSwitch"] is None
    assert used["PositionLimit"] > 0
    assert asked.keys() == told.keys()
    monkeypatch.setattr(risk, "control", lambda *_: told)
    found = json.loads(CliRunner().invoke(risk.command, ["show", "--json"]).output)
    assert {row["market"] for row in found["positions"]} == held.keys()
    assert found["worst_usd"] > 0
    assert found["with_orders"] == told["with_orders"]
    assert all(float(usd) > 0 for usd in told["with_orders"].values())
    orders = told["with_orders"]
    said = f"with orders  worst case {orders['worst_usd']} usd, VaR at 0.95 {orders['var_95_usd']} usd: resting orders"
    assert said in CliRunner().invoke(risk.command, ["show"]).output


async def test_how_far_each_limit_is_used():
    async with demo_bot(seed=3) as bot:
        engine = bot.session.engine
        assert _limit(engine, PositionLimit(None, 0), 0)["used_pct"] is None
        assert _limit(engine, InventoryLimit(100 * SCALE), 0)["used_pct"] == 0
        assert _limit(engine, OrderCap(SCALE), 0)["used_pct"] is None
        assert _limit(engine, DayCap(100 * SCALE, spent_usd=25 * SCALE, day=5), 0)["used_pct"] == 25.0
        assert _limit(engine, DayCap(100 * SCALE, spent_usd=25 * SCALE, day=-1), 0)["used_pct"] == 0
