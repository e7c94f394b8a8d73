"""A yes to a cancel says that no more will match, not how much did: the end waits until that is known and told."""

from __future__ import annotations

import time

import pytest

from agbot.model.events import OrderAccepted, OrderCancelled, OrderFilled, Source
from agbot.testing.trading import hurried, trading
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.own import Stage
from tests.venue.polymarket.test_ledger import Bench, S, maker, record, trade, update


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def own(bench):
    """An order of 10 shares whose cancel the venue has said yes to."""
    own = bench.order()
    assert bench.ledger.gone(own, S.CANCELLED, "cancelled by us") == []
    return own


def kinds(said):
    return [type(evidence) for evidence in said]


def test_the_stream_counts_nothing_and_the_end_is_told(bench, own):
    (end,) = bench.hear(update(kind="CANCELLATION", status="CANCELED"))
    assert (end.reason, end.source, own.stage) == ("cancelled by us", Source.SOCKET, Stage.ENDED)


def test_the_stream_counts_more_than_was_heard_and_the_end_comes_after_the_fill(bench, own):
    assert bench.hear(update(kind="CANCELLATION", status="CANCELED", matched=4)) == []
    assert own.puzzling
    assert kinds(bench.hear(trade(makers=[maker("0xo", 4)]))) == [OrderFilled, OrderCancelled]


def test_a_fill_alone_does_not_end_it(bench, own):
    assert kinds(bench.hear(trade(makers=[maker("0xo", 4)]))) == [OrderFilled]
    assert own.stage is Stage.PLACED
    assert kinds(bench.hear(update(kind="CANCELLATION", status="CANCELED", matched=4))) == [OrderCancelled]


def test_all_of_it_filled_is_an_end_without_a_count(bench, own):
    (fill,) = bench.hear(trade(makers=[maker("0xo", 10)]))
    assert (fill.size, own.stage, own.state) == (10 * SCALE, Stage.ENDED, S.FILLED)


def test_without_the_stream_the_venue_is_asked_after_a_second(bench, own):
    assert bench.ledger.due(bench.now) == []
    bench.now += 2 * NS_PER_S
    assert bench.ledger.due(bench.now) == [own]
    assert bench.ledger.found(own, record(status="LIVE")) == []  # a read from before the cancel
    assert kinds(bench.ledger.found(own, record(status="CANCELED"))) == [OrderCancelled]


def test_the_stream_that_is_faster_than_the_yes_has_counted(bench):
    own = bench.order()
    assert bench.hear(update(kind="CANCELLATION", status="CANCELED", matched=4)) == []
    assert bench.ledger.gone(own, S.CANCELLED, "cancelled by us") == []
    assert kinds(bench.hear(trade(makers=[maker("0xo", 4)]))) == [OrderFilled, OrderCancelled]


def test_a_reply_to_a_post_counts(bench):
    own = bench.order(stage=Stage.SENDING)
    assert kinds(bench.ledger.accepted(own, closed=S.CANCELLED)) == [OrderCancelled]


def test_an_unresolved_order_that_a_cancel_found_exists_and_waits(bench):
    own = bench.order(stage=Stage.UNRESOLVED)
    assert kinds(bench.ledger.gone(own, S.CANCELLED, "found and cancelled")) == [OrderAccepted]
    assert kinds(bench.hear(update(kind="CANCELLATION", status="CANCELED"))) == [OrderCancelled]


async def test_a_trade_that_fails_unheard_is_found_though_nothing_rests(monkeypatch):
    monkeypatch.setattr("agbot.venue.polymarket.asking.REGULARLY_S", 0.02)
    async with trading() as venue:
        order = venue.order()
        order_id = (await venue.venue.place_order(order)).venue_order_id
        trade_id = venue.stub.exchange.fill(order_id, "10")
        await venue.until(lambda: venue.filled(order.client_order_id) == 10)
        venue.stub.exchange.listeners.clear()  # the stream tells nothing any more, and looks like a quiet market
        venue.stub.exchange.settle(trade_id, "FAILED")
        await venue.until(lambda: venue.filled(order.client_order_id) == 0)


async def test_a_fill_that_is_dated_before_our_order_by_another_clock_is_found():
    with hurried():
        async with trading(now_s=lambda: time.time() - 8) as bench:
            order = bench.order()
            order_id = (await bench.venue.place_order(order)).venue_order_id
            bench.stub.exchange.listeners.clear()
            bench.stub.exchange.fill(order_id, "4")
            await bench.venue.cancel_order(order.client_order_id)
            await bench.until(lambda: bench.kinds(order.client_order_id)[-2:] == ["OrderFilled", "OrderCancelled"])
            assert bench.filled(order.client_order_id) == 4
