"""What the tests of the PostgreSQL history stand on: a real server, and an empty database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from agbot.secrets import Secret
from agbot.store.postgres import PostgresStore, migrate, open_store
from benchmarks.postgres_server import Server, binaries
from tests.store.postgres.wire import Wire

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a server for the session; who kills it starts it again."""
    if find_spec("psycopg") is None:
        pytest.skip("the extra postgres is not installed")
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL is not installed: neither Debian's postgresql nor pgserver")
    server = Server(folder, "fsync=off", "full_page_writes=off")  # they outlive a kill: the page cache stays
    yield server
    server.remove()


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """Return the name of an empty database."""
    name = f"test_{next(_numbers)}"
    server.ask(f"create database {name} template template0 strategy wal_log")
    yield name
    server.ask(f"drop database {name} with (force)")


@pytest.fixture
def dsn(server: Server, database: str) -> Secret:
    """Return the address of an empty database."""
    return server.dsn(database)


@pytest.fixture
def store(dsn: Secret) -> Iterator[PostgresStore]:
    """Return a store on a database that has been migrated."""
    migrate(dsn)
    store = open_store(dsn)
    yield store
    store.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """Return a wire to the server."""
    wire = Wire(server)
    yield wire
    wire.remove()
