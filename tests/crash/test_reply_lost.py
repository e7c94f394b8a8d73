"""The venue takes an order and its reply is lost, every time: each is there exactly once, by the exchange's books."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import trio

from agbot.errors import ExecutionError
from agbot.exchange.core.model import OrderStatus
from agbot.model.order import Order, OrderAck, Side, TimeInForce
from agbot.testing.builders import make_order
from agbot.testing.trading import hurried
from agbot.units import to_units
from tests.exchange.test_faults_survived import OTHER, Bench, bench

COUNT = int(os.environ.get("AGBOT_REPLIES_LOST") or 45)
BATCH = 15
PATIENCE_S = 30.0

Answer = OrderAck | ExecutionError
Send = Callable[[Bench, list[Order]], Awaitable[list[Answer]]]


def order(it: Bench, number: int, kind: TimeInForce, price: str) -> Order:
    fields = {"market": it.listing.market.id, "token": it.listing.market.yes, "created_ns": time.time_ns()}
    return make_order(f"t-{number}", Side.BUY, price, "5", time_in_force=kind, **fields)


async def one_by_one(it: Bench, orders: list[Order]) -> list[Answer]:
    answers: list[Answer] = []
    for wanted in orders:
        it.venue.care.breaker("submit").succeeded()  # else it leaves a venue alone that answers nobody
        try:
            answers.append(await it.venue.place_order(wanted))
        except ExecutionError as e:
            answers.append(e)
    return answers


async def in_batches(it: Bench, orders: list[Order]) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(orders), BATCH):
        answers += await it.venue.place_orders(orders[start : start + BATCH])
    return answers


def supply(it: Bench) -> None:
    """Give money for all of it, and let somebody offer more than is bought."""
    now = time.time_ns()
    it.core.deposit(it.address, to_units(str(10 * COUNT)), now)
    it.core.deposit(OTHER, to_units(str(10 * COUNT)), now)
    it.core.split(OTHER, it.listing, to_units(str(10 * COUNT)), now)
    it.offer("0.5", str(5 * COUNT + 100))


@pytest.mark.slow
@pytest.mark.timeout(120 + COUNT)
@pytest.mark.parametrize(
    ("send", "path", "kind", "price"),
    [
        (one_by_one, "POST /order", TimeInForce.GTC, "0.3"),
        (one_by_one, "POST /order", TimeInForce.FOK, "0.5"),
        (in_batches, "POST /orders", TimeInForce.GTC, "0.3"),
        (in_batches, "POST /orders", TimeInForce.FOK, "0.5"),
    ],
    ids=["GTC", "FOK", "batches of GTC", "batches of FOK"],
)
async def test_each_order_is_there_once(send: Send, path: str, kind: TimeInForce, price: str) -> None:
    with hurried():
        async with bench() as it:
            supply(it)
            it.plan.switch("reply_lost", match={"path": path})
            orders = [order(it, number, kind, price) for number in range(COUNT)]
            answers = await send(it, orders)
            lost = struck(it)
            it.plan.clear()
            posts = -(-COUNT // BATCH) if send is in_batches else COUNT
            assert lost >= posts, "not every reply was lost"
            assert len(answers) == COUNT
            with trio.fail_after(PATIENCE_S):
                while any(own.stage not in ("PLACED", "ENDED") for own in it.venue._ledger):
                    await trio.sleep(0.02)
            await once_each(it, orders, kind)
            print(f"{lost} replies lost, {COUNT} orders, each there once")


def struck(it: Bench) -> int:
    return int(it.plan.report()["reply_lost"]["struck"])


async def once_each(it: Bench, orders: list[Order], kind: TimeInForce) -> None:
    """Hold the exchange's orders and trades against what was meant, and the adapter's evidence against them."""
    ours = [found for found in it.core.orders.all() if found.new.address == it.address]
    assert len(ours) == len(orders) == len({found.id for found in ours})
    assert {found.id for found in ours} == {own.order_id for own in it.venue._ledger}
    if kind is TimeInForce.GTC:
        assert all(found.status is OrderStatus.LIVE for found in ours)
        return
    bought = Counter[str]()
    for trade in it.core.trades_of(it.address):
        bought.update({leg.order.id: leg.size for leg in trade.legs if leg.order.new.address == it.address})
    assert sorted(bought) == sorted(found.id for found in ours)
    assert all(bought[found.id] == found.size for found in ours), "filled once, and wholly"
    it.placed = {wanted.client_order_id: wanted for wanted in orders}
    with trio.fail_after(PATIENCE_S):
        while any(to_units(str(it.heard_of(own.name))) != bought[own.order_id] for own in it.venue._ledger):
            await trio.sleep(0.05)
