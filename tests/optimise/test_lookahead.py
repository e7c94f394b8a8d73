"""Strategies that know the future are named, with time, market and decision; honest ones are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.backtest.source import START_NS, Demo
from agbot.backtest.spec import Generated
from agbot.core.engine import Engine
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.view import Intent, Place, View
from agbot.matching.paper import PaperMatcher
from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, MarketData, ReferencePrice, TradePrint
from agbot.model.order import Side
from agbot.optimise.decided import Reads, decisions_of
from agbot.optimise.lookahead import (
    AGAIN,
    Group,
    Inspection,
    Peek,
    Said,
    cuts_of,
    inspect,
    mirrored,
    shifted,
    truncated,
)
from agbot.strategy.quoter import Quoter, QuoterParams
from agbot.testing.builders import levels
from agbot.units import NS_PER_S, SCALE

DEMO = Demo(Generated(seed=1, span_ns=60 * NS_PER_S, markets=2))
GROUPS = tuple(DEMO.groups())
PRICES = {ts_ns: m.price for ts_ns, messages in GROUPS for m in messages if isinstance(m, TradePrint)}
TIMES = sorted(PRICES)
Make = Callable[[], Any]


class Peeker:
    """Buys when `knows` says so, once a second."""

    id = "peeker"

    def __init__(self, knows: Callable[[View], bool]) -> None:
        self._knows = knows
        self._next_ns = 0

    def decide(self, view: View) -> list[Intent]:
        if view.now_ns < self._next_ns or not view.trusted:
            return []
        self._next_ns = view.now_ns + NS_PER_S
        if not self._knows(view):
            return []
        return [Place(token=view.market.yes, side=Side.BUY, price=view.book.best_bid, size=5 * SCALE, why="up")]


def up_later(view: View) -> bool:
    """Look into a copy of the data in this module, ten seconds ahead."""
    later = [ts for ts in TIMES if view.now_ns <= ts <= view.now_ns + 10 * NS_PER_S]
    return bool(later) and PRICES[later[-1]] > PRICES[later[0]]


def is_trade(message: MarketData) -> TypeGuard[TradePrint]:
    return isinstance(message, TradePrint) and message.token == DEMO.markets[0].yes


def inspected(make: Make, reads: Reads | None = None) -> Inspection:
    def drive(make_loop: Callable[..., Any]) -> None:
        engine = Engine(EngineSettings(run_id="r", capital=10**10), Gate([]), [make()])
        loop = make_loop(engine.step, PaperMatcher(10**10), DEMO.markets, ())
        for _ in loop.run():
            pass

    return inspect(decisions_of(drive, reads or Reads()), lambda: GROUPS, cuts=3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Quoter(QuoterParams()),
        lambda: Peeker(lambda view: view.book.best_bid_size > view.book.best_ask_size),
        lambda: Peeker(lambda view: view.now_ns // NS_PER_S % 3 == 0),
    ],
    ids=["quoter", "imbalance", "clock"],
)
def test_an_honest_strategy_is_not_accused(make: Make) -> None:
    found = inspected(make)
    assert found.peeks == ()
    assert found.decisions > 10
    assert found.runs == 3 + 2 * 3


def test_a_copy_of_the_data_in_a_module_is_caught() -> None:
    (peek,) = inspected(lambda: Peeker(up_later)).peeks
    assert peek.run == "everything a week later"
    assert START_NS <= peek.at.ts_ns < START_NS + 60 * NS_PER_S
    assert peek.at.market in {market.name for market in DEMO.markets}
    assert "BUY 5 of" in str(peek)
    assert str(peek).endswith("and with everything a week later: 'nothing'")


def test_the_whole_history_looked_at_beforehand_is_caught() -> None:
    """The classic: a level computed over all the data, also what comes after."""

    def decisions(groups: Iterable[Group], _later_ns: int) -> list[Said]:
        kept = list(groups)
        prices = [m.price for _, messages in kept for m in messages if is_trade(m)]
        mean = sum(prices) / len(prices)
        return [
            Said(ts_ns, "m", "buy") for ts_ns, messages in kept if any(is_trade(m) and m.price < mean for m in messages)
        ]

    peeks = inspect(decisions, lambda: GROUPS, cuts=3).peeks
    assert {peek.run for peek in peeks} == {"the history cut short", "another future"}
    assert all(peek.at.ts_ns <= peek.cut_ns for peek in peeks)


def test_a_look_at_the_next_group_is_caught() -> None:
    def decisions(groups: Iterable[Group], _later_ns: int) -> list[Said]:
        kept = list(groups)
        after = [*kept[1:], (0, ())]
        return [Said(ts, "m", str(following)) for (ts, _), (_, following) in zip(kept, after, strict=True)]

    first = inspect(decisions, lambda: GROUPS, cuts=1).peeks[0]
    assert first.at.ts_ns == first.cut_ns


def test_what_is_never_twice_the_same_is_told_from_a_peek() -> None:
    throws = iter(range(1000))
    peeks = inspect(lambda _groups, _later: [Said(1, "m", str(next(throws)))], lambda: GROUPS, cuts=3).peeks
    assert [peek.run for peek in peeks] == [AGAIN]


def test_a_file_that_is_read_while_deciding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recording.csv"
    path.write_text("1")
    reads = Reads()
    inspected(lambda: Peeker(lambda _view: path.read_text() == "1"), reads)
    assert reads.found == [str(path)]


def test_only_what_is_opened_while_watched_is_named(tmp_path: Path) -> None:
    path, known = tmp_path / "a.txt", tmp_path / "known.yaml"
    for file in (path, known):
        file.write_text("1")
    reads = Reads([known])
    path.read_text()
    with reads.watched():
        known.read_text()
        Path(__file__).read_text(encoding="utf-8")
        assert reads.found == []
        path.read_text()
        path.read_text()
    assert reads.found == [str(path)]


# ---------------------------------------------------------------- the variants

TOKEN = DEMO.markets[0].yes
book = st.builds(lambda at: BookSnapshot(TOKEN, levels(("0.4", "1")), levels(("0.7", "2")), at), st.integers(1, 10**6))
delta = st.builds(lambda at: BookDelta(TOKEN, ((BID, 300_000, 5), (ASK, 800_000, 0)), at), st.integers(1, 10**6))
trade = st.builds(lambda at: TradePrint(TOKEN, Side.BUY, 300_000, 5, at), st.integers(1, 10**6))
price = st.builds(lambda at: ReferencePrice("btc", "binance", 10**9, at), st.integers(1, 10**6))
groups = st.lists(st.one_of(book, delta, trade, price), max_size=20).map(
    lambda messages: [(m.ts_ns, [m]) for m in sorted(messages, key=lambda m: m.ts_ns)]
)


@given(groups, st.integers(0, 10**6))
def test_every_variant_has_the_same_past_and_no_other_future(history: list[Group], cut_ns: int) -> None:
    past = [group for group in history if group[0] <= cut_ns]
    assert list(truncated(history, cut_ns)) == past
    other = list(mirrored(history, cut_ns))
    assert other[: len(past)] == past
    assert [ts for ts, _ in other] == [ts for ts, _ in history]
    assert all(a != b for a, b in zip(other[len(past) :], history[len(past) :], strict=True))


@given(groups, st.integers(1, 10**18))
def test_time_moves_as_a_whole(history: list[Group], later_ns: int) -> None:
    moved = list(shifted(history, later_ns))
    assert [(ts, m.ts_ns) for ts, (m,) in moved] == [(ts + later_ns, m.ts_ns + later_ns) for ts, (m,) in history]
    assert list(shifted(moved, -later_ns)) == history


def test_a_mirrored_book_is_the_book_of_the_other_outcome() -> None:
    (_, (mirror,)) = next(iter(mirrored([(5, [BookSnapshot(TOKEN, ((400_000, 1),), ((700_000, 2),), 5)])], 4)))
    assert mirror == BookSnapshot(TOKEN, ((300_000, 2),), ((600_000, 1),), 5)


@given(groups, st.integers(1, 5))
def test_cuts_lie_inside_the_history(history: list[Group], count: int) -> None:
    cuts = cuts_of(lambda: history, count)
    assert len(cuts) <= count
    assert all(history[0][0] <= cut < history[-1][0] for cut in cuts)


def test_the_first_difference_is_the_one_that_is_told() -> None:
    early, late = Said(1, "m", "buy"), Said(2, "m", "sell")
    assert Peek("x", 5, late, early).at == early
    assert str(Peek("another future", 5, early, None)) == "m: decided 'buy', and with another future: 'nothing'"
