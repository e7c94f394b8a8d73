"""Many seeds on every core, and for a seed that fails the shortest list of troubles that still makes it fail."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from agbot.simulate.defects import planted
from agbot.simulate.disk import SimJournal
from agbot.simulate.schedule import ALL, Trouble, drawn
from agbot.simulate.world import World
from agbot.store.journal import Journal

COMMIT_EVERY: Final = 1000


@attrs.frozen
class Outcome:
    """What became of one seed.

    Attributes:
        found: what the auditor found wrong, in words; empty when nothing.
        digest: of everything the core was told and asked for.
        events: that happened in the world.
        orders: of the bot that reached the venue.
    """

    seed: int
    found: tuple[str, ...]
    digest: str
    events: int
    orders: int
    lives: int
    troubles: tuple[Trouble, ...]
    cpu_s: float


def live(seed: int, troubles: Sequence[Trouble], *, aloud: bool = False) -> Outcome:
    """Live through one world; `aloud` lets the bot log."""
    with nullcontext() if aloud else quiet(), _uncollected():
        return _lived(seed, troubles)[1]


def _lived(seed: int, troubles: Sequence[Trouble]) -> tuple[World, Outcome]:
    began = time.process_time()
    world = World(seed, troubles)
    found = world.run()
    return world, Outcome(
        seed=seed,
        found=tuple(found),
        digest=world.digest,
        events=world.heap.happened,
        orders=world.auditor.orders,
        lives=world.begun,
        troubles=tuple(troubles),
        cpu_s=time.process_time() - began,
    )


def journals(seed: int, troubles: Sequence[Trouble], directory: Path) -> tuple[Outcome, list[Path]]:
    """Live through one world, and write the journal of each life of its bot to `directory`, the first life's first.

    Raises:
        StoreError: AGB-601, a journal of that name is there already, or cannot be made.
    """
    with quiet(), _uncollected():
        world, outcome = _lived(seed, troubles)
    lives = [journal for journal in world.disk.journals if journal.header() is not None]
    return outcome, [_written(journal, directory / f"world-{seed}-{n}.agj") for n, journal in enumerate(lives)]


def _written(lived: SimJournal, path: Path) -> Path:
    journal = Journal(path, durable=False)
    try:
        for record in lived.records():
            journal.append(record.kind, record.now_ns, record.body)
            if journal.backlog >= COMMIT_EVERY:
                journal.commit()
    finally:
        journal.close()
    return path


def one(seed: int, names: Sequence[str] = ALL, defect: str = "") -> Outcome:
    """Live through the world of a seed, with troubles drawn from `names` and perhaps a planted defect."""
    with planted(defect):
        return live(seed, drawn(seed, names))


def many(seeds: Sequence[int], names: Sequence[str] = ALL, workers: int = 0) -> Iterator[Outcome]:
    """Yield the outcome of each seed as it comes, from a process for each core."""
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from (one(seed, names) for seed in seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers, _settle) as pool:
        yield from pool.imap_unordered(partial(one, names=names), seeds, chunksize=4)


def finding(defect: str, seeds: Sequence[int], workers: int = 0) -> Outcome | None:
    """Return the first seed's outcome in which a planted defect is found, None when none is."""
    workers = workers or os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(workers, _settle) as pool:
        outcomes = pool.imap(partial(one, defect=defect), seeds, chunksize=2)
        return next((outcome for outcome in outcomes if outcome.found), None)


def shrunk(outcome: Outcome, fails: Callable[[Sequence[Trouble]], bool] | None = None) -> tuple[Trouble, ...]:
    """Return the shortest part of the troubles with which the seed still fails, each one needed.

    Args:
        fails: says whether a list fails; by default the seed is lived through again.
    """
    fails = fails or (lambda troubles: bool(live(outcome.seed, troubles).found))
    kept = list(outcome.troubles)
    size = max(1, len(kept) // 2)
    while size:
        at = 0
        while at < len(kept):
            shorter = kept[:at] + kept[at + size :]
            if fails(shorter):
                kept = shorter
            else:
                at += size
        size //= 2
    return tuple(kept)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the cycle collector out of a world, which is small and whose end is the time to collect it."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        if before:
            gc.enable()


def _settle() -> None:
    """Keep what a worker has imported out of the collections after each world: they would look through it all."""
    gc.collect()
    gc.freeze()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the bot would log to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
