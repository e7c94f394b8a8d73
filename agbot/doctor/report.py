"""What a check finds, and what all of them found together."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import attrs

W_contra = TypeVar("W_contra", contravariant=True)


class Status(enum.StrEnum):
    """How a check ended. Only FAIL keeps a report from being green."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@attrs.frozen(kw_only=True)
class Finding:
    """One check's answer.

    Args:
        cause: what was found, in one sentence; never a secret.
        remedy: what to type or change, empty when there is nothing to do.
        details: further lines, such as one for each spender.
        root: what it failed of, where others may fail of the same (an address that is silent, a key that is refused);
            of those the first alone tells it.
    """

    status: Status
    cause: str
    remedy: str = ""
    details: tuple[str, ...] = ()
    root: str = ""


def ok(cause: str, *details: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(status=Status.OK, cause=cause, details=details)


def warn(cause: str, remedy: str, *details: str) -> Finding:
    """Return a finding that does not keep anybody from trading, but should be known."""
    return Finding(status=Status.WARN, cause=cause, remedy=remedy, details=details)


def fail(cause: str, remedy: str, *details: str) -> Finding:
    """Return a finding that forbids live trading."""
    return Finding(status=Status.FAIL, cause=cause, remedy=remedy, details=details)


def worst(findings: Sequence[Finding]) -> Finding:
    """Return the gravest, of several the first."""
    return max(findings, key=lambda finding: _GRAVITY[finding.status])


_GRAVITY: Final = {Status.OK: 0, Status.SKIP: 1, Status.WARN: 2, Status.FAIL: 3}


def skip(cause: str, remedy: str = "", *details: str) -> Finding:
    """Return the finding of a check that could not be asked, with the reason."""
    return Finding(status=Status.SKIP, cause=cause, remedy=remedy, details=details)


@attrs.frozen
class Check(Generic[W_contra]):
    """A question about the world `W_contra`; `docs/doctor.md` has a section for each id.

    Args:
        id: ``D01`` and so on.
        title: a few words.
        run: finds the answer; what it raises of agbot's errors becomes a failure.
        host: which field of `Hosts` it asks, empty for a check that needs no network.
    """

    id: str
    title: str
    run: Callable[[W_contra], Awaitable[Finding]]
    host: str = ""


@attrs.frozen
class Row:
    """One line of a report."""

    id: str
    title: str
    finding: Finding


@attrs.frozen
class Report:
    """Everything that was found, in the order of the checks."""

    rows: Sequence[Row]

    @property
    def green(self) -> bool:
        """Return whether live trading may start: no check failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Row, ...]:
        """Return the rows that forbid it."""
        return tuple(row for row in self.rows if row.finding.status is Status.FAIL)

    def json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "green": self.green,
            "checks": [{"id": row.id, "title": row.title, **_told(row.finding)} for row in self.rows],
        }


def _told(finding: Finding) -> dict[str, Any]:
    return attrs.asdict(finding, filter=attrs.filters.exclude("root"))
