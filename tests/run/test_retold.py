"""A start knows a trade again that was told under another id while it happened."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.events import OrderFilled
from agbot.model.ids import ClientOrderId, TradeId
from agbot.model.order import Liquidity, Settlement
from agbot.run.retold import named_as_before
from agbot.units import NS_PER_S, SCALE


def fill(name: str, size: int = 5, price: int = 50, at_s: int = 1) -> OrderFilled:
    return OrderFilled(
        client_order_id=ClientOrderId("r1-1"),
        trade_id=TradeId(name),
        price=price * SCALE // 100,
        size=size * SCALE,
        fee=0,
        liquidity=Liquidity.TAKER,
        ts_ns=at_s * NS_PER_S,
        settlement=Settlement.CONFIRMED,
    )


def names(told: list[OrderFilled], journaled: list[OrderFilled]) -> list[str]:
    return [f.trade_id for f in named_as_before(told, {f.trade_id: f for f in journaled})]


def test_a_trade_keeps_the_name_the_journal_gave_it() -> None:
    assert names([fill("b"), fill("c", 7)], [fill("a"), fill("a/1", 7)]) == ["a", "a/1"]


def test_a_trade_the_journal_does_not_have_keeps_its_id() -> None:
    assert names([fill("a"), fill("b", 7)], [fill("a")]) == ["a", "b"]
    assert names([fill("b", at_s=2)], [fill("a")]) == ["b"]
    assert names([fill("b", price=51)], [fill("a")]) == ["b"]


def test_two_alike_are_two() -> None:
    assert names([fill("b"), fill("c")], [fill("a")]) == ["a", "c"]


def test_an_id_that_the_journal_gave_to_another_of_them_is_not_taken_twice() -> None:
    first = names([fill("a", 3), fill("b", 7)], [fill("a", 7)])
    assert first == ["a/1", "a"]
    assert names([fill("a", 3), fill("b", 7)], [fill("a", 7), fill("a/1", 3)]) == ["a/1", "a"]


def test_another_size_under_the_same_id_stays_the_contradiction_it_is() -> None:
    assert names([fill("a", 3)], [fill("a", 7)]) == ["a"]


@given(
    trades=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 2)), max_size=6),
    heard=st.lists(st.booleans(), min_size=6, max_size=6),
    called=st.permutations([f"t{n}" for n in range(6)]),
)
def test_whatever_was_heard_and_however_it_was_called_each_trade_counts_once(
    trades: list[tuple[int, int, int]], heard: list[bool], called: list[str]
) -> None:
    true = [fill(f"t{n}", size, 50 + price, at_s) for n, (size, price, at_s) in enumerate(trades)]
    journal: dict[str, OrderFilled] = {
        name: msgspec.structs.replace(one, trade_id=TradeId(name))
        for one, was_heard, name in zip(true, heard, called, strict=False)
        if was_heard
    }
    for _ in range(2):  # asked again, nothing is new
        journal |= {one.trade_id: one for one in named_as_before(true, journal)}
        assert Counter((f.size, f.price, f.ts_ns) for f in journal.values()) == Counter(
            (f.size, f.price, f.ts_ns) for f in true
        )
