"""agbot exchange: the local exchange, and what an operator does to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.exchange.server import Exchange
    from agbot.exchange.settings import BoxSettings

SHOWN = 12
_CLIENTS = "agbot, py-clob-client-v2, polymarket-client, clob-client-v2, client or real-time-data-client"


class _Group(click.Group):
    """Sub-commands that are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all commands, the lazy one among them."""
        return [*super().list_commands(ctx), "conformance"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing the conformance suite only when it is asked for."""
        if cmd_name == "conformance":
            from agbot.cli.exchange_conformance import conformance  # noqa: PLC0415

            found: click.Command = conformance
            return found
        return super().get_command(ctx, cmd_name)


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
@click.option("--export-env", metavar="CLIENT", help=f"Print how a client is pointed here: {_CLIENTS}.")
@click.option("--json", "as_json", is_flag=True, help="The ready line as JSON: addresses, keys, markets.")
@click.option("--while-stdin", is_flag=True, hidden=True, help="Leave when standard input ends.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Run a local exchange that Polymarket's official clients trade against, unmodified.

    \b
    agbot exchange                       on http://127.0.0.1:8765, with traders, until Ctrl-C
    agbot exchange --json --port 0       a free port; the first line says where and gives test keys
    agbot exchange --export-env py-clob-client-v2
    agbot exchange --faults faults.yaml  misbehaves on demand
    agbot exchange ledger                what everybody holds (a second terminal)
    agbot exchange fund WALLET 100       play money
    agbot exchange conformance --target http://127.0.0.1:8765

    It checks signatures, keys, balances and limits as the venue does; all money is play money. docs/exchange.md
    """
    if context.invoked_subcommand is not None:
        context.obj = options["admin"]
        return
    import trio  # noqa: PLC0415

    trio.run(_serve, _settings(options), options)


def _settings(options: dict[str, Any]) -> BoxSettings:
    from agbot.cli.amounts import usd  # noqa: PLC0415
    from agbot.exchange.admin.socket import own_admin_path  # noqa: PLC0415
    from agbot.exchange.core.terms import Terms  # noqa: PLC0415
    from agbot.exchange.markets.replayed import AtEnd  # noqa: PLC0415
    from agbot.exchange.population.config import preset  # noqa: PLC0415
    from agbot.exchange.settings import PORT, BoxSettings  # noqa: PLC0415
    from agbot.units import NS_PER_S  # noqa: PLC0415

    population = "calm" if options["population"] is None else options["population"]
    if population not in ("none", ""):
        preset(population)
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
        population="" if population == "none" else population,
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
            if options["while_stdin"]:
                nursery.start_soon(_until_stdin_ends, nursery.cancel_scope)
            nursery.start_soon(_until_signal, signals, nursery.cancel_scope)
            await trio.sleep_forever()


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
    from agbot.exchange.export_env import CLIENTS, export_env  # noqa: PLC0415

    ready = running.ready()
    if client := options["export_env"]:
        if client not in CLIENTS:
            raise ConfigError(
                f"no client is called {client!r}", id="AGB-867", key="--export-env", remedy=f"use {', '.join(CLIENTS)}"
            )
        return export_env(client, ready["urls"], ready["keys"]).rstrip("\n")
    if options["as_json"]:
        return json.dumps(ready)
    return _greeting(ready)


def _greeting(ready: dict[str, Any]) -> str:
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    key = ready["keys"][0]
    urls = pairs(ready["urls"])
    columns = ("slug", "tick", "question")
    markets = table([{name: market[name] for name in columns} for market in ready["markets"][:SHOWN]])
    return (
        f"EXCHANGE: play money, seed {ready['seed']}\n{urls}\n\n{markets}\n\n"
        f"test key  {key['private_key']}\nwallet    {key['wallet']}\nadmin     {ready['admin']}\nstop      Ctrl-C"
    )


# ---------------------------------------------------------------- what an operator does


def _ask(path: Path | None, op: str, /, **arguments: Any) -> dict[str, Any]:
    from agbot.exchange.admin.socket import ask, running_admin  # noqa: PLC0415

    return ask(path or running_admin(), op, **{name: value for name, value in arguments.items() if value is not None})


def _print(answer: dict[str, Any], as_json: bool) -> None:
    from agbot.cli.tables import summary  # noqa: PLC0415

    told = {name: value for name, value in answer.items() if name != "ok"}
    click.echo(json.dumps(told) if as_json else summary(told))


_json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_admin_option = click.option(
    "--admin", type=click.Path(path_type=Path), help="Which exchange: its admin socket.  [default: the one that runs]"
)


@command.command()
@_json_option
@_admin_option
def ledger(as_json: bool, admin: Path | None) -> None:
    """Show what everybody holds, what rests, and that it adds up."""
    from agbot.cli.tables import table  # noqa: PLC0415

    found = _ask(admin, "ledger")["ledger"]
    if as_json:
        click.echo(json.dumps(found))
        return
    rows = [{"wallet": name, **_row(wallet)} for name, wallet in found["wallets"].items()]
    orders = [{name: order[name] for name in _ORDER_COLUMNS} for order in found["orders"]]
    verdict = "\n".join(found["faults"]) or "it adds up: no cent and no share was created or lost"
    click.echo("\n\n".join([table(rows), table(orders), f"fees {found['fees']} usd; {verdict}"]))


_ORDER_COLUMNS = ("slug", "outcome", "side", "price", "size", "matched", "type", "status", "wallet")


def _row(wallet: dict[str, Any]) -> dict[str, Any]:
    return {
        "usd": wallet["usd"],
        "in orders": wallet["usd_in_orders"],
        "unsettled": wallet["usd_unsettled"],
        "positions": len(wallet["shares"]),
    }


@command.command()
@click.argument("wallet")
@click.argument("usd")
@click.option("--market", help="Also give pairs of this market: a slug or condition id.")
@click.option("--size", help="How many pairs, shares.")
@_json_option
@_admin_option
def fund(wallet: str, usd: str, as_json: bool, admin: Path | None, **pairs: str | None) -> None:
    """Give a wallet play money, and pairs of a market if asked for."""
    _print(_ask(admin, "fund", wallet=wallet, usd=usd, **pairs), as_json)


@command.command()
@_json_option
@_admin_option
def reset(as_json: bool, admin: Path | None) -> None:
    """Begin anew: no orders, no trades, everybody's money as at first."""
    _print(_ask(admin, "reset"), as_json)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_json_option
@_admin_option
def snapshot(file: Path, as_json: bool, admin: Path | None) -> None:
    """Save the whole state to a file."""
    _print(_ask(admin, "snapshot", file=str(file.absolute())), as_json)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@_json_option
@_admin_option
def restore(file: Path, as_json: bool, admin: Path | None) -> None:
    """Go back to a saved state; orders of then are cancelled, as after a restart of the venue."""
    _print(_ask(admin, "restore", file=str(file.absolute())), as_json)


@command.command()
@click.argument("market")
@click.argument("winner")
@_json_option
@_admin_option
def resolve(market: str, winner: str, as_json: bool, admin: Path | None) -> None:
    """Name a market's winner: yes, no, an outcome's name or a token."""
    _print(_ask(admin, "resolve", market=market, winner=winner), as_json)


@command.command()
@click.argument("verb", type=click.Choice(["split", "merge", "convert", "redeem"]))
@click.argument("wallet")
@click.argument("markets", nargs=-1, required=True)
@click.option("--size", help="Shares; redeem takes all.")
@_json_option
@_admin_option
def pairs(verb: str, wallet: str, markets: tuple[str, ...], as_json: bool, admin: Path | None, **more: Any) -> None:
    """Do for a wallet what needs a contract call elsewhere: split, merge, convert or redeem.

    Example: agbot exchange pairs split WALLET demo-derby --size 100
    """
    named = {"markets": list(markets)} if verb == "convert" else {"market": markets[0]}
    _print(_ask(admin, verb, wallet=wallet, **named, **more), as_json)


@command.command()
@click.argument("market")
@click.option("--logit", type=float, default=1.0, show_default=True, help="How far the fair price moves, in log odds.")
@_json_option
@_admin_option
def news(market: str, logit: float, as_json: bool, admin: Path | None) -> None:
    """Let news come out about a market: its fair price jumps, and who knows trades on it."""
    _print(_ask(admin, "news", market=market, logit=logit), as_json)


@command.command()
@click.argument("action", type=click.Choice(["list", "on", "off", "clear", "report"]), default="list")
@click.argument("name", required=False)
@click.argument("parameters", nargs=-1)
@_json_option
@_admin_option
def faults(action: str, name: str | None, parameters: tuple[str, ...], as_json: bool, admin: Path | None) -> None:
    """Switch faults: agbot exchange faults on reply_lost probability=0.1 for_s=60."""
    from agbot.cli.tables import table  # noqa: PLC0415

    given = dict(_parameter(text) for text in parameters)
    answer = _ask(admin, "faults", **{**given, "action": action, "name": name})
    if as_json or action != "list":
        _print(answer, as_json)
    else:
        click.echo(table(answer["faults"]))


def _parameter(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark:
        raise click.UsageError(f"{text!r} is no parameter; write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
