"""agbot trades: what happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, moment, short, show, venue_options
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.model.order import Side
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.account import AccountTrade
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
