"""agbot buy and sell: shown first; what is sent is what was shown; real money asks once more."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import cli, confirm, orders
from agbot.errors import ConfigError, NotRunningError, RiskRejected

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SHOWN = {
    "ok": True,
    "mode": "DEMO",
    "market": "rain",
    "question": "Will it rain?",
    "outcome": "YES",
    "side": "BUY",
    "type": "LIMIT",
    "tif": "GTC",
    "post_only": False,
    "price": "0.45",
    "size": "10",
    "shares": "10",
    "best_bid": "0.44",
    "best_ask": None,
    "takes_shares": "0",
    "takes_usd": "0.00",
    "fee_usd": "0",
    "worst_usd": "4.50",
    "worst_fee_usd": "0.0123",
    "end_ns": 1_893_456_000 * 10**9,
    "warnings": ["it ends in 3.0 h: near resolution prices jump"],
    "cash_usd": "1000.00",
    "denied": [],
}
LIVE = {**SHOWN, "mode": "LIVE", "wallet": WALLET, "max_order_usd": "5.00", "max_day_usd": "25.00"}


class Bot:
    """A running bot as `control` sees it; `shown` is what its preview says."""

    def __init__(self):
        self.shown = SHOWN
        self.requests = []

    def __call__(self, profile, directory, request, timeout_s):
        self.requests.append(request)
        return dict(self.shown if request["op"] == "preview" else {"ok": True, "order_id": "o1", "status": "OPEN"})

    @property
    def sent(self):
        return [request for request in self.requests if request["op"] == "order"]


@pytest.fixture
def bot(monkeypatch):
    bot = Bot()
    monkeypatch.setattr(orders, "control", bot)
    return bot


def ask(*args, side="buy", **changes):
    return CliRunner().invoke(cli, [side, "rain", "YES", "10", *args], **changes)


def test_without_send_it_is_only_shown(bot):
    result = ask("0.45")
    assert result.output.splitlines() == [
        "order      BUY 10 YES at 0.45, GTC, in rain",
        "market     Will it rain?",
        "book       bid 0.44, ask -",
        "takes now  nothing: it rests",
        "at worst   costs 4.50 usd, no fee: a maker pays none",
        "ends       2030-01-01 00:00 UTC",
        "cash       1000.00 usd",
        "careful    it ends in 3.0 h: near resolution prices jump",
        "gate       would let it pass",
        "DEMO, not sent; --send sends it",
    ]
    assert bot.sent == []


def test_what_is_shown_as_json_says_that_it_was_not_sent(bot):
    shown = {name: value for name, value in SHOWN.items() if name != "ok"}
    assert json.loads(ask("0.45", "--json").output) == {**shown, "sent": False}
    assert bot.sent == []


@pytest.mark.parametrize(
    ("args", "sent"),
    [
        (["0.45"], {"type": "LIMIT", "tif": "GTC", "post_only": False}),
        (["0.45", "--post-only"], {"type": "LIMIT", "post_only": True}),
        (["0.45", "--tif", "FOK"], {"type": "LIMIT", "tif": "FOK"}),
        (["0.45", "--market-order"], {"type": "MARKET", "tif": "FAK"}),
        (["0.45", "--market-order", "--tif", "FOK"], {"type": "MARKET", "tif": "FOK"}),
        (["--market-order"], {"type": "MARKET", "tif": "FAK"}),
        (["--market-order", "--slippage", "0.05"], {"type": "MARKET", "slippage": "0.05"}),
    ],
)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_is_sent_is_what_was_shown(side, args, sent, bot):
    result = ask(*args, "--send", side=side)
    assert result.output == "order_id o1, status OPEN\n"
    shown, order = bot.requests
    wanted = {"market": "rain", "outcome": "yes", "size": "10", "side": side.upper(), **sent}
    assert {**shown, **wanted, "op": "preview"} == shown
    assert {**order, **wanted, "op": "order", "price": "0.45"} == order
    assert ("price" in shown) is ("0.45" in args)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "name a PRICE, or give --market-order"),
        (["0.45", "--slippage", "0.01"], "only for --market-order without PRICE"),
        (["0.45", "--market-order", "--slippage", "0.01"], "only for --market-order without PRICE"),
    ],
)
def test_options_that_would_do_nothing_are_refused(args, said, bot):
    result = ask(*args)
    assert (result.exit_code, said in result.output) == (2, True)
    assert bot.requests == []


def test_the_gates_no_is_left_to_the_gate_when_money_is_not_real(bot):
    figure = {"rule": "BuyingPower", "figure": "4.50 usd", "limit": "1.00 usd free"}
    bot.shown = {**SHOWN, "denied": ["BuyingPower"], "figures": [figure]}
    lines = ask("0.45").output.splitlines()
    at = next(at for at, line in enumerate(lines) if line.endswith("would deny it: BuyingPower"))
    assert lines[at + 1].strip() == "BuyingPower: 4.50 usd; 1.00 usd free"
    ask("0.45", "--send")
    assert len(bot.sent) == 1


def test_real_money_that_the_gate_would_deny_is_not_even_asked_about(bot):
    figure = {"rule": "DayCap", "figure": "27.00 usd, 22.50 usd without it", "limit": "at most 25 usd traded"}
    bot.shown = {**LIVE, "denied": ["DayCap"], "figures": [figure]}
    result = ask("0.45", "--send", "--confirm", WALLET)
    assert "DayCap: 27.00 usd, 22.50 usd without it; at most 25 usd traded" in result.stderr
    assert isinstance(result.exception, RiskRejected)
    assert bot.sent == []


@pytest.mark.parametrize("given", [WALLET, WALLET.lower(), WALLET.upper().replace("0X", "0x")])
def test_without_a_terminal_the_whole_wallet_confirms(given, bot):
    bot.shown = LIVE
    result = ask("0.45", "--send", "--confirm", given)
    assert result.exit_code == 0, result.output
    assert len(bot.sent) == 1
    assert f"wallet     {WALLET}" in result.stderr
    assert "caps       5.00 usd an order, 25.00 usd a day (UTC)" in result.stderr


@pytest.mark.parametrize("args", [(), ("--confirm", WALLET[:8]), ("--confirm", ""), ("--confirm", "0x" + "0" * 40)])
def test_anything_less_sends_nothing(args, bot):
    bot.shown = LIVE
    result = ask("0.45", "--send", *args)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == "AGB-142"
    assert bot.sent == []


@pytest.mark.parametrize(
    ("typed", "sends"), [("0xf39F\n", True), (" 0XF39f \n", True), ("0xf39\n", False), ("\n", False), ("yes\n", False)]
)
def test_on_a_terminal_the_wallets_beginning_is_typed(typed, sends, bot, monkeypatch):
    bot.shown = LIVE
    monkeypatch.setattr(confirm, "on_a_terminal", lambda: True)
    result = ask("0.45", "--send", input=typed)
    assert len(bot.sent) == sends
    assert f"REAL MONEY of the wallet {WALLET}" in result.stderr
    assert "balance   1000.00 usd" in result.stderr
    assert (result.exit_code == 0) is sends


def test_no_bot_and_no_configuration_is_said(monkeypatch):
    def control(*_args, **_kwargs):
        raise NotRunningError("no bot", id="AGB-501")

    monkeypatch.setattr(orders, "control", control)
    result = ask("0.45")
    assert isinstance(result.exception, NotRunningError)
    assert "--config" in result.exception.remedy


def test_a_time_in_force_that_is_none_is_refused_before_anything_is_asked(bot):
    result = CliRunner().invoke(cli, ["buy", "rain", "yes", "10", "0.45", "--tif", "GTD"])
    assert result.exit_code == 2
    assert "not one of" in result.output
    assert bot.requests == []


def test_a_cancel_with_no_bot_says_how_orders_at_the_venue_are_reached(monkeypatch, tmp_path):
    monkeypatch.setattr("agbot.cli.alone.has_credentials", lambda: False)
    result = CliRunner().invoke(cli, ["cancel", "--all", "--state-dir", str(tmp_path)])
    assert isinstance(result.exception, NotRunningError)
    assert "set your keys" in result.exception.remedy
