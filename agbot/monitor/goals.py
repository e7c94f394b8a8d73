"""Where a player is to go: what a request over its socket asks for, and when that is reached. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from agbot.errors import ConfigError
from agbot.run.playback import DENIED, Moment, Playback
from agbot.units import NS_PER_S

SPEED_MAX: Final = 100_000.0
STEPS_MAX: Final = 1_000_000
REMEDY: Final = "agbot replay --help shows what a player can be asked"


@attrs.frozen(kw_only=True, eq=False)
class Goal:
    """Where to go.

    Args:
        word: what the player is said to do meanwhile.
        speed: of the journal's time, 0 is as fast as it goes.
        to: the step to stand at, counted from 1; 0 is before the first. None has no such end.
        found: looks at a step just taken and at its new incidents, and says why to stop there, empty to go on.
    """

    word: str
    speed: float = 0.0
    to: int | None = None
    found: Callable[[Moment, Sequence[str]], str] = lambda _moment, _incidents: ""


def play(request: Mapping[str, Any], _playback: Playback) -> Goal:
    """Play at a `speed`, 1 unless told. ConfigError AGB-957."""
    return Goal(word="playing", speed=_number(request, "speed", 1.0, low=0.001, high=SPEED_MAX))


def step(request: Mapping[str, Any], playback: Playback) -> Goal:
    """Go `count` steps, back with a negative one. ConfigError AGB-957."""
    count = _number(request, "count", 1.0, low=-STEPS_MAX, high=STEPS_MAX)
    if count != int(count) or not count:
        raise _unusable("count", request.get("count"), "a whole number that is not 0")
    return _to(playback.number + int(count), playback)


def following(request: Mapping[str, Any], _playback: Playback) -> Goal:
    """Go to the next step with a "decision", an "incident", or a "fault", which no denial is. ConfigError AGB-957."""
    what = str(request.get("what", ""))
    if what not in _FOLLOWING:
        raise _unusable("what", request.get("what"), ", ".join(_FOLLOWING))
    return Goal(word="seeking", found=_FOLLOWING[what])


_FOLLOWING: Final[Mapping[str, Callable[[Moment, Sequence[str]], str]]] = {
    "decision": lambda moment, _incidents: moment.decided,
    "incident": lambda _moment, incidents: incidents[0] if incidents else "",
    "fault": lambda _moment, incidents: next((said for said in incidents if not said.startswith(DENIED)), ""),
}


def seek(request: Mapping[str, Any], playback: Playback) -> Goal:
    """Go to a `time`, to a `fraction` of the steps, or `by` a fraction from here. ConfigError AGB-957."""
    given = [name for name in ("time", "fraction", "by") if name in request]
    if len(given) != 1:
        raise _unusable("seek", given, "one of time, fraction and by")
    if given == ["time"]:
        return _to(playback.batches_until(at_ns(str(request["time"]), playback.now_ns)), playback)
    part = _number(request, given[0], 0.0, low=-1.0 if given == ["by"] else 0.0, high=1.0)
    here = playback.number if given == ["by"] else 0
    return _to(here + round(part * playback.batches), playback)


GOALS: Final[Mapping[str, Callable[[Mapping[str, Any], Playback], Goal]]] = {
    "play": play,
    "step": step,
    "next": following,
    "seek": seek,
}
"""By the `op` of a request."""


def at_ns(text: str, day_ns: int) -> int:
    """Return a time: ``2026-11-28T12:30:01.5``, ``12:30:01`` of the day of `day_ns`, UTC, or ns since 1970."""
    if text.isascii() and text.isdigit() and len(text) > 8:
        return int(text)
    day = datetime.fromtimestamp(day_ns // NS_PER_S, UTC).date().isoformat()
    try:
        found = datetime.fromisoformat(text if "-" in text else f"{day}T{text}")
    except ValueError:
        raise _unusable("time", text, "2026-11-28T12:30:01, or 12:30:01 of the day that is shown; UTC") from None
    whole = found.replace(tzinfo=found.tzinfo or UTC, microsecond=0)
    return int(whole.timestamp()) * NS_PER_S + found.microsecond * 1000


def _to(number: int, playback: Playback) -> Goal:
    return Goal(word="seeking", to=min(max(number, 0), playback.batches))


def _number(request: Mapping[str, Any], name: str, default: float, *, low: float, high: float) -> float:
    found = request.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise _unusable(name, found, "a number")
    if not low <= found <= high:
        raise _unusable(name, found, f"between {low:g} and {high:g}")
    return float(found)


def _unusable(name: str, found: object, expected: str) -> ConfigError:
    reason = f"{name} is {str(found)[:60]!r}, and not {expected}"
    return ConfigError(reason, id="AGB-957", remedy=REMEDY)
