"""What an operator does to a running exchange: looks, gives, resolves, keeps a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agbot.cli.exchange_asking import ask as asked
from agbot.cli.exchange_asking import asks, parameters, tell, wants_json

_VERBS = "clock, tick, limits, address, allowance, settle_now, deposit, withdraw, list_market, rebates"


@click.command()
@asks
def ready(as_json: bool, admin: Path | None) -> None:
    """Show the addresses, test keys and markets of the exchange that runs.

    Example: agbot exchange ready --json > ready.json
    """
    from agbot.cli.exchange import greeting  # noqa: PLC0415

    told = asked(admin, "ready")
    told.pop("ok")
    click.echo(json.dumps(told) if wants_json(as_json) else greeting(told))


@click.command()
@click.argument("wallet", required=False)
@asks
def ledger(wallet: str | None, as_json: bool, admin: Path | None) -> None:
    """Show what everybody holds, what rests, and that it adds up; or what WALLET holds and has resting.

    \b
    agbot exchange ledger
    agbot exchange ledger 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
    agbot exchange ledger --json
    """
    from agbot.cli.exchange_ledger import everybody, one  # noqa: PLC0415

    found = asked(admin, "ledger")["ledger"]
    if wants_json(as_json) and wallet is None:
        click.echo(json.dumps(found))
    elif wants_json(as_json):
        click.echo(json.dumps(one(found, str(wallet))))
    else:
        click.echo(everybody(found, wallet))


@click.command()
@click.argument("wallet")
@click.argument("usd")
@click.option("--market", help="Also give pairs of this market: a slug or condition id.")
@click.option("--size", help="How many pairs, shares.")
@asks
def fund(wallet: str, usd: str, as_json: bool, admin: Path | None, **pairs_: str | None) -> None:
    """Give WALLET play money, USD of it, and pairs of a market if asked for.

    \b
    agbot exchange fund 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 500
    agbot exchange fund 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 0 --market demo-derby --size 100
    """
    if (pairs_["market"] is None) != (pairs_["size"] is None):
        raise click.UsageError("pairs need both: --market SLUG --size SHARES")
    tell(asked(admin, "fund", wallet=wallet, usd=usd, **pairs_), as_json)


@click.command()
@asks
def reset(as_json: bool, admin: Path | None) -> None:
    """Begin anew: no orders, no trades, everybody's money as at first. Its WebSockets break, as in a restart.

    Example: agbot exchange reset
    """
    tell(asked(admin, "reset"), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@asks
def snapshot(file: Path, as_json: bool, admin: Path | None) -> None:
    """Save the whole state to FILE, which only you can read: it has API keys in it.

    Example: agbot exchange snapshot before.json
    """
    tell(asked(admin, "snapshot", file=str(file.absolute())), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@asks
def restore(file: Path, as_json: bool, admin: Path | None) -> None:
    """Go back to a saved state; orders of then are cancelled, as after a restart of the venue.

    Example: agbot exchange restore before.json
    """
    tell(asked(admin, "restore", file=str(file.absolute())), as_json)


@click.command()
@click.argument("market")
@click.argument("winner")
@asks
def resolve(market: str, winner: str, as_json: bool, admin: Path | None) -> None:
    """Name a MARKET's WINNER: yes, no, an outcome's name or a token. Holders are paid out.

    Example: agbot exchange resolve demo-derby yes
    """
    tell(asked(admin, "resolve", market=market, winner=winner), as_json)


@click.command()
@click.argument("verb", type=click.Choice(["split", "merge", "convert", "redeem"]))
@click.argument("wallet")
@click.argument("markets", nargs=-1, required=True)
@click.option("--size", help="Shares; redeem takes all.")
@asks
def pairs(verb: str, wallet: str, markets: tuple[str, ...], as_json: bool, admin: Path | None, **more: Any) -> None:
    """Do for a wallet what needs a contract call elsewhere: split, merge, convert or redeem.

    Example: agbot exchange pairs split WALLET demo-derby --size 100
    """
    if verb != "redeem" and more["size"] is None:
        raise click.UsageError(f"{verb} needs --size, such as --size 10")
    if verb != "convert" and len(markets) > 1:
        raise click.UsageError(f"{verb} takes one market; only convert takes several, of one event")
    named = {"markets": list(markets)} if verb == "convert" else {"market": markets[0]}
    tell(asked(admin, verb, wallet=wallet, **named, **more), as_json)


@click.command()
@click.argument("market")
@click.option("--logit", type=float, default=1.0, show_default=True, help="How far the fair price moves, in log odds.")
@asks
def news(market: str, logit: float, as_json: bool, admin: Path | None) -> None:
    """Let news come out about a market: its fair price jumps, and who knows trades on it.

    Example: agbot exchange news demo-derby --logit -2
    """
    tell(asked(admin, "news", market=market, logit=logit), as_json)


@click.command(epilog=f"Verbs without a command of their own: {_VERBS}. docs/exchange.md has their arguments.")
@click.argument("verb")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@asks
def ask(verb: str, arguments: tuple[str, ...], as_json: bool, admin: Path | None) -> None:
    """Ask the admin socket anything else that it knows.

    \b
    agbot exchange ask clock speed=60
    agbot exchange ask clock jump_s=3600
    agbot exchange ask tick market=demo-derby tick=0.001
    agbot exchange ask limits on=false
    agbot exchange ask address address=0x… closed_only=true
    """
    tell(asked(admin, verb, **parameters(arguments, exact=True)), as_json)
