"""The Data API of the box: markets, sums, the older version; read by our client and by the official models."""

from __future__ import annotations

import json

import pytest

from agbot.exchange.api import Routes
from agbot.exchange.reads.gamma_json import question_id
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wire.account import decode_activity, decode_positions, decode_public_trades, decode_value
from agbot.venue.polymarket.wire.public import decode_geoblock
from tests.exchange.reading import ANN, BOB, EVE, START_NS, World, data, raw, told

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
    assert decode_geoblock(raw(routes, "/geoblock")).blocked is False
    assert decode_geoblock(raw(routes, "/api/geoblock")).blocked is False


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
