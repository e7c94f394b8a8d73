"""What the book promises beside agreeing with its twin: messages, buffers, atomicity, types."""

import array
import math

import numpy as np
import pytest

from agbot._book import Book
from agbot.core.view import BookView
from agbot.units import TICKS

BID, ASK = 0, 1


@pytest.fixture
def book() -> Book:
    filled = Book(10_000)
    filled.snapshot([(480_000, 30), (470_000, 50)], [(500_000, 10), (520_000, 10)])
    return filled


def levels_of(book: Book) -> tuple:
    return book.tick, book.levels(BID), book.levels(ASK)


def test_an_empty_book():
    empty = Book()
    assert (empty.tick, empty.best_bid, empty.best_ask) == (10_000, 0, 1_000_000)
    assert (empty.best_bid_size, empty.best_ask_size, empty.bid_count, empty.ask_count) == (0, 0, 0, 0)
    assert (empty.empty, empty.locked, empty.crossed) == (True, False, False)
    assert (empty.mid(), empty.microprice(), empty.imbalance()) == (None, None, None)
    average, filled = empty.vwap(ASK, 1)
    assert math.isnan(average)
    assert filled == 0


def test_a_known_book(book):
    assert (book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size) == (480_000, 30, 500_000, 10)
    assert book.mid() == 490_000.0
    assert book.microprice() == 495_000.0
    assert book.imbalance() == 0.5
    assert book.imbalance(2) == book.imbalance(levels=99) == 0.6
    assert book.vwap(ASK, 5) == (500_000.0, 5)
    assert book.vwap(ASK, 100) == (510_000.0, 20)
    assert book.vwap(BID, 40) == (477_500.0, 40)
    assert book.top(BID, 1) == [(480_000, 30)]
    assert repr(book) == "<Book tick=10000 bid=480000 x 30 ask=500000 x 10 levels=2+2>"


def test_flags_of_locked_and_crossed(book):
    book.update(BID, 500_000, 1)
    assert (book.locked, book.crossed, book.empty) == (True, False, False)
    book.update(BID, 510_000, 1)
    assert (book.locked, book.crossed) == (False, True)
    book.clear()
    assert (book.locked, book.crossed, book.empty) == (False, False, True)
    book.update(BID, 990_000, 1)
    assert (book.locked, book.crossed, book.empty) == (False, False, False)


@pytest.mark.parametrize("tick", TICKS)
def test_every_tick_reaches_both_ends(tick):
    book = Book(tick)
    book.snapshot([(tick, 1), (1_000_000 - tick, 2)], [(tick, 3), (1_000_000 - tick, 4)])
    assert book.levels(BID) == [(1_000_000 - tick, 2), (tick, 1)]
    assert book.levels(ASK) == [(tick, 3), (1_000_000 - tick, 4)]


@pytest.mark.parametrize("tick", [0, -100, 1, 20_000, 1_000_000, 2**40])
def test_unknown_ticks_are_refused(book, tick):
    with pytest.raises(ValueError, match="is none of"):
        Book(tick)
    before = levels_of(book)
    with pytest.raises(ValueError, match="is none of"):
        book.regrid(tick)
    assert levels_of(book) == before


ILLEGAL = [
    ((2, 500_000, 1), "side 2 is neither"),
    ((-1, 500_000, 1), "side -1 is neither"),
    ((BID, 500_000, -1), "size -1 is negative"),
    ((BID, 505_000, 1), "price 505000 is not a multiple of the tick 10000"),
    ((BID, 505_000, 0), "not a multiple"),
    ((BID, 0, 1), r"price 0 is outside \[10000, 990000\]"),
    ((ASK, 1_000_000, 0), "outside"),
    ((ASK, -10_000, 1), "outside"),
    ((ASK, 1_000_001, 1), "outside"),
    ((ASK, 500_000, 2**63), "9223372036854775808 does not fit into 64 bits"),
    ((ASK, -(2**64), 1), "does not fit"),
    ((2**64, 500_000, 1), "does not fit"),
]


