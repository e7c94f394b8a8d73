"""How many connections a process may hold: the system's bound on open files, raised as far as it lets us."""

from __future__ import annotations

import resource
from typing import Final

CONNECTIONS_WANTED: Final = 10_000
SPARE: Final = 500
"""Descriptors for all that is no connection: files, listeners, those that are being refused."""


def connections_max(wanted: int = CONNECTIONS_WANTED) -> int:
    """Raise the soft bound on open files as far as `wanted` connections need; return how many there may be.

    That is `wanted`, or `SPARE` less than the bound when the hard one is too low, and at least 1.
    """
    return max(1, min(wanted, raise_open_files(wanted + SPARE) - SPARE))


def raise_open_files(wanted: int) -> int:
    """Raise the soft bound on open files to `wanted`, or as near as the hard one lets us; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft >= reachable:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    except (ValueError, OSError):  # macOS has another bound beside the hard one
        return soft
    return reachable
