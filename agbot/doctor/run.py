"""Runs checks side by side, each with its deadline, so that a dead network costs one deadline and not their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import trio

from agbot.doctor.report import Check, Finding, Report, Row, fail
from agbot.errors import AgbotError, VenueUnavailable
from agbot.secrets import redact

W = TypeVar("W")

DEADLINE_S: Final = 8.0


async def run_all(world: W, checks: Sequence[Check[W]], hosts: object, deadline_s: float = DEADLINE_S) -> Report:
    """Ask every check about `world` and return what they found, in their order.

    Args:
        hosts: has an address for each `Check.host`.
    """
    found: dict[str, Finding] = {}

    async def ask(check: Check[W]) -> None:
        found[check.id] = await _finding(world, check, str(getattr(hosts, check.host, "")), deadline_s)

    async with trio.open_nursery() as nursery:
        for check in checks:
            nursery.start_soon(ask, check)
    return Report([Row(check.id, check.title, found[check.id]) for check in checks])


async def _finding(world: W, check: Check[W], host: str, deadline_s: float) -> Finding:
    with trio.move_on_after(deadline_s):
        try:
            return await check.run(world)
        except VenueUnavailable as e:
            return fail(redact(f"cannot reach {host or e.venue}: {e.reason}"), REACH)
        except AgbotError as e:
            return fail(redact(f"[{e.id}] {e.where()}{e.reason}"), redact(e.remedy) or f"docs/errors.md, {e.id}")
    return fail(f"cannot reach {host}: no answer within {deadline_s:g} s" if host else "took too long", REACH)


REACH: Final = "look at the network, the proxy and DNS of this machine; local checks alone: agbot doctor --offline"
