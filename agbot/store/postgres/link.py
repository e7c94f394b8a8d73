"""The way to the server: one connection with short deadlines, and what went wrong in the words of who asked. Blocking.

Whatever the driver raises becomes `Away` (nobody knows whether it was done: tell it again later), `Refused` (this row
will never do) or `Unready` (a person has to act). Nothing here is imported before it is needed: psycopg is optional.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agbot.errors import ConfigError, StoreError
from agbot.secrets import Secret, lookup, redact_known

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

DSN: Final = "AGBOT_POSTGRES_DSN"
CONNECT_S: Final = 5
ANSWER_S = 20.0
"""What hears nothing for so long is cut off: a server that stands still looks like a busy one."""

_DATA_ERRORS: Final = ("22", "23", "54")
"""SQLSTATE of values that no column or index takes."""
_BUSY: Final = ("25006", "40001", "40P01", "53", "55P03", "57", "58", "08", "XX")
"""SQLSTATE of what may go better next time: a replica, a deadlock, no room, no lock, a server that ends or fails."""
_OPTIONS: Final = {
    "connect_timeout": CONNECT_S,
    "application_name": "agbot",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "utf8",
}


class Away(StoreError):  # noqa: N818 - what happened
    """The server did not answer, or not to the end: what was asked may have been done."""

    def __init__(self, reason: str) -> None:
        self.why = reason
        super().__init__(
            f"the database does not answer: {reason}", id="AGB-912", remedy="look at the server, and try again"
        )


class PartitionGone(Away):
    """A partition that this session had made is there no more; nothing was done."""


class Refused(StoreError):  # noqa: N818 - what happened
    """The server will never take this."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database does not take this: {reason}", id="AGB-913", remedy="correct what is stored")


class Duplicate(Refused):
    """One of these rows is there already; nothing was done."""


class Unready(StoreError):  # noqa: N818 - what it is
    """The database is not what agbot needs: a person must act."""


def find_dsn(name: str = DSN) -> Secret:
    """Return the address of the database, from the environment or the keyring.

    Raises:
        ConfigError: AGB-115 there is none; AGB-910 the package psycopg is missing; AGB-911 the address is none.
    """
    return checked(lookup(name), name)


def checked(dsn: Secret, key: str = DSN) -> Secret:
    """Return an address that can be one, its password known as a secret.

    Raises:
        ConfigError: AGB-910 the package psycopg is missing; AGB-911 the address is none.
    """
    psycopg = _driver()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(dsn.reveal())
    except psycopg.ProgrammingError:
        remedy = f"export {key}='host=HOST dbname=DATABASE user=USER password=…'"
        # Without its cause, whose text repeats the address.
        raise ConfigError("is no address of a PostgreSQL database", id="AGB-911", key=key, remedy=remedy) from None
    if password := parts.get("password"):
        Secret(str(password))
    return dsn


def connect(dsn: Secret) -> Connection:
    """Return a connection outside a transaction. Raises Away, and ConfigError as `checked`."""
    psycopg = _driver()
    from agbot.store.postgres.arrays import register  # noqa: PLC0415 - optional

    with told():
        connection: Connection = psycopg.connect(checked(dsn).reveal(), autocommit=True, **_OPTIONS)
        register(connection)
        return connection


@contextmanager
def told() -> Iterator[None]:
    """Turn the driver's errors into this module's."""
    import psycopg  # noqa: PLC0415 - optional

    try:
        yield
    except psycopg.errors.UniqueViolation as e:
        raise Duplicate(_words(e)) from e
    except psycopg.errors.CheckViolation as e:  # no column has a check: it is that no partition takes the row
        raise PartitionGone(_words(e)) from e
    except psycopg.Error as e:
        state = e.sqlstate or ""
        if isinstance(e, psycopg.DataError) or state.startswith(_DATA_ERRORS):
            raise Refused(_words(e)) from e
        if not state or state.startswith(_BUSY):
            raise Away(_words(e)) from e
        raise Unready(
            f"the database refuses: {_words(e)}", id="AGB-914", remedy="look at its rights and its migrations"
        ) from e


class Watch:
    """A connection, and a thread that cuts it when an answer takes too long: what waits for it then raises Away."""

    def __init__(self, dsn: Secret) -> None:
        self.connection = connect(dsn)
        self._descriptor = self.connection.fileno()
        self._changed = threading.Condition()
        self._due = math.inf
        self._idle = self._closed = False
        self._thread = threading.Thread(target=self._run, name="agbot-postgres-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Cut the connection when the block takes longer than `seconds`."""
        with self._changed:
            self._due = time.monotonic() + seconds
            if self._idle:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._due = math.inf

    def close(self) -> None:
        """Let go of the connection."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self.connection.close()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._due - time.monotonic()
                if left <= 0:
                    self._due = math.inf
                    self._cut()
                else:
                    # Not told of every new deadline, as no new one is earlier than the one it waits for.
                    self._idle = left == math.inf
                    self._changed.wait(None if self._idle else left)

    def _cut(self) -> None:
        try:
            with socket.socket(fileno=os.dup(self._descriptor)) as wire:
                wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is cut already


@contextmanager
def transaction(watch: Watch, seconds: float | None = None) -> Iterator[Connection]:
    """Run the block in one transaction, within a deadline (`ANSWER_S`). Raises Away, Refused and Unready."""
    with told(), watch.deadline(ANSWER_S if seconds is None else seconds), watch.connection.transaction():
        yield watch.connection


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415 - optional
    except ImportError as e:
        remedy = "pip install 'agbot[postgres]'"
        raise ConfigError("the package psycopg is missing", id="AGB-910", key=DSN, remedy=remedy) from e
    return psycopg


def _words(error: BaseException) -> str:
    return redact_known(" ".join(str(error).split()))[:300] or type(error).__name__
