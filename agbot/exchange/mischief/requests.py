"""Faults on the way of a request: what is refused, lost, late or told wrong. Off, it costs one look at a flag.

`Mischief` stands around the dispatch of HTTP requests; `agbot.exchange.mischief.sockets` does the same for WebSockets.
The core asks it for a trade's fate. Which fault strikes when is the plan's decision (`agbot.faults`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, TypeAlias

import attrs
import trio

from agbot.exchange.api import Ask, Reply, error
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, NewOrder, Refused, Trade
from agbot.exchange.mischief import replies, words
from agbot.fault_plan import Plan
from agbot.units import NS_PER_S
from agbot.web.server import Break, Response

Serve: TypeAlias = Callable[[Ask], Reply]
"""The honest exchange; its refusals are replies already."""
Said: TypeAlias = Reply | Break | None

BOOKS_KEPT: Final = 1_000
"""Stale books that are remembered."""


class Case:
    """One request and what a fault may be bound to: its path, site, wallets and markets, found out when asked for."""

    def __init__(self, plan: Plan, core: Exchange, ask: Ask, site: str, now_ns: int) -> None:
        self.ask = ask
        self.now_ns = now_ns
        self._plan = plan
        self._core = core
        self._site = site

    @cached_property
    def body(self) -> Any:
        """Return the decoded body; None when it is empty or not JSON."""
        try:
            return self.ask.json if self.ask.body else None
        except Refused:
            return None

    @cached_property
    def orders(self) -> list[dict[str, Any]]:
        """Return the order objects that are posted; empty when there are none."""
        items = self.body if isinstance(self.body, list) else [self.body]
        return [item for item in items if isinstance(item, dict) and isinstance(item.get("order"), dict)]

    @cached_property
    def ids(self) -> list[str]:
        """Return the ids of the orders that are to be cancelled; empty when they are not named."""
        if isinstance(self.body, list):
            return [order_id for order_id in self.body if isinstance(order_id, str)]
        named = self.body.get("orderID") if isinstance(self.body, dict) else None
        return [named] if isinstance(named, str) else []

    @cached_property
    def listings(self) -> list[Listing]:
        """Return the markets of the orders in the body, of those it cancels, or of the token in the query."""
        if cancelled := [order for order_id in self.ids if (order := self._core.order(order_id)) is not None]:
            return [order.listing for order in cancelled]
        tokens = [str(item["order"].get("tokenId")) for item in self.orders]
        found = (self._core.of_token(token) for token in tokens or [self.ask.query.get("token_id", "")])
        return [listing for listing in found if listing is not None]

    @cached_property
    def subject(self) -> dict[str, str | tuple[str, ...]]:
        """Return what `Plan.strikes` is told of it."""
        wallets = [self.ask.address, self.ask.headers.get("poly_address", "")]
        wallets += [str(item["order"].get("maker")) for item in self.orders]
        return {
            "path": f"{self.ask.method} {self.ask.path}",
            "site": self._site,
            "wallet": tuple(filter(None, wallets)),
            "market": tuple(listing.condition for listing in self.listings),
        }

    def hit(self, name: str) -> Mapping[str, Any] | None:
        """Return the parameters of a fault that strikes this request."""
        return self._plan.strikes(name, self.now_ns, **self.subject) if self._plan.switches(name) else None


class Mischief:
    """Faults around HTTP requests and, once it is attached, in the core's decisions.

    Args:
        now_ns: the exchange's clock.
    """

    def __init__(self, plan: Plan, core: Exchange, now_ns: Callable[[], int]) -> None:
        self.plan = plan
        self.core = core
        self.now_ns = now_ns
        self._frozen: dict[tuple[str, ...], Reply] = {}
        self._counting: tuple[int, ...] = ()
        self._every = 0
        self._seen = 0
        self._honest_fate = core.settlement.fate

    # ------------------------------------------------------------ requests

    async def answer(self, ask: Ask, serve: Serve, site: str = "clob") -> Response | Break:
        """Answer a request, or not, as the faults that strike it say; the honest answer is ``serve(ask)``."""
        said, late_s = self.said(ask, serve, site)
        if late_s:
            await trio.sleep(late_s)
        return said

    def said(self, ask: Ask, serve: Serve, site: str = "clob") -> tuple[Response | Break, float]:
        """Return the answer to a request that has arrived, and how many seconds late it leaves."""
        if not self.plan.busy:
            return serve(ask).response(), 0.0
        case = Case(self.plan, self.core, ask, site, self.now_ns())
        said = self._refused(case, serve)
        if said is None:
            said = self._rewritten(case, self._acted(case, serve))
        late = case.hit("slow_reply")
        return (said if isinstance(said, Break) else said.response()), float(late["delay_s"]) if late else 0.0

    def _refused(self, case: Case, serve: Serve) -> Said:
        for name, say in _BEFORE.items():
            if (params := case.hit(name)) is not None and (said := say(case, params)) is not None:
                if params.get("acted"):
                    self._acted(case, serve)
                return said
        if not self.plan.switches("not_canceled") or (ids := self._named(case)) is None:
            return None
        if (params := case.hit("not_canceled")) is None:
            return None
        if params["acted"]:
            self._acted(case, serve)
        return Reply({"canceled": [], "not_canceled": dict.fromkeys(ids, params["reason"])})

    def _named(self, case: Case) -> list[str] | None:
        """Return the ids a cancel is about; None when it is none, or not as it should be."""
        ask = case.ask
        if ask.method != "DELETE" or ask.path in ("/order", "/orders"):
            return case.ids or None
        wanted = case.body if isinstance(case.body, dict) else {}
        address = ask.address or ask.headers.get("poly_address", "")
        return [
            order.id
            for order in self.core.open_orders(address)
            if wanted.get("market") in (None, "", order.listing.condition)
            and wanted.get("asset_id") in (None, "", order.new.token)
        ]

    def _acted(self, case: Case, serve: Serve) -> Reply:
        batch, delay = case.hit("partial_batch"), case.hit("delayed_order")
        self._every, self._seen = batch["every"] if batch else 0, 0
        try:
            with _delayed(case.listings, delay["delay_s"] if delay else None):
                return serve(case.ask)
        finally:
            self._every = 0

    def objection(self, new: NewOrder) -> str:  # noqa: ARG002 - whichever order it is
        """Return why the core is to refuse an order, empty to let it decide; asked once for each order."""
        self._seen += 1
        return words.NOT_TAKEN if self._every and self._seen % self._every == 0 else ""

    def _rewritten(self, case: Case, reply: Reply) -> Reply | Break:
        if case.hit("stale_book"):
            reply = self._stale(case.ask, reply)
        for name, change in _AFTER.items():
            if (params := case.hit(name)) is not None and reply.status == 200:
                reply = change(reply, params)
        if case.hit("duplicate_trade_ids"):
            reply = replies.same_trade_ids(reply, self.first_trade)
        if lost := case.hit("reply_lost"):
            return Break(reset=lost["reset"])
        if cut := case.hit("truncated_json_reply"):
            return words.truncated(reply, cut["framing"])
        return reply

    def _stale(self, ask: Ask, reply: Reply) -> Reply:
        key = (ask.method, ask.path, ask.query_text, sha256(ask.body).hexdigest())
        if key not in self._frozen and len(self._frozen) >= BOOKS_KEPT:
            self._frozen.pop(next(iter(self._frozen)))
        return self._frozen.setdefault(key, reply)

    def first_trade(self, taker_order_id: str) -> str:
        """Return the id of a taker order's first trade, empty when it is not known."""
        order = self.core.order(taker_order_id)
        return order.trades[0] if order is not None and order.trades else ""

    # ------------------------------------------------------------ the core's decisions

    def attach(self) -> None:
        """Make the core ask here, once, what becomes of orders and trades."""
        self.core.settlement.fate = self.fate
        self.core.settlement.lag_ns = self.lag_ns
        self.core.objection = self.objection
        self.plan.listeners.append(self.refresh)
        self.refresh()

    def fate(self, trade: Trade) -> str:
        """Return what becomes of a trade: ``confirm``, ``retry`` or ``fail``."""
        if self.plan.busy:
            if self._strikes("provisional_trade_fails", trade):
                return "fail"
            if self._strikes("settlement_retries", trade):
                return "retry"
        return self._honest_fate(trade)

    def lag_ns(self, trade: Trade) -> int:
        """Return how much longer than usual a trade stays MATCHED."""
        params = self._strikes("slow_settlement", trade) if self.plan.busy else None
        return int(params["delay_s"] * NS_PER_S) if params else 0

    def _strikes(self, name: str, trade: Trade) -> Mapping[str, Any] | None:
        parties = {x for leg in trade.legs for x in (leg.order.new.address, leg.order.new.maker)}
        market = trade.listing.condition
        return self.plan.strikes(name, self.now_ns(), market=market, wallet=tuple(sorted(parties)))

    def _release(self, honest: bool) -> None:
        """Make the balance gate let go of settled trades, or go on counting them; honest again, it forgets them."""
        settlement = self.core.settlement
        if honest and not settlement.release_matched:
            for holding in self.core.accounts.holdings.values():
                holding.stuck_amounts.clear()
        settlement.release_matched = honest

    def refresh(self) -> None:
        """Follow the plan where it is not asked at each occasion; called when a switch or its time changed."""
        now_ns = self.now_ns()
        window = self.plan.window("matched_not_released", now_ns)
        if window != self._counting:
            self._counting = window
            self._release(self.plan.strikes("matched_not_released", now_ns) is None)
        if not self.plan.window("stale_book", now_ns):
            self._frozen.clear()


