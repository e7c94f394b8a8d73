"""agbot init: a first configuration out of a few questions; keys go to the keyring or the environment, never in it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.errors import AgbotError, ConfigError

if TYPE_CHECKING:
    from agbot.cli.first_config import Answers

KEYS = {
    "POLYMARKET_PRIVATE_KEY": "the key that signs: 0x and 64 hexadecimal digits",
    "POLYMARKET_API_KEY": "the API key",
    "POLYMARKET_SECRET": "the API key's secret",
    "POLYMARKET_PASSPHRASE": "the API key's passphrase",
}
MODES = ("demo", "paper", "shadow")
SHOWN = 10


@click.command(name="init")
@click.argument("path", default="config.yaml", type=click.Path(path_type=Path))
@click.option("--defaults", is_flag=True, help="Ask nothing: take the defaults, and what other options say.")
@click.option("--mode", type=click.Choice(MODES), help="Where data comes from and orders go.  [default: paper]")
@click.option("--profile", help="Name of the bot.  [default: default]")
@click.option("--market", "markets", multiple=True, help="Slug, address or condition id of a market; repeatable.")
@click.option("--capital", help="Paper money at start, usd.  [default: 10000.00]")
@click.option("--caps", metavar="ORDER,DAY", help="For live trading: largest order and largest day, usd.")
@click.option("--policies", type=click.Path(path_type=Path), help="A policy file, instead of the built-in limits.")
@click.option("--strategy", help="quoter, module:Class or file.py:Class.  [default: quoter]")
@click.option("--exchange", is_flag=True, help="For the exchange that runs here (agbot exchange), not Polymarket.")
def command(path: Path, *, defaults: bool, **given: Any) -> None:
    """Write a commented configuration to PATH (config.yaml), out of at most eight questions.

    \b
    agbot init                      asks
    agbot init --defaults paper.yaml --market SLUG
    agbot init --defaults rehearsal.yaml --exchange --caps 20,500

    Keys are never written in the file: the last question offers the keyring, when there is one. A file that exists is
    not overwritten.
    """
    from agbot.cli.first_config import Answers, exists, prove, render, write_new  # noqa: PLC0415

    if path.exists():
        raise exists(path)
    chosen = {name: value for name, value in given.items() if value}
    chosen |= _order_and_day(chosen.pop("caps", ""))
    if at_exchange := chosen.pop("exchange", False):
        chosen |= _at_exchange(chosen)
    if not defaults:
        chosen |= _answers(chosen)
    answers = Answers(**chosen)
    text = render(answers, path)
    prove(text, path)
    if at_exchange:
        _must_be_there(answers)
    write_new(path, text)
    _tell(path, answers.mode, named=bool(answers.markets), looked_up=at_exchange)
    if at_exchange:
        click.echo('test keys, for --mode live: eval "$(agbot exchange --export-env agbot)"')
    elif not defaults:
        _offer_keyring()


def _at_exchange(given: dict[str, Any]) -> dict[str, Any]:
    """Return where the exchange that runs here is, and its first market unless others were named."""
    from agbot.cli.exchange_asking import ask  # noqa: PLC0415

    ready = ask(None, "ready")
    markets = given.get("markets") or [market["slug"] for market in ready["markets"][:1]]
    return {"urls": ready["urls"], "markets": markets}


def _must_be_there(answers: Answers) -> None:
    """Raise NotFoundError where the exchange that runs here has no such market."""
    from agbot.cli.first_config import HOSTS  # noqa: PLC0415
    from agbot.cli.look_up import must_be_there  # noqa: PLC0415
    from agbot.venue.polymarket.hosts import Hosts  # noqa: PLC0415

    must_be_there(answers.markets, Hosts(**{name: answers.urls[name] for name in HOSTS}))


def _answers(given: dict[str, Any]) -> dict[str, Any]:
    try:
        return _ask(given)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo()
        raise click.UsageError(
            "nobody answers here: agbot init --defaults asks nothing, options say the rest"
        ) from None


def _ask(given: dict[str, Any]) -> dict[str, Any]:
    """Ask what no option has said; the eighth question is about keys, after the file is written."""
    told: dict[str, Any] = {}
    mode = given.get("mode") or click.prompt("Mode", default="paper", type=click.Choice(MODES))
    told["mode"] = mode
    if "profile" not in given:
        told["profile"] = click.prompt("Name of the bot", default="default", value_proc=_checked("profile"))
    if "markets" not in given and mode != "demo":
        told["markets"] = _ask_markets()
    if "capital" not in given:
        told["capital"] = click.prompt("Paper money, usd", default="10000.00", value_proc=_checked("capital"))
    if "policies" not in given:
        policies = click.prompt(
            "Policy file (empty: built-in limits)", default="", show_default=False, value_proc=_file
        )
        told["policies"] = policies
    if "strategy" not in given:
        told["strategy"] = click.prompt("Strategy", default="quoter", value_proc=_checked("strategy"))
    if "max_order" not in given and mode != "demo":
        words = "Largest order and largest day for live trading, usd, such as 25,250 (empty: decide later)"
        told |= click.prompt(words, default="", show_default=False, value_proc=_caps)
    return told


def _checked(name: str) -> Any:
    """Return a reader of one answer that asks again while the configuration would not take it."""

    def read(text: str) -> str:
        import attrs  # noqa: PLC0415

        from agbot.cli.first_config import Answers, prove, render  # noqa: PLC0415

        value: Any = text.strip()
        try:
            here = Path("config.yaml")
            prove(render(attrs.evolve(Answers(), **{name: value}), here), here)
        except ConfigError as e:
            raise click.UsageError(f"{e.reason}: {e.remedy}") from e
        return str(value)

    return read


def _file(text: str) -> Path | None:
    from agbot.core.rules import load_rules  # noqa: PLC0415

    if not text.strip():
        return None
    path = Path(text.strip()).expanduser()
    try:
        load_rules(path)
    except ConfigError as e:
        raise click.UsageError(str(e)) from e
    return path


def _caps(text: str) -> dict[str, str]:
    try:
        return _order_and_day(text)
    except ConfigError as e:
        raise click.UsageError(e.reason) from e


def _order_and_day(text: str) -> dict[str, str]:
    """Return ``25,250`` as the two caps, nothing for nothing."""
    from agbot.units import to_units  # noqa: PLC0415

    if not text.strip():
        return {}
    words = text.replace(",", " ").split()
    try:
        order, day = map(to_units, words)
    except ValueError as e:
        raise _no_caps(text) from e
    if not 0 < order <= day:
        raise _no_caps(text)
    return {"max_order": words[0], "max_day": words[1]}


def _no_caps(text: str) -> ConfigError:
    reason = f"{text!r} is not a largest order and a largest day in usd, such as 25,250"
    return ConfigError(reason, id="AGB-107", key="--caps", remedy="--caps 25,250")


def _ask_markets() -> Sequence[str]:
    text = click.prompt("Markets: words to search, or a slug (empty: later)", default="", show_default=False).strip()
    if not text or (" " not in text and ("-" in text or text.startswith(("0x", "http")))):
        return (text,) if text else ()
    try:
        found = search(text)
    except AgbotError as e:
        click.echo(f"agbot: {e}\nno market chosen; find some later: agbot markets search {text}", err=True)
        return ()
    for number, (slug, question) in enumerate(found, 1):
        click.echo(f"{number:>4}  {slug}\n      {question}")
    if not found:
        click.echo(f"nothing found for {text!r}; try later: agbot markets search WORDS")
        return ()
    chosen: Sequence[int] = click.prompt("Which (numbers, empty: none)", default="", value_proc=_numbers(len(found)))
    return [found[number - 1][0] for number in chosen]


def _numbers(most: int) -> Any:
    def read(text: str) -> Sequence[int]:
        words = text.replace(",", " ").split()
        if not all(word.isdecimal() and 1 <= int(word) <= most for word in words):
            raise click.UsageError(f"numbers from 1 to {most}, such as 1 3")
        return [int(word) for word in words]

    return read


def search(text: str) -> Sequence[tuple[str, str]]:
    """Return (slug, question) of open markets that match, as `agbot markets search` does."""
    from agbot.cli.markets import matching  # noqa: PLC0415

    return [(market.slug, market.question) for market in matching(text)[:SHOWN]]


def _tell(path: Path, mode: str, *, named: bool, looked_up: bool) -> None:
    click.echo(f"wrote {path} (only you can read it)")
    if not named and mode != "demo":
        click.echo("first     name a market in it, markets: [SLUG]; agbot markets search WORDS finds some")
    online = "" if looked_up or not named or mode == "demo" else " --online   # whether the venue has the markets"
    click.echo(f"next      agbot check {path}{online}\nthen      agbot run {path}")
    if mode != "demo":
        click.echo(f"before live trading: agbot doctor {path} --live")


def _offer_keyring() -> None:
    """Offer to keep the keys in the system's keyring; without one, say how the environment holds them."""
    if not keyring_there():
        click.echo("Keys are needed for live trading only. In the environment:")
        click.echo("\n".join(f"  export {name}=…   # {what}" for name, what in KEYS.items()))
        click.echo("or in the system's keyring: pip install keyring, then keyring set agbot NAME")
        click.echo("no API key yet? agbot apikey --print tells its lines for the private key")
        return
    if not click.confirm("Put Polymarket keys into the system's keyring now?", default=False):
        click.echo("Later: keyring set agbot NAME, with these names:")
        click.echo("\n".join(f"  {name}   # {what}" for name, what in KEYS.items()))
        return
    for name, what in KEYS.items():
        value = click.prompt(f"{name}, {what} (hidden; empty: skip)", default="", hide_input=True, show_default=False)
        if value.strip():
            keep(name, value.strip())
            click.echo(f"{name}: stored")
    click.echo("no API key yet? agbot apikey gets it for the private key")


def keyring_there() -> bool:
    """Return whether the keyring package is installed."""
    return importlib.util.find_spec("keyring") is not None


def keep(name: str, value: str) -> None:
    """Store a secret in the system's keyring; ConfigError AGB-452 when it does not take it."""
    from agbot.secrets import SERVICE, Secret  # noqa: PLC0415

    Secret(value)  # from here on it is removed from every text we print
    keyring = importlib.import_module("keyring")
    errors = importlib.import_module("keyring.errors")
    try:
        keyring.set_password(SERVICE, name, value)
    except errors.KeyringError as e:
        reason = f"the keyring does not take {name}: {type(e).__name__}"
        raise ConfigError(reason, id="AGB-452", key=name, remedy=f"export {name}=… in the environment instead") from e
