"""Whole private requests: orders, what refuses them, batches, limits."""

from __future__ import annotations

from typing import Any

import pytest

from agbot.exchange.api import error
from agbot.exchange.clob.posted import BATCH_MAX, NOT_THE_OWNER
from agbot.exchange.clob.signatures import (
    INVALID_PAYLOAD,
    INVALID_SIGNATURE,
    NOT_DEPOSIT_FLOW,
    NOT_THE_KEYS,
    VERSION_MISMATCH,
)
from agbot.venue.polymarket.wallets import SignatureType
from tests.exchange.clob_desk import KEYS, START_S, Desk, Trader

UNAUTHORIZED = error(401, "Unauthorized/Invalid api key")


# ---------------------------------------------------------------- an order's life


def test_an_order_rests_is_seen_trades_and_settles(desk: Desk, alice: Trader, bob: Trader) -> None:
    placed = alice.placed("BUY", "0.40", "100")
    assert placed == {
        "success": True,
        "errorMsg": "",
        "orderID": placed["orderID"],
        "status": "live",
        "makingAmount": "",
        "takingAmount": "",
    }
    row = alice.send("GET", "/data/orders").json["data"][0]
    assert row == {
        "id": placed["orderID"],
        "status": "LIVE",
        "owner": alice.key["apiKey"],
        "maker_address": alice.address,
        "market": desk.listing.condition,
        "asset_id": desk.yes,
        "side": "BUY",
        "original_size": "100",
        "size_matched": "0",
        "price": "0.4",
        "outcome": "Yes",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": START_S,
    }
    taken = bob.placed("BUY", "0.60", "25", token=desk.no)
    assert (taken["status"], taken["makingAmount"], taken["takingAmount"]) == ("matched", "15", "25")
    assert "transactionsHashes" not in taken
    [trade] = alice.send("GET", "/data/trades").json["data"]
    assert [trade["id"]] == taken["tradeIDs"]
    assert (trade["trader_side"], trade["owner"], trade["asset_id"]) == ("MAKER", alice.key["apiKey"], desk.no)
    assert (trade["side"], trade["price"], trade["size"], trade["fee_rate_bps"]) == ("BUY", "0.6", "25", "500")
    assert (trade["status"], trade["transaction_hash"]) == ("TRADE_STATUS_MATCHED", "")
    assert trade["maker_orders"] == [
        {
            "order_id": placed["orderID"],
            "owner": alice.key["apiKey"],
            "maker_address": alice.address,
            "matched_amount": "25",
            "price": "0.4",
            "fee_rate_bps": "0",
            "asset_id": desk.yes,
            "outcome": "Yes",
            "side": "BUY",
        }
    ]
    desk.wait(5)
    [settled] = bob.send("GET", "/data/trades", id=trade["id"]).json["data"]
    assert (settled["status"], settled["trader_side"]) == ("TRADE_STATUS_CONFIRMED", "TAKER")
    assert len(settled["transaction_hash"]) == 66
    assert alice.send("GET", f"/data/order/{placed['orderID']}").json["size_matched"] == "25"
    balance = alice.send("GET", "/balance-allowance", asset_type="CONDITIONAL", token_id=desk.yes, signature_type=0)
    assert balance.json["balance"] == "25000000"
    usd = alice.send("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=0).json
    assert usd["balance"] == "990000000"


def test_versions_and_wallets(desk: Desk) -> None:
    tokens = [listing.market.yes for listing in desk.core.listings.values()]
    for kind in SignatureType:
        trader = Trader(desk, kind=kind)
        for token in tokens:
            assert trader.placed("BUY", "0.1", "5", token=token)["status"] == "live"
    rows = Trader(desk).send("GET", "/data/orders").json["data"]
    assert len({row["maker_address"] for row in rows}) == 4


def test_a_wallet_of_another(desk: Desk, alice: Trader) -> None:
    wallet = "0x" + "ab" * 20
    first = Trader(desk, KEYS[1], SignatureType.SAFE, wallet)
    assert first.order("BUY", "0.1", "5").status == 200
    other = Trader(desk, KEYS[2], SignatureType.SAFE, wallet)
    reply = other.order("BUY", "0.1", "5")
    assert (reply.status, reply.json) == (400, {"error": NOT_DEPOSIT_FLOW})
    own = Trader(desk, KEYS[2], SignatureType.PROXY, Trader(desk, kind=SignatureType.PROXY).account.funder)
    alice_proxy = Trader(desk, kind=SignatureType.PROXY)
    assert alice_proxy.order("BUY", "0.1", "5").status == 200
    assert own.order("BUY", "0.1", "5").status == 400


# ---------------------------------------------------------------- refusals


def changed(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    order = {name: value for name, value in changes.items() if name in body["order"]}
    outer = {name: value for name, value in changes.items() if name not in body["order"]}
    return body | outer | {"order": body["order"] | order}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"owner": "another"}, NOT_THE_OWNER),
        ({"owner": 5}, INVALID_PAYLOAD),
        ({"orderType": "IOC"}, INVALID_PAYLOAD),
        ({"orderType": None}, INVALID_PAYLOAD),
        ({"postOnly": "yes"}, INVALID_PAYLOAD),
        ({"salt": "5"}, INVALID_PAYLOAD),
        ({"salt": 2**53}, INVALID_PAYLOAD),
        ({"salt": 1.5}, INVALID_PAYLOAD),
        ({"side": "buy"}, INVALID_PAYLOAD),
        ({"side": 0}, INVALID_PAYLOAD),
        ({"makerAmount": 5}, INVALID_PAYLOAD),
        ({"makerAmount": "5.5"}, INVALID_PAYLOAD),
        ({"expiration": "-1"}, INVALID_PAYLOAD),
        ({"expiration": "1"}, "invalid expiration"),
        ({"signer": "0x" + "1" * 40}, NOT_THE_KEYS),
        ({"makerAmount": "6000000"}, INVALID_SIGNATURE),
        ({"signature": "0x"}, INVALID_SIGNATURE),
        ({"signatureType": "0"}, INVALID_PAYLOAD),
    ],
    ids=str,
)
def test_what_an_order_must_say(alice: Trader, changes: dict[str, Any], text: str) -> None:
    reply = alice.send("POST", "/order", changed(alice.body(), **changes))
    assert (reply.status, reply.json) == (400, {"error": text})
    assert alice.send("GET", "/data/orders").json["count"] == 0


