"""The map of two parameters: means, not the best; and a picture that is well-formed."""

from __future__ import annotations

from decimal import Decimal
from statistics import mean
from xml.etree import ElementTree

import pytest

from agbot.errors import ConfigError
from agbot.optimise.heat import BINS_MAX, heat_of, rows_of, svg_of
from agbot.optimise.outcome import Failed, Outcome, Params, Trial
from agbot.testing.trials import Noise


def trial(a: int | str, b: object, c: int = 0) -> Trial:
    params: Params = {"a": a if isinstance(a, str) else Decimal(a), "b": b, "c": Decimal(c)}  # type: ignore[dict-item]
    return Trial(params, Noise(periods=20)(params))


def test_a_cell_is_the_mean_over_all_else() -> None:
    trials = [trial(a, b, c) for a in (10, 2) for b in (True, "x") for c in range(3)]
    heat = heat_of(trials, "a", "b")
    assert (heat.rows, heat.columns) == (("2", "10"), ("true", "x"))
    wanted = [t.sharpe() for t in trials if t.params["a"] == 10 and t.params["b"] == "x"]
    assert heat.cells[1][1] == pytest.approx(mean(ratio for ratio in wanted if ratio is not None))


def test_what_was_not_tried_failed_or_has_no_ratio_is_empty() -> None:
    flat = Outcome((0.0,) * 20, 0, "", 0)
    trials = [trial(1, "x"), Trial({"a": Decimal(2), "b": "y"}, Failed("")), Trial({"a": Decimal(3), "b": "z"}, flat)]
    heat = heat_of(trials, "a", "b")
    assert [cell is None for row in heat.cells for cell in row] == [False] + [True] * 8
    assert rows_of(heat)[1] == {"a \\ b": "2", "x": "", "y": "", "z": ""}


def test_many_values_are_put_together_with_their_neighbours() -> None:
    heat = heat_of([trial(a, "x") for a in range(100)], "a", "b")
    assert len(heat.rows) == BINS_MAX
    assert (heat.rows[0], heat.rows[-1]) == ("0…8", "92…99")


def test_the_highest_has_the_darkest_shade() -> None:
    rows = rows_of(heat_of([trial(a, "x") for a in range(6)], "a", "b"))
    best = max(rows, key=lambda row: float(row["x"].split()[-1]))
    assert best["x"].startswith("█")
    assert all("-0.00" not in row["x"] for row in rows)


def test_the_picture_has_every_cell_and_no_markup_of_others() -> None:
    trials = [trial(a, b) for a in ("<b>", 2) for b in (True, "&")]
    root = ElementTree.fromstring(svg_of(heat_of(trials, "a", "b"), "OVERFIT: <so>"))
    texts = [node.text for node in root.iter() if node.text and node.text.strip()]
    assert texts[0] == "OVERFIT: <so>"
    assert {"<b>", "2", "true", "&"} <= set(texts)
    assert len([node for node in root.iter() if node.tag.endswith("rect")]) == 5


@pytest.mark.parametrize(("row", "column"), [("a", "nothing"), ("z", "b"), ("a", "a")])
def test_no_such_map(row: str, column: str) -> None:
    with pytest.raises(ConfigError) as caught:
        heat_of([trial(1, "x")], row, column)
    assert caught.value.id == "AGB-578"
