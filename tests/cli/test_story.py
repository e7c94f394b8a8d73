"""One bot from its first start to its last word, through the command line only."""

from __future__ import annotations

import json

import pytest


def resting(home):
    """Return a look at the bot: its status once at least four orders rest, else None."""

    def look():
        status = home.status()
        states = [order["state"] for order in status["open_orders"]] if status else []
        return status if states.count("OPEN") >= 4 else None

    return look


@pytest.mark.slow
def test_a_demo_from_start_to_verified_journal(home, poll):
    first = home.start("run", "--simulated", "--no-web", "--json")
    status = poll(resting(home))
    trades(home, status)
    killed(home, status["markets"][0])

    stopped = home.agbot("stop", "--reason", "lunch")
    assert (stopped.code, stopped.out) == (0, f"stopped (pid {first.pid})\n")
    last = home.ended(first)
    assert last.code == 0
    assert (last.json["ended"], last.json["open_orders"]) == ("lunch", 0)
    for args in (["status"], ["status", "--probe"], ["stop"], ["buy", "any", "yes", "10", "0.02"]):
        done = home.agbot(*args)
        assert (done.code, "AGB-501" in done.err) == (3, True), done

    again = home.start("run", "--simulated", "--no-web", "--json")
    stays_closed_until_opened(home, poll)
    everything = home.agbot("cancel", "--all", "--json")
    assert everything.json["cancelled"] >= 4
    assert home.agbot("stop").code == 0
    assert home.ended(again).code == 0
    leaves_logs_and_journals(home)


def trades(home, status):
    """Look at the bot, trade beside it, and ask for what cannot be: nothing of that ends it."""
    pid, market = status["pid"], status["markets"][0]
    assert (status["mode"], status["halted"], status["kill_switch"]["on"]) == ("DEMO", "", False)
    assert home.agbot("status", "--probe").code == 0
    told = home.agbot("status")
    assert told.out.startswith(f"DEMO {status['run_id']} pid {pid} ")
    assert ": trading, 8 markets, " in told.out
    second = home.agbot("run", "--simulated", "--no-web")
    assert second.code == 2
    assert f"[AGB-121] another bot (pid {pid}, since " in second.err
    shown = home.agbot("buy", market, "yes", "10", "0.02")
    assert (shown.code, shown.out.splitlines()[-1]) == (0, "DEMO, not sent; --send sends it")
    assert "would let it pass" in shown.out
    bought = home.agbot("buy", market, "yes", "10", "0.02", "--send", "--json")
    assert (bought.code, bought.json["status"], bought.json["filled"]) == (0, "OPEN", "0")
    cancelled = home.agbot("cancel", bought.json["order_id"], "--json")
    assert (cancelled.code, cancelled.json) == (0, {"order_id": bought.json["order_id"], "status": "CANCELLED"})
    for args, code, error in [
        (("sell", market, "yes", "1000", "0.5", "--send"), 1, "AGB-301"),
        (("buy", market, "yes", "10", "1.5"), 2, "AGB-535"),
        (("buy", market, "yes", "10.0000001", "0.5"), 2, "AGB-535"),
        (("buy", "nowhere", "yes", "10", "0.5"), 4, "AGB-534"),
        (("cancel", "nope"), 4, "AGB-531"),
        (("cancel",), 2, "name one ORDER_ID"),
        (("killswitch", "off", "--by", " ", "--reason", "x"), 2, "AGB-533"),
    ]:
        done = home.agbot(*args)
        assert (done.code, done.out) == (code, ""), done
        assert error in done.err
    assert home.status()["pid"] == pid


