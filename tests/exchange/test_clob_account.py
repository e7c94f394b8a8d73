"""Whole private requests: cancels, keys, pages, accounts, heartbeats."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agbot.exchange.api import Ask, error
from agbot.units import NS_PER_S
from agbot.venue.polymarket.wallets import SignatureType
from tests.exchange.clob_desk import KEYS, Desk, Trader, ids, listing_at

UNAUTHORIZED = error(401, "Unauthorized/Invalid api key")


# ---------------------------------------------------------------- cancels


def test_cancels_reach_only_ones_own_orders(desk: Desk, alice: Trader, bob: Trader) -> None:
    mine = [alice.placed("BUY", "0.1", "5")["orderID"] for _ in range(3)]
    others = bob.placed("BUY", "0.1", "5")["orderID"]
    reply = alice.send("DELETE", "/order", {"orderID": mine[0]}).json
    assert reply == {"canceled": [mine[0]], "not_canceled": {}}
    reply = alice.send("DELETE", "/orders", [mine[1], others, "0x12", mine[0]]).json
    assert reply["canceled"] == [mine[1]]
    assert set(reply["not_canceled"]) == {others, "0x12", mine[0]}
    assert alice.send("DELETE", "/cancel-all").json == {"canceled": [mine[2]], "not_canceled": {}}
    assert ids(bob.send("GET", "/data/orders")) == [others]
    assert alice.send("GET", f"/data/order/{mine[0]}").json["status"] == "CANCELED"
    assert alice.send("GET", f"/data/order/{others}").json is None
    assert alice.send("GET", f"/order/{others}") == error(404, "order not found")
    assert bob.send("GET", f"/order/{others}").json["id"] == others


def test_cancels_by_market(desk: Desk, alice: Trader) -> None:
    second = list(desk.core.listings.values())[1]
    one = alice.placed("BUY", "0.1", "5")["orderID"]
    two = alice.placed("BUY", "0.1", "5", token=desk.no)["orderID"]
    three = alice.placed("BUY", "0.1", "5", token=second.market.yes)["orderID"]
    assert alice.send("DELETE", "/cancel-market-orders", {"asset_id": desk.no, "market": ""}).json["canceled"] == [two]
    assert alice.send("DELETE", "/cancel-market-orders", {"market": second.condition}).json["canceled"] == [three]
    both = {"market": second.condition, "asset_id": desk.yes}
    assert alice.send("DELETE", "/cancel-market-orders", both).json == {"canceled": [], "not_canceled": {}}
    for junk in ({}, [], None, {"market": ""}, {"market": 5}):
        assert alice.send("DELETE", "/cancel-market-orders", junk).status == 400
    assert ids(alice.send("GET", "/data/orders")) == [one]


def test_cancels_are_bounded_and_well_formed(alice: Trader) -> None:
    alice.desk.limits.enabled = False
    assert len(alice.send("DELETE", "/orders", ["0x1"] * 1000).json["not_canceled"]) == 1
    reply = alice.send("DELETE", "/orders", ["0x1"] * 1001)
    assert (reply.status, reply.json) == (400, {"error": "Too many orders in payload: 1001, max allowed: 1000"})
    for junk in (None, {}, [1], ["0x1", None], "0x1"):
        assert alice.send("DELETE", "/orders", junk).status == 400
    for junk in (None, [], {}, {"orderID": 5}, {"orderID": ""}):
        assert alice.send("DELETE", "/order", junk).status == 400


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/order"),
        ("DELETE", "/cancel-all"),
        ("GET", "/data/orders"),
        ("GET", "/data/order/0x1"),
        ("GET", "/balance-allowance"),
        ("GET", "/notifications"),
        ("POST", "/v1/heartbeats"),
        ("GET", "/auth/api-keys"),
        ("DELETE", "/auth/api-key"),
        ("DELETE", "/auth/builder-api-key"),
        ("GET", "/rewards/user"),
    ],
)
def test_private_routes_are_private(desk: Desk, method: str, path: str) -> None:
    assert desk.router(Ask(method=method, path=path)) == UNAUTHORIZED


def test_keys_over_the_wire(desk: Desk, alice: Trader) -> None:
    assert alice.send("GET", "/auth/api-keys").json == {"apiKeys": [alice.key["apiKey"]]}
    readonly = alice.send("POST", "/auth/readonly-api-key").json["apiKey"]
    assert alice.send("GET", "/auth/readonly-api-keys").json == [readonly]
    assert desk.get("/auth/validate-readonly-api-key", address=alice.address, key=readonly).status == 200
    assert desk.get("/auth/validate-readonly-api-key", address=alice.address, key="x").status == 401
    assert alice.send("DELETE", "/auth/readonly-api-key", {"key": readonly}).json == "OK"
    assert alice.send("DELETE", "/auth/readonly-api-key", {"key": readonly}).status == 404
    builder = alice.send("POST", "/auth/builder-api-key").json
    assert set(builder) == {"key", "secret", "passphrase"}
    assert alice.send("DELETE", "/auth/builder-api-key").json == "OK"
    assert alice.send("GET", "/auth/builder-api-key").json[0]["revokedAt"]
    request = alice.send
    assert request("DELETE", "/auth/api-key").json == "OK"
    assert desk.keys.names(alice.address) == []


def test_a_prefix_and_a_query_are_not_signed(desk: Desk, alice: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    assert alice.send("GET", "/data/orders", market=desk.listing.condition, next_cursor="MA==").json["count"] == 1
    assert alice.send("GET", "/data/orders", market="0x2").json["count"] == 0


# ---------------------------------------------------------------- pages and filters


def test_pages_of_orders_and_trades(desk: Desk, alice: Trader, bob: Trader) -> None:
    desk.limits.enabled = False
    placed = [alice.placed("BUY", "0.1", "5")["orderID"] for _ in range(130)]
    first = alice.send("GET", "/data/orders", next_cursor="MA==")
    second = alice.send("GET", "/data/orders", next_cursor=first.json["next_cursor"])
    assert ids(first) + ids(second) == placed
    assert (first.json["limit"], second.json["count"], second.json["next_cursor"]) == (100, 30, "LTE=")
    assert alice.send("GET", "/data/orders", next_cursor="junk").status == 400
    for _ in range(105):
        bob.placed("BUY", "0.9", "5", token=desk.no)
        desk.wait(1)
    first = bob.send("GET", "/data/trades")
    assert (
        first.json["count"],
        bob.send("GET", "/data/trades", next_cursor=first.json["next_cursor"]).json["count"],
    ) == (
        100,
        5,
    )
    times = [int(row["match_time"]) for row in first.json["data"]]
    assert times == sorted(times, reverse=True)
    assert bob.send("GET", "/data/trades", after=times[0]).json["count"] == 1
    assert bob.send("GET", "/data/trades", before=times[-1]).json["count"] == 5
    assert bob.send("GET", "/data/trades", asset_id=desk.yes).json["count"] == 0
    assert alice.send("GET", "/data/trades", asset_id=desk.yes, before=times[-1]).json["count"] == 5
    assert bob.send("GET", "/data/trades", maker_address=alice.address.lower(), after=times[9]).json["count"] == 10
    assert bob.send("GET", "/data/trades", maker_address="0x" + "1" * 40).json["count"] == 0
    assert bob.send("GET", "/data/trades", after="yesterday").status == 400


# ---------------------------------------------------------------- accounts


def test_a_balance_is_read_under_the_wallets_own_type(desk: Desk) -> None:
    def balance(trader: Trader, kind: int) -> str:
        return str(
            trader.send("GET", "/balance-allowance", asset_type="COLLATERAL", signature_type=kind).json["balance"]
        )

    eoa, safe = Trader(desk), Trader(desk, KEYS[1], SignatureType.SAFE)
    assert [balance(eoa, kind) for kind in (0, 1, 2, 3)] == ["1000000000", "0", "0", "0"]
    safe.placed("BUY", "0.1", "5")
    assert [balance(safe, kind) for kind in (0, 1, 2, 3)] == ["0", "0", "1000000000", "0"]
    desk.core.deposit(Trader(desk, kind=SignatureType.PROXY).account.funder, 5_000_000, desk.now_ns)
    assert balance(eoa, 1) == "1005000000"
    for bad in (
        {"asset_type": "X"},
        {"asset_type": "CONDITIONAL"},
        {"asset_type": "CONDITIONAL", "token_id": "x"},
        {"asset_type": "COLLATERAL", "signature_type": "9"},
        {"asset_type": "COLLATERAL", "signature_type": "x"},
    ):
        assert eoa.send("GET", "/balance-allowance", **bad).status == 400
    assert eoa.send("GET", "/balance-allowance/update", asset_type="COLLATERAL", signature_type=0).status == 200


def test_notices(desk: Desk, alice: Trader, bob: Trader) -> None:
    gone = alice.placed("BUY", "0.1", "5")["orderID"]
    alice.placed("BUY", "0.4", "10")
    alice.send("DELETE", "/order", {"orderID": gone})
    bob.placed("BUY", "0.6", "10", token=desk.no)
    desk.core.list_market(listing_at(9), desk.now_ns)
    desk.core.resolve(desk.listing, desk.yes, desk.now_ns)
    told = alice.send("GET", "/notifications", signature_type=0).json
    assert [row["type"] for row in told] == [1, 2, 3, 4]
    assert {row["owner"] for row in told} == {alice.key["apiKey"]}
    assert told[0]["payload"]["order_id"] == gone
    assert (told[1]["payload"]["matched_size"], told[1]["payload"]["remaining_size"]) == ("10", "0")
    assert told[3]["payload"]["tokens"][0]["winner"] is True
    assert alice.send("DELETE", "/notifications", ids=f"{told[0]['id']},{told[2]['id']},x").json == "OK"
    assert [row["type"] for row in alice.send("GET", "/notifications").json] == [2, 4]
    assert [row["type"] for row in bob.send("GET", "/notifications").json] == [2, 3, 4]


def test_scoring() -> None:
    desk = Desk(listing_at(1, rewards_daily_usd=1_000_000, rewards_min_size=50_000_000))
    alice, bob = Trader(desk), Trader(desk, KEYS[1])
    near = alice.placed("BUY", "0.49", "60")["orderID"]
    far = alice.placed("BUY", "0.30", "60")["orderID"]
    small = alice.placed("BUY", "0.48", "10")["orderID"]
    bob.placed("BUY", "0.49", "10", token=desk.no)
    assert alice.send("GET", "/order-scoring", order_id=near).json == {"scoring": False}
    desk.wait(31)
    assert alice.send("GET", "/order-scoring", order_id=near).json == {"scoring": True}
    told = alice.send("POST", "/orders-scoring", [near, far, small, "0x1"]).json
    assert told == {near: True, far: False, small: False, "0x1": False}
    assert bob.send("GET", "/order-scoring", order_id=near).json == {"scoring": False}
    assert alice.send("POST", "/orders-scoring", [5]).status == 400


def test_honest_stubs(alice: Trader) -> None:
    assert alice.send("GET", "/rewards/user", date="2026-01-01").json["data"] == []
    assert alice.send("GET", "/rewards/user/total", date="2026-01-01").json == []
    assert alice.send("GET", "/rewards/user/markets").json["next_cursor"] == "LTE="
    assert alice.send("GET", "/rewards/user/percentages").json == {}
    assert alice.send("GET", "/v1/user/session-signers").json["signers"] == []
    assert alice.send("GET", "/data/pre-migration-orders").json["data"] == []


# ---------------------------------------------------------------- heartbeats


def beat(trader: Trader, name: Any) -> Any:
    return trader.send("POST", "/v1/heartbeats", {"heartbeat_id": name})


def test_a_key_that_falls_silent_loses_its_orders(desk: Desk, alice: Trader, bob: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    bob.placed("BUY", "0.1", "5")
    desk.wait(60)
    assert alice.send("GET", "/data/orders").json["count"] == 1, "nothing happens to who never sent one"
    name = beat(alice, "").json["heartbeat_id"]
    for _ in range(4):
        desk.wait(5)
        name = beat(alice, name).json["heartbeat_id"]
    stale = beat(alice, "old")
    assert (stale.status, stale.json) == (400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": name})
    due = desk.clob.next_due()
    assert due is not None
    for _ in range(9):
        desk.wait(1)
    assert alice.send("GET", "/data/orders").json["count"] == 1
    for _ in range(6):
        desk.wait(1)
    assert alice.send("GET", "/data/orders").json["count"] == 0
    assert bob.send("GET", "/data/orders").json["count"] == 1
    assert desk.clob.next_due() is None
    assert beat(alice, name).json == {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": ""}
    assert beat(alice, None).status == 200
    assert beat(alice, 5).status == 400
    assert alice.send("POST", "/v1/heartbeats", []).status == 400


def test_a_clock_that_is_set_back_gives_nobody_more_time(desk: Desk, alice: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    beat(alice, "")
    desk.wait(-3600)
    for _ in range(16):
        desk.wait(1)
    assert alice.send("GET", "/data/orders").json["count"] == 0


def test_a_clock_that_is_put_back_does_not_put_off_who_is_silent(desk: Desk, alice: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    assert beat(alice, "").status == 200
    desk.wait(1)
    desk.now_ns -= 3600 * NS_PER_S
    desk.clob.advance(desk.now_ns)
    assert beat(alice, beat(alice, "?").json["heartbeat_id"]).status == 200
    desk.wait(16)
    assert alice.send("GET", "/data/orders").json["count"] == 0


def test_the_older_heartbeat(desk: Desk, alice: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    assert alice.send("POST", "/heartbeats").json == {"status": "ok"}
    desk.wait(16)
    assert alice.send("GET", "/data/orders").json["count"] == 0


def test_only_the_orders_of_that_key(desk: Desk, alice: Trader) -> None:
    kept = alice.placed("BUY", "0.1", "5")["orderID"]
    other = desk.keys.create(alice.address, 7)
    desk.clob.heartbeats.tap(other.key, alice.address, desk.now_ns)
    desk.wait(20)
    assert ids(alice.send("GET", "/data/orders")) == [kept]


def test_delayed_orders_say_so_and_cannot_be_cancelled() -> None:
    desk = Desk(listing_at(1, taker_delay_ns=NS_PER_S // 2))
    alice, bob = Trader(desk), Trader(desk, KEYS[1])
    alice.placed("BUY", "0.4", "10")
    placed = bob.placed("BUY", "0.6", "10", token=desk.no)
    assert (placed["status"], placed["makingAmount"]) == ("delayed", "")
    assert list(bob.send("DELETE", "/cancel-all").json["not_canceled"]) == [placed["orderID"]]
    desk.wait(1)
    assert bob.send("GET", f"/data/order/{placed['orderID']}").json["status"] == "MATCHED"


def test_everything_survives_a_restart(desk: Desk, alice: Trader) -> None:
    alice.placed("BUY", "0.1", "5")
    desk.clob.standing.closed_only.add(alice.address)
    desk.clob.standing.allow(alice.address, desk.clob.standing.spenders[0], 5)
    beat(alice, "")
    saved = msgspec.json.decode(msgspec.json.encode(desk.clob.snapshot()))
    again = Desk()
    again.clob.restore(saved)
    assert again.clob.snapshot() == desk.clob.snapshot()
    assert Trader(again).key == alice.key
