"""Builds a run from settings: state directory, journal, core, venue, feed, and the parts of the nursery tree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec
import trio

from agbot.control import socket_path, state_dir
from agbot.core.approvals import Request
from agbot.core.limits import OFF
from agbot.core.risk import covers
from agbot.core.rules import Rule
from agbot.core.triggers import Baseline
from agbot.errors import ConfigError
from agbot.latch import LATCH_NAME, Latch, LatchState
from agbot.log import get_logger
from agbot.model.commands import Command, PlaceOrder
from agbot.model.events import MarketListed
from agbot.model.market import Market
from agbot.notify.channel import Sender
from agbot.notify.service import notifier_of
from agbot.run.audit import AuditShell
from agbot.run.baseline import BaselineFile
from agbot.run.bot import Flat, Parts, Service, Stop
from agbot.run.carried import account_of, carried
from agbot.run.clock import Clock, closed_by
from agbot.run.control import ControlServer, Handler
from agbot.run.desk import Desk
from agbot.run.differences import Differences
from agbot.run.engine import COMMANDS_MAX, EngineTask, Observer, Recorder
from agbot.run.execution import LocalExecution
from agbot.run.facts import LiveFacts, RunFacts
from agbot.run.feeds import FeedWatch, no_feeds
from agbot.run.fence import Fence
from agbot.run.flatten import Flattener
from agbot.run.frames import FrameShell
from agbot.run.gateway import Gateway
from agbot.run.guard import Guard, floors_of
from agbot.run.history import HistoryShell
from agbot.run.inbox import Inbox
from agbot.run.killing import Killer
from agbot.run.live import AccountReads
from agbot.run.new_policies import NewPolicies
from agbot.run.notices import publish_channels
from agbot.run.onlooker import Onlooker
from agbot.run.operator import Operator
from agbot.run.ours import OursOnly
from agbot.run.publish import Publisher
from agbot.run.shared_kills import SharedKills
from agbot.run.spend import DaySpend
from agbot.run.store import JournalShell
from agbot.run.tally import Tally
from agbot.run.trade_streams import TradeStreams
from agbot.run.venue_watch import VenueWatch
from agbot.run.venues import Account, OpenVenue, open_paper, open_shadow
from agbot.settings import Settings
from agbot.shared.watch import Shared
from agbot.store.audit import AuditLog
from agbot.store.journal import Header, Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS
from agbot.venue.ports import Feed, VenueAdapter

RUNS: Final = "runs"

log = get_logger(__name__)


now_ns: Final = time.time_ns
"""The wall clock; the only one in the trading process."""


@attrs.frozen(kw_only=True)
class RunPlan:
    """What a run is, decided before anything starts.

    Args:
        open_venue: builds the venue once the account is known.
        account: what the venue says the account is; None goes on with what the last run of this mode left.
        rules: what the gate asks beside the policies.
        spend: asked once more right before an order leaves.
        live: whose real money, if it is real.
        fence: the wallet's token, looked at before every order; None where no wallet is traded with.
        reads: of the account at the venue, compared with ours while the run lasts; None where there is none.
        onlooker: tells of the account that somebody else trades with.
        found: what the start found there: fields of `agbot.run.reconcile.Report`.
        after_ns: when the run before began, where the venue was not asked about it: this one begins later.
        references: feeds of reference prices, beside the market's.
        shared: the switch that stops several bots, and the wallet's lease; None where nothing is shared.
        watch: how the feeds are doing; None when there is nothing to tell.
        tape: keeps what the feeds' sockets bring.
    """

    mode: str
    settings: Settings
    state_dir: Path
    markets: Sequence[Market]
    feed: Feed
    open_venue: OpenVenue = open_paper
    account: Account | None = None
    rules: Sequence[Rule] = ()
    spend: DaySpend | None = None
    live: LiveFacts | None = None
    fence: Fence | None = None
    shared: Shared | None = None
    reads: AccountReads | None = None
    onlooker: Onlooker | None = None
    found: Mapping[str, Any] = attrs.field(factory=dict)
    after_ns: int = 0
    references: Sequence[Feed] = ()
    watch: FeedWatch | None = None
    tape: FrameShell | None = None
    page: str = ""
    duration_s: float = float("inf")
    beside: Sequence[Service] = ()
    push: Callable[[Registry, dict[str, Any]], Service]


def prepare_state_dir(profile: str, explicit: Path | None) -> Path:
    """Create (0700) and return the state directory; ConfigError when that cannot be."""
    path = state_dir(profile, explicit)
    try:
        (path / RUNS).mkdir(mode=0o700, exist_ok=True)
    except OSError as e:
        raise ConfigError(
            f"cannot write there: {e.strerror}", id="AGB-122", path=path, remedy="choose another with --state-dir"
        ) from e
    return path


def run_id_at(started_ns: int, mode: str) -> str:
    """Return a run's name; names sort by time."""
    seconds, rest = divmod(started_ns, 10**9)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}{rest // 10**6:03d}-{mode.lower()}"


class Session:
    """One run in real time: everything built and wired, nothing started."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        settings = plan.settings
        self.carry = None if plan.account else carried(plan.state_dir / RUNS, plan.mode, plan.settings.seed)
        # Runs are told apart by time: one that began before the last one would leave its money to nobody.
        last_ns = self.carry.started_ns if self.carry else plan.found.get("from_started_ns", plan.after_ns)
        started = max(now_ns(), last_ns + NS_PER_MS)
        self.run_id = run_id_at(started, plan.mode)
        self.latch = Latch(plan.state_dir / LATCH_NAME)
        self.shared = plan.shared
        self.baseline_file = BaselineFile(plan.state_dir, plan.mode)
        account = plan.account or account_of(self.carry, settings)
        header = self._header(started, account)
        self.engine = engine_of(header)
        self.journal = Journal(plan.state_dir / RUNS / f"{self.run_id}.agj")
        self.recorder = Recorder(self.engine, self.journal, header)
        self.registry = Registry(now_ns, run_id=self.run_id, metrics_max=settings.monitor.buffer_size)
        self.publisher = Publisher(self.engine, self.registry)
        self.tally = Tally(self.engine)
        self.history = HistoryShell.of(plan, self.engine, self.registry, self.run_id, now_ns, left=account.left)
        self.stop = Stop()
        self.flat = Flat(self.engine)
        self.inbox = Inbox()
        self.link = plan.open_venue(plan, account, now_ns)
        self.venue_watch = VenueWatch(self.link, self.inbox, self.registry, now_ns, time.monotonic)
        self.link.note_attempts(self.inbox.send_urgent)
        self.clock = Clock(self.inbox, self.gate, now_ns, self._second, self.link.silent_ns)
        self.venue = self._spared(self.link.venue)
        self.differences = self._compared(plan.reads) if plan.reads else None
        self.execution = LocalExecution(self.engine, self.inbox, self.venue, now_ns)
        self.shell = JournalShell(self.journal)
        self.audit = AuditShell(AuditLog(plan.state_dir), self.run_id, self._durable)
        self.desk = self._desk(account.requests)
        self.streams = TradeStreams.of(self.desk, plan, self.registry, lambda: bool(self.stop.reason), now_ns)
        self.flattener = Flattener(self.engine, self.execution, now_ns)
        self.killer = Killer(
            engine=self.engine, inbox=self.inbox, venue=self.venue, latch=self.latch, gate=self.gate, now_ns=now_ns
        )
        self.shared_kills = SharedKills(self.shared, self.killer, self.clock.look) if self.shared else None
        self.notifier = notifier_of(settings.notify, self.engine, Sender(run_id=self.run_id, mode=plan.mode))
        self.guard = Guard(
            self.engine, self.killer, self.baseline_file, self.flattener, floors_of(settings, self.engine)
        )
        self.facts = RunFacts(
            run_id=self.run_id,
            mode=plan.mode,
            page=plan.page,
            started_ns=started,
            journal=str(self.journal.path),
            capital=account.cash + sum(position.cost for position in account.positions),
            live=plan.live,
            reconcile=self._reconciled,
        )
        if plan.fence:
            plan.fence.tell(self.run_id, str(plan.state_dir.absolute()))

    async def _durable(self) -> None:
        """Return once everything that the engine has journaled so far is on disk."""
        await self.shell.durable(self.journal.seq)

    def _header(self, started_ns: int, account: Account) -> Header:
        plan = self.plan
        header = header_of(
            plan.settings,
            run_id=self.run_id,
            mode=plan.mode,
            started_ns=started_ns,
            source=plan.feed.name,
            capital=account.cash,
            carried=account.positions,
            rules=plan.rules,
            limits=plan.settings.killswitch,
            baseline=self._baseline(),
        )
        return msgspec.structs.replace(
            header,
            fence=plan.fence.token if plan.fence else 0,
            reconciled=json.dumps(plan.found) if plan.found else "",
            requests=account.requests,
        )

    def parts(self, *more: Observer) -> Parts:
        """Return the nursery tree's parts; `more` observe the engine too."""
        send, receive = trio.open_memory_channel[tuple[int, Command]](COMMANDS_MAX)
        spend, differences, notifier = self.plan.spend, self.differences, self.notifier
        more_services = (
            self.history, self.plan.tape, differences, self.plan.onlooker, self.shared_kills, self.streams, notifier,
        )  # fmt: skip
        observed = (self.guard, self.publisher, self.tally, self.flat, self.execution, self.desk)
        observers: list[Observer] = [o.observe for o in observed]
        observers += [o.observe for o in (spend, differences, self.history, notifier) if o]
        observers += [*more, self.audit.observe]
        engine = EngineTask(self.recorder, self.inbox, send, observers, now_ns)
        gateway = Gateway(
            self.venue,
            self.inbox,
            receive,
            durable=self.shell.durable,
            closed=self.closed,
            now_ns=now_ns,
            permit=self.refused,
            latency=self.publisher.latency,
            sent=self.publisher.sent,
        )
        self.clock.look()
        listed = [MarketListed(m, now_ns()) for m in self.plan.markets]
        self.link.on_market(listed)
        self.inbox.send_urgent(*listed)
        return Parts(
            store=self.shell.run,
            beside=[*self.plan.beside, self.audit.run, *(o.run for o in more_services if o)],
            push=self.plan.push(self.registry, self.facts.run_event()),
            end_push=self.registry.close,
            on_end=self.end,
            engine=engine.run,
            venue_link=self.link.run,
            venue=self.venue,
            gateway=gateway.run,
            control=ControlServer(socket_path(self.plan.state_dir), self.handlers()).run,
            clock=self._timely,
            feeds=[self.plan.feed, *self.plan.references],
            on_market=self.link.on_market,
            inbox=self.inbox,
            stop=self.stop,
            flat=self.flat,
            now_ns=now_ns,
            duration_s=self.plan.duration_s,
        )

    def summary(self) -> dict[str, Any]:
        """Return the closing summary."""
        return {
            **self.tally.result(),
            "journal_records": self.journal.seq,
            "decision_digest": self.recorder.digest.hex(),
            "journal": str(self.journal.path),
        }

    def end(self, reason: str) -> None:
        """Say why the run ended: in the journal, to the monitor, and to the day's sum."""
        self.recorder.end(now_ns(), reason)
        self.guard.close()
        if self.plan.spend:
            self.plan.spend.close()
        self.registry.event("run", **self.facts.run_event(), ended=True, exit_code=0, reason=reason)

    def gate(self) -> LatchState:
        """Return what is closed now: by the latch on disk, or by the switch that is shared."""
        local = self.latch.gate()
        return self.shared.gate(local) if self.shared else local

    def closed(self, order: PlaceOrder) -> str:
        """Return why `order` may not leave by the kill switch, empty when it may."""
        closed = closed_by(self.gate())
        if not closed or self.flattener.allows(order):
            return ""
        market = self.engine.markets[order.market]
        return next((why for (s, n), why in closed.items() if covers(s, n, market, order.strategy)), "")

    def _baseline(self) -> Baseline | None:
        """Return what losses are measured from. ConfigError AGB-514 when that cannot be read."""
        if self.plan.settings.killswitch == OFF:
            return None
        kept = self.baseline_file.read()
        return kept if kept is None or self.latch.read().on else kept.released()

    async def _timely(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.clock.run)
            nursery.start_soon(self.guard.run)
            nursery.start_soon(self.flattener.run)

    def refused(self, order: PlaceOrder) -> str:
        """Return why `order` may not leave, empty when it may: the wallet must be ours still, and the caps hold."""
        if self.plan.onlooker:
            return "this bot looks on (--read-only)"
        unleased = self.shared.refusal() if self.shared else ""
        return self.lost() or unleased or (self.plan.spend.refuse(order) if self.plan.spend else "")

    def lost(self) -> str:
        """Return why the wallet is not ours any more, empty while it is; the first look that says so ends the run."""
        reason = (self.plan.fence.lost() if self.plan.fence else "") or (self.shared.lost() if self.shared else "")
        if reason and not self.stop.reason:  # a second request would hurry the drain
            log.critical("wallet.lost", reason=reason)
            self.stop.ask(reason)
        return reason

    def _ours(self, order_id: str) -> bool:
        return order_id.startswith(f"{self.run_id}-")

    def _spared(self, venue: VenueAdapter) -> VenueAdapter:
        if self.plan.fence is None:
            return venue
        return OursOnly(venue, sparing=self.lost, is_ours=self._ours, leaves=self._leaves)

    def _leaves(self) -> bool:
        """Return whether orders that no journal explains are left alone: a kill switch spares nobody."""
        return self.plan.settings.reconcile.on_start_foreign == "leave" and not closed_by(self.gate())

    def _compared(self, reads: AccountReads) -> Differences:
        return Differences(
            reads,
            self.venue,
            self.engine,
            self.inbox,
            is_ours=self._ours,
            every_ns=self.plan.settings.reconcile.every_ns,
            now_ns=now_ns,
            deaf=self.link.deaf,
        )

    def _reconciled(self) -> dict[str, Any]:
        token = {"token": self.plan.fence.token} if self.plan.fence else {}
        start = {"start": dict(self.plan.found)} if self.plan.found else {}
        told = self.differences or self.plan.onlooker
        return {**token, **start, **(told.report() if told else {})}

    def _second(self) -> None:
        self.lost()
        self.venue_watch.second()
        self.publisher.second(now_ns())
        if self.notifier is not None:
            publish_channels(self.registry, self.notifier)
        if self.differences:
            self.differences.second()
        if self.plan.watch:
            self.plan.watch.publish(self.registry)

    def handlers(self) -> Mapping[str, Handler]:
        """Return all that can be asked over the control socket."""
        return {**self.operator().handlers(), **self.desk.handlers()}

    def _desk(self, kept: Sequence[Request]) -> Desk:
        venue, seq, durable = self.venue.supported, lambda: self.journal.seq, self.shell.durable
        return Desk(self.engine, self.inbox, kept, supported=venue, written=seq, durable=durable, now_ns=now_ns)

    def operator(self) -> Operator:
        """Return what an operator can ask."""
        return Operator(
            facts=self.facts,
            engine=self.engine,
            execution=self.execution,
            killer=self.killer,
            flattener=self.flattener,
            ask_stop=self.stop.ask,
            feeds=self.plan.watch.report if self.plan.watch else no_feeds,
            now_ns=now_ns,
            new_policies=NewPolicies(self.engine, self.inbox, self.plan.rules, now_ns),
            differences=self.differences,
            in_book=self.plan.open_venue not in (open_paper, open_shadow),
            denials=self.tally.lately,
        )