def test_every_field_is_needed(alice: Trader) -> None:
    body = alice.body()
    for name in ("order", "owner", "orderType"):
        cut = {key: value for key, value in body.items() if key != name}
        assert alice.send("POST", "/order", cut).json == {"error": INVALID_PAYLOAD}
    for name in ("salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "signature"):
        cut = body | {"order": {key: value for key, value in body["order"].items() if key != name}}
        assert alice.send("POST", "/order", cut).json == {"error": INVALID_PAYLOAD}
    assert alice.send("POST", "/order", body | {"order": []}).json == {"error": INVALID_PAYLOAD}
    for junk in (b"", b"{}", b"[]", b"{", b"\xff", b"null", b"[" * 10_000):
        assert alice.send("POST", "/order", junk).status == 400
    optional = {key: value for key, value in body.items() if key not in ("postOnly", "deferExec")}
    assert alice.send("POST", "/order", optional).status == 200


def test_version_1_is_over(alice: Trader) -> None:
    body = alice.body()
    order = {k: v for k, v in body["order"].items() if k not in ("timestamp", "metadata", "builder")}
    order |= {"taker": "0x" + "0" * 40, "nonce": "0", "feeRateBps": "0"}
    reply = alice.send("POST", "/order", body | {"order": order})
    assert (reply.status, reply.json) == (400, {"error": VERSION_MISMATCH})


def test_what_the_core_refuses_comes_through(desk: Desk, alice: Trader, bob: Trader) -> None:
    body = alice.body("BUY", "0.5", "10")
    order_id = alice.send("POST", "/order", body).json["orderID"]
    assert alice.send("POST", "/order", body).json == {"error": f"order {order_id} is invalid. Duplicated."}
    assert "breaks minimum tick size rule: 0.01" in bob.order("BUY", "0.505", "10").json["error"]
    assert "lower than the minimum: 5" in bob.order("BUY", "0.5", "4").json["error"]
    assert bob.order("SELL", "0.5", "10", post_only=True).json == {
        "error": "invalid post-only order: order crosses book"
    }
    assert "not enough balance / allowance: the balance is not enough" in bob.order("SELL", "0.6", "10").json["error"]
    assert (
        bob.order("BUY", "0.5", "10", order_type="GTD", expiration_s=START_S + 60).json["error"] == "invalid expiration"
    )
    assert (
        bob.order("BUY", "0.4", "10", order_type="FOK", amounts=("4", "10")).json["error"].startswith("order couldn't")
    )
    assert bob.order("BUY", "0.1", "5", token="99").status == 404
    desk.core.resolve(desk.listing, desk.yes, desk.now_ns)
    assert bob.order("BUY", "0.5", "10").status == 404


@pytest.mark.parametrize(
    ("side", "amounts", "good"),
    [
        ("BUY", ("5.01", "10.0201"), True),
        ("BUY", ("5.001", "10"), False),
        ("BUY", ("5", "10.00001"), False),
        ("SELL", ("10.01", "4.0001"), True),
        ("SELL", ("10.001", "4"), False),
        ("SELL", ("10", "4.00001"), False),
    ],
)
@pytest.mark.parametrize("kind", ["FOK", "FAK"])
def test_decimals_of_orders_that_never_rest(
    bob: Trader, side: str, amounts: tuple[str, str], good: bool, kind: str
) -> None:
    text = bob.order(side, order_type=kind, amounts=amounts).json["error"]
    assert text.startswith("invalid amounts, the market ") is not good
    if not good:
        assert "maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals" in text


def test_bans(desk: Desk, alice: Trader, bob: Trader) -> None:
    desk.clob.standing.closed_only.add(alice.address)
    assert alice.order("BUY", "0.5", "10").json == {"error": f"'{alice.address}' address in closed only mode"}
    assert "balance is not enough" in alice.order("SELL", "0.5", "10").json["error"]
    assert alice.send("GET", "/auth/ban-status/closed-only").json == {"closed_only": True}
    desk.clob.standing.banned.add(bob.address)
    assert bob.order("BUY", "0.5", "10").json == {"error": f"'{bob.address}' address banned"}
    assert bob.send("GET", "/auth/ban-status/closed-only").json == {"closed_only": False}


def test_allowances(desk: Desk, alice: Trader) -> None:
    spender = desk.clob.standing.spenders[0]
    told = alice.send("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=0).json["allowances"]
    assert told[spender] == str(2**256 - 1)
    desk.clob.standing.allow(alice.address, spender, 4_999_999)
    text = alice.order("BUY", "0.5", "10").json["error"]
    assert text.startswith("not enough balance / allowance: the allowance is not enough")
    told = alice.send("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=0).json["allowances"]
    assert told[spender] == "4999999"
    assert alice.order("BUY", "0.4", "10").status == 200
    other = list(desk.core.listings.values())[1].market.yes
    assert alice.order("BUY", "0.5", "10", token=other).status == 200


# ---------------------------------------------------------------- batches and limits


def test_a_batch_has_a_result_for_each_order(alice: Trader) -> None:
    bodies = [alice.body("BUY", "0.1", "5"), alice.body("BUY", "0.105", "5"), alice.body("BUY", "0.2", "5")]
    bodies.append(changed(alice.body(), owner="x"))
    reply = alice.send("POST", "/orders", bodies)
    assert reply.status == 200
    assert [row["status"] for row in reply.json] == ["live", "", "live", ""]
    assert [bool(row["orderID"]) for row in reply.json] == [True, False, True, False]
    assert all(row["success"] for row in reply.json)
    assert "tick size" in reply.json[1]["errorMsg"]
    assert reply.json[3]["errorMsg"] == NOT_THE_OWNER
    too_many = alice.send("POST", "/orders", [alice.body() for _ in range(BATCH_MAX + 1)])
    assert (too_many.status, too_many.json) == (400, {"error": "Too many orders in payload: 16, max allowed: 15"})
    assert alice.send("POST", "/orders", []).status == 400
    assert alice.send("POST", "/orders", {}).status == 400


def test_the_signers_limit(desk: Desk, alice: Trader, bob: Trader) -> None:
    reply = alice.order("BUY", "0.1", "5")
    assert dict(reply.headers)["Poly-RateLimit-Remaining"] == "59"
    refused_order = alice.order("BUY", "0.105", "5")
    assert dict(refused_order.headers)["Poly-RateLimit-Remaining"] == "58"
    for _ in range(3):
        assert alice.send("POST", "/orders", [alice.body("BUY", "0.1", "5") for _ in range(15)]).status == 200
    late = alice.send("POST", "/orders", [alice.body("BUY", "0.1", "5") for _ in range(15)])
    assert (late.status, late.json) == (429, {"error": "Too Many Requests"})
    assert dict(late.headers)["Retry-After"] == "1"
    assert alice.send("GET", "/data/orders").json["count"] == 46
    assert bob.order("BUY", "0.1", "5").status == 200
    cancelled = alice.send("DELETE", "/cancel-all")
    assert dict(cancelled.headers)["Poly-RateLimit-Remaining"] == str(120 - 47)
    desk.wait(2)
    assert alice.order("BUY", "0.1", "5").status == 200
