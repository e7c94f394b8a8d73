"""What is written down of an account's period while its runs go by, in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import Final

import attrs

from agbot.backtest.account import Account
from agbot.backtest.calibration import Calibrated
from agbot.backtest.markouts import Markouts
from agbot.backtest.result import Point
from agbot.backtest.statement import Denial, Incident, Span
from agbot.backtest.turns import Fate, Turn
from agbot.backtest.watch import middle2, trade_of
from agbot.core.oms import Heard
from agbot.core.step import Step
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    BookTrust,
    DifferenceAccepted,
    Event,
    Health,
    HeartbeatLost,
    KillSwitchSet,
    LinkDown,
    MarketResolved,
    OrderRejected,
    OrderUnknown,
    ReconcileDifference,
    VenueHealth,
)
from agbot.model.ids import MarketId
from agbot.units import NS_PER_S, to_text, usd_text

POINTS_MAX: Final = 1024
KINDS_MAX: Final = 64
"""Kinds of incidents that are told apart; further ones are one kind."""


@attrs.define
class _Met:
    times: int
    first_ns: int
    last_ns: int
    words: str


class Diary:
    """Observer of an account's runs; what is outside of `span` leaves no trace but in what was bought before it."""

    def __init__(self, span: Span, account: Account) -> None:
        self.sent: Counter[type] = Counter()
        self.rejected = self.unknown = 0
        self.points: list[Point] = []
        self.markouts = Markouts(self._middle2)
        self.calibrated = Calibrated()
        self._span = span
        self._account = account
        self._denials: Counter[tuple[str, str]] = Counter()
        self._incidents: dict[str, _Met] = {}
        self._next_ns = span.start_ns
        self._closed: dict[tuple[str, str], str] = {}
        """What this run has told of the kill switch, and why: who closes it does, and so does who sees the latch."""

    def observe(self, turn: Turn, step: Step) -> None:
        """Take in one step right after it was made."""
        within = turn.now_ns in self._span
        self._bought(step)
        for event in turn.batch:
            if isinstance(event, MarketResolved):
                self._resolved(event, within)
            again = isinstance(event, KillSwitchSet) and self._told_before(event)
            if within and not again:
                self._event(turn.now_ns, event)
        told = self._account.told
        assert told is not None
        fills = [trade_of(told.engine, record, fill) for record, fill in step.fills] if within else []
        self.markouts.observe(turn.now_ns, step.touched, fills)
        if within:
            self._answered(turn, step)
            if turn.now_ns >= self._next_ns:
                self.point(turn.now_ns)

    def point(self, now_ns: int) -> None:
        """Keep the account's equity as it is now."""
        standing = self._account.standing()
        self.points.append(Point(now_ns, standing.equity, standing.inventory))
        self._next_ns = now_ns + (self._span.end_ns - self._span.start_ns) // POINTS_MAX

    def ended(self, run: str, fate: Fate, last_ns: int, *, newest: bool) -> None:
        """Note how a run's journal ends; the newest run may still go on."""
        self.markouts.lost()
        self._closed.clear()
        if last_ns not in self._span:
            return
        for seq, reason in fate.set_aside:
            self._meet("journal damaged", last_ns, f"{run}: from record {seq} on: {reason}")
        if not fate.ended and not newest:
            self._meet("run cut off", last_ns, run)

    def denials(self) -> tuple[Denial, ...]:
        """Return what risk denied, the most frequent first."""
        ranked = sorted(self._denials.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Denial(rule=rule, strategy=strategy, times=n) for (rule, strategy), n in ranked)

    def incidents(self) -> tuple[Incident, ...]:
        """Return what went wrong, in the order it first did."""
        ranked = sorted(self._incidents.items(), key=lambda item: item[1].first_ns)
        return tuple(Incident(kind=kind, **attrs.asdict(met)) for kind, met in ranked)

    # -- what is met -------------------------------------------------------------------------------------------------

    def _answered(self, turn: Turn, step: Step) -> None:
        for command in turn.output.commands:
            self.sent[type(command)] += 1
        for decision in turn.output.decisions:
            self._denials.update((rule, decision.strategy) for rule in decision.violated)
        for heard in step.heard:
            self._heard(turn.now_ns, heard)
        for record, fill in step.voided:
            words = f"{to_text(fill.size)} at {to_text(fill.price)}, order {record.command.client_order_id}"
            self._meet("fill taken back", turn.now_ns, words)

    def _heard(self, now_ns: int, heard: Heard) -> None:
        if heard.contradiction:
            self._meet("contradiction", now_ns, heard.contradiction)
        elif heard.news and isinstance(heard.event, OrderUnknown):
            self.unknown += 1
            self._meet("order unknown", now_ns, f"{heard.event.client_order_id}: {heard.event.reason}")
        elif heard.news and isinstance(heard.event, OrderRejected):
            self.rejected += 1

    def _event(self, now_ns: int, event: Event) -> None:
        if met := _incident(event):
            self._meet(met[0], now_ns, met[1])

    def _told_before(self, event: KillSwitchSet) -> bool:
        what = event.scope, event.name
        if not event.on:
            self._closed.pop(what, None)
            return False
        before = self._closed.get(what)
        self._closed[what] = event.reason
        return before == event.reason

    def _meet(self, kind: str, now_ns: int, words: str) -> None:
        if kind not in self._incidents and len(self._incidents) >= KINDS_MAX:
            kind = "others"
        met = self._incidents.setdefault(kind, _Met(0, now_ns, now_ns, words))
        met.times, met.last_ns, met.words = met.times + 1, now_ns, words

    # -- what was bought ---------------------------------------------------------------------------------------------

    def _bought(self, step: Step) -> None:
        assert self._account.told is not None
        markets = self._account.told.engine.markets
        for fills, sign in ((step.fills, 1), (step.voided, -1)):
            for record, fill in fills:
                command = record.command
                market = markets[command.market]
                self.calibrated.bought(market, command.token, command.side, fill.price, sign * fill.size)

    def _resolved(self, event: MarketResolved, within: bool) -> None:
        assert self._account.told is not None
        market = self._account.told.engine.markets.get(event.market)
        if market is None:
            return
        self.markouts.resolved(market.id, event.winner == market.yes)
        if within:
            self.calibrated.resolved(market, event.winner)

    def _middle2(self, market: MarketId) -> int | None:
        told = self._account.told
        return middle2(told.engine, market) if told is not None and market in told.engine.markets else None

    @property
    def orders(self) -> int:
        """Return how many orders were sent."""
        return self.sent[PlaceOrder]

    @property
    def cancels(self) -> int:
        """Return how many cancels of one order were asked for."""
        return self.sent[CancelOrder]


def _incident(event: Event) -> tuple[str, str] | None:  # noqa: PLR0911 - one return a kind
    match event:
        case KillSwitchSet(on=True, scope=scope):
            name = f" {scope} {event.name}" if scope else ""
            return f"kill switch{name}", f"{event.reason} (by {event.by})"
        case BookTrust(cause=cause) if cause:
            return f"book doubted: {cause}", f"token {event.token}"
        case LinkDown():
            return f"feed lost: {event.feed}", event.reason
        case HeartbeatLost():
            return "heartbeat lost", f"silent for {event.silent_ns / NS_PER_S:.1f} s"
        case VenueHealth(health=health) if health is not Health.HEALTHY:
            return f"{event.venue} {health}", event.reason
        case ReconcileDifference(reason=reason) if reason:
            return "difference at the venue", f"{event.market or 'cash'}: {reason}"
        case DifferenceAccepted():
            what = to_text(event.change) if event.market else f"{usd_text(event.change)} usd"
            return "difference accepted", f"{event.market or 'cash'} {event.outcome} {what} (by {event.by})"
        case _:
            return None
