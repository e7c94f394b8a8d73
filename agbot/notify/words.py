"""From what happened to what is told. Keeps what a notice depends on: switches, doubts, the denials of a window."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from agbot.core.engine import Engine
from agbot.core.step import Decision, StrategyFailed
from agbot.model.commands import PlaceOrder
from agbot.model.events import (
    BookTrust,
    Doubt,
    HaltRequested,
    Health,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    OrderFilled,
    ReconcileDifference,
    VenueHealth,
)
from agbot.model.order import OrderState
from agbot.notify.ear import Happened, OrderTold
from agbot.notify.notice import Notice, Severity
from agbot.notify.outbox import REPORT
from agbot.notify.settings import NotifySettings
from agbot.units import NS_PER_S, to_text, usd_text
from agbot.words import many

NEVER_NS: Final = 2**63
DAY_NS: Final = 86_400 * NS_PER_S
BEGINNING: Final = (Doubt.UNSUBSCRIBED, Doubt.NO_SNAPSHOT)
"""What is said of every book before its first."""
_HEALTH: Final = {Health.DOWN: Severity.CRITICAL, Health.DEGRADED: Severity.WARNING, Health.HEALTHY: Severity.INFO}

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


class Words:
    """See the module.

    Args:
        engine: read for names and figures only.
    """

    def __init__(self, settings: NotifySettings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._now_ns = 0
        self._closed: set[tuple[str, str]] = set()
        self._down: set[str] = set()
        self._doubted: set[str] = set()
        self._unknown: set[str] = set()
        self._denied: deque[tuple[int, str]] = deque(maxlen=settings.denials)
        self._since: Counter[str] = Counter()
        self._equity = 0
        """At the last report, or at the start."""
        self.report_ns = NEVER_NS if settings.report_hour is None else 0
        """When the next report is due; 0 before the first step."""
        self._tell: dict[type, Callable[[Any], Iterator[Notice]]] = {
            KillSwitchSet: self._kill_switch,
            HaltRequested: self._halt,
            LinkDown: self._link_down,
            LinkUp: self._link_up,
            BookTrust: self._trust,
            ReconcileDifference: self._difference,
            VenueHealth: self._health,
        }

    def notices(self, happened: Happened) -> Iterator[Notice]:
        """Yield what one step is worth, in the order it happened."""
        self._now_ns = happened.now_ns
        for event in happened.events:
            yield from self._tell[type(event)](event)
        for failed in happened.failed:
            yield self._failed(failed)
        yield from self._denials(happened.denied)
        for order in happened.orders:
            yield from self._order(order)
        for command, fill in happened.fills:
            yield self._fill(command, fill)
        for command, fill in happened.voided:
            yield self._voided(command, fill)
        yield from self._report()

    def _notice(self, severity: Severity, kind: str, key: str, text: str) -> Notice:
        return Notice(severity=severity, kind=kind, key=f"{kind} {key}", text=text, at_ns=self._now_ns)

    def _kill_switch(self, event: KillSwitchSet) -> Iterator[Notice]:
        what = (event.scope, event.name)
        if event.on == (what in self._closed):  # told by several, that of the account at each start
            return
        of = f" for {event.scope} {event.name}" if event.scope else ""
        if event.on:
            self._closed.add(what)
            yield self._notice(CRITICAL, "kill", f"{what} on", f"kill switch ON{of}: {event.reason} (by {event.by})")
        else:
            self._closed.discard(what)
            said = f": {event.reason}" if event.reason else ""
            yield self._notice(WARNING, "kill", f"{what} off", f"kill switch off{of}{said} (by {event.by})")

    def _halt(self, event: HaltRequested) -> Iterator[Notice]:
        yield self._notice(INFO, "stop", event.reason, f"the bot stops: {event.reason}")

    def _link_down(self, event: LinkDown) -> Iterator[Notice]:
        self._down.add(event.feed)
        yield self._notice(WARNING, "feed", f"{event.feed} down", f"feed {event.feed} was lost: {event.reason}")

    def _link_up(self, event: LinkUp) -> Iterator[Notice]:
        if event.feed in self._down:
            self._down.discard(event.feed)
            yield self._notice(INFO, "feed", f"{event.feed} up", f"feed {event.feed} delivers again")

    def _trust(self, event: BookTrust) -> Iterator[Notice]:
        if event.cause in BEGINNING:
            return
        if event.cause:
            self._doubted.add(event.token)
            text = f"the book of {self._token(event.token)} is doubted: {event.cause}"
            yield self._notice(WARNING, "feed", f"doubt {event.cause}", text)
        elif event.token in self._doubted:
            self._doubted.discard(event.token)
            if not self._doubted:
                yield self._notice(INFO, "feed", "believed", "all books are believed again")

    def _difference(self, event: ReconcileDifference) -> Iterator[Notice]:
        where = self._market(event.market) if event.market else "cash"
        if event.reason:
            severity = WARNING if event.market else CRITICAL  # without the cash nothing is placed anywhere
            text = f"the venue's figures differ, nothing is placed: {event.reason}"
            yield self._notice(severity, "reconcile", f"{where} differs", text)
        else:
            yield self._notice(INFO, "reconcile", f"{where} agrees", f"the venue's figures agree again: {where}")

    def _health(self, event: VenueHealth) -> Iterator[Notice]:
        reason = f": {event.reason}" if event.reason else ""
        text = f"venue {event.venue} is {event.health}{reason}"
        yield self._notice(_HEALTH[event.health], "venue", f"{event.venue} {event.health}", text)

    def _failed(self, failed: StrategyFailed) -> Notice:
        text = f"strategy {failed.strategy} failed and is stopped: {failed.reason}"
        return self._notice(CRITICAL, "strategy", f"{failed.strategy}", text)

    def _denials(self, denied: Sequence[Decision]) -> Iterator[Notice]:
        self._since["denied"] += len(denied)
        for decision in denied:
            self._denied.append((self._now_ns, ", ".join(decision.violated)))
            window_ns = self._settings.denials_window_ns
            if len(self._denied) == self._settings.denials and self._denied[0][0] > self._now_ns - window_ns:
                rules = Counter(rule for _, rule in self._denied).most_common(3)
                told = ", ".join(f"{rule} ×{count}" for rule, count in rules)
                text = f"{many(len(self._denied), 'order')} denied within {window_ns / NS_PER_S:g} s: {told}"
                self._denied.clear()
                yield self._notice(WARNING, "denials", "", text)

    def _order(self, order: OrderTold) -> Iterator[Notice]:
        name = order.command.client_order_id
        if order.state is OrderState.UNKNOWN and name not in self._unknown:
            self._unknown.add(name)
            text = f"order {name} ({self._wish(order.command)}) has no known fate: {order.reason}"
            yield self._notice(WARNING, "unknown", f"{name} ?", text)
        elif order.state is not OrderState.UNKNOWN and name in self._unknown:
            self._unknown.discard(name)
            yield self._notice(INFO, "unknown", f"{name} !", f"order {name} is known again: {order.state}")

    def _fill(self, command: PlaceOrder, fill: OrderFilled) -> Notice:
        self._since["fills"] += 1
        text = f"{self._trade(command, fill)} ({command.strategy}, {fill.liquidity})"
        return self._notice(INFO, "fill", f"{fill.trade_id} {command.client_order_id}", text)

    def _voided(self, command: PlaceOrder, fill: OrderFilled) -> Notice:
        text = f"a trade failed to settle and is taken back: {self._trade(command, fill)}"
        return self._notice(WARNING, "fill", f"{fill.trade_id} {command.client_order_id} voided", text)

    def _report(self) -> Iterator[Notice]:
        hour = self._settings.report_hour
        if hour is None or self._now_ns < self.report_ns:
            return
        equity = self._engine.portfolio.equity()
        if self.report_ns:
            yield self._notice(INFO, REPORT, str(self.report_ns), self._figures(equity))
            self._since.clear()
        self._equity = equity
        self.report_ns = next_hour_ns(self._now_ns, hour)

    def _figures(self, equity: int) -> str:
        engine, change = self._engine, equity - self._equity
        live = list(engine.oms.all_live())
        day = datetime.fromtimestamp(self._now_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return (
            f"report of {day}: equity {usd_text(equity)} usd ({'+' if change >= 0 else ''}{usd_text(change)} since the "
            f"last), cash {usd_text(engine.portfolio.cash)}, {many(self._since['fills'], 'fill')}, "
            f"{self._since['denied']} denied, {many(len(live), 'order')} open, {len(self._unknown)} unknown, "
            f"kill switch {'ON' if engine.kill_switch else 'off'}"
        )

    def _market(self, market_id: str) -> str:
        market = next((m for m in self._engine.markets.values() if m.id == market_id), None)
        return market.name if market else market_id

    def _token(self, token: str) -> str:
        for market in self._engine.markets.values():
            if token in (market.yes, market.no):
                return f"{market.name} {'YES' if token == market.yes else 'NO'}"
        return token

    def _trade(self, command: PlaceOrder, fill: OrderFilled) -> str:
        place = self._token(command.token)
        return f"{command.side} {to_text(fill.size)} {place} at {to_text(fill.price)}"

    def _wish(self, command: PlaceOrder) -> str:
        return f"{command.side} {to_text(command.size)} {self._token(command.token)} at {to_text(command.price)}"


def next_hour_ns(now_ns: int, hour: int) -> int:
    """Return when it is `hour` o'clock UTC next, after `now_ns`."""
    due_ns = now_ns // DAY_NS * DAY_NS + hour * 3600 * NS_PER_S
    return due_ns if due_ns > now_ns else due_ns + DAY_NS
