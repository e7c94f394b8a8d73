"""agbot trades and agbot positions: what happened, and what a wallet holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, moment, short, show, venue_options
from agbot.cli.common import bot_options, control, named
from agbot.errors import ConfigError, NotRunningError

if TYPE_CHECKING:
    from agbot.model.order import Side
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.account import AccountPosition, AccountTrade
    from agbot.venue.polymarket.wire.rest import Trade


@click.command(name="trades")
@click.argument("market", required=False)
@click.option("--public", is_flag=True, help="Everybody's, also with credentials.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many, the newest first.")
@venue_options
def trades(market: str | None, public: bool, limit: int, config: Path | None, as_json: bool) -> None:
    """Show your own trades, in MARKET or anywhere; without credentials, everybody's in MARKET.

    Example: agbot trades will-it-rain
    """
    from agbot.cli.tables import table  # noqa: PLC0415

    rows = ask(config, lambda access: _trades(access, market, public, limit), required=None)
    show(as_json, rows, table([_trade_line(row) for row in rows], empty="no trades"))


async def _trades(access: Access, name: str | None, public: bool, limit: int) -> list[dict[str, Any]]:
    found = await access.market(name) if name else None
    if access.signed_in and not public:
        own = await access.clob.trades(market=found.id if found else "")
        rows = [row for trade in own for row in own_rows(trade, access)]
        return sorted(rows, key=lambda row: -row["ts_ns"])[:limit]
    if found is None:
        remedy = "agbot trades MARKET shows everybody's; own ones need keys: agbot doctor"
        raise ConfigError("own trades need credentials", id="AGB-454", remedy=remedy)
    return [_public_row(trade) for trade in await access.data.market_trades(found.id, limit=limit)]


def own_rows(trade: Trade, access: Access) -> Iterator[dict[str, Any]]:
    """Yield a row for each of our orders that `trade` hit: as its taker, or as makers among others'."""
    api, account = access.credentials.api, access.credentials.account
    assert api is not None
    assert account is not None
    mine = {account.maker.lower(), account.owner.lower()}
    base = {"ts_ns": trade.match_ns, "market": trade.market, "status": str(trade.status), "trade": trade.id}
    taker = trade.owner == api.key or trade.maker_address.lower() in mine
    if trade.trader_side == "TAKER" or (taker and not trade.trader_side):
        yield {**base, "role": "taker", **_what(trade.outcome, trade.side, trade.price, trade.size)}
    for maker in trade.maker_orders:
        if maker.owner == api.key or maker.maker_address.lower() in mine:
            yield {**base, "role": "maker", **_what(maker.outcome, maker.side, maker.price, maker.matched)}


def _what(outcome: str, side: Side | None, price: int, size: int) -> dict[str, str]:
    from agbot.units import notional, to_text, usd_text  # noqa: PLC0415

    money = usd_text(notional(price, size))
    return {"outcome": outcome, "side": str(side or ""), "price": to_text(price), "size": to_text(size), "usd": money}


def _public_row(trade: AccountTrade) -> dict[str, Any]:
    base = {"ts_ns": trade.ts_ns, "market": trade.slug or trade.condition, "trade": trade.transaction_hash}
    return {**base, **_what(trade.outcome, trade.side, trade.price, trade.size)}


def _trade_line(row: dict[str, Any]) -> dict[str, Any]:
    line = {"time": moment(row["ts_ns"]), **{k: v for k, v in row.items() if k != "ts_ns"}}
    return {
        **line,
        "market": short(row["market"]) if row["market"].startswith("0x") else row["market"],
        "trade": short(row["trade"]),
    }


@click.command(name="positions")
@click.option("--wallet", help="Whose, by address, at the venue.")
@click.option("--venue", is_flag=True, help="Ask the venue about your funder, also while a bot runs.")
@click.option("--all", "everything", is_flag=True, help="At the venue: also closed ones and dust under 0.01 shares.")
@bot_options
@venue_options
def positions(
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

    That is where the last run of --profile or --state-dir traded, or what --config names; else Polymarket.
    Of a bot's, value is at the best bid, and pnl is since this run began: shares that it took over count from their
    cost. What was made over several runs, agbot report tells.

    Example: agbot positions --wallet 0x…
    """
    from agbot.cli import whose  # noqa: PLC0415
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.run.place import venue_name  # noqa: PLC0415

    found: list[dict[str, Any]] | Settings
    found = whose.venue_of(profile, state_dir, config) if wallet or venue else _of_the_bot(profile, state_dir, config)
    if isinstance(found, list):
        rows, where = found, "the bot"
    else:
        held = ask(found, lambda access: _positions(access, wallet), required=None)
        rows = [_position(each) for each in held if everything or (each.size >= DUST and each.status != "CLOSED")]
        where = venue_name(found)
    show(as_json, rows, table(rows, empty=f"no positions ({where})"))


def _of_the_bot(profile: str | None, state_dir: Path | None, config: Path | None) -> list[dict[str, Any]] | Settings:
    try:
        return list(control(*named(profile, state_dir, config), {"op": "status"})["positions"])
    except NotRunningError as e:
        from agbot.cli.whose import instead_of  # noqa: PLC0415

        remedy = (
            "start one: agbot run; or, to see what a wallet holds at the venue, "
            "set your keys (agbot doctor) or name it: --wallet 0x…"
        )
        return instead_of(e, remedy, profile, state_dir, config)


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
    from agbot.units import to_text, usd_text  # noqa: PLC0415

    return {
        "market": held.slug or held.condition,
        "outcome": held.outcome,
        "size": to_text(held.size),
        "average": to_text(held.avg_price),
        "price": to_text(held.price),
        "value": usd_text(held.value),
        "pnl": usd_text(held.unrealized + held.realized),
        "status": _status(held),
    }


def _status(held: AccountPosition) -> str:
    extra = [name for name, is_so in (("redeemable", held.redeemable), ("mergeable", held.mergeable)) if is_so]
    return ", ".join([held.status.lower(), *extra]) if held.status else ", ".join(extra)
