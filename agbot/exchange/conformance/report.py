"""What came of all checks: a table that can be pasted, JSON, and JUnit's XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import attrs

from agbot.exchange.conformance.check import Check
from agbot.exchange.conformance.verdict import Status
from agbot.located.value import shown


@attrs.frozen(kw_only=True)
class Row:
    """How one check ended: what was seen and what was expected (of a skip, `seen` is the reason)."""

    check: Check
    status: Status
    seen: str = ""
    expected: str = ""
    took_s: float = 0.0


@attrs.frozen(kw_only=True)
class Report:
    """All rows, in order."""

    target: str
    rows: Sequence[Row]

    @property
    def failed(self) -> list[Row]:
        """Return the rows that are neither passed nor skipped."""
        return [row for row in self.rows if row.status in {Status.FAIL, Status.ERROR}]

    def count(self, status: Status) -> int:
        """Return how many rows became `status`."""
        return Counter(row.status for row in self.rows)[status]

    @property
    def summary(self) -> str:
        """Return the last line."""
        passed, skipped = self.count(Status.PASS), self.count(Status.SKIP)
        return f"{passed} passed, {len(self.failed)} failed, {skipped} skipped of {len(self.rows)}"

    def text(self, *, only_failed: bool = False) -> str:
        """Return the table and the summary."""
        rows = self.failed if only_failed else self.rows
        lines = [line for row in rows for line in _lines(row)]
        return "\n".join([f"conformance of {self.target}", *(["", *lines, ""] if lines else []), self.summary])

    def json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "target": self.target,
            "passed": self.count(Status.PASS),
            "failed": len(self.failed),
            "skipped": self.count(Status.SKIP),
            "total": len(self.rows),
            "checks": [
                {
                    "id": row.check.id,
                    "title": row.check.title,
                    "status": str(row.status),
                    "seen": row.seen,
                    "expected": row.expected,
                    "source": row.check.source,
                    "took_s": round(row.took_s, 3),
                }
                for row in self.rows
            ],
        }

    def junit(self) -> str:
        """Return the report as JUnit's XML, for build servers."""
        skipped = self.count(Status.SKIP)
        head = (
            f'<testsuite name="conformance" tests="{len(self.rows)}" failures="{len(self.failed)}" skipped="{skipped}">'
        )
        return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *map(_case, self.rows), "</testsuite>", ""])


def listed(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Return what each check is, for programs."""
    return [
        {"id": check.id, "title": check.title, "needs": sorted(map(str, check.needs)), "source": check.source}
        for check in checks
    ]


def listing(checks: Sequence[Check]) -> str:
    """Return id, needs and title of each check."""
    width = max((len(check.id) for check in checks), default=0)
    needs = {check.id: ",".join(sorted(check.needs)) or "read" for check in checks}
    wide = max(map(len, needs.values()), default=0)
    return "\n".join(f"{check.id:<{width}}  {needs[check.id]:<{wide}}  {check.title}" for check in checks)


def _lines(row: Row) -> list[str]:
    lines = [f"{row.status:<5}  {row.check.id:<14}  {row.check.title}"]
    if row.status is Status.SKIP:
        lines.append(f"{'':<23}{shown(row.seen, 200)}")
    elif row.status is not Status.PASS:
        lines += [f"{'':<23}saw       {shown(row.seen, 300)}", f"{'':<23}expected  {shown(row.expected, 300)}"]
        lines.append(f"{'':<23}source    {row.check.source}")
    return lines


def _case(row: Row) -> str:
    name = quoteattr(f"{row.check.id} {row.check.title}")
    head = f'  <testcase classname={quoteattr(row.check.group)} name={name} time="{row.took_s:.3f}"'
    if row.status is Status.PASS:
        return f"{head}/>"
    if row.status is Status.SKIP:
        return f"{head}><skipped message={quoteattr(shown(row.seen, 300))}/></testcase>"
    text = quoteattr(shown(f"saw {row.seen}, expected {row.expected}", 600))
    return f"{head}><failure message={text}/></testcase>"
