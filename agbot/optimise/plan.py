"""The `optimise:` section of a backtest's file: what to try, how, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from agbot.errors import ConfigError
from agbot.located import Fields, Located
from agbot.optimise.space import Space, read_space

Method: TypeAlias = Literal["grid", "random", "tpe"]
METHODS: Final[tuple[Method, ...]] = ("grid", "random", "tpe")
TRIALS: Final = 100
TRIALS_MAX: Final = 100_000
SEED_MAX: Final = 2**63 - 1
WINDOWS_MAX: Final = 100
EVENTS: Final = "events"


@attrs.frozen(kw_only=True)
class Plan:
    """A search.

    Attributes:
        trials: how many combinations to try; a grid tries all of them.
        seed: of the search; not of the backtest.
        walk_forward: `EVENTS`, a number of windows, or None: choose and judge on the same periods.
        log: where every trial is kept; None: beside the file it was read from.
    """

    space: Space
    method: Method = "grid"
    trials: int = TRIALS
    seed: int = 1
    walk_forward: str | int | None = None
    log: Path | None = None


def read_plan(node: Located) -> Plan:
    """Return the search in an `optimise:` section.

    Raises:
        ConfigError: the first fault by line; AGB-571 for a space that cannot be, AGB-104…109 for what is misspelled.
    """
    faults: list[ConfigError] = []
    fields = Fields(node, faults)
    parameters = fields.require("parameters", lambda n: read_space(n, faults), Space(()))
    plan = Plan(
        space=parameters,
        method=fields.read("method", _method, "grid"),
        trials=fields.read("trials", lambda n: n.as_int(1, TRIALS_MAX), TRIALS),
        seed=fields.read("seed", lambda n: n.as_int(0, SEED_MAX), 1),
        walk_forward=fields.read("walk_forward", read_walk, None),
        log=fields.read("log", lambda n: Path(n.file).parent / n.as_text(), None),
    )
    fields.close()
    if not faults and plan.method == "grid" and plan.space.size > TRIALS_MAX:
        reason = f"a grid of {plan.space.size} combinations is more than {TRIALS_MAX}"
        faults.append(node.fault(reason, id="AGB-571", remedy="larger steps, or method: random"))
    if faults:
        raise min(faults, key=lambda fault: fault.line or 0)
    return plan


def _method(node: Located) -> Method:
    chosen = node.as_choice(METHODS)
    return next(method for method in METHODS if method == chosen)


def read_walk(node: Located) -> str | int:
    """Return how to walk forward: `EVENTS`, or a number of windows. ConfigError when it is neither."""
    return EVENTS if node.text == EVENTS else node.as_int(2, WINDOWS_MAX)
