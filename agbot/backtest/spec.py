"""What a backtest is made of: the bot's own configuration, and a section `backtest` that says on what.

Strategies, risk, capital, seed, kill switch and the latencies of the paper venue stand where `agbot run` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from agbot.backtest.queues import DEFAULT, QUEUES
from agbot.config import SEED_MAX, read_settings
from agbot.core.rules import load_rules
from agbot.errors import ConfigError
from agbot.located import Fields, Located, load
from agbot.settings import Settings
from agbot.store.rebuild import strategy_faults
from agbot.store.terms import Terms
from agbot.units import NS_PER_S

SECTION: Final = "backtest"
SEARCH: Final = "optimise"
"""The section of the same file that `agbot optimize` reads."""
RECORDINGS_MAX: Final = 1_000
DAY_NS: Final = 86_400 * NS_PER_S
DAYS_MAX: Final = 3_660
MARKETS_MAX: Final = 8
WALKS_MAX: Final = 1_000
PER_DAY_MAX: Final = 1_000_000
WAKES: Final = ("every", "best", "price", "second")
"""At each change, print and second; when a best price or size moves; when a best price moves; at each second."""
_KINDS: Final = ("recordings", "columns", "generated")


@attrs.frozen(kw_only=True)
class Generated:
    """A history that is made up: so long, of so many markets, every byte decided by `seed`.

    Args:
        per_day: changes a day of each market, for walks on a tick grid, which are quick and may be long; None for the
            demo's markets.
    """

    seed: int = 1
    span_ns: int = DAY_NS
    markets: int = 3
    per_day: int | None = None


@attrs.frozen(kw_only=True)
class Sources:
    """Where market data comes from: exactly one of the three. `terms` replace what recordings say of their markets."""

    recordings: tuple[Path, ...] = ()
    columns: Path | None = None
    generated: Generated | None = None
    terms: Terms = attrs.field(factory=Terms)


@attrs.frozen(kw_only=True)
class BacktestSpec:
    """One backtest.

    Args:
        settings: strategies, policies, capital, seed, kill switch and latencies, as of a live bot.
        queue: where resting orders stand, a name in `agbot.backtest.queues.QUEUES`.
        wake: when strategies are asked, a name in `WAKES`; "every" is as live.
        out: the folder for report and result, None to write nothing.
    """

    settings: Settings
    data: Sources
    queue: str = DEFAULT
    wake: str = WAKES[0]
    out: Path | None = None


def load_spec(path: str | Path) -> BacktestSpec:
    """Return the backtest in a YAML or JSON file; relative paths in it start at the file's directory.

    Raises:
        ConfigError: the first fault by line; AGB-581…584 are those of the section `backtest`.
    """
    faults: list[ConfigError] = []
    root = load(path)
    rest = attrs.evolve(
        root, fields={name: node for name, node in root.fields.items() if name not in (SECTION, SEARCH)}
    )
    settings = read_settings(rest, faults)
    section = root.fields.get(SECTION)
    if section is None:
        remedy = "add 'backtest:' with 'data:', or name a recording: agbot backtest RECORDING"
        faults.append(ConfigError("there is no section 'backtest'", id="AGB-581", path=path, line=1, remedy=remedy))
    spec = _read(section, settings, faults) if section else BacktestSpec(settings=settings, data=Sources())
    faults += [] if faults else strategy_faults(settings)
    if not faults:
        check(spec)
        return spec
    raise min(faults, key=lambda fault: fault.line or 0)


def check(spec: BacktestSpec) -> None:
    """Raise what policies and strategies would fail with. ConfigError."""
    if spec.settings.policy_file:
        load_rules(spec.settings.policy_file)
    for fault in strategy_faults(spec.settings):
        raise fault


def _read(node: Located, settings: Settings, faults: list[ConfigError]) -> BacktestSpec:
    fields, base = Fields(node, faults), Path(node.file).parent
    spec = BacktestSpec(
        settings=settings,
        data=fields.require("data", lambda data: _data(data, base, faults), Sources()),
        queue=fields.read("queue", _queue, DEFAULT),
        wake=fields.read("wake", lambda wake: wake.as_choice(WAKES), WAKES[0]),
        out=fields.read("out", lambda out: base / out.as_text(), None),
    )
    fields.close()
    return spec


def _queue(node: Located) -> str:
    name = node.as_text()
    if name not in QUEUES:
        raise node.fault(f"{node} is no queue rule", id="AGB-583", remedy=f"use one of {', '.join(QUEUES)}")
    return name


def _data(node: Located, base: Path, faults: list[ConfigError]) -> Sources:
    fields = Fields(node, faults)
    data = Sources(
        recordings=fields.read("recordings", lambda found: _files(found, base), ()),
        columns=fields.read("columns", lambda found: _there(found, base), None),
        generated=fields.read("generated", lambda found: _generated(found, faults), None),
    )
    given = [kind for kind in _KINDS if fields.get(kind) is not None]
    if len(given) != 1:
        reason = f"{' and '.join(given)} are given" if given else "no data is named"
        faults.append(node.fault(reason, id="AGB-582", remedy=f"name one of {', '.join(_KINDS)}"))
    fields.close()
    return data


def _files(node: Located, base: Path) -> tuple[Path, ...]:
    items = node.as_list()
    if not 1 <= len(items) <= RECORDINGS_MAX:
        raise node.fault(f"{len(items)} files are listed", id="AGB-582", remedy=f"name 1 to {RECORDINGS_MAX}")
    return tuple(_there(item, base) for item in items)


def _there(node: Located, base: Path) -> Path:
    path = base / Path(node.as_text())
    if not path.exists():
        remedy = "relative paths start at the directory of this file"
        raise node.fault(f"there is no {path}", id="AGB-584", remedy=remedy)
    return path


def _generated(node: Located, faults: list[ConfigError]) -> Generated:
    fields, base = Fields(node, faults), Generated()
    made = Generated(
        seed=fields.read("seed", lambda found: found.as_int(0, SEED_MAX), base.seed),
        span_ns=fields.read("days", _days, base.span_ns),
        markets=fields.read("markets", lambda found: found.as_int(1, WALKS_MAX), base.markets),
        per_day=fields.read("changes_per_day", lambda found: found.as_int(1, PER_DAY_MAX), None),
    )
    fields.close()
    if made.per_day is None and made.markets > MARKETS_MAX:
        raise _found(node, "markets").fault(f"the demo has {MARKETS_MAX}", id="AGB-107", remedy="add changes_per_day")
    if made.per_day is not None and made.span_ns % DAY_NS:
        raise _found(node, "days").fault("with changes_per_day days are whole", id="AGB-107", remedy="1 or more")
    return made


def _found(node: Located, key: str) -> Located:
    return node.fields.get(key, node)


def _days(node: Located) -> int:
    """Return days, also parts of one, in nanoseconds."""
    days = node.as_decimal()
    if not 0 < days <= DAYS_MAX:
        raise node.fault(f"{node} is out of range", id="AGB-107", remedy=f"above 0 and up to {DAYS_MAX}")
    return int(days * DAY_NS)
