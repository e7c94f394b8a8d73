"""Run a journal through the same core and compare every decision, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import msgspec

from agbot.core.engine import Engine
from agbot.core.step import Output, Step
from agbot.model.commands import PlaceOrder
from agbot.store.codec import GENESIS, chain, decode_batch, decode_output, encode_output
from agbot.store.journal import BATCH, END, STEP, Header, JournalReader, Record, foreign
from agbot.store.rebuild import engine_of


@attrs.frozen(kw_only=True)
class Divergence:
    """The first place where journal and core disagree. Either side may be None: no output there."""

    seq: int
    now_ns: int
    journaled: Output | None
    computed: Output | None


@attrs.define(kw_only=True)
class Lived:
    """What the run did, as far as it was replayed: money in 10⁻⁶ usd, shares in 10⁻⁶, orders by how they ended.

    `newest` is the order that filled last, else the one placed last, as an example; `ended` says why the run ended.
    """

    first_ns: int = 0
    last_ns: int = 0
    placed: int = 0
    denied: int = 0
    fills: int = 0
    shares: int = 0
    ended: str = ""
    newest: str = ""
    filled: bool = False
    open_: int = 0
    by_end: dict[str, int] = attrs.field(factory=dict)
    fees: int = 0
    pnl: int = 0
    equity: int = 0
    kill_switch: str = ""

    def take(self, step: Step) -> None:
        """Count one step."""
        self.first_ns, self.last_ns = self.first_ns or step.now_ns, step.now_ns
        placed = [command for command in step.output.commands if isinstance(command, PlaceOrder)]
        self.placed += len(placed)
        self.denied += sum(not decision.allowed for decision in step.output.decisions)
        self.fills += len(step.fills) - len(step.voided)
        self.shares += sum(fill.size for _, fill in step.fills) - sum(fill.size for _, fill in step.voided)
        if step.fills:
            self.newest, self.filled = step.fills[-1][0].command.client_order_id, True
        elif placed and not self.filled:
            self.newest = placed[-1].client_order_id

    def close(self, engine: Engine) -> None:
        """Take over what the account is in the end."""
        portfolio = engine.portfolio
        self.by_end = {str(state).lower(): count for state, count in engine.oms.ended.items() if count}
        self.open_ = sum(1 for _ in engine.oms.all_live())
        self.fees, self.equity, self.kill_switch = portfolio.fees, portfolio.equity(), engine.kill_switch
        self.pnl = self.equity - portfolio.initial_equity()


@attrs.frozen(kw_only=True)
class Verdict:
    """What a verification found. `complete` tells whether the run ended in order (False after a crash)."""

    lived: Lived
    header: Header
    records: int
    batches: int
    steps: int
    digest: str
    complete: bool
    ended_digest: str
    divergence: Divergence | None
    set_aside: tuple[tuple[int, str], ...]

    @property
    def agrees(self) -> bool:
        """Return whether every decision was the same, and the closing digest too when there is one."""
        return self.divergence is None and self.ended_digest in ("", self.digest)


def verify(path: Path) -> Verdict:
    """Replay the believable prefix of a journal.

    Raises:
        StoreError: it is not a journal, or of another schema. ConfigError: its strategy is unknown to this version.
    """
    reader = JournalReader(path)
    try:
        return _Verifier(reader).run()
    except msgspec.DecodeError as e:
        raise foreign(path, str(e)) from e
    finally:
        reader.close()


class _Verifier:
    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._header = reader.header()
        self._engine: Engine = engine_of(self._header)
        self._digest = GENESIS
        self._counts = {"records": 0, BATCH: 0, STEP: 0}
        self._ended = ""
        self._complete = False
        self._lived = Lived()

    def run(self) -> Verdict:
        expected: tuple[Record, Output] | None = None
        for record in self._reader.records():
            self._count(record)
            if divergence := self._compare(expected, record):
                return self._verdict(divergence)
            expected = self._step(record) if record.kind == BATCH else None
            if record.kind == END:
                self._complete = True
                closing = msgspec.msgpack.decode(record.body)
                self._ended, self._lived.ended = closing["digest"], str(closing.get("reason", ""))
        # The last batch of a crashed run may have lost its output record: nothing of it was sent.
        return self._verdict(None)

    def _count(self, record: Record) -> None:
        self._counts["records"] += 1
        if record.kind in self._counts:
            self._counts[record.kind] += 1

    def _step(self, record: Record) -> tuple[Record, Output] | None:
        step = self._engine.step(record.now_ns, decode_batch(record.body))
        self._lived.take(step)
        return None if step.output.empty else (record, step.output)

    def _compare(self, expected: tuple[Record, Output] | None, record: Record) -> Divergence | None:
        computed = expected[1] if expected else None
        journaled = record.body if record.kind == STEP else None
        if _same(computed, journaled):
            if journaled is not None:
                self._digest = chain(self._digest, record.now_ns, journaled)
            return None
        at = expected[0] if expected and journaled is None else record
        return Divergence(
            seq=at.seq,
            now_ns=at.now_ns,
            journaled=decode_output(journaled) if journaled is not None else None,
            computed=computed,
        )

    def _verdict(self, divergence: Divergence | None) -> Verdict:
        self._lived.close(self._engine)
        return Verdict(
            lived=self._lived,
            header=self._header,
            records=self._counts["records"],
            batches=self._counts[BATCH],
            steps=self._counts[STEP],
            digest=self._digest.hex(),
            complete=self._complete,
            ended_digest=self._ended,
            divergence=divergence,
            set_aside=tuple(self._reader.set_aside),
        )


def _same(computed: Output | None, journaled: bytes | None) -> bool:
    """Return whether the two say the same; an older journal lacks fields that were appended since."""
    if computed is None or journaled is None:
        return computed is None and journaled is None
    return encode_output(computed) == journaled or computed == decode_output(journaled)


def sides(divergence: Divergence) -> Iterator[str]:
    """Yield the two sides of a divergence as lines for people, common lines first marked by two spaces."""
    left, right = _lines(divergence.journaled), _lines(divergence.computed)
    for line in left:
        yield ("  " if line in right else "- journal  ") + line
    for line in right:
        if line not in left:
            yield "+ now      " + line


def _lines(output: Output | None) -> list[str]:
    if output is None:
        return ["(nothing)"]
    return [repr(item) for item in (*output.commands, *output.decisions, *output.anomalies)]
