"""Made-up histories: the same by the same seed everywhere, and possible throughout."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.columns import Kind
from agbot.backtest.generated import NS_PER_DAY, START_NS, generated
from agbot.core.book import OrderBook
from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, MarketResolved, TradePrint
from agbot.model.order import Side


def test_the_same_seed_is_the_same_history_everywhere() -> None:
    same = "62d195cdcc1ddfeba49dff683204282edeebc8e6fc02d34d2c9e08b1dc30f672"
    assert generated(7, markets=2, days=3).digest == same
    assert generated(7, markets=2, days=3).digest != generated(8, markets=2, days=3).digest


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**70), tick=st.sampled_from([10_000, 5_000, 1_000]), mirrored=st.booleans())
def test_every_message_is_possible(seed: int, tick: int, mirrored: bool) -> None:
    columns = generated(seed, markets=2, days=1, per_day=1_600, tick=tick, mirrored=mirrored)
    assert columns.plain
    books = {token: OrderBook(tick) for market in columns.markets for token in (market.yes, market.no)}
    lost: dict[tuple[str, int, int], int] = {}
    counts = {BookDelta: 0, BookSnapshot: 0, TradePrint: 0, MarketResolved: 0}
    for _, messages in columns.groups():
        for message in messages:
            counts[type(message)] += 1
            if isinstance(message, TradePrint):
                side = ASK if message.side is Side.BUY else BID
                book = books[message.token]
                assert message.price == (book.best_ask if side == ASK else book.best_bid)
                assert 0 < message.size <= book.size_at(side, message.price)
                lost[message.token, side, message.price] = book.size_at(side, message.price) - message.size
            elif isinstance(message, BookSnapshot):
                assert books[message.token].snapshot(message.bids, message.asks, message.ts_ns)
            elif isinstance(message, BookDelta):
                assert books[message.token].delta(message.changes, message.ts_ns)
        for (token, side, price), left in lost.items():
            assert books[token].size_at(side, price) == left
        lost.clear()
    assert all(book.locked_states == book.crossed_states == book.faults == 0 for book in books.values())
    assert min(counts.values()) > 1
    told = [book for token, book in books.items() if mirrored or token.endswith("yes")]
    assert all(len(book.grid.levels(side)) == 5 for book in told for side in (BID, ASK))
    if mirrored:
        for market in columns.markets:
            yes, no = books[market.yes], books[market.no]
            assert (no.best_bid, no.best_bid_size) == (1_000_000 - yes.best_ask, yes.best_ask_size)


def test_it_covers_the_days_and_ends_with_the_resolutions() -> None:
    columns = generated(1, markets=3, days=2)
    assert START_NS <= columns.rows["ts_ns"][0] < START_NS + NS_PER_DAY // 1_440
    assert (columns.rows["kind"][-3:] == Kind.RESOLVED).all()
    assert (columns.rows["ts_ns"][-3:] == START_NS + 2 * NS_PER_DAY).all()
    assert sorted((columns.rows["book"][-3:] // 2).tolist()) == [0, 1, 2]
    minutes = np.unique(columns.rows["ts_ns"][:-3] // (60 * 10**9))
    assert len(minutes) > 0.9 * 2 * 1_440


def test_a_year_of_a_market_takes_a_moment() -> None:
    began = time.process_time()
    assert len(generated(1, markets=1, mirrored=False).rows) > 365 * 1_440
    assert time.process_time() - began < 5


@pytest.mark.parametrize("wrong", [{"markets": 0}, {"days": 0}, {"per_day": 0}, {"tick": 100_000}])
def test_nothing_is_no_history(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a history has"):
        generated(1, **wrong)
