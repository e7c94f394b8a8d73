"""How one row of a vector file is judged: a schema cuts the file into rows and knows a check for each kind."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from agbot.errors import AgbotError

NOT_UNDERSTOOD: Final = "not understood"

# What a row of an unexpected shape, or one with impossible values, makes a check raise.
_UNFIT: Final = (AgbotError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Status(enum.StrEnum):
    """What became of a row."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen
class Difference:
    """One value that is not what the row says; both as text for a person."""

    name: str
    expected: str
    got: str


Check = Callable[[Mapping[str, Any]], Iterable[Difference]]
"""Computes a row and yields what differs; raises what it does not understand."""


@attrs.frozen
class Row:
    """One vector: how it is called, which check it needs, and the JSON object itself."""

    id: str
    kind: str
    body: Any


@attrs.frozen
class Verdict:
    """A judged row; `reason` says why it was skipped."""

    row: Row
    status: Status
    differences: tuple[Difference, ...] = ()
    reason: str = ""


@attrs.frozen(kw_only=True)
class Schema:
    """A kind of vector file.

    Attributes:
        rows: cuts the parsed file into rows.
        checks: by the rows' kind; a kind that is absent here and in `skipped` fails as not understood.
        skipped: kinds that are not computed, with the reason.
    """

    name: str
    rows: Callable[[Mapping[str, Any]], Iterator[Row]]
    checks: Mapping[str, Check]
    skipped: Mapping[str, str] = attrs.field(factory=dict)

    def judge(self, row: Row) -> Verdict:
        """Return what became of `row`; whatever is wrong with it is a failure, never an exception."""
        if reason := self.skipped.get(row.kind):
            return Verdict(row, Status.SKIPPED, reason=reason)
        check = self.checks.get(row.kind)
        if check is None:
            return _failed(row, Difference("kind", row.kind, NOT_UNDERSTOOD))
        try:
            found = tuple(check(row.body))
        except KeyError as e:
            found = (Difference("shape", f"a field {e}", "absent"),)
        except _UNFIT as e:
            found = (Difference("shape", "one that is understood", f"{type(e).__name__}: {e}"),)
        return _failed(row, *found) if found else Verdict(row, Status.PASSED)


def entries(rows: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Yield place, fields and value of each entry of what should be a list of objects; anything else has no fields."""
    for index, row in enumerate(rows if isinstance(rows, list) else [rows]):
        yield f"{place}[{index}]", row if isinstance(row, dict) else {}, row


def differing(expected: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield each name of `got` whose value in `expected` is another; a name absent there is a KeyError."""
    for name, value in got.items():
        if expected[name] != value:
            yield Difference(name, str(expected[name]), str(value))


def _failed(row: Row, *differences: Difference) -> Verdict:
    return Verdict(row, Status.FAILED, differences)
