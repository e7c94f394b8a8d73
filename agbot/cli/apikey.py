"""agbot apikey: the venue's API key for your private key, made or found again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agbot.cli.access import ask
from agbot.cli.init import keep, keyring_there
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.auth import ApiCredentials


@click.command(name="apikey")
@click.option("--print", "printed", is_flag=True, help="Print export lines, secrets and all, instead of storing them.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Configuration, when the venue is not where it always is."
)
def command(printed: bool, config: Path | None) -> None:
    """Get the API key that belongs to your private key, and keep its three parts in the keyring.

    \b
    agbot apikey                    into the system's keyring
    agbot apikey --print            on this terminal: where there is no keyring
    eval "$(agbot apikey --print)"  into this shell's environment

    The venue gives the same key again whenever it is asked; making one needs POLYMARKET_PRIVATE_KEY and no money.
    """
    from agbot.venue.polymarket.credentials import PRIVATE_KEY  # noqa: PLC0415

    remedy = _without_keyring(config)
    if not printed and not keyring_there():
        raise ConfigError("there is no keyring to keep the API key in", id="AGB-452", remedy=remedy)
    api = ask(config, _get, required=[PRIVATE_KEY])
    for name, value in _parts(api).items():
        if printed:
            click.echo(f"export {name}={value}")
        else:
            _kept(name, value, remedy)


def _without_keyring(config: Path | None) -> str:
    where = f" --config {shlex.quote(str(config))}" if config else ""
    return f'eval "$(agbot apikey --print{where})" puts it into this shell; or: pip install keyring'


def _kept(name: str, value: str, remedy: str) -> None:
    try:
        keep(name, value)
    except ConfigError as e:
        e.remedy = remedy
        raise
    click.echo(f"{name}: stored")


async def _get(access: Access) -> ApiCredentials:
    key = access.credentials.key
    assert key is not None
    return await access.clob.create_key(key)


def _parts(api: ApiCredentials) -> dict[str, str]:
    from agbot.venue.polymarket.auth import API_KEY, API_PASSPHRASE, API_SECRET  # noqa: PLC0415

    return {API_KEY: api.key, API_SECRET: api.secret.reveal(), API_PASSPHRASE: api.passphrase.reveal()}
