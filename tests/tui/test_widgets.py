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
from agbot.tui.widgets.figures import clock, plain, plain_price, price, shares, usd
from agbot.tui.widgets.fills import FillsSheet
from agbot.tui.widgets.markets import MarketsSheet
from agbot.tui.widgets.orders import STATES, OrdersSheet
from agbot.tui.widgets.risk import RiskSheet
from agbot.tui.widgets.sheet import Column, _cell, fit

SHEETS = (MarketsSheet, OrdersSheet, FillsSheet, RiskSheet)


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
        (plain("0.520"), "0.52"),
        (plain("20"), "20"),
        (plain("100.000"), "100"),
        (plain(""), ""),
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
def test_a_row_has_a_cell_for_every_column(sheet: Any, bot: Any) -> None:
    board = Dashboard()
    board.apply(bot.snapshot())
    rows = sheet("title", id="x").rows(board)
    assert rows
    assert all(len(row) == len(sheet.COLUMNS) for row in rows)


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_column_but_extras_fits_its_pane_at_80(sheet: Any) -> None:
    pane = {MarketsSheet: 45, OrdersSheet: 45, FillsSheet: 30, RiskSheet: 44}[sheet]
    assert sum(cells + 1 for _, cells, _ in fit(sheet.COLUMNS, pane)) - 1 == pane


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
