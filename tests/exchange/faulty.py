"""A small venue to misbehave: the real core and sockets over loopback, unsigned orders, faults around it all."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import msgspec
import trio

from agbot.exchange.api import Ask, Reply, error
from agbot.exchange.clob.wire import book_json
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import NewOrder, Refused
from agbot.exchange.core.terms import Terms
from agbot.exchange.mischief.requests import Mischief
from agbot.exchange.mischief.sockets import SocketMischief
from agbot.exchange.sockets.market import MarketSockets
from agbot.exchange.sockets.user import UserSockets
from agbot.faults import FaultPlan
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_MS, NS_PER_S, to_text, to_units
from agbot.web.server import Break, Request, Response, Server
from tests.exchange.fake_core import ADDRESS, KEY, OTHER_ADDRESS, OTHER_KEY, FakeKeys, auth, listing
from tests.exchange.serving import Client, connected

OWNERS = {ADDRESS: KEY, OTHER_ADDRESS: OTHER_KEY}


class Honest:
    """The few routes the faults reach, on the real core; whoever POLY_ADDRESS names is believed."""

    def __init__(self, core: Exchange, now_ns: Callable[[], int]) -> None:
        self.core = core
        self.now_ns = now_ns
        self.acted: list[str] = []
        self._numbers = itertools.count(1)

    def __call__(self, ask: Ask) -> Reply:
        """Answer one request."""
        self.acted.append(f"{ask.method} {ask.path}")
        ask.address = ask.headers.get("poly_address", "")
        name = f"{ask.method} {ask.path}".lower().replace("/", "").replace(" ", "_").replace("-", "_")
        route = getattr(self, f"_{name}", None)
        try:
            return route(ask) if route else error(404, "not found")
        except Refused as e:
            return error(e.status, e.text)

    def _get_ok(self, _: Ask) -> Reply:
        return Reply("OK")

    def _get_time(self, _: Ask) -> Reply:
        return Reply(self.now_ns() // NS_PER_S)

    def _get_geoblock(self, _: Ask) -> Reply:
        return Reply({"blocked": False})

    def _get_book(self, ask: Ask) -> Reply:
        return Reply(self._book(ask.query["token_id"]))

    def _post_books(self, ask: Ask) -> Reply:
        return Reply([self._book(row["token_id"]) for row in ask.json])

    def _book(self, token: str) -> dict[str, Any]:
        market = self.core.of_token(token)
        assert market is not None
        bids, asks = (self.core.levels(market, side) for side in (Side.BUY, Side.SELL))
        return book_json(market, token, bids, asks, self.now_ns() // NS_PER_MS)

    def _post_order(self, ask: Ask) -> Reply:
        return Reply(self._placed(ask, ask.json))

    def _post_orders(self, ask: Ask) -> Reply:
        return Reply([self._tried(ask, item) for item in ask.json])

    def _tried(self, ask: Ask, item: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._placed(ask, item)
        except Refused as e:
            return {"success": True, "errorMsg": e.text, "orderID": "", "status": ""}

    def _placed(self, ask: Ask, item: dict[str, Any]) -> dict[str, Any]:
        row = item["order"]
        new = NewOrder(
            id=f"0x{next(self._numbers):064x}",
            address=ask.address,
            owner=OWNERS[ask.address],
            maker=row["maker"],
            token=row["tokenId"],
            side=Side(row["side"]),
            maker_amount=int(row["makerAmount"]),
            taker_amount=int(row["takerAmount"]),
            order_type=TimeInForce(item.get("orderType", "GTC")),
            post_only=bool(item.get("postOnly")),
        )
        placed = self.core.place(new, self.now_ns())
        row = {"success": True, "errorMsg": "", "orderID": new.id, "makingAmount": "", "takingAmount": ""}
        ids = [trade.id for trade in placed.trades]
        if placed.order.status == "DELAYED":
            return row | {"status": "delayed"}
        return row | ({"status": "matched", "takingAmount": "1", "tradeIDs": ids} if ids else {"status": "live"})

    def _get_dataorders(self, ask: Ask) -> Reply:
        rows = [{"id": order.id} for order in self.core.open_orders(ask.address)]
        return Reply({"limit": 100, "count": len(rows), "next_cursor": "LTE=", "data": rows})

    def _get_datatrades(self, ask: Ask) -> Reply:
        trades = self.core.trades_of(ask.address)
        rows = [{"id": t.id, "taker_order_id": t.taker.order.id, "status": f"TRADE_STATUS_{t.status}"} for t in trades]
        return Reply({"limit": 100, "count": len(rows), "next_cursor": "LTE=", "data": rows})

    def _delete_order(self, ask: Ask) -> Reply:
        named = ask.json.get("orderID") if ask.body and isinstance(ask.json, dict) else ""
        return self._cancelled(ask, [str(named)])

    def _delete_orders(self, ask: Ask) -> Reply:
        return self._cancelled(ask, ask.json)

    def _delete_cancel_all(self, ask: Ask) -> Reply:
        return self._cancelled(ask, [order.id for order in self.core.open_orders(ask.address)])

    def _cancelled(self, ask: Ask, ids: list[str]) -> Reply:
        canceled, not_canceled = self.core.cancel(ask.address, ids, self.now_ns())
        return Reply({"canceled": canceled, "not_canceled": not_canceled})


@attrs.define
class Venue:
    """What a test holds: one market, two wallets (ADDRESS and OTHER_ADDRESS), and a client."""

    core: Exchange
    plan: FaultPlan
    honest: Honest
    mischief: Mischief
    http: httpx.AsyncClient
    sockets: str

    @property
    def yes(self) -> str:
        """Return the YES token."""
        return str(next(iter(self.core.listings.values())).market.yes)

    async def ask(self, method: str, path: str, body: object = None, *, who: str = ADDRESS) -> httpx.Response:
        """Send one request."""
        content = None if body is None else msgspec.json.encode(body)
        with trio.fail_after(10):
            return await self.http.request(method, path, content=content, headers={"POLY_ADDRESS": who})

    def item(self, side: str, price: str, size: str = "10", *, who: str = ADDRESS, **more: Any) -> dict[str, Any]:
        """Return the body of an order."""
        usd, shares = to_units(price) * to_units(size) // 10**6, to_units(size)
        making, taking = (usd, shares) if side == "BUY" else (shares, usd)
        amounts = {"makerAmount": str(making), "takerAmount": str(taking)}
        return {"order": {"tokenId": self.yes, "maker": who, "side": side, **amounts}, **more}

    async def order(
        self, side: str, price: str, size: str = "10", *, who: str = ADDRESS, **more: Any
    ) -> httpx.Response:
        """Send an order."""
        return await self.ask("POST", "/order", self.item(side, price, size, who=who, **more), who=who)

    async def take(self, price: str = "0.5", size: str = "10") -> httpx.Response:
        """Let the other wallet offer, and ADDRESS buy it."""
        assert (await self.order("SELL", price, size, who=OTHER_ADDRESS)).json()["status"] == "live"
        return await self.order("BUY", price, size)

    @asynccontextmanager
    async def market(self, *, custom: bool = True) -> AsyncIterator[Client]:
        """Connect to the market channel and take the first book."""
        first = {"type": "market", "assets_ids": [self.yes], "custom_feature_enabled": custom}
        async with connected(f"{self.sockets}/ws/market", first) as client:
            yield client

    @asynccontextmanager
    async def user(self) -> AsyncIterator[Client]:
        """Connect to the user channel as ADDRESS."""
        async with connected(f"{self.sockets}/ws/user", {"type": "user", "auth": auth()}) as client:
            yield client

    def usd(self, who: str = ADDRESS) -> str:
        """Return a wallet's usd."""
        return to_text(self.core.balance(who))