@pytest.mark.parametrize(("change", "message"), ILLEGAL)
def test_illegal_changes_change_nothing(book, change, message):
    before = levels_of(book)
    with pytest.raises(ValueError, match=message):
        book.update(*change)
    with pytest.raises(ValueError, match=message):
        book.apply([(BID, 490_000, 1), (ASK, 500_000, 0), change])
    assert levels_of(book) == before


@pytest.mark.parametrize(("change", "message"), [row for row in ILLEGAL if "fit" not in row[1]])
def test_illegal_buffers_change_nothing(book, change, message):
    before = levels_of(book)
    with pytest.raises(ValueError, match=f"change 1: .*{message}"):
        book.apply(np.array([(BID, 490_000, 1), change], np.int64))
    assert levels_of(book) == before


def test_a_bad_snapshot_names_the_row_and_changes_nothing(book):
    before = levels_of(book)
    with pytest.raises(ValueError, match="bid 1: price 481000"):
        book.snapshot([(480_000, 1), (481_000, 1)], [])
    with pytest.raises(ValueError, match="ask 0: size -5"):
        book.snapshot([(480_000, 1)], [(490_000, -5), (481_000, 1)])
    assert levels_of(book) == before


@pytest.mark.parametrize(
    "changes",
    [
        5,
        None,
        [5],
        [(BID, 500_000.0, 1)],
        [(BID, "500000", 1)],
        [(BID, None, 1)],
        b"123456781234567812345678",
        array.array("q", [BID, 490_000, 1]),
        np.array([[BID, 490_000, 1]], np.int32),
        np.array([[BID, 490_000, 1]], np.float64),
        np.array([[BID, 490_000]], np.int64),
        np.array([BID, 490_000, 1], np.int64),
    ],
)
def test_things_that_are_no_changes(book, changes):
    before = levels_of(book)
    with pytest.raises(TypeError):
        book.apply(changes)
    assert levels_of(book) == before


def test_rows_of_the_wrong_width(book):
    with pytest.raises(ValueError, match="rows of 3 numbers, got 2"):
        book.apply([(BID, 490_000)])
    with pytest.raises(ValueError, match="rows of 2 numbers, got 3"):
        book.snapshot([(BID, 490_000, 1)], [])


def test_buffers_must_be_contiguous(book):
    wide = np.zeros((4, 6), np.int64)
    with pytest.raises((BufferError, ValueError)):
        book.apply(wide[:, ::2])
    with pytest.raises((BufferError, ValueError)):
        book.apply(np.asfortranarray(np.ones((4, 3), np.int64)))


def test_buffers_must_be_aligned(book):
    unaligned = np.frombuffer(bytes(25), np.uint8)[1:].view(np.int64).reshape(1, 3)
    with pytest.raises(TypeError, match="aligned"):
        book.apply(unaligned)


def test_all_kinds_of_rows_mean_the_same():
    rows = [(BID, 10_000 * i, i) for i in range(1, 99)]
    kinds = [rows, tuple(rows), [list(row) for row in rows], iter(rows), np.array(rows, np.int64)]
    flat = array.array("q", [number for row in rows for number in row])
    kinds.append(memoryview(flat).cast("B").cast("q", (98, 3)))
    kinds.append([tuple(map(np.int64, row)) for row in rows])
    for kind in kinds:
        book = Book()
        book.apply(kind)
        assert book.levels(BID) == [(price, size) for _, price, size in reversed(rows)]


def test_snapshot_takes_buffers_and_the_last_of_two_counts():
    book = Book()
    book.snapshot(np.array([(10_000, 1), (10_000, 2)], np.int64), np.zeros((0, 2), np.int64))
    assert book.levels(BID) == [(10_000, 2)]
    book.snapshot([(20_000, 5), (20_000, 0)], [])
    assert book.empty


