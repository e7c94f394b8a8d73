"""Several runs of one wallet in a row, each ended in its own way: what is known at the end is what the venue has."""

from __future__ import annotations

import errno
import random
from collections import Counter

import attrs
import pytest
import trio

from agbot.errors import AgbotError, ExecutionError
from agbot.model.market import Outcome
from agbot.run import fence, session
from agbot.run.lock import exclusive_wallet
from agbot.run.modes import LIVE, markets_of, reconciled
from agbot.run.oneshot import send_one
from agbot.run.session import RUNS
from agbot.settings import ReconcileSettings
from agbot.store import journal
from agbot.store.carry import pasts
from agbot.testing.venue_stub import ADDRESS, NO, YES, error
from agbot.units import to_text, to_units
from tests.run.live_runs import ended, foreign, left_resting, live_run

REQUEST = {"market": "will-it-rain", "outcome": "YES", "side": "BUY", "type": "LIMIT", "tif": "GTC", "size": "10"}


class Wallet:
    """A wallet, its venue, and the ways in which a run of it can go."""

    def __init__(self, stub, start, trader, running, until):
        self.stub, self.start, self.trader, self.running, self.until = stub, start, trader, running, until
        self.live = live_run(start, trader)

    async def ends(self):
        """Trade, and end in order."""
        await ended(await self.running(self.live), self.until)

    async def is_killed(self):
        """Trade, and be killed with orders resting."""
        await left_resting(self.stub, self.live, self.running, self.until)

    async def orders(self, price="0.40"):
        """Send one order with no bot running; what rests stays."""
        with exclusive_wallet(ADDRESS, self.start.state_dir) as fence:
            return await send_one(self.start, self.trader, fence, {**REQUEST, "price": price})

    async def is_killed_at_its_start(self):
        """Take off and ask about everything, and be killed before there is a journal."""
        signer = await self.trader.signer()
        async with self.trader.connected(signer.account) as access:
            markets = await markets_of(self.start.settings, access)
            await reconciled(self.start, LIVE, signer, access, markets)

    async def finds_no_venue(self):
        """Start while the venue is down."""
        self.stub.reply("GET", "/data/orders", error(500, "down"), times=1)
        with pytest.raises(ExecutionError):
            await self.live()

    def fills(self, dice):
        """Let somebody trade with what rests; mostly it settles, at times it fails to."""
        for order_id, row in list(self.stub.exchange.live.items()):
            left = to_units(row["original_size"]) - to_units(row["size_matched"])
            if dice.random() < 0.6:
                trade = self.stub.exchange.fill(order_id, to_text(dice.choice((left, left // 2, left // 4))))
                self.stub.exchange.settle(trade, "FAILED" if dice.random() < 0.2 else "CONFIRMED")

    async def is_what_the_venue_has(self):
        """Start once more and compare everything."""
        before = set(self.stub.exchange.live)
        run = await self.running(self.live)
        found, account = run.session.plan.found, run.session.plan.account
        assert (found["corrections"], found["foreign"]) == ([], [])
        assert not before & set(self.stub.exchange.live)
        assert account.cash == self.stub.exchange.collateral
        held = Counter()
        for position in account.positions:
            assert position.strategy != "wallet", "somebody's trade, and nobody's position"
            held[YES if position.outcome is Outcome.YES else NO] += position.size
        assert held == Counter({token: size for token, size in self.stub.exchange.shares.items() if size})
        await ended(run, self.until)
        return found


@pytest.fixture
def wallet(stub, start, trader, running, until):
    stub.exchange.collateral = to_units("1000")
    return Wallet(stub, attrs.evolve(start), trader, running, until)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_runs_went_before_the_account_is_the_venues(seed, wallet):
    dice = random.Random(seed)
    ways = (wallet.ends, wallet.is_killed, wallet.orders, wallet.is_killed_at_its_start, wallet.finds_no_venue)
    for way in dice.choices(ways, weights=(1, 2, 4, 1, 1), k=4):
        await way()
        wallet.fills(dice)
    await wallet.is_what_the_venue_has()


async def test_orders_sent_alone_one_after_the_other_are_one_past(wallet):
    for price in ("0.40", "0.41", "0.42"):
        await wallet.orders(price)
    first = next(i for i, row in wallet.stub.exchange.live.items() if row["price"] == "0.4")
    wallet.stub.exchange.settle(wallet.stub.exchange.fill(first, "10"))
    found = await wallet.is_what_the_venue_has()
    assert (len(found["cancelled"]), found["fills"]) == (2, 1)


async def test_a_reply_that_was_lost_two_runs_ago_is_still_asked_about(wallet, monkeypatch):
    """The order of a run that was killed arrives after another run, of one order, has come and gone."""
    await wallet.is_killed()
    kept = dict(wallet.stub.exchange.live)
    wallet.stub.exchange.live.clear()  # on the wire still
    await wallet.orders()
    wallet.stub.exchange.live.update(kept)
    past = next(pasts(wallet.start.state_dir / RUNS, LIVE))
    assert len(past.live()) == 3
    found = await wallet.is_what_the_venue_has()
    assert len(found["cancelled"]) == 3


async def test_a_clock_that_was_put_back_hides_no_run_of_one_order(wallet, monkeypatch):
    await wallet.is_killed()
    monkeypatch.setattr(session, "now_ns", lambda: 10**18)
    await wallet.orders()
    monkeypatch.undo()
    assert len(next(pasts(wallet.start.state_dir / RUNS, LIVE)).sent()) >= 3
    with trio.fail_after(60):
        await wallet.is_what_the_venue_has()


# ---------------------------------------------------------------- looked at with an adversary's eye


async def test_a_start_that_is_killed_at_every_step_loses_nothing(wallet):
    """The start is given up after its first request, then after its second … until it comes through."""
    await wallet.is_killed()
    order_id = next(i for i, row in wallet.stub.exchange.live.items() if row["side"] == "BUY")
    wallet.stub.exchange.settle(wallet.stub.exchange.fill(order_id, "5"))
    for requests in range(1, 100):
        asked = len(wallet.stub.requests)
        with trio.CancelScope() as kill:

            def counted(_received, asked=asked, requests=requests, kill=kill):
                if len(wallet.stub.requests) - asked >= requests:
                    kill.cancel()

            for method in ("GET", "DELETE", "POST"):
                wallet.stub.reply(method, "*", counted, times=requests)
            await wallet.is_killed_at_its_start()
        if not kill.cancelled_caught:
            break
    assert requests > 5
    found = await wallet.is_what_the_venue_has()
    assert found["fills"] == 1


async def test_trades_of_a_run_whose_clock_was_ahead_are_found(wallet, monkeypatch):
    real = session.now_ns
    monkeypatch.setattr(session, "now_ns", lambda: real() + 3600 * 10**9)
    await wallet.orders()
    monkeypatch.undo()
    (order_id,) = wallet.stub.exchange.live
    wallet.stub.exchange.settle(wallet.stub.exchange.fill(order_id, "4"))
    wallet.stub.exchange.cancel([order_id])
    found = await wallet.is_what_the_venue_has()
    assert found["fills"] == 1


async def test_a_trade_that_fails_while_the_start_asks_is_no_fill(wallet):
    await wallet.is_killed()
    order_id, row = next((i, row) for i, row in wallet.stub.exchange.live.items() if row["side"] == "BUY")
    trade = wallet.stub.exchange.fill(order_id, row["original_size"])
    looks = []

    def fails_at_the_second(_received):
        looks.append(1)
        if len(looks) == 2:
            wallet.stub.exchange.settle(trade, "FAILED")

    wallet.stub.reply("GET", "/data/trades", fails_at_the_second)
    await wallet.is_what_the_venue_has()
    assert len(looks) >= 2
    assert not wallet.stub.exchange.shares.get(YES)


async def test_half_a_list_of_trades_starts_nothing(wallet):
    await wallet.is_killed()
    order_id, row = next((i, row) for i, row in wallet.stub.exchange.live.items() if row["side"] == "BUY")
    half = to_text(to_units(row["original_size"]) // 120)
    for _ in range(110):  # more than a page
        wallet.stub.exchange.settle(wallet.stub.exchange.fill(order_id, half))
    kept = len(wallet.stub.asked("POST", "/order"))

    def breaks_on_the_second_page(received):
        return error(500, "down") if received.query.get("next_cursor", "MA==") != "MA==" else None

    wallet.stub.reply("GET", "/data/trades", breaks_on_the_second_page, times=2)
    with pytest.raises(ExecutionError):
        await wallet.live()
    assert len(wallet.stub.asked("POST", "/order")) == kept
    found = await wallet.is_what_the_venue_has()
    assert found["fills"] == 110


@pytest.mark.parametrize("where", ["journal", "fence"])
async def test_a_disk_that_fills_during_a_start_loses_nothing(where, wallet, monkeypatch):
    await wallet.is_killed()
    order_id = next(i for i, row in wallet.stub.exchange.live.items() if row["side"] == "BUY")
    wallet.stub.exchange.settle(wallet.stub.exchange.fill(order_id, "5"))

    def full(*_, **_more):
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "journal":
        monkeypatch.setattr(journal, "DISK_FREE_MIN", 2**62)
    else:
        monkeypatch.setattr(fence, "_write", full)
    with pytest.raises(AgbotError) as caught:
        await wallet.live()
    assert caught.value.id == {"journal": "AGB-610", "fence": "AGB-153"}[where]
    monkeypatch.undo()
    found = await wallet.is_what_the_venue_has()
    assert found["fills"] == 1


async def test_an_order_from_elsewhere_that_comes_during_the_start_is_left_where_that_is_wanted(wallet, stub):
    leave = ReconcileSettings(on_start_foreign="leave")
    start = attrs.evolve(wallet.start, settings=attrs.evolve(wallet.start.settings, reconcile=leave))
    came = []

    def comes(_received):
        if not came:
            came.append(foreign(stub))

    stub.reply("GET", "/balance-allowance", comes)
    run = await wallet.running(live_run(start, wallet.trader), lambda run: len(run.resting) >= 2)
    assert run.session.plan.found["foreign"] == []
    await ended(run, wallet.until)
    assert list(stub.exchange.live) == came


async def test_trades_of_orders_that_no_journal_explains_are_told_beside_what_is_corrected(wallet):
    await wallet.ends()
    order_id = foreign(wallet.stub)
    for _ in range(120):  # more than a page
        wallet.stub.exchange.settle(wallet.stub.exchange.fill(order_id, "0.05"))
    wallet.stub.exchange.cancel([order_id])
    run = await wallet.running(wallet.live)
    found = run.session.plan.found
    assert {row["what"] for row in found["corrections"]} == {"YES", "cash"}
    assert found["strangers"] == {order_id: "6"}
    await ended(run, wallet.until)
