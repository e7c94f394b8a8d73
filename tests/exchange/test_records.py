"""The Data API of the box: positions, trades, activity, their filters and pages."""

from __future__ import annotations

import pytest

from agbot.exchange.api import Routes
from agbot.exchange.core.model import Refused
from agbot.exchange.reads import records
from agbot.units import NS_PER_S, SCALE
from tests.exchange.reading import ANN, BOB, EVE, START_NS, World, ask, data, told

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
