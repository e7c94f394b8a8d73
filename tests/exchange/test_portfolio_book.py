"""The book-keeping of wallets: exact to the last 10⁻⁶ under random flow, and the same after a snapshot."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.reads.portfolio_book import DEEDS_KEPT, Entry, PortfolioBook
from agbot.exchange.reads.quotes import MINUTES_KEPT, Tape
from agbot.model.events import BookSnapshot
from agbot.model.ids import TokenId
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import Flow
from tests.exchange.reading import ANN, BOB, EVE, START_NS, World


def assert_agrees(core: Exchange, book: PortfolioBook) -> None:
    """Assert that the book tells of every wallet what the core's ledger holds."""
    for wallet, holding in core.accounts.holdings.items():
        if not wallet.startswith("0x"):
            continue
        entries = book.entries(wallet)
        shares = {entry.token: entry.size for entry in entries if entry.size}
        assert shares == {token: size for token, size in holding.shares.items() if size}
        purse = book.purse(wallet)
        if purse is None:  # it was only ever refused
            assert (holding.cash, entries) == (0, [])
            continue
        realized, cost = sum(e.realized for e in entries), sum(e.cost for e in entries)
        assert realized == purse.realized
        assert sum(e.fees for e in entries) == purse.fees
        brought = purse.deposits - purse.withdrawals + purse.income
        assert holding.cash == brought + realized - cost - purse.fees, wallet
        assert all(entry.cost >= 0 for entry in entries)
        assert all(entry.cost == 0 for entry in entries if not entry.size)


@pytest.mark.parametrize("seed", range(6))
def test_positions_equal_the_ledger_after_random_flow(seed: int) -> None:
    flow = Flow(seed)
    book, tape = PortfolioBook(), Tape()
    flow.exchange.listeners += [book, tape]
    for step in range(2_500):
        flow.step()
        if step % 250 == 0:
            assert_agrees(flow.exchange, book)
    flow.now += 60 * NS_PER_S
    flow.exchange.advance(flow.now)
    assert_agrees(flow.exchange, book)
    kinds = {deed.kind for wallet in book._purses for deed in book.deeds(wallet)}
    assert kinds >= {"TRADE", "SPLIT", "MERGE", "CONVERSION", "DEPOSIT", "WITHDRAWAL"}
    for listing in flow.exchange.listings.values():
        held: dict[str, int] = defaultdict(int)
        for entry in book.holders(listing):
            held[entry.token] += entry.size
        if listing.winner is None and held:
            assert book.open_interest(listing) == max(held.values())


def _as_saved(values: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(values))


@pytest.mark.parametrize("seed", range(3))
def test_a_snapshot_goes_on_as_if_nothing_was(seed: int) -> None:
    flow = Flow(seed)
    first, tape = PortfolioBook(), Tape()
    flow.exchange.listeners += [first, tape]
    for _ in range(800):
        flow.step()
    plain = _as_saved(first.snapshot())
    second, other = PortfolioBook(), Tape()
    second.restore(plain, flow.exchange.listings)
    other.restore(_as_saved(tape.snapshot()))
    flow.exchange.listeners += [second, other]
    for _ in range(800):
        flow.step()
    assert second.snapshot() == first.snapshot()
    assert other.snapshot() == tape.snapshot()
    second.restore(plain, flow.exchange.listings)
    assert _as_saved(second.snapshot()) == plain, "a restore replaces everything"


# ---------------------------------------------------------------- entries


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**12), st.integers(0, 10**12)), max_size=30))
def test_money_is_neither_made_nor_lost_in_an_entry(acts: list[tuple[bool, int, int]]) -> None:
    world = World()
    entry = Entry(wallet=ANN, listing=world.listings[0], token=world.listings[0].market.yes)
    cash = 0
    for buys, size, usd in acts:
        if buys:
            entry.take(size, usd, 1)
            cash -= usd
        elif (sold := min(size, entry.size)) > 0:
            entry.give(sold, usd, 1)
            cash += usd
        assert cash == entry.realized - entry.cost
        assert entry.cost >= 0
        assert entry.size >= 0
        assert entry.size or not entry.cost


def entry_of(world: World, wallet: str, token: TokenId) -> Entry:
    return next(entry for entry in world.book.entries(wallet) if entry.token == token)


