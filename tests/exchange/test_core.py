"""The exchange's core by example: what each kind of order does to books, wallets and facts."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import (
    Event,
    Fact,
    Listing,
    NewOrder,
    Order,
    OrderStatus,
    OrderTold,
    Placed,
    Refused,
    TradeStatus,
    TradeTold,
)
from agbot.exchange.core.terms import Terms
from agbot.matching.clearing import BURN
from agbot.model.events import BookSnapshot
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, SCALE, to_units
from tests.exchange.flow import START_NS, make_listing

ANN, BOB, EVE = "0xann", "0xbob", "0xeve"
LATER = START_NS + 10 * NS_PER_S


class Desk:
    """An exchange with one market, a clock that stands still until told, and everything that was said."""

    def __init__(self, listing: Listing | None = None, **terms: Any) -> None:
        self.core = Exchange(Terms(**terms))
        self.now = START_NS
        self.listing = listing or make_listing()
        self.core.list_market(self.listing, self.now)
        self.facts: list[Fact] = []
        self.core.listeners.append(self.facts.append)
        self._ids = count(1)

    def place(self, wallet: str, side: str, outcome: str, size: str, price: str, **more: Any) -> Placed:
        """Place an order the way a client's amounts say it."""
        shares, usd = to_units(size), to_units(price) * to_units(size) // SCALE
        give, take = (usd, shares) if side == "BUY" else (shares, usd)
        new = NewOrder(
            id=f"0x{next(self._ids):064x}",
            address=wallet,
            owner=f"key of {wallet}",
            maker=wallet,
            token=self.listing.market.yes if outcome == "YES" else self.listing.market.no,
            side=Side(side),
            maker_amount=give,
            taker_amount=take,
            **more,
        )
        return self.core.place(new, self.now)

    def pairs(self, wallet: str, size: int = 100) -> None:
        self.core.balance(wallet)
        self.core.split(wallet, self.listing, size * SCALE, self.now)

    def settle(self) -> None:
        self.now += 10 * NS_PER_S
        self.core.advance(self.now)
        assert list(self.core.accounts.faults()) == []

    def usd(self, wallet: str) -> str:
        return f"{self.core.balance(wallet) / SCALE:.6f}"

    def shares(self, wallet: str, outcome: str) -> float:
        token = self.listing.market.yes if outcome == "YES" else self.listing.market.no
        return self.core.balance(wallet, token) / SCALE

    def news(self, order: Order) -> list[str]:
        return [fact.news for fact in self.facts if isinstance(fact, OrderTold) and fact.order is order]


def test_two_buyers_mint_a_pair_at_the_makers_price() -> None:
    desk = Desk()
    desk.place(ANN, "BUY", "YES", "10", "0.60")
    placed = desk.place(BOB, "BUY", "NO", "10", "0.45")  # is willing to sell YES from 0.55
    (trade,) = placed.trades
    assert (trade.makers[0].kind, trade.taker.price, trade.makers[0].price) == ("mint", 400_000, 600_000)
    desk.settle()
    assert (desk.usd(ANN), desk.usd(BOB)) == ("994.000000", "996.000000")
    assert (desk.shares(ANN, "YES"), desk.shares(BOB, "NO")) == (10.0, 10.0)
    assert desk.core.accounts.pots[desk.listing.market.id] == 10 * SCALE


def test_two_sellers_merge_a_pair() -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.pairs(BOB)
    desk.place(ANN, "SELL", "YES", "10", "0.60")
    (trade,) = desk.place(BOB, "SELL", "NO", "10", "0.40").trades
    assert trade.makers[0].kind == "merge"
    desk.settle()
    assert (desk.usd(ANN), desk.usd(BOB)) == ("906.000000", "904.000000")
    assert desk.core.accounts.pots[desk.listing.market.id] == 190 * SCALE


def test_price_then_time_and_a_better_price_is_the_takers() -> None:
    desk = Desk()
    late = desk.place(ANN, "BUY", "YES", "10", "0.50").order
    best = desk.place(BOB, "BUY", "NO", "10", "0.47").order  # an offer of YES at 0.53 is no bid
    early = desk.place(EVE, "BUY", "YES", "10", "0.50").order
    desk.pairs(BOB)
    (trade,) = desk.place(BOB, "SELL", "YES", "15", "0.45").trades
    assert [leg.order for leg in trade.makers] == [late, early]
    assert [leg.size for leg in trade.makers] == [10 * SCALE, 5 * SCALE]
    assert trade.taker.price == 500_000
    assert (late.status, early.status, best.status) == (OrderStatus.MATCHED, OrderStatus.LIVE, OrderStatus.LIVE)


