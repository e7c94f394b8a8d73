"""The demo's markets: always legal, always mirrored, never the same twice, always the same for one seed."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    MarketData,
    TradePrint,
)
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE, TICKS, complement, on_tick
from agbot.venue.demo import DemoSimulation, demo_markets

START = 1_700_000_000 * NS_PER_S
CENT_SHARE = SCALE // 100

_DIGEST = """
import hashlib, itertools, msgspec, sys
from agbot.venue.demo import DemoSimulation, demo_markets
simulation = DemoSimulation(7, demo_markets(7), 10**18)
h = hashlib.sha256()
for instant in itertools.islice(simulation, 500):
    h.update(msgspec.json.encode(instant))
print(h.hexdigest())
"""


class Books:
    """The test's own books: applies messages and checks each for legality."""

    def __init__(self, markets: tuple[Market, ...]) -> None:
        self.market = {token: m for m in markets for token in (m.yes, m.no)}
        self.books: dict[str, tuple[dict[int, int], dict[int, int]]] = {}

    def apply(self, message: MarketData) -> None:
        assert isinstance(message, BookSnapshot | BookDelta)
        if isinstance(message, BookSnapshot):
            self.books[message.token] = (dict(message.bids), dict(message.asks))
            assert len(message.bids) == len(self.books[message.token][BID])
            assert list(message.bids) == sorted(message.bids, reverse=True)
            assert list(message.asks) == sorted(message.asks)
        else:
            assert message.changes
            for side, price, size in message.changes:
                levels = self.books[message.token][side]
                assert size != levels.get(price, 0), "a change that changes nothing"
                if size:
                    levels[price] = size
                else:
                    del levels[price]
        self.check(message.token)

    def check(self, token: str) -> None:
        bids, asks = self.books[token]
        assert bids
        assert asks
        assert max(bids) < min(asks)
        for price, size in [*bids.items(), *asks.items()]:
            assert on_tick(price, self.market[token].tick)
            assert size > 0
            assert size % CENT_SHARE == 0

    def mirrored(self, market: Market) -> bool:
        yes, no = self.books[market.yes], self.books[market.no]
        return all(yes[s] == {complement(p): size for p, size in no[1 - s].items()} for s in (BID, ASK))


def _take_prints(books: Books, messages: list[MarketData]) -> dict[tuple[str, int, int], int]:
    """Check that each print takes no more than the best level has, in order; return what must remain there."""
    remaining: dict[tuple[str, int, int], int] = {}
    work = {m.token: tuple(dict(side) for side in books.books[m.token]) for m in messages if isinstance(m, TradePrint)}
    for trade in messages:
        if not isinstance(trade, TradePrint):
            continue
        side = ASK if trade.side is Side.BUY else BID
        levels = work[trade.token][side]
        assert trade.price == (min(levels) if side == ASK else max(levels))
        assert 0 < trade.size <= levels[trade.price]
        levels[trade.price] -= trade.size
        remaining[trade.token, side, trade.price] = levels[trade.price]
        if not levels[trade.price]:
            del levels[trade.price]
    return remaining


def _run_and_check(seed: int, markets: tuple[Market, ...], instants: int) -> Counter[str]:
    books, kinds, before = Books(markets), Counter[str](), START - 1
    for ts_ns, messages in itertools.islice(DemoSimulation(seed, markets, START), instants):
        assert ts_ns > before
        before = ts_ns
        assert all(message.ts_ns == ts_ns for message in messages)
        remaining = _take_prints(books, messages)
        touched = {}
        for message in messages:
            kinds[type(message).__name__] += 1
            if not isinstance(message, TradePrint):
                books.apply(message)
                touched[books.market[message.token].id] = books.market[message.token]
        for market in touched.values():
            assert books.mirrored(market)
        for (token, side, price), size in remaining.items():
            assert books.books[token][side].get(price, 0) == size
    return kinds


