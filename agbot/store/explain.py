"""One order's whole story, or a chain's, out of the journals: what was seen, decided, sent, said and earned.

Theory of operation. What happened to the orders is folded from what the run wrote down, with the same table the core
uses; it reads the same whatever this version would decide. What was seen at a decision is not written down: the journal
is replayed into a fresh core, which is deterministic, and a witness at its gate looks. When this version decides
differently somewhere before, what it sees after that is not shown.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.core.oms import Heard, OrderRecord
from agbot.core.step import Decision, Output
from agbot.errors import ConfigError, StoreError
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.model.events import (
    Event,
    MarketResolved,
    OrderAccepted,
    OrderAttempted,
    OrderEvidence,
    Source,
)
from agbot.model.market import Market
from agbot.store.carry import Past
from agbot.store.codec import decode_batch, decode_output
from agbot.store.explain_near import ending, no_order, several
from agbot.store.explain_sight import Replayer, Sight
from agbot.store.explain_turns import Turn, attempt_of, of_all, turn_of
from agbot.store.journal import BATCH, END, STEP, Header, JournalReader, foreign

_TOLD_EVERY: Final = 500
_REVISION: Final = re.compile(r"(.+?)(\.[rs]\d+)+")


@attrs.frozen(kw_only=True)
class Choice:
    """One decision of the chain and what it was made on; `sight` is None when that cannot be known again."""

    now_ns: int
    decision: Decision
    sight: Sight | None
    command: PlaceOrder | None


@attrs.frozen
class Signed:
    """What an order was posted as: the venue's id, which is the digest that was signed, and the signature."""

    order_id: str
    signature: str


@attrs.frozen(kw_only=True)
class Story:
    """All that is known of a chain of orders.

    `signed` has the id and the signature of every order that was posted, where the journal keeps them.
    `ended` tells whether the run ended in order; `notes` are what limits this story.
    """

    path: Path
    header: Header
    correlation: str
    market: Market | None
    choices: Sequence[Choice]
    turns: Sequence[Turn]
    orders: Sequence[OrderRecord]
    signed: Mapping[str, Signed]
    ended: bool
    notes: Sequence[str]

    @property
    def realised(self) -> int:
        """Return what the chain's fills realised, fees included (10⁻⁶ usd)."""
        return sum(turn.realised for turn in self.turns)


def _untold(_part: float) -> None:
    pass


def explain(
    runs: Sequence[Path], key: str, *, only: Path | None = None, progress: Callable[[float], None] = _untold
) -> Story:
    """Return the story of an order by client order id, its end where only one has it, correlation id or the venue's id.

    Args:
        runs: journals of the state directory, oldest first.
        only: look into this one and no other.
        progress: told which part of the journal has been lived through again; from 0 anew with each journal.

    Raises:
        NotFoundError: AGB-620, no journal has it, or several orders end so. StoreError: a journal is damaged or of
            another version.
    """
    root = _REVISION.fullmatch(key)
    names = [key, root[1]] if root else [key]
    for path in [only] if only else _likely_first(runs, names[-1]):
        if found := _found(path, names, progress, sure=path == only or key.startswith(path.stem)):
            later = [] if only else [run for run in runs if run.stem > path.stem]
            return attrs.evolve(found, turns=[*found.turns, *_later(later, found)])
    if whole := ending(key, [only] if only else runs):
        if len(whole) > 1:
            raise several(key, whole)
        return explain(runs, whole[0], only=only, progress=progress)
    where = only.stem if only else f"{len(runs)} journals"
    raise no_order(key, [only] if only else runs, where)


def _likely_first(runs: Sequence[Path], key: str) -> Iterator[Path]:
    """Yield the journal whose run the id names, then the others, newest first."""
    named = [path for path in runs if key.startswith(f"{path.stem}-")]
    yield from named
    yield from (path for path in reversed(runs) if path not in named)


def _found(path: Path, names: Sequence[str], progress: Callable[[float], None], *, sure: bool) -> Story | None:
    """Return the story under one of its names; a journal that need not have it may be damaged."""
    try:
        return next(filter(None, (_in(path, name, progress) for name in names)), None)
    except StoreError:
        if sure:
            raise
        return None


def _in(path: Path, key: str, progress: Callable[[float], None]) -> Story | None:
    reader = JournalReader(path)
    try:
        if not reader.mentions(key):
            return None
        header = reader.header()
        chain = _Chain(reader, key)
        if not chain.ids:
            return None
        return _Teller(path, header, chain).tell(reader, progress)
    except msgspec.DecodeError as e:
        raise foreign(path, str(e)) from e
    finally:
        reader.close()


