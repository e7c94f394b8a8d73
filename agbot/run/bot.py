"""The nursery tree. Lexical nesting of `async with` is both supervision and shutdown order: read it inside out."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from agbot.core.backoff import Backoff
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.errors import VenueUnavailable
from agbot.log import get_logger
from agbot.model.events import Event, HaltRequested, LinkDown, LinkUp, MarketData
from agbot.run.inbox import Inbox
from agbot.run.supervise import Backstop, background, doubt_told, flat_on_exit, supervise
from agbot.venue.ports import Feed, LinkedFeed, VenueAdapter

BACKSTOP_S: Final = 5.0
DRAIN_S: Final = 3.0
PUSH_S: Final = 1.0

Service = Callable[..., Awaitable[Any]]

log = get_logger(__name__)


class Stop:
    """Why and when the bot ends. The first request is polite; a second one skips the drain, never the backstop."""

    def __init__(self) -> None:
        self.reason = ""
        self._asked = trio.Event()
        self._hurry = trio.CancelScope()

    def ask(self, reason: str) -> None:
        """Request the end, or hurry it when it was requested before."""
        if self._asked.is_set():
            self._hurry.cancel()
        else:
            self.reason = reason
            self._asked.set()

    async def wait(self) -> None:
        """Return when the end was requested."""
        await self._asked.wait()

    async def drain(self, flat: trio.Event) -> bool:
        """Wait until nothing of ours is live, at most `DRAIN_S` seconds; returns whether that was seen."""
        with self._hurry:
            with trio.move_on_after(DRAIN_S):
                await flat.wait()
        return flat.is_set()


class Flat:
    """Observer of the engine: set once it has halted and no order of ours is live."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.event = trio.Event()

    def observe(self, _batch: list[Event], _step: Step) -> None:
        """Look after each step."""
        if self._engine.halted and next(self._engine.oms.all_live(), None) is None:
            self.event.set()


@attrs.frozen(kw_only=True)
class Parts:
    """What the tree is made of; built by `agbot.run.session`, or by a test with doubles."""

    store: Service
    beside: Sequence[Service]
    push: Service
    end_push: Callable[[], None]
    on_end: Callable[[str], None]
    engine: Service
    venue_link: Service
    venue: VenueAdapter
    gateway: Service
    control: Service
    clock: Callable[[], Awaitable[None]]
    feeds: Sequence[Feed]
    on_market: Callable[[Sequence[MarketData]], None]
    inbox: Inbox
    stop: Stop
    flat: Flat
    now_ns: Callable[[], int]
    duration_s: float = float("inf")


async def bot(parts: Parts) -> str:
    """Run until asked to stop, or until something breaks; returns the reason of an orderly stop.

    Raises:
        NotFlatError: AGB-547, it stopped, and the venue was not seen to hold no order; beside what broke, if anything.
    """
    backstop = Backstop()
    async with (
        doubt_told(backstop),
        background(parts.store),
        background(signals(parts.stop)),
        all_beside(parts.beside),
        background(parts.push, ask=parts.end_push, grace_s=PUSH_S),
        ended_in_order(parts),
        background(parts.engine),
        background(parts.venue_link),
        flat_on_exit(parts.venue, backstop, grace_s=BACKSTOP_S),
        background(parts.gateway),
    ):
        await _trade(parts)
        await _halt(parts)
    return parts.stop.reason


@asynccontextmanager
async def all_beside(services: Sequence[Service]) -> AsyncIterator[None]:
    """Run services beside the body; all are cancelled when it ends."""
    async with trio.open_nursery() as nursery:
        for service in services:
            await nursery.start(service)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def ended_in_order(parts: Parts) -> AsyncIterator[None]:
    """Say why the run ended, once the engine inside has stopped; silent after an error."""
    yield
    parts.on_end(parts.stop.reason)


async def _trade(parts: Parts) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(parts.control)
        nursery.start_soon(parts.clock)
        for feed in parts.feeds:
            nursery.start_soon(_supervised, feed, parts)
        with trio.move_on_after(parts.duration_s) as scope:
            await parts.stop.wait()
        if scope.cancelled_caught:
            parts.stop.ask(f"--duration {parts.duration_s:g} s is over")
        nursery.cancel_scope.cancel()


async def _halt(parts: Parts) -> None:
    log.info("bot.halting", reason=parts.stop.reason)
    parts.inbox.send_urgent(HaltRequested(parts.stop.reason, parts.now_ns()))
    if not await parts.stop.drain(parts.flat.event):
        log.critical("bot.not_flat", remedy="the backstop cancels again now", drain_s=DRAIN_S)


async def _supervised(feed: Feed, parts: Parts) -> None:
    def lost(reason: str) -> None:
        log.warning("feed.lost", feed=feed.name, reason=reason)
        # Behind what the link delivered: a snapshot that waits would make the book trusted again.
        parts.inbox.append([LinkDown(feed.name, reason, parts.now_ns())])

    await supervise(lambda: deliver(feed, parts), lost=VenueUnavailable, backoff=Backoff(), on_loss=lost)
    if not parts.stop.reason:  # a second request would hurry the drain
        parts.stop.ask(f"feed {feed.name} ended")


async def deliver(feed: Feed, parts: Parts) -> None:
    """Bring a feed's batches to whoever watches the market and to the engine, until it ends or is lost."""
    if isinstance(feed, LinkedFeed):
        async with background(feed.run):
            await _deliver(feed, parts)
    else:
        await parts.inbox.send([LinkUp(feed.name, parts.now_ns())])
        await _deliver(feed, parts)


async def _deliver(feed: Feed, parts: Parts) -> None:
    async for batch in feed.batches():
        parts.on_market(batch)
        await parts.inbox.send(batch)


def signals(stop: Stop) -> Service:
    """Return the service that turns SIGINT, SIGTERM and SIGHUP into requests to stop."""

    async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                stop.ask(signal.Signals(number).name)

    return run
