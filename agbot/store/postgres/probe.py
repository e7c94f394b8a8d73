"""What kind of server it is, and what agbot has made on it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from agbot.store.postgres.link import Connection

WIDEST_NS: Final = 30 * 86_400 * 10**9
"""How much time the largest partition holds."""


class Flavour(StrEnum):
    """What the server can do beyond plain tables."""

    PLAIN = "plain"
    """PostgreSQL: range partitions and our own retention."""
    APACHE = "apache"
    """TimescaleDB under the Apache licence: hypertables. It refuses compression, policies and continuous aggregates."""
    COMMUNITY = "community"
    """TimescaleDB under its own licence: all of it."""


@attrs.frozen
class Server:
    """What a server said of itself."""

    flavour: Flavour
    version: str
    timescale: str = ""
    timescale_offered: bool = False


_ASK: Final = """
select current_setting('server_version'),
       (select extversion from pg_extension where extname = 'timescaledb'),
       current_setting('timescaledb.license', true),
       exists (select from pg_available_extensions where name = 'timescaledb')
"""


def probe(connection: Connection) -> Server:
    """Return what the server is. Raises what the driver raises."""
    row = connection.execute(_ASK).fetchone()
    assert row is not None
    return judge(*row)


def judge(version: str, extension: str | None, licence: str | None, offered: Any) -> Server:
    """Return what a server is that answered so; a licence that is not known counts as the lesser one."""
    if extension is None:
        return Server(Flavour.PLAIN, version, timescale_offered=bool(offered))
    flavour = Flavour.COMMUNITY if licence == "timescale" else Flavour.APACHE
    return Server(flavour, version, extension, timescale_offered=True)
