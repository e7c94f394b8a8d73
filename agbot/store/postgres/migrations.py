"""Migrations up and down: numbered SQL files, chosen by what the server is, one transaction under one lock.

A file names in `-- only: plain, apache` … `-- all` what is for some servers. A database stays of the flavour that its
first migration found: one that learns hypertables later keeps its partitions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Final

import attrs

from agbot.secrets import Secret
from agbot.store.postgres.link import Unready, connect, told
from agbot.store.postgres.probe import Flavour, Server, probe

if TYPE_CHECKING:
    from agbot.store.postgres.link import Connection

_LOCK: Final = 4_711_093_500
_FILE: Final = re.compile(r"(\d{4})_(\w+)\.up\.sql")
_ONLY: Final = re.compile(r"-- only: ([a-z, ]+)")
_TABLE: Final = """
create table if not exists agbot_migrations (
    version integer primary key, name text not null, flavour text not null,
    applied_at timestamptz not null default clock_timestamp())
"""


@attrs.frozen
class Migration:
    """One step of the schema: its number from 1, and what it makes and unmakes, for every flavour."""

    version: int
    name: str
    up: str
    down: str


@attrs.frozen
class Step:
    """One thing to do: the SQL of a migration, up or down, for one flavour."""

    migration: Migration
    up: bool
    sql: str


@attrs.frozen
class Status:
    """What the server is, which migrations it has, and which it lacks."""

    server: Server
    flavour: Flavour
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    bytes: int


def known() -> tuple[Migration, ...]:
    """Return every migration, in order."""
    folder = resources.files("agbot.store.postgres") / "sql"
    found = [match.groups() for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))]
    migrations = []
    for number, name in sorted(found):
        up, down = ((folder / f"{number}_{name}.{way}.sql").read_text(encoding="utf-8") for way in ("up", "down"))
        migrations.append(Migration(int(number), name, up, down))
    return tuple(migrations)


def sql_for(text: str, flavour: Flavour) -> str:
    """Return the lines of `text` that are for `flavour`."""
    lines, kept = [], True
    for line in text.splitlines():
        if only := _ONLY.fullmatch(line):
            kept = flavour in [name.strip() for name in only[1].split(",")]
        elif line == "-- all":
            kept = True
        elif kept:
            lines.append(line)
    return "\n".join(lines) + "\n"


def plan(migrations: Sequence[Migration], applied: int, target: int, flavour: Flavour) -> list[Step]:
    """Return the steps from version `applied` to version `target`."""
    if target >= applied:
        return [Step(m, True, sql_for(m.up, flavour)) for m in migrations if applied < m.version <= target]
    down = [m for m in reversed(migrations) if target < m.version <= applied]
    return [Step(m, False, sql_for(m.down, flavour)) for m in down]


def migrate(dsn: Secret, target: int | None = None) -> Status:
    """Bring the database to version `target` (None: the newest); down deletes what those versions hold.

    Raises:
        Away: the server does not answer.
        Unready: AGB-914 the server refuses, AGB-915 it has versions that this agbot does not know, or no such target.
        ConfigError: AGB-910, AGB-911.
    """
    migrations = known()
    with connect(dsn) as connection, told(), connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(_TABLE)
        found = _look(connection, migrations)
        wanted = len(migrations) if target is None else target
        if not 0 <= wanted <= len(migrations):
            raise Unready(f"there is no version {wanted}", id="AGB-915", remedy=f"choose from 0 to {len(migrations)}")
        for step in plan(migrations, len(found.applied), wanted, found.flavour):
            _take(connection, step, found.flavour)
        return _look(connection, migrations)


def status(dsn: Secret) -> Status:
    """Return what the server is and which migrations it has. Raises as `migrate`."""
    with connect(dsn) as connection, told():
        return _look(connection, known())


def check(connection: Connection) -> Flavour:
    """Return the flavour of the tables. Raises Unready (AGB-915) when they are not this agbot's."""
    with told():
        found = _look(connection, known())
    if found.pending:
        reason = f"the database lacks {', '.join(found.pending)}"
        raise Unready(reason, id="AGB-915", remedy="agbot db migrate --postgres")
    return found.flavour


def _take(connection: Connection, step: Step, flavour: Flavour) -> None:
    connection.execute(step.sql.encode())
    if step.up:
        row = [step.migration.version, step.migration.name, str(flavour)]
        connection.execute("insert into agbot_migrations (version, name, flavour) values (%s, %s, %s)", row)
    else:
        connection.execute("delete from agbot_migrations where version = %s", [step.migration.version])


def _look(connection: Connection, migrations: Sequence[Migration]) -> Status:
    server = probe(connection)
    there = connection.execute("select to_regclass('agbot_migrations') is not null").fetchone() == (True,)
    select = "select version, name, flavour from agbot_migrations order by version"
    rows = connection.execute(select).fetchall() if there else []
    ours = [(m.version, m.name) for m in migrations]
    if [(version, name) for version, name, _ in rows] != ours[: len(rows)]:
        raise Unready(
            f"the database is at version {rows[-1][0]}, which this agbot does not know",
            id="AGB-915",
            remedy="use the agbot that migrated it, or a newer one",
        )
    size = connection.execute("select pg_database_size(current_database())").fetchone() or (0,)
    flavour = Flavour(rows[0][2]) if rows else server.flavour
    names = [f"{version:04}_{name}" for version, name in ours]
    return Status(server, flavour, tuple(names[: len(rows)]), tuple(names[len(rows) :]), int(size[0]))
