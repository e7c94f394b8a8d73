"""The ids that were used, against a plain set; and who is remembered: never the exchange's own traders."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.core import digests
from agbot.exchange.core.digests import Digests
from agbot.exchange.core.model import OrderStatus
from agbot.exchange.core.state import dump, load
from agbot.exchange.population import PRESETS
from agbot.units import SCALE
from tests.exchange.living import Living
from tests.exchange.test_core import ANN, Desk


def digest(n: int) -> str:
    return f"0x{'0' * 48}{n:016x}"


CROWDED = st.integers(0, 7) | st.integers(digests._SLOTS - 3, digests._SLOTS + 3) | st.integers(0, 2**64 - 1)
"""Ids that want the same few slots, around the end of the table too."""


def filled(numbers: Iterable[int]) -> Digests:
    known = Digests()
    for n in numbers:
        known.add(digest(n))
    return known


@given(st.lists(CROWDED, max_size=60), st.lists(CROWDED, max_size=60))
def test_it_knows_what_was_added_and_nothing_else(added: list[int], asked: list[int]) -> None:
    known = filled(added)
    seen = {n or 1 for n in added}  # an empty slot is 0
    again = Digests()
    again.remember(known.parts())
    for n in (*added, *asked):
        assert (digest(n) in known) == (digest(n) in again) == ((n or 1) in seen)


def test_the_latest_are_always_known_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "KEPT", 100)
    known = Digests()
    for n in range(1, 1001):
        known.add(digest(n))
        known.add(digest(n))
        last = range(max(1, n - 99), n + 1)
        assert all(digest(x) in known for x in last)
        assert sum(digest(x) in known for x in range(1, n + 1)) <= 200
    assert sum(len(part) // 8 for part in known.parts()) <= 200


def test_no_other_bits_than_the_last_64_are_looked_at() -> None:
    assert "0x" + "f" * 48 + "0" * 15 + "5" in filled([5])


def test_a_crowd_of_residents_pushes_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.exchange.core.register.ENDED_KEPT", 3)
    monkeypatch.setattr("agbot.exchange.core.settling.TRADES_KEPT", 2)
    desk = Desk()
    for wallet in ("0xmaker", "0xtaker"):
        desk.core.deposit(wallet, 10**6 * SCALE, desk.now)
    theirs = desk.place("0xmaker", "BUY", "NO", "10", "0.5", lasting=False).order
    mine = desk.place(ANN, "BUY", "YES", "10", "0.5")
    gone = desk.place(ANN, "BUY", "YES", "10", "0.1").order
    desk.core.cancel(ANN, [gone.id], desk.now)
    for _ in range(20):
        ended = desk.place("0xmaker", "BUY", "NO", "10", "0.4", lasting=False).order
        taker = desk.place("0xtaker", "BUY", "YES", "10", "0.6", lasting=False)
        assert taker.trades
        assert desk.core.order(ended.id) is desk.core.order(taker.order.id) is None
    desk.settle()
    for core in (desk.core, load(msgspec.json.decode(msgspec.json.encode(dump(desk.core))), desk.core.terms)):
        statuses = [order.status for order in (core.order(mine.order.id), core.order(gone.id)) if order]
        assert statuses == [OrderStatus.MATCHED, OrderStatus.CANCELED]
        assert [(trade.id, trade.status) for trade in core.trades_of(ANN)] == [(mine.trades[0].id, "CONFIRMED")]
        assert not core.trades_of("0xmaker")
        assert core.order(theirs.id) is None
        assert list(core.accounts.faults()) == []


def test_of_a_population_nothing_stays_that_ended() -> None:
    living = Living(1, PRESETS["lively"])
    living.run(60)
    assert living.core.settlement.count > 20
    assert all(order.living for order in living.core.orders.all())
    assert {trade.id for trade in living.core.settlement.latest(10)} <= set(living.core.settlement.under_way)
