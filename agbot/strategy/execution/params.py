"""What a person writes of an execution: decimals, sides and times, as the integers the algorithms read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import attrs

from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE, to_units

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)

at_least: Final = attrs.validators.ge
above: Final = attrs.validators.gt
at_most: Final = attrs.validators.le


@attrs.frozen
class Instant:
    """A UTC time in nanoseconds, or, where `relative`, nanoseconds from the first look."""

    ns: int
    relative: bool

    def at(self, first_ns: int) -> int:
        """Return it in UTC nanoseconds."""
        return self.ns + first_ns if self.relative else self.ns


def to_instant(value: object) -> Instant | None:
    """Return a UTC time or seconds from the first look from a person's text, None from nothing."""
    if value is None or value == "" or isinstance(value, Instant):
        return value if isinstance(value, Instant) else None
    text = str(value)
    if _NUMBER.fullmatch(text):
        return Instant(to_units(text) * (NS_PER_S // SCALE), relative=True)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise ValueError(f"{text!r} is neither seconds from now nor a time such as 2026-03-01T14:00:00Z") from e
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone: end it with Z for UTC")
    return Instant((moment - _EPOCH) // timedelta(microseconds=1) * 1000, relative=False)


def _units(value: object) -> int:
    return to_units(value if isinstance(value, Decimal | int) else str(value))


def whole(value: object) -> int:
    """Return a whole number from a person's decimal."""
    units = _units(value)
    if units % SCALE:
        raise ValueError(f"{value} is not a whole number")
    return units // SCALE


def to_side(value: object) -> Side:
    """Return BUY or SELL from a person's word."""
    return Side(str(value).upper())


def to_outcome(value: object) -> Outcome:
    """Return YES or NO from a person's word."""
    return Outcome(str(value).upper())


def decimal(default: Any = attrs.NOTHING, *validators: Any) -> Any:
    """Return an attribute that a person writes as a decimal and the code reads in 10⁻⁶."""
    return attrs.field(default=default, converter=_units, validator=list(validators))


def count(default: int, least: int, most: int) -> Any:
    """Return an attribute that is a whole number between two others."""
    return attrs.field(default=default, converter=whole, validator=[at_least(least), at_most(most)])


def real(default: Any = attrs.NOTHING, *validators: Any) -> Any:
    """Return an attribute of statistics: a float, finite as decimals are."""
    return attrs.field(default=default, converter=lambda value: float(Decimal(str(value))), validator=list(validators))


def choice(default: str, *others: str) -> Any:
    """Return an attribute that is one of a few words, the first unless told."""
    words = (default, *others)
    return attrs.field(default=default, converter=str, validator=attrs.validators.in_(words))


def weights() -> Any:
    """Return an attribute that is a list of numbers not below 0."""
    return attrs.field(default=(), converter=_weights)


def _weights(value: Any) -> tuple[Fraction, ...]:
    found = tuple(Fraction(str(weight)) for weight in value)
    if found and (min(found) < 0 or not any(found)):
        raise ValueError("a profile has weights that are not negative and not all zero")
    return found


@attrs.frozen(kw_only=True)
class ParentParams:
    """What to trade. Sizes in shares, prices in usd a share.

    Args:
        market: its id or slug.
        total: shares to be traded, never more.
        side, outcome: BUY or SELL of YES or NO.
        limit: the worst price of any child; 0 for none.
        max_slippage: how far beyond the best price a child may take.
        held: shares of the token that this strategy, by its name, already held (negative: sold) when the order began.
        fair: what a share is worth, for policies that ask; 0 does not say.
        start, end: UTC time, or seconds from the first look; without an end the order stands until it is done.
        finish: at the end `cancel` what is left, or `take` it.
    """

    market: str = attrs.field(converter=str, validator=attrs.validators.min_len(1))
    total: int = decimal(attrs.NOTHING, above(0))
    side: Side = attrs.field(default=Side.BUY, converter=to_side)
    outcome: Outcome = attrs.field(default=Outcome.YES, converter=to_outcome)
    limit: int = decimal("0", at_least(0), attrs.validators.lt(SCALE))
    max_slippage: int = decimal("0.02", at_least(0), at_most(SCALE))
    held: int = decimal("0")
    fair: int = decimal("0", at_least(0), at_most(SCALE))
    start: Instant = attrs.field(default=Instant(0, relative=True), converter=to_instant)
    end: Instant | None = attrs.field(default=None, converter=to_instant)
    finish: str = choice("cancel", "take")

    def __attrs_post_init__(self) -> None:
        if self.start is None:
            raise ValueError("an order without a start")
        if (span := self.span_ns) is not None and span <= 0:
            raise ValueError("the end is not after the start")
        self.check()

    def check(self) -> None:
        """Refuse what is impossible together, with ValueError; for those who have more to say."""

    @property
    def span_ns(self) -> int | None:
        """Return how long the window is, None where that depends on the first look or there is no end."""
        if self.end is None or self.end.relative != self.start.relative:
            return None
        return self.end.ns - self.start.ns


@attrs.frozen(kw_only=True)
class StyledParams(ParentParams):
    """How children trade.

    Args:
        style: `take` trades at once, `join` rests at the best price of its own side.
        tolerance_ticks: how far a resting child may be off before it is moved.
        max_child: the most shares that may be added at once, also when catching up; 0 for any.
    """

    style: str = choice("take", "join")
    tolerance_ticks: int = count(1, 0, 1000)
    max_child: int = decimal("0", at_least(0))
