"""What happens between `agbot run` and the first order: the doctor, the question, the greeting."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
import trio

from agbot.cli.common import DEFAULT_PROFILE
from agbot.cli.confirm import confirm_wallet
from agbot.cli.tables import pairs
from agbot.config import Mode, Settings
from agbot.errors import ConfigError
from agbot.run.children import netloc
from agbot.run.demo import demo_plan
from agbot.run.plans import Start, trade

if TYPE_CHECKING:
    from agbot.run.modes import Trader

SAYS = {
    Mode.DEMO: "DEMO: {demo} (seed {seed}), play money; nothing real is traded",
    Mode.PAPER: "PAPER: live markets, paper money; nothing real is traded",
    Mode.SHADOW: "SHADOW: live markets; orders are decided and logged, nothing is sent",
    Mode.LIVE: "LIVE: live markets, real money",
}


@attrs.frozen(kw_only=True)
class Ready:
    """Real money may be traded: by whom, and where the wallet's own files are. The wallet's lock is held."""

    trader: Trader
    wallet_directory: Path


def live(settings: Settings, directory: Path, confirm: str | None, held: ExitStack) -> Ready:
    """Return when caps, doctor, account and a person agree; the wallet's lock goes into `held`.

    Raises:
        ConfigError: AGB-141 no caps, AGB-143 the doctor is not green, AGB-142 not confirmed, AGB-149 somebody else
            trades with the wallet; or what the account's reads raise.
    """
    from agbot.run.lock import exclusive_wallet  # noqa: PLC0415
    from agbot.run.modes import Trader, check_caps, check_named, look  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL, API, load_credentials  # noqa: PLC0415

    check_named(settings)
    check_caps(settings)
    trader = Trader.of(settings, load_credentials(required=API if settings.live.signer else ALL))
    _green(trader, directory)
    # before the account is looked at: orders that another bot watches must not read as left over, to be cancelled
    place = held.enter_context(exclusive_wallet(trio.run(trader.signer).account.maker))
    shown = trio.run(look, trader)
    click.echo(_told({**shown, "venue": settings.polymarket.hosts.clob}), err=True)
    confirm_wallet(shown, confirm)
    return Ready(trader=trader, wallet_directory=place)


def _green(trader: Trader, directory: Path) -> None:
    from agbot.cli.doctor import as_text  # noqa: PLC0415
    from agbot.doctor.world import run_checks  # noqa: PLC0415

    settings = trader.settings

    click.echo("the doctor looks at this machine, the wallet and the venue: 8 seconds at most", err=True)
    report = trio.run(partial(run_checks, settings, directory, live=True))
    if report.green:
        return
    click.echo(as_text(report), err=True)
    failed = ", ".join(row.id for row in report.failures)
    raise ConfigError(
        f"the doctor is not green ({failed}): nothing is sent",
        id="AGB-143",
        remedy=f"mend what it names; agbot doctor {settings.path or ''} --live asks again".replace("  ", " "),
    )


def _told(shown: Mapping[str, Any]) -> str:
    rows = {"venue": shown["venue"], "region": shown["region"], "positions": str(shown["positions"])}
    ends = [f"{name}{_end(end_ns)}" for name, end_ns in shown["markets"]]
    return pairs({**rows, "markets": "\n".join(ends)})


def _end(end_ns: int) -> str:
    return f", ends {datetime.fromtimestamp(end_ns // 10**9, UTC):%Y-%m-%d %H:%M} UTC" if end_ns else ""


async def run(start: Start, ready: Ready | None) -> dict[str, Any]:
    """Run in the mode that was asked for and return the closing summary."""
    if start.settings.mode is Mode.DEMO:
        if start.simulated:
            return await trade(demo_plan(start))
        from agbot.run.boxed import trade_boxed  # noqa: PLC0415

        return await trade_boxed(start)
    from agbot.run.modes import trade_live, trade_paper  # noqa: PLC0415

    return await (trade_live(start, ready.trader, ready.wallet_directory) if ready else trade_paper(start))


def greet(start: Start) -> None:
    """Say what runs, where to look, and how to end it."""
    from agbot.cli.tui import URL  # noqa: PLC0415
    from agbot.venue.polymarket.hosts import Hosts  # noqa: PLC0415

    settings, screens = start.settings, start.screens
    demo = "simulated markets" if start.simulated else "a local exchange with traders of its own"
    click.echo(SAYS[settings.mode].format(seed=settings.seed, demo=demo))
    if settings.mode is not Mode.DEMO and settings.polymarket.hosts != Hosts():
        click.echo(f"venue     {settings.polymarket.hosts.clob}, which is not Polymarket's own address")
    if screens.page:
        click.echo(f"page      {screens.page}")
    which = _which(settings)
    url = f"ws://{netloc(screens.host, screens.port)}/dashboard"
    look = f"{which} --url {url}" if url != URL else which
    click.echo(f"terminal  agbot tui{look}\nstop      Ctrl-C, or: agbot stop{which}")
    click.echo(f"kill      agbot killswitch on{which} --reason TEXT")
    click.echo(f"state     {start.state_dir}")


def _which(settings: Settings) -> str:
    """Return the option another terminal needs to mean this bot: a kill switch must not reach for another one."""
    if settings.state_dir:
        return f" --state-dir {shlex.quote(str(settings.state_dir.expanduser().absolute()))}"
    return "" if settings.profile == DEFAULT_PROFILE else f" --profile {settings.profile}"
