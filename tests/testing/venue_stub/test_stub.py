"""The stub plays the venue: its defaults are the documented shapes, its faults are the faults asked for."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import trio
from trio_websocket import ConnectionClosed

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.telemetry.websocket import open_websocket
from agbot.testing.venue_stub import (
    ADDRESS,
    CONDITION,
    HTML_403,
    NO,
    PRIVATE_KEY,
    YES,
    Reply,
    StubKey,
    StubMarket,
    VenueStub,
    throttled,
    venue_stub,
)
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, clob_auth_digest, post_body
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

PATIENCE_S = 60


@pytest.fixture
async def stub() -> AsyncIterator[VenueStub]:
    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.48", "100"), ("0.47", "5")], asks=[("0.52", "40"), ("0.53", "60")])
        with trio.fail_after(PATIENCE_S):
            yield stub


@pytest.fixture
async def http(stub: VenueStub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stub.hosts.clob, trust_env=False) as client:
        yield client


OWNER = SigningKey.parse(Secret(PRIVATE_KEY))
SIGNER = OrderSigner(OWNER, Account(ADDRESS, ADDRESS, SignatureType.EOA), POLYGON)


def order(price: str, size: int, side: str = "BUY", *, salt: int = 1, order_type: str = "GTC", **more: Any) -> bytes:
    money = int(float(price) * 1_000_000) * size
    maker, taker = (money, size * 1_000_000) if side == "BUY" else (size * 1_000_000, money)
    fields = OrderFields(int(YES), maker, taker, Side(side), salt, 1_790_000_000_123, int(order_type == "GTD"))
    signed = SIGNER.sign(fields, version=2, neg_risk=False)
    body = post_body(signed, owner=StubKey().key, order_type=order_type, post_only=False)
    return msgspec.json.encode(msgspec.json.decode(body) | more)


async def signed(http: httpx.AsyncClient, method: str, path: str, body: bytes = b"", query: str = "") -> httpx.Response:
    stamp = str(int(time.time()))
    headers = {
        "POLY_ADDRESS": ADDRESS,
        "POLY_API_KEY": StubKey().key,
        "POLY_PASSPHRASE": StubKey().passphrase,
        "POLY_TIMESTAMP": stamp,
        "POLY_SIGNATURE": StubKey().signature(stamp, method, path, body),
    }
    return await http.request(method, path + query, content=body, headers=headers)


async def test_public_reads(http: httpx.AsyncClient) -> None:
    book = (await http.get(f"/book?token_id={YES}")).json()
    assert [level["price"] for level in book["bids"]] == ["0.47", "0.48"]
    assert [level["price"] for level in book["asks"]] == ["0.53", "0.52"]
    mirror = (await http.get(f"/book?token_id={NO}")).json()
    assert [level["price"] for level in mirror["bids"]] == ["0.47", "0.48"]
    assert (await http.get(f"/price?token_id={YES}&side=SELL")).json() == {"price": "0.52"}
    assert (await http.get(f"/midpoint?token_id={YES}")).json() == {"mid": "0.5"}
    assert (await http.get(f"/markets-by-token/{NO}")).json()["condition_id"] == CONDITION
    assert (await http.get(f"/clob-markets/{CONDITION}")).json()["mts"] == 0.01
    assert (await http.get("/book?token_id=1")).status_code == 404
    assert len((await http.post("/books", json=[{"token_id": YES}, {"token_id": "1"}])).json()) == 1


async def test_an_order_rests_is_listed_filled_and_cancelled(stub: VenueStub, http: httpx.AsyncClient) -> None:
    posted = (await signed(http, "POST", "/order", order("0.48", 10))).json()
    assert (posted["success"], posted["status"]) == (True, "live")
    listed = (await signed(http, "GET", "/data/orders", query=f"?market={CONDITION}")).json()
    assert [(o["id"], o["price"], o["original_size"]) for o in listed["data"]] == [(posted["orderID"], "0.48", "10")]
    assert listed["next_cursor"] == "LTE="
    trade_id = stub.exchange.fill(posted["orderID"], "4")
    stub.exchange.settle(trade_id)
    (trade,) = (await signed(http, "GET", "/data/trades")).json()["data"]
    assert (trade["status"], trade["trader_side"]) == ("TRADE_STATUS_CONFIRMED", "MAKER")
    assert trade["maker_orders"][0]["order_id"] == posted["orderID"]
    gone = (await signed(http, "DELETE", "/order", msgspec.json.encode({"orderID": posted["orderID"]}))).json()
    assert gone == {"canceled": [posted["orderID"]], "not_canceled": {}}
    again = (await signed(http, "DELETE", "/orders", msgspec.json.encode([posted["orderID"]]))).json()
    assert list(again["not_canceled"]) == [posted["orderID"]]
    assert (await signed(http, "GET", f"/data/order/{posted['orderID']}")).json() is None
    assert stub.exchange.collateral == 1_000_000_000 - 4 * 480_000
    assert stub.exchange.shares == {YES: 4_000_000}


async def test_a_crossing_order_takes_what_is_there(stub: VenueStub, http: httpx.AsyncClient) -> None:
    posted = (await signed(http, "POST", "/order", order("0.53", 50))).json()
    assert posted["status"] == "matched"
    assert (posted["makingAmount"], posted["takingAmount"]) == ("26.1", "50")
    assert len(posted["tradeIDs"]) == 2
    assert not stub.exchange.live
    killed = await signed(http, "POST", "/order", order("0.53", 60, order_type="FOK"))
    assert killed.json()["error"].startswith("order couldn't be fully filled")
    part = (await signed(http, "POST", "/order", order("0.53", 60, order_type="FAK"))).json()
    assert part["takingAmount"] == "50"
    assert not stub.exchange.live
    stub.exchange.settle(part["tradeIDs"][0], "FAILED")
    assert stub.exchange.shares[YES] == 50_000_000


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (order("0.485", 10), "breaks minimum tick size rule"),
        (order("0.48", 1), "lower than the minimum"),
        (order("0.48", 10_000), "not enough balance"),
        (order("0.48", 10, "SELL"), "not enough balance"),
        (order("0.52", 10, postOnly=True), "order crosses book"),
        (order("0.48", 10, owner="x"), "owner of the API KEY"),
        (order("0.52", 10, order_type="GTD"), "invalid expiration"),
    ],
)
async def test_what_the_venue_refuses(http: httpx.AsyncClient, body: bytes, text: str) -> None:
    single = await signed(http, "POST", "/order", body)
    assert single.status_code == 400
    assert text in single.json()["error"]
    (item,) = (await signed(http, "POST", "/orders", b"[" + body + b"]")).json()
    assert item["success"] is True
    assert item["orderID"] == ""
    assert text in item["errorMsg"]


async def test_an_order_must_be_signed_and_its_id_is_its_digest(stub: VenueStub, http: httpx.AsyncClient) -> None:
    body = msgspec.json.decode(order("0.48", 10))
    forged = body | {"order": body["order"] | {"salt": 2}}
    assert (await signed(http, "POST", "/order", msgspec.json.encode(forged))).json() == {"error": "invalid signature"}
    fields = OrderFields(int(YES), 4_800_000, 10_000_000, Side.BUY, 1, 1_790_000_000_123)
    posted = (await signed(http, "POST", "/order", msgspec.json.encode(body))).json()
    assert posted["orderID"] == SIGNER.order_id(fields, version=2, neg_risk=False)
    wallet = derive(ADDRESS).deposit_uups
    deposit = OrderSigner(OWNER, Account(ADDRESS, wallet, SignatureType.DEPOSIT), POLYGON)
    stub.add_market(StubMarket(version="v2"))
    of_wallet = deposit.sign(fields, version=3, neg_risk=False)
    sent = post_body(of_wallet, owner=StubKey().key, order_type="GTC", post_only=True)
    assert (await signed(http, "POST", "/order", sent)).json()["orderID"] == of_wallet.order_id


async def test_the_same_bytes_twice_are_a_duplicate(http: httpx.AsyncClient) -> None:
    assert (await signed(http, "POST", "/order", order("0.48", 10))).status_code == 200
    assert "Duplicated." in (await signed(http, "POST", "/order", order("0.48", 10))).json()["error"]


@pytest.mark.parametrize("spoiled", ["POLY_SIGNATURE", "POLY_PASSPHRASE", "POLY_API_KEY", "POLY_ADDRESS"])
async def test_a_wrong_signature_is_unauthorized(http: httpx.AsyncClient, spoiled: str) -> None:
    good = (await signed(http, "GET", "/auth/api-keys")).request
    assert (await http.send(good)).json() == {"apiKeys": [StubKey().key]}
    good.headers[spoiled] = "x"
    assert (await http.send(good)).status_code == 401


async def test_the_mount_is_not_signed(nursery: trio.Nursery) -> None:
    async with venue_stub(mount="/clob") as stub, httpx.AsyncClient(trust_env=False) as http:
        stamp, key = "1790000000", StubKey()
        headers = {"POLY_ADDRESS": ADDRESS, "POLY_API_KEY": key.key, "POLY_PASSPHRASE": key.passphrase}
        headers |= {"POLY_TIMESTAMP": stamp, "POLY_SIGNATURE": key.signature(stamp, "GET", "/data/orders", b"")}
        got = await http.get(f"{stub.hosts.clob}/data/orders?market=x", headers=headers)
        assert got.status_code == 200


async def test_heartbeats_are_a_chain(http: httpx.AsyncClient) -> None:
    async def beat(last: str) -> httpx.Response:
        return await signed(http, "POST", "/v1/heartbeats", msgspec.json.encode({"heartbeat_id": last}))

    first = (await beat("")).json()["heartbeat_id"]
    stale = await beat("")
    assert (stale.status_code, stale.json()["heartbeat_id"]) == (400, first)
    assert (await beat(first)).status_code == 200


async def test_gamma_pages_and_data_pages(stub: VenueStub, http: httpx.AsyncClient) -> None:
    for n in range(25):
        stub.add_market(StubMarket(condition=f"0x{n:064x}", yes=f"{n}1", no=f"{n}2", slug=f"s{n}", gamma_id=str(n)))
    gamma, data = stub.hosts.gamma, stub.hosts.data
    first = (await http.get(f"{gamma}/markets/keyset?limit=20")).json()
    rest = (await http.get(f"{gamma}/markets/keyset?limit=20&after_cursor={first['next_cursor']}")).json()
    assert (len(first["markets"]), len(rest["markets"])) == (20, 6)
    assert "next_cursor" not in rest
    assert (await http.get(f"{gamma}/markets/slug/s3")).json()["clobTokenIds"] == '["31","32"]'
    found = (await http.get(f"{gamma}/markets/keyset?clob_token_ids=31&clob_token_ids=42")).json()
    assert {m["slug"] for m in found["markets"]} == {"s3", "s4"}
    assert (await http.get(f"{gamma}/markets/keyset?offset=1")).status_code == 422
    assert (await http.get(f"{gamma}/public-search?q=rain")).json()["events"][0]["markets"][0]["slug"] == "will-it-rain"
    stub.sites.positions = [{"proxy_wallet": ADDRESS, "token_id": str(n)} for n in range(3)]
    page = (await http.get(f"{data}/v2/positions?user={ADDRESS}&limit=2")).json()
    assert page["pagination"] == {"limit": 2, "has_more": True, "next_cursor": "2"}
    assert (await http.get(f"{data}/v2/positions?user={ADDRESS}&cursor=2")).json()["data"][0]["token_id"] == "2"


async def test_keys_are_created_once_and_derived(http: httpx.AsyncClient) -> None:
    def claim(nonce: int) -> dict[str, str]:
        signature = "0x" + OWNER.sign(clob_auth_digest(ADDRESS, 1_790_000_000, nonce, 137)).hex()
        times = {"POLY_TIMESTAMP": "1790000000", "POLY_NONCE": str(nonce)}
        return {"POLY_ADDRESS": ADDRESS, "POLY_SIGNATURE": signature, **times}

    headers = claim(7)
    made = await http.post("/auth/api-key", headers=headers)
    assert set(made.json()) == {"apiKey", "secret", "passphrase"}
    assert (await http.post("/auth/api-key", headers=headers)).status_code == 400
    assert (await http.get("/auth/derive-api-key", headers=headers)).json() == made.json()
    assert (await http.get("/auth/derive-api-key", headers=claim(8))).status_code == 400
    forged = claim(8) | {"POLY_NONCE": "9"}
    assert (await http.post("/auth/api-key", headers=forged)).status_code == 401
    assert (await http.post("/auth/api-key")).status_code == 401


# ---------------------------------------------------------------- scripts and faults


async def test_scripts_are_used_in_their_order_then_the_default(stub: VenueStub, http: httpx.AsyncClient) -> None:
    stub.reply("GET", "/time", HTML_403, times=1)
    stub.reply("GET", "/time", throttled(7), times=1)
    stub.reply("GET", "/t*", lambda received: Reply(418) if "tea" in received.query else None)
    first, second = await http.get("/time"), await http.get("/time")
    assert (first.status_code, first.headers["content-type"]) == (403, "text/html; charset=UTF-8")
    assert (second.status_code, second.headers["retry-after"]) == (429, "7")
    assert (await http.get("/time?tea=1")).status_code == 418
    assert (await http.get("/time")).status_code == 200
    assert len(stub.asked("GET", "/time")) == 4


async def test_a_lost_reply_leaves_the_order(stub: VenueStub, http: httpx.AsyncClient) -> None:
    stub.lose_reply("POST", "/order")
    with pytest.raises(httpx.RemoteProtocolError):
        await signed(http, "POST", "/order", order("0.48", 10))
    stub.truncate_reply("POST", "/order")
    with pytest.raises(httpx.RemoteProtocolError):
        await signed(http, "POST", "/order", order("0.48", 10, salt=2))
    assert len(stub.exchange.live) == 2
    stub.reset("POST", "/order")
    with pytest.raises(httpx.ReadError):
        await signed(http, "POST", "/order", order("0.48", 10, salt=3))
    assert len(stub.exchange.live) == 2


async def test_a_held_reply_leaves_when_released(stub: VenueStub, http: httpx.AsyncClient) -> None:
    held, got = stub.hold("POST", "/order"), list[int]()

    async def post() -> None:
        got.append((await signed(http, "POST", "/order", order("0.48", 10))).status_code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post)
        await held.arrived.wait()
        assert (len(stub.exchange.live), got) == (1, [])
        held.release()
    assert got == [200]


@pytest.mark.parametrize(
    ("mode", "post", "cancel"),
    [("restarting", 425, 425), ("post_only", 503, 200), ("cancel_only", 503, 200), ("disabled", 503, 503)],
)
async def test_modes(stub: VenueStub, http: httpx.AsyncClient, mode: str, post: int, cancel: int) -> None:
    stub.clob.mode = mode
    assert (await signed(http, "POST", "/order", order("0.48", 10))).status_code == post
    assert (await signed(http, "DELETE", "/cancel-all")).status_code == cancel


# ---------------------------------------------------------------- sockets


async def test_the_market_socket_sends_books_and_pongs(stub: VenueStub) -> None:
    async with open_websocket(stub.hosts.market_socket) as ws:
        socket = await stub.market_sockets.next()
        await ws.send_message(msgspec.json.encode({"type": "market", "assets_ids": [YES, "1"]}).decode())
        book = msgspec.json.decode(await ws.get_message())
        assert (book["event_type"], book["asset_id"]) == ("book", YES)
        await ws.send_message("PING")
        assert await ws.get_message() == "PONG"
        await stub.market_sockets.send([{"event_type": "x"}])
        assert msgspec.json.decode(await ws.get_message()) == [{"event_type": "x"}]
        assert (await socket.receive())["assets_ids"] == [YES, "1"]
        assert (socket.pings, socket.tokens) == (1, {YES, "1"})


async def test_the_user_socket_tells_orders_and_trades(stub: VenueStub, http: httpx.AsyncClient) -> None:
    auth = {"type": "user", "auth": StubKey().json()}
    async with open_websocket(stub.hosts.user_socket) as ws:
        await ws.send_message(msgspec.json.encode(auth).decode())
        await (await stub.user_sockets.next()).receive()
        posted = (await signed(http, "POST", "/order", order("0.48", 10))).json()
        stub.exchange.fill(posted["orderID"], "10")
        events = [msgspec.json.decode(await ws.get_message()) for _ in range(3)]
        assert [(e["event_type"], e["type"]) for e in events] == [
            ("order", "PLACEMENT"),
            ("order", "UPDATE"),
            ("trade", "TRADE"),
        ]


async def test_the_realtime_socket_wants_a_key(stub: VenueStub) -> None:
    async def ask(ws: Any, **said: Any) -> Any:
        await ws.send_message(msgspec.json.encode(said).decode())
        return msgspec.json.decode(await ws.get_message())

    async with open_websocket(stub.hosts.realtime) as ws:
        items = [{"channel": "price.crypto", "filter": {"symbol": "btcusd"}}]
        assert (await ask(ws, op="subscribe", subscriptions=items))["code"] == "auth_required"
        assert await ask(ws, op="auth", auth=StubKey().json(), rid="1") == {"op": "authed", "rid": "1"}
        assert (await ask(ws, op="subscribe", subscriptions=items, rid="2"))["op"] == "subscribed"
        assert await ask(ws, op="ping") == {"op": "pong"}


async def test_sockets_are_closed_and_dropped(stub: VenueStub) -> None:
    async with open_websocket(stub.hosts.rtds) as ws:
        await (await stub.rtds_sockets.next()).close(4001, "auth")
        with pytest.raises(ConnectionClosed):
            await ws.get_message()
        assert ws.closed is not None
        assert (ws.closed.code, ws.closed.reason) == (4001, "auth")
    async with open_websocket(stub.hosts.rtds) as ws:
        (await stub.rtds_sockets.next()).drop()
        with pytest.raises(ConnectionClosed):
            await ws.get_message()
        assert ws.closed is not None
        assert ws.closed.code == 1006
    stub.user_sockets.refuse = True
    async with open_websocket(stub.hosts.user_socket) as ws:
        with pytest.raises(ConnectionClosed):
            await ws.get_message()
    assert (len(stub.rtds_sockets.all), stub.rtds_sockets.open) == (2, [])
