"""A venue that fails at the wrong moment: nothing is lost in silence, and the exit code says what is not known."""

from __future__ import annotations

import json

import pytest

from agbot.testing.venue_stub import ADDRESS, DISABLED, NO, RESTARTING, Reply

pytestmark = pytest.mark.slow

LIVE = ("--mode", "live", "--no-web", "--json", "--confirm", ADDRESS)
ORDER = ("buy", "will-it-rain", "yes", "10", "0.40", "--send", "--confirm", ADDRESS, "--json")


def keeps_all(stub):
    """Let no cancel take anything off."""

    def kept(_request):
        return Reply(json={"canceled": [], "not_canceled": dict.fromkeys(stub.exchange.live, "order is delayed")})

    stub.reply("DELETE", "*", kept)


async def test_an_end_with_orders_at_the_venue_is_no_success(machine, stub, until):
    async with machine.started("run", machine.config, *LIVE) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        stub.reply("DELETE", "*", RESTARTING)
    assert (bot.ended.code, "AGB-547" in bot.ended.err) == (1, True), bot.ended
    assert len(stub.exchange.live) == 2


async def test_a_key_that_is_revoked_while_orders_rest_ends_the_run(machine, stub, until):
    async with machine.started("run", machine.config, *LIVE) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        stub.clob.keyring.keys.clear()
        await until(lambda: bot.process.poll() is not None)
    assert (bot.ended.code, "AGB-404" in bot.ended.err) == (1, True), bot.ended


async def test_a_venue_that_refuses_the_last_cancel_for_a_moment_is_asked_again(machine, stub, until):
    async with machine.started("run", machine.config, *LIVE) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        stub.reply("DELETE", "/cancel-all", DISABLED, times=4)
        stub.reply("DELETE", "/order*", DISABLED, times=20)
    assert (bot.ended.code, stub.exchange.live) == (0, {}), bot.ended


async def test_cancel_all_with_no_bot_succeeds_only_when_nothing_rests(machine, stub):
    config = ("--config", machine.config)
    assert (await machine.agbot(*ORDER, *config)).code == 0
    keeps_all(stub)
    kept = await machine.agbot("cancel", "--all", *config)
    assert (kept.code, "1 order still rests" in kept.err) == (1, True), kept


@pytest.mark.parametrize("break_it", ["reset", "lose_reply", "truncate_reply"])
async def test_a_cancel_with_no_bot_survives_a_lost_answer(break_it, machine, stub):
    config = ("--config", machine.config)
    for number, names in enumerate([("--all",), ()]):
        assert (await machine.agbot(*ORDER, *config)).code == 0
        (order_id,) = stub.exchange.live
        getattr(stub, break_it)("DELETE", "/order" if number else "/cancel-all")
        done = await machine.agbot("cancel", *(names or (order_id,)), *config, "--json")
        assert (done.code, done.json["orders_left"], stub.exchange.live) == (0, 0, {}), done
    audit = await machine.agbot("audit", "verify", "--profile", "real", "--json")
    assert (audit.code, audit.json["ok"]) == (0, True), audit
    (log,) = machine.home.rglob("audit.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(row["kind"], row["orders_left"], row["run"]) for row in rows if row["kind"].startswith("cancel")]
    assert told[-2:] == [("cancel_all", 0, ""), ("cancel", 0, "")]


async def test_an_order_with_no_bot_waits_for_a_late_answer(machine, stub):
    stub.hold("POST", "/order")
    late = await machine.agbot(*ORDER, "--config", machine.config)
    assert (late.code, late.json["status"], len(stub.exchange.live)) == (0, "OPEN", 1), late


async def test_an_order_whose_fate_nobody_knows_is_no_success(machine, stub):
    stub.hold("POST", "/order")
    stub.reply("GET", "/data/*", lambda _: DISABLED if stub.asked("POST", "/order") else None)
    unknown = await machine.agbot(*ORDER, "--config", machine.config)
    assert len(stub.asked("POST", "/order")) == 1
    assert (unknown.code, unknown.json["status"], "AGB-502" in unknown.err) == (5, "UNKNOWN", True), unknown


async def test_the_token_of_one_outcome_does_not_buy_the_other(machine, stub):
    wrong = await machine.agbot(
        "buy", NO, "yes", "10", "0.40", "--config", machine.config, "--send", "--confirm", ADDRESS
    )
    assert (wrong.code, "AGB-535" in wrong.err, stub.exchange.live) == (2, True, {}), wrong