def test_a_conversion_carries_the_cost_over() -> None:
    world = World()
    first, second, third, fourth = world.listings[4:]
    world.core.balance(ANN)
    for listing in (first, second):
        world.core.split(ANN, listing, 10 * SCALE, world.now)
    world.core.convert(ANN, [first, second], 8 * SCALE, world.now)
    # 8 NO of each had cost 4 + 4; the conversion paid 8: nothing is left to carry, nothing is gained.
    assert [entry_of(world, ANN, x.market.yes).cost for x in (third, fourth)] == [0, 0]
    assert [entry_of(world, ANN, x.market.no).cost for x in (first, second)] == [SCALE, SCALE]
    world.core.convert(ANN, [first], 2 * SCALE, world.now)
    # 2 NO had cost 1, nothing was paid: 1 is shared by the YES of the three others.
    assert [entry_of(world, ANN, x.market.yes).cost for x in (third, fourth)] == [333_333, 333_333]
    assert entry_of(world, ANN, second.market.yes).cost == 5 * SCALE + 333_334
    assert_agrees(world.core, world.book)


def test_two_conversions_at_one_instant_are_two_deeds() -> None:
    world = World()
    world.core.balance(ANN)
    for listing in world.listings[4:6]:
        world.core.split(ANN, listing, 10 * SCALE, world.now)
        world.core.convert(ANN, [listing], SCALE, world.now)
    world.core.convert(ANN, [world.listings[4]], SCALE, world.now)
    world.core.convert(ANN, [world.listings[5]], SCALE, world.now)
    assert [deed.kind for deed in world.book.deeds(ANN)].count("CONVERSION") == 4
    assert_agrees(world.core, world.book)


def test_a_trade_counts_once_and_when_it_is_mined() -> None:
    world = World(mined_after_ns=NS_PER_S, confirmed_after_ns=NS_PER_S)
    listing = world.listings[0]
    world.core.balance(ANN)
    world.core.split(ANN, listing, 10 * SCALE)
    world.order(ANN, listing.market.yes, "SELL", "0.5", "10")
    world.order(BOB, listing.market.yes, "BUY", "0.5", "10")
    assert world.book.entries(BOB) == []
    world.pass_time(1)
    assert entry_of(world, BOB, listing.market.yes).size == 10 * SCALE
    world.pass_time(5)
    assert entry_of(world, BOB, listing.market.yes).size == 10 * SCALE


def test_a_recorded_background_is_nobody() -> None:
    world = World()
    listing = world.listings[0]
    world.core.background(BookSnapshot(listing.market.yes, (), ((500_000, 100 * SCALE),), world.now), world.now)
    world.order(BOB, listing.market.yes, "BUY", "0.5", "10")
    world.pass_time(10)
    assert list(world.book._purses) == [BOB]
    assert [deed.wallet for deed in world.book.prints()] == [BOB]
    assert_agrees(world.core, world.book)


def test_histories_are_bounded() -> None:
    world = World(grant_usd=0)
    for _ in range(DEEDS_KEPT + 50):
        world.core.deposit(EVE, 1, world.now)
    assert len(world.book.deeds(EVE)) == DEEDS_KEPT
    purse = world.book.purse(EVE.upper())
    assert purse is not None
    assert (purse.deposits, len(purse.points)) == (DEEDS_KEPT + 50, 1)


def test_the_tape_keeps_minutes() -> None:
    world = World()
    listing = world.listings[2]
    world.trade(listing, "0.4", "10")
    world.trade(listing, "0.5", "10")
    world.pass_time(3600)
    world.trade(listing, "0.6", "10")
    minutes = world.tape.minutes(listing)
    assert [(m.price, m.usd, m.shares) for m in minutes] == [
        (500_000, 9 * SCALE, 20 * SCALE),
        (600_000, 6 * SCALE, 10 * SCALE),
    ]
    assert world.tape.price_at(listing, START_NS + 60 * NS_PER_S) == 500_000
    assert world.tape.price_at(listing, START_NS - 60 * NS_PER_S) is None
    assert world.tape.volume(listing, world.now - 100 * NS_PER_S) == 6 * SCALE
    assert MINUTES_KEPT == 7 * 1440
