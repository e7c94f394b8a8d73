"""How much was traded in the current UTC day. Pure."""

from __future__ import annotations

from typing import Final

from agbot.units import NS_PER_S

NS_PER_DAY: Final = 86_400 * NS_PER_S


def utc_day(now_ns: int) -> int:
    """Return the UTC day, counted from 1970-01-01."""
    return now_ns // NS_PER_DAY


class Turnover:
    """A sum in 10⁻⁶ usd that starts anew at midnight UTC. A clock that is put back brings no day back."""

    def __init__(self) -> None:
        self._day = 0
        self._usd = 0

    def add(self, now_ns: int, usd: int) -> None:
        """Count `usd` in."""
        self._usd = self.so_far(now_ns) + usd
        self._day = max(self._day, utc_day(now_ns))

    def so_far(self, now_ns: int) -> int:
        """Return the day's sum so far."""
        return self._usd if utc_day(now_ns) <= self._day else 0
