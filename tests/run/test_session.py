"""A session: everything built and wired, nothing started; and a whole run of it in real time, flat at its end."""

from __future__ import annotations

import contextlib
import os
import re
import stat

import attrs
import pytest
import trio

from agbot.core.limits import Limits
from agbot.core.portfolio import CarriedPosition
from agbot.errors import ConfigError, VenueUnavailable
from agbot.latch import Latch
from agbot.model.events import KillSwitchSet, MarketListed
from agbot.model.market import Outcome
from agbot.run.bot import bot
from agbot.run.demo import demo_plan
from agbot.run.lock import exclusive
from agbot.run.plans import Start, trade
from agbot.run.session import Session, prepare_state_dir, run_id_at
from agbot.run.venues import Account, paper_matcher
from agbot.settings import Settings
from agbot.store.codec import decode_batch
from agbot.store.journal import BATCH, END, JournalReader
from agbot.store.verify import verify
from agbot.testing.builders import make_market, place
from agbot.units import SCALE, to_units


@pytest.fixture
def directory(tmp_path):
    return prepare_state_dir("demo", tmp_path / "state")


@pytest.fixture
def plan(directory, no_screens):
    return demo_plan(Start(settings=Settings(seed=3), state_dir=directory, screens=no_screens))


def close(session):
    session.journal.close()


def test_the_state_directory_is_private(tmp_path):
    path = prepare_state_dir("demo", tmp_path / "deep" / "state")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((path / "runs").stat().st_mode) == 0o700
    assert prepare_state_dir("demo", path) == path


def test_a_state_directory_that_cannot_hold_runs_is_named(tmp_path):
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    (path / "runs").symlink_to(tmp_path / "nowhere" / "at all")
    with pytest.raises(ConfigError) as caught:
        prepare_state_dir("demo", path)
    assert caught.value.id == "AGB-122"
    assert str(path) in str(caught.value)


def test_run_ids_sort_by_time():
    times = [1_700_000_000_000_000_000 + n * 10**6 for n in (0, 1, 10, 1000, 61_000, 90_000_000)]
    ids = [run_id_at(t, "DEMO") for t in times]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert ids[0] == "20231114T221320000-demo"


def test_a_second_bot_is_refused_and_told_who_holds_the_directory(directory):
    with exclusive(directory):
        with pytest.raises(ConfigError, match=f"pid {os.getpid()}") as caught, exclusive(directory):
            pass
        assert caught.value.id == "AGB-121"
    with exclusive(directory):
        pass


def test_markets_are_listed_before_anything_else(plan):
    session = Session(plan)
    parts = session.parts()
    assert [type(e) for e in parts.inbox._urgent] == [MarketListed] * len(plan.markets)
    assert parts.feeds == [plan.feed]
    assert session.facts.run_event()["capital_usd"] == "10000.00"
    close(session)


def test_a_latch_left_closed_is_heard_before_the_first_market(plan, directory):
    Latch(directory / "latch").close("fire", "me", 1)
    session = Session(plan)
    list_markets(session)
    assert session.closed(order_of(session)) == "fire"
    parts = session.parts()
    first = parts.inbox._urgent[0]
    assert (type(first), first.on, first.reason) == (KillSwitchSet, True, "fire")
    close(session)


def test_a_latch_without_a_reason_is_closed_all_the_same(plan, directory):
    session = Session(plan)
    list_markets(session)
    order = order_of(session)
    assert session.closed(order) == ""
    session.latch.close("", "me", 1)
    assert session.closed(order) == "on"
    close(session)


def test_what_is_closed_on_its_own_stops_its_own_orders_only(plan):
    session = Session(plan)
    list_markets(session)
    first, second = (order_of(session, at) for at in (0, 1))
    session.latch.close_scope("market", plan.markets[0].slug, reason="odd", by="me", at_ns=1)
    assert (session.closed(first), session.closed(second)) == ("odd", "")
    session.latch.close_scope("strategy", "test", reason="mad", by="me", at_ns=1)
    assert (session.closed(first), session.closed(second)) == ("odd", "mad")
    session.latch.open_scope("strategy", "test", reason="fine", by="me", at_ns=2)
    session.latch.close_scope("venue", "paper", reason="down", by="me", at_ns=1)
    assert session.closed(second) == "down"
    close(session)


def list_markets(session):
    session.engine.step(1, [MarketListed(m, 1) for m in session.plan.markets])


def order_of(session, at=0):
    market = session.plan.markets[at]
    return place(market=market.id, token=market.yes, venue=market.venue)


def test_the_paper_account_is_as_it_was_left():
    market = make_market()
    carried = [
        CarriedPosition("m1", Outcome.YES, to_units("7"), to_units("3"), "a"),
        CarriedPosition("m1", Outcome.YES, to_units("2"), to_units("1"), "b"),
        CarriedPosition("m1", Outcome.NO, to_units("1"), to_units("1"), "a"),
        CarriedPosition("gone", Outcome.NO, to_units("5"), to_units("1"), "a"),
    ]
    matcher = paper_matcher(Settings(), [market], Account(cash=to_units("50"), positions=tuple(carried)))
    assert matcher.cash == to_units("50")
    assert matcher.positions == {"m1-yes": to_units("9"), "m1-no": to_units("1")}


