"""The one question before real money moves: whose, how much, up to where; answered by typing the wallet's beginning."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from agbot.errors import ConfigError

LETTERS = 6


def confirm_wallet(shown: Mapping[str, Any], given: str | None) -> None:
    """Ask for the wallet's first characters on a terminal, or compare `given` with the whole of it.

    Args:
        shown: has ``wallet``, ``cash_usd``, ``max_order_usd`` and ``max_day_usd``.
        given: what --confirm says; None asks.

    Raises:
        ConfigError: AGB-142, the answer is another one, or there is nobody to ask.
    """
    wallet = str(shown["wallet"])
    click.echo(f"REAL MONEY of the wallet {wallet}", err=True)
    click.echo(f"balance   {shown['cash_usd']} usd", err=True)
    click.echo(f"caps      {shown['max_order_usd']} usd an order, {shown['max_day_usd']} usd a day (UTC)", err=True)
    if given is not None:
        if given.lower() != wallet.lower():
            raise _unconfirmed(f"--confirm names another wallet than {wallet}")
        return
    if not on_a_terminal():
        raise _unconfirmed("there is no terminal to ask on", f"--confirm {wallet}")
    typed = click.prompt(f"type the first {LETTERS} characters of the wallet", default="", show_default=False, err=True)
    if typed.strip().lower() != wallet[:LETTERS].lower():
        raise _unconfirmed("that is not how the wallet begins")


def on_a_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty()


def _unconfirmed(reason: str, remedy: str = "start again; --confirm WALLET where there is no terminal") -> ConfigError:
    return ConfigError(f"not confirmed: {reason}", id="AGB-142", key="--confirm", remedy=remedy)
