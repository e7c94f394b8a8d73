"""What belongs to a wallet: positions, orders, allowances, contract calls, the API key."""

from __future__ import annotations

import re

import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.cli import apikey, open_orders, positions
from agbot.errors import ConfigError, NotFoundError, NotRunningError
from agbot.testing.venue_stub import ADDRESS, CONDITION, PRIVATE_KEY, YES, StubKey, StubMarket
from agbot.venue.polymarket.wallets import derive

KEY = StubKey()
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"


# ---------------------------------------------------------------- positions and orders


def holds(stub, wallet, **changes):
    row = {
        "proxy_wallet": wallet,
        "token_id": YES,
        "condition_id": CONDITION,
        "current_size": 12.5,
        "avg_price": 0.4,
        "total_cost_usdc": 5,
        "current_price": 0.5,
        "current_value": 6.25,
        "realized_pnl": 0,
        "unrealized_pnl": 1.25,
        "status": "OPEN",
        "redeemable": False,
        "mergeable": False,
        "negative_risk": False,
        "outcome": "Yes",
        "outcome_index": 0,
        "slug": "will-it-rain",
    }
    stub.sites.positions.append({**row, **changes})


async def test_positions(told, run, stub, signed_in):
    holds(stub, ADDRESS)
    holds(stub, ADDRESS, current_size=0.004, slug="dust")
    holds(stub, ADDRESS, current_size=2, current_value=1.005, realized_pnl=0.333, unrealized_pnl=-0.1)
    found = await told("positions")
    assert found["positions"][0] == {
        "market": "will-it-rain",
        "outcome": "Yes",
        "size": "12.5",
        "average": "0.4",
        "price": "0.5",
        "value": "6.25",
        "unrealised": "1.25",
        "realised": "0",
        "pnl": "1.25",
        "status": "open",
    }
    assert found["total"] == {"value": "7.255", "unrealised": "1.15", "realised": "0.333", "pnl": "1.483"}
    assert [line.split()[-5:-1] for line in (await run("positions")).stdout.splitlines()[2:-1]] == [
        ["6.25", "1.25", "0.00", "1.25"],
        ["1.01", "-0.10", "0.33", "0.23"],
    ]
    assert (await run("positions")).output.splitlines()[-1].split() == ["total", "7.26", "1.15", "0.33", "1.48"]
    assert len((await told("positions", "--all"))["positions"]) == 3
    other = derive(ADDRESS).safe
    assert "no positions" in (await run("positions", "--wallet", other)).output


async def test_a_running_bot_tells_its_own_positions(told, run, monkeypatch, signed_in):
    made = {"unrealised": "0.5", "realised": "0", "fees": "0", "pnl": "0.5"}
    held = {"market": "rain", "outcome": "YES", "size": "10", "average": "0.4", "price": "0.45", "value": "4.5", **made}
    account = {"cash_usd": "96.00", "equity_usd": "100.50", "taken_over_usd": "0.00"}
    nothing = dict.fromkeys(made, "0")
    status = {"positions": [held], "pairs": [], "closed": nothing, **account}
    monkeypatch.setattr(positions, "control", lambda *_: status)
    found = await told("positions")
    assert (found["positions"], found["total"]) == ([held], {"value": "4.5", **made})
    assert (await told("positions", "--venue"))["positions"] == []
    monkeypatch.setattr(positions, "control", lambda *_: {**status, "positions": []})
    assert (await run("positions")).output == "no positions (the bot)\n"


async def test_positions_of_whom(run):
    result = await run("positions", "--venue", code=None)
    assert isinstance(result.exception, ConfigError)
    assert "--wallet" in result.exception.remedy
    result = await run("positions", "--wallet", "0x12", code=None)
    assert result.exception.id == "AGB-131"


async def test_orders_at_the_venue(told, run, stub, signed_in, rest):
    rest("a", YES, "BUY", "0.47", "20", matched="5")
    (row,) = await told("orders")
    assert (row["side"], row["price"], row["size"], row["filled"]) == ("BUY", "0.47", "20", "5")
    assert "0xaaaa…aaaa" in (await run("orders", "--venue", "will-it-rain")).output
    assert "0x" + "a" * 64 in (await run("orders", "--venue", "--wide")).output
    stub.exchange.live.clear()
    assert f"no open orders ({stub.hosts.clob})" in (await run("orders")).output