@pytest.fixture
def run_until(until):
    """Return a function that runs a session until something is true, stops it, and returns its reason."""

    async def run_until(session, condition):
        ended = []

        async def run():
            ended.append(await bot(session.parts()))

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await until(condition)
                session.stop.ask("enough")
        return ended[0]

    return run_until


def resting(session):
    return sum(record.state == "OPEN" for record in session.engine.oms.all_live())


async def test_a_run_trades_ends_flat_and_says_so_in_its_journal(plan, run_until):
    session = Session(plan)
    assert await run_until(session, lambda: resting(session) >= 4) == "enough"
    assert session.summary()["open_orders"] == 0
    assert list(await session.venue.get_open_orders()) == []
    verdict = verify(session.journal.path)
    assert (verdict.agrees, verdict.complete) == (True, True)
    assert verdict.digest == session.summary()["decision_digest"]
    reader = JournalReader(session.journal.path)
    assert [r.kind for r in reader.records()][-1] == END
    reader.close()
    lines = b"\n".join(session.registry.drain(10**9).lines)
    assert b'"ended":true' in lines


async def test_the_next_run_takes_over_what_was_left(plan, directory, run_until):
    first = Session(plan)
    await run_until(first, lambda: first.summary()["orders_placed"] > 0)
    cash, positions = first.engine.portfolio.cash, first.engine.portfolio.carried()
    second = Session(plan)
    assert second.carry.from_run == first.run_id
    assert second.engine.portfolio.cash == cash
    assert list(second.carry.positions) == positions
    assert second.venue.matcher.cash == cash
    close(second)


async def test_a_run_that_breaks_is_flat_but_does_not_claim_an_end(plan):
    class Breaking:
        name = "breaking"

        async def batches(self):
            async with contextlib.aclosing(plan.feed.batches()) as batches:
                async for batch in batches:
                    yield batch
                    if resting(session) >= 2:
                        raise ZeroDivisionError

    session = Session(attrs.evolve(plan, feed=Breaking()))
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True), trio.fail_after(60):
        await bot(session.parts())
    assert list(await session.venue.get_open_orders()) == []
    verdict = verify(session.journal.path)
    assert (verdict.agrees, verdict.complete) == (True, False)


async def test_a_lost_feed_is_no_end(plan, run_until):
    class Losing:
        name = "losing"
        losses = 0

        async def batches(self):
            if self.losses == 0:
                self.losses += 1
                raise VenueUnavailable("reset")
            async for batch in plan.feed.batches():
                yield batch

    session = Session(attrs.evolve(plan, feed=Losing()))
    await run_until(session, lambda: resting(session) > 0)
    assert verify(session.journal.path).complete


async def test_trade_returns_the_summary_after_its_duration(directory, no_screens):
    plan = demo_plan(Start(settings=Settings(), state_dir=directory, screens=no_screens, duration_s=0.3))
    with trio.fail_after(60):
        summary = await trade(plan)
    assert summary["ended"] == "--duration 0.3 s is over"
    assert summary["open_orders"] == 0
    assert re.fullmatch(r"[0-9a-f]{32}", summary["decision_digest"])


# ---------------------------------------------------------------- the kill switch trips by itself


async def test_a_run_that_loses_kills_itself_and_the_next_one_is_closed(plan, directory, run_until):
    plan = attrs.evolve(plan, settings=attrs.evolve(plan.settings, killswitch=Limits(daily_loss=0)))
    session = Session(plan)
    await run_until(session, lambda: session.latch.read().on)
    reason = session.latch.read().reason
    assert reason.startswith("daily_loss: ")
    assert session.engine.kill_switch == reason
    events = journaled(session)
    assert any(isinstance(e, KillSwitchSet) and e.by == "agbot" and e.reason == reason for e in events)
    assert verify(session.journal.path).agrees
    kept = session.baseline_file.read()
    assert (kept.tripped, kept.day_equity) == (("daily_loss",), 10_000 * SCALE)
    again = Session(plan)
    assert again.engine.settings.baseline == kept
    close(again)
    Latch(directory / "latch").open("me", "looked at it", 1)
    opened = Session(plan)
    assert opened.engine.settings.baseline == kept.released()
    close(opened)


def journaled(session):
    reader = JournalReader(session.journal.path)
    try:
        return [event for r in reader.records() if r.kind == BATCH for event in decode_batch(r.body)]
    finally:
        reader.close()


def test_a_baseline_that_cannot_be_read_starts_nothing(plan, directory):
    (directory / "equity-demo.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        Session(plan)
    assert caught.value.id == "AGB-514"
    unwatched = Session(attrs.evolve(plan, settings=attrs.evolve(plan.settings, killswitch=Limits())))
    close(unwatched)


async def test_a_restart_goes_on_with_the_days_loss(plan, run_until):
    first = Session(plan)
    await run_until(first, lambda: first.summary()["orders_placed"] > 0)
    kept = first.baseline_file.read()
    assert kept.day_equity == 10_000 * SCALE
    second = Session(plan)
    assert second.engine.settings.baseline == kept
    assert header_in(second).baseline == kept
    close(second)


def header_in(session):
    session.journal.commit()
    reader = JournalReader(session.journal.path)
    try:
        return reader.header()
    finally:
        reader.close()
