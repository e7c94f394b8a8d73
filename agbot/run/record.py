"""`agbot record`: the feeds of a run without a bot, every frame kept, and how it stands once a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import attrs
import trio

from agbot import __version__
from agbot.errors import ConfigError, TimedOutError
from agbot.model.events import MarketResolved
from agbot.model.market import Market
from agbot.run.bot import Service, Stop, signals
from agbot.run.frames import FrameShell
from agbot.run.modes import connected, feed_of
from agbot.run.references import reference_feeds
from agbot.run.session import now_ns
from agbot.run.supervise import background
from agbot.settings import Settings
from agbot.store.packing import Packer
from agbot.store.received import RTDS
from agbot.store.recorder import Bounds, FrameRecorder
from agbot.venue.polymarket.access import Access
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.rtds import RtdsSession
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.venue.polymarket.topics import MARKET_TOPIC, USER_TOPIC, Topic

FIND_S: Final = 30.0
"""For the venue to name the markets."""


@attrs.frozen(kw_only=True)
class RecordPlan:
    """What to record, where to, and until when.

    Args:
        markets: by slug, condition id, token or page, beside those of the configuration.
        busiest: also the market that is traded most.
        topics: of RTDS, beside those of the configuration.
        duration_s: None records until it is stopped.
        every_s: seconds between two looks.
    """

    settings: Settings
    directory: Path
    packer: Packer
    markets: Sequence[str] = ()
    busiest: bool = False
    topics: Sequence[Topic] = ()
    bounds: Bounds = attrs.field(factory=Bounds)
    duration_s: float | None = None
    every_s: float = 1.0


@attrs.frozen(kw_only=True)
class Standing:
    """How a recorder stands: counts since it began, `rate` in frames a second since the last look, bytes."""

    elapsed_s: float
    frames: int
    rate: float
    received: int
    stored: int
    segments: int
    missed: int
    free: int
    sockets: int
    sockets_lost: int
    codec: str

    @property
    def ratio(self) -> float:
        """Return how many received bytes one byte on disk holds, 0 when nothing is stored."""
        return self.received / self.stored if self.stored else 0.0


Tell = Callable[[Standing], None]


async def record(plan: RecordPlan, begun: Callable[[FrameRecorder], None], tell: Tell) -> tuple[str, Standing]:
    """Record until a signal, the end of `duration_s`, or a full folder; returns why it ended, and the last standing.

    Raises:
        ConfigError: AGB-920 the folder cannot be used, AGB-927 nothing to record, AGB-928 frames of one's own account.
        NotFoundError: AGB-414 no such market.
        TimedOutError: AGB-453 the venue did not name the markets in time.
        StoreError: AGB-921 the disk is nearly full, AGB-929 it failed.
        ExceptionGroup: of VenueForbidden when the venue refuses sockets.
    """
    _check(plan)
    stop = Stop()
    async with connected(plan.settings, Credentials()) as access, background(signals(stop)):
        markets = await _markets(plan, access)
        recorder = FrameRecorder(
            plan.directory,
            markets=markets,
            packer=plan.packer,
            now_ns=now_ns,
            version=__version__,
            bounds=plan.bounds,
        )
        shell = FrameShell(recorder)
        looks = _Looks(plan, recorder, _feeds(plan, markets, access, shell))
        async with background(shell.run):
            begun(recorder)
            async with AsyncExitStack() as running:
                for feed in looks.feeds:
                    await running.enter_async_context(background(feed.run))
                    await running.enter_async_context(background(_drained(feed, recorder)))
                await _until(plan, stop, shell, lambda: tell(looks.look()))
    return stop.reason, looks.last()


def _check(plan: RecordPlan) -> None:
    if any(topic.name == USER_TOPIC for topic in plan.topics):
        remedy = "leave it out: agbot run keeps your orders in its journal"
        raise ConfigError("frames of your own account are not recorded", id="AGB-928", key="--topic", remedy=remedy)
    about_markets = plan.markets or plan.busiest or plan.settings.markets
    wanted = [topic for topic in plan.topics if topic.name != MARKET_TOPIC]
    if not about_markets and not wanted and not reference_feeds(plan.settings, now_ns):
        remedy = "--market SLUG, --busiest, --topic crypto_prices, or markets: in the configuration"
        raise ConfigError("there is nothing to record", id="AGB-927", remedy=remedy)


async def _markets(plan: RecordPlan, access: Access) -> tuple[Market, ...]:
    names = dict.fromkeys((*plan.markets, *plan.settings.markets))
    with trio.move_on_after(FIND_S) as late:
        found = [await access.market(name) for name in names]
        found += [await access.busiest_market()] if plan.busiest else []
    if late.cancelled_caught:
        reason = f"no answer from {access.hosts.gamma} or {access.hosts.clob} within {FIND_S:g} s"
        raise TimedOutError(reason, id="AGB-453", remedy="agbot doctor says which of them cannot be reached")
    return tuple({market.id: market for market in found}.values())


def _feeds(
    plan: RecordPlan, markets: Sequence[Market], access: Access, shell: FrameShell
) -> list[PolymarketFeed | ReferenceFeed]:
    feeds: list[PolymarketFeed | ReferenceFeed] = []
    if markets:
        feeds.append(feed_of(plan.settings, markets, access, shell))
    feeds += reference_feeds(plan.settings, now_ns, opens=shell.opener)
    if plan.topics:
        tokens = [token for market in markets for token in (market.yes, market.no)]
        session = RtdsSession(plan.topics, tokens=tokens)
        feeds.append(ReferenceFeed(session, access.hosts.rtds, now_ns, open_=shell.opener(RTDS)))
    return feeds


def _drained(feed: PolymarketFeed | ReferenceFeed, recorder: FrameRecorder) -> Service:
    async def run(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take what the feed says: the frames are kept already, only a market's end may have come another way."""
        task_status.started()
        async for batch in feed.batches():
            for event in batch:
                if isinstance(event, MarketResolved):
                    recorder.resolved(event)

    return run


