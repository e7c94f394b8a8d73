"""PyPI py-clob-client 0.34.6, of version 1, unmodified: its orders are refused by name, its reads work."""

import pytest
from py_clob_client.client import ClobClient
from py_clob_client.clob_types import ApiCreds, AssetType, BalanceAllowanceParams, BookParams, OrderArgs, OrderType
from py_clob_client.exceptions import PolyApiException

from tests.exchange.clients.box import CHAIN, Box, Market, Other, new_key

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def client(box: Box) -> ClobClient:
    client = ClobClient(box.urls["clob"], key=new_key(), chain_id=CHAIN)
    client.set_api_creds(client.create_or_derive_api_creds())
    return client


def test_its_orders_are_of_the_wrong_version(client: ClobClient, market: Market) -> None:
    order = client.create_order(OrderArgs(token_id=market.yes, price=0.3, size=10, side="BUY"))
    for order_type in (OrderType.GTC, OrderType.FOK):
        with pytest.raises(PolyApiException) as caught:
            client.post_order(order, order_type)
        assert (caught.value.status_code, caught.value.error_msg) == (400, {"error": "order_version_mismatch"})
    assert client.get_orders() == []


def test_its_reads_work(client: ClobClient, market: Market, other: Other) -> None:
    other.bid(market, 0.40, 20)
    other.offer(market, 0.60, 10)
    assert client.get_ok() == "OK"
    assert client.get_server_time() > 0
    book = client.get_order_book(market.yes)
    assert [(level.price, level.size) for level in book.bids] == [("0.4", "20")]
    assert [(level.price, level.size) for level in book.asks] == [("0.6", "10")]
    assert client.get_order_book_hash(book)
    assert len(client.get_order_books([BookParams(token_id=market.yes), BookParams(token_id=market.no)])) == 2
    assert float(client.get_midpoint(market.yes)["mid"]) == pytest.approx(0.5)
    assert float(client.get_price(market.yes, "SELL")["price"]) == pytest.approx(0.6)
    assert (client.get_tick_size(market.yes), client.get_neg_risk(market.yes)) == (market.tick, False)
    assert client.get_market(market.condition_id)["condition_id"] == market.condition_id


def test_its_keys_cancels_and_own_reads_work(box: Box, client: ClobClient, other: Other, market: Market) -> None:
    assert client.creds is not None
    assert client.get_api_keys() == {"apiKeys": [client.creds.api_key]}
    assert client.get_trades() == []
    asked = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL, signature_type=0)
    assert int(client.get_balance_allowance(asked)["balance"]) > 0
    assert client.cancel_all() == {"canceled": [], "not_canceled": {}}

    known = other.client.creds
    posted = other.bid(market, 0.40, 20)
    theirs = ClobClient(
        box.urls["clob"],
        key=other.client.signer.private_key,
        chain_id=CHAIN,
        creds=ApiCreds(known.api_key, known.api_secret, known.api_passphrase),
    )
    assert [order["id"] for order in theirs.get_orders()] == [posted["orderID"]]
    assert theirs.cancel(posted["orderID"])["canceled"] == [posted["orderID"]]
