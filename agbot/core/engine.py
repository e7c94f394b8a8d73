"""The core: `Engine.step(now, batch) -> Step`, a pure function of its history.

Facts first, all of them, in the order they came; then one decision per touched market. Stages are fixed:
books → orders → portfolio → marks → strategies → gate → new orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agbot.core.admission import FLATTEN, Admission
from agbot.core.book import OrderBook
from agbot.core.coordinator import FAILED_SCOPE, MultiMarketCoordinator
from agbot.core.marks import mark
from agbot.core.oms import OrderRecord
from agbot.core.owners import Owners
from agbot.core.portfolio import Portfolio
from agbot.core.risk import Gate, covers
from agbot.core.state import CoreState, EngineSettings
from agbot.core.step import Collected, Step
from agbot.core.translate import command_of, decision_of, operator_place
from agbot.core.triggers import Baseline
from agbot.core.view import Cancel, Intent, Place, Strategy
from agbot.model.commands import CancelAll, CancelOrder
from agbot.model.events import (
    NOTES,
    BookDelta,
    BookSnapshot,
    BookTrust,
    CancelRejected,
    DifferenceAccepted,
    Event,
    HaltRequested,
    HeartbeatLost,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    MarketListed,
    MarketResolved,
    OperatorCancel,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PoliciesSet,
    ReconcileDifference,
    ReferencePrice,
    TickSizeChanged,
    Timer,
    TradePrint,
    VenueHealth,
)
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.units import notional

OPERATOR: Final = StrategyId("operator")
NOT_SENT: Final = "not sent:"
"""How a refusal begins that is ours: the venue never saw the order."""


class Engine:
    """Sole owner of trading state. Give it facts, carry out what it asks."""

    def __init__(self, settings: EngineSettings, gate: Gate, strategies: Sequence[Strategy]) -> None:
        self.state = state = CoreState(settings=settings, gate=gate, portfolio=Portfolio(settings.capital))
        self.markets, self.books, self.oms, self.portfolio = state.markets, state.books, state.oms, state.portfolio
        self.admission = Admission(state)
        self.triggers = state.triggers
        self._owners = Owners(state)
        self.coordinator = MultiMarketCoordinator(state, self.admission)
        for strategy in strategies:
            self.coordinator.register_strategy(strategy.id, strategy, getattr(strategy, "only_in", None))
        self._orders_opened = 0
        self._out = Collected()
        self._apply: Mapping[type, Callable[[int, Any], None]] = self._dispatch()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is bound to this very engine: a copy, which is how a replay goes back, binds its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_apply"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._apply = self._dispatch()

    @property
    def settings(self) -> EngineSettings:
        """Return what the run is made of."""
        return self.state.settings

    @property
    def halted(self) -> str:
        """Return the reason of an orderly stop, empty before."""
        return self.state.halted

    @property
    def kill_switch(self) -> str:
        """Return why nothing may be placed, empty while orders may."""
        return self.state.kill_switch

    def step(self, now_ns: int, batch: Sequence[Event]) -> Step:
        """Fold in `batch`, decide, and return what to do. `now_ns` never goes back."""
        out = self._out = Collected()
        for event in batch:
            self._apply[type(event)](now_ns, event)
        for market_id in out.touched:
            self._mark(self.markets[market_id])
        if self.triggers.watching:
            self._look(now_ns)
        if not (self.state.halted or self.state.kill_switch):
            for market_id in tuple(out.touched):
                self._decide(now_ns, self.markets[market_id])
            for failed in out.failed:
                self._cancel_of(now_ns, FAILED_SCOPE, failed.strategy, f"strategy {failed.strategy}: {failed.reason}")
        else:
            self.coordinator.ask_nobody(out)
        return out.step(now_ns)

    def _dispatch(self) -> Mapping[type, Callable[[int, Any], None]]:
        evidence = (
            OrderAccepted, OrderRejected, OrderFilled, OrderCancelled, OrderExpired, CancelRejected, OrderUnknown,
        )  # fmt: skip
        return {
            MarketListed: self._listed,
            BookSnapshot: self._snapshot,
            BookDelta: self._delta,
            TickSizeChanged: self._tick,
            TradePrint: self._print,
            MarketResolved: self._resolved,
            **dict.fromkeys((LinkUp, LinkDown), self._link),
            BookTrust: self._trust,
            ReferencePrice: self._reference,
            Timer: self._timer,
            VenueHealth: self.state.health_told,
            HeartbeatLost: lambda _now_ns, event: self.triggers.unheard(event.silent_ns),
            OperatorOrder: self._operator_order,
            OperatorCancel: self._operator_cancel,
            KillSwitchSet: self._latch,
            PoliciesSet: self.state.policies_set,
            **dict.fromkeys(NOTES, lambda _now_ns, _event: None),
            HaltRequested: self._halt,
            ReconcileDifference: lambda _now_ns, event: self.state.differs(event.market, event.reason),
            DifferenceAccepted: self._accepted,
            **dict.fromkeys(evidence, self._evidence),
        }

    # -- facts: the world ------------------------------------------------------------------------------------------

    def _listed(self, _now_ns: int, event: MarketListed) -> None:
        market = event.market
        if market.id not in self.markets:
            self.portfolio.take_over(market, self.state.settings.carried)
        self.markets[market.id] = market
        self.admission.outlook.stir()
        for token in (market.yes, market.no):
            self.state.market_of[token] = market
            if token not in self.books:
                self.books[token] = OrderBook(market.tick)

    def _snapshot(self, _now_ns: int, event: BookSnapshot) -> None:
        if book := self._book(event.token):
            self._check(book.snapshot(event.bids, event.asks, event.ts_ns), event.token)

    def _delta(self, _now_ns: int, event: BookDelta) -> None:
        if book := self._book(event.token):
            self._check(book.delta(event.changes, event.ts_ns), event.token)

    def _tick(self, _now_ns: int, event: TickSizeChanged) -> None:
        if book := self._book(event.token):
            self._check(book.retick(event.tick), event.token)

    def _print(self, _now_ns: int, event: TradePrint) -> None:
        if self._book(event.token):
            self._out.prints.setdefault(self.state.market_of[event.token].id, []).append(event)

    def _resolved(self, now_ns: int, event: MarketResolved) -> None:
        market = self.markets.get(event.market)
        if market is None or event.winner not in (market.yes, market.no):
            self._out.anomalies.append(f"MarketResolved for {event.market} with winner {event.winner}: not ours")
            return
        self._cancel_live(now_ns, market.id, "market resolved")
        self.state.resolved.add(market.id)
        self.portfolio.settle(market, market.outcome(event.winner))
        self.admission.outlook.stir()
        self._traded(market)
        for token in (market.yes, market.no):
            self.books[token].distrust()

    def _link(self, _now_ns: int, event: LinkUp | LinkDown) -> None:
        if isinstance(event, LinkDown):
            for book in self.books.values():
                book.distrust()
            self._touch_all()

    def _trust(self, _now_ns: int, event: BookTrust) -> None:
        if book := self._book(event.token):
            book.doubt = event.cause

    def _reference(self, _now_ns: int, event: ReferencePrice) -> None:
        """Keep it; markets are not touched: who uses it looks with the next message or the next second."""
        if refused := self.state.references.take(event):
            self._out.anomalies.append(refused)

    def _timer(self, now_ns: int, _event: Timer) -> None:
        self._out.second = True
        self.triggers.beat(now_ns)
        for record in self.oms.unanswered(now_ns):
            self._cancel(now_ns, record.command.client_order_id, "asked again: no answer to its cancel")
        self._touch_all()

    # -- facts: our orders -----------------------------------------------------------------------------------------

    def _evidence(self, now_ns: int, event: OrderEvidence) -> None:
        counted = isinstance(event, OrderFilled) and self.oms.counts(event)
        heard, record = self.oms.hear(now_ns, event), self.oms.get(event.client_order_id)
        self._out.hear(heard, record)
        if record is None or not heard.news:
            return
        command = record.command
        self._touch(command.market)
        self.admission.outlook.stir(command.market)
        if isinstance(event, OrderRejected | OrderUnknown) and not event.reason.startswith(NOT_SENT):
            self.triggers.erred(now_ns)
        if isinstance(event, OrderRejected) and command.strategy not in (OPERATOR, FLATTEN):
            self.admission.rejected(now_ns, command.strategy, command.market)
        elif isinstance(event, OrderAccepted):
            self.admission.accepted(command.strategy, command.market)
        elif isinstance(event, OrderFilled) and self.oms.counts(event) != counted:
            self._money(now_ns, record, record.trades[event.trade_id], taken_back=counted)

    def _money(self, now_ns: int, record: OrderRecord, fill: OrderFilled, *, taken_back: bool) -> None:
        command = record.command
        if not taken_back:  # what the chain took back was sent all the same: the day's cap counts it
            self.state.turnover.add(now_ns, notional(fill.price, fill.size))
        if parts := self._owners.parts(record, fill, taken_back=taken_back):
            self._out.sold_for[command.client_order_id, fill.trade_id] = parts
        (self.portfolio.void if taken_back else self.portfolio.fill)(
            self.markets[command.market],
            command.token,
            command.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            strategy=command.strategy,
            parts=parts,
        )
        (self._out.voided if taken_back else self._out.fills).append((record, fill))
        self._traded(self.markets[command.market])

    def _traded(self, market: Market) -> None:
        holding = self.portfolio.holding(market)
        self.triggers.traded(market.id, flat=holding.flat, realised=holding.realised)

    # -- facts: the operator ---------------------------------------------------------------------------------------

    def would_deny(self, now_ns: int, event: OperatorOrder) -> tuple[str, ...]:
        """Return the names of everything that would forbid this order now; changes nothing."""
        place = operator_place(event, self.books.get(event.token))
        return self.admission.aside().violations(now_ns, event.market, _asks(event), place)

    def _operator_order(self, now_ns: int, event: OperatorOrder) -> None:
        place = operator_place(event, self.books.get(event.token))
        self._admit(now_ns, event.market, _asks(event), place, request_id=event.request_id)

    def _operator_cancel(self, now_ns: int, event: OperatorCancel) -> None:
        if event.client_order_id:
            self._cancel(now_ns, ClientOrderId(event.client_order_id), event.reason)
        else:
            self._cancel_everything(now_ns, event.reason)

    def _latch(self, now_ns: int, event: KillSwitchSet) -> None:
        gate, why = self.state.gate, f"kill switch: {event.reason}"
        if not event.on:
            gate.release(event.scope, event.name)
            if not event.scope:
                self.triggers.release()
            return
        told_before = bool(gate.kill_reason)
        gate.kill(event.reason, event.scope, event.name)
        if not event.scope:
            if not told_before or next(self.oms.all_live(), None):
                self._cancel_everything(now_ns, why)
            return
        self._cancel_of(now_ns, event.scope, event.name, why)

    def _halt(self, now_ns: int, event: HaltRequested) -> None:
        self.state.halted = event.reason or "halt"
        self._cancel_everything(now_ns, f"halt: {self.state.halted}")

    def _accepted(self, _now_ns: int, event: DifferenceAccepted) -> None:
        if not self.portfolio.accept(self.markets.get(event.market), event):
            self._out.anomalies.append(f"DifferenceAccepted for {event.market} {event.outcome}: not ours")
        self.admission.outlook.stir()
        self._touch_all()

    # -- marks and decisions ---------------------------------------------------------------------------------------

    def _mark(self, market: Market) -> None:
        mark(self.portfolio, market, self.books[market.yes], self.books[market.no])

    def _look(self, now_ns: int) -> None:
        """Hold the figures against their limits; what is passed closes the gate before anything is decided."""
        markets, resolved = self.markets.values(), self.state.resolved
        believed = any(self.books[t].trusted for m in markets if m.id not in resolved for t in (m.yes, m.no))
        trip = self.triggers.look(
            now_ns,
            equity=self.portfolio.equity() if self.portfolio.marked else None,
            brought=self.portfolio.initial_equity(),
            believed=believed or all(m.id in resolved for m in markets),
            armed=not self.state.kill_switch,
        )
        if trip is not None:
            self._out.tripped = trip
            self._latch(now_ns, KillSwitchSet(True, str(trip), "agbot", now_ns))

    def baseline(self) -> Baseline | None:
        """Return what the next run measures its losses from, None while that is not known."""
        return self.triggers.baseline(self.portfolio.book())

    def _decide(self, now_ns: int, market: Market) -> None:
        for strategy, intent in self.coordinator.route_market_tick(now_ns, market, self._out):
            self._carry(now_ns, market, strategy, intent)

    def _carry(self, now_ns: int, market: Market, strategy: StrategyId, intent: Intent) -> None:
        if isinstance(intent, Cancel):
            self._cancel(now_ns, intent.client_order_id, intent.why)
        else:
            self._admit(now_ns, self.coordinator.market_of(strategy, market, intent).id, strategy, intent)

    def _admit(
        self, now_ns: int, market: MarketId, strategy: StrategyId, place: Place, *, request_id: str = ""
    ) -> None:
        violated = self.admission.violations(now_ns, market, strategy, place)
        if violated and not request_id and self.coordinator.denied(strategy, market, place, violated):
            return
        self._orders_opened += 1
        order_id = ClientOrderId(f"{self.state.settings.run_id}-{self._orders_opened}")
        chain, known = self.oms.chain(place.replaces), self.markets.get(market)
        command = command_of(known, market, strategy, place, order_id=order_id, now_ns=now_ns, correlation_id=chain)
        self._out.decisions.append(decision_of(command, violated=violated, request_id=request_id))
        record = self.oms.begin(now_ns, command, denied=", ".join(violated))
        self._out.changed[order_id] = record
        self.admission.asked(now_ns, market, sent=not violated)
        if not violated:
            self._out.commands.append(command)

    def _cancel(self, now_ns: int, order_id: ClientOrderId, reason: str) -> None:
        record = self.oms.cancelling(now_ns, order_id)
        if record is not None:
            self._out.changed[order_id] = record
            self._out.commands.append(CancelOrder(order_id, reason))

    def _cancel_live(self, now_ns: int, market: MarketId, reason: str) -> None:
        for record in self.oms.live(market):
            self._cancel(now_ns, record.command.client_order_id, reason)

    def _cancel_of(self, now_ns: int, scope: str, name: str, reason: str) -> None:
        for record in self.oms.all_live():
            if covers(scope, name, self.markets[record.command.market], record.command.strategy):
                self._cancel(now_ns, record.command.client_order_id, reason)

    def _cancel_everything(self, now_ns: int, reason: str) -> None:
        for record in self.oms.all_live():
            if self.oms.cancelling(now_ns, record.command.client_order_id):
                self._out.changed[record.command.client_order_id] = record
        self._out.commands.append(CancelAll(reason))

    # -- small change ----------------------------------------------------------------------------------------------

    def _book(self, token: TokenId) -> OrderBook | None:
        market = self.state.market_of.get(token)
        if market is None:
            self._out.anomalies.append(f"market data for unknown token {token}")
            return None
        self._touch(market.id)
        return self.books[token]

    def _check(self, applied: bool, token: TokenId) -> None:
        if not applied:
            self._out.anomalies.append(f"impossible book message for token {token}; its book waits for a snapshot")

    def _touch(self, market: MarketId) -> None:
        self._out.touched[market] = None

    def _touch_all(self) -> None:
        self._out.touched.update(dict.fromkeys(self.markets))


def _asks(event: OperatorOrder) -> StrategyId:
    return FLATTEN if event.reduce_only else OPERATOR
