"""Real money as a person meets it: the doctor, the question, the caps; what rests when it ends is what should."""

from __future__ import annotations

import pytest
import trio

from agbot.testing.venue_stub import ADDRESS, NO, YES, StubKey

pytestmark = pytest.mark.slow

LIVE = ("--mode", "live", "--no-web", "--json")


def posted(stub):
    return [*stub.asked("POST", "/order"), *stub.asked("POST", "/orders")]


async def test_a_live_run_from_the_question_to_the_last_cancel(machine, stub, until):
    refused = await machine.agbot("run", machine.config, *LIVE)
    assert (refused.code, "AGB-142" in refused.err) == (2, True), refused
    assert f"--confirm {ADDRESS}" in refused.err
    assert posted(stub) == []

    async with machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        status = (await machine.agbot("status", "--json")).json
        assert (status["mode"], status["wallet"], status["max_order_usd"]) == ("LIVE", ADDRESS, "10.00")
        order_id, row = next(iter(stub.exchange.live.items()))
        stub.exchange.fill(order_id, row["original_size"])

        second = await machine.agbot("run", machine.config, *LIVE, "--confirm", ADDRESS, "--profile", "other")
        assert (second.code, "AGB-149" in second.err, "cancel --all" in second.err) == (2, True, False), second
        unconfirmed = await machine.agbot("buy", "will-it-rain", "yes", "10", "0.10", "--send")
        assert (unconfirmed.code, "AGB-142" in unconfirmed.err) == (2, True), unconfirmed
        bought = await machine.agbot(
            "buy", "will-it-rain", "yes", "10", "0.10", "--send", "--confirm", ADDRESS, "--json"
        )
        assert (bought.code, bought.json["status"]) == (0, "OPEN"), bought
        over = await machine.agbot("buy", "will-it-rain", "yes", "110", "0.10", "--send", "--confirm", ADDRESS)
        assert (over.code, "OrderCap" in over.err) == (1, True), over
    assert bot.ended.code == 0, bot.ended
    assert bot.ended.json["fills"] >= 1
    assert bot.ended.json["open_orders"] == 0
    assert stub.exchange.live == {}
    assert (await machine.agbot("replay", "--profile", "real", "--verify")).code == 0


async def test_a_second_engine_looks_on_and_a_takeover_has_a_higher_token(machine, stub, until):
    async with machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS) as first:
        await until(lambda: first.alive() and len(stub.exchange.live) >= 2)
        second = await machine.agbot("run", machine.config, *LIVE, "--confirm", ADDRESS, "--profile", "other")
        pid, run = first.process.pid, (await machine.agbot("status", "--json")).json["run_id"]
        for part in (f"pid {pid}", f"run {run}", str(machine.state), "since 20", "--read-only"):
            assert part in second.err
        count = len(posted(stub))
        looks = await machine.agbot("run", machine.config, *LIVE, "--read-only", "--duration", "2")
        assert looks.code == 0, looks
        assert f"traded with by pid {pid}" in looks.err
        assert looks.json["orders_placed"] == 0
        assert "AGB-" not in looks.err
        assert list((machine.state / "read-only" / "runs").glob("*-read-only.agj"))
        assert len(posted(stub)) >= count
        first.process.kill()
        await first.process.wait()
        kept = set(stub.exchange.live)
        assert kept, "what was killed has left orders"
    live = "live: {max_order_usd: 10, max_day_usd: 50}\nreconcile: {quiet_sec: 1}\n"
    machine.write_config(f"profile: real\nmarkets: [will-it-rain]\n{live}risk: {{policy_file: policies.yaml}}\n")
    async with machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS) as again:
        await until(lambda: again.alive() and len(stub.exchange.live) >= 2 and not kept & set(stub.exchange.live))
        told = (await machine.agbot("status", "--json")).json["reconcile"]
        assert told["token"] == 2
        assert len(told["start"]["cancelled"]) == len(kept)
        assert "orders taken off" in (await machine.agbot("status")).out
    assert again.ended.code == 0, again.ended


