"""Backtests that are none: noise, skill by decree, and a process that dies, for tests of a search."""

from __future__ import annotations

import os
import signal
from hashlib import sha256
from pathlib import Path

import attrs
import numpy as np

from agbot.optimise.outcome import Outcome, Params, key_of


@attrs.frozen
class Noise:
    """Returns drawn anew for each set of parameters.

    Attributes:
        skill: the mean of the returns, in deviations, of those parameters whose `skilled` is true.
    """

    periods: int = 128
    seed: int = 1
    skill: float = 0.0

    def __call__(self, params: Params) -> Outcome:
        """Return what chance gives these parameters; the same everywhere."""
        digest = sha256(f"{self.seed} {key_of(params)}".encode())
        returns = np.random.default_rng(int.from_bytes(digest.digest())).normal(size=self.periods) / 100
        if params.get("skilled") is True:
            returns += self.skill / 100
        pnl = round(float(returns.sum()) * 10**9)
        return Outcome(tuple(map(float, returns)), pnl, digest.hexdigest(), self.periods)


@attrs.frozen
class Deadly:
    """Noise, but the process of the parameters `victim` is killed: each time, or only the first time."""

    folder: Path
    victim: int
    always: bool = False
    noise: Noise = Noise()

    def __call__(self, params: Params) -> Outcome:
        """Return what chance gives, or never return."""
        mark = self.folder / "killed"
        if int(params["n"]) == self.victim and (self.always or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.noise(params)
