"""Several runs of one wallet in a row, each ended in its own way: what is known at the end is what the venue has."""

from __future__ import annotations

import random
from collections import Counter

import attrs
import pytest
import trio

from agbot.errors import ExecutionError
from agbot.model.market import Outcome
from agbot.run import session
from agbot.run.lock import exclusive_wallet
from agbot.run.modes import LIVE, markets_of, reconciled
from agbot.run.oneshot import send_one
from agbot.run.session import RUNS
from agbot.store.carry import pasts
from agbot.testing.venue_stub import ADDRESS, NO, YES, error
from agbot.units import to_text, to_units
from tests.run.live_runs import ended, left_resting, live_run

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