async def test_the_kill_switch_reaches_the_venue(machine, stub, until):
    async with machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        killed = await machine.agbot("killswitch", "on", "--reason", "fire", "--json")
        assert (killed.code, killed.json["orders_left"], killed.json["verified"]) == (0, 0, True)
        assert stub.exchange.live == {}
        count = len(posted(stub))
    assert bot.ended.code == 0
    assert len(posted(stub)) == count


async def test_a_red_doctor_starts_nothing(machine, stub):
    stub.exchange.allowances = dict.fromkeys(stub.exchange.allowances, 0)
    stub.clob.keyring.keys.clear()
    done = await machine.agbot("run", machine.config, *LIVE, "--confirm", ADDRESS)
    assert (done.code, "AGB-143" in done.err) == (2, True), done
    assert "fail" in done.err
    assert posted(stub) == []
    assert StubKey().secret not in done.out + done.err


async def test_without_caps_nothing_starts(machine, stub):
    machine.write_config("profile: real\nmarkets: [will-it-rain]\nlive: {max_order_usd: 10}\n")
    done = await machine.agbot("run", machine.config, *LIVE, "--confirm", ADDRESS)
    assert (done.code, "AGB-141" in done.err) == (2, True)
    assert stub.requests == []


ORDER = ("buy", "will-it-rain", "yes", "10", "0.40")


async def test_an_order_with_no_bot_is_shown_then_sent_then_cancelled(machine, stub):
    config = ("--config", machine.config)
    public = await machine.agbot(*ORDER, *config, environ={})
    assert (public.code, "asked when it is sent: no bot runs" in public.out) == (0, True), public
    assert "ends" in public.out
    assert posted(stub) == []

    refused = await machine.agbot(*ORDER, *config, "--send")
    assert (refused.code, "AGB-142" in refused.err) == (2, True)
    assert "balance" not in refused.out
    assert posted(stub) == []

    sent = await machine.agbot(*ORDER, *config, "--send", "--confirm", ADDRESS, "--json")
    assert (sent.code, sent.json["status"], sent.json["filled"]) == (0, "OPEN", "0"), sent
    (order_id,) = stub.exchange.live
    assert stub.asked("POST", "/v1/heartbeats") == [], "a beat that stops would cancel what should rest"

    taken = await machine.agbot(
        "buy", "will-it-rain", "yes", "5", "--market-order", *config, "--send", "--confirm", ADDRESS, "--json"
    )
    assert (taken.code, float(taken.json["filled"]) > 8) == (0, True), taken  # the stub matches shares, not usd
    assert set(stub.exchange.live) == {order_id}
    assert stub.exchange.shares[YES] > 8_000_000

    over = await machine.agbot("sell", "will-it-rain", "no", "10", "0.40", *config, "--send", "--confirm", ADDRESS)
    assert (over.code, "SharesHeld" in over.err) == (1, True), over
    assert stub.exchange.shares.get(NO, 0) == 0

    unknown = await machine.agbot("cancel", "0x" + "ab" * 32, *config)
    assert (unknown.code, "was not cancelled" in unknown.err) == (1, True), unknown
    cancelled = await machine.agbot("cancel", "--all", *config, "--json")
    assert (cancelled.code, cancelled.json) == (0, {"cancelled": 1, "orders_left": 0})
    assert stub.exchange.live == {}

    where = ("--state-dir", str(machine.state))
    assert (await machine.agbot("audit", "verify", *where)).code == 0
    story = await machine.agbot("explain", order_id, *where, "--json")
    (decided,) = story.json["decisions"]
    assert story.json["story"][-1]["what"] == f"accepted as {order_id}"
    assert (decided["decision"]["strategy"], story.json["orders"][0]["state"]) == ("operator", "OPEN")


async def test_orders_with_no_bot_share_the_days_cap(machine, stub):
    machine.write_config("profile: real\nmarkets: [will-it-rain]\nlive: {max_order_usd: 5, max_day_usd: 7}\n")
    send = (*ORDER, "--config", machine.config, "--send", "--confirm", ADDRESS)
    assert (await machine.agbot(*send)).code == 0
    over = await machine.agbot(*send)
    assert (over.code, "DayCap" in over.err) == (1, True), over
    assert len(stub.exchange.live) == 1