def test_a_taker_pays_the_fee_and_a_maker_none() -> None:
    desk = Desk(make_listing(fee_rate=70_000))
    desk.pairs(ANN)
    desk.place(ANN, "SELL", "YES", "100", "0.50")
    desk.place(BOB, "BUY", "YES", "100", "0.50")
    desk.settle()
    assert (desk.usd(ANN), desk.usd(BOB)) == ("950.000000", "948.250000")  # 100 · 0.07 · 0.25 = 1.75
    assert desk.core.accounts.fees == 1_750_000


def test_a_market_buy_spends_its_usd_and_gets_more_shares_at_a_better_price() -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.place(ANN, "SELL", "YES", "100", "0.40")
    placed = desk.place(BOB, "BUY", "YES", "20", "0.50", order_type=TimeInForce.FOK)  # ten usd
    assert placed.order.status is OrderStatus.MATCHED
    assert placed.order.matched == 25 * SCALE


@pytest.mark.parametrize(
    ("kind", "size", "text"),
    [
        (TimeInForce.FOK, "200", "order couldn't be fully filled. FOK orders are fully filled or killed."),
        (TimeInForce.FAK, "10", "no orders found to match with FAK order."),
    ],
)
def test_what_never_rests_is_killed(kind: TimeInForce, size: str, text: str) -> None:
    desk = Desk()
    desk.pairs(ANN)
    if kind is TimeInForce.FOK:
        desk.place(ANN, "SELL", "YES", "100", "0.50")
    before = desk.core.ledger()
    with pytest.raises(Refused, match=text):
        desk.place(BOB, "BUY", "YES", size, "0.50", order_type=kind)
    assert desk.core.ledger()["orders"] == before["orders"]


def test_the_rest_of_a_fak_is_cancelled() -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.place(ANN, "SELL", "YES", "10", "0.50")
    order = desk.place(BOB, "BUY", "YES", "20", "0.50", order_type=TimeInForce.FAK).order
    assert (order.status, order.matched) == (OrderStatus.CANCELED, 10 * SCALE)
    assert desk.news(order) == ["PLACEMENT", "CANCELLATION"]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (("BUY", "YES", "10", "0.505"), "breaks minimum tick size rule: 0.01"),
        (("BUY", "YES", "4.99", "0.50"), "lower than the minimum: 5"),
        (("BUY", "YES", "10", "0.995"), r"invalid price \(0.995\), min: 0.01 - max: 0.99"),
        (("BUY", "YES", "3000", "0.50"), "the balance is not enough -> balance: 1000000000, order amount: 1500000000"),
        (("SELL", "YES", "10", "0.50"), "the balance is not enough -> balance: 0, order amount: 10000000"),
    ],
)
def test_refusals(order: tuple[str, str, str, str], text: str) -> None:
    desk = Desk()
    with pytest.raises(Refused, match=text):
        desk.place(ANN, *order)
    assert desk.core.ledger()["orders"] == []


def test_resting_orders_hold_back_their_money_and_cancels_give_it_back() -> None:
    desk = Desk()
    first = desk.place(ANN, "BUY", "YES", "1500", "0.50").order
    with pytest.raises(Refused, match="sum of active orders: 750000000, order amount: 300000000"):
        desk.place(ANN, "BUY", "NO", "1000", "0.30")
    assert desk.core.cancel(ANN, [first.id, "0xnone"], desk.now)[0] == [first.id]
    desk.place(ANN, "BUY", "NO", "1000", "0.30")


def test_a_foreign_order_is_not_cancelled_and_a_repeated_cancel_is_told() -> None:
    desk = Desk()
    order = desk.place(ANN, "BUY", "YES", "10", "0.50").order
    assert desk.core.cancel(BOB, [order.id], desk.now) == (
        [],
        {order.id: "order can't be found - already canceled or matched"},
    )
    assert desk.core.cancel(ANN, [order.id], desk.now)[0] == [order.id]
    assert desk.core.cancel(ANN, [order.id], desk.now)[0] == []


def test_a_duplicate_is_refused_also_when_the_first_has_ended() -> None:
    desk = Desk()
    order = desk.place(ANN, "BUY", "YES", "10", "0.50").order
    for _ in range(2):
        with pytest.raises(Refused, match=r"Duplicated\."):
            desk.core.place(order.new, desk.now)
        desk.core.cancel(ANN, [order.id], desk.now)


@pytest.mark.parametrize(("mode", "left"), [("cancel", 0), ("allow", 0)])
def test_meeting_ones_own_order(mode: str, left: int) -> None:
    desk = Desk(self_trade=mode)
    desk.pairs(ANN)
    own = desk.place(ANN, "SELL", "YES", "10", "0.50").order
    placed = desk.place(ANN, "BUY", "YES", "10", "0.50")
    assert own.remaining == left
    assert own.status is (OrderStatus.CANCELED if mode == "cancel" else OrderStatus.MATCHED)
    assert bool(placed.trades) is (mode == "allow")
    desk.settle()


