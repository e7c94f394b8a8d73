"""Attributes of a strategy's parameters: what a person writes as a decimal, and what the code reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from agbot.units import NS_PER_S, SCALE, to_units


def units(value: object) -> int:
    """Return a decimal, its text or a whole number in 10⁻⁶; ValueError where it is none."""
    return to_units(value if isinstance(value, Decimal | int) else str(value))


def whole(value: object) -> int:
    """Return a whole number; ValueError where it has a part."""
    read = units(value)
    if read % SCALE:
        raise ValueError(f"{value} is not a whole number")
    return read // SCALE


def number(value: object) -> float:
    """Return a decimal as a statistic: a float."""
    return units(value) / SCALE


def nanoseconds(value: object) -> int:
    """Return seconds in nanoseconds."""
    return units(value) * (NS_PER_S // SCALE)


def decimal(default: str, *validators: Any) -> Any:
    """Return an attribute in 10⁻⁶ usd or shares."""
    return attrs.field(default=default, converter=units, validator=list(validators))


def count(default: int, least: int, most: int | None = None) -> Any:
    """Return an attribute that counts, from `least` up."""
    bounds = [attrs.validators.ge(least), *([] if most is None else [attrs.validators.le(most)])]
    return attrs.field(default=default, converter=whole, validator=bounds)


def real(default: str, *validators: Any) -> Any:
    """Return an attribute that is a statistic, without a unit of money or shares."""
    return attrs.field(default=default, converter=number, validator=list(validators))


def seconds(default: str, *validators: Any) -> Any:
    """Return an attribute that a person writes in seconds and the code reads in nanoseconds."""
    return attrs.field(default=default, converter=nanoseconds, validator=list(validators))
