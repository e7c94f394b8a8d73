"""agbot book: a market's order book as a ladder, the running bot's or Polymarket's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agbot.cli.access import ask, moment, show, venue_options
from agbot.cli.common import bot_options, control, named
from agbot.errors import ConfigError, NotFoundError, NotRunningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agbot.model.events import Level
    from agbot.model.market import Market, Outcome
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.rest import OpenOrder


class Seen(NamedTuple):
    """A book and who told it; what of ours rests, by (side, price), is part of its sizes with `in_book`."""

    market: str
    condition: str
    outcome: str
    token: str
    tick: int
    last_price: int | None
    ts_ns: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    own: Mapping[tuple[str, int], int]
    run_id: str = ""
    """Of the bot that told it, empty when Polymarket did."""
    venue: str = "Polymarket"
    """Who told it when no bot did."""
    in_book: bool = True
    doubt: str = ""
    """Why the bot does not trade on it."""


@click.command(name="book")
@click.argument("market")
@click.option("--no", "no_side", is_flag=True, help="The book of NO instead of YES.")
@click.option("--depth", type=click.IntRange(1, 200), default=10, show_default=True, help="Levels of each side.")
@click.option("--venue", is_flag=True, help="Ask the venue, also about a market that a running bot trades.")
@bot_options
@venue_options
def command(
    *,
    market: str,
    no_side: bool,
    depth: int,
    venue: bool,
    profile: str | None,
    state_dir: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show the order book of MARKET (slug, address, condition or token id), and your own orders in it.

    It is the running bot's when that trades the market, else the venue's; the first line says which.

    Example: agbot book will-it-rain --no --depth 5
    """
    from agbot.model.market import Outcome  # noqa: PLC0415

    outcome = Outcome.NO if no_side else Outcome.YES
    request = {"op": "ladder", "market": market, "outcome": str(outcome), "levels": depth}
    seen = None if venue else _of_a_bot(*named(profile, state_dir, config), request)
    if seen is None:
        from agbot.cli.whose import venue_of  # noqa: PLC0415
        from agbot.run.place import venue_name  # noqa: PLC0415

        place = venue_of(profile, state_dir, config)
        seen = ask(place, lambda access: _of_the_venue(access, market, outcome), required=None)
        seen = seen._replace(venue=venue_name(place))
    show(as_json, _document(seen, depth), _text(seen, depth))


# -- who tells it ------------------------------------------------------------------------------------------------------


def _of_a_bot(profile: str | None, state_dir: Path | None, request: Mapping[str, Any]) -> Seen | None:
    """Return the book of the running bot that trades the market, None when none does.

    Raises:
        ConfigError: AGB-508, several do and no option says which.
    """
    from agbot.control import running_profiles  # noqa: PLC0415

    names: Sequence[str | None] = [profile] if profile or state_dir else running_profiles() or [None]
    found = {name: told for name in names if (told := _asked(name, state_dir, request)) is not None}
    if len(found) > 1:
        several = f"several bots trade {request['market']!r}: {', '.join(map(str, found))}"
        raise ConfigError(several, id="AGB-508", remedy="say which one: --profile NAME")
    return next(map(_told, found.values()), None)


def _asked(profile: str | None, state_dir: Path | None, request: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return control(profile, state_dir, request)
    except NotRunningError:
        return None
    except NotFoundError as e:
        if e.id != "AGB-534":
            raise
        return None


def _told(told: Mapping[str, Any]) -> Seen:
    """Return what a bot answered; where only we rest is a level too."""
    from agbot.units import to_units  # noqa: PLC0415

    own: dict[tuple[str, int], int] = {}
    sizes: dict[str, dict[int, int]] = {
        side: {to_units(price): to_units(size) for price, size in told[f"{side}s"]} for side in ("bid", "ask")
    }
    for order in told["orders"]:
        side, price = order["side"], to_units(order["price"])
        own[side, price] = own.get((side, price), 0) + to_units(order["left"])
        sizes[side].setdefault(price, to_units(order["level"]))
    return Seen(
        market=told["market"],
        condition=told["market_id"],
        outcome=told["outcome"],
        token=told["token"],
        tick=to_units(told["tick"]),
        last_price=None,
        ts_ns=told["updated_ns"],
        bids=list(sizes["bid"].items()),
        asks=list(sizes["ask"].items()),
        own=own,
        run_id=told["run_id"],
        in_book=told["in_book"],
        doubt=told["doubts"][told["market_id"]],
    )


async def _of_the_venue(access: Access, name: str, outcome: Outcome) -> Seen:
    market = await access.market(name)
    book = await access.clob.book(market.token(outcome))
    orders = tuple(await access.clob.open_orders(market=market.id)) if access.signed_in else ()
    return Seen(
        market=market.name,
        condition=market.id,
        outcome=str(outcome),
        token=market.token(outcome),
        tick=book.tick or market.tick,
        last_price=book.last_price,
        ts_ns=book.ts_ns,
        bids=book.bids,
        asks=book.asks,
        own=own_sizes(market, outcome, orders),
    )


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


# -- how it is shown ---------------------------------------------------------------------------------------------------


def _text(seen: Seen, depth: int) -> str:
    from agbot.cli.tables import ladder  # noqa: PLC0415
    from agbot.units import to_text  # noqa: PLC0415

    last = "" if seen.last_price is None else f"last {to_text(seen.last_price)}"
    when = f"{moment(seen.ts_ns)} UTC" if seen.ts_ns else ""
    where = f"from the running bot ({seen.run_id})" if seen.run_id else f"from {seen.venue}"
    title = [f"{seen.market} {seen.outcome}", f"tick {to_text(seen.tick)}", last, when, where]
    lines = ["  ".join(filter(None, title))]
    if seen.doubt:
        lines.append(f"the bot does not believe this market's books: {seen.doubt}")
    if seen.own and not seen.in_book:
        lines.append("own orders are the bot's on paper: they are not part of the sizes")
    return "\n".join([*lines, "", ladder(seen.bids, seen.asks, depth=depth, own=seen.own)])


def _document(seen: Seen, depth: int) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "market": seen.market,
        "condition": seen.condition,
        "outcome": seen.outcome,
        "token": seen.token,
        "tick": to_text(seen.tick),
        "last_price": None if seen.last_price is None else to_text(seen.last_price),
        "ts_ns": seen.ts_ns,
        "source": "bot" if seen.run_id else "polymarket",
        "run_id": seen.run_id,
        "own_in_size": seen.in_book,
        "doubt": seen.doubt,
        "bids": _rows("bid", sorted(seen.bids, reverse=True)[:depth], seen.own),
        "asks": _rows("ask", sorted(seen.asks)[:depth], seen.own),
    }


def _rows(side: str, levels: Iterable[Level], own: Mapping[tuple[str, int], int]) -> list[dict[str, str]]:
    from agbot.units import to_text  # noqa: PLC0415

    return [
        {"price": to_text(price), "size": to_text(size), "own": to_text(own.get((side, price), 0))}
        for price, size in levels
    ]
