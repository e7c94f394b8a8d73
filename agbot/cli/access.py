"""What the reading commands share: which configuration, whose credentials, one question to the venue, one answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.credentials import Credentials

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

DEADLINE_S = 30.0


def venue_options(function: F) -> F:
    """Add --config, which says where the venue is, and --json."""
    function = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON document.")(function)
    return click.option(
        "--config", type=click.Path(path_type=Path), help="Configuration, when the venue is not where it always is."
    )(function)


def ask(
    where: Path | Settings | None, work: Callable[[Access], Awaitable[T]], *, required: Collection[str] | None = ()
) -> T:
    """Connect, let `work` ask, and return its answer.

    Args:
        where: the configuration whose section ``polymarket`` holds, or what it says; None is the real venue.
        work: gets the connection.
        required: names of credentials that must be there; None takes those that can be used and complains of none.

    Raises:
        ConfigError: credentials are missing or malformed.
        TimedOutError: AGB-453, no answer within `DEADLINE_S`.
    """
    import trio  # noqa: PLC0415

    from agbot.errors import TimedOutError  # noqa: PLC0415
    from agbot.venue.polymarket.access import connect  # noqa: PLC0415
    from agbot.venue.polymarket.signer import chain_named  # noqa: PLC0415

    settings = settings_of(where)
    place, chain = settings.polymarket, chain_named(settings.polymarket.chain)

    async def main() -> T:
        with trio.move_on_after(DEADLINE_S):
            credentials = await credentials_of(settings, required)
            async with connect(place.hosts, chain, credentials) as access:
                return await work(access)
        hosts = f"{place.hosts.clob}, {place.hosts.gamma} or {place.hosts.data}"
        reason = f"no answer from {hosts} within {DEADLINE_S:g} s"
        raise TimedOutError(reason, id="AGB-453", remedy="agbot doctor says which of them cannot be reached")

    return trio.run(main)


def settings_of(where: Path | Settings | None) -> Settings:
    """Return the settings in a configuration, those given, or those that hold without one."""
    from agbot.config import load_settings  # noqa: PLC0415
    from agbot.settings import Settings  # noqa: PLC0415

    if isinstance(where, Settings):
        return where
    return load_settings(where) if where else Settings()


async def credentials_of(settings: Settings, required: Collection[str] | None) -> Credentials:
    """Return the credentials there are, the signer process's account among them.

    With `required` None, what cannot be used is told on standard error and left out.
    """
    from agbot.errors import ConfigError  # noqa: PLC0415
    from agbot.venue.polymarket.access import with_signer  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL, API, Credentials, load_credentials  # noqa: PLC0415
    from agbot.venue.polymarket.signer import chain_named  # noqa: PLC0415

    signer = settings.live.signer
    names = API if signer and required == ALL else required or ()
    try:
        return await with_signer(load_credentials(required=names), signer, chain_named(settings.polymarket.chain))
    except ConfigError as e:
        if required is not None:
            raise
        click.echo(f"agbot: {e}\ngoing on without credentials", err=True)
        return Credentials()


def keys_configured(where: Path | Settings | None) -> bool:
    """Return whether anything says who is to be asked about: a credential, whole or not, or a signer process."""
    from agbot.secrets import find  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL  # noqa: PLC0415

    return settings_of(where).live.signer is not None or any(find(name) for name in ALL)


def show(as_json: bool, document: Any, text: str) -> None:
    """Print the document for programs, or the text for people."""
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else text)


def short(identity: str) -> str:
    """Return a long id with its middle left out."""
    return identity if len(identity) <= 14 else f"{identity[:6]}…{identity[-4:]}"


def moment(ns: int) -> str:
    """Return UTC nanoseconds as a time people read, empty for 0."""
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}" if ns else ""
