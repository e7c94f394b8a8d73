"""The book in C beside the book in Python: the same operations, the same fills, the same queue."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.book import ConditionBook
from agbot.matching.native import NativeBook, has_native
from agbot.matching.queue import BackOfQueue, FrontOfQueue, LogQueue, PowerQueue, ProportionalQueue, QueueRule
from agbot.model.events import ASK, BID
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side

RULES = [BackOfQueue(), FrontOfQueue(), ProportionalQueue(), PowerQueue(1), PowerQueue(3), LogQueue()]
CENT = 10_000

sides = st.sampled_from(list(Side))
# Few prices, so that things meet; some of them on finer ticks than the book begins with.
prices = st.sampled_from([400_000, 410_000, 420_000, 425_000, 430_000, 430_100, 440_000, 450_000])
sizes = st.integers(0, 40).map(lambda n: n * 333_333) | st.integers(0, 2**40)
rows = st.lists(st.tuples(prices, sizes), max_size=6)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.lists(st.tuples(st.sampled_from([BID, ASK]), prices, sizes), max_size=4)),
        st.tuples(st.just("snapshot"), rows, rows),
        st.tuples(st.just("trade"), sides, prices, sizes),
        st.tuples(st.just("rest"), sides, prices, sizes.filter(bool)),
        st.tuples(st.just("remove"), st.integers(0, 8)),
        st.tuples(st.just("take"), sides, prices, sizes),
    ),
    max_size=40,
)


def do(book: Any, number: int, what: str, *given: Any) -> Any:
    """Do one operation; return what it answers, or that it refuses."""
    match what:
        case "rest":
            try:
                book.rest(ClientOrderId(f"o{number}"), *given)
            except ValueError:
                return "refused"
        case "remove":
            removed = book.remove(ClientOrderId(f"o{number - given[0]}"))
            return removed and (removed.side, removed.price, removed.remaining, removed.ahead)
        case "take":
            side, limit, most = given
            found = book.reachable(side, limit)
            book.take(side, [(price, min(size, most)) for price, size in found[:1] if most])
            return found
        case _:
            return getattr(book, what)(*given)
    return None


def state(book: Any, orders: int) -> list[Any]:
    """Return where every order stands, what a taker would find, and whether orders would cross ours."""
    resting = [book.get(ClientOrderId(f"o{i}")) for i in range(orders)]
    told = [order and (order.side, order.price, order.remaining, order.ahead) for order in resting]
    depth = [book.reachable(Side.BUY, 990_000), book.reachable(Side.SELL, CENT), book.reachable(Side.BUY, 425_000)]
    return [*told, *depth, *[book.crosses_own(side, 425_000) for side in Side]]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(asked=operations)
def test_both_books_are_the_same_book(rule: QueueRule, asked: list[Any]) -> None:
    pure, native = ConditionBook(rule), NativeBook(rule, CENT)
    for number, operation in enumerate(asked):
        assert do(native, number, *operation) == do(pure, number, *operation)
        assert state(native, number + 1) == state(pure, number + 1)


@given(
    ahead=st.integers(0, 2**48),
    more=st.integers(0, 2**47),
    new=st.integers(0, 2**48),
    printed=st.integers(0, 2**30),
    exponent=st.integers(1, 16),
)
def test_the_rules_round_alike_to_the_last_unit(ahead: int, more: int, new: int, printed: int, exponent: int) -> None:
    old = min(2**48, ahead + more)
    for rule in (ProportionalQueue(), PowerQueue(exponent), LogQueue()):
        native, name = NativeBook(rule, CENT), ClientOrderId("o")
        native.change([(BID, 400_000, ahead)])
        native.rest(name, Side.BUY, 400_000, 1)
        native.change([(BID, 400_000, old)])
        standing = native.get(name)
        native.change([(BID, 400_000, new)])
        moved = native.get(name)
        assert standing is not None
        assert moved is not None
        assert standing.ahead == ahead
        assert moved.ahead == (rule.level_moved(ahead, old, new) if new != old else ahead)
    assert LogQueue().level_moved(ahead, old, new, printed) <= min(ahead, new)


def test_a_rule_of_ones_own_has_no_twin_in_c() -> None:
    class Mine(BackOfQueue):
        pass

    assert has_native(PowerQueue(2))
    assert not has_native(Mine())


@pytest.mark.parametrize(
    "asked",
    [
        lambda book: book.change([(BID, 123, 1)]),
        lambda book: book.change([(2, 400_000, 1)]),
        lambda book: book.snapshot([(400_000, -1)], []),
        lambda book: book.trade(Side.BUY, 400_000, -1),
        lambda book: book.take(Side.BUY, [(400_000, 1)]),
        lambda book: book.rest(ClientOrderId("o"), Side.BUY, 400_000, 2**60),
    ],
)
def test_what_no_venue_says_is_refused(asked: Any) -> None:
    with pytest.raises(ValueError, match=r"multiples|level|large"):
        asked(NativeBook(BackOfQueue(), CENT))
