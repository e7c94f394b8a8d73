"""agbot book: a market's order book as a ladder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, moment, show, venue_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agbot.model.events import Level
    from agbot.model.market import Market, Outcome
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.public import RestBook
    from agbot.venue.polymarket.wire.rest import OpenOrder


@click.command(name="book")
@click.argument("market")
@click.option("--no", "no_side", is_flag=True, help="The book of NO instead of YES.")
@click.option("--depth", type=click.IntRange(1, 200), default=10, show_default=True, help="Levels of each side.")
@venue_options
def command(market: str, no_side: bool, depth: int, config: Path | None, as_json: bool) -> None:
    """Show the order book of MARKET (slug, address, condition or token id), and your own orders in it.

    Example: agbot book will-it-rain --no --depth 5
    """
    from agbot.cli.tables import ladder  # noqa: PLC0415
    from agbot.model.market import Outcome  # noqa: PLC0415
    from agbot.units import to_text  # noqa: PLC0415

    outcome = Outcome.NO if no_side else Outcome.YES
    found, book, orders = ask(config, lambda access: _look(access, market, outcome), required=None)
    own = own_sizes(found, outcome, orders)
    title = (
        f"{found.name} {outcome}  tick {to_text(book.tick or found.tick)}  last {to_text(book.last_price)}  "
        f"{moment(book.ts_ns)} UTC"
    )
    text = f"{title}\n\n{ladder(book.bids, book.asks, depth=depth, own=own)}"
    show(as_json, _document(found, outcome, book, depth, own), text)


async def _look(access: Access, name: str, outcome: Outcome) -> tuple[Market, RestBook, tuple[OpenOrder, ...]]:
    market = await access.market(name)
    book = await access.clob.book(market.token(outcome))
    orders = tuple(await access.clob.open_orders(market=market.id)) if access.signed_in else ()
    return market, book, orders


def own_sizes(market: Market, outcome: Outcome, orders: Iterable[OpenOrder]) -> dict[tuple[str, int], int]:
    """Return what of ours rests at each (side, price) of an outcome's book; a BUY of NO is an ask of YES."""
    from agbot.model.order import Side  # noqa: PLC0415
    from agbot.units import complement  # noqa: PLC0415

    own: dict[tuple[str, int], int] = {}
    for order in orders:
        same = order.token == market.token(outcome)
        side = "bid" if (order.side is Side.BUY) == same else "ask"
        level = side, order.price if same else complement(order.price)
        own[level] = own.get(level, 0) + order.original_size - order.size_matched
    return own


def _document(
    market: Market, outcome: Outcome, book: RestBook, depth: int, own: Mapping[tuple[str, int], int]
) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "market": market.name,
        "condition": market.id,
        "outcome": str(outcome),
        "token": market.token(outcome),
        "tick": to_text(book.tick or market.tick),
        "last_price": to_text(book.last_price),
        "ts_ns": book.ts_ns,
        "bids": _rows("bid", sorted(book.bids, reverse=True)[:depth], own),
        "asks": _rows("ask", sorted(book.asks)[:depth], own),
    }


def _rows(side: str, levels: Iterable[Level], own: Mapping[tuple[str, int], int]) -> list[dict[str, str]]:
    from agbot.units import to_text  # noqa: PLC0415

    return [
        {"price": to_text(price), "size": to_text(size), "own": to_text(own.get((side, price), 0))}
        for price, size in levels
    ]
