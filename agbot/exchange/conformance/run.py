"""Asks every check in order. A check that fails, hangs or meets an answer of another shape stops nothing."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import httpx
import trio

from agbot.errors import AgbotError
from agbot.exchange.conformance.check import Check
from agbot.exchange.conformance.report import Report, Row
from agbot.exchange.conformance.verdict import Failed, Need, Skipped, Status, brief
from agbot.exchange.conformance.world import World

_SHAPE: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What reading an answer of an unexpected shape raises."""


def chosen(checks: Iterable[Check], patterns: Sequence[str]) -> list[Check]:
    """Return the checks whose id fits a pattern (``CLOB-*``; a bare prefix will do), all without patterns."""
    return [check for check in checks if not patterns or any(_fits(check.id, pattern) for pattern in patterns)]


def _fits(name: str, pattern: str) -> bool:
    pattern = pattern.upper()
    return fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern.rstrip("-") + "-")


async def run_checks(
    world: World, checks: Sequence[Check], tell: Callable[[int, Row], None] = lambda _done, _row: None
) -> Report:
    """Run checks one after another; `tell` hears how many are done, and each row."""
    rows: list[Row] = []
    for check in checks:
        started = trio.current_time()
        status, seen, expected = await _verdict(world, check)
        rows.append(Row(check=check, status=status, seen=seen, expected=expected, took_s=trio.current_time() - started))
        tell(len(rows), rows[-1])
    return Report(target=world.target.hosts.clob, rows=tuple(rows))


async def _verdict(world: World, check: Check) -> tuple[Status, str, str]:
    if reason := world.lacks(check.needs):
        return Status.SKIP, reason, ""
    verdict = Status.PASS, "", ""
    try:
        with trio.fail_after(check.deadline_s):
            if Need.TRADE in check.needs:
                await world.clear()
            await check.ask(world)
    except Failed as e:
        verdict = Status.FAIL, e.seen, e.expected
    except Skipped as e:
        verdict = Status.SKIP, str(e), ""
    except trio.TooSlowError:
        verdict = Status.FAIL, f"not done after {check.deadline_s:g} s", check.title
    except (httpx.TransportError, AgbotError) as e:
        verdict = Status.ERROR, brief(f"{type(e).__name__}: {e}"), check.title
    except _SHAPE as e:
        verdict = Status.FAIL, brief(f"an answer of another shape: {type(e).__name__} {e}"), check.title
    return verdict
