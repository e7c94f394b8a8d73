"""Turning the kill switch on: gate closed, everything cancelled, the venue asked until it shows nothing, a receipt.

One way for everybody: the operator on the control socket, and the core's own triggers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import trio

from agbot.core.engine import Engine
from agbot.core.risk import covers
from agbot.errors import ExecutionError, StoreError
from agbot.latch import Latch
from agbot.log import get_logger
from agbot.model.events import KillSwitchProven, KillSwitchSet
from agbot.model.order import Order, OrderState
from agbot.run.inbox import Inbox
from agbot.venue.ports import VenueAdapter

VERIFY_S: Final = 8.0
LOOK_S: Final = 3.0
AGAIN_S: Final = 0.05
CANCEL_AGAIN_S: Final = 0.25

log = get_logger(__name__)


class Killer:
    """The kill switch of a run. An empty scope is the account; else "market", "strategy" or "venue" with a name."""

    def __init__(
        self, *, engine: Engine, inbox: Inbox, venue: VenueAdapter, latch: Latch, now_ns: Callable[[], int]
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._venue = venue
        self._latch = latch
        self._now_ns = now_ns

    async def on(self, reason: str, by: str, scope: str = "", name: str = "") -> dict[str, Any]:
        """Close the gate, take off what it concerns, look until the venue shows none of it, and return the receipt."""
        began = time.perf_counter()
        latched = self.close_latch(reason, by, scope, name)
        closed_ms = (time.perf_counter() - began) * 1000
        # Before anything that waits for the venue: from here on the core wants no order, whatever the disk says.
        self._inbox.send_urgent(KillSwitchSet(True, reason, by, self._now_ns(), scope, name))
        before = await self._resting(scope, name)
        left = await self._cancel_until_none(scope, name)
        cancelled = None if before is None or left is None else max(0, before - left)
        self._told(scope, name, cancelled, left)
        log.critical("killswitch.on", reason=reason, by=by, scope=scope, name=name, cancelled=cancelled, left=left)
        return {
            "on": True,
            "latched": latched,
            "gate_closed_ms": round(closed_ms, 3),
            "orders_cancelled": cancelled,
            "orders_left": left,
            "verified": left == 0,
            "total_ms": round((time.perf_counter() - began) * 1000, 1),
        }

    def off(self, reason: str, by: str, scope: str = "", name: str = "") -> None:
        """Open latch and core again. StoreError AGB-511, NotFoundError AGB-512: nothing was opened."""
        if scope:
            self._latch.open_scope(scope, name, reason=reason, by=by, at_ns=self._now_ns())
        else:
            self._latch.open(by, reason, self._now_ns())
        log.critical("killswitch.off", reason=reason, by=by, scope=scope, name=name)
        self._inbox.send_urgent(KillSwitchSet(False, reason, by, self._now_ns(), scope, name))

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

    async def _cancel_until_none(self, scope: str, name: str) -> int | None:
        """Cancel and look again until the venue shows none of these orders; None when it could not be asked.

        Looking does not wait for the cancels: a venue with a budget for them may make the second one wait long after
        the first has done its work. An order on the wire when the gate closed may arrive after a look that shows
        nothing: while one is unanswered, no look is the last.
        """
        left: int | None = None
        with trio.move_on_after(VERIFY_S, shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_cancelling, scope, name)
                while True:
                    await trio.sleep(AGAIN_S)
                    answered = not self._unanswered()
                    left = await self._resting(scope, name)
                    if answered and left == 0:
                        break
                nursery.cancel_scope.cancel()
        return None if self._unanswered() else left

    def _unanswered(self) -> bool:
        """Return whether an order was sent of which nobody knows whether it arrived."""
        silent = (OrderState.PENDING_NEW, OrderState.UNKNOWN)
        return any(record.state in silent for record in self._engine.oms.all_live())

    async def _keep_cancelling(self, scope: str, name: str) -> None:
        while True:
            try:
                if not scope:
                    await self._venue.cancel_all()
                for order in await self._open(scope, name) if scope else ():
                    await self._venue.cancel_order(order.client_order_id)
            except ExecutionError as e:
                log.error("killswitch.cancel_failed", error=str(e))
            await trio.sleep(CANCEL_AGAIN_S)

    async def _resting(self, scope: str, name: str) -> int | None:
        with trio.move_on_after(LOOK_S):
            try:
                return len(await self._open(scope, name))
            except ExecutionError as e:
                log.error("open_orders.unread", error=str(e))
        return None

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
