"""What anybody may read: markets, books, trades; and a venue that cannot be reached."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.cli import access
from agbot.errors import AgbotError, ConfigError, NotFoundError
from agbot.testing.venue_stub import ADDRESS, CONDITION, NO, YES, StubKey, StubMarket

KEY = StubKey()

# ---------------------------------------------------------------- markets


async def test_search(run, told):
    assert await told("markets", "search", "rain") == [
        {
            "slug": "will-it-rain",
            "question": "Will it rain?",
            "price": "0.5",
            "volume_24h": "1234.50",
            "ends": "2030-01-01",
        }
    ]
    text = (await run("markets", "search", "rain")).output.splitlines()
    assert text[0].split() == ["slug", "question", "price", "volume_24h", "ends"]
    assert text[2].startswith("will-it-rain  Will it rain?")


async def test_what_a_venue_writes_cannot_harm_a_terminal(run, stub):
    stub.add_market(StubMarket(question="Rain?\x1b[2J\x07", slug="will-it-rain", gamma={"description": "\x1b]0;x"}))
    for words in (("markets", "search", "rain"), ("markets", "show", "will-it-rain"), ("book", "will-it-rain")):
        told = (await run(*words)).output
        assert told.replace("\n", "").isprintable()


async def test_search_finds_nothing(run):
    assert "no market matches 'moon cheese'" in (await run("markets", "search", "moon", "cheese")).output


async def test_closed_markets_are_left_out(told, stub):
    stub.add_market(StubMarket(condition="0x" + "ab" * 32, yes="11", no="12", slug="rain-over", closed=True))
    assert [row["slug"] for row in await told("markets", "search", "rain")] == ["will-it-rain"]
    both = await told("markets", "search", "rain", "--closed")
    assert {row["slug"] for row in both} == {"will-it-rain", "rain-over"}


@pytest.mark.parametrize("name", ["will-it-rain", CONDITION, YES, NO])
async def test_show(told, name):
    terms = await told("markets", "show", name)
    assert terms["condition"] == CONDITION
    assert (terms["token_yes"], terms["token_no"]) == (YES, NO)
    assert (terms["tick"], terms["least"], terms["orders"]) == ("0.01", "5 shares", "taken")
    assert terms["taker_fee"] == "0.05 x (p(1-p)) a share: 1.25 usd for 100 at 0.5; makers none"
    assert terms["resolution"] == "It rains when it rains."
    assert terms["ends"] == "2030-01-01 00:00:00 UTC"


async def test_show_as_text(run):
    lines = (await run("markets", "show", "will-it-rain")).output.splitlines()
    assert lines[0] == "market       will-it-rain"
    assert any(line.startswith("taker fee    0.05 x") for line in lines)


async def test_an_unknown_market(run):
    result = await run("markets", "show", "will-it-rian", code=None)
    assert isinstance(result.exception, NotFoundError | ConfigError)
    assert result.exception.id == "AGB-414"


# ---------------------------------------------------------------- book


async def test_book(run):
    lines = (await run("book", "will-it-rain")).stdout.splitlines()
    assert lines[0].startswith("will-it-rain YES  tick 0.01  last 0.5  20")
    assert lines[2:] == [
        "side  price    size   total",
        "----  -----  ------  ------",
        "ask    0.52  100.00  100.00",
        "      spread 0.04, middle 0.5",
        "bid    0.48  100.00  100.00",
        "bid    0.47   50.50  150.50",
    ]


async def test_book_of_no_and_its_depth(told):
    book = await told("book", "will-it-rain", "--no", "--depth", 1)
    assert (book["outcome"], book["token"]) == ("NO", NO)
    assert [level["price"] for level in book["bids"]] == ["0.48"]
    assert [level["price"] for level in book["asks"]] == ["0.52"]


async def test_book_with_own_orders(told, signed_in, rest):
    rest("a", YES, "BUY", "0.47", "20", matched="5")
    rest("b", NO, "BUY", "0.48", "7")  # an ask of YES at 0.52
    book = await told("book", "will-it-rain")
    assert {level["price"]: level["own"] for level in book["bids"]} == {"0.48": "0", "0.47": "15"}
    assert {level["price"]: level["own"] for level in book["asks"]} == {"0.52": "7"}


async def test_a_malformed_key_does_not_hide_public_things(run, monkeypatch):
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", "oops")
    result = await run("book", "will-it-rain")
    assert "AGB-130" in result.stderr
    assert "going on without credentials" in result.stderr
    assert "0.52" in result.stdout


# ---------------------------------------------------------------- trades


def traded(stub, name, **changes):
    maker = {
        "order_id": "0x" + "c" * 64,
        "owner": "somebody",
        "maker_address": "0x000000000000000000000000000000000000dEaD",
        "matched_amount": "10",
        "price": "0.48",
        "fee_rate_bps": "",
        "asset_id": NO,
        "outcome": "No",
        "side": "BUY",
    }
    trade = {
        "id": name,
        "taker_order_id": "0x" + "d" * 64,
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "size": "10",
        "fee_rate_bps": "0",
        "price": "0.52",
        "status": "CONFIRMED",
        "match_time": "1790000000",
        "last_update": "1790000001",
        "outcome": "Yes",
        "bucket_index": 0,
        "owner": KEY.key,
        "maker_address": ADDRESS,
        "transaction_hash": "0x" + "e" * 64,
        "trader_side": "TAKER",
        "maker_orders": [maker],
        "type": "TRADE",
    }
    stub.exchange.trades.append({**trade, **changes})
    return maker


async def test_own_trades_as_taker_and_as_maker(told, run, stub, signed_in):
    maker = traded(stub, "t1")
    other = {"owner": "somebody", "maker_address": "0x000000000000000000000000000000000000dEaD"}
    mine = {**maker, "owner": KEY.key, "maker_address": ADDRESS, "matched_amount": "4"}
    traded(stub, "t2", **other, trader_side="MAKER", maker_orders=[maker, mine], match_time="1790000100")
    rows = await told("trades", "will-it-rain")
    shown = [(r["trade"], r["role"], r["outcome"], r["side"], r["price"], r["size"], r["usd"]) for r in rows]
    assert shown == [
        ("t2", "maker", "No", "BUY", "0.48", "4", "1.92"),
        ("t1", "taker", "Yes", "BUY", "0.52", "10", "5.20"),
    ]
    assert "2026-09-21 14:15:00" in (await run("trades")).output


async def test_own_trades_of_nobody(run):
    result = await run("trades", code=None)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == "AGB-454"


async def test_public_trades(told, stub):
    stub.sites.trades.append(
        {
            "proxy_wallet": ADDRESS,
            "token_id": YES,
            "condition_id": CONDITION,
            "side": "SELL",
            "size": 3,
            "price": 0.5,
            "timestamp": 1_790_000_000,
            "transaction_hash": "0xab",
            "slug": "will-it-rain",
            "outcome": "Yes",
        }
    )
    rows = await told("trades", "will-it-rain")
    assert [(r["market"], r["side"], r["price"], r["size"]) for r in rows] == [("will-it-rain", "SELL", "0.5", "3")]


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("command", [("markets", "search", "x"), ("book", "x"), ("trades", "x")], ids=lambda c: c[0])
def test_an_unreachable_venue_is_named(command, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "polymarket:\n  clob: http://127.0.0.1:9\n  gamma: http://127.0.0.1:9\n  data: http://127.0.0.1:9\n"
    )
    result = CliRunner().invoke(cli.cli, [*command, "--config", str(path)])
    assert isinstance(result.exception, AgbotError)
    assert result.exception.exit_code == 1
    assert result.exception.id.startswith("AGB-4")
    assert "127.0.0.1:9" in str(result.exception)


async def test_a_venue_that_never_answers(run, stub, monkeypatch):
    monkeypatch.setattr(access, "DEADLINE_S", 0.2)
    stub.hold("GET", "/gamma/markets/keyset", times=None)
    stub.hold("GET", "/gamma/markets/slug/*", times=None)
    result = await run("book", "will-it-rain", code=None)
    assert result.exception.id == "AGB-453"
    assert stub.hosts.gamma in str(result.exception)
