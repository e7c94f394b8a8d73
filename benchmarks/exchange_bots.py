"""Bots that load the exchange: each places orders at a rate, cancels old ones, and holds a user and a market socket.

A bot buys one outcome until it holds enough of it, then sells it again; as it is on one side of the book at a time, it
never meets its own orders. Bots of the same market are on both sides.
"""

from __future__ import annotations

import json
import math
import random
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs
import msgspec
import trio

from agbot.model.order import Side
from agbot.units import SCALE, complement
from agbot.venue.polymarket.compose import Terms
from agbot.venue.polymarket.wire.public import decode_clob_market
from agbot.web.socket import Socket, open_socket
from benchmarks.exchange_client import Pipe, Trader
from benchmarks.exchange_view import BookView, OrdersView

KEPT_OPEN: Final = 10
"""Orders a bot leaves in the book; with one more, the oldest goes."""
CROSSING: Final = 0.1
"""The part of orders that is priced through the middle."""
THROUGH_TICKS: Final = 3
DEEP_TICKS: Final = 10
ENOUGH: Final = 1_000 * SCALE
"""Shares; half of what a wallet's grant buys at the middle: with fewer, changing sides is all it does at high rates."""
LOW, HIGH = SCALE * 3 // 10, SCALE * 7 // 10
"""Five shares are never less than the dollar that a marketable BUY must be worth."""
CANCELS_WAITING: Final = 1000
PING_S: Final = 10.0
FLIP_S: Final = 60.0


@attrs.frozen
class Place:
    """Where the exchange is, and the market a bot trades in."""

    urls: dict[str, str]
    condition: str
    yes: str
    no: str


