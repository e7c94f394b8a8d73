"""What the CLOB tells everybody."""

from __future__ import annotations

from typing import Any

import pytest

from agbot.exchange.api import error
from agbot.exchange.clob.wire import book_hash
from agbot.exchange.core.model import Event, Listing, Move, Moved
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from tests.exchange.clob_desk import KEYS, START_S, Desk, Trader, listing_at

NO_BOOK = error(404, "No orderbook exists for the requested token id")


@pytest.fixture
def desk() -> Desk:
    desk = Desk(
        listing_at(1, fee_rate=50_000, rewards_daily_usd=100_000_000, min_size=5_000_000),
        listing_at(2, neg_risk=True, tick=100, taker_delay_ns=150_000_000),
        limits=False,
    )
    maker = Trader(desk)
    maker.placed("BUY", "0.40", "100")
    maker.placed("BUY", "0.45", "50.5")
    maker.placed("BUY", "0.48", "20", token=desk.no)  # an ask of YES at 0.52
    return desk


def test_health_time_and_version(desk: Desk) -> None:
    assert desk.get("/ok").json == "OK"
    assert desk.get("/time").json == START_S
    assert desk.get("/version").json == {"version": 2}


def test_books_of_both_tokens(desk: Desk) -> None:
    book = desk.get("/book", token_id=desk.yes).json
    assert book["bids"] == [{"price": "0.4", "size": "100"}, {"price": "0.45", "size": "50.5"}]
    assert book["asks"] == [{"price": "0.52", "size": "20"}]
    assert book["hash"] == book_hash(book | {"hash": ""})
    assert (book["timestamp"], book["min_order_size"], book["tick_size"]) == (f"{START_S}000", "5", "0.01")
    mirrored = desk.get("/book", token_id=desk.no).json
    assert mirrored["bids"] == [{"price": "0.48", "size": "20"}]
    assert mirrored["asks"] == [{"price": "0.6", "size": "100"}, {"price": "0.55", "size": "50.5"}]
    both = desk.post("/books", [{"token_id": desk.no}, {"token_id": "99"}, {"token_id": desk.yes}]).json
    assert [b["asset_id"] for b in both] == [desk.no, desk.yes]
    for missing in ("", "99", "junk"):
        assert desk.get("/book", token_id=missing) == NO_BOOK


def test_prices(desk: Desk) -> None:
    yes, no = desk.listing.tokens
    assert desk.get("/price", token_id=yes, side="BUY").json == {"price": "0.45"}
    assert desk.get("/price", token_id=yes, side="SELL").json == {"price": "0.52"}
    assert desk.get("/price", token_id=no, side="BUY").json == {"price": "0.48"}
    assert desk.get("/price", token_id=yes, side="up") == error(400, "Invalid side")
    assert desk.get("/price", token_id="9", side="BUY") == NO_BOOK
    assert desk.get("/midpoint", token_id=yes).json == {"mid": "0.485"}
    assert desk.get("/midpoint", token_id=no).json == {"mid": "0.515"}
    assert desk.get("/spread", token_id=yes).json == {"spread": "0.07"}
    asked = [{"token_id": yes, "side": "BUY"}, {"token_id": yes, "side": "SELL"}, {"token_id": "9", "side": "BUY"}]
    assert desk.post("/prices", asked).json == {yes: {"BUY": "0.45", "SELL": "0.52"}}
    assert desk.post("/prices", [{"token_id": no}]).json == {no: {"BUY": "0.48", "SELL": "0.55"}}
    assert desk.post("/prices", [{"token_id": no, "side": "x"}]) == error(400, "Invalid side")
    assert desk.post("/midpoints", asked).json == {yes: "0.485"}
    assert desk.post("/spreads", asked).json == {yes: "0.07"}


def test_a_book_with_an_empty_side_has_no_middle(desk: Desk) -> None:
    empty = desk.core.listings[listing_at(2).condition].market.yes
    assert desk.get("/book", token_id=empty).json["bids"] == []
    for path in ("/midpoint", "/spread"):
        assert desk.get(path, token_id=empty) == NO_BOOK
    assert desk.post("/midpoints", [{"token_id": empty}]).json == {}
    assert desk.post("/prices", [{"token_id": empty, "side": "BUY"}]).json == {}


