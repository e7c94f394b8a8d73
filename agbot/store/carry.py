"""What runs leave to the next one of the same profile: cash, positions and orders, folded from the journals' facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import attrs
import msgspec

from agbot.core.approvals import Approvals, Request
from agbot.core.lifecycle import PROVISIONAL
from agbot.core.oms import Heard, Oms, OrderRecord
from agbot.core.owners import Owners
from agbot.core.portfolio import CarriedPosition, Portfolio
from agbot.core.risk import Gate
from agbot.errors import StoreError
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import (
    DifferenceAccepted,
    Event,
    KillSwitchSet,
    MarketListed,
    MarketResolved,
    OrderEvidence,
    OrderFilled,
)
from agbot.model.ids import ClientOrderId, MarketId
from agbot.model.market import Market
from agbot.model.order import OrderState
from agbot.store.codec import decode_batch, decode_output
from agbot.store.journal import BATCH, STEP, Header, JournalReader, Record, foreign

J = TypeVar("J")
"""A journal, as a store knows it."""
_MAY_HAVE_TRADED: Final = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.FILLED)


@attrs.frozen
class Left:
    """An order that a run left open or unsettled, as the next start found it; `outcome` is its token's."""

    run_id: str
    record: OrderRecord
    outcome: str


@attrs.frozen
class Carry:
    """Cash in 10⁻⁶ usd and positions at the end of run `from_run`, or up to its first record in `set_aside`.

    It began at `started_ns`, UTC nanoseconds by the clock of then. `requests` are the trades that other programs had
    approved, for a run whose venue is simulated; `left` the orders that ended with it.
    """

    cash: int
    positions: tuple[CarriedPosition, ...]
    from_run: str
    started_ns: int
    seed: int
    set_aside: tuple[tuple[int, str], ...] = ()
    requests: tuple[Request, ...] = ()
    left: tuple[Left, ...] = attrs.field(default=(), eq=False)


def carry_latest(directory: Path, mode: str, seed: int | None = None) -> Carry | None:
    """Return what the newest run of `mode` left, None when there was none.

    With a `seed`, runs of another one are passed over: their markets are another world's.
    Journals that hold nothing never traded: skipped. StoreError for one that did and cannot be read.
    """
    path = next((path for path, header in _headers(directory, mode) if seed in (None, header.seed)), None)
    return carry_from(path) if path else None


def carry_from(path: Path) -> Carry:
    """Fold the believable prefix of a journal; StoreError when it is not one."""
    return Past.read(path).carry()


def newest(directory: Path) -> tuple[Path, str, str] | None:
    """Return the journal of the newest run of any mode, its run id and its mode; see `carry_latest`."""
    found = next(_headers(directory, "*"), None)
    return (found[0], found[1].run_id, found[1].mode) if found else None


def unasked(directory: Path, mode: str, read: Callable[..., Past]) -> Past | None:
    """Return what no start has asked the venue about, as `read` makes it of journals; see `pasts`."""
    return next(grouped(_headers(directory, mode), read), None)


def pasts(directory: Path, mode: str) -> Iterator[Past]:
    """Yield what runs of `mode` did, the newest first; see `carry_latest` for what is skipped and raised.

    The first is all that no start has asked the venue about: a wallet's run that began without asking (one order,
    `agbot buy --send`) goes on where the run before it stopped, so both are one past.
    """
    return grouped(_headers(directory, mode), Past.read)


def grouped(runs: Iterator[tuple[J, Header]], read: Callable[..., Past]) -> Iterator[Past]:
    """Yield pasts of journals, the newest first, those together that no start came between; see `pasts`."""
    unasked: list[J] = []
    for journal, header in runs:
        unasked.insert(0, journal)
        if header.reconciled or not header.fence:
            break
    if unasked:
        yield read(*unasked)
    for journal, _ in runs:
        yield read(journal)


def _headers(directory: Path, mode: str) -> Iterator[tuple[Path, Header]]:
    for path in sorted(directory.glob(f"*-{mode.lower()}.agj"), reverse=True):
        try:
            reader = JournalReader(path)
            try:
                header = reader.header()
            finally:
                reader.close()
        except StoreError as e:
            if e.id != "AGB-606":
                raise
        else:
            yield path, header


