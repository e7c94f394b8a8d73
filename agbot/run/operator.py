"""What an operator can ask the running bot: status, stop, kill switch, orders. Bound to the control socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from agbot.core.engine import OPERATOR, Engine
from agbot.core.risk import covers
from agbot.errors import ConfigError, NotFoundError
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market
from agbot.model.order import Order, OrderAck, OrderState
from agbot.run.control import Handler
from agbot.run.denials import Denials
from agbot.run.differences import Differences
from agbot.run.execution import LocalExecution
from agbot.run.facts import RunFacts
from agbot.run.flatten import Flattener
from agbot.run.killing import Killer
from agbot.run.ladder import ladder
from agbot.run.new_policies import NewPolicies
from agbot.run.preview import preview
from agbot.run.requests import market_named, order_from, signed_reason, token_of
from agbot.run.risk_view import view
from agbot.run.strategy_view import strategies
from agbot.units import usd_text


class Operator:
    """Handlers of the control socket.

    Args:
        ask_stop: requests an orderly end, with a reason.
        feeds: returns how the feeds are doing, as `agbot.run.feeds.FeedWatch.report` does.
        differences: the venue's figures against ours; None where there is no account to read.
        in_book: whether the books that are seen have our own orders in them.
        denials: whether anything passed the gate lately; None where nobody counts.
    """

    def __init__(
        self,
        *,
        facts: RunFacts,
        engine: Engine,
        execution: LocalExecution,
        killer: Killer,
        flattener: Flattener,
        ask_stop: Callable[[str], None],
        feeds: Callable[[], dict[str, Any]],
        now_ns: Callable[[], int],
        new_policies: NewPolicies,
        differences: Differences | None = None,
        in_book: bool = False,
        denials: Denials | None = None,
    ) -> None:
        self._facts = facts
        self._engine = engine
        self._execution = execution
        self._killer = killer
        self._flattener = flattener
        self._ask_stop = ask_stop
        self._feeds_report = feeds
        self._now_ns = now_ns
        self._new_policies = new_policies
        self._differences = differences
        self._in_book = in_book
        self._denials = denials

    def handlers(self) -> Mapping[str, Handler]:
        """Return the requests by name."""
        return {
            "status": self._status,
            "risk": self._risk,
            "policies": self._new_policies.handle,
            "feeds": self._feeds,
            "ladder": self._ladder,
            "strategies": self._strategies,
            "stop": self._stop,
            "killswitch": self._killswitch,
            "flatten": self._flatten,
            "preview": self._preview,
            "order": self._order,
            "cancel": self._cancel,
            "reconcile": self._reconcile,
        }

    async def _status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        now_ns = self._now_ns()
        denied = self._denials.report(now_ns) if self._denials else {}
        return {**self._facts.status(self._engine, now_ns), "denied": denied}

    async def _risk(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return view(self._engine, self._now_ns())

    async def _feeds(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return self._feeds_report()

    async def _ladder(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return ladder(self._engine, request, in_book=self._in_book)

    async def _strategies(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return strategies(self._engine)

    async def _stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._ask_stop(str(request.get("reason") or "agbot stop"))
        return {"stopping": True, "pid": os.getpid()}

    async def _killswitch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reason, by = signed_reason(request)
        scope, name = str(request.get("scope") or ""), str(request.get("name") or "")
        if not request.get("on"):
            self._killer.off(reason, by, scope, name)
            return {"on": False, "by": by}
        if scope:
            self._check_known(scope, name)
        receipt = await self._killer.on(reason, by, scope, name)
        if request.get("flatten"):
            self._flattener.begin(str(request["flatten"]), **({scope: name} if scope in ("market", "strategy") else {}))
        return receipt

    async def _flatten(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._flattener.progress(int(request.get("seen") or 0))

    def _check_known(self, scope: str, name: str) -> None:
        markets = self._engine.markets.values()
        if scope == "market" and any(covers(scope, name, m, "") for m in markets):
            return
        known: dict[str, list[str]] = {
            "market": [m.name for m in markets],
            "strategy": [OPERATOR, *self._engine.coordinator.strategies],
            "venue": sorted({m.venue for m in markets}),
        }
        if scope not in known:
            raise ConfigError(
                f"no kill switch has the scope {scope!r}", id="AGB-515", remedy=f"it is {', '.join(known)}"
            )
        if name not in known[scope]:
            remedy = f"known: {', '.join(known[scope])}"
            raise NotFoundError(f"this bot has no {scope} {name!r}", id="AGB-515", remedy=remedy)

    def _asked(self, request: Mapping[str, Any]) -> tuple[Market, Order]:
        market, _ = market_named(str(request.get("market", "")), self._engine.markets.values())
        book = self._engine.books[token_of(request, market)]
        return market, order_from(request, market, book, ClientOrderId(f"op-{self._now_ns()}"))

    async def _preview(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Say what the order would do and what the gate would say; nothing is sent, nothing journaled."""
        market, order = self._asked(request)
        shown = preview(market, self._engine.books[order.token], order, self._now_ns())
        cash = usd_text(self._engine.portfolio.cash)
        found = self._execution.denials(order)
        told = {"denied": [row["rule"] for row in found], "figures": found}
        return {**shown.json(), **self._facts.account(), "cash_usd": cash, **told}

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

    async def _reconcile(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Show where the venue's figures are not ours; with `accept`, take those of one market over."""
        if self._differences is None:
            raise ConfigError(
                "this run has no account at a venue that its own figures could differ from",
                id="AGB-548",
                remedy="agbot run CONFIG --mode live trades with one",
            )
        if not request.get("accept"):
            return {**self._differences.report(), "rows": self._differences.shown()}
        reason, by = signed_reason(request, "an acceptance")
        return {"accepted": await self._differences.accept(str(request["accept"]), by=by, reason=reason)}
