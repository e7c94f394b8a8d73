"""Backtests on the cores of this machine. A process that is killed costs no trial."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Generator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Protocol

import attrs

from agbot.optimise.outcome import Evaluate, Failed, Params, Result, attempt

DEATHS_MAX: Final = 2
"""A trial whose process ended so often is to blame itself."""


class Workers(Protocol):
    """Whoever runs backtests."""

    def run(self, evaluate: Evaluate, jobs: Sequence[Params]) -> Generator[tuple[int, Result], None, None]:
        """Yield the result of each job with its place in `jobs`, as it comes; closing it stops the work."""


@attrs.define
class _Hand:
    """One process, and the job it has."""

    process: SpawnProcess
    connection: Connection
    job: int | None = None

    def end(self) -> int | None:
        """Kill it and return its exit code."""
        self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self.connection.close()
        self.process.close()
        return code


class Pool:
    """Spawned processes, one for each core unless said otherwise."""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or os.cpu_count() or 1

    def run(self, evaluate: Evaluate, jobs: Sequence[Params]) -> Generator[tuple[int, Result], None, None]:
        """Yield results as they come. A job whose process ends is run again, and has failed when it ends again."""
        waiting = deque(range(len(jobs)))
        deaths: Counter[int] = Counter()
        hands: dict[Any, _Hand] = {}
        try:
            while waiting or any(hand.job is not None for hand in hands.values()):
                while waiting and len(hands) < self.workers:
                    hand = _hired(evaluate)
                    hands[hand.connection] = hand
                for hand in hands.values():
                    if hand.job is None and waiting:
                        _give(hand, waiting.popleft(), jobs)
                for ready in wait([*hands]):
                    hand = hands[ready]
                    job, hand.job = hand.job, None
                    try:
                        result = hand.connection.recv()
                    except (EOFError, OSError):
                        del hands[hand.connection]
                        code = hand.end()
                        if job is None:
                            continue  # it ended while it had nothing to do
                        deaths[job] += 1
                        if deaths[job] < DEATHS_MAX:
                            waiting.appendleft(job)
                            continue
                        result = Failed(f"its process ended {DEATHS_MAX} times, at last with exit code {code}")
                    assert job is not None, "nobody speaks without a job"
                    yield job, result
        finally:
            for hand in hands.values():
                hand.end()


def _hired(evaluate: Evaluate) -> _Hand:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, evaluate), daemon=True)
    process.start()
    theirs.close()
    return _Hand(process, ours)


def _give(hand: _Hand, job: int, jobs: Sequence[Params]) -> None:
    hand.job = job
    try:
        hand.connection.send(jobs[job])
    except OSError:
        hand.process.kill()  # it has ended: what comes of that is told when its pipe is read


def _serve(connection: Connection, evaluate: Evaluate) -> None:
    """Run jobs until nobody gives any; Ctrl-C is the parent's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            connection.send(attempt(evaluate, connection.recv()))
    except (EOFError, BrokenPipeError):
        return