def test_last_trades(desk: Desk) -> None:
    yes, no = desk.listing.tokens
    assert desk.get("/last-trade-price", token_id=yes).json == {"price": "0.5", "side": ""}
    Trader(desk, KEYS[1]).placed("BUY", "0.52", "10")
    assert desk.get("/last-trade-price", token_id=yes).json == {"price": "0.52", "side": "BUY"}
    assert desk.get("/last-trade-price", token_id=no).json == {"price": "0.48", "side": "SELL"}
    both = [{"token_id": yes, "price": "0.52", "side": "BUY"}, {"token_id": no, "price": "0.48", "side": "SELL"}]
    assert desk.post("/last-trades-prices", [{"token_id": t} for t in (yes, no, "9")]).json == both
    assert desk.get("/last-trades-prices", token_ids=f"{yes},{no}").json == both
    assert desk.get("/book", token_id=no).json["last_trade_price"] == "0.52"


@pytest.mark.parametrize("path", ["/books", "/prices", "/midpoints", "/spreads", "/last-trades-prices"])
def test_lists_are_bounded_and_well_formed(desk: Desk, path: str) -> None:
    assert desk.post(path, [{"token_id": "1"}] * 501).status == 400
    assert desk.post(path, [{"token_id": "1"}] * 500).status == 200
    for junk in ({}, [1], [{"token_id": 1}], None, "x", [{}]):
        assert desk.post(path, junk).status == 400


@pytest.mark.parametrize("form", ["query", "path"])
def test_terms_of_a_token(desk: Desk, form: str) -> None:
    def ask(path: str, token: str) -> Any:
        return (desk.get(path, token_id=token) if form == "query" else desk.get(f"{path}/{token}")).json

    second = desk.core.listings[listing_at(2).condition].market.no
    assert ask("/tick-size", desk.yes) == {"minimum_tick_size": 0.01}
    assert ask("/tick-size", second) == {"minimum_tick_size": 0.0001}
    assert ask("/neg-risk", desk.yes) == {"neg_risk": False}
    assert ask("/neg-risk", second) == {"neg_risk": True}
    assert ask("/fee-rate", desk.yes) == {"base_fee": 1000}
    assert ask("/fee-rate", second) == {"base_fee": 0}
    assert ask("/tick-size", "99") == {"error": "market not found"}
    assert ask("/tick-size", "x") == {"error": "Invalid token id"}


def test_markets(desk: Desk) -> None:
    first, second = desk.core.listings.values()
    found = desk.get(f"/markets-by-token/{desk.no}").json
    assert (found["condition_id"], found["primary_token_id"]) == (first.condition, desk.yes)
    assert desk.get("/markets-by-token/99").status == 404
    info = desk.get(f"/clob-markets/{first.condition}").json
    assert info["t"] == [{"t": desk.yes, "o": "Yes"}, {"t": desk.no, "o": "No"}]
    assert (info["mts"], info["mos"], info["fd"]) == (0.01, 5, {"r": 0.05, "e": 1, "to": True})
    assert "nr" not in info
    other = desk.get(f"/clob-markets/{second.condition}").json
    assert (other["nr"], other["mts"], other["itode"], other["v"], "fd" in other) == (True, 0.0001, True, "v1", False)
    assert desk.get("/clob-markets/0x12") == error(404, "market not found")
    record = desk.get(f"/markets/{first.condition}").json
    assert [token["price"] for token in record["tokens"]] == [0.485, 0.515]
    assert (record["closed"], record["accepting_orders"], record["minimum_tick_size"]) == (False, True, 0.01)
    assert desk.get("/markets").json["count"] == 2
    assert desk.get("/simplified-markets").json["data"][0]["tokens"] == record["tokens"]
    assert [m["condition_id"] for m in desk.get("/sampling-markets").json["data"]] == [first.condition]
    assert desk.get("/sampling-simplified-markets").json["next_cursor"] == "LTE="


def test_a_resolved_market_has_no_book_and_a_winner(desk: Desk) -> None:
    desk.core.resolve(desk.listing, desk.no, desk.now_ns)
    assert desk.get("/book", token_id=desk.yes) == NO_BOOK
    assert desk.post("/books", [{"token_id": desk.yes}]).json == []
    tokens = desk.get(f"/markets/{desk.listing.condition}").json["tokens"]
    assert [(t["winner"], t["price"]) for t in tokens] == [(False, 0), (True, 1)]
    assert desk.get("/rewards/markets/current").json["data"] == []
    assert desk.get("/prices-history", market=desk.no, interval="max").json["history"][-1]["p"] == 1


