"""The one thread that writes: it gathers rows, commits them, and holds them on the disk while the database is away.

A row is acknowledged when it is committed, or on the disk; not before. What had no answer is told again, and is one row
all the same. While something is held, what comes goes behind it: rows reach the database in the order they were told.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Final, NamedTuple

import attrs

from agbot.errors import StoreError
from agbot.log import get_logger
from agbot.secrets import Secret
from agbot.store.postgres.link import Away, Refused, Unready
from agbot.store.postgres.session import Session
from agbot.store.postgres.spill import Spill
from agbot.store.postgres.tables import Batch

LINGER_S: Final = 0.2
"""How long rows that nobody waits for gather."""
BATCH_ROWS: Final = 5_000
"""So many rows go at once."""
QUEUE_ROWS_MAX: Final = 50_000
REPLAY_ROWS: Final = 20_000
RETAIN_S: Final = 3_600.0
RETRY_MIN_S: Final = 0.1
RETRY_MAX_S: Final = 5.0

_log = get_logger(__name__)


@attrs.frozen
class Health:
    """How the writer is: `reason` says why the database is away; rows are those in the spill, or that went from it."""

    connected: bool
    reason: str = ""
    held_rows: int = 0
    held_bytes: int = 0
    dropped_metrics: int = 0
    set_aside: int = 0


class _Work(NamedTuple):
    batch: Batch
    done: Future[None]


class Worker:
    """The thread. `put` may be called from any other.

    Args:
        dsn: the database.
        spill: where rows wait; without one they fail while the database is away.
        session: a connection that is open already.
    """

    def __init__(self, dsn: Secret, spill: Spill | None = None, session: Session | None = None) -> None:
        self._dsn, self._spill, self._session = dsn, spill, session
        self._queue: list[_Work] = []
        self._rows = 0
        self._gathering_since = 0.0
        self._urgent = self._closing = False
        self._changed = threading.Condition()
        self._failures = 0
        self._retry_at = self._retain_at = 0.0
        self._reason = ""
        self._working: list[_Work] = []
        self._thread = threading.Thread(target=self._run, name="agbot-postgres", daemon=True)
        self._thread.start()

    @property
    def health(self) -> Health:
        """Return how it is now."""
        spill, connected = self._spill, self._session is not None
        if spill is None:
            return Health(connected, self._reason)
        return Health(connected, self._reason, spill.rows, spill.bytes, spill.dropped, spill.set_aside)

    def put(self, batch: Batch, *, urgent: bool) -> Future[None]:
        """Queue rows; wait while the queue is full. The future fails with StoreError when they are not stored.

        Args:
            batch: clean rows.
            urgent: whether somebody waits for them; else they gather for `LINGER_S`.

        Raises:
            StoreError: AGB-918 it is closed.
        """
        work = _Work(batch, Future())
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._queue or self._rows < QUEUE_ROWS_MAX)
            if self._closing:
                raise StoreError("the store is closed", id="AGB-918", remedy="open it again")
            if not self._queue:
                self._gathering_since = time.monotonic()
            self._queue.append(work)
            self._rows += len(batch)
            self._urgent |= urgent
            self._changed.notify_all()
        return work.done

    def close(self) -> None:
        """Store or hold what is queued, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while (work := self._take()) is not None:
                self._working = work
                self._write(work)
                self._working = []
                self._replay()
                self._retain()
        except BaseException as e:
            self._die(e)
            raise
        finally:
            self._drop_session()
            if self._spill is not None:
                self._spill.close()

    def _take(self) -> list[_Work] | None:
        """Wait for something to do; return what is queued, None at the end."""
        with self._changed:
            while (wait_s := self._idle_s()) > 0:
                self._changed.wait(wait_s)
            if self._closing and not self._queue:
                return None
            work, self._queue = self._queue, []
            self._rows, self._urgent = 0, False
            self._changed.notify_all()
            return work

    def _idle_s(self) -> float:
        """Return for how many seconds there is nothing to do."""
        now = time.monotonic()
        if self._closing or self._urgent or self._rows >= BATCH_ROWS:
            return 0.0
        due = [self._retain_at]
        if self._queue:
            due.append(self._gathering_since + LINGER_S)
        if self._behind:
            due.append(self._retry_at)
        return min(due) - now

    @property
    def _behind(self) -> bool:
        return self._spill is not None and self._spill.rows > 0

    def _write(self, work: list[_Work]) -> None:
        if not work:
            return
        try:
            if self._behind:
                raise Away(self._reason)
            self._commit(_merged(work))
        except Refused as e:
            self._each(work, e)
        except (Away, Unready) as e:
            self._hold(work, e)
        else:
            _acknowledge(work)

    def _each(self, work: list[_Work], error: Refused) -> None:
        """Say no to the one whose row it is, and store the others'."""
        if len(work) == 1:
            work[0].done.set_exception(error)
            return
        for one in work:
            self._write([one])

    def _hold(self, work: list[_Work], error: StoreError) -> None:
        try:
            if self._spill is None:
                raise error
            self._spill.hold(_merged(work))
        except StoreError as e:
            if self._spill is not None and len(work) > 1:  # those that have room
                for one in work:
                    self._hold([one], error)
                return
            _log.error("postgres.not_stored", rows=sum(len(one.batch) for one in work), reason=str(e))
            _fail(work, e)
        else:
            _acknowledge(work)

    def _replay(self) -> None:
        if self._spill is None or not self._spill.rows or time.monotonic() < self._retry_at:
            return
        try:
            if held := self._spill.oldest(REPLAY_ROWS):
                self._sift(held.batch, self._spill)
                self._spill.release(held.records)
                if not self._spill.rows:
                    _log.info("postgres.caught_up")
        except (Away, Unready):
            return  # said already, and due again
        except StoreError as e:
            self._failed(e)

    def _sift(self, batch: Batch, spill: Spill) -> None:
        """Store what the database takes of a batch, and set aside what it does not."""
        try:
            self._commit(batch)
        except Refused as e:
            if len(batch) > 1:
                for half in _halves(batch):
                    self._sift(half, spill)
            elif batch.executions:
                spill.keep_refused(batch.executions, e.reason)
            else:
                spill.count_refused(1)

    def _commit(self, batch: Batch) -> None:
        was_open = self._session is not None
        try:
            self._attempt(batch)
        except Away:  # a server that was started anew has only lost the connection
            if not was_open:
                raise
            self._attempt(batch)
        self._failures, self._reason = 0, ""

    def _attempt(self, batch: Batch) -> None:
        if self._session is None and time.monotonic() < self._retry_at:
            raise Away(self._reason)
        try:
            if self._session is None:
                self._session = Session(self._dsn)
                _log.info("postgres.connected")
            self._session.store(batch)
        except (Away, Unready) as e:
            self._failed(e)
            raise

    def _failed(self, error: StoreError) -> None:
        self._drop_session()
        reason = error.why if isinstance(error, Away) else error.reason
        if reason != self._reason:
            _log.warning("postgres.away", reason=reason)
        self._reason = reason
        wait_s = min(RETRY_MAX_S, RETRY_MIN_S * 2**self._failures) if self._failures else 0.0
        self._retry_at = time.monotonic() + wait_s
        self._failures = min(self._failures + 1, 10)

    def _retain(self) -> None:
        if self._session is None or time.monotonic() < self._retain_at:
            self._retain_at = max(self._retain_at, time.monotonic() + RETRY_MAX_S)
            return
        self._retain_at = time.monotonic() + RETAIN_S
        try:
            self._session.retain()
        except StoreError as e:
            self._failed(e)

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _die(self, error: BaseException) -> None:
        with self._changed:
            self._closing = True
            left, self._queue = [*self._working, *self._queue], []
            self._changed.notify_all()
        failure = StoreError(f"the writer ended: {error!r}", id="AGB-918", remedy="start again, and report it")
        _fail([one for one in left if not one.done.done()], failure)


def _merged(work: list[_Work]) -> Batch:
    if len(work) == 1:
        return work[0].batch
    metrics = [row for one in work for row in one.batch.metrics]
    return Batch(metrics, [row for one in work for row in one.batch.executions])


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    metrics, executions = batch
    if metrics and executions:
        return Batch(metrics, []), Batch([], executions)
    m, e = len(metrics) // 2, len(executions) // 2
    return Batch(metrics[:m], executions[:e]), Batch(metrics[m:], executions[e:])


def _acknowledge(work: list[_Work]) -> None:
    for one in work:
        one.done.set_result(None)


def _fail(work: list[_Work], error: StoreError) -> None:
    for one in work:
        one.done.set_exception(error)
