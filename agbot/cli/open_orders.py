"""agbot orders: what rests, in the running bot or at the venue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, moment, short, show, venue_options
from agbot.cli.common import bot_options, control, named
from agbot.errors import ConfigError, NotFoundError, NotRunningError

if TYPE_CHECKING:
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.rest import OpenOrder


@click.command(name="orders")
@click.argument("market", required=False)
@click.option("--venue", is_flag=True, help="Ask the venue, also while a bot runs.")
@click.option("--wide", is_flag=True, help="All columns, among them why each was placed, and ids whole.")
@bot_options
@venue_options
def command(
    *,
    market: str | None,
    venue: bool,
    wide: bool,
    profile: str | None,
    state_dir: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show open orders: the running bot's; when none runs, yours at the venue.

    That is where the bot traded last, or what --config names; where none ever ran, Polymarket.
    What each is for and what became of it: agbot explain ORDER, or --wide.

    Example: agbot orders --venue will-it-rain
    """
    from agbot.cli import whose  # noqa: PLC0415
    from agbot.cli.tables import fitted, table  # noqa: PLC0415

    found: list[dict[str, Any]] | Settings
    found = whose.venue_of(profile, state_dir, config) if venue else _of_the_bot(market, profile, state_dir, config)
    rows, where = (found, "the bot") if isinstance(found, list) else _at_the_venue(market, found, venue)
    empty = f"no open orders ({where})"
    show(as_json, rows, table(list(map(_whole, rows)), empty) if wide else fitted(_lines(rows), "market", empty))


def _of_the_bot(
    market: str | None, profile: str | None, state_dir: Path | None, config: Path | None
) -> list[dict[str, Any]] | Settings:
    """Return what the bot says rests, in `market` where given; when none runs and there are keys, whom else to ask.

    Raises:
        NotFoundError: AGB-414 the bot has no such market. NotRunningError: neither a bot nor a key.
        ConfigError: AGB-518, nothing says where that bot trades.
    """
    try:
        status = control(*named(profile, state_dir, config), {"op": "status"})
    except NotRunningError as e:
        from agbot.cli.whose import instead_of  # noqa: PLC0415

        remedy = "start one: agbot run; or, to see your own orders at the venue, set your keys: agbot doctor"
        return instead_of(e, remedy, profile, state_dir, config)
    found = [row for row in status["open_orders"] if market in (None, row["market"], row["market_id"])]
    if market and not found and market not in status["markets"]:
        reason = f"the bot has no orders in a market called {market!r}"
        raise NotFoundError(reason, id="AGB-414", remedy=f"it trades {', '.join(status['markets'])}; others: --venue")
    return found


def _at_the_venue(market: str | None, settings: Settings, venue: bool) -> tuple[list[dict[str, Any]], str]:
    """Return what rests there, and the venue's name."""
    from agbot.run.place import venue_name  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL  # noqa: PLC0415

    async def work(access: Access) -> list[dict[str, Any]]:
        condition = (await access.market(market)).id if market else ""
        return [_row(order) for order in await access.clob.open_orders(market=condition)]

    try:
        return ask(settings, work, required=ALL), venue_name(settings)
    except ConfigError as e:
        if e.id == "AGB-135":
            why = "" if venue else "no bot runs, and "
            e.reason = f"{why}your orders at {venue_name(settings)} need credentials, which are {e.reason}"
        raise


def _row(order: OpenOrder) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "order_id": order.id,
        "market": order.market,
        "outcome": order.outcome,
        "side": str(order.side),
        "price": to_text(order.price),
        "size": to_text(order.original_size),
        "filled": to_text(order.size_matched),
        "type": order.order_type,
        "status": order.status,
        "created": moment(order.created_ns),
    }


TOLD_OTHERWISE = ("market_id", "reason")
"""Of a bot's order: the market has its name, and what rests was not refused. JSON has them."""
WIDE_ONLY = ("correlation_id", "why")
"""What makes a line longer than a terminal; of a chain's first order the correlation id is its own."""


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name not in TOLD_OTHERWISE}
    return {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in told.items()}


def _lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what fits a terminal; contradictions only where there are some."""
    left_out = WIDE_ONLY if any(row.get("contradictions") for row in rows) else (*WIDE_ONLY, "contradictions")
    return [
        {name: short(value) if str(value).startswith("0x") else value for name, value in line.items()}
        for line in ({k: v for k, v in _whole(row).items() if k not in left_out} for row in rows)
    ]
