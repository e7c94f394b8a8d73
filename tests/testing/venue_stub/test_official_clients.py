"""The venue's own clients, unmodified, trade against the stub: it speaks as the venue does."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import trio
from polymarket import SecureClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from py_clob_client_v2 import ApiCreds, ClobClient, OpenOrderParams, OrderArgs, OrderType, Side

from agbot.testing.venue_stub import ADDRESS, CONDITION, PRIVATE_KEY, YES, StubKey, VenueStub, venue_stub

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
async def stub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VenueStub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.48", "100")], asks=[("0.52", "100")])
        stub.exchange.listeners.append(lambda event: settle(stub, event))
        with trio.fail_after(60):
            yield stub


def settle(stub: VenueStub, event: dict[str, Any]) -> None:
    """Settle at once: this client waits for the transaction of each match."""
    if event["event_type"] == "trade" and event["status"] == "MATCHED":
        stub.exchange.settle(event["id"])


async def in_thread(work: Callable[[], Any]) -> Any:
    return await trio.to_thread.run_sync(work)


async def test_py_clob_client_v2(stub: VenueStub) -> None:
    def trade() -> tuple[str, Any, Any, Any, Any]:
        client = ClobClient(stub.hosts.clob, 137, key=PRIVATE_KEY)
        client.set_api_creds(client.create_or_derive_api_key())
        posted = client.create_and_post_order(
            OrderArgs(token_id=YES, price=0.45, size=10, side=Side.BUY), order_type=OrderType.GTC
        )
        listed = client.get_open_orders(OpenOrderParams(market=CONDITION))
        taken = client.create_and_post_order(OrderArgs(token_id=YES, price=0.52, size=20, side=Side.BUY))
        gone = client.cancel_all()
        return posted["orderID"], listed, taken, gone, client.post_heartbeat("")

    order_id, listed, taken, gone, beat = await in_thread(trade)
    assert [order["id"] for order in listed] == [order_id]
    assert (taken["success"], taken["status"], taken["takingAmount"]) == (True, "matched", "20")
    assert gone["canceled"] == [order_id]
    assert beat["heartbeat_id"]
    assert stub.exchange.shares == {YES: 20_000_000}


async def test_py_clob_client_v2_with_a_wrong_key(stub: VenueStub) -> None:
    def ask() -> None:
        known = StubKey()
        creds = ApiCreds(api_key=known.key, api_secret=known.secret, api_passphrase="wrong")
        ClobClient(stub.hosts.clob, 137, key=PRIVATE_KEY, creds=creds).get_open_orders()

    with pytest.raises(Exception, match="401"):
        await in_thread(ask)


async def test_polymarket_client(stub: VenueStub) -> None:
    def trade() -> dict[str, Any]:
        hosts = stub.hosts
        config = replace(PRODUCTION_CONFIG, clob_url=hosts.clob, gamma_url=hosts.gamma, data_url=hosts.data)
        environment = create_environment(name="stub", config=config)
        with SecureClient.create(private_key=PRIVATE_KEY, wallet=ADDRESS, environment=environment) as client:
            return use(client)

    stub.sites.positions = []
    told = await in_thread(trade)
    assert told["posted"].ok
    assert told["listed"] == [told["posted"].order_id]
    assert list(told["gone"].canceled) == told["listed"]
    assert [(level.price, level.size) for level in told["book"].asks] == [(Decimal("0.52"), Decimal(100))]
    assert told["balance"].balance == stub.exchange.collateral
    assert told["market"].condition_id == CONDITION
    assert told["positions"] == []
    assert told["trades"] == []
    assert [r.path for r in stub.asked("POST", "/order")] == ["/order"]


def use(client: SecureClient) -> dict[str, Any]:
    posted = client.place_limit_order(token_id=YES, price="0.45", size="10", side="BUY")
    listed = [order.id for order in client.list_open_orders().iter_items()]
    return {
        "posted": posted,
        "listed": listed,
        "gone": client.cancel_order(order_id=posted.order_id),
        "book": client.get_order_book(token_id=YES),
        "balance": client.get_balance_allowance(asset_type="COLLATERAL"),
        "market": client.get_market(slug="will-it-rain"),
        "positions": list(client.list_positions(user=ADDRESS).iter_items()),
        "trades": list(client.list_account_trades().iter_items()),
    }
