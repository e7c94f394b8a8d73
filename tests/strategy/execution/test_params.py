"""Parameters: what a person writes becomes integers, and what is impossible is refused with a word about it."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import attrs
import pytest

from agbot.located import loads
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.execution import ALGORITHMS, BracketParams, OcoParams, PovParams, ShortfallParams, TwapParams
from agbot.strategy.execution.params import Instant
from agbot.strategy.execution.sliced import VwapParams
from agbot.units import NS_PER_S

PAGE = "docs/execution.md"
LEAST = {
    "shortfall": {"sigma": "0.05", "eta": "0.0001"},
    "iceberg": {"limit": "0.5", "show": "10"},
    "stop": {"trigger": "0.4"},
    "trailing": {"distance": "0.05"},
    "bracket": {"limit": "0.5", "target": "0.6", "trigger": "0.4", "end": "2026-03-01T12:00:00Z"},
    "oco": {"target": "0.6", "trigger": "0.4"},
}


def made(name, **changes):
    kind, params = ALGORITHMS[name]
    return kind(params(market="m1", total="100", **{**LEAST.get(name, {}), **changes}), name=f"my-{name}")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_is_made_by_its_name_and_says_what_it_is(name):
    found = made(name)
    told = found.metadata()
    assert found.id == told["id"] == f"my-{name}"
    assert (told["market"], told["total"], told["left"], told["done"]) == ("m1", "100", "100", "0")


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total": 0}, "total"),
        ({"total": "-1"}, "total"),
        ({"market": ""}, "market"),
        ({"side": "HOLD"}, "HOLD"),
        ({"outcome": "MAYBE"}, "MAYBE"),
        ({"limit": "1"}, "limit"),
        ({"max_slippage": "-0.01"}, "max_slippage"),
        ({"start": "tomorrow"}, "neither seconds"),
        ({"start": "2026-03-01T12:00:00"}, "no time zone"),
        ({"start": ""}, "without a start"),
        ({"finish": "sell"}, "finish"),
        ({"total": "nan"}, "not finite"),
    ],
)
def test_what_is_impossible_for_any_is_refused(name, changes, words):
    kind, params = ALGORITHMS[name]
    plain = {"market": "m1", "total": "100", **LEAST.get(name, {}), **changes}
    with pytest.raises(ValueError, match=words):
        kind(params(**plain))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (TwapParams, {"start": 100, "end": 100}, "not after"),
        (TwapParams, {"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T11:00:00Z"}, "not after"),
        (TwapParams, {"end": ""}, "has an end"),
        (TwapParams, {"slices": 0}, "slices"),
        (TwapParams, {"slices": "2.5"}, "whole number"),
        (TwapParams, {"time_jitter": "1.1"}, "time_jitter"),
        (TwapParams, {"style": "chase"}, "style"),
        (TwapParams, {"seed": -1}, "seed"),
        (VwapParams, {"profile": [0, 0]}, "not all zero"),
        (VwapParams, {"profile": [1, -1]}, "not negative"),
        (PovParams, {"rate": 0}, "rate"),
        (PovParams, {"rate": "1.5"}, "rate"),
        (ShortfallParams, {"sigma": "0.1", "eta": 0}, "eta"),
        (ShortfallParams, {"sigma": "0.1", "eta": "0.0001", "gamma": "10"}, "permanent impact"),
        (ShortfallParams, {"sigma": "0.1", "eta": "0.0001", "aversion": "-1"}, "aversion"),
        (OcoParams, {"target": "0.4", "trigger": "0.4"}, "above its trigger"),
        (OcoParams, {"target": "0.6", "trigger": "0.4", "side": "BUY"}, "below its trigger"),
        (BracketParams, {**LEAST["bracket"], "limit": "0.7"}, "trigger < limit < target"),
        (BracketParams, {**LEAST["bracket"], "side": "SELL"}, "the other way round"),
        (BracketParams, {**LEAST["bracket"], "trigger": "0.5"}, "trigger < limit < target"),
        (BracketParams, {**LEAST["bracket"], "end": "600"}, "UTC time"),
    ],
)
def test_what_is_impossible_for_one_is_refused(kind, changes, words):
    with pytest.raises(ValueError, match=words):
        kind(market="m1", total="100", **changes)


def test_words_numbers_and_times_of_a_configuration():
    params = TwapParams(
        market="m1",
        total=Decimal("12.5"),
        side="sell",
        outcome="no",
        start="2026-03-01T13:00:00.5+01:00",
        end="2026-03-01T12:30:00Z",
    )
    assert (params.total, params.side, params.outcome) == (12_500_000, Side.SELL, Outcome.NO)
    assert params.start == Instant(1_772_366_400_500_000_000, relative=False)
    assert params.span_ns == 1_799_500_000_000
    assert TwapParams(market="m", total=1, end=Decimal("90.5")).span_ns == 90_500_000_000
    assert TwapParams(market="m", total=1, end="2026-03-01T12:30:00Z").span_ns is None
    assert TwapParams(market="m", total=1).end == Instant(3600 * NS_PER_S, relative=True)
    assert VwapParams(market="m", total=1, profile=[Decimal("0.5"), "2"]).profile == (Fraction(1, 2), Fraction(2))


def test_the_examples_of_the_page_are_configurations(root):
    page = (root / PAGE).read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        text = block if block.startswith("strategies:") else f"strategies:\n{block}"
        for row in loads(text, PAGE, "yaml").plain()["strategies"]:
            kind, params = ALGORITHMS[row["name"]]
            found.append(kind(params(**row["params"])).metadata()["strategy"])
    assert found == ["Twap", "Shortfall", "Bracket"]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_page_names_every_parameter(name, root):
    page = (root / PAGE).read_text(encoding="utf-8")
    assert [f.name for f in attrs.fields(ALGORITHMS[name][1]) if f"`{f.name}`" not in page] == []


def test_each_is_listed_under_its_name():
    assert list(ALGORITHMS) == [
        "twap", "vwap", "pov", "shortfall", "iceberg", "pegged", "stop", "trailing", "bracket", "oco",
    ]  # fmt: skip
