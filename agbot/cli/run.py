"""agbot run."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.errors import ConfigError, StrategyError

if TYPE_CHECKING:
    from agbot.run.attach import Screens
    from agbot.settings import Settings

LOOKING_ON = "read-only"
"""Where, in the state directory, a run keeps its own that only looks on."""
_RECORDING = "For recordings without a sidecar: "


def _seconds(_context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    # click.FloatRange lets nan through: it is below nothing
    if value is not None and not (0 <= value < math.inf):
        raise click.BadParameter(f"{value} is not a number from 0 up", param=parameter)
    return value


@click.command(name="run")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--replay", "recording", type=click.Path(path_type=Path), help="Trade this recording; exits at its end.")
@click.option(
    "--speed",
    default=0.0,
    callback=_seconds,
    help="With --replay: 1 is as it was, 10 ten times faster.  [default: all speed]",
)
@click.option("--hold", is_flag=True, help="With --replay: stay at the end, for page and terminal.")
@click.option("--mode", type=click.Choice(["demo", "paper", "shadow", "live"]), help="Overrides the configuration's.")
@click.option(
    "--read-only", is_flag=True, help="With --mode live: see markets and account, beside a bot; send nothing."
)
@click.option("--confirm", metavar="WALLET", help="With --mode live, without a terminal: the wallet that pays.")
@click.option("--capital", help="Paper money at start, usd; a state directory that has traded goes on with its own.")
@click.option("--duration", type=float, callback=_seconds, help="Stop after this many seconds.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of the demo's markets.")
@click.option("--profile", help="Name of the bot; its state lives under this name.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="State directory, instead of the profile's.")
@click.option("--strategy", "strategies", multiple=True, help="quoter, module:Class or file.py:Class; repeatable.")
@click.option("--policies", type=click.Path(path_type=Path), help="Risk policies, instead of the configuration's.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page.  [default: 8080]")
@click.option("--no-web", is_flag=True, help="No monitor, no page.")
@click.option("--simulated", is_flag=True, help="Demo: simulated markets in the bot itself, no exchange beside it.")
@click.option("--tui", is_flag=True, help="Dashboard on this terminal.")
@click.option("--log-wire", is_flag=True, help="Note requests to the venue and replies in wire.jsonl, without secrets.")
@click.option("--json", "as_json", is_flag=True, help="Closing summary as JSON.")
@click.option("--yes", "yes", help=_RECORDING + "token id of YES.")
@click.option("--condition-id", help=_RECORDING + "condition id.")
@click.option("--tick", help=_RECORDING + "tick size, usd.")
@click.option("--min-size", help=_RECORDING + "smallest order, shares.")
@click.option("--fee-rate", help=_RECORDING + "taker fee rate.")
def command(**options: Any) -> None:
    """Run the bot.

    \b
    agbot run                     demo: trades on a local exchange, play money, http://127.0.0.1:8080
    agbot run --replay FILE       trade a recorded order book, print what came of it
    agbot run config.yaml         what the configuration says: live markets, paper orders
    agbot run config.yaml --mode live        real money, after the doctor and a question
    agbot run --tui --no-web      on this terminal

    Paper unless told otherwise. Ctrl-C cancels all orders, waits until flat, and exits 0; twice hurries.
    """
    _refuse_ignored(options)
    settings = _settings(options)
    _check(settings)
    if options["recording"]:
        _replay(settings, options)
    else:
        _trade(settings, options)


_REPLAY_ONLY = ("speed", "hold", "yes", "condition_id", "tick", "min_size", "fee_rate")
_LIVE_ONLY = ("duration", "mode", "read_only", "seed", "confirm", "log_wire", "simulated")


def _refuse_ignored(options: dict[str, Any]) -> None:
    """Say that an option would do nothing, rather than do nothing."""
    names, needed = (_LIVE_ONLY, "without") if options["recording"] else (_REPLAY_ONLY, "with")
    for name in names:
        if options[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} has a meaning only {needed} --replay")


def _settings(options: dict[str, Any]) -> Settings:
    import attrs  # noqa: PLC0415

    from agbot.cli.amounts import usd  # noqa: PLC0415
    from agbot.config import load_settings  # noqa: PLC0415
    from agbot.settings import Mode, Settings, StrategySettings  # noqa: PLC0415

    base = load_settings(options["config"]) if options["config"] else Settings(profile="demo")
    changes: dict[str, Any] = {}
    if options["mode"]:
        changes["mode"] = Mode(options["mode"])
    if options["capital"] is not None:
        changes["capital_usd"] = usd(options["capital"], "--capital")
    for name in ("seed", "profile", "state_dir"):
        if options[name] is not None:
            changes[name] = options[name]
    if options["policies"]:
        changes["policy_file"] = options["policies"]
    if options["strategies"]:
        changes["strategies"] = tuple(StrategySettings(name=name) for name in options["strategies"])
    return attrs.evolve(base, **changes)


def _check(settings: Settings) -> None:
    """Raise what policies and strategies would fail with, before anything is written or said."""
    from agbot.core.rules import load_rules  # noqa: PLC0415
    from agbot.store.rebuild import strategy_faults  # noqa: PLC0415

    if settings.policy_file:
        load_rules(settings.policy_file)
    for fault in strategy_faults(settings):
        raise fault


def _screens(settings: Settings, options: dict[str, Any], state_dir: Path) -> Screens:
    from urllib.parse import urlsplit  # noqa: PLC0415

    from agbot.run.attach import Screens  # noqa: PLC0415

    address = urlsplit(settings.monitor.endpoint)
    if options["tui"] and not sys.stdout.isatty():
        raise ConfigError(
            "--tui needs a terminal", id="AGB-123", key="--tui", remedy="run it without, and `agbot tui` elsewhere"
        )
    return Screens(
        host=address.hostname or "127.0.0.1",
        port=options["port"] or address.port or 8080,
        web=not options["no_web"],
        tui=options["tui"],
        state_dir=state_dir,
    )


def _replay(settings: Settings, options: dict[str, Any]) -> None:
    import trio  # noqa: PLC0415

    from agbot import log  # noqa: PLC0415
    from agbot.cli.tables import summary, table  # noqa: PLC0415
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.run.replay import ReplayPlan, ReplayRun  # noqa: PLC0415
    from agbot.run.session import prepare_state_dir  # noqa: PLC0415
    from agbot.run.tally import by_token  # noqa: PLC0415
    from agbot.store.importers import open_recording  # noqa: PLC0415

    recording = open_recording(options["recording"], _terms(options))
    directory = prepare_state_dir("replay", settings.state_dir)
    screens = _screens(settings, options, directory)
    log.configure(file=directory / log.FILE_NAME, console=None if options["tui"] else sys.stderr, level="info")
    if not options["as_json"]:
        click.echo(f"REPLAY {recording.path} ({recording.format})")
        click.echo(table([t._asdict() for t in recording.terms]))
    with exclusive(directory), _bar(options) as progress:
        plan = ReplayPlan(
            recording=recording,
            settings=settings,
            state_dir=directory,
            screens=screens,
            monitor_runs=trio.run(screens.check) is not None,
            speed=options["speed"],
            hold=options["hold"],
            progress=progress,
        )
        run = ReplayRun(plan)
        try:
            trio.run(run.run)
        finally:  # a recording that ends too early was traded up to there
            result = {**run.summary(), "tokens": by_token(run.engine)}
            click.echo(
                json.dumps(result) if options["as_json"] else f"{table(result.pop('tokens'))}\n\n{summary(result)}"
            )
        for failed in run.tally.failed.values():
            raise StrategyError(
                f"strategy {failed.strategy} was stopped: {failed.reason} in market {failed.market}\n{failed.details}",
                id="AGB-640",
                remedy="mend it and replay again; docs/strategies.md has the rules of a strategy",
            )


def _trade(settings: Settings, options: dict[str, Any]) -> None:
    from contextlib import ExitStack  # noqa: PLC0415

    import attrs  # noqa: PLC0415
    import trio  # noqa: PLC0415

    from agbot import log  # noqa: PLC0415
    from agbot.cli import start as start_  # noqa: PLC0415
    from agbot.cli.tables import summary  # noqa: PLC0415
    from agbot.notify.open import check_channels  # noqa: PLC0415
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.run.place import keep  # noqa: PLC0415
    from agbot.run.plans import Start  # noqa: PLC0415
    from agbot.run.session import prepare_state_dir  # noqa: PLC0415
    from agbot.settings import Mode  # noqa: PLC0415
    from agbot.shared.watch import Shared  # noqa: PLC0415

    looks_on = options["read_only"]
    if looks_on and settings.mode is not Mode.LIVE:
        raise click.UsageError("--read-only has a meaning only with --mode live: no other mode sends anything")
    check_channels(settings.notify)
    if settings.mode is not Mode.DEMO:
        from agbot.run.named import check_named  # noqa: PLC0415

        check_named(settings)
    directory = prepare_state_dir(settings.profile, settings.state_dir)
    if looks_on:  # beside a bot, which has the directory
        settings = attrs.evolve(settings, state_dir=directory / LOOKING_ON)
        directory = prepare_state_dir(settings.profile, settings.state_dir)
    screens = _screens(settings, options, directory)
    log.configure(file=directory / log.FILE_NAME, console=None if options["tui"] else sys.stderr, level="info")
    quiet = options["as_json"] or options["tui"]
    with ExitStack() as held:
        held.enter_context(exclusive(directory))
        shared, ready = Shared.of(settings, str(directory), f"{settings.profile}, {settings.mode}"), None
        if settings.mode is Mode.LIVE:
            ready = (
                start_.read_only(settings)
                if looks_on
                else start_.live(settings, directory, options["confirm"], held, shared)
            )
        keep(directory, settings)
        monitor = trio.run(screens.check)
        start = Start(
            settings=settings,
            state_dir=directory,
            screens=screens,
            monitor_runs=monitor is not None,
            duration_s=options["duration"],
            log_wire=options["log_wire"],
            simulated=options["simulated"],
            shared=shared,
        )
        if not quiet:
            start_.greet(start, ready, monitor)
        result = trio.run(start_.run, start, ready)
    click.echo(json.dumps(result) if options["as_json"] else summary(result))


def _terms(options: dict[str, Any]) -> Any:
    from agbot.store.terms import Terms  # noqa: PLC0415

    names = ("yes", "condition_id", "tick", "min_size", "fee_rate")
    given = {name: options[name] for name in names if options[name] is not None}
    return Terms.parse(given, line_of=lambda _key: None)


class _bar:  # noqa: N801 - used like a function
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, options: dict[str, Any]) -> None:
        quiet = options["as_json"] or options["tui"] or options["speed"] or not sys.stderr.isatty()
        self._bar = None if quiet else click.progressbar(length=1000, label="replaying", file=sys.stderr)

    def __enter__(self) -> Any:
        if self._bar is None:
            return lambda _fraction: None
        bar = self._bar.__enter__()
        return lambda fraction: bar.update(max(0, int(fraction * 1000) - bar.pos))

    def __exit__(self, *exc: Any) -> None:
        if self._bar is not None:
            self._bar.__exit__(*exc)