async def test_orders_of_the_running_bot(told, run, monkeypatch):
    order = {"market": "rain", "client_order_id": "q-1", "market_id": "0xm", "side": "BUY", "price": "0.5"}
    monkeypatch.setattr(open_orders, "control", lambda *_: {"open_orders": [order], "markets": ["rain", "other"]})
    for words in ((), ("rain",), ("0xm",)):
        assert await told("orders", *words) == [order]
    assert await told("orders", "other") == []
    result = await run("orders", "moon", code=None)
    assert isinstance(result.exception, NotFoundError)
    assert "it trades rain, other" in result.exception.remedy


@pytest.fixture
def nobody(monkeypatch):
    """Let no bot run."""

    def control(*_):
        raise NotRunningError("no bot", id="AGB-501", remedy="start one: agbot run")

    for module in (open_orders, positions):
        monkeypatch.setattr(module, "control", control)


@pytest.mark.parametrize("command", ["orders", "positions"])
async def test_neither_a_bot_nor_keys(command, run, nobody):
    result = await run(command, code=None)
    assert isinstance(result.exception, NotRunningError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-501", 3)
    for way in ("agbot run", "keys", "agbot doctor"):
        assert way in result.exception.remedy


async def test_orders_need_whole_keys_without_a_bot(run, nobody, monkeypatch):
    result = await run("orders", "--venue", code=None)
    assert (result.exception.id, result.exception.reason[:11]) == ("AGB-135", "your orders")
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY)
    result = await run("orders", code=None)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == "AGB-135"
    assert result.exception.reason.startswith("no bot runs, and your orders")


async def test_a_signer_process_is_a_key(run, nobody, config):
    config.write_text(config.read_text() + "\nlive: {signer: /nowhere/signer.sock}\n")
    for command, missing in (("orders", "AGB-135"), ("positions", "AGB-454")):
        assert (await run(command, code=None)).exception.id == missing


# ---------------------------------------------------------------- allowances and calls


async def test_allowances(told, signed_in):
    found = await told("allowances")
    assert found["calls"] == []
    assert found["money"] == "1000.00 pUSD"
    assert [(row["what"], row["spender"], row["may_take"]) for row in found["spenders"]] == [
        ("pUSD", "exchange_v2", "unlimited"),
        ("pUSD", "neg_risk_exchange_v2", "unlimited"),
        ("shares", "exchange_v2", "unlimited"),
        ("shares", "neg_risk_exchange_v2", "unlimited"),
    ]


async def test_missing_allowances_show_their_calls(told, run, stub, signed_in):
    stub.exchange.allowances = {EXCHANGE: 0, **dict.fromkeys(list(stub.exchange.allowances)[1:], 10**30)}
    found = await told("allowances", "--refresh", code=1)
    assert [call["function"] for call in found["calls"]] == ["approve", "setApprovalForAll"]
    assert found["calls"][0]["data"].startswith("0x095ea7b3")
    assert found["calls"][0]["arguments"]["spender"] == EXCHANGE
    assert len(stub.asked("GET", "/balance-allowance/update")) == 1
    text = (await run("allowances", code=1)).output
    assert "nothing was sent" in text
    assert "it needs POL for gas" in text


async def test_every_approval_needs_no_network(told, stub):
    found = await told("allowances", "--all")
    assert len(found["calls"]) > 10
    assert stub.requests == []


@pytest.mark.parametrize(
    ("command", "function", "selector"),
    [
        (("split", "will-it-rain", "25"), "splitPosition", "0x72ce4275"),
        (("merge", "will-it-rain", "25"), "mergePositions", "0x9e7212ad"),
        (("redeem", "will-it-rain"), "redeemPositions", "0x01b7037c"),
    ],
    ids=["split", "merge", "redeem"],
)
@pytest.mark.parametrize("neg_risk", [False, True])
async def test_calls(told, run, stub, command, function, selector, neg_risk):
    stub.add_market(StubMarket(neg_risk=neg_risk))
    shown = await told(*command, "--dry-run")
    (call,) = shown["calls"]
    assert (call["function"], call["data"][:10]) == (function, selector)
    assert call["contract"] == ("neg_risk_ctf_adapter" if neg_risk else "ctf_adapter")
    assert call["arguments"]["conditionId"] == CONDITION
    assert shown["sender"] == "the wallet that holds the money and the shares"
    text = (await run(*command, "--dry-run")).output
    assert call["data"] in text
    assert text.rstrip().endswith("nothing was sent")
    assert {received.method for received in stub.requests} == {"GET"}


