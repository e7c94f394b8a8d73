"""Books and ticks: whole messages or nothing."""

from agbot.core.book import OrderBook
from agbot.core.ticks import TickWatch
from agbot.model.events import BookDelta, BookSnapshot, MarketListed, TickSizeChanged
from agbot.model.market import Market
from agbot.units import to_units


def book():
    b = OrderBook(10_000)
    b.snapshot(((450_000, 10), (440_000, 20)), ((550_000, 5), (560_000, 50)), 1)
    return b


def test_a_message_applies_whole_or_not_at_all():
    b = book()
    assert not b.delta(((0, 460_000, 1), (0, 460_001, 1)), 2)
    assert (b.best_bid, b.trusted, b.faults) == (450_000, False, 1)
    assert b.snapshot(((400_000, 1),), (), 3)
    assert (b.best_bid, b.best_ask, b.trusted) == (400_000, 1_000_000, True)
    assert not b.snapshot(((400_001, 1),), (), 3)
    assert (b.best_bid, b.trusted) == (400_000, False)


def test_states_are_counted_after_each_message():
    b = book()
    b.delta(((0, 550_000, 1),), 2)
    b.delta(((0, 560_000, 1),), 3)
    b.delta(((0, 550_000, 0), (0, 560_000, 0)), 4)
    assert (b.locked_states, b.crossed_states, b.locked, b.crossed) == (1, 1, False, False)


def test_walks():
    b = book()
    assert b.proceeds(15) == ((450_000 * 10 + 440_000 * 5) // 1_000_000, 15)
    assert b.proceeds(to_units("1"))[1] == 30
    assert b.price_to_buy(6)[1] == 6
    assert b.size_at(1, 560_000) == 50
    assert b.microprice() is not None
    assert b.imbalance() == (10 - 5) / 15


def test_a_walk_over_many_levels_counts_them_all():
    b = OrderBook(1_000)
    b.snapshot(tuple((1_000 * n, 1_000_000) for n in range(100, 200)), (), 1)
    assert b.proceeds(100_000_000) == (sum(1_000 * n for n in range(100, 200)), 100_000_000)


def test_a_retick_that_fits_not_is_a_fault():
    b = book()
    assert b.retick(1_000)
    b.delta(((0, 451_000, 1),), 2)
    assert not b.retick(10_000)
    assert (b.tick, b.trusted) == (1_000, False)
    assert not b.snapshot(((451_000, 1),), (), 3)
    assert (b.tick, b.best_bid) == (1_000, 451_000)
    assert b.snapshot(((440_000, 1),), (), 4)
    assert (b.tick, b.best_bid, b.trusted) == (10_000, 440_000, True)


MARKET = Market(id="m", yes="y", no="n")


def test_an_unannounced_tick_is_announced_once_per_token():
    watch = TickWatch([MARKET])
    fine = BookDelta("y", ((0, 455_000, 1),), 7)
    assert list(watch.announce([fine, fine])) == [TickSizeChanged("y", 5_000, 7), fine, fine]
    finer = BookSnapshot("y", ((455_100, 1),), (), 8)
    assert list(watch.announce([finer])) == [TickSizeChanged("y", 100, 8), finer]
    assert watch.synthetic == {"y": 2}


def test_what_fits_no_tick_or_no_market_passes_as_it_is():
    watch = TickWatch()
    stranger = BookDelta("z", ((0, 455_000, 1),), 7)
    assert list(watch.announce([stranger])) == [stranger]
    listed = MarketListed(MARKET, 1)
    odd = BookDelta("y", ((0, 455_001, 1),), 7)
    assert list(watch.announce([listed, odd])) == [listed, odd]


def test_an_announced_tick_needs_no_second_one():
    watch = TickWatch([MARKET])
    told = TickSizeChanged("y", 1_000, 1)
    fine = BookDelta("y", ((0, 455_000, 1),), 7)
    assert list(watch.announce([told, fine])) == [told, fine]
    assert not watch.synthetic
