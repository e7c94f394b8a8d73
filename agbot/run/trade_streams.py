"""Approved trades over Redis Streams: in by a consumer group, out as decisions and results. Trading never waits for it.

Theory of operation. An entry is acknowledged in the same transaction that tells its decision, and only once the journal
has that on disk. A process that dies before finds the entry pending when it comes back, takes it again, and the desk
answers with what became of it. A result is told until the journal says that it was told. So each is told at least once,
and the later of two about one request is the newer.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
import trio

from agbot.core.approvals import Request
from agbot.core.backoff import Backoff
from agbot.errors import AgbotError, ConfigError
from agbot.log import get_logger
from agbot.run.desk import Desk, decision_json, result_json
from agbot.run.supervise import supervise
from agbot.settings import TradeSettings
from agbot.shared.link import Link, Unreadable
from agbot.telemetry.registry import Registry

if TYPE_CHECKING:
    from redis import Redis

    from agbot.run.session import RunPlan

T = TypeVar("T")
Entry = tuple[str, Mapping[str, str]]

AT_ONCE: Final = 100
LISTEN_MS: Final = 250
"""Of one blocking read: shorter than the link's deadline, and what a stop may wait for."""
CONSUMER: Final = "bot"
"""One bot reads a group, so one name does; see `_own`."""
AGAIN: Final = Backoff(first_s=0.25, longest_s=10.0)

log = get_logger(__name__)