class _Chain:
    """The orders that belong to a key: `ids` by client order id.

    `last` is the record of the newest decision, `batches` those on which its orders were decided.
    """

    def __init__(self, reader: JournalReader, key: str) -> None:
        decided: dict[str, str] = {}
        when: dict[str, tuple[int, int]] = {}
        venue: dict[str, str] = {}
        batch = 0
        for record in reader.records():
            if record.kind == STEP:
                for decision in decode_output(record.body).decisions:
                    decided[decision.client_order_id] = decision.correlation
                    when[decision.client_order_id] = (record.seq, batch)
            elif record.kind == BATCH:
                batch = record.seq
                if key.encode() not in record.body:
                    continue
                named = (e for e in decode_batch(record.body) if isinstance(e, OrderAccepted | OrderAttempted))
                venue.update({event.venue_order_id: event.client_order_id for event in named})
        self.correlation = decided.get(venue.get(key, key), key)
        self.ids = [order for order, chain in decided.items() if chain == self.correlation]
        self.last = max((when[order][0] for order in self.ids), default=0)
        self.batches = {when[order][1] for order in self.ids}


class _Teller:
    """One pass over a journal that writes the story down."""

    def __init__(self, path: Path, header: Header, chain: _Chain) -> None:
        self._path = path
        self._header = header
        self._chain = chain
        self._fold = Past(header)
        self._sights: dict[str, Sight] = {}
        self._choices: list[Choice] = []
        self._turns: list[Turn] = []
        self._notes: list[str] = []
        self._signed: dict[str, Signed] = {}
        self._replayer = self._replay()
        self._ended = False

    def tell(self, reader: JournalReader, progress: Callable[[float], None]) -> Story:
        for record in reader.records():
            if record.seq % _TOLD_EVERY == 0 and record.seq <= self._chain.last:
                progress(record.seq / self._chain.last)
            if record.kind == BATCH:
                self._batch(record.seq, record.now_ns, decode_batch(record.body))
            elif record.kind == STEP:
                self._step(record.seq, record.now_ns, decode_output(record.body))
            elif record.kind == END:
                self._ended = True
        self._notes += [f"the journal is damaged from record {seq} on: {why}" for seq, why in reader.set_aside]
        if not self._ended:
            self._notes.append(
                "the run has not ended in order: it still runs, or was cut off after its last record; what became of "
                "its orders then, the next run asked the venue: agbot history orders"
            )
        return self._story()

    def _replay(self) -> Replayer | None:
        try:
            return Replayer(self._header)
        except ConfigError as e:
            self._notes.append(f"what was seen cannot be computed again: {e.reason}")
            return None

    def _story(self) -> Story:
        records = [self._fold.oms.get(order) for order in self._chain.ids]
        market = self._fold.markets.get(self._choices[0].decision.market) if self._choices else None
        return Story(
            path=self._path,
            header=self._header,
            correlation=self._chain.correlation,
            market=market,
            choices=self._choices,
            turns=self._turns,
            orders=[record for record in records if record is not None],
            signed=self._signed,
            ended=self._ended,
            notes=self._notes,
        )

    # -- records ---------------------------------------------------------------------------------------------------

    def _batch(self, seq: int, now_ns: int, events: list[Event]) -> None:
        if self._replayer is not None and seq < self._chain.last:
            self._sights = self._replayer.batch(seq, now_ns, events, look=seq in self._chain.batches)
        for event in events:
            self._event(now_ns, event)

    def _event(self, now_ns: int, event: Event) -> None:
        if isinstance(event, OrderEvidence) and event.client_order_id in self._chain.ids:
            self._evidence(now_ns, event)
            return
        if isinstance(event, OrderAttempted) and event.client_order_id in self._chain.ids:
            self._attempted(now_ns, event)
            return
        self._fold.event(now_ns, event)
        told = of_all(event, self._chain.ids)
        if told and (self._live() or (isinstance(event, MarketResolved) and self._concerns(event))):
            self._say(now_ns, self._chain.correlation, told, source="operator")

    def _attempted(self, now_ns: int, event: OrderAttempted) -> None:
        if event.signature:
            self._signed[event.client_order_id] = Signed(event.venue_order_id, event.signature)
        self._turns.append(attempt_of(now_ns, event))

    def _evidence(self, now_ns: int, event: OrderEvidence) -> None:
        before = self._realised(event.client_order_id)
        self._fold.event(now_ns, event)
        heard = self._fold.heard
        assert heard is not None
        turn = turn_of(now_ns, heard)
        self._turns.append(attrs.evolve(turn, realised=self._realised(event.client_order_id) - before))

    def _step(self, seq: int, now_ns: int, output: Output) -> None:
        if self._replayer is not None and seq <= self._chain.last:
            self._replayer.journaled(seq, output)
            if self._replayer.diverged and not any("decides differently" in note for note in self._notes):
                self._notes.append(
                    f"this version decides differently from record {self._replayer.diverged} on: "
                    "what was seen after it is not shown"
                )
        commands: dict[str, PlaceOrder] = {c.client_order_id: c for c in output.commands if isinstance(c, PlaceOrder)}
        for decision in output.decisions:
            if decision.client_order_id in self._chain.ids:
                self._decided(now_ns, decision, commands.get(decision.client_order_id))
        for command in output.commands:
            self._fold.command(now_ns, command)
            self._command(now_ns, command)

    def _decided(self, now_ns: int, decision: Decision, command: PlaceOrder | None) -> None:
        trusted = self._replayer is not None and not self._replayer.diverged
        sight = self._sights.get(decision.client_order_id) if trusted else None
        self._choices.append(Choice(now_ns=now_ns, decision=decision, sight=sight, command=command))
        if not decision.allowed:
            denied = f"denied by {', '.join(decision.violated)}"
            self._say(now_ns, decision.client_order_id, denied, "→ DENIED, never sent")

    def _command(self, now_ns: int, command: PlaceOrder | CancelOrder | CancelAll) -> None:
        match command:
            case PlaceOrder(client_order_id=order) if order in self._chain.ids:
                self._say(now_ns, order, "durable, handed to the gateway", "→ PENDING_NEW")
            case CancelOrder(client_order_id=order, reason=reason) if order in self._chain.ids:
                self._say(now_ns, order, f"cancel asked: {reason}", self._state(order))
            case CancelAll(reason=reason) if self._live():
                self._say(now_ns, self._chain.correlation, f"cancel-all asked: {reason}")
            case _:
                pass

    # -- small change ----------------------------------------------------------------------------------------------

    def _say(self, now_ns: int, order: str, what: str, effect: str = "", *, source: str = Source.OURS) -> None:
        turn = Turn(now_ns=now_ns, said_ns=now_ns, order=order, source=source, what=what, effect=effect)
        self._turns.append(turn)

    def _state(self, order: str) -> str:
        record = self._fold.oms.get(order)
        return f"→ {record.state}" if record else ""

    def _live(self) -> bool:
        records = (self._fold.oms.get(order) for order in self._chain.ids)
        return any(record is not None and not record.state.terminal for record in records)

    def _concerns(self, event: MarketResolved) -> bool:
        records = (self._fold.oms.get(order) for order in self._chain.ids)
        return any(record is not None and record.filled and record.command.market == event.market for record in records)

    def _realised(self, order: str) -> int:
        record = self._fold.oms.get(order)
        market = self._fold.markets.get(record.command.market) if record else None
        if record is None or market is None:
            return 0
        return self._fold.portfolio.position(market, market.outcome(record.command.token)).realised


def _later(runs: Sequence[Path], story: Story) -> list[Turn]:
    """Return what later runs heard of the orders. They do not know them: it is shown, and counted by nobody."""
    ids = {choice.decision.client_order_id for choice in story.choices}
    turns: list[Turn] = []
    for path in runs:
        with contextlib.suppress(StoreError):  # of no use to the next run either, which says so
            turns += _in_later(path, ids)
    return turns


def _in_later(path: Path, ids: set[str]) -> Iterator[Turn]:
    reader = JournalReader(path)
    try:
        if not any(reader.mentions(order) for order in sorted(ids)):
            return
        for record in reader.records():
            if record.kind == BATCH:
                yield from _heard_later(record.now_ns, decode_batch(record.body), ids, path.stem)
    except msgspec.DecodeError as e:
        raise foreign(path, str(e)) from e
    finally:
        reader.close()


def _heard_later(now_ns: int, events: Sequence[Event], ids: set[str], run: str) -> Iterator[Turn]:
    for event in events:
        if isinstance(event, OrderEvidence) and event.client_order_id in ids:
            said = "the run that heard this did not know the order"
            heard = Heard(event, event.client_order_id, "", "", news=False, contradiction=said)
            yield turn_of(now_ns, heard, run)
