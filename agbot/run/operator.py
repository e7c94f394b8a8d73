"""What an operator can ask the running bot: status, stop, kill switch, orders. Bound to the control socket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import trio

from agbot.core.engine import Engine
from agbot.errors import ExecutionError, StoreError
from agbot.latch import Latch
from agbot.log import get_logger
from agbot.model.events import KillSwitchSet
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market
from agbot.model.order import Order, OrderAck, OrderState
from agbot.run.control import Handler
from agbot.run.execution import LocalExecution
from agbot.run.facts import RunFacts
from agbot.run.inbox import Inbox
from agbot.run.preview import preview
from agbot.run.requests import market_named, order_from, signed_reason, token_of
from agbot.units import usd_text
from agbot.venue.ports import VenueAdapter

VERIFY_S: Final = 3.0

log = get_logger(__name__)


class Operator:
    """Handlers of the control socket.

    Args:
        ask_stop: requests an orderly end, with a reason.
        feeds: returns how the feeds are doing, as `agbot.run.feeds.FeedWatch.report` does.
    """

    def __init__(
        self,
        *,
        facts: RunFacts,
        engine: Engine,
        inbox: Inbox,
        venue: VenueAdapter,
        execution: LocalExecution,
        latch: Latch,
        ask_stop: Callable[[str], None],
        feeds: Callable[[], dict[str, Any]],
        now_ns: Callable[[], int],
    ) -> None:
        self._facts = facts
        self._engine = engine
        self._inbox = inbox
        self._venue = venue
        self._execution = execution
        self._latch = latch
        self._ask_stop = ask_stop
        self._feeds_report = feeds
        self._now_ns = now_ns

    def handlers(self) -> Mapping[str, Handler]:
        """Return the requests by name."""
        return {
            "status": self._status,
            "feeds": self._feeds,
            "stop": self._stop,
            "killswitch": self._killswitch,
            "preview": self._preview,
            "order": self._order,
            "cancel": self._cancel,
        }

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self._facts.status(self._engine, self._now_ns())

    async def _feeds(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self._feeds_report()

    async def _stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._ask_stop(str(request.get("reason") or "agbot stop"))
        return {"stopping": True, "pid": os.getpid()}

    async def _killswitch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reason, by = signed_reason(request)
        if not request.get("on"):
            self._latch.open(by, reason, self._now_ns())
            self._inbox.send_urgent(KillSwitchSet(False, reason, by, self._now_ns()))
            return {"on": False, "by": by}
        return await self._kill(reason, by)

    async def _kill(self, reason: str, by: str) -> dict[str, Any]:
        began = time.perf_counter()
        latched = self._close_latch(reason, by)
        closed_ms = (time.perf_counter() - began) * 1000
        # Before anything that waits for the venue: from here on the core wants no order, whatever the disk says.
        self._inbox.send_urgent(KillSwitchSet(True, reason, by, self._now_ns()))
        before = await self._open_orders()
        left = await self._cancel_until_none()
        log.critical("killswitch.on", reason=reason, by=by, cancelled=before, left=left)
        return {
            "on": True,
            "latched": latched,
            "gate_closed_ms": round(closed_ms, 3),
            "orders_cancelled": None if before is None or left is None else max(0, before - left),
            "orders_left": left,
            "verified": left == 0,
            "total_ms": round((time.perf_counter() - began) * 1000, 1),
        }

    def _close_latch(self, reason: str, by: str) -> bool:
        """Return whether the latch is closed on disk. A full disk must not keep orders on the book."""
        try:
            if not self._latch.gate().on:
                self._latch.close(reason, by, self._now_ns())
        except StoreError as e:
            log.critical("killswitch.not_latched", error=str(e))
            return False
        return True

    async def _cancel_until_none(self) -> int | None:
        """Cancel all and look again until the venue shows no open order; None when it could not be asked."""
        left: int | None = None
        with trio.move_on_after(VERIFY_S, shield=True):
            while left != 0:
                try:
                    await self._venue.cancel_all()
                except ExecutionError as e:
                    log.error("cancel_all.failed", error=str(e))
                left = await self._open_orders()
                await trio.sleep(0 if left == 0 else 0.05)
        return left

    async def _open_orders(self) -> int | None:
        with trio.move_on_after(VERIFY_S):
            try:
                return len(await self._venue.get_open_orders())
            except ExecutionError as e:
                log.error("open_orders.unread", error=str(e))
        return None

    def _asked(self, request: Mapping[str, Any]) -> tuple[Market, Order]:
        market, _ = market_named(str(request.get("market", "")), self._engine.markets.values())
        book = self._engine.books[token_of(request, market)]
        return market, order_from(request, market, book, ClientOrderId(f"op-{self._now_ns()}"))

    async def _preview(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Say what the order would do and what the gate would say; nothing is sent, nothing journaled."""
        market, order = self._asked(request)
        shown = preview(market, self._engine.books[order.token], order, self._now_ns())
        cash = usd_text(self._engine.portfolio.cash)
        return {**shown.json(), **self._facts.account(), "cash_usd": cash, "denied": self._execution.denied(order)}

    async def _order(self, request: Mapping[str, Any]) -> dict[str, Any]:
        _, order = self._asked(request)
        ack: OrderAck = await self._execution.submit_order(order)
        return {"order_id": ack.order_id, "status": str(ack.status), "filled": f"{ack.filled:f}"}

    async def _cancel(self, request: Mapping[str, Any]) -> dict[str, Any]:
        order_id = str(request.get("order_id") or "")
        if order_id:
            ack = await self._execution.cancel_order(order_id)
            return {"order_id": ack.order_id, "status": str(ack.status)}
        ended = await self._execution.cancel_all()
        return {"cancelled": sum(a.status is OrderState.CANCELLED for a in ended), "asked": len(ended)}
