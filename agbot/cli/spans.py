"""Times and labels as a person types them after an option; each is a type of `click.option`."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

_SPAN: Final = re.compile(r"(\d{1,6})(ms|s|m|h|d|w)", re.ASCII)
_UNITS_NS: Final = {
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}

F = TypeVar("F", bound=Callable[..., Any])


def span(text: str) -> int:
    """Return a span of time such as 90s, 15m, 24h, 7d as nanoseconds; a usage error for anything else."""
    found = _SPAN.fullmatch(text)
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{text!r} is no span of time: write 90s, 15m, 24h or 7d")
    return int(found[1]) * _UNITS_NS[found[2]]


def time(text: str) -> int:
    """Return a time as UTC nanoseconds: a span before now, or a date such as 2026-11-01 or 2026-11-01T12:30 (UTC)."""
    from datetime import UTC, datetime  # noqa: PLC0415

    if _SPAN.fullmatch(text):
        return max(0, clock.time_ns() - span(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        why = f"{text!r} is no time: write 24h (before now), or 2026-11-01T12:30 (UTC)"
        raise click.BadParameter(why) from None
    seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return max(0, round(seconds * 1000) * 10**6)


def label(text: str) -> tuple[str, str]:
    """Return a label such as side=YES as (name, value); a usage error for anything else."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter(f"{text!r} is no label: write side=YES")
    return name, value


def between(function: F) -> F:
    """Add --since and --until, which come as `since` and `until` in UTC nanoseconds, `until` None where not given."""
    until, since = "Up to here, likewise.  [default: now]", "From then on: 90s, 15m, 24h, 7d, or a UTC time."
    function = click.option("--until", type=time, help=until)(function)
    return click.option("--since", type=time, default="24h", show_default=True, help=since)(function)