_ORDER_MODES: Final = ("/order", "/orders")


def _modes(case: Case, params: Mapping[str, Any]) -> Said:
    """A restart: 425 on everything, then only post-only orders and cancels."""
    if params["elapsed_s"] < params["restart_s"]:
        return words.RESTARTING
    left = params["restart_s"] + params["post_only_s"] - params["elapsed_s"]
    return _post_only(case, {"retry_after_s": max(1, int(left))})


def _post_only(case: Case, params: Mapping[str, Any]) -> Said:
    taking = case.ask.method == "POST" and not all(item.get("postOnly") for item in case.orders)
    return words.post_only_mode(params["retry_after_s"]) if taking else None


def _region(case: Case, params: Mapping[str, Any]) -> Said:
    return words.geoblock(params["country"]) if case.ask.path.endswith("geoblock") else words.REGION


_BEFORE: Final[Mapping[str, Callable[[Case, Mapping[str, Any]], Said]]] = {
    "request_lost": lambda _, params: Break(reset=params["reset"]),
    "html_403": lambda _case, _: words.BLOCKED,
    "geo_block": _region,
    "throttled_429": lambda case, params: words.throttled(params, case.now_ns),
    "key_revoked": lambda _case, _: words.UNAUTHORIZED,
    "restart_425": _modes,
    "trading_disabled_503": lambda _case, _: words.DISABLED,
    "cancel_only_503": lambda _case, _: words.CANCEL_ONLY,
    "post_only_503": _post_only,
    "engine_500": lambda _, params: error(500, params["why"]),
}
"""Refusals, in the order a request meets them."""

_AFTER: Final[Mapping[str, Callable[[Reply, Mapping[str, Any]], Reply]]] = {
    "ghost_book": lambda reply, params: replies.ghost(reply, params["size"]),
    "clock_jump": lambda reply, params: replies.shifted(reply, params["jump_s"]),
    "wrong_hash": lambda reply, _: replies.wrong_hash(reply),
    "unmatched_order": lambda reply, _: replies.unmatched(reply),
    "empty_data_orders_page": lambda reply, _: attrs.evolve(reply, json=words.EMPTY_PAGE, raw=None),
}


@contextmanager
def _delayed(listings: list[Listing], delay_s: float | None) -> Iterator[None]:
    """Make markets delay marketable orders while the body runs."""
    if delay_s is None:
        yield
        return
    before = [(listing, listing.taker_delay_ns) for listing in listings]
    for listing in listings:
        listing.taker_delay_ns = int(delay_s * NS_PER_S)
    try:
        yield
    finally:
        for listing, delay_ns in reversed(before):
            listing.taker_delay_ns = delay_ns
