"""Verification: agreement, every kind of tampering found, and any prefix of a crashed run."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import attrs
import msgspec
import pytest

from agbot.core.step import Output
from agbot.errors import ConfigError, NotFoundError, StoreError
from agbot.model.commands import PlaceOrder
from agbot.model.events import BookSnapshot
from agbot.store.carry import carry_from
from agbot.store.codec import decode_batch, decode_output, encode_batch, encode_output
from agbot.store.journal import BATCH, END, RUN, STEP, Header, JournalReader, _crc
from agbot.store.verify import Divergence, sides, verify


class Copy:
    """A copy of a journal whose records the test may change, checksums made right again."""

    def __init__(self, path):
        self.path = path

    def records(self, kind):
        reader = JournalReader(self.path)
        try:
            return [r for r in reader.records() if r.kind == kind]
        finally:
            reader.close()

    def execute(self, sql, *values):
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(sql, values)

    def put(self, record, body):
        crc = _crc(record.seq, record.kind, record.now_ns, body)
        self.execute("update record set body = ?, crc = ? where seq = ?", body, crc, record.seq)

    def cut(self, last):
        self.execute("delete from record where seq > ?", last)

    def header(self, **changes):
        (run,) = self.records(RUN)
        header = msgspec.structs.replace(msgspec.msgpack.decode(run.body, type=Header), **changes)
        self.put(run, msgspec.msgpack.encode(header))


@pytest.fixture
def copy(traded, tmp_path):
    return Copy(shutil.copy(traded, tmp_path / "copy.agj"))


def placing(copy):
    """Return the first record whose output places an order."""
    for record in copy.records(STEP):
        output = decode_output(record.body)
        if any(isinstance(c, PlaceOrder) for c in output.commands):
            return record, output
    raise AssertionError("nothing was placed")


def test_the_same_core_agrees(copy):
    verdict = verify(copy.path)
    assert verdict.agrees
    assert verdict.complete
    assert verdict.divergence is None
    assert verdict.digest == verdict.ended_digest
    assert (verdict.batches, verdict.steps) == (len(copy.records(BATCH)), len(copy.records(STEP)))
    assert verdict.records == verdict.batches + verdict.steps + 2
    assert verdict.steps > 20


def test_a_changed_price_is_found_where_it_is_and_shown_from_both_sides(copy):
    record, output = placing(copy)
    first, *rest = output.commands
    cheaper = msgspec.structs.replace(first, price=first.price - 1)
    copy.put(record, encode_output(Output((cheaper, *rest), output.decisions, output.anomalies)))
    verdict = verify(copy.path)
    assert not verdict.agrees
    assert (verdict.divergence.seq, verdict.divergence.now_ns) == (record.seq, record.now_ns)
    shown = list(sides(verdict.divergence))
    assert [line for line in shown if line.startswith("- journal")] == [f"- journal  {cheaper!r}"]
    assert [line for line in shown if line.startswith("+ now")] == [f"+ now      {first!r}"]
    assert sum(line.startswith("  ") for line in shown) == len(rest) + len(output.decisions)


def test_a_changed_fact_is_found_at_the_next_decision(copy):
    target = next(r for r in copy.records(BATCH) if any(isinstance(e, BookSnapshot) for e in decode_batch(r.body)))
    batch = [e for e in decode_batch(target.body) if not isinstance(e, BookSnapshot)]
    copy.put(target, encode_batch(batch))
    verdict = verify(copy.path)
    assert not verdict.agrees
    assert verdict.divergence.seq >= target.seq
    assert verdict.divergence.computed is None


def test_an_output_that_the_core_never_gave_is_found(copy):
    steps = {r.seq for r in copy.records(STEP)}
    quiet = next(r for r in copy.records(BATCH) if r.seq + 1 not in steps)
    copy.execute("delete from record where seq > ?", quiet.seq)
    body = encode_output(Output((), (), ("invented",)))
    crc = _crc(quiet.seq + 1, STEP, quiet.now_ns, body)
    copy.execute("insert into record values (?, ?, ?, ?, ?)", quiet.seq + 1, STEP, quiet.now_ns, body, crc)
    divergence = verify(copy.path).divergence
    assert (divergence.seq, divergence.computed) == (quiet.seq + 1, None)
    assert list(sides(divergence)) == ["- journal  'invented'", "+ now      (nothing)"]


def test_an_output_that_is_missing_in_the_middle_is_found(copy):
    record, output = placing(copy)
    reader = JournalReader(copy.path)
    later = [r for r in reader.records() if r.seq > record.seq]
    reader.close()
    copy.cut(record.seq - 1)
    for r in later:
        crc = _crc(r.seq - 1, r.kind, r.now_ns, r.body)
        copy.execute("insert into record values (?, ?, ?, ?, ?)", r.seq - 1, r.kind, r.now_ns, r.body, crc)
    divergence = verify(copy.path).divergence
    assert (divergence.journaled, divergence.computed) == (None, output)
    assert divergence.seq == record.seq - 1
    assert next(iter(sides(divergence))) == "- journal  (nothing)"


@pytest.mark.parametrize(
    "changes",
    [
        {"strategies": (("quoter", '{"size": "21"}', None),)},
        {"capital": 10_000_000},
        {"policies": '{"policies": [{"type": "PositionLimit", "market_id": null, "max_size": "1"}]}'},
        {"policies": '{"policies": [{"type": "KillSwitch", "enabled": true}]}'},
        {"run_id": "other"},
        {"in_flight_max": 1},
    ],
    ids=str,
)
def test_another_core_than_the_one_that_traded_is_found(changes, copy):
    copy.header(**changes)
    assert not verify(copy.path).agrees


def test_an_unknown_strategy_is_a_configuration_error(copy):
    copy.header(strategies=(("quotr", "{}", None),))
    with pytest.raises(ConfigError, match="quotr"):
        verify(copy.path)


def test_every_prefix_of_a_crashed_run_agrees_and_is_not_complete(copy):
    last = verify(copy.path).records
    digests = set()
    for keep in range(last - 1, 0, -max(1, last // 12)):
        copy.cut(keep)
        verdict = verify(copy.path)
        assert (verdict.agrees, verdict.complete, verdict.records) == (True, False, keep)
        digests.add(verdict.digest)
    assert len(digests) > 3


def test_a_corrupt_record_ends_what_is_believed_and_is_reported(copy):
    copy.execute("update record set body = x'00' where seq = 30")
    verdict = verify(copy.path)
    assert (verdict.agrees, verdict.complete, verdict.records) == (True, False, 29)
    assert verdict.set_aside == ((30, "checksum mismatch"),)


def test_a_closing_digest_that_does_not_fit_is_disagreement(copy):
    (end,) = copy.records(END)
    copy.put(end, msgspec.msgpack.encode({"reason": "x", "digest": "00" * 16}))
    verdict = verify(copy.path)
    assert verdict.divergence is None
    assert verdict.complete
    assert not verdict.agrees


def test_what_is_no_journal_is_said(tmp_path):
    with pytest.raises(NotFoundError):
        verify(tmp_path / "none.agj")
    (tmp_path / "text.agj").write_text("hello " * 1000)
    with pytest.raises(StoreError) as caught:
        verify(tmp_path / "text.agj")
    assert caught.value.id == "AGB-603"


def test_verifying_twice_or_a_copy_is_the_same(copy, traded):
    assert attrs.asdict(verify(copy.path)) == attrs.asdict(verify(traded))


def test_both_sides_of_nothing():
    assert list(sides(Divergence(seq=1, now_ns=1, journaled=None, computed=None))) == ["  (nothing)"]


@pytest.mark.parametrize("kind", [RUN, BATCH, STEP])
def test_a_whole_record_of_another_version_is_said_not_crashed_on(kind, copy):
    copy.put(copy.records(kind)[0], msgspec.msgpack.encode([["FactOfTomorrow", 1]]))
    for read in (verify, carry_from):
        with pytest.raises(StoreError) as caught:
            read(copy.path)
        assert caught.value.id == "AGB-605"
