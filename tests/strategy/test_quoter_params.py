"""What may be asked of the quoter, in the words a person writes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agbot.strategy.quoter import QuoterParams
from agbot.testing.builders import shares


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("size", "-1"),
        ("size", "many"),
        ("max_position", 0),
        ("half_spread_ticks", 0),
        ("half_spread_ticks", Decimal("1.5")),
        ("skew_ticks", -1),
        ("tolerance_ticks", -1),
        ("edge", "-0.01"),
        ("low", "-0.1"),
        ("high", "1.1"),
        ("low", "0.95"),
        ("size", "0.0000001"),
    ],
)
def test_impossible_parameters_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        QuoterParams(**{name: value})  # type: ignore[arg-type]


def test_parameters_are_written_in_shares_usd_and_whole_ticks() -> None:
    written = QuoterParams(size="12.5", max_position=Decimal(100), half_spread_ticks=Decimal(2), low=Decimal("0.1"))  # type: ignore[arg-type]
    assert (written.size, written.max_position, written.half_spread_ticks, written.low) == (
        12_500_000,
        shares(100),
        2,
        100_000,
    )
