"""Which faults are on and when they strike: switches of a catalogue, and the count of strikes.

Pure: time is an argument and the dice are a hash, so a plan strikes at the same occasions in every run. `agbot.faults`
has the faults themselves, `agbot.fault_file` reads a plan's file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from agbot.errors import ConfigError
from agbot.fault_file import read_switch, read_switches
from agbot.fault_switch import SWITCHES_MAX, Fault, Subject, Switch
from agbot.located import load, loads
from agbot.located.value import suggest
from agbot.units import NS_PER_S


@attrs.define
class Strikes:
    """How often a fault could have struck, and did."""

    occasions: int = 0
    struck: int = 0
    last_ns: int = 0


class Plan:
    """What is switched on of a catalogue. `seed` decides the dice; `listeners` are called when a switch changed.

    `busy` is whether anything is switched on at all: those on a hot path look at it first.
    """

    def __init__(self, catalogue: Mapping[str, Fault], seed: int = 0) -> None:
        self.catalogue = catalogue
        self.seed = seed
        self.listeners: list[Callable[[], None]] = []
        self.busy = False
        self._switches: dict[str, list[Switch]] = {}
        self._counts: dict[str, Strikes] = {}
        self._numbers: dict[str, int] = {}

    def switch(self, name: str, on: bool = True, /, **params: Any) -> None:
        """Switch a fault on, in place of what was on of it, or off.

        Args:
            params: as in a plan's file: parameters of the fault, ``probability``, ``times``, ``at``, ``after_s``,
                ``for_s``, ``match``.

        Raises:
            ConfigError: AGB-109 unknown name; or what `agbot.fault_file` says of the parameters.
        """
        if name not in self.catalogue:
            remedy = suggest(name, self.catalogue)
            raise ConfigError(f"there is no fault '{name[:60]}'", id="AGB-109", key="name", remedy=remedy)
        node = loads(json.dumps({"name": name, **params}), "switch", "json") if on else None
        self.put(name, [] if node is None else [read_switch(node, self.catalogue)])

    def load(self, path: str | Path) -> list[str]:
        """Switch on what a file lists, in place of all that was on; return the names.

        Raises:
            ConfigError: names file, line, key and reason; the plan is unchanged.
        """
        switches = read_switches(load(path), self.catalogue)
        self.clear()
        for name in dict.fromkeys(switch.fault.name for switch in switches):
            self.put(name, [switch for switch in switches if switch.fault.name == name])
        return self.names()

    def clear(self) -> None:
        """Switch everything off."""
        for name in self.names():
            self.put(name, [])

    def put(self, name: str, switches: Iterable[Switch]) -> None:
        """Make `switches` all there is of a fault; none is off.

        Raises:
            ValueError: the plan would hold more than `SWITCHES_MAX`.
        """
        new = list(switches)
        others = sum(len(s) for other, s in self._switches.items() if other != name)
        if others + len(new) > SWITCHES_MAX:
            raise ValueError(f"a plan holds at most {SWITCHES_MAX} switches")
        for switch in new:
            switch.number = self._numbers[name] = self._numbers.get(name, -1) + 1
        self._switches.pop(name, None)
        if new:
            self._switches[name] = new
        self.busy = bool(self._switches)
        for listener in self.listeners:
            listener()

    def switches(self, name: str) -> list[Switch]:
        """Return the switches of a fault, in the order they are asked."""
        return list(self._switches.get(name, ()))

    def names(self) -> list[str]:
        """Return the faults that are switched on, whether or not their time has come."""
        return list(self._switches)

    def window(self, name: str, now_ns: int) -> tuple[int, ...]:
        """Return the numbers of a fault's switches whose time it is, spent ones too: a change calls for new dice."""
        return tuple(switch.number for switch in self._switches.get(name, ()) if switch.timely(now_ns))

    def strikes(self, name: str, now_ns: int, **subject: Subject) -> Mapping[str, Any] | None:
        """Return the parameters when the fault strikes at this occasion, and count it; None when it does not.

        Beside the parameters the mapping has ``elapsed_s``, the seconds since the switch became able to strike.

        Args:
            now_ns: the exchange's time, UTC nanoseconds.
            subject: what it would strike, by `SUBJECT_KEYS`; several values are alternatives, None is unknown.
        """
        for switch in self._switches.get(name, ()):
            if not switch.active(now_ns) or not switch.takes(subject):
                continue
            count = self._counts.setdefault(name, Strikes())
            count.occasions += 1
            if switch.rolls(self.seed):
                switch.struck += 1
                count.struck += 1
                count.last_ns = now_ns
                return _told(switch, now_ns)
        return None

    def next_change_ns(self, now_ns: int) -> int | None:
        """Return when the next switch begins or ends; None when nothing is scheduled."""
        times = []
        for switch in (s for of_name in self._switches.values() for s in of_name):
            start = switch.start_ns(now_ns)
            end = switch.end_ns(start)
            times += [start] if end is None else [start, end]
        return min((t for t in times if t > now_ns), default=None)

    def report(self) -> dict[str, dict[str, Any]]:
        """Return, by name, what is on or ever struck: switches, occasions, strikes, time of the last."""
        rows = {}
        for name in dict.fromkeys([*self._switches, *self._counts]):
            count = self._counts.get(name, Strikes())
            rows[name] = {
                "on": name in self._switches,
                "switches": [_shown(switch) for switch in self._switches.get(name, ())],
                "occasions": count.occasions,
                "struck": count.struck,
                "last_ns": count.last_ns,
            }
        return rows


def _told(switch: Switch, now_ns: int) -> dict[str, Any]:
    return {**switch.params, "elapsed_s": (now_ns - switch.start_ns(now_ns)) / NS_PER_S}


def _shown(switch: Switch) -> dict[str, Any]:
    row: dict[str, Any] = {**switch.params, "probability": switch.probability, "struck": switch.struck}
    if switch.times is not None:
        row["times"] = switch.times
    for key, ns in (("after_s", switch.after_ns), ("for_s", switch.for_ns), ("at_ns", switch.at_ns)):
        if ns:
            row[key] = ns if key == "at_ns" else _seconds(ns)
    if switch.match:
        row["match"] = {key: list(patterns) for key, patterns in switch.match.items()}
    return row


def _seconds(ns: int) -> float:
    return float(Decimal(ns) / NS_PER_S)
