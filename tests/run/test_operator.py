"""What an operator can ask: a kill with its receipt, orders from requests, status, stop."""

from __future__ import annotations

import attrs
import msgspec
import pytest
import trio
import trio.testing

from agbot.errors import ConfigError, NotFoundError, StoreError, VenueAmbiguous, VenueRefused, VenueUnavailable
from agbot.model.events import KillSwitchProven, KillSwitchSet, OperatorCancel, OrderAccepted, OrderCancelled
from agbot.model.order import OrderState, Side
from agbot.run.facts import LiveFacts
from agbot.run.sweep import WITHIN_S
from agbot.units import SCALE, to_text


@pytest.fixture
def bench(operated):
    return operated


async def test_feeds_are_told_as_they_are(bench):
    reply = await bench.operator.handlers()["feeds"]({})
    assert reply == {"feeds": [{"topic": "t"}], "sockets": []}


async def test_a_kill_closes_the_latch_tells_the_core_and_proves_that_nothing_rests(bench):
    receipt = await bench.kill()
    assert bench.latch.read().on
    assert bench.latch.read().reason == "fire"
    now = bench.core.now
    assert await bench.told() == [KillSwitchSet(True, "fire", "me", now), KillSwitchProven("", "", 3, 0, now)]
    assert bench.venue.calls == ["open_orders", "cancel_all", "open_orders"]
    assert receipt["gate_closed_ms"] >= 0
    assert receipt["total_ms"] >= receipt["gate_closed_ms"]
    del receipt["gate_closed_ms"], receipt["total_ms"]
    assert receipt == {"on": True, "latched": True, "orders_cancelled": 3, "orders_left": 0, "verified": True}


async def test_a_kill_asks_again_until_the_venue_shows_nothing(bench, autojump_clock):
    bench.venue.on_cancel_all = [2, VenueAmbiguous("lost"), 1, 0]
    bench.venue.on_cancel = VenueAmbiguous("lost")
    receipt = await bench.kill()
    assert bench.venue.calls.count("cancel_all") == 4
    assert (receipt["orders_cancelled"], receipt["verified"]) == (3, True)


async def test_where_cancel_all_is_refused_the_orders_are_cancelled_by_id(bench, autojump_clock):
    bench.venue.on_cancel_all = [VenueRefused("not now", code="x")] * 10_000
    receipt = await bench.kill()
    assert (receipt["orders_cancelled"], receipt["verified"]) == (3, True)
    assert {call for call in bench.venue.calls if call.startswith("cancel ")} == {"cancel o0", "cancel o1", "cancel o2"}


async def test_a_kill_that_cannot_get_rid_of_orders_says_so_in_time(bench, autojump_clock):
    bench.venue.on_cancel_all = [2] * 10_000
    began = trio.current_time()
    receipt = await bench.kill()
    assert trio.current_time() - began == pytest.approx(WITHIN_S, abs=0.1)
    assert (receipt["orders_cancelled"], receipt["orders_left"], receipt["verified"]) == (1, 2, False)


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
async def test_a_venue_that_cannot_be_read_is_not_verified(trouble, bench, autojump_clock):
    if trouble == "hangs":
        bench.venue.hang = {"open_orders"}
    else:
        bench.venue.on_open_orders = VenueUnavailable("down")
    receipt = await bench.kill()
    assert (receipt["orders_cancelled"], receipt["orders_left"], receipt["verified"]) == (None, None, False)
    assert bench.latch.read().on
    assert await bench.told() != []


async def test_the_core_hears_of_the_kill_before_the_venue_is_asked(bench, nursery):
    bench.venue.hang = {"open_orders"}
    nursery.start_soon(bench.kill)
    await bench.venue.sent.wait()
    assert await bench.told() == [KillSwitchSet(True, "fire", "me", bench.core.now)]
    nursery.cancel_scope.cancel()


