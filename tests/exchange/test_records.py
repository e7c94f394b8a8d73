"""The Data API of the box: every route, both versions, read by our client and by the official models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agbot.exchange import places, records, records_old
from agbot.exchange.api import Routes
from agbot.exchange.gamma_json import question_id
from agbot.exchange.model import Refused
from agbot.exchange.places import Place
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wire.account import decode_activity, decode_positions, decode_public_trades, decode_value
from agbot.venue.polymarket.wire.public import decode_geoblock
from tests.exchange.reading import ANN, BOB, EVE, START_NS, World, ask, raw, told


@pytest.fixture
def world() -> World:
    """Ann split 100 and sold 60 YES at 0.5 to Bob, who sold 20 of them at 0.75; a NO book makes a mint as well."""
    world = World()
    coin = world.listings[3]  # fee 0.07
    world.trade(coin, "0.5", "60", seller=ANN, buyer=BOB)
    world.order(EVE, coin.market.yes, "BUY", "0.75", "20")
    world.order(BOB, coin.market.yes, "SELL", "0.75", "20")
    world.pass_time(10)
    return world


@pytest.fixture
def routes(world: World) -> Routes:
    new = records.routes(world.core, world.book, world.tape, world.clock)
    old = records_old.routes(records.Records(world.core, world.book, world.tape, world.clock))
    return {**new, **old, **places.routes(Place())}


def data(routes: Routes, path: str, **query: Any) -> Any:
    return told(routes, path, **query)["data"]


# ---------------------------------------------------------------- positions


def test_a_position_has_cost_fees_and_profit(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    (row,) = data(routes, "/v2/positions", user=BOB)
    assert (row["current_size"], row["avg_price"], row["entry_cost_usdc"]) == (40, 0.5, 20)
    assert row["entry_fees_usdc"] == 1.05, "0.07 · 60 · 0.25"
    assert row["total_cost_usdc"] == 21.05
    assert row["realized_pnl"] == 5, "20 shares brought 15 and had cost 10"
    assert (row["current_price"], row["current_value"], row["unrealized_pnl"]) == (0.75, 30, 10)
    assert (row["total_pnl"], row["percent_pnl"], row["percent_realized_pnl"]) == (15, 50, 50)
    assert (row["status"], row["redeemable"], row["mergeable"], row["total_size"]) == ("OPEN", False, False, 60)
    assert (row["outcome"], row["outcome_index"], row["opposite_token_id"]) == ("Yes", 0, coin.market.no)
    assert row["end_date"] == "2030-01-01"
    assert row["first_entry_at"] == START_NS // NS_PER_S, "when it was mined"


def test_positions_by_status(world: World, routes: Routes) -> None:
    coin, derby = world.listings[3], world.listings[1]
    world.core.split(ANN, derby, 5 * SCALE)
    assert [r["token_id"] for r in data(routes, "/v2/positions", user=ANN, status="MERGEABLE")] == [*derby.tokens]
    assert len(data(routes, "/v2/positions", user=ANN)) == 3, "NO of the coin, both of the derby"
    assert [r["token_id"] for r in data(routes, "/v2/positions", user=ANN, status="CLOSED")] == [coin.market.yes]
    world.core.resolve(coin, coin.market.yes, world.now)
    rows = data(routes, "/v2/positions", user=BOB, status="REDEEMABLE")
    assert [(r["status"], r["redeemable"], r["current_price"], r["current_value"]) for r in rows] == [
        ("REDEEMABLE", True, 1, 40)
    ]
    assert data(routes, "/v2/positions", user=BOB, status="REDEEMABLE_LOST") == []
    assert [r["current_value"] for r in data(routes, "/v2/positions", user=ANN, status="REDEEMABLE_LOST")] == [0]
    world.pass_time(5)  # holders are paid out
    (row,) = data(routes, "/v2/positions", user=BOB, status="CLOSED")
    assert (row["realized_pnl"], row["entry_cost_usdc"], row["current_size"]) == (25, 0, 0)
    assert data(routes, "/v2/positions", user=BOB) == []


@pytest.mark.parametrize(
    ("query", "tokens"),
    [
        ({}, ["derby yes", "coin no"]),
        ({"sort_direction": "ASC"}, ["coin no", "derby yes"]),
        ({"sort_by": "TOKENS"}, ["coin no", "derby yes"]),
        ({"sort_by": "PRICE"}, ["derby yes", "coin no"]),
        ({"sort_by": "UNREALIZED_PNL"}, ["derby yes", "coin no"]),
        ({"sort_by": "REALIZED_PNL"}, ["coin no", "derby yes"]),
        ({"sort_by": "TOTAL_PNL"}, ["derby yes", "coin no"]),
        ({"sort_by": "TIMESTAMP"}, ["derby yes", "coin no"]),
        ({"condition_id": "<coin>"}, ["coin no"]),
        ({"condition": "<coin>"}, ["coin no"]),
        ({"conditionId": "<both>"}, ["derby yes", "coin no"]),
        ({"event_id": "<event>"}, ["derby yes"]),
        ({"title": "OWLS"}, ["derby yes"]),
        ({"filter_type": "TOKENS", "filter_amount": "55"}, ["coin no"]),
        ({"filter_type": "CASH", "filter_amount": "20"}, ["derby yes"]),
        ({"start": "<late>"}, ["derby yes"]),
        ({"end": "<late>"}, ["derby yes", "coin no"]),
        ({"user": ANN.upper().replace("0X", "0x")}, ["derby yes", "coin no"]),
    ],
)
def test_positions_are_narrowed_and_ordered(
    world: World, routes: Routes, query: dict[str, str], tokens: list[str]
) -> None:
    coin, derby = world.listings[3], world.listings[1]
    world.pass_time(100)
    late = world.now // NS_PER_S
    world.trade(derby, "0.5", "50", seller=EVE, buyer=ANN)
    values = {"<coin>": coin.condition, "<both>": f"{coin.condition},{derby.condition}", "<event>": derby.event.id}
    values["<late>"] = str(late)
    asked = {"user": ANN} | {name: values.get(value, value) for name, value in query.items()}
    names = {derby.market.yes: "derby yes", coin.market.no: "coin no"}
    if query.get("end"):
        world.pass_time(10)
        assert {names[row["token_id"]] for row in data(routes, "/v2/positions", **asked)} <= set(tokens)
    else:
        assert [names[row["token_id"]] for row in data(routes, "/v2/positions", **asked)] == tokens


def test_positions_of_a_whole_market(world: World, routes: Routes) -> None:
    rows = data(routes, "/v2/positions", condition_id=world.listings[3].condition, sort_by="TOKENS")
    assert [(row["proxy_wallet"], row["current_size"]) for row in rows] == [(ANN, 60), (BOB, 40), (EVE, 20)]


# ---------------------------------------------------------------- trades and activity


def test_trades_are_takers_legs_unless_all_are_wanted(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    rows = data(routes, "/v2/trades")
    assert [(r["proxy_wallet"], r["side"], r["size"], r["price"]) for r in rows] == [
        (BOB, "SELL", 20, 0.75),
        (BOB, "BUY", 60, 0.5),
    ]
    assert all(len(row["transaction_hash"]) == 66 for row in rows)
    assert len(data(routes, "/v2/trades", taker_only="false")) == 4
    assert data(routes, "/v2/trades", user=ANN) == []
    assert [r["side"] for r in data(routes, "/v2/trades", user=ANN, taker_only="false")] == ["SELL"]
    assert len(data(routes, "/v2/trades", condition=coin.condition)) == 2
    assert data(routes, "/v2/trades", condition=world.listings[0].condition) == []
    assert len(data(routes, "/v2/trades", event_id=coin.event.id, side="SELL")) == 1
    assert len(data(routes, "/v2/trades", filter_amount="30")) == 1
    assert len(data(routes, "/v2/trades", filter_type="CASH", filter_amount="20")) == 1
    assert data(routes, "/v2/trades", user=BOB, end=START_NS // NS_PER_S - 1) == []


def test_a_mint_gives_both_buyers_their_own_token(world: World, routes: Routes) -> None:
    cut = world.listings[0]
    world.order(ANN, cut.market.yes, "BUY", "0.4", "10")
    world.order(BOB, cut.market.no, "BUY", "0.6", "10")
    world.pass_time(5)
    rows = data(routes, "/v2/trades", condition=cut.condition, taker_only="false")
    assert {(r["proxy_wallet"], r["token_id"], r["side"], r["price"]) for r in rows} == {
        (ANN, cut.market.yes, "BUY", 0.4),
        (BOB, cut.market.no, "BUY", 0.6),
    }
    assert data(routes, "/v2/oi", condition=cut.condition) == [{"condition_id": cut.condition, "value": 10}]


def test_a_trade_that_fails_is_nothing() -> None:
    world = World(fail_rate=1.0)
    routes = records.routes(world.core, world.book, world.tape, world.clock)
    world.trade(world.listings[0], "0.5", "10")
    assert data(routes, "/v2/trades", taker_only="false") == []
    assert data(routes, "/v2/positions", user=BOB) == []


def test_activity_tells_every_kind(world: World, routes: Routes) -> None:
    coin, mayors = world.listings[3], world.listings[4:]
    world.core.split(EVE, coin, 8 * SCALE, world.now)
    world.core.merge(EVE, coin, 3 * SCALE, world.now)
    for mayor in mayors[:2]:
        world.core.split(EVE, mayor, 5 * SCALE, world.now)
    world.core.convert(EVE, mayors[:2], 5 * SCALE, world.now)
    world.core.deposit(EVE, 7 * SCALE, world.now)
    world.core.deposit(EVE, -2 * SCALE, world.now)
    world.core.resolve(coin, coin.market.yes, world.now)
    world.pass_time(10)
    rows = data(routes, "/v2/activity", user=EVE, sort_direction="ASC", exclude_deposits_withdrawals="false")
    kinds = [(row["type"], row["usdc_size"], row["size"]) for row in rows]
    assert kinds[0] == ("DEPOSIT", 1000, 0), "the grant"
    assert kinds[1] == ("TRADE", 15, 20)
    assert kinds[2:7] == [("SPLIT", 8, 8), ("MERGE", 3, 3), ("SPLIT", 5, 5), ("SPLIT", 5, 5), ("CONVERSION", 5, 5)]
    assert kinds[7:9] == [("DEPOSIT", 7, 0), ("WITHDRAWAL", 2, 0)]
    assert kinds[9] == ("REDEEM", 25, 25)
    assert (rows[9]["token_id"], rows[9]["outcome"]) == (coin.market.yes, "Yes")
    assert [r["type"] for r in data(routes, "/v2/activity", user=EVE, type="SPLIT,MERGE")] == ["SPLIT"] * 2 + [
        "MERGE",
        "SPLIT",
    ]
    assert "DEPOSIT" not in {r["type"] for r in data(routes, "/v2/activity", user=EVE)}
    assert [r["type"] for r in data(routes, "/v2/activity", user=EVE, side="BUY")] == ["TRADE"]
    assert len(data(routes, "/v2/activity", user=EVE, condition=coin.condition)) >= 4
    assert data(routes, "/v2/activity", user=EVE, start=world.now // NS_PER_S + 1) == []


def test_what_a_taker_paid_includes_the_fee(routes: Routes) -> None:
    sold, bought = data(routes, "/v2/activity", user=BOB, type="TRADE")
    assert (bought["usdc_size"], bought["price"]) == (31.05, 0.5)
    assert sold["usdc_size"] == 14.7375, "15 less 0.07 · 20 · 0.1875"


# ---------------------------------------------------------------- pages


def test_pages_hold_what_was_asked_and_survive_news(world: World, routes: Routes) -> None:
    for i in range(5):
        world.trade(world.listings[0], f"0.{40 + i}", "10")
    first = told(routes, "/v2/trades", user=BOB, limit=2)
    assert (first["pagination"]["limit"], first["pagination"]["has_more"]) == (2, True)
    world.trade(world.listings[0], "0.49", "10")
    seen, cursor = first["data"], first["pagination"]["next_cursor"]
    while cursor:
        page = told(routes, "/v2/trades", cursor=cursor)  # bare: it knows the rest itself
        assert page == told(routes, "/v2/trades", user=BOB, cursor=cursor, limit=7), "and restated"
        seen += page["data"]
        cursor = page["pagination"]["next_cursor"]
        assert page["pagination"]["has_more"] is bool(cursor)
    assert [row["price"] for row in seen] == [0.44, 0.43, 0.42, 0.41, 0.4, 0.75, 0.5]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/positions", {}),
        ("/v2/positions", {"user": "me"}),
        ("/v2/positions", {"user": ANN, "condition": "0x12"}),
        ("/v2/positions", {"user": ANN, "status": "LOST"}),
        ("/v2/positions", {"user": ANN, "sort_by": "BEAUTY"}),
        ("/v2/positions", {"user": ANN, "filter_type": "GOLD"}),
        ("/v2/positions", {"user": ANN, "filter_amount": "much"}),
        ("/v2/positions", {"user": ANN, "offset": "5"}),
        ("/v2/positions", {"user": ANN, "limit": "0"}),
        ("/v2/positions", {"user": ANN, "cursor": "x"}),
        ("/v2/trades", {"side": "HOLD"}),
        ("/v2/trades", {"taker_only": "perhaps"}),
        ("/v2/trades", {"condition": ",".join(f"0x{i:064x}" for i in range(21))}),
        ("/v2/activity", {}),
        ("/v2/activity", {"user": ANN, "type": "DANCE"}),
        ("/v2/activity", {"user": ANN, "sort_direction": "UP"}),
        ("/v2/holders", {}),
        ("/v2/value", {}),
        ("/v2/live-volume", {}),
        ("/v2/prices-history", {}),
        ("/v2/prices-history", {"token_id": "1"}),
        ("/v2/prices-history", {"token_id": "1", "interval": "1d", "start": "5"}),
        ("/v2/prices-history", {"token_id": "1", "interval": "2d"}),
        ("/v2/resolutions", {}),
        ("/v2/resolutions", {"event_id": "1", "question_id": "2"}),
        ("/v2/tokens", {}),
        ("/v2/user-pnl", {}),
        ("/v2/user-pnl", {"user": ANN, "interval": "2d"}),
        ("/v2/user-pnl", {"user": ANN, "fidelity": "1m"}),
        ("/v2/approvals", {}),
        ("/positions", {}),
        ("/positions", {"user": ANN, "offset": "10001"}),
        ("/positions", {"user": ANN, "sortBy": "BEAUTY"}),
        ("/holders", {}),
        ("/deployed", {"address": "0x12"}),
    ],
)
def test_what_is_wrong_is_400(routes: Routes, path: str, query: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        ask(routes, path, **query)
    assert caught.value.status == 400


def test_a_cursor_is_for_what_it_was_made_for(routes: Routes) -> None:
    cursor = told(routes, "/v2/trades", limit=1)["pagination"]["next_cursor"]
    with pytest.raises(Refused, match="invalid cursor"):
        ask(routes, "/v2/trades", cursor=cursor, side="BUY")


# ---------------------------------------------------------------- markets and sums


def test_holders_value_interest_and_volume(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    yes, no = data(routes, "/v2/holders", condition_id=coin.condition, include_pnl="true")
    assert (yes["token_id"], no["token_id"]) == coin.tokens
    assert [(row["proxy_wallet"], row["amount"]) for row in yes["holders"]] == [(BOB, 40), (EVE, 20)]
    assert yes["holders"][0]["realized_pnl"] == 5
    page = told(routes, "/v2/holders", condition_id=coin.condition, limit=1)
    assert page["pagination"]["has_more"] is True
    rest = told(routes, "/v2/holders", cursor=page["pagination"]["next_cursor"])
    assert rest["data"][0]["holders"][0]["proxy_wallet"] == EVE
    assert len(data(routes, "/v2/holders", condition_id=coin.condition, min_balance="50")) == 1
    assert data(routes, "/v2/value", user=BOB) == {"proxy_wallet": BOB, "value": 30}
    assert data(routes, "/v2/value", user=BOB, condition=world.listings[0].condition)["value"] == 0
    assert data(routes, "/v2/oi") == [{"condition_id": "GLOBAL", "value": 60}]
    assert data(routes, "/v2/live-volume", event_id=coin.event.id) == {
        "taker_volume_total": 80,
        "conditions": [{"condition_id": coin.condition, "taker_volume": 80}],
    }


def test_prices_history(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    world.pass_time(600)
    world.trade(coin, "0.6", "10")
    later = (world.now - 10 * NS_PER_S) // NS_PER_S // 60 * 60
    begin = START_NS // NS_PER_S
    rows = data(routes, "/v2/prices-history", token_id=coin.market.yes, interval="max")
    assert rows == [
        {"timestamp": begin, "price": 0.75, "resolution_seconds": 60},
        {"timestamp": later, "price": 0.6, "resolution_seconds": 60},
    ]
    assert [r["price"] for r in data(routes, "/v2/prices-history", token_id=coin.market.no, interval="1h")] == [
        0.25,
        0.4,
    ]
    assert [r["price"] for r in data(routes, "/v2/prices-history", token_id=coin.market.yes, as_of=begin + 90)] == [
        0.75
    ]
    bucket = data(routes, "/v2/prices-history", token_id=coin.market.yes, interval="1d", bucket_seconds=3600)
    assert [(r["price"], r["resolution_seconds"]) for r in bucket] == [(0.6, 3600)]
    assert data(routes, "/v2/prices-history", token_id=coin.market.yes, start=begin + 3600) == []
    assert data(routes, "/v2/prices-history", token_id="1", interval="max") == []


def test_resolutions_and_tokens(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    assert [row["status"] for row in data(routes, "/v2/resolutions", event_id=coin.event.id)] == ["posed"]
    world.core.resolve(coin, coin.market.no, world.now)
    (row,) = data(routes, "/v2/resolutions", condition=coin.condition)
    assert (row["status"], row["payouts"], row["price"]) == ("resolved", [0, 1_000_000], 0)
    assert data(routes, "/v2/resolutions", question_id=question_id(coin)) == [row]
    yes, no = data(routes, "/v2/tokens", condition=coin.condition)
    assert (yes["module"], yes["outcome_index"], yes["final_price"], no["final_price"]) == ("v1_ctf", 0, 0, 1)
    assert data(routes, "/v2/tokens", token_id=[coin.market.no, "5"]) == [no]
    (launch, _) = data(routes, "/v2/tokens", condition=world.listings[2].condition)
    assert (launch["module"], launch["final_price"]) == ("binary", None)


def test_profit_over_time(world: World, routes: Routes) -> None:
    world.pass_time(5 * 3600)
    told_ = data(routes, "/v2/user-pnl", user=BOB, interval="6h")
    assert (told_["interval"], told_["fidelity"], len(told_["points"])) == ("6h", "1h", 6)
    last = told_["points"][-1]
    assert (last["realized_pnl"], last["unrealized_pnl"], last["trade_count"]) == (5, 10, 2)
    assert (last["fees_paid"], last["volume"], last["volume_usdc"]) == (-1.3125, 80, 45)
    assert data(routes, "/v2/user-pnl", user="0x" + "9" * 40)["points"] == []
    stats = data(routes, "/v2/user-stats", user=BOB)
    assert (stats["trades"], stats["biggest_win"], stats["join_date"]) == (1, 5, START_NS // NS_PER_S)
    assert data(routes, "/v2/user-stats", user="0x" + "9" * 40) is None
    assert data(routes, "/v2/user-volume", user=BOB) == {"volume": 80, "volume_usdc": 45, "trade_count": 2}
    assert data(routes, "/v2/user-volume", user=BOB, end=START_NS // NS_PER_S - 1)["trade_count"] == 0


def test_boards_are_empty_and_every_wallet_is_ready(routes: Routes) -> None:
    for name in ("positions/combos", "activity/combos", "biggest-winners", "builders/leaderboard", "leaderboard"):
        assert told(routes, f"/v2/{name}")["data"] == []
    assert data(routes, "/v2/builders/volume") == []
    assert data(routes, "/v2/leaderboard", user=ANN) is None
    approved = data(routes, "/v2/approvals", user=ANN)
    assert (approved["address"], approved["chain_id"]) == (ANN, 137)
    assert all(contract["approved"] for contract in approved["contracts"])
    assert told(routes, "/deployed", address=ANN, type="WALLET") == {"deployed": True}
    place = Place()
    geoblock = places.routes(place)
    assert decode_geoblock(raw(geoblock, "/geoblock")).blocked is False
    place.blocked = True
    assert decode_geoblock(raw(geoblock, "/api/geoblock")).blocked is True


# ---------------------------------------------------------------- the older version


def test_old_routes(world: World, routes: Routes) -> None:
    coin = world.listings[3]
    (row,) = told(routes, "/positions", user=BOB)
    assert (row["size"], row["avgPrice"], row["initialValue"], row["cashPnl"]) == (40, 0.5, 20, 10)
    assert (row["asset"], row["oppositeAsset"], row["curPrice"]) == (*coin.tokens, 0.75)
    assert told(routes, "/positions", user=BOB, sizeThreshold=41) == []
    assert told(routes, "/positions", user=BOB, redeemable="true") == []
    assert told(routes, "/positions", user=BOB, mergeable="false", market=coin.condition, eventId=coin.event.id)
    assert told(routes, "/positions", user=BOB, offset=1) == []
    (closed,) = told(routes, "/closed-positions", user=ANN)
    assert (closed["realizedPnl"], closed["totalBought"]) == (0, 60), "bought at half a usd, sold for as much"
    assert [row["side"] for row in told(routes, "/trades", market=coin.condition)] == ["SELL", "BUY"]
    assert len(told(routes, "/trades", takerOnly="false", limit=3)) == 3
    assert len(told(routes, "/trades", filterType="CASH", filterAmount=20)) == 1
    rows = told(routes, "/activity", user=BOB)
    assert [(row["type"], row["usdcSize"], row["asset"]) for row in rows] == [
        ("TRADE", 14.7375, coin.market.yes),
        ("TRADE", 31.05, coin.market.yes),
    ]
    assert told(routes, "/activity", user=BOB, sortDirection="ASC") == rows[::-1]
    assert told(routes, "/activity", user=BOB, excludeDepositsWithdrawals="false")[-1]["type"] == "DEPOSIT"
    assert told(routes, "/value", user=BOB) == [{"user": BOB, "value": 30}]
    holders = told(routes, "/holders", market=coin.condition, limit=1)
    assert [(group["token"], len(group["holders"])) for group in holders] == [(token, 1) for token in coin.tokens]
    assert holders[0]["holders"][0]["displayUsernamePublic"] is False
    assert told(routes, "/oi", market=coin.condition) == [{"market": coin.condition, "value": 60}]
    assert told(routes, "/live-volume", id=coin.event.id)[0]["total"] == 80
    assert told(routes, "/traded", user=BOB) == {"user": BOB, "traded": 1}
    assert told(routes, "/v1/positions", user=BOB) == told(routes, "/positions", user=BOB)


# ---------------------------------------------------------------- clients


def test_own_client_reads_both_versions(world: World, routes: Routes) -> None:
    for path in ("/v2/positions", "/positions"):
        page = decode_positions(raw(routes, path, user=BOB))
        (row,) = page.items
        assert (row.size, row.avg_price, row.price, row.value) == (40 * SCALE, 500_000, 750_000, 30 * SCALE)
        assert (row.realized, row.unrealized, row.opposite) == (5 * SCALE, 10 * SCALE, world.listings[3].market.no)
    for path in ("/v2/trades", "/trades"):
        trades = decode_public_trades(raw(routes, path))
        assert ([t.side for t in trades.items], trades.faults) == ([Side.SELL, Side.BUY], ())
    for path in ("/v2/activity", "/activity"):
        deeds = decode_activity(raw(routes, path, user=BOB))
        assert ([deed.usd for deed in deeds.items], deeds.faults) == ([14_737_500, 31_050_000], ())
    for path in ("/v2/value", "/value"):
        assert decode_value(raw(routes, path, user=BOB)) == 30 * SCALE


def test_the_official_models_read_version_2(world: World, routes: Routes) -> None:
    models = pytest.importorskip("polymarket.models.data")
    activity = pytest.importorskip("polymarket.models.data.activity")
    coin, mayors = world.listings[3], world.listings[4:]
    world.core.split(BOB, mayors[0], 5 * SCALE, world.now)
    world.core.convert(BOB, mayors[:1], 2 * SCALE, world.now)
    world.core.merge(BOB, mayors[0], SCALE, world.now)
    world.core.resolve(coin, coin.market.yes, world.now)
    world.pass_time(10)
    positions = models.Position.parse_response_list(
        data(routes, "/v2/positions", user=BOB) + data(routes, "/v2/positions", user=BOB, status="CLOSED")
    )
    assert {str(row.status) for row in positions} == {"OPEN", "CLOSED"}
    assert len(models.Trade.parse_response_list(data(routes, "/v2/trades", taker_only="false"))) == 4
    deeds = activity.parse_activities(
        data(routes, "/v2/activity", user=BOB, sort_direction="ASC", exclude_deposits_withdrawals="false")
    )
    assert [type(deed).__name__ for deed in deeds] == [
        "DepositActivity",
        "TradeActivity",
        "TradeActivity",
        "SplitActivity",
        "ConversionActivity",
        "MergeActivity",
        "RedeemActivity",
    ]
    assert str(models.PortfolioValue.parse_response(data(routes, "/v2/value", user=BOB)).value) != "0"
    assert models.MetaHolder.parse_response_list(data(routes, "/v2/holders", condition=mayors[0].condition))
    assert models.OpenInterest.parse_response_list(data(routes, "/v2/oi"))[0].condition_id is None
    assert models.LiveVolume.parse_response(data(routes, "/v2/live-volume", event_id=coin.event.id)).markets
    points = data(routes, "/v2/prices-history", token_id=coin.market.yes, interval="max")
    assert models.PriceHistoryPoint.parse_response_list(points)
    (resolution,) = models.Resolution.parse_response_list(data(routes, "/v2/resolutions", condition=coin.condition))
    assert [str(amount) for amount in resolution.payouts] == ["1", "0"]
    assert models.Resolution.parse_response_list(data(routes, "/v2/resolutions", event_id=mayors[0].event.id))
    for listing in (coin, world.listings[2], mayors[0]):
        assert (
            len(models.TokenReference.parse_response_list(data(routes, "/v2/tokens", condition=listing.condition))) == 2
        )
    assert models.UserPnlSeries.parse_response(data(routes, "/v2/user-pnl", user=BOB)).points
    assert models.UserStats.parse_response(data(routes, "/v2/user-stats", user=BOB)).traded_market_count > 1
    assert models.UserVolume.parse_response(data(routes, "/v2/user-volume", user=BOB)).trade_count == 2


def test_numbers_are_exact_json_numbers(routes: Routes) -> None:
    text = raw(routes, "/v2/positions", user=BOB).decode()
    assert '"entry_fees_usdc":1.05,' in text
    assert isinstance(json.loads(text)["data"][0]["current_size"], int)
