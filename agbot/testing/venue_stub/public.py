"""Gamma, the Data API v2 and the geoblock page of the stub."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from agbot.testing.venue_stub.exchange import Json, StubExchange
from agbot.testing.venue_stub.markets import StubMarket
from agbot.testing.venue_stub.script import Received, Reply, error

KEYSET_MAX: Final = 100
GAMMA: Final = "/gamma"
DATA: Final = "/data-api"
GEOBLOCK: Final = "/api/geoblock"


class PublicSites:
    """Answers what needs no key. `positions`, `activity` and `blocked` are set by tests."""

    def __init__(self, exchange: StubExchange) -> None:
        self.exchange = exchange
        self.positions: list[Json] = []
        self.activity: list[Json] = []
        self.trades: list[Json] = []
        self.blocked = False
        self._data: dict[str, Callable[[], list[Json]]] = {
            "/v2/positions": lambda: self.positions,
            "/v2/activity": lambda: self.activity,
            "/v2/trades": lambda: self.trades,
            "/v2/value": self._value,
        }

    def answer(self, received: Received) -> Reply | None:
        """Return the reply; None when the path is none of these sites."""
        if received.path == GEOBLOCK:
            return Reply(json={"blocked": self.blocked, "ip": "127.0.0.1", "country": "PT", "region": "11"})
        if received.path.startswith(f"{GAMMA}/"):
            return self._gamma(received, received.path.removeprefix(GAMMA))
        if received.path.startswith(f"{DATA}/"):
            return self._rows(received, received.path.removeprefix(DATA))
        return None

    # ------------------------------------------------------------ Gamma

    def _gamma(self, received: Received, path: str) -> Reply:
        if "offset" in received.query:
            return error(422, "offset is not supported")
        rows = list(self.exchange.markets.values())
        match path.strip("/").split("/"):
            case ["markets", "keyset"]:
                reply = _keyset([m.gamma_json() for m in rows if _wanted(m, received)], received, "markets")
            case ["markets", "slug", slug]:
                reply = _one(m.gamma_json() for m in rows if m.slug == slug)
            case ["markets", gamma_id]:
                reply = _one(m.gamma_json() for m in rows if m.gamma_id == gamma_id)
            case ["events", "keyset"]:
                reply = _keyset([e for e in _events(rows) if _event_wanted(e, received)], received, "events")
            case ["events", "slug", slug]:
                reply = _one(e for e in _events(rows) if e["slug"] == slug)
            case ["public-search"]:
                words = received.query.get("q", "").lower().split()
                found = [m for m in rows if any(w in f"{m.slug} {m.question}".lower() for w in words)]
                reply = Reply(json={"events": _events(found), "pagination": {"hasMore": False}})
            case _:
                reply = error(404, "not found")
        return reply

    # ------------------------------------------------------------ Data v2

    def _value(self) -> list[Json]:
        return [{"value": sum(float(row.get("current_value", 0)) for row in self.positions)}]

    def _rows(self, received: Received, path: str) -> Reply:
        if path not in self._data:
            return error(404, "not found")
        rows = [row for row in self._data[path]() if _data_wanted(row, received)]
        start, limit = int(received.query.get("cursor") or 0), min(int(received.query.get("limit", 100)), 1000)
        page: dict[str, Any] = {"limit": limit, "has_more": start + limit < len(rows), "next_cursor": None}
        if page["has_more"]:
            page["next_cursor"] = str(start + limit)
        return Reply(json={"data": rows[start : start + limit], "pagination": page})


def _wanted(market: StubMarket, received: Received) -> bool:
    asked: dict[str, set[str]] = {}
    for key, value in received.pairs:
        asked.setdefault(key, set()).add(value)
    closed = "true" in asked.get("closed", ())
    return (
        market.closed == closed
        and asked.get("slug", {market.slug}) >= {market.slug}
        and asked.get("id", {market.gamma_id}) >= {market.gamma_id}
        and asked.get("condition_ids", {market.condition}) >= {market.condition}
        and bool(asked.get("clob_token_ids", set(market.tokens)) & set(market.tokens))
    )


def _event_wanted(event: Json, received: Received) -> bool:
    return received.query.get("slug") in {None, event["slug"]}


def _data_wanted(row: Json, received: Received) -> bool:
    asked = {
        "proxy_wallet": received.query.get("user"),
        "condition_id": received.query.get("condition"),
        "type": received.query.get("type"),
    }
    return all(
        str(row.get(key, "")).lower() in ("", *value.lower().split(",")) for key, value in asked.items() if value
    )


def _events(markets: Iterable[StubMarket]) -> list[Json]:
    grouped: dict[str, list[StubMarket]] = {}
    for market in markets:
        grouped.setdefault(market.event_slug, []).append(market)
    return [
        {
            "id": slug,
            "slug": slug,
            "title": slug.replace("-", " "),
            "active": True,
            "closed": all(m.closed for m in members),
            "negRisk": any(m.neg_risk for m in members),
            "markets": [m.gamma_json() for m in members],
        }
        for slug, members in grouped.items()
    ]


def _one(found: Iterable[Json]) -> Reply:
    row = next(iter(found), None)
    return error(404, "not found") if row is None else Reply(json=row)


def _keyset(rows: list[Json], received: Received, name: str) -> Reply:
    start, limit = int(received.query.get("after_cursor") or 0), min(int(received.query.get("limit", 20)), KEYSET_MAX)
    page: Json = {name: rows[start : start + limit]}
    if start + limit < len(rows):
        page["next_cursor"] = str(start + limit)
    return Reply(json=page)
