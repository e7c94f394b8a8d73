"""An operator who does everything at once, a slow venue, a clock that goes back: no order and no cent is lost."""

from __future__ import annotations

import contextlib
from collections import Counter

import msgspec
import pytest
import trio

from agbot.errors import AgbotError
from agbot.model.market import Outcome
from agbot.model.order import OrderState
from agbot.run import gateway
from agbot.run import session as sessions
from agbot.run.bot import bot
from agbot.run.session import RUNS, RunPlan, Session, prepare_state_dir, run_id_at
from agbot.settings import PaperSettings, Settings
from agbot.store.carry import carry_latest
from agbot.store.journal import RUN, Header, Journal
from agbot.store.verify import verify
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.demo import DemoFeed, DemoSimulation, demo_markets

SPEED = 20


def no_push(_registry, _event):
    async def run(task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()

    return run


@pytest.fixture
def plan(tmp_path):
    def make(duration_s, **paper):
        markets = demo_markets(3)
        settings = Settings(paper=PaperSettings(**paper))
        return RunPlan(
            mode="DEMO",
            settings=settings,
            state_dir=prepare_state_dir("demo", tmp_path / "state"),
            markets=markets,
            feed=DemoFeed(DemoSimulation(3, markets, sessions.now_ns()), speed=SPEED),
            duration_s=duration_s,
            push=no_push,
        )

    return make


def shares(session):
    held = Counter()
    for market, _ in session.engine.portfolio.holdings():
        for outcome in Outcome:
            held[market.token(outcome)] += session.engine.portfolio.position(market, outcome).size
    return {token: size for token, size in held.items() if size}


def check_books_balance(session):
    """Venue, core and journal agree on every share and every cent, and nothing is left open anywhere."""
    matcher, engine = session.venue.matcher, session.engine
    assert matcher.open_orders() == ()
    assert list(engine.oms.all_live()) == []
    assert engine.portfolio.cash == matcher.cash
    assert engine.portfolio.fees == matcher.fees_paid
    assert shares(session) == matcher.positions
    verdict = verify(session.journal.path)
    assert verdict.agrees
    assert verdict.complete
    assert carry_latest(session.plan.state_dir / RUNS, "DEMO").cash == matcher.cash
    assert session.tally.fills > 0, "nothing was traded, nothing was proved"


async def vandal(operator, dice, markets, latch):
    """Ask for one thing after another, without waiting for the one before."""
    handlers = operator.handlers()

    async def ask(op, request):
        with contextlib.suppress(AgbotError):  # risk, venue and kill switch say no all the time
            await handlers[op](request)

    async with trio.open_nursery() as nursery:
        while True:
            market = dice.choice(markets)
            order = {"market": market.id, "outcome": dice.choice(["YES", "NO"]), "size": dice.choice(["5", "17.31"])}
            order |= {"side": dice.choice(["BUY", "SELL"]), "price": dice.choice(["0.1", "0.5", "0.9"])}
            order |= dice.choice([{}, {"type": "MARKET", "tif": "FAK"}, {"tif": "FOK"}, {"post_only": True}])
            known = list(operator._engine.oms.all_live())
            requests = [("order", order)] * 6 + [("cancel", {}), ("status", {})]
            if known:
                requests += [("cancel", {"order_id": dice.choice(known).command.client_order_id})] * 4
            requests += [("killswitch", {"on": latch.gate().on is False, "reason": "drill", "by": "vandal"})]
            nursery.start_soon(ask, *dice.choice(requests))
            await trio.sleep(dice.choice([0, 0.001, 0.02]))
            while len(nursery.child_tasks) > 200:
                await trio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("latency_ms", [0, 50])
async def test_no_order_and_no_cent_is_lost_whatever_is_asked_at_once(plan, dice, latency_ms):
    session = Session(plan(4.0, order_latency_ns=latency_ms * NS_PER_MS, feed_latency_ns=latency_ms * NS_PER_MS // 5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(vandal, session.operator(), dice, session.plan.markets, session.latch)
        await bot(session.parts())
        nursery.cancel_scope.cancel()
    check_books_balance(session)


async def test_a_venue_slower_than_the_gateway_waits_makes_orders_unknown_and_then_known(plan, monkeypatch):
    """Accepted, filled or cancelled after the shield has given up: the user stream still says so."""
    monkeypatch.setattr(gateway, "ON_THE_WIRE_S", 0.1)
    session = Session(plan(1.5, order_latency_ns=300 * NS_PER_MS, feed_latency_ns=0))
    states = {}

    def watch(_batch, step):
        for record in step.changed:
            states.setdefault(record.command.client_order_id, []).append(record.state)

    monkeypatch.setattr(session.flat, "observe", both(session.flat.observe, watch))
    await bot(session.parts())
    unknown = [seen for seen in states.values() if OrderState.UNKNOWN in seen]
    assert unknown
    assert all(seen[-1].terminal for seen in states.values()), "an order was lost sight of"
    assert session.venue.matcher.open_orders() == ()
    assert session.engine.portfolio.cash == session.venue.matcher.cash


def both(first, second):
    def observe(batch, step):
        second(batch, step)
        first(batch, step)

    return observe


async def test_a_clock_that_went_back_does_not_bring_old_money_back(plan):
    """The next run carries what the last one left, also when that one's time was before the one before it."""
    made = plan(1.0)
    ahead = sessions.now_ns() + 3600 * NS_PER_S
    fields = {"version": "0", "seed": made.settings.seed, "policies": "{}", "strategies": ()}
    earlier = Header(run_id="ahead", mode="DEMO", capital=7, started_ns=ahead, **fields)
    journal = Journal(made.state_dir / RUNS / f"{run_id_at(ahead, 'DEMO')}.agj")
    journal.append(RUN, ahead, msgspec.msgpack.encode(earlier))
    journal.close()
    session = Session(made)
    session.journal.close()
    assert session.engine.portfolio.cash == 7
    assert carry_latest(made.state_dir / RUNS, "DEMO").from_run == session.run_id
