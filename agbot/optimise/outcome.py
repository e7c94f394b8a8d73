"""What a search knows of a backtest: parameters go in, returns come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

from agbot.errors import AgbotError
from agbot.quant.performance import sharpe

Value: TypeAlias = Decimal | bool | str
Params: TypeAlias = Mapping[str, Value]

STUMBLES: Final = (
    AgbotError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a strategy's own code fails of. Anything else ends the worker, which counts as a failure too."""
REASON_MAX: Final = 300


@attrs.frozen
class Part:
    """A stretch of the returns that belongs together, such as one event: how many periods, and its time in ns."""

    name: str
    periods: int
    begin_ns: int
    end_ns: int


@attrs.frozen
class Outcome:
    """One backtest.

    Attributes:
        returns: profit by period, divided by the capital; the same periods for all parameters.
        pnl: in 10⁻⁶ usd.
        digest: of every decision.
        trades: how many fills.
        parts: which periods belong to which event, in the order of `returns`; empty where there are no events.
    """

    returns: tuple[float, ...]
    pnl: int
    digest: str
    trades: int
    parts: tuple[Part, ...] = ()


@attrs.frozen
class Failed:
    """A backtest that came to no result, and why. It counts as a trial."""

    reason: str


Result: TypeAlias = Outcome | Failed
Evaluate: TypeAlias = Callable[[Params], Outcome]
"""Runs one backtest; travels to other processes, so it must pickle, and gives the same answer everywhere."""


@attrs.frozen
class Trial:
    """Parameters that were tried, and what came of them."""

    params: Params
    result: Result

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Return what tells this trial from others, in an order that no timing changes."""
        return key_of(self.params)

    def sharpe(self) -> float | None:
        """Return the Sharpe ratio a period; None for a failure, and for returns without variance."""
        return sharpe(self.result.returns) if isinstance(self.result, Outcome) else None


def key_of(params: Params) -> tuple[tuple[str, str], ...]:
    """Return parameters by name, values as text."""
    return tuple(sorted((name, text_of(value)) for name, value in params.items()))


def text_of(value: Value) -> str:
    """Return a value as a person writes it; equal numbers have equal texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def attempt(evaluate: Evaluate, params: Params) -> Result:
    """Run one backtest; what its code fails of becomes the reason."""
    try:
        return evaluate(params)
    except STUMBLES as e:
        text = str(e) if isinstance(e, AgbotError) else f"{type(e).__name__}: {e}"
        return Failed(text[:REASON_MAX])
