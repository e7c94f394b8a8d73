"""The CLOB's orders and cancels, and the kill switch that cancels them when a key falls silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from agbot.exchange.api import Ask, Reply, Route
from agbot.exchange.clob.heartbeats import Heartbeats
from agbot.exchange.clob.limits import Limits, Verdict
from agbot.exchange.clob.posted import Intake, PostedBody, read_batch, read_one
from agbot.exchange.clob.signatures import INVALID_PAYLOAD
from agbot.exchange.clob.wire import Json, placed_json, unplaced_json
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Order, Refused
from agbot.exchange.routing import refusal

CANCELS_MAX: Final = 1000
BAD_HEARTBEAT: Final = "Invalid Heartbeat ID"
SILENT: Final = "heartbeat timed out"


class TradingRoutes:
    """Routes that place and cancel; every one is for holders of keys.

    Args:
        now_ns: the exchange's clock.
    """

    def __init__(
        self, core: Exchange, intake: Intake, limits: Limits, heartbeats: Heartbeats, now_ns: Callable[[], int]
    ) -> None:
        self.core = core
        self.intake = intake
        self.limits = limits
        self.heartbeats = heartbeats
        self.now_ns = now_ns

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the routes, not yet behind a check of keys."""
        return {
            ("POST", "/order"): self._post,
            ("POST", "/orders"): self._post_batch,
            ("DELETE", "/order"): self._cancel_one,
            ("DELETE", "/orders"): self._cancel_several,
            ("DELETE", "/cancel-all"): lambda ask: self._cancel_matching(ask, lambda _: True),
            ("DELETE", "/cancel-market-orders"): self._cancel_market,
            ("POST", "/v1/heartbeats"): self._beat,
            ("POST", "/heartbeats"): self._tap,
        }

    # ------------------------------------------------------------ orders

    def _post(self, ask: Ask) -> Reply:
        body = read_one(ask.body)
        return _charged(self.limits.order(ask.address, 1, self.now_ns()), lambda: Reply(self._place(ask, body)))

    def _post_batch(self, ask: Ask) -> Reply:
        batch = read_batch(ask.body)
        verdict = self.limits.order(ask.address, len(batch), self.now_ns())
        return _charged(verdict, lambda: Reply([self._placed(ask, body) for body in batch]))

    def _place(self, ask: Ask, body: PostedBody) -> Json:
        new = self.intake.order(body, ask.address, ask.key)
        return placed_json(self.core.place(new, self.now_ns()))

    def _placed(self, ask: Ask, body: PostedBody) -> Json:
        try:
            return self._place(ask, body)
        except Refused as e:
            return unplaced_json(e.text)

    # ------------------------------------------------------------ cancels

    def _cancel_one(self, ask: Ask) -> Reply:
        said = ask.json
        order_id = said.get("orderID") if isinstance(said, dict) else None
        return self._cancel_named(ask, [order_id])

    def _cancel_several(self, ask: Ask) -> Reply:
        return self._cancel_named(ask, ask.json)

    def _cancel_named(self, ask: Ask, ids: Any) -> Reply:
        if not isinstance(ids, list) or not all(isinstance(name, str) and name for name in ids):
            raise Refused(INVALID_PAYLOAD)
        if len(ids) > CANCELS_MAX:
            raise Refused(f"Too many orders in payload: {len(ids)}, max allowed: {CANCELS_MAX}")
        verdict = self.limits.cancel(ask.address, len(ids), self.now_ns())
        return _charged(verdict, lambda: self._cancel(ask.address, ids))

    def _cancel_market(self, ask: Ask) -> Reply:
        said = ask.json
        wanted = [said.get(name) or "" for name in ("market", "asset_id")] if isinstance(said, dict) else []
        if not any(wanted) or not all(isinstance(name, str) for name in wanted):
            raise Refused(INVALID_PAYLOAD)
        market, token = wanted
        return self._cancel_matching(
            ask, lambda order: market in ("", order.listing.condition) and token in ("", order.new.token)
        )

    def _cancel_matching(self, ask: Ask, wanted: Callable[[Order], bool]) -> Reply:
        ids = [order.id for order in self.core.open_orders(ask.address) if wanted(order)]
        verdict = self.limits.cancel_many(ask.address, len(ids), self.now_ns())
        return _charged(verdict, lambda: self._cancel(ask.address, ids))

    def _cancel(self, address: str, ids: list[str]) -> Reply:
        canceled, not_canceled = self.core.cancel(address, ids, self.now_ns())
        return Reply({"canceled": canceled, "not_canceled": not_canceled})

    # ------------------------------------------------------------ heartbeats

    def _beat(self, ask: Ask) -> Reply:
        said = ask.json
        name = (said.get("heartbeat_id") or "") if isinstance(said, dict) else None
        if not isinstance(name, str):
            raise Refused(INVALID_PAYLOAD)
        taken, following = self.heartbeats.take(ask.key, ask.address, name, self.now_ns())
        if not taken:
            return Reply({"error_msg": BAD_HEARTBEAT, "heartbeat_id": following}, 400)
        return Reply({"heartbeat_id": following})

    def _tap(self, ask: Ask) -> Reply:
        self.heartbeats.tap(ask.key, ask.address, self.now_ns())
        return Reply({"status": "ok"})

    def sweep(self, now_ns: int) -> int:
        """Cancel the orders of keys whose heartbeat stopped, and return how many; to be called as time passes."""
        cancelled = 0
        for key, address in self.heartbeats.overdue(now_ns):
            ids = [order.id for order in self.core.open_orders(address) if order.new.owner == key]
            cancelled += len(self.core.cancel(address, ids, now_ns, reason=SILENT)[0])
        return cancelled


def _charged(verdict: Verdict, act: Callable[[], Reply]) -> Reply:
    """Return what `act` answers, with the limiter's headers; 429 when it may not act."""
    if not verdict.ok:
        return verdict.refusal()
    try:
        reply = act()
    except Refused as e:
        reply = refusal(e)
    return attrs.evolve(reply, headers=(*reply.headers, *verdict.headers)) if verdict.headers else reply
