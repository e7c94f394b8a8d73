"""PyPI polymarket-client 0.14.0, unmodified, spends a day at the exchange: REST and its own streams."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from polymarket import ApiKeyCreds, AsyncSecureClient, SecureClient
from polymarket._internal.actions.orders.types import OrderDraft
from polymarket._internal.environment import PRODUCTION_CONFIG
from polymarket.errors import OrderHeartbeatMismatchError, RequestRejectedError, UserInputError
from polymarket.streams import CryptoPriceSpec, CryptoPricesSpec, MarketSpec, UserSpec

from tests.exchange.clients.box import HEARTBEAT_TIMEOUT_S, PATIENCE_S, PAUSE_S, Box, Market, Other, new_key
from tests.exchange.clients.unified import environment

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

DAY_S = 60
Day = Callable[[AsyncSecureClient], Awaitable[None]]


@pytest.fixture(autouse=True)
def _its_leaks_are_its_own() -> Iterator[None]:
    """Collect the transports it leaves open here, where that is known, and not in whatever test runs next."""
    yield
    gc.collect()


@asynccontextmanager
async def signed_in(box: Box, key: str, **how: Any) -> AsyncIterator[AsyncSecureClient]:
    wallet = Account.from_key(key).address
    client = await AsyncSecureClient.create(private_key=key, wallet=wallet, environment=environment(box), **how)
    async with client:
        yield client


def spend(box: Box, day: Day) -> None:
    """Run a day with a client of a new key; it leaves nothing on the book."""

    async def whole() -> None:
        async with asyncio.timeout(DAY_S), signed_in(box, new_key()) as client:
            try:
                await day(client)
            finally:
                await client.cancel_all()

    asyncio.run(whole())


async def until(found: Callable[[], Awaitable[Any]], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not await found():
        assert time.monotonic() < deadline, f"not so after {patience_s} s"
        await asyncio.sleep(PAUSE_S)


async def first(stream: Any, wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        async for event in stream:
            if wanted(event):
                return event
    raise AssertionError("the stream ended")


async def open_ids(client: AsyncSecureClient, market: Market) -> list[str]:
    return sorted([order.id async for order in client.list_open_orders(market=market.condition_id).iter_items()])


async def in_thread(work: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(work, *args)


def test_keys(box: Box) -> None:
    async def day() -> None:
        key = new_key()
        async with signed_in(box, key) as made:
            known = made.credentials
        async with signed_in(box, key) as derived:
            assert derived.credentials == known
        async with signed_in(box, key, credentials=known) as given:
            assert given.credentials == known
            assert await given.fetch_api_keys() == (known.key,)
            assert await given.get_closed_only_mode() is False
        async with signed_in(box, key, credentials=ApiKeyCreds(apiKey="1", secret="AA==", passphrase="x")) as healed:
            assert healed.credentials == known
            await healed.delete_api_key()
        async with signed_in(box, key, nonce=1) as second:
            assert second.credentials.key != known.key

    asyncio.run(day())


def test_the_blocking_client_does_the_same(box: Box, market: Market) -> None:
    key = new_key()
    wallet = Account.from_key(key).address
    with SecureClient.create(private_key=key, wallet=wallet, environment=environment(box)) as client:
        posted = client.place_limit_order(token_id=market.yes, price="0.3", size="10", side="BUY")
        assert posted.ok
        assert client.get_order(order_id=posted.order_id).status == "LIVE"
        assert client.cancel_all().canceled == (posted.order_id,)


def test_its_default_is_a_deposit_wallet(box: Box, market: Market, other: Other) -> None:
    with SecureClient.create(private_key=new_key(), environment=environment(box)) as client:
        assert client.wallet_type == "DEPOSIT_WALLET"
        other.offer(market, 0.52, 10)
        posted = client.place_limit_order(token_id=market.yes, price="0.52", size="10", side="BUY")
        assert (posted.ok, posted.status) == (True, "matched")
        client.wait_for_order_fill_settlement(posted)
        assert client.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes).balance > 9_000_000


def test_reads_for_everybody(box: Box, market: Market, other: Other) -> None:
    async def day(client: AsyncSecureClient) -> None:
        book = await client.get_order_book(token_id=market.yes)
        assert [(level.price, level.size) for level in book.bids] == [(Decimal("0.4"), 20), (Decimal("0.41"), 10)]
        assert [level.price for level in book.asks] == [Decimal("0.6")]
        assert await client.get_midpoint(token_id=market.yes) == Decimal("0.505")
        assert await client.get_spread(token_id=market.yes) == Decimal("0.19")
        assert await client.get_price(token_id=market.yes, side="BUY") == Decimal("0.41")
        assert len(await client.get_order_books(token_ids=[market.yes, market.no])) == 2
        listed = await client.get_market(slug=market.slug)
        assert listed.condition_id == market.condition_id
        found = [m.slug async for m in client.list_markets(clob_token_ids=[market.yes]).iter_items()]
        assert found == [market.slug]
        assert await client.get_notifications() == ()

    other.bid(market, 0.40, 20)
    other.bid(market, 0.41, 10)
    other.offer(market, 0.60, 10)
    spend(box, day)


def test_orders_that_rest_and_every_kind_of_cancel(box: Box, market: Market) -> None:
    async def day(client: AsyncSecureClient) -> None:
        async def bid(token: str, price: str, **how: Any) -> str:
            posted = await client.place_limit_order(token_id=token, price=price, size="10", side="BUY", **how)
            assert posted.ok
            assert posted.status == "live"
            return posted.order_id

        gtc = await bid(market.yes, "0.30")
        gtd = await bid(market.yes, "0.31", expiration=int(time.time()) + 300)
        post_only = await bid(market.no, "0.32", post_only=True)
        assert await open_ids(client, market) == sorted([gtc, gtd, post_only])
        seen = await client.get_order(order_id=gtd)
        assert (seen.order_type, seen.original_size, seen.size_matched) == ("GTD", 10, 0)
        assert seen.expires_at is not None

        assert (await client.cancel_order(order_id=gtc)).canceled == (gtc,)
        assert list((await client.cancel_order(order_id=gtc)).not_canceled) == [gtc]
        assert sorted((await client.cancel_orders(order_ids=[gtd, post_only])).canceled) == sorted([gtd, post_only])

        signed = [
            await client.create_limit_order(token_id=token, price="0.2", size="10", side="BUY")
            for token in (market.yes, market.no)
        ]
        yes, no = await client.post_orders(signed)
        assert yes.ok
        assert no.ok
        gone = await client.cancel_market_orders(market=market.condition_id, token_id=market.yes)
        assert gone.canceled == (yes.order_id,)
        assert (await client.cancel_all()).canceled == (no.order_id,)
        assert await open_ids(client, market) == []

    spend(box, day)


def test_trades_are_seen_on_rest_on_the_streams_and_in_the_balance(box: Box, market: Market, other: Other) -> None:
    async def day(client: AsyncSecureClient) -> None:
        before = (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
        mine = await client.subscribe(UserSpec(markets=[market.condition_id]))
        public = await client.subscribe(MarketSpec(token_ids=[market.yes]))
        snapshot = await first(public, lambda event: event.type == "book")
        assert [(level.price, level.size) for level in snapshot.payload.asks] == [(Decimal("0.52"), 30)]

        fok = await client.place_market_order(
            token_id=market.yes, side="BUY", amount="5.2", max_price="0.52", order_type="FOK"
        )
        assert fok.ok
        assert (fok.status, fok.making_amount, fok.taking_amount) == ("matched", Decimal("5.2"), 10)
        told = await first(mine, lambda event: event.type == "trade")
        assert (told.payload.taker_order_id, told.payload.size) == (fok.order_id, 10)
        change = (await first(public, lambda event: event.type == "price_change")).payload.price_changes[0]
        assert (change.price, change.size, change.side) == (Decimal("0.52"), 20, "SELL")

        hashes = await client.wait_for_order_fill_settlement(fok)
        assert len(hashes) == 1
        trades = [trade async for trade in client.list_account_trades(market=market.condition_id).iter_items()]
        assert [(trade.id, trade.trader_side, trade.transaction_hash) for trade in trades] == [
            (fok.trade_ids[0], "TAKER", hashes[0])
        ]
        spent = before - (await client.get_balance_allowance(asset_type="COLLATERAL")).balance
        assert 5_200_000 <= spent <= 5_500_000
        held = (await client.get_balance_allowance(asset_type="CONDITIONAL", token_id=market.yes)).balance
        assert 9_000_000 <= held <= 10_000_000
        positions = [p async for p in client.list_positions().iter_items()]
        assert [(p.token_id, p.condition_id) for p in positions] == [(market.yes, market.condition_id)]

        fak = await client.place_market_order(token_id=market.yes, side="BUY", amount="52", max_price="0.52")
        assert fak.ok
        assert fak.taking_amount == 20
        await client.wait_for_order_fill_settlement(fak)
        await in_thread(other.bid, market, 0.5, 5)
        sold = await client.place_market_order(token_id=market.yes, side="SELL", shares="5", min_price="0.5")
        assert sold.ok
        assert sold.making_amount == 5
        assert await open_ids(client, market) == []

    other.offer(market, 0.52, 30)
    spend(box, day)


def test_a_maker_is_told_when_somebody_takes(box: Box, market: Market, other: Other) -> None:
    async def day(client: AsyncSecureClient) -> None:
        mine = await client.subscribe(UserSpec())
        posted = await client.place_limit_order(token_id=market.yes, price="0.45", size="20", side="BUY")
        assert posted.ok
        placed = await first(mine, lambda event: event.type == "order")
        assert (placed.payload.id, placed.payload.order_event_type) == (posted.order_id, "PLACEMENT")
        await in_thread(other.offer, market, 0.45, 5)
        told = (await first(mine, lambda event: event.type == "trade")).payload
        assert [(m.order_id, m.matched_amount) for m in told.maker_orders] == [(posted.order_id, 5)]
        await client.cancel_order(order_id=posted.order_id)
        gone = await first(mine, lambda e: e.type == "order" and e.payload.order_event_type == "CANCELLATION")
        assert (gone.payload.size_matched, gone.payload.original_size) == (5, 20)

    spend(box, day)


@pytest.mark.slow
def test_heartbeats_and_what_happens_without(box: Box, market: Market) -> None:
    async def day(client: AsyncSecureClient) -> None:
        await client.place_limit_order(token_id=market.yes, price="0.3", size="10", side="BUY")
        beat = await client.send_order_heartbeat()
        beat = await client.send_order_heartbeat(heartbeat_id=beat.heartbeat_id)
        with pytest.raises(OrderHeartbeatMismatchError) as stale:
            await client.send_order_heartbeat(heartbeat_id="stale")
        assert stale.value.heartbeat_id == beat.heartbeat_id
        assert len(await open_ids(client, market)) == 1

        async def gone() -> bool:
            return not await open_ids(client, market)

        await until(gone, patience_s=3 * HEARTBEAT_TIMEOUT_S + 2)

    spend(box, day)


def test_reference_prices(box: Box) -> None:
    async def day(client: AsyncSecureClient) -> None:
        old = await client.subscribe(CryptoPricesSpec(topic="prices.crypto.chainlink", symbols=["btc/usd"]))
        assert (await first(old, lambda _: True)).payload.value > 0
        new = await client.subscribe(CryptoPriceSpec(symbols=["btcusd"]))
        assert (await first(new, lambda event: event.type == "update")).payload.value > 0

    spend(box, day)


# ---------------------------------------------------------------- refusals


async def refused(work: Awaitable[Any]) -> RequestRejectedError:
    with pytest.raises(RequestRejectedError) as caught:
        await work
    return caught.value


def test_a_wrong_signature_is_refused(box: Box, market: Market) -> None:
    async def day(client: AsyncSecureClient) -> None:
        signed = await client.create_limit_order(token_id=market.yes, price="0.3", size="10", side="BUY")
        forged = replace(signed, maker_amount=signed.maker_amount + 10_000)
        assert (await refused(client.post_order(forged))).status == 400

    spend(box, day)


def test_a_wrong_hmac_is_refused_and_this_client_then_derives(box: Box) -> None:
    async def day() -> None:
        key = new_key()
        async with signed_in(box, key) as client:
            known = client.credentials
        wrong = known.model_copy(update={"secret": "c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM="})
        async with signed_in(box, key, credentials=wrong) as client:
            assert client.credentials == known

    asyncio.run(day())


def off_the_tick(client: AsyncSecureClient, market: Market) -> OrderDraft:
    """Return ten shares at 0.305: the client itself would not make such an order."""
    return OrderDraft(
        chain_id=PRODUCTION_CONFIG.chain_id,
        exchange_address=PRODUCTION_CONFIG.standard_exchange,
        expiration=0,
        funder_address=client.wallet,
        offered_amount=3_050_000,
        order_type="GTC",
        side="BUY",
        signer=client.signer,
        requested_amount=10_000_000,
        asset_id=market.yes,
    )


def test_what_the_venue_would_refuse_is_refused(box: Box, market: Market, other: Other) -> None:
    async def day(client: AsyncSecureClient) -> None:
        def bid(price: str, size: str, **how: Any) -> Awaitable[Any]:
            return client.place_limit_order(token_id=market.yes, price=price, size=size, side="BUY", **how)

        small = await refused(bid("0.3", "4"))
        assert "Size (4) lower than the minimum: 5" in str(small)
        poor = await refused(bid("0.5", "1000000"))
        assert "not enough balance" in str(poor)
        signed = await client._sign_order(off_the_tick(client, market), post_only=False)
        assert "breaks minimum tick size rule: 0.01" in str(await refused(client.post_order(signed)))
        with pytest.raises(UserInputError):
            await bid("0.305", "10")
        with pytest.raises(UserInputError):
            await client.post_orders([signed] * 16)
        crossing = await refused(bid("0.53", "10", post_only=True))
        assert "invalid post-only order: order crosses book" in str(crossing)

    other.offer(market, 0.52, 10)
    spend(box, day)
