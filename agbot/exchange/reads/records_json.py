"""Rows of the Data API, version 2 (snake_case) and the older one (camelCase). Amounts are exact JSON numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import attrs
import msgspec

from agbot.exchange.core.model import Listing
from agbot.exchange.reads.pages import day, iso, number
from agbot.exchange.reads.portfolio_book import Deed, Entry
from agbot.exchange.reads.quotes import Books, price_of
from agbot.units import NS_PER_S, SCALE, complement, notional

Json: TypeAlias = dict[str, Any]

NO_OUTCOME: Final = 999
_NOBODY: Final = {"name": "", "pseudonym": "", "bio": "", "profile_image": "", "profile_image_optimized": ""}


@attrs.frozen
class Held:
    """An account of a token at the price of now. `pair`: the wallet holds the other outcome too."""

    entry: Entry
    price: int
    pair: bool = False

    @property
    def value(self) -> int:
        """Return what the shares are worth."""
        return notional(self.price, max(0, self.entry.size))

    @property
    def unrealized(self) -> int:
        """Return value less cost."""
        return self.value - self.entry.cost

    @property
    def resolved(self) -> bool:
        """Return whether its market has paid out."""
        return self.entry.listing.winner is not None

    @property
    def status(self) -> str:
        """Return OPEN, REDEEMABLE or CLOSED: a row's own words."""
        if self.entry.size <= 0:
            return "CLOSED"
        return "REDEEMABLE" if self.resolved else "OPEN"

    @property
    def mergeable(self) -> bool:
        """Return whether pairs of it can be merged."""
        return self.pair and not self.resolved and self.entry.size > 0


def held(core: Books, entries: Iterable[Entry]) -> list[Held]:
    """Return accounts with their prices of now."""
    told = list(entries)
    owned = {(entry.wallet, entry.token) for entry in told if entry.size > 0}
    prices: dict[str, int] = {}  # many wallets hold one token
    for entry in told:
        if entry.token not in prices:
            prices[entry.token] = price_of(core, entry.listing, entry.token)
    return [
        Held(entry, prices[entry.token], all((entry.wallet, token) in owned for token in entry.listing.tokens))
        for entry in told
    ]


