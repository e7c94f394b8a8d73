"""One order with no bot running: the same engine, gate, journal and gateway, for as long as one order takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from agbot.core.book import OrderBook
from agbot.core.limits import OFF
from agbot.errors import TimedOutError
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.market import Market
from agbot.model.order import Order, OrderAck, OrderState
from agbot.run.bot import all_beside, deliver
from agbot.run.embed import Ready
from agbot.run.fence import Fence
from agbot.run.live import read_account
from agbot.run.modes import Trader, live_plan
from agbot.run.plans import Start
from agbot.run.preview import preview
from agbot.run.requests import order_from, token_of
from agbot.run.session import Session, now_ns
from agbot.run.supervise import background
from agbot.shared.watch import watching
from agbot.units import usd_text
from agbot.venue.polymarket.access import Access

BOOK_S: Final = 20.0
"""The market's book has come within this, or nothing is sent."""


async def shown(access: Access, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the order a request describes would do now, by the venue's book; nothing is sent.

    Raises:
        NotFoundError: AGB-414, AGB-416: no such market, or none that trades. ConfigError: AGB-535, AGB-545.
        ExecutionError: the venue could not be asked.
    """
    market = await access.market(str(request["market"]), tradable=True)
    book = await _book(access, market, token_of(request, market))
    found = preview(market, book, _order(request, market, book), now_ns())
    return {**found.json(), "mode": "LIVE", "denied": None}


async def account_shown(trader: Trader, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same, and whose money it would move: wallet, free cash, caps. Raises what the reads raise."""
    wallet = (await trader.signer()).account
    async with trader.connected(wallet) as access:
        account = await read_account(access.clob, access.data, wallet.maker, ())
        facts = {**trader.facts(wallet).json(), "cash_usd": usd_text(account.cash)}
        return {**await shown(access, request), **facts}


async def send_one(start: Start, trader: Trader, fence: Fence, request: Mapping[str, Any]) -> OrderAck:
    """Send one order and return its acknowledgement; what rests stays, nobody is left to cancel it.

    An order without an answer is asked about until its fate is known, or time is up: then the status is UNKNOWN.

    The caller holds the wallet's lock. Raises what `ExecutionEngine.submit_order` raises, and TimedOutError AGB-546.
    """
    settings = start.settings
    quiet = attrs.evolve(settings, strategies=(), killswitch=OFF, live=attrs.evolve(settings.live, heartbeat=False))
    start = attrs.evolve(start, settings=quiet)
    signer = await trader.signer()
    async with watching(start.shared), trader.connected(signer.account) as access:
        market = await access.market(str(request["market"]), tradable=True)
        plan = await live_plan(start, trader, signer, access, [market], fence=fence, alone=False)
        session = Session(plan)
        async with _trading(session):
            book = session.engine.books[token_of(request, market)]
            ack = await session.execution.submit_order(_order(request, market, book))
            return await session.execution.known(ack) if ack.status is OrderState.UNKNOWN else ack


@asynccontextmanager
async def _trading(session: Session) -> AsyncIterator[None]:
    """Run what one order needs while the body runs. No halt and no cancel-all at the end: the order may rest."""
    ready = Ready(session)
    parts = session.parts(ready.observe)
    async with (
        background(parts.store),
        all_beside([session.audit.run, *([session.history.run] if session.history else [])]),
        _ended(session),
        background(parts.engine),
        background(parts.venue_link),
        background(parts.gateway),
        trio.open_nursery() as nursery,
    ):
        for feed in parts.feeds:
            nursery.start_soon(deliver, feed, parts)
        with trio.move_on_after(BOOK_S):
            await ready.event.wait()
        if not ready.event.is_set():
            raise TimedOutError(f"no book within {BOOK_S:g} s: nothing was sent", id="AGB-546", remedy="agbot doctor")
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _ended(session: Session) -> AsyncIterator[None]:
    yield
    session.end("one order")


async def _book(access: Access, market: Market, token: TokenId) -> OrderBook:
    told = await access.clob.book(token)
    book = OrderBook(told.tick or market.tick)
    book.snapshot(told.bids, told.asks, told.ts_ns)
    return book


def _order(request: Mapping[str, Any], market: Market, book: OrderBook) -> Order:
    return order_from(request, market, book, ClientOrderId(f"op-{now_ns()}"))