class TradeStreams:
    """The streams of one configuration.

    Args:
        who: this state directory on this machine: the group is its own.
        stopping: whether the bot is asked to end; then nothing more is taken.
    """

    def __init__(
        self,
        link: Link,
        streams: TradeSettings,
        desk: Desk,
        registry: Registry,
        *,
        who: str,
        stopping: Callable[[], bool],
        now_ns: Callable[[], int],
    ) -> None:
        self._link = link
        self._streams = streams
        self._desk = desk
        self._registry = registry
        self._who = who
        self._stopping = stopping
        self._now_ns = now_ns
        self._turn = trio.Lock()
        """Held from looking at results until they are told: none is overtaken by a newer one."""
        self._said = ""

    @classmethod
    def of(
        cls, desk: Desk, plan: RunPlan, registry: Registry, stopping: Callable[[], bool], now_ns: Callable[[], int]
    ) -> TradeStreams | None:
        """Return the streams that a run's configuration names, None without; see `Link.found` for what it raises."""
        redis = plan.settings.redis
        if redis is None or redis.trades is None or plan.onlooker:
            return None
        who = f"{socket.gethostname()}:{plan.state_dir.absolute()}"
        link = Link.found(plain=redis.plain)
        return cls(link, redis.trades, desk, registry, who=who, stopping=stopping, now_ns=now_ns)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take and tell until cancelled. Without Redis it tries again, and the bot trades on."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._again, self._read)
            nursery.start_soon(self._again, self._tell)

    async def _again(self, work: Callable[[], Any]) -> None:
        await supervise(work, lost=Unreadable, backoff=AGAIN, on_loss=self._lost)

    def _lost(self, reason: str) -> None:
        if reason != self._said:
            log.warning("trades.unread", reason=reason, remedy="start Redis, or mend its address; trading goes on")
        self._said = reason

    async def _ask(self, question: Callable[[Redis], T]) -> T:
        return await trio.to_thread.run_sync(self._link.ask, question, abandon_on_cancel=True)

    # -- in --------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Take what was left pending, then what is new, until the bot is asked to stop."""
        await self._ask(self._opened)
        log.info("trades.reading", stream=self._streams.approved, group=self._streams.group)
        self._said = ""
        for stream in self._sources():
            await self._take_pending(stream)
        while not self._stopping():
            for stream, entries in await self._ask(self._new):
                await self._take(stream, entries)
        await trio.sleep_forever()

    def _sources(self) -> list[str]:
        return [name for name in (self._streams.approved, self._streams.opportunities) if name]

    def _opened(self, redis: Redis) -> None:
        """Make the group, from the first entry on: what was approved while nobody listened is late, or is not."""
        self._own(redis)
        for stream in self._sources():
            begin = "0" if self._trades(stream) else "$"
            try:
                redis.xgroup_create(stream, self._streams.group, id=begin, mkstream=True)
            except _answer_no() as e:
                if not str(e).startswith("BUSYGROUP"):
                    raise

    def _own(self, redis: Redis) -> None:
        """Make sure that no other state directory reads the group: it would not know what was asked here."""
        key = f"agbot:{{{self._streams.group}}}:trades"
        redis.set(key, self._who, nx=True)
        owner: Any = redis.get(key)
        if (found := (owner or b"").decode("utf-8", "replace")) != self._who:
            raise Unreadable(
                f"[AGB-654] the group {self._streams.group!r} is read by {found or 'nobody'}, and its request ids are "
                f"known there alone; when that bot is gone for good: redis-cli del '{key}'"
            )

    def _trades(self, stream: str) -> bool:
        return stream == self._streams.approved or self._streams.approve_opportunities

    async def _take_pending(self, stream: str) -> None:
        def claim(redis: Redis) -> list[Any]:
            answer: Any = redis.xautoclaim(
                stream, self._streams.group, CONSUMER, min_idle_time=0, start_id=start, count=AT_ONCE
            )
            return list(answer)

        start = "0-0"
        while True:
            start, entries = (await self._ask(claim))[:2]
            await self._take(stream, [_entry(*each) for each in entries])
            if start in ("0-0", b"0-0"):
                return

    def _new(self, redis: Redis) -> list[tuple[str, list[Entry]]]:
        wanted: Any = dict.fromkeys(self._sources(), ">")
        found: Any = redis.xreadgroup(self._streams.group, CONSUMER, wanted, count=AT_ONCE, block=LISTEN_MS)
        return [(name.decode(), [_entry(*each) for each in entries]) for name, entries in found or ()]

    async def _take(self, stream: str, entries: Sequence[Entry]) -> None:
        """Take entries in their order, and acknowledge them with their decisions."""
        if not entries:
            return
        if not self._trades(stream):
            self._noted(stream, entries)
            await self._ask(lambda redis: redis.xack(stream, self._streams.group, *[name for name, _ in entries]))
            return
        answers = [self._answer(stream, entry, fields) for entry, fields in entries]
        async with self._turn:
            known = [await self._desk.known(a.request_id) if a.request_id else None for a in answers]
            await self._ask(partial(self._told, stream=stream, rows=list(zip(answers, known, strict=True))))
            self._desk.told([request for request in known if request])

    def _noted(self, stream: str, entries: Sequence[Entry]) -> None:
        self._registry.counter("trades.opportunities", stream=stream).add(len(entries))
        for entry, fields in entries:
            log.info(
                "trades.opportunity", stream=stream, entry=entry, fields={k[:64]: v[:200] for k, v in fields.items()}
            )

    def _answer(self, stream: str, entry: str, fields: Mapping[str, str]) -> _Answer:
        message = fields if stream == self._streams.approved else {"source": stream, **fields}
        try:
            taken = self._desk.take(message)
        except ConfigError as e:
            log.warning("trades.malformed", stream=stream, entry=entry, field=e.key, reason=e.reason)
            return _Answer(entry, error=f"{e.key}: {e.reason}")
        except AgbotError as e:  # no room: nothing was taken, and the program may ask again
            return _Answer(entry, error=f"[{e.id}] {e.reason}", named=fields.get("request_id", ""))
        self._registry.counter("trades.taken", repeated=str(taken.repeated).lower()).add(1)
        return _Answer(entry, request_id=taken.request_id, differs=taken.differs)

    # -- out -------------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        """Tell what became of trades, each time that it changes."""
        while True:
            await self._desk.news()
            async with self._turn:
                requests = await self._desk.untold(AT_ONCE)
                await self._ask(partial(self._told, stream="", rows=[(None, request) for request in requests]))
                self._desk.told(requests)

    def _told(self, redis: Redis, stream: str, rows: Sequence[tuple[_Answer | None, Request | None]]) -> None:
        now_ns, streams = self._now_ns(), self._streams
        pipe = redis.pipeline(transaction=True)
        for answer, request in rows:
            if answer is not None and request is not None:
                fields = _flat(decision_json(request, now_ns)) | answer.fields()
                pipe.xadd(streams.decisions, fields, maxlen=streams.keep, approximate=True)
            result = result_json(request, now_ns) if request else {}
            row = _flat(result) | (answer.fields() if answer else {})
            pipe.xadd(streams.results, row, maxlen=streams.keep, approximate=True)
            if answer is not None:
                pipe.xack(stream, streams.group, answer.entry)
        pipe.execute()


@attrs.frozen
class _Answer:
    """What an entry was answered: a request, or an error of one that could not be taken."""

    entry: str
    request_id: str = ""
    differs: tuple[str, ...] = ()
    error: str = ""
    named: str = ""

    def fields(self) -> dict[str, str]:
        """Return what is told beside decision and result."""
        if self.request_id:
            return {"entry": self.entry, **({"differs": ", ".join(self.differs)} if self.differs else {})}
        return {
            "request_id": self.named,
            "status": "rejected",
            "final": "true",
            "error": self.error,
            "entry": self.entry,
        }


def _entry(name: bytes, fields: Mapping[bytes, bytes] | None) -> Entry:
    told = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in (fields or {}).items()}
    return name.decode(), told


def _flat(told: Mapping[str, Any]) -> dict[Any, Any]:
    """Return plain values as a stream keeps them: text."""
    return {name: _text(value) for name, value in told.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _answer_no() -> type[Exception]:
    from redis import ResponseError  # noqa: PLC0415 - an extra

    return ResponseError
