"""What a seed does to its world, and when: faults of the catalogue, and those that are not the venue's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import attrs

from agbot.faults import CATALOGUE, Where

TROUBLE_S: Final = 60.0
"""Seconds in which things go wrong; then all is well again."""
FAULTS_MIN: Final = 5
FAULTS_MAX: Final = 9

OWN: Final[dict[str, str]] = {
    "crash": "kill -9 of the bot; it starts again some seconds later",
    "crash_at_commit": "kill -9 in the middle of a journal commit",
    "disk_full": "no commit succeeds",
    "network_down": "some connections fail before anything is sent",
    "network_slow": "everything takes many times as long",
    "feed_lost": "the feed of books breaks",
    "clock_off": "the bot's clock is off by seconds",
    "kill_switch": "the operator turns the kill switch on, and off again",
    "stop": "the operator stops the bot; it starts again",
}
"""Faults beside the catalogue."""

_VENUE: Final = tuple(
    fault.name for fault in CATALOGUE.values() if fault.where in (Where.REQUEST, Where.CONNECTION, Where.CORE)
)
_FRAMES: Final = (
    "dropped_frames",
    "duplicated_frames",
    "reordered_frames",
    "delayed_frames",
    "late_user_events",
    "missing_user_events",
    "duplicate_trade_ids",
    "unknown_event_types",
    "bad_json_frame",
)
ALL: Final = tuple(dict.fromkeys((*OWN, *_VENUE, *(name for name in _FRAMES if name in CATALOGUE))))
_ENDLESS: Final = frozenset({"key_revoked", "geo_block"})
"""A person has to act, and does once it is over."""


@attrs.frozen
class Trouble:
    """One fault: from `at_s` for `for_s` seconds, at `probability` of its occasions."""

    name: str
    at_s: float
    for_s: float
    probability: float = 1.0
    params: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        what = ", ".join(f"{key} {value}" for key, value in self.params)
        often = "" if self.probability == 1.0 else f", {self.probability:.0%} of the time"
        return f"{self.at_s:6.2f} s  {self.name} for {self.for_s:.1f} s{often}{', ' if what else ''}{what}"


def drawn(seed: int, names: Sequence[str] = ALL) -> tuple[Trouble, ...]:
    """Return the troubles of a seed, by time; `names` are those to choose from."""
    dice = random.Random(f"trouble {seed}")  # noqa: S311 - a simulation
    count = dice.randint(FAULTS_MIN, FAULTS_MAX)
    chosen = [dice.choice(names) for _ in range(count)] if len(names) < count else dice.sample(list(names), count)
    troubles = [_trouble(name, dice) for name in chosen]
    return tuple(sorted(troubles, key=lambda trouble: trouble.at_s))


def _trouble(name: str, dice: random.Random) -> Trouble:
    at_s, for_s = round(dice.uniform(3, TROUBLE_S - 15), 2), round(dice.uniform(1, 14), 1)
    probability = dice.choice((1.0, 1.0, 0.5, 0.2))
    params: dict[str, Any] = {}
    match name:
        case "slow_reply" | "delayed_frames" | "late_user_events" | "delayed_order" | "reordered_frames":
            params = {"delay_s": round(dice.uniform(0.5, 6), 1)}
        case "slow_settlement":
            params = {"delay_s": round(dice.uniform(1, 20), 1)}
        case "restart_425":
            params, for_s = {"restart_s": 5.0, "post_only_s": 5.0}, 0.0
        case "disconnect_storm":
            params = {"open_s": round(dice.uniform(0.2, 2), 1)}
        case "clock_off":
            params = {"by_s": round(dice.uniform(-2, 2), 2)}
    return Trouble(name, at_s, for_s, probability, tuple(params.items()))
