"""agbot signer: the process that holds the key, so that the bot does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.run.control import ControlServer
    from agbot.run.spend import Caps
    from agbot.settings import LiveSettings, Settings
    from agbot.shared.watch import Shared

PROFILE = "signer"


@click.command(name="signer")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--max-order-usd", help="The most one order may trade, usd.  [default: the configuration's]")
@click.option("--max-day-usd", help="The most that is signed for in one UTC day, usd.  [default: the configuration's]")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where socket, latch and the day's sum are.")
def command(config: Path | None, max_order_usd: str | None, max_day_usd: str | None, state_dir: Path | None) -> None:
    """Hold the private key and sign orders for a bot that does not have it.

    \b
    POLYMARKET_PRIVATE_KEY=0x… agbot signer --max-order-usd 5 --max-day-usd 50
    agbot run config.yaml --mode live        with live.signer: …/signer.sock

    It signs orders for Polymarket's exchanges only, each up to its cap, and counts everything it signs towards the
    day's. Its kill switch: agbot killswitch on --state-dir DIR --reason TEXT.
    """
    import trio  # noqa: PLC0415

    from agbot import log  # noqa: PLC0415
    from agbot.config import load_settings  # noqa: PLC0415
    from agbot.control import SOCKET_PATH_MAX  # noqa: PLC0415
    from agbot.control import state_dir as own_directory  # noqa: PLC0415
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.run.signer import SOCKET_NAME, run_signer  # noqa: PLC0415
    from agbot.settings import Settings  # noqa: PLC0415
    from agbot.shared.watch import Shared  # noqa: PLC0415

    settings = load_settings(config) if config else Settings()
    caps = _caps(settings.live, max_order_usd, max_day_usd)
    socket = settings.live.signer
    directory = own_directory(PROFILE, state_dir or (socket.parent if socket else None))
    path = socket if socket and not state_dir else directory / SOCKET_NAME
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise ConfigError(f"no room for a socket at {path}", id="AGB-507", remedy="choose a shorter --state-dir")
    log.configure(file=directory / log.FILE_NAME, console=sys.stderr, level="info")
    with exclusive(directory):
        shared = Shared.of(settings, str(directory), f"signer in {directory}")
        server, address = _desk(settings, caps, directory, path, shared)
        click.echo(f"signer of {address}, on {path}\nlive.signer: {path}\nstop with Ctrl-C")
        trio.run(run_signer, server, shared)


def _caps(live: LiveSettings, max_order_usd: str | None, max_day_usd: str | None) -> Caps:
    from agbot.cli.amounts import usd  # noqa: PLC0415
    from agbot.run.spend import Caps  # noqa: PLC0415

    order = live.max_order_usd if max_order_usd is None else usd(max_order_usd, "--max-order-usd")
    day = live.max_day_usd if max_day_usd is None else usd(max_day_usd, "--max-day-usd")
    if order is None or day is None:
        raise ConfigError(
            "the signer needs its own limits", id="AGB-141", remedy="--max-order-usd 5 --max-day-usd 50, for example"
        )
    return Caps(max_order_usd=order, max_day_usd=day)


def _desk(
    settings: Settings, caps: Caps, directory: Path, path: Path, shared: Shared | None
) -> tuple[ControlServer, str]:
    from agbot.latch import LATCH_NAME, Latch  # noqa: PLC0415
    from agbot.run.control import ControlServer  # noqa: PLC0415
    from agbot.run.session import now_ns  # noqa: PLC0415
    from agbot.run.signer import SignerDesk  # noqa: PLC0415
    from agbot.run.spend import FILE_NAME, DayFile  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import PRIVATE_KEY, load_credentials  # noqa: PLC0415
    from agbot.venue.polymarket.orders import OrderSigner  # noqa: PLC0415
    from agbot.venue.polymarket.signer import chain_named  # noqa: PLC0415

    found = load_credentials(required=(PRIVATE_KEY,))
    assert found.key is not None
    assert found.account is not None
    signer = OrderSigner(found.key, found.account, chain_named(settings.polymarket.chain))
    day = DayFile(directory / FILE_NAME, caps, now_ns)
    desk = SignerDesk(signer, caps, day, Latch(directory / LATCH_NAME), now_ns, shared=shared)
    return ControlServer(path, desk.handlers()), found.account.maker
