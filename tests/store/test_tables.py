"""Tables: what goes out as CSV, JSON lines or Parquet comes back message for message; a damaged one says where."""

from __future__ import annotations

import gzip
import importlib.util
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError, RecordingError
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    LinkDown,
    LinkUp,
    MarketListed,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.order import Side
from agbot.store import tables
from agbot.store.flat import COLUMNS, Flat, flat, message_of
from agbot.store.history import read_history, write_history
from agbot.store.importers import open_recording
from agbot.store.tables import FORMS, write_table
from agbot.testing.builders import make_market

MARKET = make_market(question='Will it "rain",\r\n or not? \\n é')
HERE = [form for form in FORMS if form != "parquet" or importlib.util.find_spec("pyarrow")]
"""Parquet needs a package that need not be installed."""

tokens = st.sampled_from([MARKET.yes, MARKET.no])
prices = st.integers(1, 2**62)
sizes = st.integers(0, 2**62)
levels = st.lists(st.tuples(prices, st.integers(1, 2**62)), max_size=4).map(tuple)
texts = st.one_of(st.sampled_from(["", "a\\nb", '"', ",", "\r\n", "\\", " x "]), st.text(max_size=12))
kinds = [
    lambda ts: st.builds(BookSnapshot, tokens, levels, levels, ts),
    lambda ts: st.builds(
        BookDelta, tokens, st.lists(st.tuples(st.integers(0, 1), prices, sizes), max_size=4).map(tuple), ts
    ),
    lambda ts: st.builds(TradePrint, tokens, st.sampled_from(Side), prices, prices, ts),
    lambda ts: st.builds(TickSizeChanged, tokens, prices, ts),
    lambda ts: st.just(MarketResolved(MARKET.id, MARKET.yes, 0)).flatmap(
        lambda m: ts.map(lambda at: MarketResolved(m.market, m.winner, at))
    ),
    lambda ts: st.builds(MarketListed, st.just(make_market("m2")), ts),
    lambda ts: st.builds(LinkUp, texts, ts),
    lambda ts: st.builds(LinkDown, texts, texts, ts),
    lambda ts: st.builds(BookTrust, tokens, texts, ts),
    lambda ts: st.builds(ReferencePrice, texts, texts, prices, ts),
]
times = st.integers(0, 2**63 - 1)
messages = st.lists(st.one_of(*(kind(times) for kind in kinds)), max_size=8).map(
    lambda found: sorted(found, key=lambda m: m.ts_ns)
)


@given(told=st.one_of(*(kind(times) for kind in kinds)), n=st.integers(1, 2**40))
@settings(max_examples=50, deadline=None)
def test_a_message_is_its_rows(told, n):
    rows = list(flat(n, told))
    assert message_of(rows) == told
    assert {row.n for row in rows} == {n}


@pytest.mark.parametrize("form", HERE)
@given(told=messages, packed=st.booleans())
@settings(max_examples=25, deadline=None)
def test_what_goes_out_comes_back(tmp_path_factory, form, told, packed):
    folder = tmp_path_factory.mktemp("t")
    path = folder / (f"x.{form}.gz" if packed and form != "parquet" else f"x.{form}")
    assert write_table(path, form, [MARKET], told) == len(told)
    recording = open_recording(path)
    assert recording.markets == (MARKET,)
    assert list(recording.messages()) == told
    assert recording.log.skipped_count == 0
    assert recording.fraction == 1.0
    write_history(folder / "back.agh", recording.markets, recording.messages())
    write_history(folder / "there.agh", [MARKET], told)
    assert list(read_history(folder / "back.agh").messages()) == list(read_history(folder / "there.agh").messages())


