"""Whether the venue has the markets that a configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agbot.errors import AgbotError, ConfigError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.hosts import Hosts


def not_there(settings: Settings) -> list[ConfigError]:
    """Ask the venue for every market of the configuration; return a fault for each that cannot be traded there.

    Raises:
        ExecutionError: it could not be asked.
        TimedOutError: AGB-453, no answer.
    """
    from agbot.cli.access import ask  # noqa: PLC0415

    faults = ask(settings.path, lambda access: _faults(access, settings.markets), required=None)
    return [_placed(settings.path, fault) for fault in faults]


def must_be_there(names: Sequence[str], hosts: Hosts) -> None:
    """Raise NotFoundError, with the nearest names, for the first of `names` that cannot be traded at `hosts`."""
    import trio  # noqa: PLC0415

    from agbot.venue.polymarket.access import connect  # noqa: PLC0415
    from agbot.venue.polymarket.contracts import POLYGON  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import Credentials  # noqa: PLC0415

    async def main() -> list[NotFoundError]:
        async with connect(hosts, POLYGON, Credentials()) as access:
            return await _faults(access, names)

    for fault in trio.run(main):
        raise fault


async def _faults(access: Access, names: Sequence[str]) -> list[NotFoundError]:
    from agbot.doctor.markets import each_of  # noqa: PLC0415

    async def fault(name: str) -> AgbotError | None:
        try:
            await access.market(name, tradable=True)
        except AgbotError as e:
            return e
        return None

    found = []
    for error in await each_of(names, fault):
        if isinstance(error, NotFoundError):
            found.append(error)
        elif error is not None:
            raise error
    return found


def _placed(path: Path | None, fault: NotFoundError) -> ConfigError:
    return ConfigError(fault.reason, id=fault.id, path=path or "", key="markets", remedy=fault.remedy)
