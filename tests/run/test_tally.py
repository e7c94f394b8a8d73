"""The closing summary."""

from __future__ import annotations

import json

from agbot.core.rules import PositionLimit
from agbot.core.view import Place
from agbot.model.events import (
    BookDelta,
    HaltRequested,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    TradePrint,
)
from agbot.model.order import Liquidity, Settlement, Side
from agbot.run.tally import Tally, by_token
from agbot.units import to_units


def bid(price="0.40", size="10"):
    return Place(token="m1-yes", side=Side.BUY, price=to_units(price), size=to_units(size), why="test")


def test_everything_is_counted_once(make_core):
    core = make_core(PositionLimit("m1", to_units("15")))
    tally = Tally(core.engine)
    core.observers.append(tally.observe)
    core.open()
    first, second = (core.wish(bid(size="5")).output.commands[0].client_order_id for _ in range(2))
    for _ in range(3):
        core.wish(bid(size="50"))  # denied once, then repeated
    fill = OrderFilled(first, "t", to_units("0.4"), to_units("5"), to_units("0.01"), Liquidity.TAKER, 1)
    core.step(OrderAccepted(first, "v", 1), fill, fill, OrderRejected(second, "no", 1))
    core.step(BookDelta("m1-yes", ((1, 480_000, 5),), 1), TradePrint("m1-yes", Side.BUY, 1, 1, 1))
    core.step(BookDelta("m1-yes", ((0, 123, 5),), 1), HaltRequested("x", 1))
    result = tally.result()
    assert json.loads(json.dumps(result)) == result
    assert {k: v for k, v in result.items() if v} == {
        "books_applied": 2,
        "price_changes_applied": 2,
        "trade_prints": 1,
        "locked_states": 1,
        "impossible_messages": 1,
        "orders_placed": 2,
        "orders_filled": 1,
        "orders_rejected": 1,
        "fills": 1,
        "filled_shares": "5",
        "denials": 1,
        "denials_by_policy": {"PositionLimit(m1)": 1},
        "denials_repeated": 2,
        "fees_usd": "0.01",
        "realised_usd": "-0.01",
        "cash_usd": "997.99",
        "inventory_usd": result["inventory_usd"],
        "pnl_usd": result["pnl_usd"],
    }
    yes, no = by_token(core.engine)
    assert (yes["outcome"], yes["snapshots"], yes["changes"], yes["locked"], yes["position"]) == ("YES", 1, 2, 1, "5")
    assert (no["outcome"], no["changes"], no["position"]) == ("NO", 0, "0")


def test_a_fill_that_failed_to_settle_is_not_counted(make_core):
    core = make_core()
    tally = Tally(core.engine)
    core.observers.append(tally.observe)
    core.open()
    order = core.wish(bid(size="5")).output.commands[0].client_order_id
    for word in (Settlement.MATCHED, Settlement.MINED, Settlement.FAILED):
        price, size = to_units("0.4"), to_units("5")
        core.step(OrderFilled(order, "t", price, size, 0, Liquidity.TAKER, 1, settlement=word))
    result = tally.result()
    assert (result["fills"], result["filled_shares"], result["cash_usd"]) == (0, "0", "1000.00")
