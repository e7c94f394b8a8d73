"""The monitor's token: who may read a page that other machines can reach. One place for its name and its form."""

from __future__ import annotations

import os
import re
from typing import Final

from agbot.errors import ConfigError
from agbot.secrets import Masked, Secret

TOKEN_ENV: Final = "AGBOT_MONITOR_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_REMEDY: Final = f"export {TOKEN_ENV}=$(openssl rand -hex 32), for the bot, the monitor and agbot tui alike"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")


def monitor_token() -> Secret | None:
    """Return the token of the environment, None when there is none.

    Raises:
        ConfigError: AGB-940, too short to keep anybody out, or not fit for a header.
    """
    if not os.environ.get(TOKEN_ENV):
        return None
    if not _TOKEN.fullmatch(os.environ[TOKEN_ENV]):
        raise ConfigError(
            "must be 16 to 256 letters, digits or any of . _ ~ + / = -",
            id="AGB-940",
            key=TOKEN_ENV,
            remedy=TOKEN_REMEDY,
        )
    return Secret(os.environ[TOKEN_ENV])


def bearer(token: Secret | None) -> dict[str, str]:
    """Return the headers that show `token` to a monitor, none without one."""
    return {} if token is None else {"Authorization": Masked(f"Bearer {token.reveal()}")}
