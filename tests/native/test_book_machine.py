"""The C book and its twin, driven by the same random calls, must agree after each, errors included."""

import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agbot._book import Book
from agbot.testing.twins import BookTwin
from agbot.units import TICKS

BID, ASK = 0, 1
SIDES = st.sampled_from([BID, ASK])
SIZES = st.one_of(st.just(0), st.integers(1, 10**9), st.just(2**63 - 1))
# Offsets in ticks from a random anchor: clustered like a real book, on both sides of it, so it locks and crosses.
OFFSETS = st.one_of(st.integers(-4, 4), st.integers(-10_000, 10_000))
WILD = st.one_of(st.integers(-5, 1_000_005), st.sampled_from([-(2**63), 2**63 - 1, 2**70, 505_050]))


class BookMachine(RuleBasedStateMachine):
    @initialize(tick=st.sampled_from(TICKS), anchor=st.integers(1, 9_999))
    def start(self, tick, anchor):
        self.book = Book(tick)
        self.twin = BookTwin(tick)
        self.anchor = anchor * 100

    def price(self, offset) -> int:
        tick = self.book.tick
        return min(max(self.anchor // tick + offset, 1), 1_000_000 // tick - 1) * tick

    def both(self, call):
        """Make the same call on both; the book must refuse exactly what the twin refuses."""
        try:
            expected = call(self.twin)
        except ValueError:
            with pytest.raises(ValueError):
                call(self.book)
            return
        assert call(self.book) == expected

    @rule(side=SIDES, offset=OFFSETS, size=SIZES)
    def update(self, side, offset, size):
        price = self.price(offset)
        self.both(lambda book: book.update(side, price, size))

    @rule(side=st.sampled_from([BID, ASK]))
    def remove_best(self, side):
        best = self.book.best_bid if side == BID else self.book.best_ask
        self.both(lambda book: book.update(side, best, 0))

    @rule(side=st.integers(-1, 2), price=WILD, size=st.sampled_from([-1, 0, 1, 2**63, -(2**63)]))
    def update_wildly(self, side, price, size):
        self.both(lambda book: book.update(side, price, size))

    @rule(rows=st.lists(st.tuples(SIDES, OFFSETS, SIZES), max_size=70))
    def apply_rows(self, rows):
        changes = [(side, self.price(offset), size) for side, offset, size in rows]
        self.both(lambda book: book.apply(changes))

    @rule(rows=st.lists(st.tuples(SIDES, OFFSETS, SIZES), max_size=20))
    def apply_buffer(self, rows):
        changes = [(side, self.price(offset), size) for side, offset, size in rows]
        self.twin.apply(changes)
        self.book.apply(np.array(changes, np.int64).reshape(-1, 3))

    @rule(rows=st.lists(st.tuples(SIDES, OFFSETS, SIZES), max_size=5), side=SIDES, price=WILD)
    def apply_with_one_wild_row(self, rows, side, price):
        changes = [(row[0], self.price(row[1]), row[2]) for row in rows]
        self.both(lambda book: book.apply([*changes, (side, price, 1)]))

    @rule(bids=st.lists(st.tuples(OFFSETS, SIZES), max_size=30), asks=st.lists(st.tuples(OFFSETS, SIZES), max_size=60))
    def snapshot(self, bids, asks):
        bid_rows = [(self.price(offset), size) for offset, size in bids]
        ask_rows = [(self.price(offset), size) for offset, size in asks]
        self.both(lambda book: book.snapshot(bid_rows, ask_rows))

    @rule(bids=st.lists(st.tuples(OFFSETS, SIZES), max_size=5), price=WILD, as_bid=st.booleans())
    def snapshot_with_one_wild_row(self, bids, price, as_bid):
        rows = [(self.price(offset), size) for offset, size in bids]
        wild = [(price, 1)]
        self.both(lambda book: book.snapshot(*((rows + wild, []) if as_bid else (rows, wild))))

    @rule(tick=st.one_of(st.sampled_from(TICKS), st.integers(-1, 10_001)))
    def regrid(self, tick):
        self.both(lambda book: book.regrid(tick))

    @rule()
    def clear(self):
        self.both(lambda book: book.clear())

    @rule(side=st.integers(0, 2), price=WILD, offset=OFFSETS)
    def ask_size(self, side, price, offset):
        if abs(price) < 2**63:
            self.both(lambda book: book.size_at(side, price))
        self.both(lambda book: book.size_at(side, self.price(offset)))

    @rule(side=st.integers(-1, 2), n=st.integers(-1, 80))
    def ask_top(self, side, n):
        self.both(lambda book: book.top(side, n))

    @rule(side=SIDES, size=st.one_of(st.integers(-1, 10), st.integers(1, 10**10), st.just(2**63 - 1)))
    def ask_vwap(self, side, size):
        if size <= 0:
            self.both(lambda book: book.vwap(side, size))
            return
        (average, filled), (expected, all_filled) = self.book.vwap(side, size), self.twin.vwap(side, size)
        assert filled == all_filled
        assert math.isclose(average, expected, rel_tol=1e-12) or (math.isnan(average) and math.isnan(expected))

    @rule(levels=st.one_of(st.integers(-1, 5), st.just(20_000)))
    def ask_imbalance(self, levels):
        if levels < 1:
            self.both(lambda book: book.imbalance(levels))
            return
        self.close(self.book.imbalance(levels), self.twin.imbalance(levels), 1e-12)

    @staticmethod
    def close(ours, expected, tolerance):
        if expected is None:
            assert ours is None
        else:
            assert abs(ours - expected) <= tolerance

    @invariant()
    def same(self):
        for name in (
            *("tick", "best_bid", "best_ask", "best_bid_size", "best_ask_size", "bid_count", "ask_count"),
            *("empty", "locked", "crossed"),
        ):
            assert getattr(self.book, name) == getattr(self.twin, name), name
        for side in (BID, ASK):
            assert self.book.levels(side) == self.twin.levels(side)
        self.close(self.book.mid(), self.twin.mid(), 0.0)
        self.close(self.book.microprice(), self.twin.microprice(), 1e-6)


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)


def test_the_machine_can_fail():
    machine = BookMachine()
    machine.start(1000, 5000)
    machine.update(BID, 1, 5)
    machine.same()
    machine.book.update(BID, 500_000, 6)
    with pytest.raises(AssertionError):
        machine.same()
