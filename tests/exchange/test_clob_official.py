"""What the routes answer, read by the models of the official client `polymarket-client`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agbot.exchange.core.model import Move, Moved
from tests.exchange.clob_desk import Desk, Trader, listing_at

pytest.importorskip("polymarket")

from polymarket._internal.actions import account, auth, clob, rewards
from polymarket._internal.actions.orders import market_data
from polymarket.models.clob.order_heartbeats import OrderHeartbeat
from polymarket.models.clob.order_response import AcceptedOrder, RawOrderResponse, normalize_order_response


@pytest.fixture
def desk() -> Desk:
    return Desk(listing_at(1, fee_rate=50_000, rewards_daily_usd=50_000_000, start_ns=10**18, neg_risk=True))


def wire(told: Any) -> Any:
    """Return what arrives of it."""
    return msgspec.json.decode(msgspec.json.encode(told))


def test_public_reads(desk: Desk, alice: Trader, bob: Trader) -> None:
    alice.placed("BUY", "0.40", "100")
    bob.placed("BUY", "0.60", "25", token=desk.no)
    bob.placed("BUY", "0.50", "25", token=desk.no)
    book = clob.parse_order_book(wire(desk.get("/book", token_id=desk.yes).json))
    assert [str(level.price) for level in (book.bids[-1], book.asks[-1])] == ["0.4", "0.5"]
    rows = [{"token_id": token, "side": "BUY"} for token in (desk.yes, desk.no)]
    assert len(clob.parse_order_books(wire(desk.post("/books", rows).json))) == 2
    assert str(clob.parse_midpoint(wire(desk.get("/midpoint", token_id=desk.yes).json))) == "0.45"
    assert set(clob.parse_midpoints(wire(desk.post("/midpoints", rows).json))) == {desk.yes, desk.no}
    assert clob.parse_prices(wire(desk.post("/prices", rows).json))[desk.no]["BUY"]
    assert clob.parse_spreads(wire(desk.post("/spreads", rows).json))
    assert clob.parse_last_trade_price(wire(desk.get("/last-trade-price", token_id=desk.no).json)).side == "BUY"
    assert len(clob.parse_last_trade_prices(wire(desk.post("/last-trades-prices", rows).json))) == 2
    info = market_data._parse_market_info(wire(desk.get(f"/clob-markets/{desk.listing.condition}").json))
    assert (info.neg_risk, str(info.tick_size), str(info.fee_info.rate)) == (True, "0.01", "0.05")
    assert market_data._parse_condition_by_token(wire(desk.get(f"/markets-by-token/{desk.no}").json))
    assert rewards.parse_current_rewards_page(wire(desk.get("/rewards/markets/current").json)).items
    assert rewards.parse_market_rewards_page(wire(desk.get(f"/rewards/markets/{desk.listing.condition}").json)).items
    desk.clob.hear(Moved(kind=Move.MAKER_REBATE, wallet=alice.address, usd=5, ts_ns=desk.now_ns))
    assert len(rewards.parse_current_rebates(wire(desk.get("/rebates/current").json))) == 1
    assert rewards.parse_reward_markets_page(wire(desk.get("/rewards/markets/multi").json)).items


def test_own_reads(desk: Desk, alice: Trader, bob: Trader) -> None:
    resting = normalize_order_response(RawOrderResponse.parse_response(wire(alice.placed("BUY", "0.40", "100"))))
    taking = normalize_order_response(
        RawOrderResponse.parse_response(wire(bob.placed("BUY", "0.60", "25", token=desk.no)))
    )
    assert isinstance(resting, AcceptedOrder)
    assert isinstance(taking, AcceptedOrder)
    assert (str(taking.making_amount), len(taking.trade_ids)) == ("15", 1)
    page = account.parse_open_orders_page(wire(alice.send("GET", "/data/orders").json))
    assert [order.id for order in page.items] == [resting.order_id]
    assert account.parse_open_order(wire(alice.send("GET", f"/data/order/{resting.order_id}").json)).expires_at is None
    for status in ("MATCHED", "MINED", "CONFIRMED"):
        trades = account.parse_account_trades_page(wire(alice.send("GET", "/data/trades").json)).items
        assert [(trade.trader_side, trade.status) for trade in trades] == [("MAKER", status)]
        desk.wait(1)
    balance = alice.send("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=0).json
    assert account.parse_balance_allowance(wire(balance)).balance == 990_000_000
    alice.send("DELETE", "/cancel-all")
    desk.core.resolve(desk.listing, desk.yes, desk.now_ns)
    desk.core.list_market(listing_at(2), desk.now_ns)
    kinds = [notice.type for notice in account.parse_notifications(wire(alice.send("GET", "/notifications").json))]
    assert kinds == [2, 1, 4, 3]
    assert auth.parse_api_keys_response(wire(alice.send("GET", "/auth/api-keys").json)) == (alice.key["apiKey"],)
    assert auth.parse_builder_api_key_creds(wire(alice.send("POST", "/auth/builder-api-key").json)).key
    assert len(auth.parse_builder_api_keys_response(wire(alice.send("GET", "/auth/builder-api-key").json))) == 1
    assert not account.parse_closed_only_mode(wire(alice.send("GET", "/auth/ban-status/closed-only").json))
    told = alice.send("POST", "/v1/heartbeats", {"heartbeat_id": ""}).json
    assert OrderHeartbeat.parse_response(wire(told)).heartbeat_id


def test_refusals_have_the_codes_of_the_client(desk: Desk, alice: Trader, bob: Trader) -> None:
    def code(*args: str, **more: Any) -> str:
        reply = bob.send("POST", "/orders", [bob.body(*args, **more)])
        return str(normalize_order_response(RawOrderResponse.parse_response(wire(reply.json[0]))).code)

    alice.placed("BUY", "0.5", "10", token=desk.no)
    assert code("BUY", "0.5", "10", post_only=True) == "post_only_would_cross"
    assert code("SELL", "0.5", "10") == "not_enough_balance"
    assert code("BUY", "0.5", "10", order_type="GTD", expiration_s=1_790_000_001) == "invalid_expiration"
    assert code(order_type="FOK", amounts=("50", "100")) == "fok_not_filled"
    assert code(order_type="FAK", amounts=("4", "10")) == "fak_not_filled"
    desk.listing.accepting = False
    assert code("BUY", "0.5", "10") == "market_not_ready"
