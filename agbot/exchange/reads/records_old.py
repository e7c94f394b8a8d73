"""The Data API's older routes: camelCase, plain lists, limit and offset. @polymarket/client 0.2.0 still uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

import attrs

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.reads import records_json as rows
from agbot.exchange.reads.pages import Query, number
from agbot.exchange.reads.records_filters import has_status
from agbot.exchange.reads.records_json import Held, Json
from agbot.exchange.reads.records_new import Records
from agbot.units import SCALE

OFFSET_MAX: Final = 10_000
_SORTS: Final[dict[str, Callable[[Held], Any]]] = {
    "TOKENS": lambda row: row.entry.size,
    "CURRENT": lambda row: row.value,
    "INITIAL": lambda row: row.entry.cost,
    "CASHPNL": lambda row: row.unrealized,
    "PERCENTPNL": lambda row: row.unrealized * SCALE // row.entry.cost if row.entry.cost > 0 else 0,
    "TITLE": lambda row: row.entry.listing.market.question,
    "RESOLVING": lambda row: row.entry.listing.market.end_ns,
    "PRICE": lambda row: row.price,
    "AVGPRICE": lambda row: row.entry.average,
    "REALIZEDPNL": lambda row: row.entry.realized,
    "TIMESTAMP": lambda row: row.entry.last_ns,
}


def routes(records: Records) -> Routes:
    """Return the older routes; `records` answers what both versions share."""
    old = _Old(records)
    told: dict[tuple[str, str], Route] = {
        ("GET", "/"): lambda _: Reply({"data": "OK"}),
        ("GET", "/positions"): old.positions,
        ("GET", "/closed-positions"): old.closed,
        ("GET", "/trades"): old.trades,
        ("GET", "/activity"): old.activity,
        ("GET", "/value"): old.value,
        ("GET", "/holders"): old.holders,
        ("GET", "/oi"): old.open_interest,
        ("GET", "/live-volume"): old.live_volume,
        ("GET", "/traded"): old.traded,
    }
    return told | {("GET", f"/v1{path}"): route for (_, path), route in told.items() if path != "/"}


@attrs.frozen
class _Old:
    records: Records

    def positions(self, ask: Ask) -> Reply:
        query = Query(ask)
        smallest = query.units("sizeThreshold")
        found = self._held(query, lambda row: row.entry.size >= max(1, SCALE if smallest is None else smallest))
        for name in ("redeemable", "mergeable"):
            wanted = query.flag(name)
            if wanted is not None:
                found = [row for row in found if wanted is (row.mergeable if name == "mergeable" else row.resolved)]
        return _page(_sorted(found, query, "TOKENS"), query, rows.old_position, high=500)

    def closed(self, ask: Ask) -> Reply:
        query = Query(ask)
        found = self._held(query, lambda row: has_status(row, "CLOSED") and bool(row.entry.bought))
        return _page(_sorted(found, query, "REALIZEDPNL"), query, rows.old_closed, default=10, high=50)

    def trades(self, ask: Ask) -> Reply:
        query = Query(ask)
        return _page(self.records.trades(query), query, lambda deed: rows.camel(rows.trade(deed)), high=10_000)

    def activity(self, ask: Ask) -> Reply:
        query = Query(ask)
        return _page(self.records.activity(query), query, lambda deed: rows.camel(rows.activity(deed)), high=500)

    def value(self, ask: Ask) -> Reply:
        user, conditions = Query(ask).user(), Query(ask).conditions()
        return Reply([{"user": user, "value": number(self.records.worth(user, conditions))}])

    def holders(self, ask: Ask) -> Reply:
        query = Query(ask)
        if not query.conditions():
            raise query.refused("required query param 'market' not provided")
        limit = query.whole("limit", 100, high=500)
        return Reply(
            [
                {"token": token, "holders": [rows.camel(rows.holder(row, pnl=False)) for row in [*group][:limit]]}
                for token, group in groupby(self.records.holder_rows(query), lambda row: row.entry.token)
            ]
        )

    def open_interest(self, ask: Ask) -> Reply:
        data = self.records.open_interest(ask).json["data"]
        return Reply([{"market": row["condition_id"], "value": row["value"]} for row in data])

    def live_volume(self, ask: Ask) -> Reply:
        data = self.records.live_volume(ask).json["data"]
        markets = [{"market": row["condition_id"], "value": row["taker_volume"]} for row in data["conditions"]]
        return Reply([{"total": data["taker_volume_total"], "markets": markets}])

    def traded(self, ask: Ask) -> Reply:
        user = Query(ask).user()
        return Reply({"user": user, "traded": len({e.listing.condition for e in self.records.book.entries(user)})})

    def _held(self, query: Query, fits: Callable[[Held], bool]) -> list[Held]:
        user, conditions, events = query.user(), query.conditions(), query.words("eventId")
        title = query.text("title").lower()
        return [
            row
            for row in self.records.held(user)
            if fits(row)
            and (not conditions or row.entry.listing.condition.lower() in conditions)
            and (not events or row.entry.listing.event.id in events)
            and title in row.entry.listing.market.question.lower()
        ]


def _sorted(found: list[Held], query: Query, default: str) -> list[Held]:
    key = _SORTS[query.choice("sortBy", tuple(_SORTS), default)]
    return sorted(found, key=key, reverse=query.choice("sortDirection", ("ASC", "DESC"), "DESC") == "DESC")


def _page(
    found: Sequence[Any], query: Query, tell: Callable[[Any], Json], *, default: int = 100, high: int = 500
) -> Reply:
    offset = query.whole("offset", 0)
    if offset > OFFSET_MAX:
        raise query.refused(f"offset must be at most {OFFSET_MAX}")
    limit = query.whole("limit", default, high=high)
    return Reply([tell(row) for row in found[offset : offset + limit]])
