"""A plan's file: a list of faults to switch on. Every error names file, line, key, reason and what to type.

- name: reply_lost          # of the catalogue
  probability: 0.1          # how often; 1 when left out, unless the fault has its own
  times: 3                  # strikes, then it is spent
  after_s: 30               # or at: "2026-11-21T12:00:00Z"
  for_s: 60                 # then it is over
  match: {path: POST /order, wallet: "0x…"}
- name: slow_reply
  delay_s: 2.5              # a parameter of the fault
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from agbot.errors import ConfigError
from agbot.fault_switch import SUBJECT_KEYS, SWITCHES_MAX, Fault, Parameter, Switch, Value
from agbot.located import Fields, Located
from agbot.units import NS_PER_S

TIMES_MAX: Final = 1_000_000_000
SCHEDULE: Final = ("name", "probability", "times", "at", "after_s", "for_s", "match")
"""Keys of every switch; no parameter is called so."""
DAYS_MAX_S: Final = 366 * 86_400
PATTERNS_MAX: Final = 32

_EXAMPLE: Final = "write it as a list: - name: reply_lost"


def read_switches(node: Located, catalogue: Mapping[str, Fault]) -> list[Switch]:
    """Return the switches a list describes.

    Raises:
        ConfigError: the first fault of the text; AGB-150 the list itself is none, or too long.
    """
    if node.kind == "mapping" and "faults" in node.fields:
        node = node.fields["faults"]
    if node.kind != "list":
        raise node.fault(f"expected a list of faults, got {node}", id="AGB-150", remedy=_EXAMPLE)
    if len(node.items) > SWITCHES_MAX:
        raise node.fault(f"more than {SWITCHES_MAX} faults", id="AGB-150", remedy="join those that say the same")
    return [read_switch(item, catalogue) for item in node.items]


def read_switch(node: Located, catalogue: Mapping[str, Fault]) -> Switch:
    """Return the switch one mapping describes.

    Raises:
        ConfigError: the first fault of the text.
    """
    if node.kind == "text":
        return _switch(node, catalogue[node.as_choice(catalogue)], [])
    faults: list[ConfigError] = []
    name = Fields(node, faults).require("name", lambda n: n.as_choice(catalogue), "")
    if not name:
        raise faults[0]
    switch = _switch(node, catalogue[name], faults)
    if faults:
        raise min(faults, key=lambda e: e.line or 0)
    return switch


def _switch(node: Located, fault: Fault, faults: list[ConfigError]) -> Switch:
    if node.kind == "text":
        return Switch(fault=fault, params=fault.defaults(), probability=fault.probability)
    fields = Fields(node, faults)
    fields.get("name")
    at_ns = fields.read("at", _moment, 0)
    after = fields.get("after_s")
    if at_ns and after is not None:
        faults.append(after.fault("'at' and 'after_s' both say when it begins", id="AGB-108", remedy="keep one"))
    times = fields.get("times")
    for_s = fields.get("for_s")
    switch = Switch(
        fault=fault,
        params={p.name: fields.read(p.name, _reader(p), p.default) for p in fault.parameters},
        probability=fields.read("probability", _probability, fault.probability),
        times=None if times is None else fields.attempt(lambda n: n.as_int(1, TIMES_MAX), times, 1),
        at_ns=at_ns,
        after_ns=fields.read("after_s", _duration, 0),
        for_ns=None if for_s is None else fields.attempt(_duration, for_s, 0),
        match=_match(fields, faults),
    )
    fields.close()
    return switch


def _match(fields: Fields, faults: list[ConfigError]) -> dict[str, tuple[str, ...]]:
    node = fields.get("match")
    if node is None:
        return {}
    inner = Fields(node, faults)
    none: tuple[str, ...] = ()
    found = {key: inner.read(key, _patterns, none) for key in SUBJECT_KEYS}
    inner.close()
    return {key: patterns for key, patterns in found.items() if patterns}


def _patterns(node: Located) -> tuple[str, ...]:
    if node.kind != "list":
        return (node.as_text(),)
    if not 0 < len(node.items) <= PATTERNS_MAX:
        raise node.fault("none, or too many", id="AGB-107", remedy=f"between 1 and {PATTERNS_MAX}")
    return tuple(item.as_text() for item in node.items)


def _probability(node: Located) -> float:
    number = node.as_decimal()
    if not 0 < number <= 1:
        raise node.fault(f"{node} is no probability", id="AGB-107", remedy="above 0 and at most 1")
    return float(number)


def _duration(node: Located) -> int:
    seconds = node.as_decimal()
    if not 0 <= seconds <= DAYS_MAX_S:
        raise node.fault(f"{node} is out of range", id="AGB-107", remedy=f"seconds between 0 and {DAYS_MAX_S}")
    return int(seconds * NS_PER_S)


def _moment(node: Located) -> int:
    text = node.as_text()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        remedy = 'write UTC, in quotes: "2026-11-21T12:00:00Z"'
        raise node.fault(f"{node} is no time with its zone", id="AGB-107", remedy=remedy)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1000


def _reader(parameter: Parameter) -> _Reader:
    return _Reader(parameter)


class _Reader:
    """Reads one parameter by its kind and bounds."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def __call__(self, node: Located) -> Value:
        p = self.parameter
        if p.choices:
            return node.as_choice(p.choices)
        if isinstance(p.default, bool):
            return node.as_bool()
        if isinstance(p.default, int):
            return node.as_int(int(p.low), int(p.high))
        if isinstance(p.default, str):
            return node.as_text()
        number = node.as_decimal()
        if not p.low <= number <= p.high:
            raise node.fault(f"{node} is out of range", id="AGB-107", remedy=f"between {p.low:g} and {p.high:g}")
        return float(number)