async def test_a_full_disk_does_not_keep_orders_on_the_book(bench, monkeypatch, logged):
    log = logged("agbot.run.killing")

    def full(*_):
        raise StoreError("no space", id="AGB-511")

    monkeypatch.setattr(bench.latch, "close", full)
    receipt = await bench.kill()
    assert (receipt["latched"], receipt["orders_left"], receipt["verified"]) == (False, 0, True)
    assert [e.on for e in await bench.told() if isinstance(e, KillSwitchSet)] == [True]
    assert "killswitch.not_latched" in log.events


async def test_a_kill_survives_the_end_of_its_connection(bench, autojump_clock):
    bench.venue.on_cancel_all = [3, 3, 0]
    with trio.CancelScope() as scope:
        scope.cancel()
        await bench.kill()
    # cancelled while counting: the latch and the core have it already, and the core cancels by itself
    assert bench.latch.read().on
    assert [e.on for e in await bench.told()] == [True]


async def test_killing_twice_keeps_the_first_record_of_the_latch(bench):
    await bench.kill()
    await bench.kill(reason="again", by="other")
    assert (bench.latch.read().reason, bench.latch.read().by) == ("fire", "me")


async def test_off_opens_latch_and_core(bench):
    await bench.kill()
    await bench.told()
    assert await bench.ask("killswitch", on=False, reason="safe", by="me") == {"on": False, "by": "me"}
    assert not bench.latch.read().on
    assert await bench.told() == [KillSwitchSet(False, "safe", "me", bench.core.now)]


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("missing", [{"reason": ""}, {"by": "  "}, {"reason": None}])
async def test_a_switch_needs_a_reason_and_a_name(on, missing, bench):
    with pytest.raises(ConfigError) as caught:
        await bench.kill(on=on, **missing)
    assert caught.value.id == "AGB-533"
    assert not bench.latch.read().on
    assert bench.venue.calls == []


async def test_status_is_json_and_tells_the_state(bench):
    order = await _rest(bench)
    status = await bench.ask("status")
    assert msgspec.json.decode(msgspec.json.encode(status)) == status
    assert status["mode"] == "DEMO"
    assert status["markets"] == ["m1"]
    assert [o["client_order_id"] for o in status["open_orders"]] == [order]
    assert status["kill_switch"] == {"on": False, "reason": ""}
    assert (status["halted"], status["unknown_orders"], status["cash_usd"]) == ("", 0, "1000.00")
    bench.core.step(KillSwitchSet(True, "fire", "me", 1))
    assert (await bench.ask("status"))["kill_switch"] == {"on": True, "reason": "fire"}


async def test_status_tells_what_is_held_at_what_selling_brings(bench):
    engine, market = bench.core.engine, bench.core.market
    held = {"side": Side.BUY, "price": 400_000, "size": 10 * SCALE, "fee": 0, "strategy": "s"}
    engine.portfolio.fill(market, market.yes, **held)
    bid = engine.books[market.yes].best_bid
    assert (await bench.ask("status"))["positions"] == [
        {
            "market": "m1",
            "outcome": "YES",
            "size": "10",
            "average": "0.4",
            "price": to_text(bid),
            "value": to_text(bid * 10),
            "unrealised": to_text(bid * 10 - 4 * SCALE),
            "realised": "0",
            "fees": "0",
            "pnl": to_text(bid * 10 - 4 * SCALE),
        }
    ]


async def _rest(bench):
    request = {"market": "m1", "side": "buy", "price": "0.40", "size": "10"}
    async with trio.open_nursery() as nursery:

        async def engine():
            while True:
                step = bench.core.step(*await bench.inbox.receive())
                for command in step.output.commands:
                    bench.inbox.send_urgent(OrderAccepted(command.client_order_id, "v", 1))

        nursery.start_soon(engine)
        answer = await bench.ask("order", **request)
        nursery.cancel_scope.cancel()
    assert answer == {"order_id": answer["order_id"], "status": "OPEN", "filled": "0"}
    return answer["order_id"]


async def test_stop_passes_its_reason_on(bench):
    assert (await bench.ask("stop"))["stopping"]
    await bench.ask("stop", reason="lunch")
    assert bench.stops == ["agbot stop", "lunch"]


