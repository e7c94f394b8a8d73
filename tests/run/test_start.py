"""What a start finds at the venue: orders, fills and figures of the run before, the others', and a second engine."""

from __future__ import annotations

import json
import os

import attrs
import pytest

from agbot.errors import ConfigError, VenueUnavailable, WalletTaken
from agbot.model.order import OrderState
from agbot.run import reconcile, session
from agbot.run.lock import wallet_dir
from agbot.run.modes import look, look_on
from agbot.run.session import prepare_state_dir
from agbot.settings import ReconcileSettings
from agbot.store.journal import JournalReader
from agbot.testing.venue_stub import ADDRESS, NO, YES
from agbot.units import to_units
from agbot.venue.shadow import ShadowVenue
from tests.run.live_runs import ended, foreign, left_resting, live_run, posted


async def test_orders_of_an_earlier_run_are_taken_off_and_it_starts(stub, live, running, until, trader):
    kept = await left_resting(stub, live, running, until)
    assert (await look(trader))["resting"] == len(kept)
    run = await running(live)
    assert not set(kept) & set(stub.exchange.live)
    found = run.session.facts.status(run.session.engine, 0)["reconcile"]["start"]
    assert len(found["cancelled"]) == len(kept)
    assert (found["foreign"], found["corrections"]) == ([], [])
    header = JournalReader(run.session.journal.path).header()
    assert json.loads(header.reconciled)["cancelled"] == found["cancelled"]
    assert header.fence == run.session.plan.fence.token == 2
    await ended(run, until)


async def test_a_clock_that_was_put_back_does_not_hide_the_last_run(stub, live, running, until, monkeypatch):
    first = await running(live)
    await ended(first, until)
    monkeypatch.setattr(session, "now_ns", lambda: 10**18)
    second = await running(live)
    assert second.session.run_id > first.session.run_id
    await ended(second, until)


async def test_they_start_nothing_where_that_is_wanted(stub, start, trader, running, until):
    live = live_run(start, trader)
    kept = await left_resting(stub, live, running, until)
    strict = attrs.evolve(start.settings, reconcile=ReconcileSettings(on_start="refuse"))
    with pytest.raises(ConfigError, match="on_start is refuse") as caught:
        await live_run(attrs.evolve(start, settings=strict), trader)()
    assert caught.value.id == "AGB-144"
    assert set(kept) == set(stub.exchange.live)


async def test_an_order_that_no_journal_explains_starts_nothing(stub, live):
    order_id = foreign(stub)
    with pytest.raises(ConfigError, match="no journal here explains") as caught:
        await live()
    assert caught.value.id == "AGB-144"
    assert order_id in caught.value.reason
    assert (posted(stub), list(stub.exchange.live)) == ([], [order_id])


async def test_orders_of_another_state_directory_say_whose_they_may_be(stub, start, trader, running, until, tmp_path):
    await left_resting(stub, live_run(start, trader), running, until)
    elsewhere = attrs.evolve(start, state_dir=prepare_state_dir("q", tmp_path / "q"))
    with pytest.raises(ConfigError) as caught:
        await live_run(elsewhere, trader)()
    assert caught.value.id == "AGB-144"
    assert f"the last to trade with this wallet was pid {os.getpid()}" in caught.value.reason
    assert f"state directory {start.state_dir}" in caught.value.reason


async def test_one_that_is_left_stays_and_is_counted_and_the_kill_switch_spares_nobody(
    stub, start, trader, running, until
):
    order_id = foreign(stub)
    leave = attrs.evolve(start.settings, reconcile=ReconcileSettings(on_start_foreign="leave"))
    run = await running(live_run(attrs.evolve(start, settings=leave), trader), lambda run: len(run.resting) >= 2)
    assert run.session.engine.portfolio.initial_cash == to_units("999")
    await run.session.differences.look()
    told = run.session.facts.status(run.session.engine, 0)["reconcile"]
    assert (told["foreign_orders"], told["foreign"], told["start"]["foreign"]) == (1, [order_id], [order_id])
    await ended(run, until)
    assert list(stub.exchange.live) == [order_id]
    run = await running(live_run(attrs.evolve(start, settings=leave), trader), lambda run: len(run.resting) >= 2)
    await run.session.operator().handlers()["killswitch"]({"on": True, "reason": "fire", "by": "me"})
    assert stub.exchange.live == {}
    await ended(run, until)


async def test_what_filled_after_the_crash_is_folded_in_with_its_strategy(stub, live, running, until):
    kept = await left_resting(stub, live, running, until)
    order_id, row = next((i, r) for i, r in kept.items() if r["side"] == "BUY")
    stub.exchange.settle(stub.exchange.fill(order_id, row["original_size"]))
    run = await running(live)
    found = run.session.plan.found
    assert (found["fills"], found["corrections"]) == (1, [])
    (position,) = run.session.plan.account.positions
    assert (position.strategy, position.size) == ("quoter", to_units(row["original_size"]))
    assert found["closed"] == [], "its fills have ended it"
    await ended(run, until)


