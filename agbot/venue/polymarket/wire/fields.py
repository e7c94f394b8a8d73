"""Reading a JSON object field by field: tolerant about how the venue writes a value, strict about what it is.

The venue gives numbers as text or as JSON numbers, times in seconds or milliseconds, absent as null, "" or not at all.
Every reader takes one or more names and uses the first that is there; without a default, absence is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from agbot.errors import VenueProtocolError
from agbot.model.order import Side
from agbot.units import SCALE
from agbot.venue.polymarket.wire.numbers import exact_price, exact_tick, exact_time, exact_units, floor_units

T = TypeVar("T")
D = TypeVar("D")

_SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL, "0": Side.BUY, "1": Side.SELL}
_TRUTHS: Final = {True: True, False: False, "true": True, "false": False}
_REQUIRED: Final[Any] = object()
_any: Final = msgspec.json.Decoder(Any, float_hook=str)


def from_json(raw: bytes | str) -> object:
    """Return JSON as plain objects with every fraction as its digits; ValueError when it is no JSON."""
    try:
        return _any.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise ValueError(f"not JSON: {e}") from e


def read(what: str, raw: bytes | str, build: Callable[[object], T]) -> T:
    """Return what `build` makes of a reply's JSON.

    Raises:
        VenueProtocolError: no JSON, or not what `build` can read (it says so with ValueError).
    """
    try:
        return build(from_json(raw))
    except ValueError as e:
        raise VenueProtocolError(f"{what}: {str(e)[:300]}", venue="polymarket") from e


def rows_of(build: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of a list of what `build` reads."""

    def rows(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError(f"expected a list, got {type(value).__name__}")
        return tuple(build(row) for row in value)

    return rows


def readable(rows: list[object], build: Callable[[Fields], T]) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """Return (what can be read, why each of the others cannot): for descriptions, where one must not hide the rest."""
    items, faults = [], []
    for i, row in enumerate(rows):
        try:
            items.append(build(Fields(row)))
        except ValueError as e:
            faults.append(f"{i}: {str(e)[:200]}")
    return tuple(items), tuple(faults)


class Fields:
    """One JSON object. All readers raise ValueError naming the field."""

    __slots__ = ("plain",)

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"expected an object, got {type(value).__name__}")
        self.plain: dict[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return self.plain.get(name) is not None

    def first(self, *names: str) -> object:
        """Return the first of `names` that is there and not "", None when none is."""
        for name in names:
            value = self.plain.get(name)
            if value is not None and value != "":
                return value
        return None

    def text(self, *names: str, default: str = _REQUIRED) -> str:
        """Return text; a number counts as its digits."""
        return self._as(_text, names, default)

    def name(self, *names: str) -> str:
        """Return text that must be there: an identity."""
        return self._as(_text, names, _REQUIRED)

    def units(self, *names: str, default: D = _REQUIRED) -> int | D:
        """Return an unsigned number as exact 10⁻⁶."""
        return self._as(_units, names, default)

    def floor(self, *names: str, default: D = _REQUIRED, scale: int = 0) -> int | D:
        """Return a number divided by 10 to the `scale` as 10⁻⁶, rounded down: never for money of ours."""
        return self._as(lambda value: floor_units(_text(value), scale), names, default)

    def price(self, *names: str, default: D = _REQUIRED) -> int | D:
        """Return a price strictly between 0 and 1 as exact 10⁻⁶."""
        return self._as(_price, names, default)

    def fill_price(self, *names: str) -> int:
        """Return the price of an execution: it may be an average, so more than six decimals are rounded down."""
        return self._as(_fill_price, names, _REQUIRED)

    def tick(self, *names: str, default: D = _REQUIRED) -> int | D:
        """Return one of the venue's ticks as 10⁻⁶."""
        return self._as(_tick, names, default)

    def time(self, *names: str, default: D = _REQUIRED) -> int | D:
        """Return a time as UTC nanoseconds."""
        return self._as(_time, names, default)

    def whole(self, *names: str, default: D = _REQUIRED) -> int | D:
        """Return an unsigned whole number of at most 78 digits (256 bits)."""
        return self._as(_whole, names, default)

    def side(self, *names: str) -> Side:
        """Return BUY or SELL."""
        return self._as(_side, names, _REQUIRED)

    def flag(self, *names: str, default: bool = _REQUIRED) -> bool:
        """Return a truth value, also when it is written as text."""
        return self._as(_flag, names, default)

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return a list of text, also when it is JSON inside a string; empty when absent."""
        return tuple(_text(item) for item in self.rows(*names))

    def rows(self, *names: str) -> list[object]:
        """Return a list, also when it is JSON inside a string; empty when absent."""
        return self._as(_rows, names, [])

    def nested(self, *names: str) -> Fields | None:
        """Return a nested object, None when absent."""
        return self._as(Fields, names, None)

    def mapping(self, name: str, item: Callable[[object], T]) -> dict[str, T]:
        """Return an object of many like values by key; empty when absent."""
        value = self.plain.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError(f"{name}: expected an object, got {type(value).__name__}")
        return {key: item(one) for key, one in value.items()}

    def _as(self, convert: Callable[[object], T], names: tuple[str, ...], default: D) -> T | D:
        for name in names:  # as `first`, which costs a call for each of a hundred thousand fields
            value = self.plain.get(name)
            if value is not None and value != "":
                break
        else:
            if default is _REQUIRED:
                raise ValueError(f"{names[0]} is missing")
            return default
        try:
            return convert(value)
        except ValueError as e:
            raise ValueError(f"{names[0]}: {e}") from e


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"expected text, got {type(value).__name__}")


def _units(value: object) -> int:
    return exact_units(_text(value))


def _price(value: object) -> int:
    return exact_price(_text(value))


def _fill_price(value: object) -> int:
    price = floor_units(_text(value))
    if not 0 < price < SCALE:
        raise ValueError(f"price {str(value)[:40]!r} is not between 0 and 1")
    return price


def _tick(value: object) -> int:
    return exact_tick(_text(value))


def _time(value: object) -> int:
    return exact_time(_text(value))


def _whole(value: object) -> int:
    text = _text(value)
    if not (text.isdigit() and text.isascii() and len(text) <= 78):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _side(value: object) -> Side:
    side = _SIDES.get(_text(value).upper())
    if side is None:
        raise ValueError(f"{str(value)[:40]!r} is neither BUY nor SELL")
    return side


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    raise ValueError(f"{str(value)[:40]!r} is neither true nor false")


def _rows(value: object) -> list[object]:
    rows = from_json(value) if isinstance(value, str) else value
    if not isinstance(rows, list):
        raise ValueError(f"expected a list, got {type(rows).__name__}")
    return rows
