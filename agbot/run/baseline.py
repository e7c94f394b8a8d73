"""What losses are measured from, on disk: a restart is no way to a second five percent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from agbot.core.triggers import Baseline
from agbot.errors import ConfigError
from agbot.latch import replace_file
from agbot.units import to_text, to_units

READ_MAX: Final = 65_536
_MONEY: Final = ("day_equity", "peak", "equity", "book")


class BaselineFile:
    """The baseline of one mode's account: `<state directory>/equity-<mode>.json`."""

    def __init__(self, directory: Path, mode: str) -> None:
        self.path = directory / f"equity-{mode.lower()}.json"

    def read(self) -> Baseline | None:
        """Return what is kept, None when nothing ever was.

        Raises:
            ConfigError: AGB-514, the file is there and cannot be believed.
        """
        try:
            return _parsed(json.loads(self.path.read_bytes()[:READ_MAX]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise ConfigError(
                f"what losses are measured from cannot be read ({e}): nothing is traded on a guess",
                id="AGB-514",
                path=self.path,
                remedy=f"mend its rights; or begin anew with the equity of now: mv {self.path} {self.path}.old",
            ) from e

    def write(self, baseline: Baseline) -> None:
        """Replace the file, durably. OSError: it is what it was."""
        money = {f"{name}_usd": to_text(getattr(baseline, name)) for name in _MONEY}
        fields = {
            "day": baseline.day,
            **money,
            "consecutive_losses": baseline.losses,
            "tripped": list(baseline.tripped),
        }
        replace_file(self.path, json.dumps(fields).encode("ascii") + b"\n")


def _parsed(found: Any) -> Baseline:
    if not isinstance(found, dict) or not isinstance(found["tripped"], list):
        raise ValueError("it is no baseline")
    money = {name: to_units(_text(found[f"{name}_usd"])) for name in _MONEY}
    return Baseline(
        day=_count(found["day"], least=-1),
        losses=_count(found["consecutive_losses"]),
        tripped=tuple(_text(name) for name in found["tripped"]),
        **money,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _count(value: object, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no count")
    return value
