"""agbot check: what configuration and policies say, or everything that is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import attrs
import click

from agbot.config import read_settings
from agbot.control import state_dir
from agbot.core.limits import Limits
from agbot.core.rules import DEFAULT_RULES, KillSwitch, Rule, read_rules
from agbot.errors import ConfigError
from agbot.located import load
from agbot.notify.settings import ChannelSettings
from agbot.settings import DAY_NS, HistorySettings, PaperSettings, Settings
from agbot.store.rebuild import strategy_faults
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, usd_text
from agbot.words import many


@attrs.frozen(kw_only=True)
class Report:
    """What was found. `settings` and `rules` are what would hold; with faults they are not to be used."""

    settings: Settings
    rules: tuple[Rule, ...]
    policies: Path | None
    faults: tuple[ConfigError, ...]
    looked_up: bool = False
    """Whether the venue was asked for the markets."""

    @property
    def ok(self) -> bool:
        """Return whether a bot could start with this."""
        return not self.faults


def examine(config: Path | None, policies: Path | None) -> Report:
    """Read the configuration and the policy file it names (or `policies`); collect every fault, start nothing."""
    faults: list[ConfigError] = []
    settings = _settings(config, faults)
    faults += strategy_faults(settings)
    found = len(faults)
    policies = policies or settings.policy_file
    rules = _rules(policies, faults)
    by_line = sorted(faults[:found], key=_line) + sorted(faults[found:], key=_line)
    return Report(settings=settings, rules=rules, policies=policies, faults=tuple(by_line))


def _line(fault: ConfigError) -> int:
    return fault.line or 0


def _settings(config: Path | None, faults: list[ConfigError]) -> Settings:
    if config is None:
        return Settings(profile="demo")  # what `agbot run` without one does
    try:
        return read_settings(load(config), faults)
    except ConfigError as e:
        faults.append(e)
        return Settings()


def _rules(policies: Path | None, faults: list[ConfigError]) -> tuple[Rule, ...]:
    if policies is None:
        return DEFAULT_RULES
    try:
        return read_rules(load(policies), faults)
    except ConfigError as e:
        faults.append(e)
        return ()


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--policies", type=click.Path(path_type=Path), metavar="FILE", help="Policies instead of the configured.")
@click.option("--online", is_flag=True, help="Also ask the venue whether it has the markets.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config: Path | None, policies: Path | None, online: bool, as_json: bool) -> None:
    """Check configuration and policies without starting anything.

    \b
    agbot check config.yaml
    agbot check config.yaml --online
    agbot check --policies policies/example.yaml

    Exit code 0 when all is well, 2 when something is wrong; then every fault is listed.
    """
    report = examine(config, policies)
    if online:
        report = _looked_up(report)
    if as_json:
        click.echo(json.dumps(_json(report), ensure_ascii=False))
    elif report.ok:
        click.echo(_table(report))
    else:
        for fault in report.faults:
            click.echo(f"agbot: {fault}", err=True)
        count = len(report.faults)
        click.echo(f"agbot: {count} fault{'s' if count > 1 else ''}; nothing was started", err=True)
    if not report.ok:
        sys.exit(ConfigError.exit_code)


def _looked_up(report: Report) -> Report:
    """Return the report with what the venue says of the markets; the demo's exchange is not there before the run."""
    from agbot.cli.look_up import not_there  # noqa: PLC0415

    settings = report.settings
    if report.faults or not settings.markets or settings.mode == "demo":
        return report
    return attrs.evolve(report, faults=tuple(not_there(settings)), looked_up=True)


def _table(report: Report) -> str:
    rows = [*_rows(report), ("", ""), *_limit_rows(report)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in rows)


def _rows(report: Report) -> list[tuple[str, str]]:
    settings = report.settings
    return [
        ("configuration", f"{settings.path}: ok" if settings.path else "none: the demo"),
        ("mode", str(settings.mode)),
        ("profile", settings.profile),
        ("capital", f"{usd_text(settings.capital_usd)} usd"),
        ("seed", str(settings.seed)),
        ("state", str(state_dir(settings.profile, settings.state_dir, create=False))),
        ("markets", _markets(report)),
        *(("strategy", _strategy(settings, index)) for index in range(len(settings.strategies))),
        ("rtds", f"{settings.rtds.endpoint} {', '.join(settings.rtds.subscribe_topics)}".rstrip()),
        ("realtime", ", ".join(settings.realtime) or "none"),
        ("polymarket", f"{settings.polymarket.hosts.clob} on {settings.polymarket.chain}"),
        ("live", _live(settings)),
        ("monitor", f"{settings.monitor.endpoint}, buffer {settings.monitor.buffer_size}"),
        ("paper venue", _paper(settings.paper)),
        *((f"notify {each.name}", f"{each}, {each.secret_state()}") for each in settings.notify.channels),
        ("history", _history(settings.history)),
    ]


def _history(history: HistorySettings) -> str:
    if not history.enabled:
        return "none is kept"
    metrics, executions = history.metrics_ns // DAY_NS, history.executions_ns // DAY_NS
    beside = f"; and in the PostgreSQL of {history.postgres}" if history.postgres else ""
    return f"metrics {many(metrics, 'day')}, executions {many(executions, 'day')}{beside}"


