"""agbot exchange conformance: does an exchange do what the venue's clients expect?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from agbot.exchange.conformance.check import Check
    from agbot.exchange.conformance.report import Report, Row
    from agbot.exchange.conformance.target import Target
    from agbot.exchange.conformance.verdict import Need

_PARTS = ("sockets", "gamma", "data", "rtds", "realtime", "trade")
_URLS = {
    "gamma": "Gamma's address, when not TARGET/gamma.",
    "data": "The Data API's, when not TARGET/data-api.",
    "market": "The CLOB's market socket, when not TARGET/ws/market.",
    "user": "The CLOB's user socket, when not TARGET/ws/user.",
    "rtds": "RTDS, when not TARGET/ws/rtds.",
    "realtime": "The stream of reference prices, when not TARGET/ws/realtime.",
}


def _url_options(function: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_URLS.items()):
        function = click.option(f"--{name}-url", f"{name}_url", metavar="URL", help=text)(function)
    return function


@click.command(name="conformance")
@click.option(
    "--target", metavar="URL", help="http://HOST:PORT of an exchange, or polymarket: the real venue, read only."
)
@click.option(
    "--ready",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="What `agbot exchange --json` printed: addresses and keys. - is standard input.",
)
@click.option("--key", metavar="NAME", help="Environment variable that holds a funded test key.")
@click.option("--second-key", metavar="NAME", help="Environment variable that holds another one.")
@click.option("--market", metavar="ID", default="", help="Condition id or slug to trade in.  [default: an empty one]")
@_url_options
@click.option("--only", multiple=True, metavar="PATTERN", help="Ids to check, such as CLOB-BOOK or 'WS-*'; repeatable.")
@click.option("--without", multiple=True, type=click.Choice(_PARTS), help="Leave out what needs this; repeatable.")
@click.option("--list", "as_list", is_flag=True, help="List the checks and ask nothing.")
@click.option("--failed", "only_failed", is_flag=True, help="Show only what failed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML as well.")
def conformance(
    *,
    target: str | None,
    ready: TextIO | None,
    key: str | None,
    second_key: str | None,
    market: str,
    only: Sequence[str],
    without: Sequence[str],
    as_list: bool,
    only_failed: bool,
    as_json: bool,
    junit: Path | None,
    **urls: str | None,
) -> None:
    """Check that an exchange answers as the venue's own clients expect.

    \b
    agbot exchange conformance                     the exchange that runs here, with its test keys but the first
    agbot exchange conformance --target http://127.0.0.1:8765           what reads, without keys
    agbot exchange conformance --ready ready.json --only CLOB-MATCH
    agbot exchange conformance --target polymarket

    Asks from outside, over HTTP and WebSockets. Without keys, and always at the real venue, only what reads. With two
    funded keys it creates API keys, orders, trades and cancels everything of those keys: use play money. Exit 0 when
    nothing failed, 1 when something did. Each check has an id that never changes (docs/conformance.md).
    """
    from agbot.exchange.conformance.catalogue import all_checks  # noqa: PLC0415
    from agbot.exchange.conformance.report import listed, listing  # noqa: PLC0415
    from agbot.exchange.conformance.run import chosen  # noqa: PLC0415
    from agbot.exchange.conformance.verdict import Need  # noqa: PLC0415

    checks = chosen(all_checks(), only)
    if not checks:
        raise click.UsageError(f"no check fits {', '.join(only)}: --list shows them")
    if as_list:
        click.echo(json.dumps(listed(checks), ensure_ascii=False) if as_json else listing(checks))
        return
    place = _target(target, ready.read() if ready else None, [key, second_key], market, urls)
    if junit is not None:
        _write(junit, "")  # before the minutes that the checks take
    report = _run(place, checks, [Need(part) for part in without])
    if junit is not None:
        _write(junit, report.junit())
    click.echo(json.dumps(report.json(), ensure_ascii=False) if as_json else report.text(only_failed=only_failed))
    if not (place.keys or as_json or "trade" in without):
        click.echo("without keys only reads are checked: --ready FILE, or --key NAME --second-key NAME", err=True)
    if report.failed:
        sys.exit(1)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise click.UsageError(f"--junit: {path} cannot be written: {e.strerror or e}") from e


def _target(
    url: str | None, ready: str | None, keys: Sequence[str | None], market: str, urls: dict[str, str | None]
) -> Target:
    """Return the target the options name; ConfigError or click.UsageError when they do not."""
    from agbot.exchange.conformance.target import Target, from_ready, hosts_at, key_named  # noqa: PLC0415

    names = {"market": "market_socket", "user": "user_socket"}
    explicit = {names.get(name.removesuffix("_url"), name.removesuffix("_url")): to for name, to in urls.items()}
    given = [key_named(name) for name in keys if name]
    if len({key.account.owner for key in given}) < len(given):
        raise click.UsageError("--key and --second-key name the same key: nobody trades with himself")
    if ready is not None:
        hosts, told = from_ready(ready, **explicit)
        return Target(hosts=hosts, keys=given or told, market=market)
    if url is None:
        hosts, told = from_ready(_running(), **explicit)
        return Target(hosts=hosts, keys=given or told[1:], market=market)  # the first is for a bot that trades
    return Target(hosts=hosts_at(url, **explicit), keys=given, market=market)


def _running() -> str:
    """Return the ready line of the exchange that runs here."""
    from agbot.cli.exchange_asking import ask  # noqa: PLC0415
    from agbot.errors import NotRunningError  # noqa: PLC0415

    try:
        return json.dumps(ask(None, "ready"))
    except NotRunningError as e:
        raise click.UsageError("say what to check: --target URL or --ready FILE; no exchange of yours runs") from e


def _run(target: Target, checks: Sequence[Check], without: Sequence[Need]) -> Report:
    import trio  # noqa: PLC0415

    from agbot.exchange.conformance.run import run_checks  # noqa: PLC0415
    from agbot.exchange.conformance.world import open_world  # noqa: PLC0415

    async def main() -> Report:
        async with open_world(target, without=without) as world:
            return await run_checks(world, checks, _progress(len(checks)))

    return trio.run(main)


def _progress(total: int) -> Callable[[int, Row], None]:
    """Return what shows progress in one line of standard error, and nothing when that is no terminal."""
    shows = sys.stderr.isatty()

    def tell(done: int, row: Row) -> None:
        if shows:
            bar = "█" * (24 * done // total)
            click.echo(f"\r{bar:<24} {done}/{total} {row.check.id:<20}", nl=done == total, err=True)

    return tell