def test_meeting_ones_own_order_is_refused_by_default() -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.place(ANN, "SELL", "YES", "10", "0.50")
    with pytest.raises(Refused, match="self trade"):
        desk.place(ANN, "BUY", "YES", "10", "0.50")


def test_post_only() -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.place(ANN, "SELL", "YES", "10", "0.50")
    with pytest.raises(Refused, match="invalid post-only order: order crosses book"):
        desk.place(BOB, "BUY", "YES", "10", "0.50", post_only=True)
    with pytest.raises(Refused, match="crosses book"):
        desk.place(BOB, "SELL", "NO", "10", "0.50", post_only=True)
    assert desk.place(BOB, "BUY", "YES", "10", "0.49", post_only=True).order.status is OrderStatus.LIVE


def test_a_gtd_order_goes_a_minute_before_its_time() -> None:
    desk = Desk()
    at_s = START_NS // NS_PER_S
    with pytest.raises(Refused, match="invalid expiration"):
        desk.place(ANN, "BUY", "YES", "10", "0.50", order_type=TimeInForce.GTD, expiration_s=at_s + 179)
    order = desk.place(ANN, "BUY", "YES", "10", "0.50", order_type=TimeInForce.GTD, expiration_s=at_s + 200).order
    desk.core.advance(START_NS + 139 * NS_PER_S)
    assert order.status is OrderStatus.LIVE
    desk.core.advance(START_NS + 140 * NS_PER_S)
    assert order.status is OrderStatus.CANCELED_EXPIRED_ORDER


def test_a_delayed_order_cannot_be_cancelled_and_meets_the_book_of_then() -> None:
    desk = Desk(make_listing(delay_ns=NS_PER_S))
    desk.pairs(ANN)
    offer = desk.place(ANN, "SELL", "YES", "10", "0.50").order
    order = desk.place(BOB, "BUY", "YES", "10", "0.55").order
    assert order.status is OrderStatus.DELAYED
    assert desk.core.cancel(BOB, [order.id], desk.now) == ([], {order.id: "order is delayed and can't be canceled"})
    desk.core.cancel(ANN, [offer.id], desk.now)
    desk.core.advance(desk.now + NS_PER_S)
    assert order.status is OrderStatus.LIVE
    assert desk.core.levels(desk.listing, Side.BUY) == [(550_000, 10 * SCALE)]


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (TimeInForce.FOK, OrderStatus.CANCELED, "fully filled or killed"),
        (TimeInForce.FAK, OrderStatus.CANCELED, "no orders found to match"),
        (TimeInForce.GTC, OrderStatus.CANCELED_NOT_ENOUGH_BALANCE, "not enough balance"),
    ],
)
def test_a_delayed_order_that_cannot_trade_any_more_is_cancelled(
    kind: TimeInForce, status: OrderStatus, reason: str
) -> None:
    desk = Desk(make_listing(delay_ns=NS_PER_S), grant_usd=10 * SCALE)
    desk.core.deposit(ANN, 90 * SCALE, desk.now)
    desk.pairs(ANN, 50)
    offered = desk.place(ANN, "SELL", "YES", "10", "0.5").order
    order = desk.place(BOB, "BUY", "YES", "10", "0.5", order_type=kind).order
    assert order.status is OrderStatus.DELAYED
    if kind is TimeInForce.GTC:
        desk.core.deposit(BOB, -8 * SCALE, desk.now)
    else:
        desk.core.cancel(ANN, [offered.id], desk.now)
    desk.settle()
    assert order.status is status
    assert reason in order.reason
    assert desk.core.balance(BOB) == (2 if kind is TimeInForce.GTC else 10) * SCALE
    assert desk.core.settlement.count == 0


@pytest.mark.parametrize(
    ("fate", "statuses"),
    [
        ("confirm", ["MATCHED", "MINED", "CONFIRMED"]),
        ("retry", ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]),
        ("fail", ["MATCHED", "RETRYING", "FAILED"]),
    ],
)
def test_settlement(fate: str, statuses: list[str]) -> None:
    desk = Desk()
    desk.pairs(ANN)
    desk.core.settlement.fate = lambda _trade: fate
    desk.place(ANN, "SELL", "YES", "10", "0.50")
    (trade,) = desk.place(BOB, "BUY", "YES", "10", "0.50").trades
    assert (trade.status, trade.tx_hash, desk.shares(BOB, "YES")) == (TradeStatus.MATCHED, "", 0.0)
    with pytest.raises(Refused, match="the balance is not enough"):
        desk.place(BOB, "SELL", "YES", "10", "0.60")  # matched, but not his yet
    desk.settle()
    told = []
    desk.core.listeners.append(told.append)
    assert [f.trade.status for f in desk.facts if isinstance(f, TradeTold)][-1] == statuses[-1]
    assert len([f for f in desk.facts if isinstance(f, TradeTold)]) == len(statuses)
    moved = fate != "fail"
    assert (desk.shares(BOB, "YES"), desk.usd(BOB)) == ((10.0, "995.000000") if moved else (0.0, "1000.000000"))
    assert bool(trade.tx_hash) is moved


