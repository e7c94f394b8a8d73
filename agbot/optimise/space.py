"""What may be tried: every parameter is a finite list of exact values, so a search is a choice of indexes."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from functools import partial
from typing import Final

import attrs

from agbot.errors import ConfigError
from agbot.located import Fields, Located
from agbot.optimise.outcome import Value, text_of

VALUES_MAX: Final = 10_000
DIGITS: Final = 3
"""Significant digits of the values between the ends of a logarithmic scale."""

_EXACT: Final = Context(prec=40)
_SHAPES: Final = "{low, high, step}, {low, high, log: HOW MANY} or {choices: […]}"


@attrs.frozen
class Dimension:
    """One parameter: its values, and whether their order means something."""

    name: str
    values: tuple[Value, ...]
    ordered: bool = True


@attrs.frozen
class Space:
    """Every combination of the values of its parameters, numbered from 0; the last parameter changes fastest."""

    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> int:
        """Return how many combinations there are."""
        return math.prod(len(dimension.values) for dimension in self.dimensions)

    def at(self, number: int) -> dict[str, Value]:
        """Return a combination by its number."""
        indexes = []
        for dimension in reversed(self.dimensions):
            number, index = divmod(number, len(dimension.values))
            indexes.append(index)
        return self.chosen(tuple(reversed(indexes)))

    def chosen(self, indexes: tuple[int, ...]) -> dict[str, Value]:
        """Return a combination by the index of each value."""
        return {d.name: d.values[index] for d, index in zip(self.dimensions, indexes, strict=True)}


def read_space(node: Located, faults: list[ConfigError]) -> Space:
    """Return the space in a mapping of parameters; what is wrong goes to `faults`.

    Faults: AGB-571, and those of any configuration.
    """
    fields = Fields(node, faults)
    if node.kind == "mapping" and not node.fields:
        faults.append(node.fault("there is no parameter to search", id="AGB-571", remedy=f"add NAME: {_SHAPES}"))
    found = [fields.read(name, partial(_dimension, name, faults=faults), None) for name in node.fields]
    return Space(tuple(dimension for dimension in found if dimension is not None))


def _dimension(name: str, node: Located, *, faults: list[ConfigError]) -> Dimension | None:
    if node.kind != "mapping":
        raise node.fault(f"expected {_SHAPES}, got {node}", id="AGB-571", remedy="write one of them")
    fields = Fields(node, faults)
    none: tuple[Value, ...] = ()
    shape = next((word for word in ("choices", "log", "step") if word in node.fields), None)
    if shape is None:
        raise node.fault(f"expected {_SHAPES}", id="AGB-571", remedy="add step, log or choices")
    if shape == "choices":
        values = fields.require("choices", _choices, none)
        fields.close()
        return Dimension(name, values, ordered=all(isinstance(value, Decimal) for value in values))
    low = fields.require("low", Located.as_decimal, Decimal(1))
    high = fields.require("high", Located.as_decimal, Decimal(2))
    read = _log if shape == "log" else _steps
    numbers = fields.require(shape, lambda n: read(n, low, high), none)
    fields.close()
    return Dimension(name, numbers)


def _choices(node: Located) -> tuple[Value, ...]:
    values: dict[str, Value] = {}
    for item in node.as_list():
        value = _value(item)
        if text_of(value) in values:
            raise item.fault(f"{item} is listed twice", id="AGB-114", remedy="keep one of them")
        values[text_of(value)] = value
    if not values:
        raise node.fault("there is nothing to choose from", id="AGB-571", remedy="write a list: [a, b]")
    return tuple(values.values())


def _value(node: Located) -> Value:
    if node.kind == "number":
        return node.as_decimal()
    return node.as_bool() if node.kind == "boolean" else node.as_text()


def _steps(node: Located, low: Decimal, high: Decimal) -> tuple[Value, ...]:
    step = node.as_decimal()
    if low > high or step <= 0:
        raise node.fault(f"no values from {low} to {high} by {step}", id="AGB-571", remedy="low ≤ high and step > 0")
    count, left = _EXACT.divmod(_EXACT.subtract(high, low), step)
    if left:
        remedy = f"high: {text_of(high - left)}, or a step that divides {text_of(high - low)}"
        raise node.fault(f"steps of {step} from {low} do not reach {high}", id="AGB-571", remedy=remedy)
    _few(node, int(count) + 1)
    return tuple(_EXACT.add(low, _EXACT.multiply(step, Decimal(i))) for i in range(int(count) + 1))


def _log(node: Located, low: Decimal, high: Decimal) -> tuple[Value, ...]:
    count = node.as_int(2, VALUES_MAX)
    if not 0 < low < high:
        remedy = "0 < low < high"
        raise node.fault(f"no logarithmic scale from {low} to {high}", id="AGB-571", remedy=remedy)
    step = _EXACT.divide(_EXACT.ln(_EXACT.divide(high, low)), Decimal(count - 1))
    short = Context(prec=DIGITS)
    inner = (short.plus(_EXACT.multiply(low, _EXACT.exp(step * i))) for i in range(1, count - 1))
    return tuple(dict.fromkeys([low, *(value for value in inner if low < value < high), high]))


def _few(node: Located, count: int) -> None:
    if count > VALUES_MAX:
        reason = f"{count} values are more than {VALUES_MAX}"
        raise node.fault(reason, id="AGB-571", remedy="take a larger step, or log")
