"""A venue's market socket, played over memory streams: books for subscriptions, PONG for PING, while told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import trio

from agbot.testing.frames import book
from agbot.testing.peer import Peer, Switchboard

LEVELS: Final = {"0.48": "5"}, {"0.52": "5"}
"""Bids and asks of every book it gives."""


class MarketSocketVenue:
    """Serves every connection to its `board`.

    Attributes:
        peers: the accepted connections, in order.
        heard: what clients asked for, without PINGs.
        gives_books: whether a subscription is answered with books.
        closes_at_once: whether a connection is accepted and then closed.
        refuses: an HTTP answer for those who ask for a socket, empty to accept.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.board = Switchboard()
        self.peers: list[Peer] = []
        self.heard: list[dict[str, Any]] = []
        self.gives_books = True
        self.closes_at_once = False
        self.refuses = b""
        self._now_ms = now_ms

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            async for peer in self.board.calls:
                nursery.start_soon(self._serve, peer)

    async def _serve(self, peer: Peer) -> None:
        try:
            if self.refuses:
                await peer.request()
                await peer.raw(self.refuses)
                await peer.stream.aclose()
                return
            await peer.accept()
            if self.closes_at_once:
                await peer.close(1013, "later")
                return
            self.peers.append(peer)
            while True:
                await self._answer(peer, await peer.receive())
        except (EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client went

    async def _answer(self, peer: Peer, text: str) -> None:
        if text == "PING":
            await peer.send("PONG")
            return
        said = msgspec.json.decode(text)
        self.heard.append(said)
        if self.gives_books and said.get("operation") != "unsubscribe":
            await peer.send(*(book(token, *LEVELS, ms=self._now_ms()) for token in said["assets_ids"]))