def _paper(paper: PaperSettings) -> str:
    conditions = paper.conditions
    told = {
        f"orders {_ms(paper.order_latency_ns)}, feed {_ms(paper.feed_latency_ns)}": conditions.delays is None,
        "latencies of its own": conditions.delays is not None,
        "late or failing settlement": not conditions.settling.at_once,
        f"outages: {len(conditions.outages)}": bool(conditions.outages),
        "rebates and rewards estimated": conditions.incentives is not None,
    }
    return ", ".join(text for text, holds in told.items() if holds)


def _live(settings: Settings) -> str:
    live = settings.live
    if live.max_order_usd is None or live.max_day_usd is None:
        return "no caps: --mode live is refused"
    caps = f"at most {usd_text(live.max_order_usd)} usd an order, {usd_text(live.max_day_usd)} usd a day"
    heartbeat = "" if live.heartbeat else ", no heartbeat"
    return f"{caps}{heartbeat}" + (f", signer {live.signer}" if live.signer else "")


def _limit_rows(report: Report) -> list[tuple[str, str]]:
    rows = [("policies", f"{report.policies}: ok" if report.policies else "built in")]
    rows += [(rule.name, str(rule)) for rule in report.rules]
    rows.append(("trips at", _trips(report.settings.killswitch)))
    if all(isinstance(rule, KillSwitch) for rule in report.rules):
        rows.append(("warning", "no position or inventory limit: only the free cash bounds an order"))
    return rows


def _trips(limits: Limits) -> str:
    """Return what closes the kill switch without a person: docs/killswitch.md."""
    told = {
        "daily loss {:g} %": limits.daily_loss and limits.daily_loss * 100 / SCALE,
        "drawdown {:g} %": limits.drawdown and limits.drawdown * 100 / SCALE,
        "{:g} losing markets in a row": limits.losses,
        f"{{:g}} errors in {limits.window_ns / NS_PER_S:g} s": limits.errors,
        "no believed book for {:g} s": limits.distrust_ns and limits.distrust_ns / NS_PER_S,
        "no heartbeat for {:g} s": limits.heartbeat_ns and limits.heartbeat_ns / NS_PER_S,
    }
    return ", ".join(text.format(figure) for text, figure in told.items() if figure is not None) or "nothing is watched"


def _markets(report: Report) -> str:
    settings = report.settings
    if not settings.markets:
        return _no_markets(settings)
    if report.looked_up:
        why = "the venue has them" if len(settings.markets) > 1 else "the venue has it"
    elif settings.mode == "demo":
        why = "not looked up: the demo's exchange starts with the run"
    else:
        why = f"not looked up: agbot check {settings.path} --online asks the venue"
    return f"{', '.join(settings.markets)} ({why})"


def _no_markets(settings: Settings) -> str:
    if settings.mode == "demo":
        return "all"
    return "none: agbot run refuses until some are named; agbot markets search WORDS finds them"


def _strategy(settings: Settings, index: int) -> str:
    strategy = settings.strategies[index]
    markets = "all markets" if strategy.markets is None else ", ".join(strategy.markets)
    params = "".join(f" {name}={value}" for name, value in strategy.params.items())
    return f"{strategy.name} on {markets}{params}"


def _ms(ns: int) -> str:
    return f"{ns / NS_PER_MS:g} ms"


def _json(report: Report) -> dict[str, Any]:
    settings, policies = report.settings, report.policies
    return {
        "ok": report.ok,
        "markets_looked_up": report.looked_up,
        "configuration": None if settings.path is None else str(settings.path),
        "policies": None if policies is None else str(policies),
        "settings": _settings_json(settings) if report.ok else None,
        "limits": [{"policy": rule.name, "limit": str(rule)} for rule in report.rules] if report.ok else None,
        "faults": [_fault_json(fault) for fault in report.faults],
    }


def _settings_json(settings: Settings) -> dict[str, Any]:
    return {
        "mode": str(settings.mode),
        "profile": settings.profile,
        "capital_usd": usd_text(settings.capital_usd),
        "seed": settings.seed,
        "state_dir": str(state_dir(settings.profile, settings.state_dir, create=False)),
        "markets": list(settings.markets),
        "strategies": [{"name": each.name, "markets": each.markets or "all"} for each in settings.strategies],
        "rtds": attrs.asdict(settings.rtds),
        "monitor": attrs.asdict(settings.monitor),
        "paper": attrs.asdict(settings.paper),
        "polymarket": attrs.asdict(settings.polymarket),
        "live": _live_json(settings),
        "notify": [_channel_json(each) for each in settings.notify.channels],
        "history": attrs.asdict(settings.history),
    }


def _live_json(settings: Settings) -> dict[str, Any]:
    live = settings.live
    return {
        "max_order_usd": None if live.max_order_usd is None else usd_text(live.max_order_usd),
        "max_day_usd": None if live.max_day_usd is None else usd_text(live.max_day_usd),
        "heartbeat": live.heartbeat,
        "signer": None if live.signer is None else str(live.signer),
    }


def _channel_json(channel: ChannelSettings) -> dict[str, Any]:
    return {
        "name": channel.name,
        "type": channel.kind,
        "min": channel.rules.least.word,
        "per_minute": channel.rules.per_minute,
        "quiet": str(channel.rules.quiet) if channel.rules.quiet else None,
        "secret": channel.secret or None,
    }


def _fault_json(fault: ConfigError) -> dict[str, Any]:
    return {
        "id": fault.id,
        "path": fault.path,
        "line": fault.line,
        "key": fault.key,
        "reason": fault.reason,
        "remedy": fault.remedy,
    }