class Bot:
    """One client with two connections, two sockets, and its view of what happened."""

    def __init__(self, number: int, place: Place) -> None:
        self.trader = Trader(number)
        self.place = place
        self.favours_yes = number % 2 == 0
        self.token = place.yes if self.favours_yes else place.no
        self.dice = random.Random(number)
        self.orders = Pipe(place.urls["clob"])
        self.book = BookView(place.yes)
        self.buys = True
        self.stopped = False
        """Set from outside: it places no more, and ends `trade` at its next order."""
        self.skipped = 0
        self.latencies = array("d")
        self.cancel_latencies = array("d")
        self.refusals: Counter[str] = Counter()
        self.lost: list[str] = []
        self._cancelling: set[str] = set()
        self._to_cancel, self._cancels = trio.open_memory_channel[str](CANCELS_WAITING)
        self._selling: Counter[str] = Counter()
        self.view: OrdersView
        self.terms: Terms

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Log in and hold both sockets until cancelled."""
        await self.trader.log_in(self.orders)
        self.view = OrdersView(self.trader.creds.key)
        _, raw = await self.orders.ask("GET", f"/clob-markets/{self.place.condition}")
        self.terms = Terms.of(decode_clob_market(raw))
        self.size = max(self.terms.min_size, 5 * SCALE)
        urls = self.place.urls
        async with open_socket(urls["user_socket"]) as user, open_socket(urls["market_socket"]) as market:
            await user.send(json.dumps({"type": "user", "auth": self.trader.auth, "markets": []}))
            await market.send(json.dumps({"type": "market", "assets_ids": [self.place.yes]}))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear, user, self.view.take)
                nursery.start_soon(self._hear, market, self.book.take)
                nursery.start_soon(self._ping, user, market)
                nursery.start_soon(self._cancel)
                task_status.started()

    async def _hear(self, socket: Socket, take: Callable[[bytes], None]) -> None:
        while True:
            for frame in await socket.receive():
                take(frame)

    async def _ping(self, *sockets: Socket) -> None:
        while True:
            await trio.sleep(PING_S)
            for socket in sockets:
                await socket.send("PING")

    # ------------------------------------------------------------ trading

    async def trade(self, rate: float, until: float) -> None:
        """Place `rate` orders a second until then. An answer that comes late delays the next order, and counts for it.

        The clock of an answer starts when its order was due, or when this bot woke up for it if it was not late. Orders
        that were due while it changed sides are left out, and counted as `skipped`.
        """
        due = trio.current_time() + self.dice.random() / rate
        while due < until and not self.stopped:
            if self._has_enough():
                await self._flip()
                missed = max(0, math.ceil((trio.current_time() - due) * rate))
                self.skipped += missed
                due += missed / rate
            began = due
            if trio.current_time() < due:
                await trio.sleep_until(due)
                began = trio.current_time()
            if await self.post():
                self.latencies.append(trio.current_time() - began)
            due += 1 / rate

    async def post(self) -> bool:
        """Place one order; return whether it was acknowledged."""
        side, price = self._choice()
        order_id, body = self.trader.order(self.token, side, price, self.size, self.terms)
        if side is Side.SELL:
            self._selling[order_id] = self.size
        status, said = await self.trader.call(self.orders, "POST", "/order", body)
        if status != 200 or not said.get("success"):
            self.refusals[f"{status} {_words(said)}"] += 1
            self._selling.pop(order_id, None)
            return False
        if said["orderID"] != order_id:
            self.lost.append(f"{order_id} was answered as {said['orderID']}")
        self.view.accepted.add(order_id)
        self._cancelling &= self.view.open.keys()
        if len(self.view.open) - len(self._cancelling) > KEPT_OPEN:
            self._take_off_oldest()
        return True

    def _choice(self) -> tuple[Side, int]:
        tick = self.terms.tick
        crossing = self.dice.random() < CROSSING
        ticks = THROUGH_TICKS if crossing else -self.dice.randrange(1, DEEP_TICKS + 1)
        up = self.buys == self.favours_yes  # it adds to the bids of YES
        yes_price = self.book.middle(tick) + (ticks if up else -ticks) * tick
        yes_price = min(max(yes_price, LOW), HIGH) // tick * tick
        return Side.BUY if self.buys else Side.SELL, yes_price if self.favours_yes else complement(yes_price)

    def _has_enough(self) -> bool:
        held = self.view.shares[self.token]
        if self.buys:
            return held >= ENOUGH
        for order_id in [o for o in self._selling if o not in self.view.open and o in self.view.placed]:
            del self._selling[order_id]
        return held - self._selling.total() < self.size

    async def _flip(self) -> None:
        """Take everything off and change sides."""
        with trio.fail_after(FLIP_S):
            while self.view.open:
                self._take_off_oldest()
                await trio.sleep(0.002)
        self.buys = not self.buys
        self._selling.clear()

    def _take_off_oldest(self) -> None:
        oldest = next((order_id for order_id in self.view.open if order_id not in self._cancelling), None)
        if oldest is not None:
            self._cancelling.add(oldest)
            self._to_cancel.send_nowait(oldest)

    async def _cancel(self) -> None:
        pipe = Pipe(self.place.urls["clob"])
        async for order_id in self._cancels:
            began = trio.current_time()
            body = msgspec.json.encode({"orderID": order_id})
            status, said = await self.trader.call(pipe, "DELETE", "/order", body)
            if status == 200:
                self.cancel_latencies.append(trio.current_time() - began)
                self.view.cancel_told.update(said["canceled"])
                self._cancelling.difference_update(said["not_canceled"])  # delayed, say: it is tried again
            else:
                self.refusals[f"{status} {_words(said)}"] += 1

    async def differences(self, ledger: dict[str, Any]) -> list[str]:
        """Return in words what this bot missed or was told twice, once everything is quiet."""
        _, raw = await self.orders.ask("GET", f"/book?token_id={self.place.yes}")
        found = self.view.differences(self.trader.address, ledger) + self.book.differences(raw) + self.lost
        return [f"{self.trader.address[:8]}: {what}" for what in found]


def _words(said: Any) -> str:
    told = said.get("error") or said.get("errorMsg") if isinstance(said, dict) else said
    return str(told)[:60]
