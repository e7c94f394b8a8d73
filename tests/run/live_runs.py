"""Runs against a venue on loopback: begun, ended in order, or left as a kill leaves them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from agbot.model.order import OrderState
from agbot.run.lock import exclusive_wallet
from agbot.run.modes import trade_live
from agbot.run.session import Session
from agbot.store.verify import verify
from agbot.testing.venue_stub import ADDRESS, CONDITION, YES, StubKey


class Run:
    """A run under way: its session as soon as it has one, and its end."""

    def __init__(self):
        self.session: Session | None = None
        self.summary = None

    @property
    def live(self):
        return list(self.session.engine.oms.all_live())

    @property
    def resting(self):
        return [r for r in self.live if r.state is OrderState.OPEN] if self.session else []


async def ended(run, until, reason="enough"):
    run.session.stop.ask(reason)
    await until(lambda: run.summary is not None)
    assert run.summary["ended"] == reason
    assert run.summary["open_orders"] == 0
    verdict = verify(run.session.journal.path)
    assert (verdict.agrees, verdict.complete) == (True, True)


def posted(stub):
    return [*stub.asked("POST", "/order"), *stub.asked("POST", "/orders")]


def live_run(start, trader):
    """Return a function that trades live, as often as it is called, with the wallet locked."""

    async def run():
        with exclusive_wallet(ADDRESS, start.state_dir) as fence:
            return await trade_live(start, trader, fence)

    return run


async def left_resting(stub, live, running, until):
    """Let a run end as if it had been killed: its journal and its orders, returned by id, are as they were before."""
    run = await running(live, lambda run: len(run.resting) >= 2)
    kept = {order_id: dict(row) for order_id, row in stub.exchange.live.items()}
    journal = run.session.journal
    await until(lambda: journal.durable_seq == journal.seq)
    killed = journal.path.with_suffix(".killed")
    with closing(sqlite3.connect(journal.path)) as source, closing(sqlite3.connect(killed)) as target:
        source.backup(target)
    await ended(run, until)
    for left in journal.path.parent.glob(f"{journal.path.name}*"):
        left.unlink()
    killed.rename(journal.path)
    for order_id in kept:
        stub.exchange.finished.pop(order_id, None)
    stub.exchange.live.update(kept)
    return kept


def foreign(stub, order_id="0x" + "77" * 32):
    """Let an order rest that no journal explains."""
    stub.exchange.live[order_id] = {
        "id": order_id,
        "status": "LIVE",
        "owner": StubKey().key,
        "maker_address": ADDRESS,
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "original_size": "10",
        "size_matched": "0",
        "price": "0.1",
        "outcome": "Yes",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": 1,
    }
    return order_id