async def test_what_filled_behind_a_cancel_that_was_told_first_is_folded_in(stub, live, running, until):
    run = await running(live)
    order_id = next(iter(stub.exchange.live))
    bid = next(r.command.client_order_id for r in run.resting if r.venue_order_id == order_id)
    listeners, stub.exchange.listeners = stub.exchange.listeners, []
    stub.exchange.settle(stub.exchange.fill(order_id, "5"))
    stub.exchange.listeners = listeners
    stub.exchange.live[order_id]["size_matched"] = "0"  # the venue's count is behind its trades
    await ended(run, until)
    assert run.session.engine.oms.get(bid).state is OrderState.CANCELLED
    again = await running(live)
    found = again.session.plan.found
    assert (found["fills"], found["corrections"]) == (1, [])
    assert [p.size for p in again.session.plan.account.positions] == [to_units("5")]
    await ended(again, until)


async def test_a_trade_that_does_not_settle_starts_nothing(stub, live, running, until, monkeypatch):
    kept = await left_resting(stub, live, running, until)
    order_id, row = next(iter(kept.items()))
    trade = stub.exchange.fill(order_id, row["original_size"])
    monkeypatch.setattr(reconcile, "SETTLES_WITHIN_S", -57.0)
    count = len(posted(stub))
    with pytest.raises(VenueUnavailable, match="have not settled"):
        await live()
    assert len(posted(stub)) == count
    stub.exchange.settle(trade, "FAILED")
    run = await running(live)
    assert (run.session.plan.account.positions, run.session.plan.found["corrections"]) == ((), [])
    await ended(run, until)


async def test_a_crumb_that_no_order_can_sell_is_counted_over_every_start(stub, live, running, until):
    stub.exchange.shares[NO] = 140
    for _ in range(2):
        run = await running(live)
        assert [p.size for p in run.session.plan.account.positions] == [140]
        assert run.session.plan.found["corrections"] == []
        await ended(run, until)


async def test_a_figure_that_nobody_explains_is_taken_over_with_its_source(stub, live, running, until, logged):
    await ended(await running(live), until)
    stub.exchange.collateral -= to_units("100")
    stub.exchange.shares[NO] = to_units("3")
    log = logged("agbot.run.reconcile")
    run = await running(live)
    rows = {row["what"]: row for row in run.session.plan.found["corrections"]}
    assert (rows["cash"]["journal"], rows["cash"]["venue"]) == ("1000", "900")
    assert (rows["NO"]["journal"], rows["NO"]["venue"], rows["NO"]["source"]) == ("0", "3", "CLOB balance-allowance")
    assert log.events.count("reconcile.corrected") == 2
    assert len(stub.asked("GET", "/balance-allowance/update")) == 2, "an old balance is read anew before it is believed"
    assert run.session.engine.portfolio.initial_cash == to_units("900")
    await ended(run, until)


async def test_a_wallet_that_is_taken_halts_and_leaves_the_others_orders(stub, live, running, until, nursery):
    ends = []

    async def taken():
        try:
            await live()
        except WalletTaken as e:
            ends.append(e)

    run = await running(taken, lambda run: len(run.resting) >= 2)
    order_id = foreign(stub)  # the new holder's
    (wallet_dir(ADDRESS) / "fence").write_text("9\n")
    await until(lambda: ends)
    assert "token 9, ours is 1" in ends[0].reason
    assert list(stub.exchange.live) == [order_id]
    assert run.session.engine.halted


async def test_looking_on_sends_nothing_and_says_whose_orders_rest(stub, start, trader, running, until, tmp_path):
    await running(live_run(start, trader), lambda run: len(run.resting) >= 2)
    foreign(stub)
    sent = [r for r in stub.requests if r.method in ("POST", "DELETE") and "heartbeat" not in r.path]
    beside = attrs.evolve(start, state_dir=prepare_state_dir("p", tmp_path / "beside"))
    second = await running(lambda: look_on(beside, trader), lambda run: run.session is not None)
    assert isinstance(second.session.venue, ShadowVenue)
    told = second.session.facts.status(second.session.engine, 0)
    assert (told["mode"], told["wallet"]) == ("READ-ONLY", ADDRESS)
    assert (told["reconcile"]["holders_orders"], told["reconcile"]["foreign_orders"]) == (2, 1)
    assert f"pid {os.getpid()}" in told["reconcile"]["holder"]
    await until(lambda: YES in second.session.engine.books and second.session.engine.books[YES].trusted)
    second.session.stop.ask("enough")
    await until(lambda: second.summary is not None)
    assert not [r for r in stub.requests if r.method in ("POST", "DELETE") and "heartbeat" not in r.path][len(sent) :]


async def test_a_difference_that_a_person_accepts_is_none_at_the_next_start(stub, live, running, until):
    run = await running(live, lambda run: len(run.resting) >= 2)
    stub.exchange.collateral -= to_units("100")
    stub.exchange.shares[NO] = to_units("3")
    for _ in range(3):
        await run.session.differences.look()
    ask = run.session.operator().handlers()["reconcile"]
    assert [row["difference"] for row in (await ask({}))["rows"]] == ["+3", "-100"]
    for name in ("will-it-rain", "cash"):
        await ask({"accept": name, "by": "ann", "reason": "moved it"})
    await until(lambda: not run.session.engine.state.differing)
    assert run.session.engine.portfolio.cash == to_units("900")
    await ended(run, until)
    again = await running(live)
    assert again.session.plan.found["corrections"] == []
    assert again.session.engine.portfolio.initial_cash == to_units("900")
    assert [(p.strategy, p.size) for p in again.session.plan.account.positions] == [("wallet", to_units("3"))]
    await ended(again, until)
