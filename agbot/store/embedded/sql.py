"""Questions of a person's own in SQL, over the files of a history: read, bounded in time, and nothing else."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from agbot.errors import ConfigError, StoreError, TimedOutError
from agbot.store.embedded.chunks import rows_of
from agbot.store.embedded.schema import EXECUTIONS_NAME, METRICS_NAME, open_to_read, reported

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
STEPS_A_LOOK: Final = 10_000
"""SQLite's own steps between two looks at the clock: a few hundred microseconds."""

_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, getattr(sqlite3, "SQLITE_RECURSIVE", 33)}
)
_VIEWS: Final = (
    """create temp view metrics as select s.name, s.labels, json_extract(o.value, '$[0]') as ts_ns,
    json_extract(o.value, '$[1]') as value
    from m.series s join m.chunk c on c.series = s.id, json_each(observations(c.form, c.body)) o""",
    *(
        f"""create temp view metrics_{short} as select s.name, s.labels, r.ts as ts_ns, r.observed, r.minimum,
        r.maximum, r.total / r.observed as mean, r.last from m.series s join m.{table} r on r.series = s.id"""  # noqa: S608
        for short, table in (("1m", "minute"), ("1h", "hour"))
    ),
)
TABLES: Final = ("orders", "fills", "positions", "markets", "metrics", "metrics_1m", "metrics_1h")
"""What can be asked of."""


class Answer:
    """What a question found: the columns, and the rows one after the other."""

    def __init__(self, cursor: sqlite3.Cursor, deadline_s: float) -> None:
        self.columns = [name for name, *_ in cursor.description or ()]
        self._cursor = cursor
        self._deadline_s = deadline_s

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        with _told(self._deadline_s):
            yield from self._cursor


@contextmanager
def ask(history: Path, question: str, deadline_s: float, names: Mapping[str, str] = NOBODY) -> Iterator[Answer]:
    """Ask one question in SQL of the tables `TABLES`; it is broken off `deadline_s` seconds from now.

    Args:
        names: what the markets are called, by id: the table `markets`.

    Raises:
        ConfigError: AGB-903, it is not SQL, or does not only read. TimedOutError: AGB-904.
        NotFoundError: AGB-905, there is no history. StoreError: AGB-901, AGB-902.
    """
    db = _opened(history, names)
    try:
        ends = time.monotonic() + deadline_s
        db.set_progress_handler(lambda: time.monotonic() > ends, STEPS_A_LOOK)
        with _told(deadline_s):
            cursor = db.execute(question)
        if cursor.description is None:
            raise _refused("it asks for nothing")
        yield Answer(cursor, deadline_s)
    finally:
        db.close()


def _opened(history: Path, names: Mapping[str, str]) -> sqlite3.Connection:
    open_to_read(history / METRICS_NAME).close()  # is it there, and of a version that is known?
    db = open_to_read(history / EXECUTIONS_NAME)
    try:
        with reported(history):
            db.execute("pragma query_only=0")  # for the views, which are this connection's own
            db.create_function("observations", 2, _observations, deterministic=True)
            db.execute("attach ? as m", (f"{(history / METRICS_NAME).absolute().as_uri()}?mode=ro",))
            for view in _VIEWS:
                db.execute(view)
            db.execute("create temp table markets (market text primary key, name text not null)")
            db.executemany("insert into markets values (?, ?)", names.items())
            db.execute("pragma query_only=1")
    except StoreError:
        db.close()
        raise
    db.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
    return db


def _observations(form: int, body: bytes) -> str:
    return json.dumps(rows_of(form, body).tolist())


@contextmanager
def _told(deadline_s: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as e:
        if str(e) == "interrupted":
            raise TimedOutError(
                f"no answer within {deadline_s:g} s",
                id="AGB-904",
                remedy="ask about less time, of metrics_1m or metrics_1h, or give it longer: --timeout 60",
            ) from e
        raise _refused(str(e)) from e
    except (sqlite3.Error, sqlite3.Warning) as e:
        raise _refused(str(e)) from e


def _refused(why: str) -> ConfigError:
    remedy = f"one select, of the tables {', '.join(TABLES)}"
    return ConfigError(f"this question cannot be asked: {why}", id="AGB-903", remedy=remedy)