async def test_only_a_redemption_before_the_end_is_warned_of(told, stub):
    assert "not resolved" in (await told("redeem", "will-it-rain", "--dry-run"))["careful"]
    assert "careful" not in await told("split", "will-it-rain", "2", "--dry-run")
    stub.add_market(StubMarket(closed=True))
    assert "careful" not in await told("redeem", "will-it-rain", "--dry-run")


async def test_calls_of_version_3(told, stub, signed_in):
    condition = "0x01" + "ab" * 30 + "00"
    stub.add_market(StubMarket(condition=condition, yes="11", no="12", slug="new", version="v2", gamma_id="7"))
    holds(stub, ADDRESS, condition_id=condition, token_id="12", outcome_index=1, current_size=3)
    (call,) = (await told("redeem", "new", "--dry-run"))["calls"]
    assert call["contract"] == "router"
    assert call["arguments"] == {"conditionId": condition[:-2], "outcomeIndex": "1", "amount": "3000000"}
    (call,) = (await told("split", "new", "2", "--dry-run"))["calls"]
    assert call["data"][:10] == "0x82d3b9f1"
    (call,) = (await told("merge", "new", "2", "--dry-run"))["calls"]
    assert call["data"][:10] == "0x5b63685e"


async def test_who_must_send_it(told, stub, signed_in, monkeypatch):
    holds(stub, derive(ADDRESS).safe)
    monkeypatch.setenv("POLYMARKET_FUNDER", derive(ADDRESS).safe)
    shown = await told("redeem", "will-it-rain", "--dry-run")
    assert shown["held"] == "12.50 Yes"
    assert shown["sender"].startswith(f"the safe wallet {derive(ADDRESS).safe}, through polymarket.com")


@pytest.mark.parametrize("command", [("split", "x", "1"), ("merge", "x", "1"), ("redeem", "x")], ids=lambda c: c[0])
async def test_nothing_is_ever_sent(run, stub, command):
    result = await run(*command, code=2)
    assert "add --dry-run" in result.output
    assert stub.requests == []


@pytest.mark.parametrize("amount", ["0", "-1", "lots", "1e400", "0.0000001"])
async def test_impossible_amounts(run, amount):
    await run("split", "will-it-rain", "--dry-run", "--", amount, code=2)


# ---------------------------------------------------------------- the API key


async def test_apikey_is_derived_and_printed_on_request(config, stub, monkeypatch):
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY)

    def call():
        return CliRunner().invoke(cli.cli, ["apikey", "--print", "--config", str(config)])

    result = await trio.to_thread.run_sync(call)
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines() == [
        f"export POLYMARKET_API_KEY={KEY.key}",
        f"export POLYMARKET_SECRET={KEY.secret}",
        f"export POLYMARKET_PASSPHRASE={KEY.passphrase}",
    ]


async def test_apikey_goes_to_the_keyring(run, stub, monkeypatch):
    kept = {}
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY)
    monkeypatch.setattr(apikey, "keyring_there", lambda: True)
    monkeypatch.setattr(apikey, "keep", kept.__setitem__)
    assert "POLYMARKET_SECRET: stored" in (await run("apikey")).output
    assert list(kept.values()) == [KEY.key, KEY.secret, KEY.passphrase]


async def test_apikey_without_a_keyring(run, monkeypatch):
    monkeypatch.setattr(apikey, "keyring_there", lambda: False)
    result = await run("apikey", code=None)
    assert result.exception.id == "AGB-452"
    assert re.search(r'^eval "\$\(agbot apikey --print --config \S+\)" puts it', result.exception.remedy)


async def test_apikey_with_a_keyring_that_takes_nothing_says_how_else(run, stub, monkeypatch):
    def refused(name, _value):
        raise ConfigError("the keyring does not take it", id="AGB-452", key=name)

    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY)
    monkeypatch.setattr(apikey, "keyring_there", lambda: True)
    monkeypatch.setattr(apikey, "keep", refused)
    result = await run("apikey", code=None)
    assert result.exception.remedy.startswith('eval "$(agbot apikey --print')