async def test_cancel_all_waits_until_each_has_ended(bench):
    order_id = await _rest(bench)
    answers = []

    async def ask():
        answers.append(await bench.ask("cancel"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert await bench.told() == [OperatorCancel("", "operator: cancel all", bench.core.now)]
        assert answers == []
        bench.core.step(OperatorCancel("", "operator: cancel all", bench.core.now))
        bench.core.step(OrderCancelled(order_id, "asked", bench.core.now))
    assert answers == [{"cancelled": 1, "asked": 1}]


async def test_cancelling_one_that_nobody_knows(bench):
    with pytest.raises(NotFoundError):
        await bench.ask("cancel", order_id="nope")


async def test_cancelling_one_that_has_ended_says_how(bench):
    order_id = await _rest(bench)
    bench.core.step(OperatorCancel("", "x", 1))
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:

            async def answered():
                assert await bench.ask("cancel", order_id=order_id) == {"order_id": order_id, "status": "CANCELLED"}
                nursery.cancel_scope.cancel()

            nursery.start_soon(answered)
            await trio.testing.wait_all_tasks_blocked()
            bench.core.step(*await bench.inbox.receive(), OrderCancelled(order_id, "x", 1))
            await trio.sleep_forever()
    assert bench.core.engine.oms.get(order_id).state is OrderState.CANCELLED


# ---------------------------------------------------------------- orders before they are sent


ORDER = {"market": "m1", "side": "buy", "price": "0.52", "size": "10"}


async def test_a_preview_sends_nothing_and_says_what_would_happen(bench):
    shown = await bench.ask("preview", **ORDER)
    assert msgspec.json.decode(msgspec.json.encode(shown)) == shown
    assert (shown["mode"], shown["cash_usd"], shown["denied"]) == ("DEMO", "1000.00", [])
    assert (shown["takes_shares"], shown["takes_usd"], shown["worst_usd"]) == ("10", "5.20", "5.20")
    assert bench.venue.calls == []
    assert await bench.told() == []
    assert list(bench.core.engine.oms.all()) == []


async def test_a_preview_says_what_the_gate_would_deny(bench):
    shown = await bench.ask("preview", **{**ORDER, "size": "9000"})
    assert shown["denied"] == ["BuyingPower"]
    assert shown["figures"] == [{"rule": "BuyingPower", "figure": "4680.00 usd", "limit": "1000.00 usd free"}]
    bench.core.step(KillSwitchSet(True, "fire", "me", 1))
    assert (await bench.ask("preview", **ORDER))["denied"] == ["KillSwitch"]


async def test_a_token_says_its_outcome(bench):
    assert (await bench.ask("preview", **{**ORDER, "market": "m1-no"}))["outcome"] == "NO"
    assert (await bench.ask("preview", **{**ORDER, "market": "m1-no", "outcome": "no"}))["outcome"] == "NO"


@pytest.mark.parametrize("op", ["preview", "order"])
async def test_a_token_of_the_other_outcome_is_refused(op, bench):
    with pytest.raises(ConfigError, match="m1-no is the token of NO, and YES is asked") as caught:
        await bench.ask(op, **{**ORDER, "market": "m1-no", "outcome": "yes"})
    assert caught.value.id == "AGB-535"


async def test_a_preview_of_an_unknown_outcome_is_refused(bench):
    with pytest.raises(ConfigError) as caught:
        await bench.ask("preview", **ORDER, outcome="maybe")
    assert caught.value.id == "AGB-535"


async def test_real_money_tells_its_wallet_and_its_caps(bench):
    facts = bench.operator._facts
    live = LiveFacts(wallet="0xW", max_order_usd=5_000_000, max_day_usd=25_000_000)
    bench.operator._facts = attrs.evolve(facts, mode="LIVE", live=live)
    shown = await bench.ask("preview", **ORDER)
    assert [shown[k] for k in ("mode", "wallet", "max_order_usd", "max_day_usd")] == ["LIVE", "0xW", "5.00", "25.00"]
    assert (await bench.ask("status"))["wallet"] == "0xW"


async def test_a_run_without_an_account_has_nothing_to_reconcile(bench):
    with pytest.raises(ConfigError) as caught:
        await bench.ask("reconcile")
    assert caught.value.id == "AGB-548"
