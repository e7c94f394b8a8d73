"""Vectors of risk and valuation: what the models of `agbot.quant` give for inputs that others have computed.

A row passes when each expected number is met within its tolerance: abs + rel·|expected|, `published_abs` for what was
printed somewhere, equality where it says exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from agbot.selftest.check import Check, Difference

Body: TypeAlias = Mapping[str, Any]
Compute: TypeAlias = "Mapping[tuple[str, ...], Any]"


def number(value: Any) -> float:
    """Return a number of a vector file, which may be a decimal or its text."""
    return float(value)


def compared(expected: Any, got: Any, tolerance: Body, name: str) -> Iterator[Difference]:
    """Yield where `got` is not `expected`; lists and objects part by part."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            yield from compared(value, got[key], tolerance, f"{name}.{key}")
    elif isinstance(expected, list):
        if len(expected) != len(got):
            yield Difference(name, f"{len(expected)} values", f"{len(got)}")
        for at, (value, mine) in enumerate(zip(expected, got, strict=False)):
            yield from compared(value, mine, tolerance, f"{name}[{at}]")
    elif not _meets(expected, got, tolerance):
        yield Difference(name, str(expected), str(got))


def _meets(expected: Any, got: Any, tolerance: Body) -> bool:
    if expected is None or got is None or isinstance(expected, bool | str):
        return bool(expected == got)
    if tolerance.get("exact") and "abs" not in tolerance:
        return bool(expected == got)
    reach = number(tolerance.get("abs", 0)) + number(tolerance.get("rel", 0)) * abs(number(expected))
    return math.isfinite(got) and abs(number(expected) - got) <= reach


def judged(row: Body, got: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs of a row: each expected name must have been computed, and each must be met.

    What was published under another name than it is computed by is told as `published`: one number, or by name.
    """
    tolerance = row["tolerance"]
    for name, expected in row["expected"].items():
        if name != "published":
            yield from compared(expected, got[name], tolerance, name)
        elif "published" in got:
            yield from compared(expected, got["published"], {"abs": tolerance.get("published_abs", 0)}, name)


def dispatch(shapes: Iterable[tuple[str, str, Any]]) -> dict[str, Check]:
    """Return a check for each area; `shapes` are (area, an input only that shape has or empty, function of the inputs).

    The first shape of an area whose input is there computes the row.
    """
    by_area: dict[str, list[tuple[str, Any]]] = {}
    for area, mark, function in shapes:
        by_area.setdefault(area, []).append((mark, function))
    return {area: _check(choices) for area, choices in by_area.items()}


def _check(choices: list[tuple[str, Any]]) -> Check:
    def check(row: Body) -> Iterator[Difference]:
        inputs = row["inputs"]
        function = next(function for mark, function in choices if not mark or mark in inputs)
        return judged(row, function(inputs, row["expected"]))

    return check


FLOATS: Final = "a list of numbers"


def floats(values: Iterable[Any]) -> list[float]:
    """Return numbers of a vector file."""
    return [number(value) for value in values]


def matrix(rows: Iterable[Iterable[Any]]) -> list[list[float]]:
    """Return rows of numbers."""
    return [floats(row) for row in rows]