class Past:
    """What journals say of orders and money; evidence that came too late for them can be added.

    Facts only: no strategy runs again, so a newer agbot reads an older one's money the same way.

    Attributes:
        header: the newest run's.
        last_ns: the core's time at the last record.
        set_aside: (sequence number, reason) of records that could not be believed.
        oms, portfolio, markets: what the facts so far add up to. `gate`: what is closed on its own.
        heard: what the newest fact about an order did, None before the first.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.last_ns = header.started_ns
        self.set_aside: tuple[tuple[int, str], ...] = ()
        self.oms = Oms()
        self.portfolio = Portfolio(header.capital)
        self.markets: dict[MarketId, Market] = {}
        self.gate = Gate(())
        self._owners = Owners(self)
        self.heard: Heard | None = None
        self._carried = header.carried
        self._approvals = Approvals(header.requests)
        self._ends: dict[ClientOrderId, int] = {}

    @classmethod
    def read(cls, first: Path, *later: Path) -> Past:
        """Fold the believable prefixes of journals, oldest first; StoreError when one is none."""
        past: Past | None = None
        for path in (first, *later):
            reader = JournalReader(path)
            try:
                past = cls.after(past, reader.header(), reader.records())
                past.set_aside += tuple(reader.set_aside)
            except msgspec.DecodeError as e:
                raise foreign(path, str(e)) from e
            finally:
                reader.close()
        assert past is not None
        return past

    @classmethod
    def after(cls, past: Past | None, header: Header, records: Iterable[Record]) -> Past:
        """Return `past` gone on with by the next run, or what this run alone did; raises what `record` raises."""
        past = past.followed_by(header) if past else cls(header)
        for record in records:
            past.record(record)
        return past

    # -- what is known ---------------------------------------------------------------------------------------------

    def live(self) -> list[OrderRecord]:
        """Return the orders that nothing in the journals ended."""
        return list(self.oms.all_live())

    def sent(self) -> list[OrderRecord]:
        """Return every order that may have been sent, oldest first."""
        return list(self.oms.all())

    @property
    def first_end_ns(self) -> int:
        """Return when the earliest of these runs ended, as far as it left orders."""
        return min(self._ends.values(), default=self.last_ns)

    def ended_within(self, last_ns: int) -> list[OrderRecord]:
        """Return the orders that ended within so long of their run's end: a last trade may not have been told."""
        ended = (record for record in self.oms.all() if record.state in _MAY_HAVE_TRADED)
        return [r for r in ended if r.changed_ns >= self._ends.get(r.command.client_order_id, self.last_ns) - last_ns]

    def unsettled(self) -> list[OrderRecord]:
        """Return the orders with trades of which nothing says how they settled."""
        return [r for r in self.oms.all() if any(fill.settlement in PROVISIONAL for fill in r.trades.values())]

    def left(self, names: Iterable[ClientOrderId]) -> tuple[Left, ...]:
        """Return these orders as they are now."""
        records = (record for name in names if (record := self.oms.get(name)) is not None)
        return tuple(Left(self.header.run_id, record, self._outcome(record.command)) for record in records)

    def _outcome(self, order: PlaceOrder) -> str:
        market = self.markets.get(order.market)
        return str(market.outcome(order.token)) if market is not None else ""

    def carry(self) -> Carry:
        """Return cash and positions as they are now."""
        unseen = tuple(c for c in self._carried if c.market not in self.markets)
        return Carry(
            self.portfolio.cash,
            (*self.portfolio.carried(), *unseen),
            self.header.run_id,
            self.header.started_ns,
            self.header.seed,
            self.set_aside,
            self.requests(venue_ended=True),
            self.left(record.command.client_order_id for record in self.live()),
        )

    def requests(self, *, venue_ended: bool) -> tuple[Request, ...]:
        """Return the trades that other programs approved, and what became of them; see `Approvals.carried`."""
        return self._approvals.carried(self.last_ns, whole=not self.set_aside, venue_ended=venue_ended)

    # -- facts -----------------------------------------------------------------------------------------------------

    def command(self, now_ns: int, command: Command) -> None:
        """Fold in what was asked."""
        match command:
            case PlaceOrder():
                self.oms.begin(now_ns, command)
            case CancelOrder(client_order_id=order_id):
                self.oms.cancelling(now_ns, order_id)
            case CancelAll():
                for record in self.oms.all_live():
                    self.oms.cancelling(now_ns, record.command.client_order_id)

    def event(self, now_ns: int, event: Event) -> None:
        """Fold in what happened; a repeated fact, or one that cannot be true, changes nothing, as in the core."""
        self._approvals.fold(event)
        match event:
            case MarketListed(market=market):
                if market.id not in self.markets:
                    self.portfolio.take_over(market, self._carried)
                self.markets[market.id] = market
            case MarketResolved(market=ended, winner=winner) if ended in self.markets:
                market = self.markets[ended]
                if winner in (market.yes, market.no):
                    self.portfolio.settle(market, market.outcome(winner))
            case KillSwitchSet(on=on, scope=scope, name=name) if scope:
                self.gate.kill(event.reason, scope, name) if on else self.gate.release(scope, name)
            case DifferenceAccepted(market=where):
                self.portfolio.accept(self.markets.get(where), event)
            case _ if isinstance(event, OrderEvidence):
                self._evidence(now_ns, event)
            case _:
                pass

    def _evidence(self, now_ns: int, event: OrderEvidence) -> None:
        counted = isinstance(event, OrderFilled) and self.oms.counts(event)
        self.heard = self.oms.hear(now_ns, event)
        record = self.oms.get(event.client_order_id)
        if record is not None:
            self._approvals.follow(record)
        if record is not None and isinstance(event, OrderFilled) and self.oms.counts(event) != counted:
            self._money(record, record.trades[event.trade_id], taken_back=counted)

    def _money(self, record: OrderRecord, fill: OrderFilled, *, taken_back: bool) -> None:
        order = record.command
        (self.portfolio.void if taken_back else self.portfolio.fill)(
            self.markets[order.market],
            order.token,
            order.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            strategy=order.strategy,
            parts=self._owners.parts(record, fill, taken_back=taken_back),
        )

    # -- records ---------------------------------------------------------------------------------------------------

    def followed_by(self, header: Header) -> Past:
        """Go on with the next run. What it read of markets that are known here is what these facts lead to."""
        self._ends = {r.command.client_order_id: self.last_ns for r in self.oms.all()} | self._ends
        known = {carried.market for carried in self._carried} | self.markets.keys()
        self._carried += tuple(carried for carried in header.carried if carried.market not in known)
        self._approvals.take_over(header.requests)
        self.gate = Gate(())  # a run is told anew of what is closed
        self.header, self.last_ns = header, max(self.last_ns, header.started_ns)
        return self

    def record(self, record: Record) -> None:
        """Fold in one record of a journal; msgspec.DecodeError when it is not one."""
        self.last_ns = max(self.last_ns, record.now_ns)
        if record.kind == STEP:
            output = decode_output(record.body)
            for decision in output.decisions:
                self._approvals.decided(decision)
            for command in output.commands:
                self.command(record.now_ns, command)
        elif record.kind == BATCH:
            for event in decode_batch(record.body):
                self.event(record.now_ns, event)
