"""agbot markets: find a market, and see its terms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import ask, moment, show, venue_options
from agbot.cli.near import Group

if TYPE_CHECKING:
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.wire.gamma import GammaMarket
    from agbot.venue.polymarket.wire.public import ClobMarket

TEXT_MAX = 400
SEARCH_EVENTS = 50


@click.group(name="markets", cls=Group)
def command() -> None:
    """Find markets and see their terms.

    \b
    agbot markets search rain
    agbot markets show SLUG
    """


@command.command(name="search")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many to show.")
@click.option("--closed", is_flag=True, help="Also those that no longer trade.")
@venue_options
def search(words: tuple[str, ...], limit: int, closed: bool, config: Path | None, as_json: bool) -> None:
    """List markets that match WORDS, the busiest first.

    Example: agbot markets search rain london
    """
    from agbot.cli.tables import table  # noqa: PLC0415

    found = matching(" ".join(words), config, closed=closed)[:limit]
    rows = [_found(market) for market in found]
    show(as_json, rows, table(rows, empty=f"no market matches {' '.join(words)!r}"))


def matching(text: str, config: Path | None = None, *, closed: bool = False) -> list[GammaMarket]:
    """Return the markets that match, the busiest first."""

    async def work(access: Access) -> list[GammaMarket]:
        return [market for event in await access.gamma.search(text, limit=SEARCH_EVENTS) for market in event.markets]

    found = ask(config, work, required=None)
    return sorted((m for m in found if closed or not m.closed), key=lambda m: -m.volume_24h)


def _found(market: GammaMarket) -> dict[str, Any]:
    from agbot.units import to_text, usd_text  # noqa: PLC0415

    prices = dict(zip(market.outcomes, map(to_text, market.prices), strict=False))
    return {
        "slug": market.slug,
        "question": market.question,
        "price": next(iter(prices.values()), ""),
        "volume_24h": usd_text(market.volume_24h),
        "ends": moment(market.end_ns)[:10],
    }


@command.command(name="show")
@click.argument("market")
@venue_options
def show_one(market: str, config: Path | None, as_json: bool) -> None:
    """Show the terms of MARKET: a slug, a polymarket.com address, a condition id or a token id.

    Example: agbot markets show will-it-rain
    """
    from agbot.cli.tables import pairs  # noqa: PLC0415

    terms = ask(config, lambda access: _terms(access, market), required=None)
    show(as_json, terms, pairs({name.replace("_", " "): value for name, value in terms.items()}))


async def _terms(access: Access, name: str) -> dict[str, Any]:
    """Return everything a person asks of a market before trading it."""
    from agbot.venue.polymarket.catalogue import find_listing  # noqa: PLC0415

    gamma = await find_listing(access.gamma, name)
    return _described(await access.clob.market(gamma.condition), gamma)


def _described(clob: ClobMarket, gamma: GammaMarket) -> dict[str, Any]:
    from agbot.units import SCALE, to_text  # noqa: PLC0415

    return {
        "market": gamma.slug,
        "question": gamma.question,
        "condition": gamma.condition,
        **{f"token_{name.lower()}": token for token, name in clob.tokens},
        "tick": to_text(clob.tick),
        "least": f"{to_text(clob.min_size)} shares",
        "taker_fee": _fee(clob),
        "taker_delay": f"{clob.delay_s} s" if clob.delay_s else "150 ms" if clob.taker_delay else "none",
        "neg_risk": "yes: its outcomes can be converted" if clob.neg_risk else "no",
        "orders": "taken" if clob.accepting else "not taken now",
        "version": clob.version,
        "prices": ", ".join(f"{o} {to_text(p)}" for o, p in zip(gamma.outcomes, gamma.prices, strict=False)),
        "volume_24h": f"{gamma.volume_24h // SCALE} usd",
        "ends": f"{moment(gamma.end_ns)} UTC" if gamma.end_ns else "",
        "state": gamma.resolution or ("closed" if gamma.closed else "open"),
        "resolution": _shortened(gamma.description),
        "source": gamma.resolution_source,
    }


def _fee(clob: ClobMarket) -> str:
    from agbot.units import to_text, usd_text  # noqa: PLC0415

    if not clob.fee_rate:
        return "none"
    middle = clob.fee_rate * 100 // 4**clob.fee_exponent  # of 100 shares at 0.5
    power = "" if clob.fee_exponent == 1 else f" to the power {clob.fee_exponent}"
    return f"{to_text(clob.fee_rate)} x (p(1-p)){power} a share: {usd_text(middle)} usd for 100 at 0.5; makers none"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_MAX else line[: TEXT_MAX - 1] + "…"
