"""agbot exchange: the local exchange, and what an operator does to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from agbot.cli.near import Group
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.exchange.server import Exchange
    from agbot.exchange.settings import BoxSettings

SHOWN = 12
_USUAL = ("", "admin.sock", "exchange.sock")
_NOT_STARTING = ("admin", "as_json", "export_env")
_CLIENTS = "agbot, py-clob-client-v2, polymarket-client, clob-client-v2, client or real-time-data-client"


COMMANDS = {
    "ready": "Show the addresses, test keys and markets of the one that runs.",
    "ledger": "Show what everybody, or one wallet, holds, what rests, and that it adds up.",
    "fund": "Give a wallet play money, and pairs of a market if asked for.",
    "pairs": "Split, merge, convert or redeem for a wallet, without a chain.",
    "resolve": "Name a market's winner.",
    "news": "Let news come out about a market.",
    "faults": "Switch faults on and off, and see what struck.",
    "mode": "Put the venue in a mode: cancel-only, post-only, restarting, disabled.",
    "snapshot": "Save the whole state to a file.",
    "restore": "Go back to a saved state.",
    "reset": "Begin anew.",
    "ask": "Ask the admin socket anything else: clock, tick, limits, allowance…",
    "conformance": "Check that an exchange answers as the venue's own clients expect.",
}


class _Group(Group):
    """Sub-commands that are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a first-time reader."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command, None when there is none of that name."""
        import importlib  # noqa: PLC0415

        if cmd_name not in COMMANDS:
            return None
        module = {"conformance": "exchange_conformance", "faults": "exchange_faults", "mode": "exchange_faults"}
        found = importlib.import_module(f"agbot.cli.{module.get(cmd_name, 'exchange_operator')}")
        command: click.Command = getattr(found, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands from the table above, importing none."""
        with formatter.section("Commands, to the one that runs"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(name="exchange", cls=_Group, invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; beyond loopback at your risk.")
@click.option("--port", type=click.IntRange(0, 65531), help="Port of everything; 0 takes a free one.  [default: 8765]")
@click.option("--split-ports", is_flag=True, help="Gamma, Data API, RTDS, realtime also on the next four ports.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Decides everything.")
@click.option("--markets", type=click.IntRange(0, 500), help="How many invented markets.  [default: 8, 0 with a file]")
@click.option("--markets-file", multiple=True, type=click.Path(path_type=Path), help="Markets to list; repeatable.")
@click.option("--recording", type=click.Path(path_type=Path), help="A recorded order book, replayed as a background.")
@click.option("--recording-market", default="", help="Which of its markets, by id or slug, when it has several.")
@click.option("--recording-start", type=click.FloatRange(0), default=0.0, help="Recorded seconds to leave out.")
@click.option(
    "--recording-end",
    type=click.Choice(["hold", "clear", "loop"]),
    default="hold",
    show_default=True,
    help="What comes after it: its last book stays, goes, or it begins again.",
)
@click.option(
    "--rolling", type=click.FloatRange(1, 86_400), help="Also a market that lives so many seconds, and its successors."
)
@click.option("--population", help="Who trades of their own accord: calm, lively, stress or none.  [default: calm]")
@click.option("--speed", type=click.FloatRange(0.001, 10_000), default=1.0, help="Exchange seconds a second.")
@click.option("--no-limits", is_flag=True, help="No rate limits.")
@click.option("--tier", default="Standard", show_default=True, help="Trading tier of every key.")
@click.option("--keys", type=click.IntRange(1, 1000), default=4, show_default=True, help="Funded test keys to tell.")
@click.option("--grant", help="What a wallet holds when first seen, usd.  [default: 1000]")
@click.option("--settle", type=click.FloatRange(0, 3600), help="Seconds to MINED.  [default: 0.5]")
@click.option("--confirm", type=click.FloatRange(0, 3600), help="Seconds from MINED to CONFIRMED.  [default: 1]")
@click.option("--fail-rate", type=click.FloatRange(0, 1), default=0.0, help="Part of settlements that fail.")
@click.option("--retry-rate", type=click.FloatRange(0, 1), default=0.0, help="Part that is retried first.")
@click.option(
    "--self-trade",
    type=click.Choice(["refuse", "cancel", "allow"]),
    default="refuse",
    show_default=True,
    help="What becomes of an order that would meet one of its own wallet.",
)
@click.option(
    "--heartbeat-timeout",
    type=click.FloatRange(0.1, 3600),
    default=10.0,
    show_default=True,
    help="Seconds of silence after which orders are cancelled, of keys that send heartbeats.",
)
@click.option("--faults", type=click.Path(path_type=Path), help="Faults to switch on, and when: docs/faults.md.")
@click.option("--state", type=click.Path(path_type=Path), help="Go on with this state if it is there, and save to it.")
@click.option("--admin", type=click.Path(path_type=Path), help="Path of the admin socket, instead of the profile's.")
@click.option("--export-env", metavar="CLIENT", help=f"Print how a client is pointed at the one that runs: {_CLIENTS}.")
@click.option("--json", "as_json", is_flag=True, help="The ready line as JSON: addresses, keys, markets.")
@click.option("--while-stdin", is_flag=True, hidden=True, help="Leave when standard input ends.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Run a local exchange that Polymarket's official clients trade against, unmodified.

    \b
    agbot exchange                       on http://127.0.0.1:8765, with traders, until Ctrl-C
    agbot exchange --json --port 0       a free port; the first line says where and gives test keys
    agbot exchange --faults faults.yaml  misbehaves on demand

    \b
    in a second terminal:
    agbot exchange --export-env py-clob-client-v2    how that client is pointed at the one that runs
    agbot exchange ledger                what everybody holds
    agbot exchange fund WALLET 100       play money
    agbot exchange faults on reply_lost probability=0.2
    agbot exchange conformance           holds it against its reference

    It checks signatures, keys, balances and limits as the venue does; all money is play money. docs/exchange.md
    """
    said = [name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    starting = [name for name in said if name not in _NOT_STARTING]
    if (asked := context.invoked_subcommand) is not None:
        if starting or options["export_env"]:
            option = f"--{(starting or ['export_env'])[0].replace('_', '-')}"
            raise click.UsageError(
                f"{option} is for starting an exchange; '{asked}' speaks to the one that runs", context
            )
        context.obj = {"admin": options["admin"], "as_json": options["as_json"]}
        return
    if options["recording"] is None and (lost := [name for name in starting if name.startswith("recording_")]):
        raise click.UsageError(f"--{lost[0].replace('_', '-')} is about a --recording, and none is named", context)
    if options["export_env"] and not starting and (ready := _running(options["admin"])):
        click.echo(_exported(options["export_env"], ready))
        return
    import trio  # noqa: PLC0415

    trio.run(_serve, _settings(options), options)


def _running(admin: Path | None) -> dict[str, Any] | None:
    """Return the ready line of the exchange that runs, None when none does."""
    from agbot.errors import NotRunningError  # noqa: PLC0415
    from agbot.exchange.admin.socket import ask, running_admin  # noqa: PLC0415

    try:
        return ask(admin or running_admin(), "ready")
    except NotRunningError:
        return None


def _population(name: str | None) -> str:
    """Return a population's name, empty for nobody; ConfigError AGB-158 for one there is not."""
    from agbot.exchange.population.config import PRESETS  # noqa: PLC0415

    if name in ("none", ""):
        return ""
    if name is not None and name not in PRESETS:
        remedy = f"use {', '.join(PRESETS)} or none"
        raise ConfigError(f"no population is called {name!r}", id="AGB-158", key="--population", remedy=remedy)
    return name or "calm"


def _settings(options: dict[str, Any]) -> BoxSettings:
    from agbot.cli.amounts import usd  # noqa: PLC0415
    from agbot.exchange.admin.socket import own_admin_path  # noqa: PLC0415
    from agbot.exchange.core.terms import Terms  # noqa: PLC0415
    from agbot.exchange.markets.replayed import AtEnd  # noqa: PLC0415
    from agbot.exchange.settings import PORT, BoxSettings  # noqa: PLC0415
    from agbot.units import NS_PER_S  # noqa: PLC0415

    population = _population(options["population"])
    times = {"mined_after_ns": options["settle"], "confirmed_after_ns": options["confirm"]}
    more: dict[str, Any] = {name: int(value * NS_PER_S) for name, value in times.items() if value is not None}
    if options["grant"] is not None:
        more["grant_usd"] = usd(options["grant"], "--grant")
    terms = Terms(
        fail_rate=options["fail_rate"], retry_rate=options["retry_rate"], self_trade=options["self_trade"], **more
    )
    given = options["markets_file"] or options["recording"]
    return BoxSettings(
        host=options["host"],
        port=PORT if options["port"] is None else options["port"],
        split_ports=options["split_ports"],
        seed=options["seed"],
        markets=options["markets"] if options["markets"] is not None else 0 if given else 8,
        markets_files=options["markets_file"],
        recording=options["recording"],
        recording_market=options["recording_market"],
        recording_start_s=options["recording_start"],
        recording_end=AtEnd(options["recording_end"]),
        rolling_s=options["rolling"] or 0.0,
        population=population,
        speed=options["speed"],
        limits=not options["no_limits"],
        tier=options["tier"],
        keys=options["keys"],
        heartbeat_ns=int(options["heartbeat_timeout"] * NS_PER_S),
        faults_file=options["faults"],
        state=options["state"],
        admin=options["admin"] or own_admin_path(),
        terms=terms,
    )


async def _serve(settings: BoxSettings, options: dict[str, Any]) -> None:
    import signal  # noqa: PLC0415

    import trio  # noqa: PLC0415

    from agbot import log  # noqa: PLC0415
    from agbot.exchange.server import exchange_server  # noqa: PLC0415

    log.configure(file=None, console=sys.stderr, level="warning")
    async with exchange_server(settings) as running, trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            click.echo(_told(running, options))
            _collect_seldom()
            if options["while_stdin"]:
                nursery.start_soon(_until_stdin_ends, nursery.cancel_scope)
            nursery.start_soon(_until_signal, signals, nursery.cancel_scope)
            await trio.sleep_forever()


def _collect_seldom() -> None:
    """Let the collector look at everything a thousand times less often: it would hold all up for 0.3 s each time.

    The exchange's own objects go without it; what it looks for are the rare circles, and the young ones it finds.
    """
    import gc  # noqa: PLC0415

    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 10_000)


async def _until_signal(signals: Any, scope: Any) -> None:
    async for _ in signals:
        scope.cancel()
        return


async def _until_stdin_ends(scope: Any) -> None:
    import os  # noqa: PLC0415

    import trio  # noqa: PLC0415

    async with trio.lowlevel.FdStream(os.dup(0)) as stdin:
        while await stdin.receive_some(4096):
            pass
    scope.cancel()


def _told(running: Exchange, options: dict[str, Any]) -> str:
    ready = running.ready()
    if client := options["export_env"]:
        told = _exported(client, ready)
        click.echo("EXCHANGE: none ran, so this one was started; it ends with Ctrl-C", err=True)
        return told
    if options["as_json"]:
        return json.dumps(ready)
    return greeting(ready)


def _exported(client: str, ready: dict[str, Any]) -> str:
    from agbot.exchange.export_env import CLIENTS, export_env  # noqa: PLC0415

    if client not in CLIENTS:
        raise ConfigError(
            f"no client is called {client!r}", id="AGB-867", key="--export-env", remedy=f"use {', '.join(CLIENTS)}"
        )
    return export_env(client, ready["urls"], ready["keys"]).rstrip("\n")


def greeting(ready: dict[str, Any]) -> str:
    """Return a ready line for people."""
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    markets = table(_first(ready["markets"], ("slug", "tick", "question")), empty="no markets")
    keys = table(_first(ready["keys"], ("private_key", "wallet")))
    more = [
        f"... {len(ready[what]) - SHOWN} more {what}: agbot exchange ready --json"
        for what in ("markets", "keys")
        if len(ready[what]) > SHOWN
    ]
    which = "" if Path(ready["admin"]).name in _USUAL else f" --admin {ready['admin']}"
    hints = {"clients": f"agbot exchange{which} --export-env CLIENT", "admin": ready["admin"], "stop": "Ctrl-C"}
    traders = f"traders: {ready['population'] or 'none'}"
    return "\n\n".join(
        [
            f"EXCHANGE: play money, seed {ready['seed']}, {traders}\n{pairs(ready['urls'])}",
            markets,
            keys,
            *more,
            pairs(hints),
        ]
    )


def _first(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in columns} for row in rows[:SHOWN]]
