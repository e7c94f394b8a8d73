"""What a person says about an arbitrage: what it must gain, what it may cost, and how much a broken one may lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from agbot.strategy.arbitrage.baskets import Relations
from agbot.units import NS_PER_MS, SCALE, to_units


def _units(value: object) -> int:
    return to_units(value if isinstance(value, Decimal | int) else str(value))


def _nanoseconds(value: object) -> int:
    return _units(value) * NS_PER_MS // SCALE


def _decimal(default: str, *validators: Any) -> Any:
    """Return an attribute that a person writes as a decimal and the code reads in 10⁻⁶."""
    return attrs.field(default=default, converter=_units, validator=list(validators))


def _milliseconds(default: str, *validators: Any) -> Any:
    """Return an attribute that a person writes in milliseconds and the code reads in nanoseconds."""
    return attrs.field(default=default, converter=_nanoseconds, validator=list(validators))


def _count(default: int, least: int) -> Any:
    return attrs.field(default=default, converter=_whole, validator=attrs.validators.ge(least))


def _whole(value: object) -> int:
    units = _units(value)
    if units % SCALE:
        raise ValueError(f"{value} is not a whole number")
    return units // SCALE


def _outcomes(value: Mapping[str, object]) -> dict[str, int]:
    return {str(event): _whole(count) for event, count in value.items()}


def _named(value: Sequence[Sequence[object]]) -> tuple[tuple[str, str], ...]:
    if any(len(row) != 2 for row in value):
        raise ValueError("an implication names two markets: [A, B]")
    return tuple((str(first), str(second)) for first, second in value)


def _doubted(value: Sequence[Sequence[object]]) -> tuple[tuple[str, str, int], ...]:
    if any(len(row) != 3 for row in value):
        raise ValueError("a pair names two markets and the probability that their rules differ: [A, B, 0.02]")
    rows = tuple((str(first), str(second), _units(mismatch)) for first, second, mismatch in value)
    if any(not 0 <= mismatch <= SCALE for _, _, mismatch in rows):
        raise ValueError("the probability of a mismatch lies between 0 and 1")
    return rows


@attrs.frozen(kw_only=True)
class ArbitrageParams:
    """When to trade a basket, and what to do when a leg of it fails. Money in usd, times in milliseconds.

    Args:
        min_profit: least profit of one attempt, fees, fixed costs and rounding taken off.
        min_edge: least profit of one set.
        min_annual: least simple rate a year on the money bound, where an end is known; 0 asks nothing.
        min_signal: the edge must be that many deviations above its own mean of `signal_period` seconds; 0 asks nothing.
        max_capital: most money that one attempt may bind.
        depth_part: part of every level that may be taken.
        levels: levels looked at in every book.
        cost_per_set, cost_per_batch: gas, relayer, transfers.
        min_order: least usd of a buy that the venue takes.
        whole_cents: sizes are chosen so that every buy comes to whole cents, which is all that Polymarket spends.
        max_age_ms: no book may have been silent for longer; 0 asks nothing.
        confirm_ms: how long it must have been there before it is traded.
        max_leg_loss: what one attempt may lose in the worst case when its legs are made equal again.
        patience_ms: how long that is insisted on; afterwards the smallest loss is taken, whatever it is.
        max_concession: but no share is then traded further than this from the middle of its book; 1 asks nothing.
        retry_ms: least time between two tries to make legs equal; doubles while they bring nothing.
        cooldown_ms: least time between two attempts in markets that hang together.
        max_pair_loss: what a pair with a rule mismatch may lose if the mismatch happens; 0 trades none.
        exhaustive: by event, its number of outcomes, one of which must win.
        implications: [A, B] by slug or id: whenever A resolves YES, so does B.
        pairs: [A, B, δ]: the same question, but for a probability δ that the rules differ.
    """

    min_profit: int = _decimal("0.50", attrs.validators.gt(0))
    min_edge: int = _decimal("0.005", attrs.validators.ge(0))
    min_annual: int = _decimal("0", attrs.validators.ge(0))
    min_signal: int = _decimal("0", attrs.validators.ge(0))
    signal_period: int = _count(300, 2)
    max_capital: int = _decimal("200", attrs.validators.gt(0))
    depth_part: int = _decimal("0.5", attrs.validators.gt(0), attrs.validators.le(SCALE))
    levels: int = _count(20, 1)
    cost_per_set: int = _decimal("0", attrs.validators.ge(0))
    cost_per_batch: int = _decimal("0", attrs.validators.ge(0))
    min_order: int = _decimal("1", attrs.validators.ge(0))
    whole_cents: bool = True
    max_age_ms: int = _milliseconds("60000", attrs.validators.ge(0))
    confirm_ms: int = _milliseconds("300", attrs.validators.ge(0))
    max_leg_loss: int = _decimal("2", attrs.validators.ge(0))
    patience_ms: int = _milliseconds("5000", attrs.validators.ge(0))
    max_concession: int = _decimal("0.10", attrs.validators.ge(0), attrs.validators.le(SCALE))
    retry_ms: int = _milliseconds("250", attrs.validators.ge(0))
    cooldown_ms: int = _milliseconds("1000", attrs.validators.ge(0))
    max_pair_loss: int = _decimal("0", attrs.validators.ge(0))
    exhaustive: Mapping[str, int] = attrs.field(factory=dict, converter=_outcomes)
    implications: Sequence[tuple[str, str]] = attrs.field(default=(), converter=_named)
    pairs: Sequence[tuple[str, str, int]] = attrs.field(default=(), converter=_doubted)

    @property
    def relations(self) -> Relations:
        """Return what a person says of markets."""
        return Relations(exhaustive=self.exhaustive, implications=self.implications, pairs=self.pairs)