def test_prices_before(desk: Desk) -> None:
    trader = Trader(desk, KEYS[1])
    for _ in range(3):
        desk.wait(60)
        trader.placed("BUY", "0.52", "2", order_type="FAK", amounts=("1.04", "2"))
    history = desk.get("/prices-history", market=desk.yes, interval="1h", fidelity=1).json["history"]
    assert [point["p"] for point in history][1:] == [0.485] * 3
    assert [point["t"] for point in history] == [START_S + 60 * n for n in range(4)]
    desk.wait(60)
    assert desk.get("/prices-history", market=desk.yes, interval="1h").json["history"][-1]["t"] == START_S + 240
    mirrored = desk.get("/prices-history", market=desk.no, interval="max", fidelity=60).json["history"]
    assert [point["p"] for point in mirrored] == [0.515]
    part = desk.get("/prices-history", market=desk.yes, startTs=START_S + 60, endTs=START_S + 120).json["history"]
    assert len(part) == 2
    body = {"markets": [desk.yes, "9"], "interval": "1d"}
    both = desk.post("/batch-prices-history", body).json["history"]
    assert (len(both[desk.yes]), both["9"]) == (5, [])
    assert desk.post("/batch-prices-history", {"markets": ["1"] * 21}).status == 400
    for bad in ({"interval": "2y"}, {"fidelity": "x"}, {"startTs": "soon"}, {"market": ""}):
        assert desk.get("/prices-history", **{"market": desk.yes} | bad).status == 400
    for junk in (None, [], {"markets": "1"}, {"markets": [1]}):
        assert desk.post("/batch-prices-history", junk).status == 400


def test_rewards_are_the_pools_that_are_configured(desk: Desk) -> None:
    rows = desk.get("/rewards/markets/current").json["data"]
    assert [(row["condition_id"], row["total_daily_rate"]) for row in rows] == [(desk.listing.condition, 100)]
    assert rows[0]["rewards_config"][0]["rate_per_day"] == 100
    assert desk.get(f"/rewards/markets/{desk.listing.condition}").json["count"] == 1
    assert desk.get(f"/rewards/markets/{listing_at(2).condition}").json["count"] == 0
    assert desk.get("/rewards/markets/multi", page_size=5).json["limit"] == 5
    assert desk.get("/rewards/markets/multi", q="nothing").json["count"] == 0


def test_rebates_are_those_that_were_paid(desk: Desk) -> None:
    wallet = Trader(desk).address
    assert desk.get("/rebates/current", date="2026-09-21", maker_address=wallet).json == []
    for usd in (1_500_000, 250_000):
        desk.clob.hear(Moved(kind=Move.MAKER_REBATE, wallet=wallet, usd=usd, ts_ns=desk.now_ns))
    [row] = desk.get("/rebates/current", date="2026-09-21", maker_address=wallet.lower()).json
    assert (row["maker_address"], row["rebated_fees_usdc"]) == (wallet, "1.75")
    assert desk.get("/rebates/current", date="2026-09-22", maker_address=wallet).json == []


def test_builders(desk: Desk) -> None:
    assert desk.get("/fees/builder-fees/0x00").status == 404


def test_pages_of_many_markets() -> None:
    desk = Desk(*(listing_at(n) for n in range(1, 1202)))
    first = desk.get("/markets").json
    second = desk.get("/markets", next_cursor=first["next_cursor"]).json
    assert (first["count"], second["count"], second["next_cursor"]) == (1000, 201, "LTE=")


def test_a_market_of_another_outcome() -> None:
    market = Market(id=MarketId("0x" + "1" * 64), yes=TokenId("11"), no=TokenId("12"), exchange_version=3)
    listing = Listing(market=market, gamma_id="1", event=Event(id="1", slug="e", title="E"), outcomes=("Up", "Down"))
    desk = Desk(listing)
    info = desk.get(f"/clob-markets/{listing.condition}").json
    assert ([t["o"] for t in info["t"]], info["v"]) == (["Up", "Down"], "v2")
