"""How a check ends, and how it says so: what it saw and what it expected, in short texts."""

from __future__ import annotations

import enum
import re
from typing import Any, Final

SHOWN_MAX: Final = 160


class Need(enum.StrEnum):
    """What a check asks of the target beyond the CLOB's public reads."""

    READ = "read"
    TRADE = "trade"
    """Two funded test keys; orders are sent. Never at the real venue."""
    SOCKETS = "sockets"
    GAMMA = "gamma"
    DATA = "data"
    RTDS = "rtds"
    REALTIME = "realtime"


class Status(enum.StrEnum):
    """How a check ended. FAIL: the target does otherwise; ERROR: it could not be asked."""

    PASS = "pass"  # noqa: S105 - a word
    FAIL = "fail"
    SKIP = "skip"
    ERROR = "error"


class Failed(Exception):  # noqa: N818 - a verdict, not an error of ours
    """The target does not do what the check says; `seen` and `expected` are short texts."""

    def __init__(self, seen: str, expected: str) -> None:
        super().__init__(f"saw {seen}, expected {expected}")
        self.seen = seen
        self.expected = expected


class Skipped(Exception):  # noqa: N818 - a verdict
    """The check cannot be asked of this target, with the reason."""


# ---------------------------------------------------------------- what checks say


def brief(value: object) -> str:
    """Return a value as short text."""
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def failed(seen: object, expected: str) -> Failed:
    """Return the verdict, to be raised."""
    return Failed(brief(seen), expected)


def require(holds: object, seen: object, expected: str) -> None:
    """Raise Failed unless `holds` is true."""
    if not holds:
        raise failed(seen, expected)


def same(seen: object, expected: object, what: str = "") -> None:
    """Raise Failed unless both are equal."""
    require(seen == expected, f"{what} {brief(seen)}".strip(), brief(expected))


def has(told: Any, *keys: str) -> None:
    """Raise Failed unless `told` is a JSON object with these keys."""
    require(isinstance(told, dict), told, "a JSON object")
    missing = [key for key in keys if key not in told]
    require(not missing, f"no {', '.join(missing)}", f"the fields {', '.join(keys)}")


def text_fields(told: Any, *keys: str) -> None:
    """Raise Failed unless these keys are there and their values are JSON strings."""
    has(told, *keys)
    wrong = {key: told[key] for key in keys if not isinstance(told[key], str)}
    require(not wrong, wrong, "JSON strings")


def matches(pattern: str, seen: object, what: str) -> None:
    """Raise Failed unless `seen` is a string that fits the whole pattern."""
    require(isinstance(seen, str) and re.fullmatch(pattern, seen), seen, what)


def number(value: object) -> bool:
    """Return whether a JSON value is a number (no bool)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(value: object) -> bool:
    """Return whether a JSON value is a whole number (no bool)."""
    return isinstance(value, int) and not isinstance(value, bool)
