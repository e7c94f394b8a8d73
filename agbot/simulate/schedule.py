"""What a seed does to its world, and when: faults of the catalogue, and those that are not the venue's."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import attrs

from agbot.faults import CATALOGUE, Where

TROUBLE_S: Final = 45.0
"""Seconds in which things go wrong; then all is well again."""
FAULTS_MIN: Final = 7
FAULTS_MAX: Final = 14

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

_VENUE: Final = tuple(fault.name for fault in CATALOGUE.values() if fault.where not in {Where.FRAME, Where.CLOCK})
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
_OFTEN: Final = {
    "reply_lost": 5,
    "request_lost": 5,
    "truncated_json_reply": 3,
    "engine_500": 3,
    "network_slow": 5,
    "network_down": 3,
    "crash": 3,
    "crash_at_commit": 3,
    "kill_switch": 3,
    "socket_reset": 3,
    "missing_user_events": 3,
    "provisional_trade_fails": 3,
}
"""What goes wrong between sending and knowing happens more often than the rest."""


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
    weights = [_OFTEN.get(name, 1) for name in names]
    chosen = dice.choices(list(names), weights, k=dice.randint(FAULTS_MIN, FAULTS_MAX))
    troubles = [_trouble(name, dice) for name in chosen]
    return tuple(sorted(troubles, key=lambda trouble: trouble.at_s))


def _trouble(name: str, dice: random.Random) -> Trouble:
    at_s, for_s = round(dice.uniform(5, TROUBLE_S - 5), 2), round(dice.uniform(1, 12), 1)
    probability = dice.choice((1.0, 1.0, 0.5, 0.2))
    params: dict[str, Any] = {}
    known = {parameter.name for parameter in CATALOGUE[name].parameters} if name in CATALOGUE else ()
    if "acted" in known:
        params["acted"] = dice.random() < 0.5
    if "framing" in known:
        params["framing"] = dice.choice(("whole", "broken"))
    match name:
        case "network_slow":
            params = {"times": dice.choice((10, 30, 80, 150))}
        case "slow_reply" | "delayed_frames" | "late_user_events" | "delayed_order" | "reordered_frames":
            params = {"delay_s": round(dice.uniform(0.5, 6), 1)}
        case "slow_settlement":
            params = {"delay_s": round(dice.uniform(1, 20), 1)}
        case "restart_425":
            params, for_s = {"restart_s": 5.0, "post_only_s": 5.0}, 0.0
        case "disconnect_storm":
            params = {"open_s": round(dice.uniform(0.2, 2), 1)}
        case "kill_switch":
            params = {"crash": dice.random() < 0.4}
        case "clock_off":
            params = {"by_s": round(dice.uniform(-2, 2), 2)}
    return Trouble(name, at_s, for_s, probability, tuple(params.items()))