async def _until(plan: RecordPlan, stop: Stop, shell: FrameShell, look: Callable[[], None]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_looking, plan.every_s, look)
        nursery.start_soon(_when_full, shell, stop, plan.bounds)
        with trio.move_on_after(float("inf") if plan.duration_s is None else plan.duration_s) as scope:
            await stop.wait()
        if scope.cancelled_caught:
            stop.ask(f"{plan.duration_s:g} s are over")
        nursery.cancel_scope.cancel()


async def _looking(every_s: float, look: Callable[[], None]) -> None:
    while True:
        await trio.sleep(every_s)
        look()


async def _when_full(shell: FrameShell, stop: Stop, bounds: Bounds) -> None:
    await shell.full.wait()
    stop.ask(f"the folder has {bounds.size_max} bytes")


class _Looks:
    """Looks at a recorder. The last look is over the whole time."""

    def __init__(
        self, plan: RecordPlan, recorder: FrameRecorder, feeds: Sequence[PolymarketFeed | ReferenceFeed]
    ) -> None:
        self.feeds = feeds
        self._recorder = recorder
        self._codec = plan.packer.name
        self._began_s = self._last_s = trio.current_time()
        self._counted = 0

    def last(self) -> Standing:
        """Return how it stood in the end, its rate over all the time."""
        self._counted, self._last_s = 0, self._began_s
        return self.look()

    def look(self) -> Standing:
        """Return how it stands."""
        written, now_s = self._recorder.written, trio.current_time()
        rate = (written.frames - self._counted) / max(now_s - self._last_s, 1e-9)
        self._counted, self._last_s = written.frames, now_s
        links = [link for feed in self.feeds for link in feed.links()]
        return Standing(
            elapsed_s=now_s - self._began_s,
            frames=written.frames,
            rate=rate,
            received=written.received,
            stored=written.stored,
            segments=written.segments,
            missed=written.missed,
            free=self._recorder.free(),
            sockets=sum(link.connects > link.losses for link in links),
            sockets_lost=sum(link.losses for link in links),
            codec=self._codec,
        )