def killed(home, market):
    """Turn the kill switch on: a receipt with no order left, and nothing leaves any more."""
    done = home.agbot("killswitch", "on", "--reason", "fire drill", "--by", "me", "--json")
    assert done.code == 0, done
    receipt = done.json
    assert (receipt["latched"], receipt["orders_left"], receipt["verified"]) == (True, 0, True)
    assert receipt["orders_cancelled"] >= 4
    assert home.agbot("status", "--probe").code == 1
    assert home.status()["open_orders"] == []
    assert "KILL SWITCH ON (fire drill)" in home.agbot("status").out
    refused = home.agbot("buy", market, "yes", "10", "0.02", "--send")
    assert (refused.code, "AGB-302" in refused.err) == (1, True)


def stays_closed_until_opened(home, poll):
    """A restart does not open the gate; `killswitch off` does, and orders rest again."""
    status = poll(home.status)
    assert status["kill_switch"] == {"on": True, "reason": "fire drill"}
    assert home.agbot("status", "--probe").code == 1
    assert home.status()["open_orders"] == []
    assert home.agbot("killswitch", "status", "--json").json["reason"] == "fire drill"
    opened = home.agbot("killswitch", "off", "--by", "me", "--reason", "drill over")
    assert (opened.code, opened.out) == (0, "kill switch off by me: the running bot trades again\n")
    poll(resting(home))
    assert home.agbot("status", "--probe").code == 0


def leaves_logs_and_journals(home):
    """Both runs can be read and verified afterwards."""
    logs = home.agbot("logs", "-n", "1000")
    events = [json.loads(line)["event"] for line in logs.out.splitlines()]
    assert {"run.carried", "killswitch.on", "bot.halting", "cancel_all.done"} <= set(events)
    assert len(home.agbot("logs", "-n", "2").out.splitlines()) == 2
    runs = home.agbot("replay", "--list", "--json").json
    assert len(runs) == 2
    for args in ([], [runs[0]], [str(home.state / "runs" / f"{runs[0]}.agj")]):
        verdict = home.agbot("replay", "--verify", "--json", *args)
        assert (verdict.code, verdict.json["agrees"], verdict.json["complete"]) == (0, True, True)
    assert "agrees: every decision is the same" in home.agbot("replay", runs[1]).out


@pytest.mark.slow
def test_what_was_bought_is_there_after_a_restart(home, poll):
    (home.path / "policies.yaml").write_text("policies:\n  - {type: PositionLimit, market_id: null, max_size: 100}\n")
    config = home.path / "config.yaml"
    config.write_text("mode: demo\nprofile: demo\nrisk:\n  policy_file: policies.yaml\nstrategies: []\n")
    run = ("run", str(config), "--no-web", "--json")
    first = home.start(*run)
    market = poll(home.status)["markets"][0]

    def buy():
        done = home.agbot("buy", market, "yes", "10", "0.99", "--market-order", "--send", "--json")
        return done if done.code == 0 else None  # until the first book is there

    bought = poll(buy)
    assert bought.json["status"] == "FILLED"
    held = float(bought.json["filled"])
    assert held > 10

    def sell():
        done = home.agbot("sell", market, "yes", "5", "0.99", "--send", "--json")
        return done if done.code == 0 else None  # until the purchase has settled

    assert poll(sell).json["status"] == "OPEN"
    too_much = home.agbot("sell", market, "yes", str(int(held)), "0.98", "--send")
    assert (too_much.code, "SharesHeld" in too_much.err) == (1, True)
    assert "PositionLimit" in home.agbot("buy", market, "yes", "500", "0.01", "--send").err
    cash = home.status()["cash_usd"]
    assert home.agbot("stop").code == 0
    assert home.ended(first).json["open_orders"] == 0

    second = home.start(*run)
    status = poll(home.status)
    assert status["cash_usd"] == cash
    assert status["open_orders"] == []

    def sell():
        done = home.agbot("sell", market, "yes", str(int(held)), "0.99", "--send", "--json")
        return done if done.code == 0 else None

    assert poll(sell).json["status"] == "OPEN"
    second.terminate()
    ended = home.ended(second)
    assert (ended.code, ended.json["ended"]) == (0, "SIGTERM")
    assert home.agbot("replay", "--verify").code == 0