def percent(part: int, whole: int) -> msgspec.Raw:
    """Return `part` of `whole` in percent, 0 of nothing."""
    return number(part * 100 * SCALE // whole if whole > 0 else 0)


def names(listing: Listing | None, token: str) -> Json:
    """Return what a row says of its market and outcome."""
    if listing is None:
        return {"title": "", "slug": "", "icon": "", "event_slug": "", "outcome": "", "outcome_index": NO_OUTCOME}
    return {
        "title": listing.market.question,
        "slug": listing.market.slug,
        "icon": "",
        "event_slug": listing.event.slug,
        "outcome": listing.outcome_name(token) if token else "",
        "outcome_index": index(listing, token) if token else NO_OUTCOME,
    }


def index(listing: Listing, token: str) -> int:
    """Return which outcome of its market a token is: 0 is YES."""
    return 0 if token == listing.market.yes else 1


def opposite(listing: Listing, token: str) -> tuple[str, str]:
    """Return the other token and what its outcome is called."""
    other = listing.market.no if token == listing.market.yes else listing.market.yes
    return other, listing.outcome_name(other)


def position(row: Held) -> Json:
    """Return a position of version 2."""
    entry, listing = row.entry, row.entry.listing
    other, other_name = opposite(listing, entry.token)
    return {
        "proxy_wallet": entry.wallet,
        "token_id": entry.token,
        "condition_id": listing.condition,
        "current_size": number(max(0, entry.size)),
        "avg_price": number(entry.average),
        "entry_cost_usdc": number(entry.cost),
        "entry_fees_usdc": number(entry.buy_fees),
        "total_cost_usdc": number(entry.cost + entry.buy_fees),
        "current_price": number(row.price),
        "current_value": number(row.value),
        "total_size": number(entry.bought),
        "realized_pnl": number(entry.realized),
        "unrealized_pnl": number(row.unrealized),
        "total_pnl": number(entry.realized + row.unrealized),
        "percent_pnl": percent(row.unrealized, entry.cost),
        "percent_realized_pnl": percent(entry.realized, entry.given_cost),
        "status": row.status,
        "redeemable": row.status == "REDEEMABLE",
        "mergeable": row.mergeable,
        "negative_risk": listing.event.neg_risk,
        "archived": False,
        **names(listing, entry.token),
        "event_id": listing.event.id,
        "opposite_outcome": other_name,
        "opposite_token_id": other,
        "end_date": day(listing.market.end_ns),
        "last_event_at": entry.last_ns // NS_PER_S,
        "first_entry_at": entry.first_ns // NS_PER_S,
        "name": "",
        "profile_image": "",
        "verified": False,
    }


def trade(deed: Deed) -> Json:
    """Return one leg of a trade."""
    return {
        "proxy_wallet": deed.wallet,
        "token_id": deed.token,
        "condition_id": deed.listing.condition if deed.listing else "",
        "side": str(deed.side or ""),
        "size": number(deed.size),
        "price": number(deed.price),
        "timestamp": deed.ts_ns // NS_PER_S,
        "transaction_hash": deed.tx_hash,
        **names(deed.listing, deed.token),
        **_NOBODY,
    }


def activity(deed: Deed) -> Json:
    """Return something a wallet did."""
    return trade(deed) | {"type": deed.kind, "usdc_size": number(deed.usd)}


def holder(row: Held, *, pnl: bool) -> Json:
    """Return a holder of a token."""
    entry = row.entry
    told: Json = {
        "proxy_wallet": entry.wallet,
        "token_id": entry.token,
        "amount": number(entry.size),
        "outcome_index": index(entry.listing, entry.token),
        "display_username_public": False,
        "verified": False,
        **_NOBODY,
    }
    if pnl:
        full = position(row)
        kept = ("avg_price", "entry_cost_usdc", "current_price", "current_value")
        told |= {name: full[name] for name in (*kept, "realized_pnl", "unrealized_pnl", "total_pnl")}
    return told


# ---------------------------------------------------------------- the older version


def old_position(row: Held) -> Json:
    """Return a position of version 1."""
    entry, listing = row.entry, row.entry.listing
    return _old_names(entry) | {
        "proxyWallet": entry.wallet,
        "asset": entry.token,
        "conditionId": listing.condition,
        "size": number(entry.size),
        "avgPrice": number(entry.average),
        "initialValue": number(entry.cost),
        "currentValue": number(row.value),
        "cashPnl": number(row.unrealized),
        "percentPnl": percent(row.unrealized, entry.cost),
        "totalBought": number(entry.bought),
        "realizedPnl": number(entry.realized),
        "percentRealizedPnl": percent(entry.realized, entry.given_cost),
        "curPrice": number(row.price),
        "redeemable": row.status == "REDEEMABLE",
        "mergeable": row.mergeable,
        "eventId": listing.event.id,
        "endDate": day(listing.market.end_ns),
        "negativeRisk": listing.event.neg_risk,
    }


def old_closed(row: Held) -> Json:
    """Return a position that is no longer held, of version 1."""
    entry, listing = row.entry, row.entry.listing
    return _old_names(entry) | {
        "proxyWallet": entry.wallet,
        "asset": entry.token,
        "conditionId": listing.condition,
        "avgPrice": number(entry.average),
        "totalBought": number(entry.bought),
        "realizedPnl": number(entry.realized),
        "curPrice": number(row.price),
        "timestamp": entry.last_ns // NS_PER_S,
        "endDate": day(listing.market.end_ns),
    }


def _old_names(entry: Entry) -> Json:
    other, other_name = opposite(entry.listing, entry.token)
    told = camel(names(entry.listing, entry.token))
    return told | {"oppositeOutcome": other_name, "oppositeAsset": other}


def camel(row: Json) -> Json:
    """Return a row of version 2 in the words of version 1."""
    return {_OLD.get(name, _camel(name)): value for name, value in row.items()}


_OLD: Final = {"token_id": "asset"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


# ---------------------------------------------------------------- markets


def token_reference(listing: Listing, token: str) -> Json:
    """Return what a token stands for."""
    v3 = listing.market.exchange_version == 3
    place = index(listing, token)
    module = ("neg_risk" if listing.event.neg_risk else "binary") if v3 else "v1_ctf"
    final = None if listing.winner is None else number(SCALE if listing.winner == token else 0)
    return {
        "token_id": token,
        "condition_id": listing.condition,
        "structural_condition_id": listing.condition if v3 else None,
        "module": module,
        "outcome_index": place,
        "clob_index": place,
        "outcome": listing.outcome_name(token),
        "opposite_token_id": opposite(listing, token)[0],
        "resolved": listing.winner is not None,
        "final_price": final,
        "title": listing.market.question,
        "market_slug": listing.market.slug,
        "closed": listing.winner is not None,
        "neg_risk": listing.event.neg_risk,
        "neg_risk_market_id": listing.event.neg_risk_id or None,
        "question_index": 0 if listing.event.neg_risk else None,
        "event_id": int(listing.event.id) if listing.event.id.isdigit() else None,
        "event_slug": listing.event.slug,
    }


def resolution_row(listing: Listing, question: str, now_ns: int) -> Json:
    """Return how far the oracle is: nothing proposed, or resolved with what each outcome pays (10⁻⁶ usd)."""
    told: Json = {
        "question_id": question,
        "condition_id": listing.condition,
        "status": "posed",
        "extended_review": False,
        "was_disputed": False,
        "new_version_q": False,
        "transaction_hash": "",
        "log_index": "",
        "market_type": "INCREMENTAL_NEGRISK" if listing.event.neg_risk else "BINARY",
        "last_update_timestamp": (listing.resolved_ns or listing.start_ns or now_ns) // NS_PER_S,
    }
    if listing.winner is not None:
        yes = SCALE if listing.winner == listing.market.yes else 0
        told |= {
            "status": "resolved",
            "price": number(yes),
            "payouts": [yes, complement(yes)],
            "resolution_source": "reported",
            "was_arbitrated": False,
            "resolved_at": iso(listing.resolved_ns),
        }
    return told