def test_a_row_that_changes_the_list_while_it_is_read(book):
    rows: list = [(BID, 490_000, 1)] * 60

    class Sneaky:
        def __index__(self):
            rows.clear()
            book.clear()
            return 7

    rows[0] = (BID, 490_000, Sneaky())
    rows[1] = (BID, 480_000, 8)
    book.apply(rows)
    assert book.levels(BID) == [(490_000, 1), (480_000, 8)]


def test_a_row_that_raises_changes_nothing(book):
    class Broken:
        def __index__(self):
            raise LookupError("no number")

    before = levels_of(book)
    with pytest.raises(LookupError):
        book.apply([(BID, 490_000, 1), (BID, 490_000, Broken())])
    with pytest.raises(LookupError):
        book.update(BID, 490_000, Broken())
    assert levels_of(book) == before


def test_top_into_fills_and_counts(book):
    out = np.full((3, 2), -1, np.int64)
    assert book.top_into(BID, out) == 2
    assert out.tolist() == [[480_000, 30], [470_000, 50], [-1, -1]]
    assert book.top_into(ASK, out[:1]) == 1
    assert out.tolist() == [[500_000, 10], [470_000, 50], [-1, -1]]
    assert book.top_into(ASK, np.zeros((0, 2), np.int64)) == 0


def test_top_into_checks_its_buffer(book):
    read_only = np.zeros((2, 2), np.int64)
    read_only.flags.writeable = False
    for out in (np.zeros((2, 2), np.int32), np.zeros(4, np.int64), np.zeros((2, 3), np.int64)):
        with pytest.raises(TypeError, match="shape"):
            book.top_into(BID, out)
    with pytest.raises((BufferError, ValueError)):
        book.top_into(BID, read_only)
    with pytest.raises(ValueError, match="side"):
        book.top_into(2, np.zeros((2, 2), np.int64))


@pytest.mark.parametrize(
    "ask",
    [
        lambda book: book.top(BID, -1),
        lambda book: book.imbalance(0),
        lambda book: book.imbalance(-1),
        lambda book: book.vwap(BID, 0),
        lambda book: book.vwap(BID, -1),
        lambda book: book.vwap(2, 1),
        lambda book: book.size_at(2, 500_000),
        lambda book: book.levels(-1),
    ],
)
def test_questions_without_sense(book, ask):
    with pytest.raises(ValueError):
        ask(book)


@pytest.mark.parametrize(
    "ask",
    [
        lambda book: book.update(BID, 490_000),
        lambda book: book.snapshot([]),
        lambda book: book.top(BID),
        lambda book: book.top_into(BID),
        lambda book: book.size_at(BID),
        lambda book: book.vwap(BID),
        lambda book: book.top(BID, 1.5),
        lambda book: book.regrid("10000"),
        lambda book: Book("10000"),
        lambda book: Book(1, 2),
        lambda book: type("Sub", (Book,), {}),
        lambda book: setattr(Book, "update", None),
    ],
)
def test_wrong_calls_are_type_errors(book, ask):
    with pytest.raises(TypeError):
        ask(book)


def test_attributes_cannot_be_set(book):
    with pytest.raises(AttributeError):
        book.best_bid = 1


def test_size_at_knows_no_level_off_the_grid(book):
    assert book.size_at(BID, 480_000) == 30
    for price in (480_001, 0, 1_000_000, -480_000, 2**62):
        assert book.size_at(BID, price) == 0


def test_regrid_keeps_the_levels_or_changes_nothing(book):
    expected = levels_of(book)[1:]
    for tick in (5_000, 2_500, 100, 1_000, 10_000):
        book.regrid(tick)
        assert levels_of(book) == (tick, *expected)
    book.regrid(2_500)
    book.update(ASK, 497_500, 4)
    before = levels_of(book)
    for tick in (100_000, 10_000, 5_000, 1_000):
        with pytest.raises(ValueError, match=f"does not fit the tick {tick}"):
            book.regrid(tick)
        assert levels_of(book) == before


def test_it_is_a_book_view():
    named = {name for name in vars(BookView) if not name.startswith("_")}
    assert named
    assert named <= set(dir(Book))
