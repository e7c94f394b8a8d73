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
from agbot.errors import ConfigError
from agbot.latch import LATCH_NAME, Latch
from agbot.run.children import netloc
from agbot.run.demo import demo_plan
from agbot.run.plans import Start, trade
from agbot.settings import Mode, Settings

if TYPE_CHECKING:
    from agbot.run.children import Monitor
    from agbot.run.fence import Fence
    from agbot.run.modes import Trader
    from agbot.shared.watch import Shared

SAYS = {
    Mode.DEMO: "DEMO: {demo} (seed {seed}), play money; nothing real is traded",
    Mode.PAPER: "PAPER: live markets, paper money; nothing real is traded",
    Mode.SHADOW: "SHADOW: live markets; orders are decided and logged, nothing is sent",
    Mode.LIVE: "LIVE: live markets, real money",
}
LOOKS_ON = "READ-ONLY: live markets and the account; nothing is sent"


@attrs.frozen(kw_only=True)
class Ready:
    """Real money may be traded, or looked at: by whom, and the wallet that is ours; without one nothing is sent."""

    trader: Trader
    fence: Fence | None = None


def live(
    settings: Settings, directory: Path, confirm: str | None, held: ExitStack, shared: Shared | None = None
) -> Ready:
    """Return when caps, doctor, account and a person agree; the wallet's lock goes into `held`, its lease to `shared`.

    Raises:
        ConfigError: AGB-141 no caps, AGB-143 the doctor is not green, AGB-142 not confirmed, AGB-149 somebody else
            trades with the wallet; or what the account's reads raise.
    """
    from agbot.run.lock import exclusive_wallet  # noqa: PLC0415
    from agbot.run.modes import Trader, check_caps, look  # noqa: PLC0415
    from agbot.run.named import check_named  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL, API, load_credentials  # noqa: PLC0415

    check_named(settings)
    check_caps(settings)
    trader = Trader.of(settings, load_credentials(required=API if settings.live.signer else ALL))
    _green(trader, directory)
    # before the account is looked at: orders that another bot watches must not read as left over, to be cancelled
    fence = held.enter_context(exclusive_wallet(trio.run(trader.signer).account.maker, directory, shared))
    shown = trio.run(look, trader)
    click.echo(_told({**shown, "venue": settings.polymarket.hosts.clob}), err=True)
    confirm_wallet(shown, confirm)
    return Ready(trader=trader, fence=fence)


def read_only(settings: Settings) -> Ready:
    """Return when there are credentials to look with; no caps, no doctor and no lock: nothing will be sent."""
    from agbot.run.lock import wallet_holder  # noqa: PLC0415
    from agbot.run.modes import Trader  # noqa: PLC0415
    from agbot.run.named import check_named  # noqa: PLC0415
    from agbot.run.spend import Caps  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import ALL, API, load_credentials  # noqa: PLC0415

    check_named(settings)
    credentials = load_credentials(required=API if settings.live.signer else ALL)
    trader = Trader(settings=settings, credentials=credentials, caps=Caps(max_order_usd=0, max_day_usd=0))
    holder = wallet_holder(trio.run(trader.signer).account.maker)
    click.echo(f"the wallet is traded with by {holder}" if holder else "nobody here trades with the wallet", err=True)
    return Ready(trader=trader)


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
    rows = {name: str(shown[name]) for name in ("venue", "region", "positions")}
    rows |= {"orders": f"{shown['resting']} rest already"} if shown["resting"] else {}
    ends = [f"{name}{_end(end_ns)}" for name, end_ns in shown["markets"]]
    return pairs({**rows, "markets": "\n".join(ends)})


def _end(end_ns: int) -> str:
    return f", ends {datetime.fromtimestamp(end_ns // 10**9, UTC):%Y-%m-%d %H:%M} UTC" if end_ns else ""


async def run(start: Start, ready: Ready | None) -> dict[str, Any]:
    """Run in the mode that was asked for and return the closing summary."""
    from agbot.shared.watch import watching  # noqa: PLC0415

    async with watching(start.shared):
        return await _run(start, ready)


async def _run(start: Start, ready: Ready | None) -> dict[str, Any]:
    if start.settings.mode is Mode.DEMO:
        if start.simulated:
            return await trade(demo_plan(start))
        from agbot.run.boxed import trade_boxed  # noqa: PLC0415

        return await trade_boxed(start)
    from agbot.run.modes import look_on, trade_live, trade_paper  # noqa: PLC0415

    if ready is None:
        return await trade_paper(start)
    if ready.fence is None:
        return await look_on(start, ready.trader)
    return await trade_live(start, ready.trader, ready.fence)


def greet(start: Start, ready: Ready | None = None, monitor: Monitor | None = None) -> None:
    """Say what runs, where to look, and how to end it.

    `monitor` is the one that served the page before this bot started, if any.
    """
    from agbot.cli.tui import URL  # noqa: PLC0415
    from agbot.venue.polymarket.hosts import Hosts  # noqa: PLC0415

    settings, screens = start.settings, start.screens
    demo = "simulated markets" if start.simulated else "a local exchange with traders of its own"
    looks_on = ready is not None and ready.fence is None
    click.echo(LOOKS_ON if looks_on else SAYS[settings.mode].format(seed=settings.seed, demo=demo))
    if settings.mode is not Mode.DEMO and settings.polymarket.hosts != Hosts():
        click.echo(f"venue     {settings.polymarket.hosts.clob}, which is not Polymarket's own address")
    if screens.page:
        click.echo(_page(screens.page, monitor, real=settings.mode is Mode.LIVE and not looks_on))
    which = _which(settings)
    url = f"ws://{netloc(screens.host, screens.port)}/dashboard"
    look = f"{which} --url {url}" if url != URL else which
    click.echo(f"terminal  agbot tui{look}\nstop      Ctrl-C, or: agbot stop{which}")
    click.echo(f"kill      agbot killswitch on{which} --reason TEXT")
    click.echo(f"state     {start.state_dir}")
    latch = Latch(start.state_dir / LATCH_NAME).read()
    if latch.on:
        opens = f"agbot killswitch off{which} --by NAME --reason TEXT"
        click.echo(f"KILL SWITCH ON ({latch.reason}): nothing is traded until {opens}")


def _page(address: str, monitor: Monitor | None, *, real: bool) -> str:
    own = "(a page of its own: --port N)"
    if monitor is not None and monitor.trouble:
        return f"page      {address}, but the monitor there {monitor.trouble} {own}"
    if monitor is None or not monitor.senders:
        return f"page      {address}"
    others = "another bot" if monitor.senders == 1 else f"{monitor.senders} other bots"
    shows = "it shows the bot that started last, now this one"
    if monitor.live and not real:
        shows = "it goes on showing the one that trades real money, not this one"
    return f"page      {address}\nshared    with {others}: {shows} {own}"


def _which(settings: Settings) -> str:
    """Return the option another terminal needs to mean this bot: a kill switch must not reach for another one."""
    if settings.state_dir:
        return f" --state-dir {shlex.quote(str(settings.state_dir.expanduser().absolute()))}"
    return "" if settings.profile == DEFAULT_PROFILE else f" --profile {settings.profile}"
