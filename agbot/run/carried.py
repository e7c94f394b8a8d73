"""What a run takes over from the last one of its mode."""

from __future__ import annotations

from pathlib import Path

from agbot.log import get_logger
from agbot.run.venues import Account
from agbot.settings import Settings
from agbot.store.carry import Carry, carry_latest
from agbot.units import usd_text

log = get_logger(__name__)


def account_of(carry: Carry | None, settings: Settings) -> Account:
    """Return the account as the last run left it; without one the configured capital."""
    if carry is None:
        return Account(cash=settings.capital_usd)
    return Account(cash=carry.cash, positions=carry.positions, requests=carry.requests, left=carry.left)


def carried(runs: Path, mode: str, seed: int) -> Carry | None:
    """Return what the last run of this mode left, None when there was none; tells what it finds."""
    carry = carry_latest(runs, mode, seed)
    if carry is not None:
        if carry.set_aside:
            log.critical("run.carried_in_part", from_run=carry.from_run, set_aside=carry.set_aside)
        log.info(
            "run.carried",
            from_run=carry.from_run,
            cash_usd=usd_text(carry.cash),
            positions=len(carry.positions),
            note="--capital counts in a new --state-dir only",
        )
    return carry
