"""PyPI py-clob-client-v2 1.2.1, unmodified, spends a day at the exchange."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from py_clob_client_v2 import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    ClobClient,
    CreateOrderOptions,
    MarketOrderArgs,
    OpenOrderParams,
    OrderArgs,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    Side,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException

from tests.exchange.clients.box import (
    CHAIN,
    HEARTBEAT_TIMEOUT_S,
    Box,
    Json,
    Market,
    Other,
    hear,
    listening,
    new_key,
    until,
    user_frame,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

USD = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)


@pytest.fixture
def client(box: Box) -> Iterator[ClobClient]:
    client = ClobClient(box.urls["clob"], CHAIN, key=new_key())
    client.set_api_creds(client.create_or_derive_api_key())
    yield client
    client.cancel_all()


def place(client: ClobClient, token: str, price: float, size: float = 10, **how: Any) -> Json:
    args = OrderArgs(token_id=token, price=price, size=size, side=how.pop("side", Side.BUY), **how.pop("more", {}))
    posted: Json = client.create_and_post_order(args, **how)
    return posted


def ids(client: ClobClient, market: Market) -> list[str]:
    return sorted(order["id"] for order in client.get_open_orders(OpenOrderParams(market=market.condition_id)))


def usd(client: ClobClient) -> int:
    return int(client.get_balance_allowance(USD)["balance"])


def shares(client: ClobClient, token: str) -> int:
    asked = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token)
    return int(client.get_balance_allowance(asked)["balance"])


def refused(work: Callable[[], Any]) -> PolyApiException:
    with pytest.raises(PolyApiException) as caught:
        work()
    return caught.value


def test_keys(box: Box) -> None:
    key = new_key()
    first = ClobClient(box.urls["clob"], CHAIN, key=key)
    creds = first.create_api_key()
    again = ClobClient(box.urls["clob"], CHAIN, key=key)
    assert refused(again.create_api_key).status_code == 400
    assert again.create_or_derive_api_key() == creds
    given = ClobClient(box.urls["clob"], CHAIN, key=key, creds=creds)
    assert given.get_api_keys() == {"apiKeys": [creds.api_key]}
    assert given.get_closed_only_mode() == {"closed_only": False}
    assert given.delete_api_key() == "OK"
    assert refused(given.get_api_keys).status_code == 401


def test_reads_for_everybody(box: Box, market: Market, other: Other) -> None:
    other.bid(market, 0.40, 20)
    other.bid(market, 0.41, 10)
    other.offer(market, 0.60, 10)
    reader = ClobClient(box.urls["clob"], CHAIN)
    assert reader.get_ok() == "OK"
    assert reader.get_version() == 2
    assert abs(reader.get_server_time() - time.time()) < 60
    book = reader.get_order_book(market.yes)
    assert [level["price"] for level in book["bids"]] == ["0.4", "0.41"]
    assert [level["price"] for level in book["asks"]] == ["0.6"]
    mirror = reader.get_order_book(market.no)
    assert [level["price"] for level in mirror["asks"]] == ["0.6", "0.59"]
    assert [found["asset_id"] for found in reader.get_order_books([BookParams(token_id=market.yes)])] == [market.yes]
    assert float(reader.get_midpoint(market.yes)["mid"]) == pytest.approx(0.505)
    assert float(reader.get_price(market.yes, "BUY")["price"]) == pytest.approx(0.41)
    assert float(reader.get_spread(market.yes)["spread"]) == pytest.approx(0.19)
    assert (reader.get_tick_size(market.yes), reader.get_neg_risk(market.yes)) == (market.tick, False)
    info = reader.get_clob_market_info(market.condition_id)
    assert [token["t"] for token in info["t"]] == [market.yes, market.no]
    assert market.condition_id in [row["condition_id"] for row in reader.get_markets()["data"]]


def test_orders_that_rest_and_every_kind_of_cancel(client: ClobClient, market: Market) -> None:
    gtc = place(client, market.yes, 0.30)
    gtd = place(client, market.yes, 0.31, order_type=OrderType.GTD, more={"expiration": int(time.time()) + 300})
    post_only = place(client, market.no, 0.32, post_only=True)
    posted = [gtc, gtd, post_only]
    assert [(p["success"], p["errorMsg"], p["status"]) for p in posted] == [(True, "", "live")] * 3
    assert ids(client, market) == sorted(p["orderID"] for p in posted)
    seen = client.get_order(gtd["orderID"])
    assert (seen["order_type"], seen["original_size"], seen["price"]) == ("GTD", "10", "0.31")

    one = client.cancel_order(OrderPayload(orderID=gtc["orderID"]))
    assert one == {"canceled": [gtc["orderID"]], "not_canceled": {}}
    twice = client.cancel_order(OrderPayload(orderID=gtc["orderID"]))
    assert list(twice["not_canceled"]) == [gtc["orderID"]]
    both = client.cancel_orders([gtd["orderID"], post_only["orderID"]])
    assert sorted(both["canceled"]) == sorted([gtd["orderID"], post_only["orderID"]])

    batch = client.post_orders(
        [
            PostOrdersV2Args(client.create_order(OrderArgs(token_id=token, price=0.2, size=10, side=Side.BUY)))
            for token in (market.yes, market.no)
        ]
    )
    assert [p["status"] for p in batch] == ["live", "live"]
    asked = OrderMarketCancelParams(market=market.condition_id, asset_id=market.yes)
    assert client.cancel_market_orders(asked)["canceled"] == [batch[0]["orderID"]]
    assert client.cancel_all()["canceled"] == [batch[1]["orderID"]]
    assert ids(client, market) == []


def test_trades_are_seen_on_rest_on_the_user_socket_and_in_the_balance(
    box: Box, client: ClobClient, market: Market, other: Other
) -> None:
    before = usd(client)
    other.offer(market, 0.52, 30)
    with listening(box.urls["user_socket"], user_frame(client.creds)) as ws:
        fok = client.create_and_post_market_order(
            MarketOrderArgs(token_id=market.yes, amount=5.2, side=Side.BUY, price=0.52), order_type=OrderType.FOK
        )
        assert (fok["status"], fok["makingAmount"], fok["takingAmount"]) == ("matched", "5.2", "10")
        told = hear(ws, lambda e: e["event_type"] == "trade" and e["taker_order_id"] == fok["orderID"])
        assert (told["size"], told["price"], told["status"]) == ("10", "0.52", "MATCHED")
        hear(ws, lambda e: e["event_type"] == "trade" and e["status"] == "CONFIRMED")
    assert len(fok["transactionsHashes"]) == 1
    trade = client.get_trades(TradeParams(id=fok["tradeIDs"][0]))[0]
    assert (trade["trader_side"], trade["size"], trade["transaction_hash"]) == ("TAKER", "10", told_hash(fok))
    until(lambda: shares(client, market.yes) > 9_000_000)
    spent = before - usd(client)
    assert 5_200_000 <= spent <= 5_500_000

    fak = client.create_and_post_market_order(
        MarketOrderArgs(token_id=market.yes, amount=20.8, side=Side.BUY, price=0.52), order_type=OrderType.FAK
    )
    assert (fak["status"], fak["takingAmount"]) == ("matched", "20")
    assert ids(client, market) == []


def told_hash(posted: Json) -> str:
    return str(posted["transactionsHashes"][0])


def test_a_maker_is_told_when_somebody_takes(box: Box, client: ClobClient, market: Market, other: Other) -> None:
    with (
        listening(box.urls["user_socket"], user_frame(client.creds)) as ws,
        listening(box.urls["market_socket"], {"type": "market", "assets_ids": [market.yes, market.no]}) as public,
    ):
        for token in (market.yes, market.no):
            assert hear(public, lambda e, t=token: e["event_type"] == "book" and e["asset_id"] == t)["bids"] == []
        posted = place(client, market.yes, 0.45, 20)
        hear(ws, lambda e: e["event_type"] == "order" and e["type"] == "PLACEMENT" and e["id"] == posted["orderID"])
        changes = hear(public, lambda e: e["event_type"] == "price_change")["price_changes"]
        assert [(c["asset_id"], c["price"], c["size"], c["side"]) for c in changes] == [
            (market.yes, "0.45", "20", "BUY"),
            (market.no, "0.55", "20", "SELL"),
        ]
        other.offer(market, 0.45, 5)
        told = hear(ws, lambda e: e["event_type"] == "trade")
        assert [(m["order_id"], m["matched_amount"]) for m in told["maker_orders"]] == [(posted["orderID"], "5")]
        last = hear(public, lambda e: e["event_type"] == "last_trade_price")
        assert (last["asset_id"], last["price"], last["side"]) == (market.no, "0.55", "BUY")
    assert client.get_order(posted["orderID"])["size_matched"] == "5"


def test_heartbeats_and_what_happens_without(client: ClobClient, market: Market) -> None:
    place(client, market.yes, 0.30)
    first = client.post_heartbeat("")["heartbeat_id"]
    second = client.post_heartbeat(first)["heartbeat_id"]
    assert first
    assert second
    stale = refused(lambda: client.post_heartbeat("stale"))
    assert (stale.status_code, stale.error_msg) == (
        400,
        {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second},
    )
    assert len(ids(client, market)) == 1
    until(lambda: not ids(client, market), patience_s=3 * HEARTBEAT_TIMEOUT_S + 2)


# ---------------------------------------------------------------- refusals


def test_a_wrong_signature_is_refused(client: ClobClient, market: Market) -> None:
    order = client.create_order(OrderArgs(token_id=market.yes, price=0.3, size=10, side=Side.BUY))
    forged = replace(order, makerAmount=str(int(order.makerAmount) + 10_000))
    assert refused(lambda: client.post_order(forged)).status_code == 400
    assert ids(client, market) == []


def test_a_wrong_hmac_is_refused(box: Box, client: ClobClient) -> None:
    known = client.creds
    assert known is not None
    wrong = ApiCreds(known.api_key, "c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM=", known.api_passphrase)
    caught = refused(ClobClient(box.urls["clob"], CHAIN, key=client.signer.private_key, creds=wrong).get_open_orders)
    assert (caught.status_code, caught.error_msg) == (401, {"error": "Unauthorized/Invalid api key"})


def test_a_price_off_the_tick_is_refused(client: ClobClient, market: Market) -> None:
    args = OrderArgs(token_id=market.yes, price=0.305, size=10, side=Side.BUY)
    order = client.builder.build_order(args, CreateOrderOptions(tick_size="0.001", neg_risk=False), version=2)
    caught = refused(lambda: client.post_order(order))
    assert caught.status_code == 400
    assert "breaks minimum tick size rule: 0.01" in str(caught)


def test_an_order_that_is_too_small_is_refused(client: ClobClient, market: Market) -> None:
    assert "Size (4) lower than the minimum: 5" in str(refused(lambda: place(client, market.yes, 0.3, 4)))


def test_a_batch_that_is_too_large_is_refused(client: ClobClient, market: Market) -> None:
    args = OrderArgs(token_id=market.yes, price=0.3, size=10, side=Side.BUY)
    orders = [PostOrdersV2Args(client.create_order(args)) for _ in range(16)]
    caught = refused(lambda: client.post_orders(orders))
    assert (caught.status_code, caught.error_msg) == (
        400,
        {"error": "Too many orders in payload: 16, max allowed: 15"},
    )


def test_an_order_beyond_the_balance_is_refused(client: ClobClient, market: Market) -> None:
    assert "not enough balance" in str(refused(lambda: place(client, market.yes, 0.5, 1_000_000)))


def test_what_cannot_be_filled_or_would_cross_is_refused(client: ClobClient, market: Market, other: Other) -> None:
    other.offer(market, 0.52, 10)
    fok = MarketOrderArgs(token_id=market.yes, amount=52, side=Side.BUY, price=0.52)
    killed = refused(lambda: client.create_and_post_market_order(fok, order_type=OrderType.FOK))
    assert "order couldn't be fully filled. FOK orders are fully filled or killed." in str(killed)
    crossing = refused(lambda: place(client, market.yes, 0.53, post_only=True))
    assert "invalid post-only order: order crosses book" in str(crossing)
    other.leave()
    fak = MarketOrderArgs(token_id=market.yes, amount=52, side=Side.BUY, price=0.52)
    nobody = refused(lambda: client.create_and_post_market_order(fak, order_type=OrderType.FAK))
    assert "no orders found to match with FAK order" in str(nobody)
