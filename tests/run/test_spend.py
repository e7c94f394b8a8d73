"""The day's allowance on disk: whatever crashes or restarts, one UTC day never trades more than its cap."""

from __future__ import annotations

import json
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.core.turnover import NS_PER_DAY
from agbot.errors import ConfigError
from agbot.model.events import OrderAccepted, OrderCancelled, OrderFilled, OrderRejected
from agbot.model.order import Liquidity
from agbot.run.spend import FILE_NAME, Caps, DaySpend
from agbot.testing.builders import place
from agbot.units import SCALE, notional, to_units

CAPS = Caps(max_order_usd=10 * SCALE, max_day_usd=25 * SCALE)
DAY = 20_000


class Clock:
    ns = DAY * NS_PER_DAY + 5

    def __call__(self):
        return self.ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Return a function that opens the day's file anew, as a restart does."""
    return lambda caps=CAPS: DaySpend(tmp_path / FILE_NAME, caps, clock)


def fill(order_id, size, price="0.5", trade="t1"):
    return OrderFilled(order_id, trade, to_units(price), to_units(size), 0, Liquidity.MAKER, 1)


class Book:
    """An engine's order book-keeping, enough to tell the spend what became of an order."""

    def __init__(self, core, spend):
        self.core, self.spend = core, spend
        core.observers.append(spend.observe)

    def send(self, order):
        said = self.spend.refuse(order)
        if not said:
            self.core.engine.oms.begin(self.core.now, order)
        return said


@pytest.fixture
def book(core, opened, clock):
    core.now = clock.ns
    return Book(core, opened())


def test_an_order_over_its_cap_never_leaves(book):
    assert book.send(place(price="0.5", size="20.000002")) == "10.00 usd is over the 10.00 of one order"
    assert book.send(place(price="0.5", size="20")) == ""
    assert "one order" in book.send(place("o2", budget=10 * SCALE + 1))


def test_what_rests_counts_and_what_is_cancelled_is_given_back(book):
    for name in ("a", "b"):
        assert book.send(place(name, size="20")) == ""
    assert book.send(place("c", size="20")) == "30.00 usd today is over the 25.00 of one day"
    book.core.step(OrderAccepted("a", "v", 1))
    book.core.step(OrderCancelled("a", "enough", 1))
    assert book.send(place("c", size="20")) == ""


def test_a_rejected_order_is_given_back_and_a_part_fill_counts_for_good(book):
    book.send(place("a", size="20"))
    book.core.step(OrderRejected("a", "no", 1))
    assert book.spend.total() == 0
    book.send(place("b", size="20"))
    book.core.step(fill("b", "4"))
    assert book.spend.total() == 10 * SCALE
    book.core.step(OrderCancelled("b", "enough", 1))
    assert book.spend.total() == 2 * SCALE


def test_a_restart_after_an_orderly_end_knows_the_exact_sum(book, opened, tmp_path):
    book.send(place("a", size="20"))
    book.core.step(fill("a", "20"))
    book.spend.close()
    assert opened().total() == 10 * SCALE
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_a_crash_never_gives_any_of_the_day_back(book, opened):
    book.send(place("a", size="20"))
    again = opened()
    assert again.total() >= 10 * SCALE
    assert again.refuse(place("b", size="20")) != ""


def test_a_new_day_begins_at_nothing_but_what_rests(book, clock, opened):
    book.send(place("a", size="20"))
    book.core.now = clock.ns
    book.core.step(fill("a", "10"))
    clock.ns += NS_PER_DAY
    book.core.now = clock.ns
    assert book.spend.total() == 5 * SCALE
    assert book.send(place("b", size="20")) == ""
    assert opened().total() >= 15 * SCALE


def test_a_clock_that_is_put_back_gives_nothing_back(book, clock, opened):
    book.send(place("a", size="20"))
    book.core.step(fill("a", "20"))
    clock.ns -= NS_PER_DAY
    book.core.now = clock.ns
    assert book.spend.total() == 10 * SCALE
    book.spend.close()
    assert opened().total() == 10 * SCALE


def test_most_orders_wait_for_no_disk(opened, tmp_path):
    spend = opened(Caps(max_order_usd=SCALE, max_day_usd=1000 * SCALE))
    written = set()
    for n in range(1000):
        assert spend.refuse(place(f"o{n}", price="0.5", size="2")) == ""
        written.add((tmp_path / FILE_NAME).read_bytes())
    assert len(written) <= 21
    assert spend.refuse(place("more", price="0.5", size="2")) != ""


def test_a_disk_that_takes_nothing_sends_nothing(opened, tmp_path):
    spend = opened()
    (tmp_path / "traded-today.new").mkdir()
    assert spend.refuse(place()).startswith("what was traded today cannot be written")
    assert spend.total() == 0


def test_a_disk_that_is_full_at_the_end_keeps_the_bound(book, opened, tmp_path, logged):
    log = logged("agbot.run.spend")
    book.send(place("a", size="20"))
    (tmp_path / "traded-today.new").mkdir()
    book.spend.close()
    assert log.events == ["spend.not_written"]
    assert opened().total() >= 10 * SCALE


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"day": 1, "usd": "-1"}',
        '{"day": "1", "usd": "1"}',
        '{"day": 1, "usd": 1}',
        '{"day": 1, "usd": "x"}',
    ],
)
def test_a_damaged_file_is_never_taken_for_nothing(content, opened, tmp_path):
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(ConfigError) as caught:
        opened()
    assert (caught.value.id, caught.value.path) == ("AGB-147", str(tmp_path / FILE_NAME))


def test_a_file_in_the_way_of_reading_is_said(opened, tmp_path):
    os.mkdir(tmp_path / FILE_NAME)
    with pytest.raises(ConfigError, match="cannot be read"):
        opened()


STEPS = st.lists(
    st.tuples(st.sampled_from(["send", "fill", "cancel", "crash", "end", "midnight"]), st.integers(1, 24)), max_size=60
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_history_trades_more_in_a_day_than_the_cap(tmp_path_factory, make_core, steps):
    directory, clock = tmp_path_factory.mktemp("d"), Clock()
    traded, count, live = 0, 0, {}

    def restart():
        core = make_core().open()
        core.now = clock.ns
        return Book(core, DaySpend(directory / FILE_NAME, CAPS, clock))

    book = restart()
    for what, amount in steps:
        if what == "send":
            count += 1
            order = place(f"o{count}", size=str(amount))
            if not book.send(order):
                live[order.client_order_id] = order
        elif what in ("fill", "cancel") and live:
            name, order = live.popitem()
            book.core.now = clock.ns
            if what == "fill":
                book.core.step(fill(name, str(order.size // SCALE)))
                traded += notional(order.price, order.size)
            else:
                book.core.step(OrderCancelled(name, "x", 1))
        elif what == "midnight":
            clock.ns += NS_PER_DAY
            traded = 0
        elif what in ("crash", "end"):
            if what == "end":
                live.clear()
                for record in list(book.core.engine.oms.all_live()):
                    book.core.step(OrderCancelled(record.command.client_order_id, "x", 1))
                book.spend.close()
            # what rested when it crashed may have filled meanwhile, unseen
            traded += sum(notional(order.price, order.size) for order in live.values())
            live.clear()
            book = restart()
        assert traded <= CAPS.max_day_usd
        found = directory / FILE_NAME
        assert not found.exists() or to_units(json.loads(found.read_text())["usd"]) <= CAPS.max_day_usd
