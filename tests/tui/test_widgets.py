"""What a narrow column makes of numbers, and what a narrow screen makes of columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agbot.model.order import OrderState
from agbot.tui.state import Dashboard
from agbot.tui.widgets.chart import limits, short, thin
from agbot.tui.widgets.feeds import FeedsSheet
from agbot.tui.widgets.figures import clock, compact, cut, plain, plain_price, price, shares, usd
from agbot.tui.widgets.fills import FillsSheet
from agbot.tui.widgets.ladder import LadderSheet, Level, nearest
from agbot.tui.widgets.latency import CallsSheet
from agbot.tui.widgets.log import DenialsSheet, LogSheet
from agbot.tui.widgets.markets import MarketsSheet
from agbot.tui.widgets.orders import STATES, HereSheet, OrdersSheet
from agbot.tui.widgets.panel import bar
from agbot.tui.widgets.positions import PositionsSheet
from agbot.tui.widgets.risk import LimitsSheet
from agbot.tui.widgets.sheet import Column, Row, _cell, _has, _rank, fit
from agbot.tui.widgets.strategies import QuotesSheet, StrategiesSheet
from tests.tui.answers import answers

SHEETS = (
    *(CallsSheet, DenialsSheet, FeedsSheet, FillsSheet, HereSheet, LimitsSheet, LadderSheet),
    *(LogSheet, MarketsSheet, OrdersSheet, PositionsSheet, QuotesSheet, StrategiesSheet),
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (usd(1234567.891), "1,234,567.89"),
        (usd(-0.001, signed=True), "0.00"),
        (usd(3.456, signed=True), "+3.46"),
        (usd(-3.4), "−3.40"),
        (usd(None), "–"),
        (price(0.5), "0.50"),
        (price(0.525), "0.525"),
        (price(0.5255), "0.5255"),
        (price(None), "–"),
        (shares(120.0), "120"),
        (shares(12345.5), "12,345.5"),
        (shares(100.0), "100"),
        (compact(99.95), "99.95"),
        (compact(12345.6), "12,346"),
        (plain("0.520"), "0.52"),
        (plain("20"), "20"),
        (plain("100.000"), "100"),
        (plain(""), ""),
        (cut("19.999999"), "19.99"),
        (cut("7.5"), "7.5"),
        (cut("20"), "20"),
        (cut("0.004"), "0"),
        (cut(""), ""),
        (plain_price("0.5"), "0.50"),
        (plain_price("0.520000"), "0.52"),
        (plain_price("0.5255"), "0.5255"),
        (plain_price("1"), "1"),
        (plain_price(""), ""),
        (clock(1_763_715_661_000), "09:01:01"),
        (clock(0), ""),
        (clock(10**30), ""),
        (short(-0.0001, 10), "0.0"),
        (short(1234.5, 30), "1,234"),
        (short(0.126, 0.3), "0.13"),
    ],
)
def test_figures(said: str, shown: str) -> None:
    assert said == shown


columns = st.lists(
    st.builds(Column, st.text(max_size=9), st.integers(1, 20), st.integers(0, 3), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=7,
)


@given(columns, st.integers(0, 200))
def test_columns_fit_the_width_or_only_the_indispensable_are_left(found: list[Column], width: int) -> None:
    fitted = fit(found, width)
    taken = sum(cells + 1 for _, cells, _ in fitted) - 1
    assert all(cells >= column.width for column, cells, _ in fitted)
    assert [at for _, _, at in fitted] == sorted(at for _, _, at in fitted)
    if taken > width:
        assert len(fitted) == 1 or all(column.priority == 0 for column, _, _ in fitted)
    elif any(column.weight for column, _, _ in fitted):
        assert taken == width


@given(st.text(max_size=30), st.integers(1, 20), st.booleans())
def test_a_cell_has_exactly_its_width(said: str, cells: int, right: bool) -> None:
    said = "".join(c if c.isprintable() else " " for c in said)
    assert cell_len(_cell(Column("", cells, right=right), cells, said)) == cells + 1


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_row_has_a_cell_for_every_column_and_a_key_of_its_own(sheet: Any, bot: Any, run_app: Any) -> None:
    board = Dashboard()
    board.apply(bot.snapshot())
    board.apply(bot.delta())
    board.told.market, board.told.strategy = "m3", "quoter"
    for op, answer in answers().items():
        board.told.take(op, answer)
    rows = sheet("title", id="x").rows(board)
    assert rows
    assert all(len(row.cells) == len(sheet.COLUMNS) for row in rows)
    assert len({row.key for row in rows}) == len(rows)


@pytest.mark.parametrize(("sheet", "cells"), [(MarketsSheet, 42), (LadderSheet, 34), (StrategiesSheet, 46)])
def test_a_pane_that_shares_80_columns_shows_what_it_must(sheet: Any, cells: int) -> None:
    shown = fit(sheet.COLUMNS, cells)
    assert sum(width + 1 for _, width, _ in shown) - 1 <= cells
    assert {column.title for column, _, _ in shown} >= {c.title for c in sheet.COLUMNS if c.priority <= 1}


def test_every_order_state_has_a_word() -> None:
    assert set(STATES) == set(OrderState)
    assert all(len(word) <= 9 for word, _ in STATES.values())


@given(st.lists(st.tuples(st.integers(), st.floats(allow_nan=False)), max_size=400), st.integers(10, 100))
def test_thinning_keeps_the_newest_and_bounds_the_number(points: list[tuple[int, float]], most: int) -> None:
    few = thin(points, most)
    assert len(few) <= most + 1
    assert list(few[-1:]) == points[-1:]


@given(st.lists(st.floats(-1e9, 1e9), max_size=20))
def test_an_axis_is_never_empty_and_shows_everything(values: list[float]) -> None:
    low, high = limits(values)
    assert low < high
    assert all(low <= value <= high for value in values)
    assert low >= 0 or min(values) < 0


@pytest.mark.parametrize(
    ("cells", "sorted_"),
    [
        (["10", "9.5", "−3", "1,000"], ["−3", "9.5", "10", "1,000"]),
        (["b", "", "A", "–", "2"], ["2", "A", "b", "", "–"]),
        (["14:09:26", "09:00:00"], ["09:00:00", "14:09:26"]),
        (["7.5/20", "20/20", "0/20"], ["0/20", "7.5/20", "20/20"]),
        (["≤20", "+3.10", "-4"], ["-4", "+3.10", "≤20"]),
    ],
)
def test_cells_are_sorted_as_a_person_would(cells: list[str], sorted_: list[str]) -> None:
    assert sorted(cells, key=_rank) == sorted_


@given(st.lists(st.text(max_size=8), max_size=20))
def test_any_cells_can_be_sorted(cells: list[str]) -> None:
    assert [_rank(cell) for cell in sorted(cells, key=_rank)] == sorted(map(_rank, cells))


@pytest.mark.parametrize(
    ("words", "shown"),
    [("", True), ("BTC", True), ("btc open", True), ("open btc", True), ("btc shut", False), ("c o", True)],
)
def test_a_filter_wants_each_word_somewhere(words: str, shown: bool) -> None:
    assert _has(Row("k", (("btc-over", ""), ("open", "good"))), words) is shown


@given(st.floats(-1, 3), st.integers(1, 40))
def test_a_bar_has_its_width_and_is_not_empty_when_something_is_used(part: float, cells: int) -> None:
    drawn = bar(part, cells)
    assert len(drawn) == cells
    assert (drawn == "·" * cells) == (part <= 0)
    assert (drawn == "█" * cells) == (round(min(part, 1) * cells * 8) == cells * 8)


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 12))
def test_a_ladder_shows_the_best_levels_and_ours_that_lie_further_out(owned: list[bool], room: int) -> None:
    levels = [Level("bid", f"{n}", 1.0, 0.0, ("o",) if ours else ()) for n, ours in enumerate(owned)]
    shown = nearest(levels, room)
    assert len(shown) == min(room, len(levels))
    assert [int(level.price) for level in shown] == sorted(int(level.price) for level in shown)
    if shown and not owned[0]:
        assert sum(owned) >= room or levels[0] in shown
    if sum(owned) <= room:
        assert all(level in shown for level in levels if level.orders)
