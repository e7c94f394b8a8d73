"""A progress bar for work that can tell which part of it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_STEPS: Final = 1000


@contextmanager
def fraction_bar(label: str, *, quiet: bool) -> Iterator[Callable[[float], None]]:
    """Yield what takes the part that is done, 0 to 1: a bar on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _part: None
        return
    with click.progressbar(length=_STEPS, label=label, file=sys.stderr) as bar:
        yield lambda part: bar.update(max(0, int(part * _STEPS) - bar.pos))
