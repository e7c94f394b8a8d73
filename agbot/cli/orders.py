"""agbot buy, sell and cancel: through the running bot's gate, never past it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control


def _order(side: str) -> click.Command:
    @click.command(name=side.lower())
    @click.argument("market")
    @click.argument("outcome", type=click.Choice(["yes", "no"], case_sensitive=False))
    @click.argument("size")
    @click.argument("price")
    @bot_options
    @click.option("--tif", default="GTC", show_default=True, help="GTC, FOK, FAK or IOC.")
    @click.option("--market-order", is_flag=True, help="Take now: PRICE is the worst accepted" + _budget(side))
    @click.option("--post-only", is_flag=True, help="Refuse rather than take.")
    @click.option("--json", "as_json", is_flag=True)
    def command(
        *, profile: str | None, state_dir: Path | None, market_order: bool, as_json: bool, **order: Any
    ) -> None:
        request = {
            "op": "order",
            **order,
            "side": side,
            "type": "MARKET" if market_order else "LIMIT",
            "tif": "FAK" if market_order and order["tif"] == "GTC" else order["tif"],
        }
        _say(control(profile, state_dir, request, timeout_s=15.0), as_json)

    verb = side.lower()
    command.help = (
        f"{verb.capitalize()} SIZE shares of MARKET's OUTCOME at PRICE (0-1 usd), through the running bot's gate.\n\n"
        f"Example: agbot {verb} will-it-rain yes 10 0.45\n\n"
        "Exit 1 when risk or the venue says no, 3 when no bot runs."
    )
    return command


def _budget(side: str) -> str:
    return ", SIZE the usd to spend." if side == "BUY" else "."


buy = _order("BUY")
sell = _order("SELL")


@click.command(name="cancel")
@click.argument("order_id", required=False)
@bot_options
@click.option("--all", "everything", is_flag=True, help="Cancel every open order.")
@click.option("--json", "as_json", is_flag=True)
def cancel(order_id: str | None, profile: str | None, state_dir: Path | None, everything: bool, as_json: bool) -> None:
    """Cancel ORDER_ID, or every open order with --all."""
    if bool(order_id) == everything:
        raise click.UsageError("name one ORDER_ID, or give --all")
    _say(control(profile, state_dir, {"op": "cancel", "order_id": order_id or ""}, timeout_s=15.0), as_json)


def _say(answer: dict[str, Any], as_json: bool) -> None:
    answer.pop("ok", None)
    click.echo(json.dumps(answer) if as_json else ", ".join(f"{k} {v}" for k, v in answer.items()))
