"""agbot positions: what is held and what was made of it, in rows that add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agbot.cli.access import ask, show, venue_options
from agbot.cli.common import bot_options, control, named
from agbot.errors import ConfigError, NotRunningError

if TYPE_CHECKING:
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.account import AccountPosition

Row = dict[str, Any]

MADE: Final = ("unrealised", "realised", "fees", "pnl")
MONEY: Final = ("value", *MADE)
AT_THE_VENUE: Final = ("value", "unrealised", "realised", "pnl")
NO_SHARES: Final = {"outcome": "", "size": "", "average": "", "price": ""}
PAIRS: Final = (
    "pairs: YES and NO merge into 1.00 usd, and this is what that brings beyond selling both; "
    "agbot merge MARKET SIZE --dry-run shows the call"
)


@click.command(name="positions")
@click.option("--wallet", help="Whose, by address, at the venue.")
@click.option("--venue", is_flag=True, help="Ask the venue about your funder, also while a bot runs.")
@click.option("--all", "everything", is_flag=True, help="At the venue: also closed ones and dust under 0.01 shares.")
@bot_options
@venue_options
def command(
    *,
    wallet: str | None,
    venue: bool,
    everything: bool,
    profile: str | None,
    state_dir: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show what the running bot holds; when none runs, what your wallet holds at the venue.

    \b
    agbot positions
    agbot positions --wallet 0x…

    That is where the bot traded last, or what --config names; where none ever ran, Polymarket.

    A bot's total is the pnl of this run in agbot status, and value with its cash is the equity. value is what selling
    brings now, down the book; price is the best bid. Fees are in what was realised. Shares that the run took over count
    from their cost; what was made over several runs, agbot report tells.
    """
    from agbot.cli import whose  # noqa: PLC0415
    from agbot.run.place import venue_name  # noqa: PLC0415

    found: dict[str, Any] | Settings
    found = whose.venue_of(profile, state_dir, config) if wallet or venue else _of_the_bot(profile, state_dir, config)
    if isinstance(found, dict):
        show(as_json, found, _text(found))
        return
    held = ask(found, lambda access: _positions(access, wallet), required=None)
    rows = [_position(each) for each in held if everything or (each.size >= DUST and each.status != "CLOSED")]
    total = _total(rows, AT_THE_VENUE)
    text = _table(rows, total) if rows else f"no positions ({venue_name(found)})"
    show(as_json, {"positions": rows, "total": total}, text)


def _of_the_bot(profile: str | None, state_dir: Path | None, config: Path | None) -> dict[str, Any] | Settings:
    try:
        status = control(*named(profile, state_dir, config), {"op": "status"})
    except NotRunningError as e:
        from agbot.cli.whose import instead_of  # noqa: PLC0415

        remedy = (
            "start one: agbot run; or, to see what a wallet holds at the venue, "
            "set your keys (agbot doctor) or name it: --wallet 0x…"
        )
        return instead_of(e, remedy, profile, state_dir, config)
    told = {name: status[name] for name in ("positions", "pairs", "closed")}
    account = {name: status[f"{name}_usd"] for name in ("cash", "equity", "taken_over")}
    return {**told, "total": _total(_rows(told), MONEY), "account": account}


def _total(rows: Sequence[Row], columns: Sequence[str]) -> Row:
    """Return the sums of columns, exact."""
    from agbot.units import to_text, to_units  # noqa: PLC0415

    return {name: to_text(sum(to_units(row[name]) for row in rows)) for name in columns}


def _rows(told: Mapping[str, Any]) -> list[Row]:
    """Return every row that a bot's total is the sum of."""
    of_pairs = {"outcome": "pairs", "average": "", "price": "", "realised": "0", "fees": "0"}
    rows = [*told["positions"], *({**of_pairs, **row, "unrealised": row["pnl"]} for row in told["pairs"])]
    if any(float(told["closed"][name]) for name in MADE):
        rows.append({"market": "held no longer", **NO_SHARES, "value": "0", **told["closed"]})
    return rows


def _text(told: dict[str, Any]) -> str:
    """Return a bot's rows, their total, and how it is the account's."""
    from agbot.units import to_text, to_units  # noqa: PLC0415

    rows, account = _rows(told), told["account"]
    if not rows:
        return "no positions (the bot)"
    equity, cash, cost = (account[name] for name in ("equity", "cash", "taken_over"))
    value = to_text(to_units(equity) - to_units(cash))
    since = f"; shares that it took over count from their cost, {cost} usd" if float(cost) else ""
    lines = [
        _table(rows, told["total"] | {"value": value}),
        *([PAIRS] if told["pairs"] else []),
        f"cash {cash} usd and value are the equity, {equity} usd; pnl is this run's, fees paid{since}",
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Row], total: Row) -> str:
    """Return rows and their total in cents, every column and every line adding up as it is shown."""
    from agbot.cli.tables import fitted  # noqa: PLC0415
    from agbot.units import to_units, usd_text, whole_cents  # noqa: PLC0415

    sums = {name: to_units(usd_text(to_units(total[name]))) for name in total}
    sums["unrealised"] = sums["pnl"] - sums["realised"]
    shown = {name: whole_cents([to_units(row[name]) for row in rows], sums[name]) for name in total}
    shown["pnl"] = [sum(both) for both in zip(shown["unrealised"], shown["realised"], strict=True)]
    lines = [
        {**row, **{name: usd_text(column[place]) for name, column in shown.items()}} for place, row in enumerate(rows)
    ]
    ends = {name: usd_text(sums[name]) for name in total}
    return fitted([*lines, {**dict.fromkeys(rows[0], ""), "market": "total", **ends}], "market")


DUST = 10_000
"""Shares in 10⁻⁶ that no order can be made of."""


async def _positions(access: Access, wallet: str | None) -> Sequence[AccountPosition]:
    from agbot.venue.polymarket.keys import parse_address  # noqa: PLC0415

    account = access.credentials.account
    if wallet is None and account is None:
        raise ConfigError(
            "whose positions?", id="AGB-454", remedy="agbot positions --wallet 0x…, or set your keys: agbot doctor"
        )
    address = parse_address(wallet, key="--wallet") if wallet else account.funder if account else ""
    return await access.data.positions(address)


def _position(held: AccountPosition) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "market": held.slug or held.condition,
        "outcome": held.outcome,
        "size": to_text(held.size),
        "average": to_text(held.avg_price),
        "price": to_text(held.price),
        "value": to_text(held.value),
        "unrealised": to_text(held.unrealized),
        "realised": to_text(held.realized),
        "pnl": to_text(held.unrealized + held.realized),
        "status": _status(held),
    }


def _status(held: AccountPosition) -> str:
    extra = [name for name, is_so in (("redeemable", held.redeemable), ("mergeable", held.mergeable)) if is_so]
    return ", ".join([held.status.lower(), *extra]) if held.status else ", ".join(extra)
