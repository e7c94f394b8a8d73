"""Money at its edges: the smallest sizes, extreme prices, and what comes at the wrong moment."""

from __future__ import annotations

from pathlib import Path

import attrs
import msgspec
import pytest

from agbot.exchange.box import Box
from agbot.exchange.core.exchange import EXPIRE
from agbot.exchange.core.model import Event, OrderStatus, Refused, TradeStatus
from agbot.exchange.settings import BoxSettings
from agbot.model.events import BookSnapshot
from agbot.model.order import TimeInForce
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import make_listing
from tests.exchange.test_core import ANN, BOB, Desk


def test_a_question_is_converted_once() -> None:
    cup = Event(id="cup", slug="cup", title="Cup", neg_risk=True, neg_risk_id="0x" + "c" * 64)
    markets = [make_listing(f"cup-{n}", event=cup, neg_risk=True) for n in range(3)]
    desk = Desk(markets[0])
    for market in markets[1:]:
        desk.core.list_market(market, desk.now)
    desk.pairs(ANN, 10)
    with pytest.raises(Refused, match="conversion"):
        desk.core.convert(ANN, [markets[0], markets[0]], 10 * SCALE, desk.now)
    assert desk.shares(ANN, "NO") == 10
    assert list(desk.core.accounts.faults()) == []


def test_an_order_that_rests_is_a_duplicate_however_long_it_has_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.exchange.core.digests.KEPT", 3)
    desk = Desk()
    order = desk.place(ANN, "BUY", "YES", "10", "0.3").order
    for _ in range(9):
        desk.place(BOB, "BUY", "YES", "10", "0.2")
    with pytest.raises(Refused, match="Duplicated"):
        desk.core.place(order.new, desk.now)
    assert desk.core.open_orders(ANN) == (order,)


def test_two_orders_of_a_wallet_that_can_pay_one_are_not_both_traded_by_a_recording() -> None:
    desk = Desk(grant_usd=100 * SCALE)
    first, second = (desk.place(ANN, "BUY", "YES", "100", "0.5").order for _ in range(2))
    desk.core.deposit(ANN, -40 * SCALE, desk.now)
    desk.core.background(BookSnapshot(desk.listing.market.yes, (), ((400_000, 500 * SCALE),), desk.now), desk.now)
    assert (first.status, second.status) == (OrderStatus.MATCHED, OrderStatus.CANCELED_NOT_ENOUGH_BALANCE)
    desk.settle()
    assert (desk.usd(ANN), desk.shares(ANN, "YES")) == ("10.000000", 100)


def test_a_settlement_that_somebody_cannot_pay_fails_and_moves_nothing() -> None:
    desk = Desk()
    desk.place(ANN, "BUY", "YES", "10", "0.5")
    (trade,) = desk.place(BOB, "BUY", "NO", "10", "0.5").trades
    desk.core.accounts.holding(ANN).cash -= 998 * SCALE
    desk.core.accounts.deposited -= 998 * SCALE
    desk.settle()
    assert trade.status is TradeStatus.FAILED
    assert (desk.usd(ANN), desk.usd(BOB)) == ("2.000000", "1000.000000")
    assert not desk.core.accounts.holding(ANN).out_cash


def test_a_delayed_order_does_not_meet_its_own_wallet_where_that_is_refused() -> None:
    desk = Desk(make_listing(delay_ns=NS_PER_S))
    desk.place(BOB, "BUY", "NO", "10", "0.5")
    delayed = desk.place(ANN, "BUY", "YES", "10", "0.6").order
    desk.place(ANN, "BUY", "NO", "10", "0.45")
    (theirs,) = desk.core.open_orders(BOB)
    desk.core.cancel(BOB, [theirs.id], desk.now)
    desk.settle()
    assert (delayed.status, delayed.reason[:10]) == (OrderStatus.CANCELED, "self trade")
    assert desk.core.settlement.count == 0


def test_expiries_of_orders_that_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.exchange.core.exchange.DUE_MIN", 20)
    desk = Desk()
    until_s = desk.now // NS_PER_S + 86_400
    for _ in range(200):
        order = desk.place(ANN, "BUY", "YES", "10", "0.3", order_type=TimeInForce.GTD, expiration_s=until_s).order
        desk.core.cancel(ANN, [order.id], desk.now)
    kept = desk.place(ANN, "BUY", "YES", "10", "0.3", order_type=TimeInForce.GTD, expiration_s=until_s).order
    assert len([due for due in desk.core.due if due[2] == EXPIRE]) <= 21
    desk.core.advance(until_s * NS_PER_S)
    assert kept.status is OrderStatus.CANCELED_EXPIRED_ORDER


def test_what_makers_are_due_outlives_a_restart(tmp_path: Path) -> None:
    settings = BoxSettings(port=0, population="", state=tmp_path / "state.json")
    box = Box(settings)
    listing = next(x for x in box.core.listings.values() if x.market.fee_rate)
    desk = Desk(listing)
    desk.core, desk.now = box.core, box.now_ns()
    for wallet in (ANN, BOB):
        box.core.deposit(wallet, 10**6 * SCALE, desk.now)
    desk.place(ANN, "BUY", "YES", "100000", "0.5")
    desk.place(BOB, "BUY", "NO", "100000", "0.5")
    desk.settle()
    again = Box(attrs.evolve(settings, state=None), msgspec.json.decode(msgspec.json.encode(box.parts())))
    assert again.rebating.pay(again.core, desk.now) == box.rebating.pay(box.core, desk.now) > 0
    assert again.core.accounts.holding(ANN).cash == box.core.accounts.holding(ANN).cash