async def test_no_bot_no_credentials_no_configuration(machine, stub):
    done = await machine.agbot(*ORDER, environ={})
    assert (done.code, "AGB-501" in done.err) == (3, True)
    assert (await machine.agbot("cancel", "--all", environ={})).code == 3
    assert stub.requests == []


async def test_a_bot_without_the_key_trades_by_its_signer(machine, stub, until):
    socket = machine.home / "sg" / "signer.sock"
    signed = (
        "profile: real\nmarkets: [will-it-rain]\nlive: {max_order_usd: 10, max_day_usd: 50, signer: sg/signer.sock}\n"
    )
    machine.write_config(signed)
    bot_environ = {name: value for name, value in machine.environ.items() if name != "POLYMARKET_PRIVATE_KEY"}
    only_key = {"POLYMARKET_PRIVATE_KEY": machine.environ["POLYMARKET_PRIVATE_KEY"]}
    nobody = await machine.agbot("run", machine.config, *LIVE, "--confirm", ADDRESS, environ=bot_environ)
    assert (nobody.code, "AGB-148" in nobody.err) == (2, True), nobody
    async with trio.open_nursery() as nursery:
        signer = machine.started("signer", machine.config, "--max-day-usd", "1000", environ=only_key)
        async with signer:
            await until(socket.exists)
            run = machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS, environ=bot_environ)
            async with run as bot:
                await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
                closed = await machine.agbot("killswitch", "on", "--state-dir", socket.parent, "--reason", "fire")
                assert "LATCHED" in closed.out, closed
                refused = await machine.agbot(
                    "buy", "will-it-rain", "yes", "10", "0.10", "--send", "--confirm", ADDRESS, environ=bot_environ
                )
                assert (refused.code, "the signer did not sign" in refused.err) == (1, True), refused
        nursery.cancel_scope.cancel()
    assert stub.exchange.live == {}


async def test_a_closed_signer_sells_under_a_leave_what_is_to_be_flattened(machine, stub, until):
    socket = machine.home / "sg" / "signer.sock"
    machine.write_config(
        "profile: real\nmarkets: [will-it-rain]\nlive: {max_order_usd: 10, max_day_usd: 50, signer: sg/signer.sock}\n"
    )
    bot_environ = {name: value for name, value in machine.environ.items() if name != "POLYMARKET_PRIVATE_KEY"}
    only_key = {"POLYMARKET_PRIVATE_KEY": machine.environ["POLYMARKET_PRIVATE_KEY"]}
    flatten = ("killswitch", "on", "--profile", "real", "--reason", "out", "--flatten")
    async with machine.started("signer", machine.config, "--max-day-usd", "1000", environ=only_key):
        await until(socket.exists)
        async with machine.started("run", machine.config, *LIVE, "--confirm", ADDRESS, environ=bot_environ) as bot:
            await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
            order_id = next(
                i for i, row in stub.exchange.live.items() if row["asset_id"] == YES and row["side"] == "BUY"
            )
            stub.exchange.settle(stub.exchange.fill(order_id, "10"))
            await until(lambda: "10" in {row["size_matched"] for row in stub.exchange.live.values()})
            await machine.agbot("killswitch", "on", "--state-dir", socket.parent, "--reason", "fire")
            held = await machine.agbot(*flatten)
            assert (held.code, "the signer did not sign" in held.out) == (1, True), held
            leave = ("--shares", "100", "--floor", "0.05", "--by", "ann", "--reason", "out")
            given = await machine.agbot("killswitch", "unwind", "--state-dir", socket.parent, *leave)
            assert given.code == 0, given
            sold = await machine.agbot(*flatten)
            assert (sold.code, "sold 10 of 10" in sold.out) == (0, True), sold
    assert stub.exchange.shares[YES] == 0
