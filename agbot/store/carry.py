"""What a run leaves to the next one of the same profile: paper cash and positions, folded from the journal's facts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.core.oms import PROVISIONAL, Heard, Oms, OrderRecord
from agbot.core.portfolio import CarriedPosition, Portfolio
from agbot.errors import StoreError
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import Event, MarketListed, MarketResolved, OrderEvidence, OrderFilled
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.model.order import OrderState
from agbot.store.codec import decode_batch, decode_output
from agbot.store.journal import BATCH, STEP, Header, JournalReader, Record, foreign

_MAY_HAVE_TRADED: Final = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.FILLED)


@attrs.frozen
class Carry:
    """Cash in 10⁻⁶ usd and positions at the end of run `from_run`, or up to its first record in `set_aside`.

    It began at `started_ns`, UTC nanoseconds by the clock of then.
    """

    cash: int
    positions: tuple[CarriedPosition, ...]
    from_run: str
    started_ns: int
    seed: int
    set_aside: tuple[tuple[int, str], ...] = ()


def carry_latest(directory: Path, mode: str, seed: int | None = None) -> Carry | None:
    """Return what the newest run of `mode` left, None when there was none.

    With a `seed`, runs of another one are passed over: their markets are another world's.
    Journals that hold nothing never traded: skipped. StoreError for one that did and cannot be read.
    """
    past = next((past for past in pasts(directory, mode) if seed in (None, past.header.seed)), None)
    return past.carry() if past else None


def carry_from(path: Path) -> Carry:
    """Fold the believable prefix of a journal; StoreError when it is not one."""
    return Past.read(path).carry()


def pasts(directory: Path, mode: str) -> Iterator[Past]:
    """Yield the runs of `mode`, the newest first; see `carry_latest` for what is skipped and raised."""
    for path in sorted(directory.glob(f"*-{mode.lower()}.agj"), reverse=True):
        try:
            yield Past.read(path)
        except StoreError as e:
            if e.id != "AGB-606":
                raise


class Past:
    """What a run's journal says of its orders and money; evidence that came too late for it can be added."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.last_ns = header.started_ns
        """The core's time at the last record."""
        self.set_aside: tuple[tuple[int, str], ...] = ()
        self._fold = Fold(header)
        self._oms = self._fold.oms

    @classmethod
    def read(cls, path: Path) -> Past:
        """Fold the believable prefix of a journal; StoreError when it is not one."""
        reader = JournalReader(path)
        try:
            past = cls(reader.header())
            for record in reader.records():
                past._record(record)
            past.set_aside = tuple(reader.set_aside)
        except msgspec.DecodeError as e:
            raise foreign(path, str(e)) from e
        finally:
            reader.close()
        return past

    def live(self) -> list[OrderRecord]:
        """Return the orders that nothing in the journal ended."""
        return list(self._oms.all_live())

    def sent(self) -> list[OrderRecord]:
        """Return every order that may have been sent, oldest first."""
        return list(self._oms.all())

    def ended_since(self, since_ns: int) -> list[OrderRecord]:
        """Return the orders that have ended from then on, and may have traded: a last trade may not have been told."""
        ended = (record for record in self._oms.all() if record.state in _MAY_HAVE_TRADED)
        return [record for record in ended if record.changed_ns >= since_ns]

    def unsettled(self) -> list[OrderRecord]:
        """Return the orders with trades of which the journal does not say how they settled."""
        return [r for r in self._oms.all() if any(fill.settlement in PROVISIONAL for fill in r.trades.values())]

    def add(self, now_ns: int, event: Event) -> None:
        """Fold one fact in; a repeated one, or one that cannot be true, changes nothing."""
        self._fold.event(now_ns, event)

    def carry(self) -> Carry:
        """Return cash and positions as they are now."""
        return attrs.evolve(self._fold.result(), set_aside=self.set_aside)

    def _record(self, record: Record) -> None:
        self.last_ns = max(self.last_ns, record.now_ns)
        if record.kind == STEP:
            for command in decode_output(record.body).commands:
                self._fold.command(record.now_ns, command)
        elif record.kind == BATCH:
            for event in decode_batch(record.body):
                self.add(record.now_ns, event)


class Fold:
    """Facts only: no strategy runs again, so a newer agbot reads an older one's money the same way.

    Attributes:
        oms, portfolio, markets: what the facts so far add up to.
        heard: what the newest fact about an order did, None before the first.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self.portfolio = Portfolio(header.capital)
        self.markets: dict[MarketId, Market] = {}
        self.oms = Oms()
        self.heard: Heard | None = None

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
        """Fold in what happened; one that cannot be true changes nothing, as in the core that met it."""
        match event:
            case MarketListed(market=market):
                if market.id not in self.markets:
                    self.portfolio.take_over(market, self._header.carried)
                self.markets[market.id] = market
            case MarketResolved(market=ended, winner=winner) if ended in self.markets:
                market = self.markets[ended]
                if winner in (market.yes, market.no):
                    self.portfolio.settle(market, market.outcome(winner))
            case _ if isinstance(event, OrderEvidence):
                self._evidence(now_ns, event)
            case _:
                pass

    def _evidence(self, now_ns: int, event: OrderEvidence) -> None:
        counted = isinstance(event, OrderFilled) and self.oms.counts(event)
        self.heard = self.oms.hear(now_ns, event)
        record = self.oms.get(event.client_order_id)
        if record is not None and isinstance(event, OrderFilled) and self.oms.counts(event) != counted:
            self._money(record.command, record.trades[event.trade_id], taken_back=counted)

    def _money(self, order: PlaceOrder, fill: OrderFilled, *, taken_back: bool) -> None:
        (self.portfolio.void if taken_back else self.portfolio.fill)(
            self.markets[order.market],
            order.token,
            order.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            strategy=order.strategy,
        )

    def result(self) -> Carry:
        """Return what is left for the next run."""
        unseen = tuple(c for c in self._header.carried if c.market not in self.markets)
        return Carry(
            self.portfolio.cash,
            (*self.portfolio.carried(), *unseen),
            self._header.run_id,
            self._header.started_ns,
            self._header.seed,
        )