def test_csv_is_for_people(tmp_path):
    told = [BookSnapshot(MARKET.yes, ((480_000, 30_500_000),), (), 7), LinkDown("f", "a\nb", 8)]
    write_table(tmp_path / "x.csv", "csv", [MARKET], told)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[2:] == ["1,book,7,m1-yes,bid,0.48,30.5,,", "2,down,8,,,,,f,a\\nb"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([Flat(1, "nonsense", 5)], "unknown kind"),
        ([Flat(1, "trade", 5, "m1-yes", "UP", 1, 1)], "UP"),
        ([Flat(1, "trade", 5, "m1-yes", "BUY", 0, 1)], "no price"),
        ([Flat(1, "trade", -1, "m1-yes", "BUY", 1, 1)], "out of range"),
        ([Flat(1, "tick", 5, "m1-yes")], "no price"),
        ([Flat(1, "up", 5), Flat(1, "up", 5)], "2 rows of one up"),
        ([Flat(1, "book", 5, "a", "bid", 1, 1), Flat(1, "book", 6, "a", "bid", 1, 1)], "differ"),
        ([Flat(1, "book", 5, "a", "bid", 1, 0)], "size 0"),
        ([Flat(1, "delta", 5, "a", "left", 1, 1)], "neither bid nor ask"),
        ([Flat(1, "market", 5, text="{}")], "bad terms"),
    ],
)
def test_rows_that_are_no_message(rows, reason):
    with pytest.raises(ValueError, match=reason):
        message_of(rows)


@pytest.mark.parametrize(
    ("form", "bad"),
    [
        ("csv", "x,book"),
        ("csv", "1,trade,x,,,,,,"),
        ("csv", "1,up,1,,,0.1234567,,,"),
        ("csv", '1,"'),
        ("jsonl", '{"n":1}'),
    ],
)
def test_a_line_that_is_none_is_set_aside_and_told(tmp_path, form, bad):
    path = tmp_path / f"x.{form}"
    write_table(path, form, [MARKET], [LinkUp("f", 1)])
    path.write_text(path.read_text() + bad + "\n")
    recording = open_recording(path)
    assert list(recording.messages()) == [LinkUp("f", 1)]
    assert [skip.line for skip in recording.skipped] == [4 if form == "csv" else 3]


def test_a_cut_table_says_so(tmp_path):
    path = tmp_path / "x.csv.gz"
    write_table(path, "csv", [MARKET], [ReferencePrice("s", f"{n}", n, n) for n in range(1, 4000)])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordingError) as e:
        list(open_recording(path).messages())
    assert e.value.id == "AGB-203"


def test_markets_that_cannot_be_read_are_no_markets(tmp_path):
    (tmp_path / "x.csv").write_text(",".join(COLUMNS) + "\n0,listed,0,,,,,m,{}\n")
    with pytest.raises(RecordingError) as e:
        open_recording(tmp_path / "x.csv")
    assert (e.value.id, e.value.line) == ("AGB-202", 2)


def test_another_parquet_is_no_recording(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"PAR1 and nothing")
    for name in ("x.parquet", "y.parquet"):
        with pytest.raises(RecordingError) as e:
            open_recording(tmp_path / name)
        assert e.value.id == "AGB-202"


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'agbot\[parquet\]'") as e:
        write_table(tmp_path / "x.parquet", "parquet", [MARKET], [])
    assert e.value.id == "AGB-924"
    assert list(tmp_path.iterdir()) == []


def test_many_rows_are_written_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_A_GROUP", 16)
    told = [ReferencePrice("s", "x", n, n) for n in range(1, 100)]
    for form in HERE:
        write_table(tmp_path / f"x.{form}", form, [], told)
        assert list(open_recording(tmp_path / f"x.{form}").messages()) == told


def test_a_failed_export_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("before")

    def broken():
        yield LinkUp("f", 1)
        raise RecordingError("cut", id="AGB-203", path="source")

    with pytest.raises(RecordingError):
        write_table(path, "csv", [], broken())
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_gzip_is_by_name(tmp_path):
    write_table(tmp_path / "x.jsonl.gz", "jsonl", [], [LinkUp("f", 1)])
    assert b'"kind":"up"' in gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes())
