"""At which venue a command asks when it does not ask a bot: the one where the bot that is meant trades."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from agbot.cli.access import keys_configured, settings_of
from agbot.control import last_profile, running_profiles, state_dir
from agbot.errors import ConfigError, NotRunningError
from agbot.run.place import kept, of_bot, venue_name
from agbot.settings import Mode, Settings
from agbot.venue.polymarket.hosts import Hosts


def venue_of(profile: str | None, explicit: Path | None, config: Path | None) -> Settings:
    """Return settings that lead to a bot's venue; which one that is goes to standard error.

    The configuration says it, else what the bot's last run kept in its state directory. Where no option names a bot,
    it is the venue of the only one that runs, else of the one that ran last, else Polymarket.

    Raises:
        ConfigError: the configuration is wrong; AGB-518, a bot is named and nothing says where it trades.
    """
    settings, why = _found(profile, explicit, config)
    if why:
        click.echo(f"asking {venue_name(settings)}{why}", err=True)
    return settings


def instead_of(
    stopped: NotRunningError, remedy: str, profile: str | None, explicit: Path | None, config: Path | None
) -> Settings:
    """Return the same, for a bot that does not run; NotRunningError with this remedy when no keys are there.

    Raises:
        ConfigError: as `venue_of`.
    """
    try:
        settings, _ = _found(profile, explicit, config)
    except ConfigError as e:
        if e.id != "AGB-518" or keys_configured(None):
            raise
        settings = None
    if settings is None or not keys_configured(settings):
        stopped.remedy = remedy
        raise stopped
    return venue_of(profile, explicit, config)


def _found(profile: str | None, explicit: Path | None, config: Path | None) -> tuple[Settings, str]:
    """Return the settings, and what is to be said of them beside the venue's name; empty when nothing is."""
    if config is not None:
        settings = _as_named(settings_of(config), profile, explicit)
        return settings, "" if settings.polymarket.hosts == Hosts() else f", as {config} says"
    directory = _directory(profile, explicit)
    if directory is None:
        return Settings(), ""
    found = attrs.evolve(of_bot(directory), profile=profile or Settings().profile)
    return found, f", where the last run in {directory} traded"


def _as_named(settings: Settings, profile: str | None, explicit: Path | None) -> Settings:
    """Return a configuration's settings for the bot that the options name: they outdo it."""
    if profile is None and explicit is None:
        return settings
    return attrs.evolve(settings, profile=profile or settings.profile, state_dir=explicit)


def _directory(profile: str | None, explicit: Path | None) -> Path | None:
    """Return the state directory of the bot that is meant: when none is named, the one that runs, else that ran last.

    None where several run, or that one traded at its own exchange.
    """
    if profile is not None or explicit is not None:
        return state_dir(profile or Settings().profile, explicit, create=False)
    meant = running_profiles() or [last_profile() or Settings().profile]
    directory = state_dir(meant[0], create=False)
    if len(meant) != 1 or (place := kept(directory)) is None or place.mode is Mode.DEMO:
        return None
    return directory
