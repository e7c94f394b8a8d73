"""What lists of the Data API can be narrowed to and ordered by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agbot.exchange.core.model import Listing
from agbot.exchange.reads.pages import Query, number
from agbot.exchange.reads.portfolio_book import Deed
from agbot.exchange.reads.quotes import Minute
from agbot.exchange.reads.records_json import Held, Json
from agbot.units import NS_PER_S, complement

DUST: Final = 10_000
"""Trades of fewer shares (10⁻⁶) are not listed unless that is asked for."""
KINDS: Final = (
    *("TRADE", "SPLIT", "MERGE", "REDEEM", "REWARD", "CONVERSION", "MIGRATION", "DEPOSIT", "WITHDRAWAL", "YIELD"),
    *("MAKER_REBATE", "TAKER_REBATE", "REFERRAL_REWARD", "TIP"),
)
STATUSES: Final = ("OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED")
_SORTS: Final[dict[str, Callable[[Held], int]]] = {
    "CURRENT_VALUE": lambda row: row.value,
    "PRICE": lambda row: row.price,
    "TOKENS": lambda row: row.entry.size,
    "UNREALIZED_PNL": lambda row: row.unrealized,
    "REALIZED_PNL": lambda row: row.entry.realized,
    "TOTAL_PNL": lambda row: row.entry.realized + row.unrealized,
    "TIMESTAMP": lambda row: row.entry.last_ns,
}
_DEFAULT_SORT: Final = {"MERGEABLE": "TOKENS", "CLOSED": "REALIZED_PNL"}


def has_status(row: Held, status: str) -> bool:
    """Return whether a position is asked for with `status`: OPEN has those that can be redeemed too."""
    lost = row.status == "REDEEMABLE" and row.entry.token != row.entry.listing.winner
    return {
        "OPEN": row.status in ("OPEN", "REDEEMABLE"),
        "REDEEMABLE": row.status == "REDEEMABLE",
        "REDEEMABLE_LOST": lost,
        "MERGEABLE": row.mergeable,
        "CLOSED": row.status == "CLOSED",
    }[status]


def chosen_positions(rows: list[Held], query: Query, status: str) -> list[Held]:
    """Return the positions of the title and size that are asked for, in the order that is."""
    title, smallest = query.text("title").strip().lower(), query.units("filter_amount")
    unit = _unit(query)
    found = [row for row in rows if title in row.entry.listing.market.question.lower()]
    if smallest is not None:
        found = [row for row in found if (row.value if unit == "CASH" else row.entry.size) >= smallest]
    said = f"invalid position sortBy: {query.text('sort_by')[:80]}"
    name = query.choice("sort_by", tuple(_SORTS), _DEFAULT_SORT.get(status, "CURRENT_VALUE"), said=said)
    down = query.choice("sort_direction", ("ASC", "DESC"), "DESC") == "DESC"
    found.sort(key=_SORTS[name], reverse=down)
    if status == "REDEEMABLE":
        found.sort(key=lambda row: row.price, reverse=True)  # winners before losers
    return found


def chosen_trades(deeds: list[Deed], query: Query) -> list[Deed]:
    """Return the trades that are large enough; by default more than dust."""
    smallest = query.units("filter_amount", "filterAmount") or DUST
    unit = _unit(query)
    return [deed for deed in deeds if (deed.usd if unit == "CASH" else deed.size) >= smallest]


def _unit(query: Query) -> str:
    name = "filterType" if query.text("filterType") else "filter_type"
    return query.choice(name, ("CASH", "TOKENS"), "TOKENS", said="filterType must be CASH or TOKENS")


def oldest_first(query: Query) -> bool:
    """Return whether deeds are asked for in ascending order."""
    name = "sortDirection" if query.text("sortDirection") else "sort_direction"
    return query.choice(name, ("ASC", "DESC"), "DESC") == "ASC"


def chosen_kinds(query: Query) -> tuple[str, ...]:
    """Return the kinds of deeds that are asked for: without tips, and without deposits unless those are wanted."""
    asked = tuple(word.upper() for word in query.words("type"))
    if unknown := [word for word in asked if word not in KINDS]:
        raise query.refused(f"invalid activity type: {unknown[0][:80]}")
    kinds = asked or tuple(kind for kind in KINDS if kind != "TIP")
    if query.flag("exclude_deposits_withdrawals", "excludeDepositsWithdrawals") is not False:
        kinds = tuple(kind for kind in kinds if kind not in ("DEPOSIT", "WITHDRAWAL"))
    return kinds


def price_point(minute: Minute, listing: Listing | None, token: str, step_s: int, at_ns: int | None = None) -> Json:
    """Return a point of a token's price history; `step_s` 0 is one exact trade."""
    yes = listing is not None and token == listing.market.yes
    return {
        "timestamp": (minute.begin_ns if at_ns is None else at_ns) // NS_PER_S,
        "price": number(minute.price if yes else complement(minute.price)),
        "resolution_seconds": step_s,
    }
