"""All checks, in order."""

from __future__ import annotations

import importlib
from typing import Final

from agbot.exchange.conformance.check import REGISTER, Check

MODULES: Final = (
    "checks_books",
    "checks_prices",
    "checks_markets",
    "checks_auth",
    "checks_orders",
    "checks_refusals",
    "checks_signatures",
    "checks_matching",
    "checks_money",
    "checks_cancels",
    "checks_own",
    "checks_limits",
    "checks_market_socket",
    "checks_user_socket",
    "checks_streams",
    "checks_gamma",
    "checks_positions",
    "checks_heartbeats",
)
"""Where checks are defined, in the order they are asked."""


def all_checks() -> list[Check]:
    """Return every check."""
    for name in MODULES:
        importlib.import_module(f"agbot.exchange.conformance.{name}")
    return list(REGISTER.values())