@settings(max_examples=25)
@given(st.integers())
def test_every_instant_is_legal_and_mirrored(seed: int) -> None:
    kinds = _run_and_check(seed, demo_markets(seed), 300)
    assert kinds["BookSnapshot"] >= 16
    assert kinds["BookDelta"] > 100


@settings(max_examples=25)
@given(st.integers(), st.sampled_from(TICKS), st.integers(1, 6), st.booleans())
def test_any_tick_and_any_size_of_event_work(seed: int, tick: int, size: int, neg_risk: bool) -> None:
    markets = tuple(
        Market(id=f"m{i}", yes=f"y{i}", no=f"n{i}", tick=tick, event_id="e", neg_risk=neg_risk) for i in range(size)
    )
    _run_and_check(seed, markets, 300)


def test_a_long_run_trades_quotes_and_repeats_its_books() -> None:
    kinds = _run_and_check(3, demo_markets(3), 6_000)
    assert kinds["TradePrint"] > 200
    assert kinds["BookDelta"] > 9_000
    assert kinds["BookSnapshot"] > 200


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demo_is_alive(seed: int) -> None:
    """Within ten minutes: the promised rate, prices that go somewhere, spreads that widen, candidates that sum to 1."""
    markets = demo_markets(seed)
    books, count, sums = Books(markets), 0, []
    spreads: dict[str, set[int]] = {m.id: set() for m in markets}
    mids: dict[str, set[int]] = {m.id: set() for m in markets}
    election = [m for m in markets if m.neg_risk]
    for ts_ns, messages in DemoSimulation(seed, markets, START):
        count += len(messages)
        for message in messages:
            if not isinstance(message, TradePrint):
                books.apply(message)
        for market in markets:
            bids, asks = books.books[market.yes]
            spreads[market.id].add(min(asks) - max(bids))
            mids[market.id].add(min(asks) + max(bids))
        sums.append(sum(min(books.books[m.yes][ASK]) + max(books.books[m.yes][BID]) for m in election) / 2 / SCALE)
        if ts_ns > START + 600 * NS_PER_S:
            break
    assert 10 <= count / 600 <= 40
    for market in markets:
        assert max(mids[market.id]) - min(mids[market.id]) > 4 * market.tick
        assert max(spreads[market.id]) >= 2 * min(spreads[market.id])
    assert abs(sum(sums) / len(sums) - 1) < 0.02
    assert max(abs(total - 1) for total in sums) < 0.25


def test_the_demo_offers_what_it_promises() -> None:
    markets = demo_markets(1)
    assert len(markets) >= 5
    assert len({m.id for m in markets}) == len(markets)
    assert len({t for m in markets for t in (m.yes, m.no)}) == 2 * len(markets)
    assert len({m.tick for m in markets}) > 1
    assert len({m.fee_rate for m in markets}) > 1
    election = [m for m in markets if m.neg_risk]
    assert len(election) >= 3
    assert len({m.event_id for m in election}) == 1
    assert all("demo" in m.slug and ("simulated" in m.question) for m in markets)


def test_the_first_instant_shows_every_book_at_the_start_time() -> None:
    markets = demo_markets(1)
    ts_ns, messages = DemoSimulation(1, markets, START).next()
    assert ts_ns == START
    assert [m.token for m in messages if isinstance(m, BookSnapshot)] == [t for m in markets for t in (m.yes, m.no)]


def _digest(seed: int, markets_seed: int, instants: int = 300) -> str:
    digest = hashlib.sha256()
    simulation = DemoSimulation(seed, demo_markets(markets_seed), START)
    for instant in itertools.islice(simulation, instants):
        digest.update(msgspec.json.encode(instant))
    return digest.hexdigest()


def test_one_seed_one_stream() -> None:
    assert _digest(1, 1) == _digest(1, 1)
    assert len({_digest(seed, 1) for seed in range(20)}) == 20
    assert demo_markets(5) == demo_markets(5)
    assert demo_markets(5) != demo_markets(6)


def test_hash_order_does_not_matter() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_no_markets_is_an_error() -> None:
    with pytest.raises(ValueError, match="no markets"):
        DemoSimulation(1, (), START)
