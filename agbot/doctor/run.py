"""Runs checks side by side, each with its deadline, so that a dead network costs one deadline and not their sum."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

import attrs
import trio

from agbot.doctor.report import Check, Finding, Report, Row, Status, fail, skip
from agbot.errors import AgbotError, VenueAuthFailed, VenueForbidden, VenueUnavailable
from agbot.secrets import redact

W = TypeVar("W")

DEADLINE_S: Final = 8.0
KEY: Final = "key"
"""The root of every failure that a refused API key explains."""


async def run_all(world: W, checks: Sequence[Check[W]], hosts: object, deadline_s: float = DEADLINE_S) -> Report:
    """Ask every check about `world` and return what they found, in their order.

    Args:
        hosts: has an address for each `Check.host`.
    """
    found: dict[str, Finding] = {}

    async def ask(check: Check[W]) -> None:
        found[check.id] = await _finding(world, check, _address(hosts, check), deadline_s)

    async with trio.open_nursery() as nursery:
        for check in checks:
            nursery.start_soon(ask, check)
    heard = {
        silent(_address(hosts, check))
        for check in checks
        if check.host and not found[check.id].root and found[check.id].status is not Status.SKIP
    }
    rows = [Row(check.id, check.title, found[check.id]) for check in checks]
    return Report(_told_once(rows, heard))


def _address(hosts: object, check: Check[W]) -> str:
    return str(getattr(hosts, check.host, ""))


async def _finding(world: W, check: Check[W], host: str, deadline_s: float) -> Finding:
    with trio.move_on_after(deadline_s):
        try:
            return await check.run(world)
        except AgbotError as e:
            return refused(e, host)
    if not host:
        return fail("took too long", REACH)
    return _unheard(f"cannot reach {host}: no answer within {deadline_s:g} s", host)


def refused(error: AgbotError, host: str) -> Finding:
    """Return the finding that an error is, which a question to `host` ended with."""
    if isinstance(error, VenueUnavailable):
        return _unheard(redact(f"cannot reach {host or error.venue}: {error.reason}"), host)
    page = f"docs/errors.md, {error.id}"
    # The venue's own refusals say "agbot doctor", which is what is being read.
    remedy = page if isinstance(error, VenueAuthFailed) else redact(error.remedy) or page
    found = fail(redact(f"[{error.id}] {error.where()}{error.reason}"), remedy)
    is_key = isinstance(error, VenueAuthFailed) and not isinstance(error, VenueForbidden)
    return attrs.evolve(found, root=KEY if is_key else "")


def _unheard(cause: str, host: str) -> Finding:
    return attrs.evolve(fail(cause, HERE if _is_here(host) else REACH), root=silent(host))


def silent(address: str) -> str:
    """Return the root of a failure to reach `address`: sockets and pages of one machine's port fail together."""
    return f"silent {urlsplit(address).netloc}"


def _is_here(address: str) -> bool:
    name = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _told_once(rows: Sequence[Row], heard: set[str]) -> list[Row]:
    """Let the first failure of each root tell it, and those that follow name that one.

    An address that has answered somebody is not silent: there each check keeps what it found.
    """
    first: dict[str, str] = {}
    remedies: dict[str, str] = {}
    told = []
    for row in rows:
        finding = row.finding
        if finding.root and finding.root not in heard:
            if finding.root in first:
                finding = skip(f"not checked: {first[finding.root]} failed")
            elif finding.status is Status.FAIL:
                first[finding.root] = row.id
                finding = _pointed(finding, row.id, remedies)
        told.append(attrs.evolve(row, finding=finding))
    return told


def _pointed(finding: Finding, check_id: str, remedies: dict[str, str]) -> Finding:
    """Return the finding without a remedy that stands above already."""
    at = remedies.setdefault(finding.remedy, check_id)
    return finding if at == check_id else attrs.evolve(finding, remedy=f"as for {at}")


REACH: Final = "look at the network, the proxy and DNS of this machine; local checks alone: agbot doctor --offline"
HERE: Final = "start the exchange that the configuration names (agbot exchange, with its --port), or name another"
