"""Resident memory over many create/use/drop cycles, each in an interpreter of its own."""

import subprocess
import sys

import pytest

CYCLES = 20_000
GROWTH_MAX = 1 << 20  # less than 53 bytes per cycle: even one forgotten object header per cycle shows

PRELUDE = f"""
import array, os, resource, sys
# Linux hands the peak of the parent on through exec, but not through fork: only a fork has a peak of its own.
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import numpy
from agbot._book import Book
from agbot._frames import Scanner
from agbot._keccak import keccak256
from agbot._timeseries import Series
from agbot.timeseries import TimeSeries

def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

kept = []
times, values = array.array("q", range(40)), array.array("d", [1.0] * 40)
rows = [(0, 10_000 * i, i) for i in range(1, 90)]
buffer = numpy.array(rows, numpy.int64)

def refused(call, *arguments):
    try:
        call(*arguments)
    except (TypeError, ValueError, OverflowError, BufferError):
        return
    raise SystemExit(f"{{call}} accepted {{arguments}}")

def measure(cycle):
    for _ in range(500):
        cycle()
    kept.clear()
    before = peak()
    for _ in range({CYCLES}):
        cycle()
    print(peak() - before)
"""

SERIES = """
def cycle():
    s = TimeSeries(1000, stats=True, ewma_alpha=0.5)
    s.append(1, 2.0)
    s.append_batch(times, values)
    view = [s.view(n) for n in range(5)][-1]  # offsets beyond 256: such ints are objects that can be forgotten
    s.last(5), s.range(0, 20), s.mean, s.min, s.max, s.ewma, repr(s)
    del s
    view[0].sum()
"""

SERIES_REFUSALS = """
s = TimeSeries(4)
def cycle():
    refused(TimeSeries, 0)
    refused(lambda: TimeSeries(3, ewma_alpha=7))
    refused(s.append, 1, "x")
    refused(s.append_batch, times, times)
    refused(s.append_batch, times, values[:3])
    refused(s.view, -1)
    refused(s._last_into, bytearray(8), values)
    refused(lambda: s.mean)
"""

BOOK = """
def cycle():
    b = Book(1_000)
    b.apply([list(row) for row in rows])
    b.apply(buffer)
    b.snapshot(buffer[:, 1:].copy(), [(990_000, 5)])
    b.regrid(100)
    b.top(0, 10), b.levels(0), b.top_into(0, numpy.empty((60, 2), numpy.int64)), b.vwap(0, 500)
    b.mid(), b.microprice(), b.imbalance(3), b.best_bid, b.best_ask_size, b.size_at(0, 10_000), repr(b)
"""

BOOK_REFUSALS = """
b = Book()
def cycle():
    refused(Book, 7)
    refused(b.update, 0, 5, 1)
    refused(b.update, 0, 2**70, 1)
    refused(b.apply, rows + [(0, 5, 1)])
    refused(b.apply, buffer[:, :2].copy())
    refused(b.apply, [[0, 10_000, 1.5] for _ in range(60)])
    refused(b.apply, [[0, 10_000]])
    refused(b.snapshot, [(10_000, 1)] * 60, [(5, 5)])
    refused(b.snapshot, [(10_000, 1)] * 60, 7)
    refused(b.regrid, 7)
    refused(b.top_into, 0, buffer)
"""

FRAMES = """
head = '{"market":"%s","timestamp":"1703875200000","hash":"abc",'
level = '{"price":"0.48","size":"3000"}'
book = head + '"asset_id":"%s","event_type":"book","bids":[' + level + '],"asks":[],"tick_size":"0.01"}'
change = head + '"event_type":"price_change","price_changes":[%s]}'
row = '{"asset_id":"%s","price":"0.51","size":"150.5","side":"BUY","hash":"h","best_bid":"0.51","best_ask":"0.52"}'
many = [(f"0x{i}", f"token {i}") for i in range(300)]
turn = 0
def cycle():
    global turn
    turn += 1
    hashes = {}
    s = Scanner(lambda *given: given, lambda *given: given, tuple, {"A": 10_000}, hashes)
    for market, token in many[turn % 200 : turn % 200 + 80]:
        assert s.scan(change % (market, row % token + "," + row % "A"))
        s.note_top(token, 1_000, 2_000), s.note_market(token, market), s.said(token), s.note_top(token)
    assert s.scan((book % ("m", "A")).encode()) and s.scan("[" + book % ("m", "A") + "]") and s.scan(b"[]")
    assert s.scan(book % ("m", "B")) is None and s.scan("[" + book % ("m", "A") + ",") is None and s.scan(7) is None
    assert s.scan(chr(0xD800)) is None and hashes["A"] == "abc" and s.said("never") == (None, None, None)
    s.books, s.changes
"""

FRAMES_REFUSALS = """
s = Scanner(lambda *given: 1 / 0, int, tuple, {"A": 10_000, "B": "ten", "C": 2**70})
book = '{"timestamp":"1703875200000","asset_id":"%s","event_type":"book","bids":[],"asks":[],"tick_size":"0.01"}'
def cycle():
    refused(Scanner)
    refused(Scanner, list, list, list, {})
    refused(Scanner, list, list, tuple, [])
    refused(Scanner, list, list, tuple, {}, 7)
    refused(s.note_top, "A", "x", 7)
    refused(s.note_top, "A", 7, 2**70)
    refused(s.note_top, 7)
    refused(s.note_top, chr(0xD800))
    refused(s.note_market, "A", None)
    refused(s.note_market, "A")
    for token in "ABC":
        try:
            s.scan(book % token)
        except (ZeroDivisionError, TypeError, OverflowError):
            continue
        raise SystemExit(token)
"""

KECCAK = """
packed = array.array("b", range(90))
def cycle():
    keccak256(packed), keccak256(memoryview(packed)[3:]), keccak256(b"")
    refused(keccak256, "text")
    refused(keccak256, memoryview(packed)[::2])
"""

FORGETFUL = "def cycle():\n    kept.append(Series(1))\n"


def growth(cycle: str) -> int:
    program = PRELUDE + cycle + "\nmeasure(cycle)\n"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=100)
    return int(done.stdout)


@pytest.mark.parametrize("cycle", [SERIES, SERIES_REFUSALS, BOOK, BOOK_REFUSALS, FRAMES, FRAMES_REFUSALS, KECCAK])
def test_memory_does_not_grow(cycle):
    assert growth(cycle) < GROWTH_MAX


def test_the_measure_sees_a_leak():
    assert growth(FORGETFUL) > GROWTH_MAX
