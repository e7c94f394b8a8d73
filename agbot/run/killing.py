"""Turning the kill switch on: gate closed, everything cancelled, the venue asked until it shows nothing, a receipt.

One way for everybody: the operator on the control socket, and the core's own triggers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Any

from agbot.core.engine import Engine
from agbot.core.risk import covers
from agbot.errors import ExecutionError, StoreError
from agbot.latch import Latch, LatchState
from agbot.log import get_logger
from agbot.model.events import KillSwitchProven, KillSwitchSet
from agbot.model.ids import ClientOrderId
from agbot.model.order import Order, OrderState
from agbot.run.clock import closed_by
from agbot.run.inbox import Inbox
from agbot.run.sweep import cancel_until_none, each, looked
from agbot.venue.ports import VenueAdapter

log = get_logger(__name__)


class Killer:
    """The kill switch of a run. An empty scope is the account; else "market", "strategy" or "venue" with a name.

    Args:
        latch: of this machine, which `on` closes and `off` opens.
        gate: what holds in the end; it may be closed by more than the latch.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        inbox: Inbox,
        venue: VenueAdapter,
        latch: Latch,
        gate: Callable[[], LatchState],
        now_ns: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._venue = venue
        self._latch = latch
        self._gate = gate
        self._now_ns = now_ns

    async def on(self, reason: str, by: str, scope: str = "", name: str = "") -> dict[str, Any]:
        """Close the gate, take off what it concerns, look until the venue shows none of it, and return the receipt."""
        began = time.perf_counter()
        latched = self.close_latch(reason, by, scope, name)
        closed_ms = round((time.perf_counter() - began) * 1000, 3)
        known = self.live(scope, name)  # before the core is told: its cancels may be faster than the look
        receipt = await self.swept(reason, by, scope, name, known=known)
        total_ms = round((time.perf_counter() - began) * 1000, 1)
        return {"on": True, "latched": latched, "gate_closed_ms": closed_ms, **receipt, "total_ms": total_ms}

    async def swept(self, reason: str, by: str, scope: str, name: str, *, known: Set[ClientOrderId]) -> dict[str, Any]:
        """Take off what a closed gate concerns, look until the venue shows none of it, and return what came of it."""
        # Before anything that waits for the venue: from here on the core wants no order, whatever the disk says.
        self._inbox.send_urgent(KillSwitchSet(True, reason, by, self._now_ns(), scope, name))
        before = await looked(look := partial(self._open, scope, name))
        cancel = self._by_id if scope else self._everything
        shown = await cancel_until_none(look, cancel, first=before or (), answered=self._answered)
        left = None if shown is None else len(shown)
        cancelled = None
        if before is not None and shown is not None:
            gone = {*known, *(o.client_order_id for o in before)} - {o.client_order_id for o in shown}
            cancelled = sum(not self._filled(order_id) for order_id in gone)
        self._told(scope, name, cancelled, left)
        log.critical("killswitch.on", reason=reason, by=by, scope=scope, name=name, cancelled=cancelled, left=left)
        return {"orders_cancelled": cancelled, "orders_left": left, "verified": left == 0}

    def off(self, reason: str, by: str, scope: str = "", name: str = "") -> None:
        """Open latch and core again. StoreError AGB-511, NotFoundError AGB-512: nothing was opened."""
        if scope:
            self._latch.open_scope(scope, name, reason=reason, by=by, at_ns=self._now_ns())
        else:
            self._latch.open(by, reason, self._now_ns())
        log.critical("killswitch.off", reason=reason, by=by, scope=scope, name=name)
        still = closed_by(self._gate()).get((scope, name))
        self._inbox.send_urgent(KillSwitchSet(still is not None, still or reason, by, self._now_ns(), scope, name))

    def close_latch(self, reason: str, by: str, scope: str = "", name: str = "") -> bool:
        """Return whether the latch is closed on disk. A full disk must not keep orders on the book."""
        try:
            if scope:
                self._latch.close_scope(scope, name, reason=reason, by=by, at_ns=self._now_ns())
            elif not self._latch.gate().on:
                self._latch.close(reason, by, self._now_ns())
        except StoreError as e:
            log.critical("killswitch.not_latched", error=str(e))
            return False
        return True

    def live(self, scope: str, name: str) -> set[ClientOrderId]:
        """Return what the core knows to rest of what the scope covers."""
        commands = [r.command for r in self._engine.oms.all_live() if r.venue_order_id]
        markets = self._engine.markets
        return {c.client_order_id for c in commands if not scope or covers(scope, name, markets[c.market], c.strategy)}

    def _filled(self, order_id: ClientOrderId) -> bool:
        record = self._engine.oms.get(order_id)
        return record is not None and record.state is OrderState.FILLED

    def _answered(self) -> bool:
        """Return whether of every order that was sent somebody knows whether it arrived."""
        silent = (OrderState.PENDING_NEW, OrderState.UNKNOWN)
        return not any(record.state in silent for record in self._engine.oms.all_live())

    async def _everything(self, orders: Sequence[Order]) -> None:
        try:
            await self._venue.cancel_all()
        except ExecutionError:
            await self._by_id(orders)
            raise

    async def _by_id(self, orders: Sequence[Order]) -> None:
        await each(self._venue.cancel_order, [order.client_order_id for order in orders])

    async def _open(self, scope: str, name: str) -> list[Order]:
        orders = await self._venue.get_open_orders()
        return [order for order in orders if not scope or self._concerns(scope, name, order)]

    def _concerns(self, scope: str, name: str, order: Order) -> bool:
        """Return whether the scope covers an order at the venue; one in an unknown market is the venue's only."""
        record, market = self._engine.oms.get(order.client_order_id), self._engine.markets.get(order.market)
        strategy = record.command.strategy if record else ""
        return covers(scope, name, market, strategy) if market else scope == "venue"

    def _told(self, scope: str, name: str, cancelled: int | None, left: int | None) -> None:
        figures = (-1 if cancelled is None else cancelled, -1 if left is None else left)
        self._inbox.send_urgent(KillSwitchProven(scope, name, *figures, self._now_ns()))
