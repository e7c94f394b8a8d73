"""What makes the kill switch trip by itself, and how a person writes it. Pure; see `agbot.core.triggers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from agbot.located import Fields, Located
from agbot.units import NS_PER_S, SCALE

COUNT_MAX: Final = 9_999
"""Of errors and losses."""
DAY_S: Final = 86_400


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What each figure may reach, None where it is not watched. Fractions in 10⁻⁶, times in ns.

    Args:
        daily_loss: of the equity the UTC day began with.
        drawdown: of the highest equity.
        losses: markets left with a loss, one after the other.
        errors: refusals and silences of the venue within `window_ns`.
        distrust_ns: how long all books may be doubted.
        heartbeat_ns: how long the venue may hear no heartbeat, and the core no timer.
    """

    daily_loss: int | None = None
    drawdown: int | None = None
    losses: int | None = None
    errors: int | None = None
    window_ns: int = 60 * NS_PER_S
    distrust_ns: int | None = None
    heartbeat_ns: int | None = None


OFF: Final = Limits()
DEFAULT: Final = Limits(
    daily_loss=SCALE * 5 // 100,
    drawdown=SCALE * 15 // 100,
    losses=20,
    errors=100,
    distrust_ns=60 * NS_PER_S,
    heartbeat_ns=30 * NS_PER_S,
)


def read_limits(fields: Fields) -> Limits:
    """Return the limits in the section `killswitch`; ``off`` in place of one is none. Faults go to `fields.faults`."""
    return Limits(
        daily_loss=fields.read("daily_loss_pct", _or_off(_fraction), DEFAULT.daily_loss),
        drawdown=fields.read("drawdown_pct", _or_off(_fraction), DEFAULT.drawdown),
        losses=fields.read("consecutive_losses", _or_off(_count), DEFAULT.losses),
        errors=fields.read("errors", _or_off(_count), DEFAULT.errors),
        window_ns=fields.read("errors_window_sec", _seconds, DEFAULT.window_ns),
        distrust_ns=fields.read("feed_distrust_sec", _or_off(_seconds), DEFAULT.distrust_ns),
        heartbeat_ns=fields.read("heartbeat_sec", _or_off(_seconds), DEFAULT.heartbeat_ns),
    )


def _or_off(reader: Callable[[Located], int]) -> Callable[[Located], int | None]:
    return lambda node: None if node.kind == "text" and node.text == "off" else reader(node)


def _count(node: Located) -> int:
    return node.as_int(0, COUNT_MAX)


def _fraction(node: Located) -> int:
    """Return a percentage as a fraction in 10⁻⁶."""
    percent = node.as_units(0, 100 * SCALE)
    if percent % 100:
        raise node.fault(f"{node} has more than four decimals", id="AGB-107", remedy="round it yourself")
    return percent // 100


def _seconds(node: Located) -> int:
    return node.as_int(1, DAY_S) * NS_PER_S
