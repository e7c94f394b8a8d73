"""How long orders take: from what they were decided on to the wire, and from the wire to the venue's word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text

from agbot.tui.series import Observed
from agbot.tui.state import Dashboard
from agbot.tui.widgets.panel import Panel, bar
from agbot.tui.widgets.sheet import Column, Row, Sheet

PERCENTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
CALLS = "exec.api_response_ms"


class SpreadPanel(Panel):
    """A histogram in doublings, with percentiles above and the whole run's figures below."""

    def __init__(self, title: str, metric: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(title, id=id)
        self._metric = metric

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return the percentiles, a bar a doubling, and the run's figures."""
        spread = dashboard.spreads[self._metric]
        seen = together(list(dashboard.observed(self._metric).values()))
        if not spread.count and seen is None:
            return [Text("no order has been sent yet", style=self.ink("dim"))]
        lines = [self._percentiles(dashboard)] if spread.count else []
        rows = spread.doublings()
        room = max(1, self.size.height - 2)
        rows = rows if len(rows) <= room else rows[-room:]
        most = max((many for _, _, many in rows), default=1)
        cells = max(6, self.size.width - 24)
        for low, high, many in rows:
            lines.append(
                Text.assemble(
                    (f"{ms(low):>6}–{ms(high):<6} ", self.ink("dim")),
                    (bar(many / most, cells), self.ink("good")),
                    f" {many:>6,}",
                )
            )
        if seen:
            said = f"run: {seen.many:,}, mean {ms(seen.mean)}, max {ms(seen.most)} ms"
            lines.append(Text(said, style=self.ink("dim")))
        return lines

    def _percentiles(self, dashboard: Dashboard) -> Text:
        spread = dashboard.spreads[self._metric]
        parts = [Text.assemble((f"{name} ", self.ink("dim")), (f"≤{ms(spread.at_most(part) or 0)}", "bold"))
                 for part, name in PERCENTILES]  # fmt: skip
        return Text(" ").join([*parts, Text("ms", style=self.ink("dim"))])


class CallsSheet(Sheet):
    """What the venue's answers took, by operation, since the run began."""

    EMPTY = "no request has been made"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("operation", 10, weight=1),
        Column("venue", 10, priority=1),
        Column("count", 8, right=True),
        Column("mean ms", 8, right=True),
        Column("min", 8, right=True),
        Column("max", 8, right=True),
        Column("last", 8, right=True),
        Column("errors", 6, right=True),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row an operation."""
        errors: dict[tuple[str, str], float] = {}
        for labels, count in dashboard.gauges("exec.api_errors").items():
            name = dict(labels)
            key = name.get("venue", ""), name.get("operation", "")
            errors[key] = errors.get(key, 0.0) + count
        rows = []
        for labels, told in sorted(dashboard.observed(CALLS).items()):
            name = dict(labels)
            key = name.get("venue", ""), name.get("operation", "")
            failed = errors.get(key, 0.0)
            figures = [(ms(value), "") for value in (told.mean, told.least, told.most, told.last)]
            cells = (
                (key[1], ""),
                (key[0], "dim"),
                (f"{told.many:,}", ""),
                *figures,
                (f"{failed:,.0f}", "warn" if failed else "dim"),
            )
            rows.append(Row(" ".join(key), cells))
        return rows


def together(found: Sequence[Observed]) -> Observed | None:
    """Return all label sets as one, None without any."""
    if not found:
        return None
    seen = found[0]
    for each in found[1:]:
        seen = each.beside(seen)
    return seen


def ms(value: float) -> str:
    """Return milliseconds with three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