@asynccontextmanager
async def faulty(terms: Terms | None = None, *, seed: int = 0) -> AsyncIterator[Venue]:
    """Serve the venue while the body runs. Trades are mined 20 ms after their match and confirmed 20 ms later."""
    core = Exchange(terms or Terms(mined_after_ns=20_000_000, confirmed_after_ns=20_000_000), seed=seed)
    market, plan, now_ns = listing(fee_rate=0), FaultPlan(seed), time.time_ns
    core.list_market(market, now_ns())
    for who in OWNERS:
        core.deposit(who, to_units("1000"), now_ns())
        core.split(who, market, to_units("500"), now_ns())
    honest, mischief = Honest(core, now_ns), Mischief(plan, core, now_ns)
    mischief.attach()
    markets, users = MarketSockets(core, now_ns), UserSockets(FakeKeys())
    core.listeners += [markets.hear, users.hear]
    sockets = SocketMischief(mischief, [markets.outlets, users.outlets])

    def answer(request: Request) -> Awaitable[Response | Break]:
        ask = Ask(method=request.method, path=request.path, query_text=request.query, body=request.body)
        return mischief.answer(attrs.evolve(ask, headers=request.headers), honest)

    server = Server(answer, {**markets.sockets(), **users.sockets()})
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        await nursery.start(server.run, listeners)
        await nursery.start(sockets.run)
        nursery.start_soon(_pace, core, now_ns)
        yield Venue(core, plan, honest, mischief, http, f"ws://127.0.0.1:{port}")
        nursery.cancel_scope.cancel()
    assert server.faults == 0
    assert list(core.accounts.faults()) == []


async def _pace(core: Exchange, now_ns: Callable[[], int]) -> None:
    while True:
        core.advance(now_ns())
        await trio.sleep(0.005)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    with trio.fail_after(10):
        while not holds():
            await trio.sleep(0.005)
