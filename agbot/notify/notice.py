"""What is told: a notice is one thing that happened, a message is what one person reads at once."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import attrs

LINES_MAX: Final = 10
"""Notices that a message spells out; the rest are counted."""
LINE_MAX: Final = 300


class Severity(enum.IntEnum):
    """How much it matters. CRITICAL passes quiet hours."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """Return how a person writes it."""
        return self.name.lower()


SEVERITIES: Final = {severity.word: severity for severity in Severity}


@attrs.frozen(kw_only=True)
class Notice:
    """One thing that happened.

    Args:
        kind: a word of docs/notifications.md, such as "fill".
        key: notices of one key are duplicates of each other.
        at_ns: when it happened, UTC.
        count: how often it did.
    """

    severity: Severity
    kind: str
    key: str
    text: str
    at_ns: int
    count: int = 1

    @property
    def line(self) -> str:
        """Return it as one line, cut where it is too long."""
        text = " ".join(self.text.split())
        text = text if len(text) <= LINE_MAX else text[: LINE_MAX - 1] + "…"
        return text if self.count == 1 else f"{text} (×{self.count})"


@attrs.frozen(kw_only=True)
class Message:
    """What is sent at once: notices, the worst first, and what was lost before. `title` says why they come together."""

    notices: Sequence[Notice]
    title: str = ""
    dropped: int = 0

    @property
    def severity(self) -> Severity:
        """Return the worst of what it tells."""
        return max((notice.severity for notice in self.notices), default=Severity.INFO)

    @property
    def count(self) -> int:
        """Return how many things it tells."""
        return sum(notice.count for notice in self.notices)

    @property
    def lines(self) -> list[str]:
        """Return it line by line: the title, at most `LINES_MAX` notices, and how many more there are."""
        shown = sorted(self.notices, key=lambda notice: (-notice.severity, notice.at_ns))[:LINES_MAX]
        more = self.count - sum(notice.count for notice in shown)
        lines = [self.title] if self.title else []
        lines += [f"{notice.severity.word.upper()}: {notice.line}" for notice in shown]
        if more:
            lines.append(f"… and {more} more")
        if self.dropped:
            lines.append(f"{self.dropped} older ones were dropped: too many waited")
        return lines
