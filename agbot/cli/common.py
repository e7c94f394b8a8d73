"""What commands share: finding the bot's state directory and talking to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def bot_options(function: F) -> F:
    """Add --profile and --state-dir, which name the bot."""
    function = click.option(
        "--state-dir", type=click.Path(path_type=Path), help="The bot's state directory, when not the profile's."
    )(function)
    return click.option("--profile", default="demo", show_default=True, help="Which bot, by its profile's name.")(
        function
    )


def state_path(profile: str, explicit: Path | None, *, create: bool = False) -> Path:
    """Return the state directory the options name; it need not exist unless `create`."""
    from agbot.control import state_dir  # noqa: PLC0415

    return state_dir(profile, explicit, create=create)


def control(profile: str, explicit: Path | None, request: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Send one request to the bot and return its answer.

    Raises:
        NotRunningError, TimedOutError, or what the bot answered.
    """
    from agbot.control import request as send  # noqa: PLC0415
    from agbot.control import socket_path  # noqa: PLC0415

    return send(socket_path(state_path(profile, explicit)), request, timeout_s)
