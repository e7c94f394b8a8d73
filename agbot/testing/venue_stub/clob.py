"""The CLOB's routes over the stub's exchange."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final

from agbot.testing.venue_stub.exchange import Json, RefusedOrder, StubExchange
from agbot.testing.venue_stub.keys import Keyring
from agbot.testing.venue_stub.markets import StubBook
from agbot.testing.venue_stub.script import (
    CANCEL_ONLY,
    DISABLED,
    RESTARTING,
    Received,
    Reply,
    error,
    post_only_mode,
)
from agbot.units import to_text

PAGE: Final = 100
BATCH_MAX: Final = 15
START, END = "MA==", "LTE="
_NO_BOOK: Final = error(404, "No orderbook exists for the requested token id")
_NO_MARKET: Final = error(404, "market not found")


class Heartbeats:
    """The chain of ids: each accepted send names the next; the first one arms it."""

    def __init__(self) -> None:
        self.expected = ""
        self.count = 0

    def take(self, received: Received) -> Reply:
        """Answer ``POST /v1/heartbeats``."""
        if received.json["heartbeat_id"] != self.expected:
            return Reply(400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": self.expected})
        self.count += 1
        self.expected = f"heartbeat-{self.count}"
        return Reply(json={"heartbeat_id": self.expected})


class Clob:
    """Answers one request at a time; everything but the public reads must be signed."""

    def __init__(self, exchange: StubExchange) -> None:
        self.exchange = exchange
        self.keyring = Keyring()
        self.heartbeats = Heartbeats()
        self.version = 2
        self.closed_only = False
        self.mode = ""
        """What is not taken: ``restarting``, ``post_only``, ``cancel_only`` or ``disabled``; empty is normal."""
        self.prices: list[Json] = []
        """What ``/prices-history`` tells."""
        self._open: dict[tuple[str, str], Callable[[Received], Reply]] = {
            ("GET", "/ok"): lambda _: Reply(json="OK"),
            ("GET", "/time"): lambda _: Reply(json=int(exchange.now_s())),
            ("GET", "/version"): lambda _: Reply(json={"version": self.version}),
            ("GET", "/prices-history"): lambda _: Reply(json={"history": self.prices}),
            ("POST", "/auth/api-key"): self.keyring.create,
            ("GET", "/auth/derive-api-key"): self.keyring.derive,
            ("POST", "/books"): self._books,
        }
        self._signed: dict[tuple[str, str], Callable[[Received], Reply]] = {
            ("GET", "/auth/api-keys"): self.keyring.listed,
            ("DELETE", "/auth/api-key"): self.keyring.delete,
            ("GET", "/auth/ban-status/closed-only"): lambda _: Reply(json={"closed_only": self.closed_only}),
            ("POST", "/order"): self._post,
            ("POST", "/orders"): self._post_batch,
            ("DELETE", "/order"): lambda r: self._cancel([r.json["orderID"]]),
            ("DELETE", "/orders"): lambda r: self._cancel(r.json),
            ("DELETE", "/cancel-all"): lambda _: self._cancel(list(exchange.live)),
            ("DELETE", "/cancel-market-orders"): self._cancel_market,
            ("GET", "/data/orders"): self._orders,
            ("GET", "/data/trades"): self._trades,
            ("GET", "/balance-allowance"): self._balance,
            ("GET", "/balance-allowance/update"): lambda _: Reply(json=None),
            ("POST", "/v1/heartbeats"): self.heartbeats.take,
            ("GET", "/notifications"): lambda _: Reply(json=[]),
        }

    def answer(self, received: Received) -> Reply:
        """Return the venue's reply."""
        route = received.method, received.path
        if route in self._open:
            return self._open[route](received)
        order_id = received.path.removeprefix("/data/order/")
        if route in self._signed or order_id != received.path:
            refusal = self.keyring.refusal(received)
            return refusal or (self._signed[route](received) if route in self._signed else self._order(order_id))
        return self._public(received)

    # ------------------------------------------------------------ reads for everybody

    def _public(self, received: Received) -> Reply:
        head, _, tail = received.path.lstrip("/").partition("/")
        if received.method != "GET":
            return error(405, "method not allowed")
        if head == "clob-markets":
            market = self.exchange.markets.get(tail)
            return Reply(json=market.clob_json()) if market else _NO_MARKET
        if head == "markets" and tail in self.exchange.markets:
            return Reply(json=self.exchange.markets[tail].record_json(self.exchange.winners.get(tail, "")))
        if head == "markets-by-token":
            market = self.exchange.market_of(tail)
            told = market and {"condition_id": market.condition, "primary_token_id": market.yes}
            return Reply(json=told) if told else _NO_MARKET
        return self._of_token(head, received, tail or received.query.get("token_id", ""))

    def _of_token(self, head: str, received: Received, token: str) -> Reply:
        market = self.exchange.market_of(token)
        if market is None:
            return _NO_BOOK if head in {"book", "price", "midpoint", "spread"} else _NO_MARKET
        match head:
            case "book":
                told: Json = self._book(token)
            case "tick-size":
                told = {"minimum_tick_size": market.clob_json()["mts"]}
            case "neg-risk":
                told = {"neg_risk": market.neg_risk}
            case "fee-rate":
                told = {"base_fee": 1000}
            case "last-trade-price":
                told = {"price": "0.5", "side": ""}
            case "price" | "midpoint" | "spread":
                return self._top(head, received, token)
            case _:
                return error(404, "not found")
        return Reply(json=told)

    def _top(self, head: str, received: Received, token: str) -> Reply:
        bid, ask = self.exchange.books.get(token, StubBook()).best()
        if head == "price":
            price = bid if received.query.get("side") == "BUY" else ask
            return _NO_BOOK if price is None else Reply(json={"price": to_text(price)})
        if bid is None or ask is None:
            return _NO_BOOK
        return Reply(json={"mid": to_text((bid + ask) // 2)} if head == "midpoint" else {"spread": to_text(ask - bid)})

    def _book(self, token: str) -> Json:
        market = self.exchange.market_of(token)
        assert market is not None, f"no market has token {token}"
        book = self.exchange.books.get(token, StubBook())
        return book.json(market, token, int(self.exchange.now_s() * 1000))

    def _books(self, received: Received) -> Reply:
        tokens = [asked["token_id"] for asked in received.json]
        return Reply(json=[self._book(token) for token in tokens if self.exchange.market_of(token)])

    # ------------------------------------------------------------ orders

    def _closed(self, orders: Sequence[Json]) -> Reply | None:
        match self.mode:
            case "restarting":
                return RESTARTING
            case "disabled":
                return DISABLED
            case "cancel_only":
                return CANCEL_ONLY
            case "post_only" if not all(order.get("postOnly") for order in orders):
                return post_only_mode()
        return None

    def _post(self, received: Received) -> Reply:
        closed = self._closed([received.json])
        if closed is not None:
            return closed
        try:
            return Reply(json=self.exchange.post(received.json))
        except RefusedOrder as e:
            return error(400, str(e))

    def _post_batch(self, received: Received) -> Reply:
        orders = received.json
        if len(orders) > BATCH_MAX:
            return error(400, f"Too many orders in payload: {len(orders)}, max allowed: {BATCH_MAX}")
        return self._closed(orders) or Reply(json=[self._post_one(order) for order in orders])

    def _post_one(self, order: Json) -> Json:
        try:
            return self.exchange.post(order)
        except RefusedOrder as e:
            return {"success": True, "errorMsg": str(e), "orderID": "", "status": "", **_NOTHING}

    def _cancel(self, ids: list[str]) -> Reply:
        return {"restarting": RESTARTING, "disabled": DISABLED}.get(self.mode) or Reply(json=self.exchange.cancel(ids))

    def _cancel_market(self, received: Received) -> Reply:
        wanted = received.json
        keys = [key for key in ("market", "asset_id") if wanted.get(key)]
        return self._cancel([o["id"] for o in self.exchange.live.values() if all(o[k] == wanted[k] for k in keys)])

    # ------------------------------------------------------------ own reads

    def _orders(self, received: Received) -> Reply:
        keys = ("id", "market", "asset_id")
        return _page([o for o in self.exchange.live.values() if _matches(o, received, keys)], received)

    def _order(self, order_id: str) -> Reply:
        return Reply(json=self.exchange.live.get(order_id))

    def _trades(self, received: Received) -> Reply:
        since, until = int(received.query.get("after", 0)), int(received.query.get("before", 1 << 62))
        rows = [
            trade
            for trade in self.exchange.trades
            if _matches(trade, received, ("id", "market", "asset_id")) and since <= int(trade["match_time"]) < until
        ]
        return _page([trade | {"status": f"TRADE_STATUS_{trade['status']}"} for trade in rows], received)

    def _balance(self, received: Received) -> Reply:
        asked, exchange = received.query, self.exchange
        known = exchange.signature_type is None or asked.get("signature_type") == str(exchange.signature_type)
        collateral = asked.get("asset_type") == "COLLATERAL"
        balance = exchange.collateral if collateral else exchange.shares.get(asked.get("token_id", ""), 0)
        allowances = {spender: str(amount) for spender, amount in exchange.allowances.items()}
        return Reply(json={"balance": str(balance if known else 0), "allowances": allowances})


_NOTHING: Final = {"makingAmount": "", "takingAmount": ""}


def _matches(row: Json, received: Received, keys: Sequence[str]) -> bool:
    return all(row[key] == received.query[key] for key in keys if key in received.query)


def _page(rows: list[Json], received: Received) -> Reply:
    start = int(b64decode(received.query.get("next_cursor") or START))
    shown = rows[start : start + PAGE]
    more = start + PAGE < len(rows)
    cursor = b64encode(str(start + PAGE).encode()).decode() if more else END
    page: dict[str, Any] = {"limit": PAGE, "count": len(shown), "next_cursor": cursor, "data": shown}
    return Reply(json=page)
