"""What commands share: finding the bot's state directory and talking to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from agbot.errors import ConfigError

DEFAULT_PROFILE = "demo"

F = TypeVar("F", bound=Callable[..., Any])


def bot_options(function: F) -> F:
    """Add --profile and --state-dir, which name the bot."""
    function = click.option(
        "--state-dir", type=click.Path(path_type=Path), help="The bot's state directory, when not the profile's."
    )(function)
    return click.option(
        "--profile", help="Which bot, by its profile's name.  [default: the one that runs, else that ran last]"
    )(function)


def state_path(profile: str | None, explicit: Path | None, *, create: bool = False) -> Path:
    """Return the state directory the options name; it need not exist unless `create`.

    Raises:
        ConfigError: AGB-508, no option names a bot and several run.
    """
    from agbot.control import last_profile, running_profiles, state_dir  # noqa: PLC0415

    if profile is None and explicit is None:
        running = running_profiles()
        if len(running) > 1:
            raise ConfigError(
                f"several bots run: {', '.join(running)}", id="AGB-508", remedy="say which one: --profile NAME"
            )
        profile = running[0] if running else last_profile()
    return state_dir(profile or DEFAULT_PROFILE, explicit, create=create)


def named(profile: str | None, explicit: Path | None, config: Path | None) -> tuple[str | None, Path | None]:
    """Return which bot is meant: where no option names one and a configuration is given, the one it is for.

    Another bot that happens to run has another wallet.

    Raises:
        ConfigError: the configuration is wrong.
    """
    if config is None or profile is not None or explicit is not None:
        return profile, explicit
    from agbot.config import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    return settings.profile, settings.state_dir


def audited(directory: Path, kind: str, **fields: object) -> None:
    """Put what a command did without a bot into the audit log; one that cannot be written is told."""
    import time  # noqa: PLC0415

    from agbot.store.audit import AuditLog  # noqa: PLC0415
    from agbot.store.audit_rows import moment  # noqa: PLC0415

    now_ns = time.time_ns()
    audit = AuditLog(directory)
    try:
        audit.append([{"kind": kind, **fields, "at_ns": now_ns, "time": moment(now_ns), "run": ""}])
        audit.close()
    except OSError as e:
        click.echo(f"not in the audit log: {audit.path} cannot be written: {e.strerror or e}", err=True)


def control(
    profile: str | None, explicit: Path | None, request: Mapping[str, Any], timeout_s: float = 5.0
) -> dict[str, Any]:
    """Send one request to the bot and return its answer.

    Raises:
        NotRunningError, TimedOutError, or what the bot answered.
    """
    from agbot.control import request as send  # noqa: PLC0415
    from agbot.control import socket_path  # noqa: PLC0415

    return send(socket_path(state_path(profile, explicit)), request, timeout_s)
