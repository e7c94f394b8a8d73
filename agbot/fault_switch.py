"""What a fault is, and one that is switched on: its schedule, its dice, what it is bound to.

Pure: time is an argument and the dice are a hash of seed, name and occasion.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

import attrs

from agbot.units import NS_PER_S

SWITCHES_MAX: Final = 256
"""Switches a plan holds at most."""
SUBJECT_KEYS: Final = ("path", "site", "channel", "event", "wallet", "market", "connection")
"""What a switch may be bound to; `FaultPlan.strikes` is told what it is about by these names."""

Value: TypeAlias = int | float | str | bool
Subject: TypeAlias = str | tuple[str, ...] | None


class Where(enum.StrEnum):
    """At which point of the exchange a fault strikes."""

    REQUEST = "request"
    """Before the exchange acts on an HTTP request."""
    REPLY = "reply"
    """After it acted."""
    FRAME = "frame"
    """On an outgoing WebSocket message."""
    CONNECTION = "connection"
    """On a WebSocket."""
    CORE = "core"
    """In what the exchange decides."""
    CLOCK = "clock"


@attrs.frozen(kw_only=True)
class Parameter:
    """What can be said about a fault. Its kind is that of `default`; `choices` makes it a word."""

    name: str
    default: Value
    says: str
    low: float = 0
    high: float = 3600
    choices: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Fault:
    """One entry of the catalogue.

    Args:
        sees: what a client sees, in one sentence.
        threads: public threads where users met it, ``owner/repository#number``.
        reach: where it strikes unless a switch's `match` says otherwise, by the keys of a subject. A key that a subject
            does not have does not count.
        probability: how often it strikes unless a switch says otherwise.
        lasts: parameters, in seconds, whose sum is how long it goes on after it was switched on.
    """

    name: str
    where: Where
    sees: str
    threads: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    reach: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    probability: float = 1.0
    lasts: tuple[str, ...] = ()

    def defaults(self) -> dict[str, Value]:
        """Return all parameters at their defaults."""
        return {p.name: p.default for p in self.parameters}


@attrs.define(kw_only=True, eq=False)
class Switch:
    """A fault that is switched on.

    Args:
        params: every parameter of the fault.
        probability: of striking at one occasion.
        times: strikes it has, None without end.
        at_ns: not before this time (UTC); 0 for no such bound.
        after_ns: not before this long after the plan was first asked about it.
        for_ns: ends this long after it became able to strike; None never.
        match: what the subject must be; patterns with ``*``, each an alternative.
    """

    fault: Fault
    params: Mapping[str, Value]
    probability: float
    times: int | None = None
    at_ns: int = 0
    after_ns: int = 0
    for_ns: int | None = None
    match: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    number: int = 0
    """Its place in the plan, part of its dice."""
    since_ns: int | None = None
    """When it was first asked about, or switched on."""
    occasions: int = 0
    struck: int = 0

    def active(self, now_ns: int) -> bool:
        """Return whether its time has come and is not over, and it has strikes left."""
        return (self.times is None or self.struck < self.times) and self.timely(now_ns)

    def timely(self, now_ns: int) -> bool:
        """Return whether its time has come and is not over, whatever it struck."""
        start = self.start_ns(now_ns)
        end = self.end_ns(start)
        return start <= now_ns and (end is None or now_ns < end)

    def start_ns(self, now_ns: int) -> int:
        """Return from when on it can strike; the first call starts its stopwatch."""
        if self.since_ns is None:
            self.since_ns = now_ns
        return max(self.at_ns, self.since_ns + self.after_ns)

    def end_ns(self, start_ns: int) -> int | None:
        """Return when it ends, for a given start; None for never."""
        ends = [] if self.for_ns is None else [self.for_ns]
        if self.fault.lasts:
            ends.append(int(sum(float(self.params[name]) for name in self.fault.lasts) * NS_PER_S))
        return start_ns + min(ends) if ends else None

    def takes(self, subject: Mapping[str, Subject]) -> bool:
        """Return whether it is about `subject`."""
        return all(_fits(patterns, subject.get(key)) for key, patterns in self.match.items()) and all(
            _fits(patterns, subject.get(key))
            for key, patterns in self.fault.reach.items()
            if key not in self.match and subject.get(key) is not None
        )

    def rolls(self, seed: int) -> bool:
        """Throw the dice of the next occasion."""
        self.occasions += 1
        if self.probability >= 1:
            return True
        text = f"{seed}:{self.fault.name}:{self.number}:{self.occasions}"
        drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        return drawn < self.probability * 2**64


def _fits(patterns: Iterable[str], value: Subject) -> bool:
    if value is None:
        return False
    values = (value,) if isinstance(value, str) else value
    return any(fnmatchcase(v.lower(), pattern.lower()) for v in values for pattern in _spelled(patterns))


def _spelled(patterns: Iterable[str]) -> Iterable[str]:
    """A path without a method stands for every method."""
    return (f"* {pattern}" if pattern.startswith("/") else pattern for pattern in patterns)
