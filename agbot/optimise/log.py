"""Every trial ever run of one study, in a file of one JSON object a line: only appended to, durable line by line."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from agbot import __version__
from agbot.errors import ConfigError, StoreError
from agbot.optimise.outcome import Failed, Outcome, Params, Part, Result, Trial, key_of, text_of

FORMAT: Final = 1
_ANEW: Final = "begin another study with --log FILE, or move this one away"
_BROKEN: Final = (ValueError, LookupError, TypeError, AttributeError, InvalidOperation)


class TrialLog:
    """The trials of a study, those of earlier runs too.

    Args:
        path: the file; made when it is not there.
        identity: what a study is of, such as digests of the data and of everything that is not searched. Trials of
            something else are not comparable, so a log with another identity is refused.

    Raises:
        ConfigError: AGB-572, it belongs to another study; AGB-573, it is in use.
        StoreError: AGB-573, it cannot be read or written.
    """

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path = path
        self.torn = False
        """Whether the last line was cut short by a crash; it was dropped, and its trial is run again."""
        self._results: dict[tuple[tuple[str, str], ...], Trial] = {}
        header = {"study": FORMAT, "agbot": __version__, **identity}
        self._file = self._open()
        try:
            self._read(header)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TrialLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write the study."""
        self._file.close()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Return every trial, in an order that no timing changes."""
        return tuple(self._results[key] for key in sorted(self._results))

    @property
    def count(self) -> int:
        """Return how many trials there are."""
        return len(self._results)

    def find(self, params: Params) -> Result | None:
        """Return what came of these parameters, None when they were never tried."""
        trial = self._results.get(key_of(params))
        return trial.result if trial else None

    def append(self, trial: Trial, **origin: object) -> None:
        """Keep a trial; it is on disk when this returns. `origin` says how it came about.

        Raises:
            StoreError: AGB-573, it cannot be written.
        """
        self._write({**_spelled(trial), **origin})
        self._results[trial.key] = trial  # before the disk is waited for: who interrupts that still finds it
        self._sync()

    def _open(self) -> BinaryIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+b")
        except OSError as e:
            raise self._unusable(e) from e
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            file.close()
            raise ConfigError(
                "another process writes this study", id="AGB-573", path=self.path, remedy="wait for it, or --log FILE"
            ) from e
        return file

    def _read(self, header: Mapping[str, object]) -> None:
        self._file.seek(0)
        *lines, rest = self._file.read().split(b"\n")
        if rest:
            self.torn = True
            self._file.truncate(sum(len(line) + 1 for line in lines))
        if not lines:
            self._write(header)
            self._sync()
            return
        self._check(self._row(1, lines[0]), header)
        for number, line in enumerate(lines[1:], 2):
            row = self._row(number, line)
            try:
                trial = _trial(row)
            except _BROKEN as e:
                raise self._damaged(number) from e
            self._results[trial.key] = trial

    def _row(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except ValueError as e:
            raise self._damaged(number) from e
        if not isinstance(row, dict):
            raise self._damaged(number)
        return row

    def _check(self, found: Mapping[str, object], header: Mapping[str, object]) -> None:
        if "study" not in found:
            raise self._damaged(1)
        for name, wanted in header.items():
            if found.get(name) != wanted:
                reason = f"this study is of another {name}: {found.get(name)}, not {wanted}"
                raise ConfigError(reason, id="AGB-572", path=self.path, line=1, remedy=_ANEW)

    def _write(self, row: Mapping[str, object]) -> None:
        try:
            self._file.write(json.dumps(row).encode() + b"\n")
            self._file.flush()
        except OSError as e:
            raise self._unusable(e) from e

    def _sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as e:
            raise self._unusable(e) from e

    def _damaged(self, line: int) -> ConfigError:
        return ConfigError("this is no trial of a study", id="AGB-573", path=self.path, line=line, remedy=_ANEW)

    def _unusable(self, cause: OSError) -> StoreError:
        reason = f"{self.path}: the study cannot be kept: {cause.strerror or cause}"
        return StoreError(reason, id="AGB-573", remedy="make room or choose another place with --log FILE")


def _spelled(trial: Trial) -> dict[str, object]:
    params = {
        name: value if isinstance(value, bool) else {"number": text_of(value)} if not isinstance(value, str) else value
        for name, value in trial.params.items()
    }
    if isinstance(trial.result, Failed):
        return {"params": params, "failed": trial.result.reason}
    outcome = trial.result
    return {
        "params": params,
        "returns": outcome.returns,
        "pnl": outcome.pnl,
        "digest": outcome.digest,
        "trades": outcome.trades,
        "parts": [(part.name, part.periods, part.begin_ns, part.end_ns) for part in outcome.parts],
    }


def _trial(row: Mapping[str, Any]) -> Trial:
    params = {
        name: Decimal(value["number"]) if isinstance(value, dict) else value for name, value in row["params"].items()
    }
    if "failed" in row:
        return Trial(params, Failed(str(row["failed"])))
    parts = tuple(Part(*part) for part in row["parts"])
    returns = tuple(float(value) for value in row["returns"])
    return Trial(params, Outcome(returns, int(row["pnl"]), str(row["digest"]), int(row["trades"]), parts))