def test_a_maker_whose_money_is_gone_is_passed_over_and_cancelled() -> None:
    desk = Desk()
    poor = desk.place(ANN, "BUY", "YES", "100", "0.60").order
    desk.place(EVE, "BUY", "YES", "10", "0.50")
    desk.core.deposit(ANN, -990 * SCALE, desk.now)
    desk.pairs(BOB)
    (trade,) = desk.place(BOB, "SELL", "YES", "10", "0.50").trades
    assert trade.makers[0].order.new.maker == EVE
    assert poor.status is OrderStatus.CANCELED_NOT_ENOUGH_BALANCE
    desk.settle()


def test_resolution_cancels_names_the_winner_and_pays_it() -> None:
    desk = Desk()
    desk.place(ANN, "BUY", "YES", "10", "0.60")
    desk.place(BOB, "BUY", "NO", "10", "0.40")
    rest = desk.place(EVE, "BUY", "YES", "10", "0.10").order
    desk.core.resolve(desk.listing, desk.listing.market.no, desk.now)
    assert rest.status is OrderStatus.CANCELED_MARKET_RESOLVED
    desk.settle()
    assert (desk.usd(ANN), desk.usd(BOB)) == ("994.000000", "1006.000000")
    with pytest.raises(Refused, match="No orderbook exists"):
        desk.place(ANN, "BUY", "YES", "10", "0.60")


def test_a_conversion_pays_what_its_no_shares_would_whoever_wins() -> None:
    event = Event(id="cup", slug="cup", title="Cup", neg_risk=True)
    for winner in range(3):
        desk = Desk(make_listing("cup-0", event=event))
        others = [make_listing(f"cup-{n}", event=event) for n in (1, 2)]
        for listing in others:
            desk.core.list_market(listing, desk.now)
        markets = [desk.listing, *others]
        desk.pairs(ANN, 10)
        desk.core.split(ANN, others[0], 10 * SCALE, desk.now)
        desk.core.convert(ANN, markets[:2], 10 * SCALE, desk.now)
        assert desk.core.balance(ANN) == (1000 - 20 + 10) * SCALE
        assert desk.core.balance(ANN, others[1].market.yes) == 10 * SCALE
        for number, listing in enumerate(markets):
            desk.core.resolve(listing, listing.market.yes if number == winner else listing.market.no, desk.now)
        desk.settle()
        assert desk.core.accounts.holding(BURN).cash == 0
        assert desk.core.balance(ANN) == 1000 * SCALE


def test_an_order_queues_behind_the_recorded_size() -> None:
    desk = Desk()
    yes = desk.listing.market.yes
    desk.core.background(BookSnapshot(yes, ((500_000, 100 * SCALE),), ((600_000, 50 * SCALE),), desk.now), desk.now)
    mine = desk.place(ANN, "BUY", "YES", "10", "0.50").order
    assert desk.core.levels(desk.listing, Side.BUY) == [(500_000, 110 * SCALE)]
    desk.pairs(BOB)
    desk.place(BOB, "SELL", "YES", "95", "0.50")
    assert mine.matched == 0
    (trade,) = desk.place(EVE, "BUY", "NO", "15", "0.50").trades
    assert [leg.size for leg in trade.makers] == [5 * SCALE, 10 * SCALE]
    assert mine.status is OrderStatus.MATCHED
    desk.settle()


def test_a_recorded_book_that_crosses_an_order_trades_with_it() -> None:
    desk = Desk()
    yes = desk.listing.market.yes
    mine = desk.place(ANN, "BUY", "NO", "10", "0.45").order  # an offer of YES at 0.55
    desk.core.background(BookSnapshot(yes, ((560_000, 4 * SCALE),), (), desk.now), desk.now)
    assert (mine.matched, mine.status) == (4 * SCALE, OrderStatus.LIVE)
    assert desk.core.levels(desk.listing, Side.SELL) == [(550_000, 6 * SCALE)]
    desk.settle()
    assert desk.shares(ANN, "NO") == 4.0
