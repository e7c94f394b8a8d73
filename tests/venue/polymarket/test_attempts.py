"""Every request about an order is noted: when it left, what came back, and once the signature that went."""

from __future__ import annotations

import coincurve
import pytest
import trio

from agbot._keccak import keccak256
from agbot.errors import VenueRefused
from agbot.model.events import OrderAttempted
from agbot.testing.trading import TradingBench, hurried, trading
from agbot.testing.venue_stub import ADDRESS, NOT_EXECUTED, Reply

POST = ("POST", "/order")


def noted(bench: TradingBench) -> list[OrderAttempted]:
    attempts: list[OrderAttempted] = []
    bench.venue.note_attempts(attempts.append)
    return attempts


def told(attempts: list[OrderAttempted]) -> list[tuple[str, int, str]]:
    return [(a.operation, a.number, a.said.partition(":")[0]) for a in attempts]


def signer_of(attempt: OrderAttempted) -> str:
    raw = bytes.fromhex(attempt.signature[2:])
    recoverable = raw[:64] + bytes([raw[64] - 27])
    key = coincurve.PublicKey.from_signature_and_message(recoverable, bytes.fromhex(attempt.venue_order_id[2:]), None)
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


async def test_a_post_and_a_cancel() -> None:
    async with trading() as bench:
        attempts, order = noted(bench), bench.order()
        ack = await bench.venue.place_order(order)
        await bench.venue.cancel_order(order.client_order_id)
    assert told(attempts) == [("post", 1, "live"), ("cancel", 1, "cancelled")]
    assert {(a.client_order_id, a.venue_order_id) for a in attempts} == {(order.client_order_id, ack.venue_order_id)}
    assert signer_of(attempts[0]) == ADDRESS.lower()
    assert attempts[1].signature == ""
    assert all(a.took_ns > 0 and a.ts_ns > 0 for a in attempts)


async def test_copies_of_the_same_bytes_are_counted_and_the_signature_is_told_once() -> None:
    with hurried():
        async with trading() as bench:
            attempts = noted(bench)
            bench.stub.reply(*POST, NOT_EXECUTED, times=2)
            await bench.venue.place_order(bench.order())
            bodies = {received.body for received in bench.stub.asked(*POST)}
    posts = [attempt for attempt in attempts if attempt.operation == "post"]
    assert told(posts) == [("post", 1, "ambiguous"), ("post", 2, "ambiguous"), ("post", 3, "live")]
    assert len(bodies) == 1
    assert [bool(attempt.signature) for attempt in posts] == [True, False, False]
    assert [a.said for a in attempts if a.operation == "look"] == ["no such order"] * 2


async def test_a_no_is_told_in_the_venues_words() -> None:
    async with trading() as bench:
        attempts = noted(bench)
        bench.stub.reply(*POST, Reply(400, {"error": "not enough balance / allowance"}), times=1)
        with pytest.raises(VenueRefused):
            await bench.venue.place_order(bench.order())
    assert [a.said for a in attempts] == ["refused: not enough balance / allowance (HTTP 400)"]


async def test_silence_is_told_too() -> None:
    async with trading() as bench:
        attempts = noted(bench)
        bench.stub.hold(*POST)
        with trio.move_on_after(0.2):
            await bench.venue.place_order(bench.order())
    assert told(attempts) == [("post", 1, "no answer")]
    assert attempts[0].took_ns >= 150_000_000


async def test_each_order_of_a_batch_has_its_own() -> None:
    async with trading() as bench:
        attempts, orders = noted(bench), [bench.order() for _ in range(3)]
        await bench.venue.place_orders(orders)
        await bench.venue.cancel_all()
    posts, cancels = attempts[:3], attempts[3:]
    assert [a.client_order_id for a in posts] == [o.client_order_id for o in orders]
    assert {a.said for a in posts} == {"answered in a batch of 3"}
    assert len({a.signature for a in posts}) == 3
    assert {a.client_order_id for a in cancels} == {o.client_order_id for o in orders}
    assert {a.said for a in cancels} == {"3 cancelled, of all"}


async def test_the_look_that_ends_a_doubt_is_one_of_them() -> None:
    async with trading() as bench:
        attempts, order = noted(bench), bench.order()
        bench.stub.lose_reply(*POST)
        ack = await bench.venue.place_order(order)
        await bench.venue.cancel_order(order.client_order_id)
    assert told(attempts) == [("post", 1, "ambiguous"), ("look", 1, "LIVE, 0 matched"), ("cancel", 1, "cancelled")]
    assert attempts[1].venue_order_id == ack.venue_order_id


async def test_a_cancel_that_is_refused_is_asked_again_and_looked_for() -> None:
    with hurried():
        async with trading() as bench:
            attempts, order = noted(bench), bench.order()
            ack = await bench.venue.place_order(order)
            why = "order is in a delay window"
            no = Reply(200, {"canceled": [], "not_canceled": {ack.venue_order_id: why}})
            bench.stub.reply("DELETE", "/order", no, times=1)
            await bench.venue.cancel_order(order.client_order_id)
    assert [(a.operation, a.number, a.said) for a in attempts[1:]] == [
        ("cancel", 1, f"not cancelled: {why}"),
        ("look", 1, "LIVE, 0 matched"),
        ("cancel", 2, "cancelled"),
    ]
