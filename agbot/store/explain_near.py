"""What to say when nobody has an order: what an id looks like, where one is found, which are near."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from agbot.errors import NotFoundError, StoreError
from agbot.store.codec import decode_output
from agbot.store.journal import STEP, JournalReader

NEAR_MAX: Final = 3
SEVERAL_MAX: Final = 5
_TAIL: Final = re.compile(r"(?:(.*)-)?([0-9]+(?:\.[rs][0-9]+)*)")
"""The end of an order's id: perhaps the end of its run, and the number."""


def ending(key: str, runs: Sequence[Path]) -> list[str]:
    """Return the whole ids that end with `key`, such as ``live-22`` or ``22``, those of the newest run first."""
    if not (tail := _TAIL.fullmatch(key)):
        return []
    fitting = [run for run in reversed(runs) if run.stem.endswith(tail[1] or "")]
    ids = [(run, f"{run.stem}-{tail[2]}") for run in fitting]
    return [order for run, order in ids if order in _beginning(run, order)]


def several(key: str, orders: Sequence[str]) -> NotFoundError:
    """Return the error AGB-620 for a `key` that `orders` end with."""
    more = f", and {len(orders) - SEVERAL_MAX} older" if len(orders) > SEVERAL_MAX else ""
    remedy = f"name one: {', '.join(orders[:SEVERAL_MAX])}{more}"
    return NotFoundError(f"{len(orders)} orders end with {key!r}", id="AGB-620", remedy=remedy)


def no_order(key: str, runs: Sequence[Path], where: str) -> NotFoundError:
    """Return the error AGB-620 for `key`; `runs` are the journals that were looked into, oldest first."""
    near = _near(runs[-1], key) if runs else []
    *others, last = near or [""]
    meant = f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?" if near else ""
    known = f"an order's id looks like {runs[-1].stem if runs else '20261127T093000000-demo'}-1, or is the venue's 0x…"
    found = "agbot orders lists open ones, agbot history orders all; --profile NAME for another bot"
    return NotFoundError(
        f"no order {key!r} in {where}", id="AGB-620", remedy="; ".join(filter(None, (meant, known, found)))
    )


def _near(run: Path, key: str) -> list[str]:
    """Return ids of a run whose number begins with `key`, else those that do, the shortest first."""
    prefixes = [f"{run.stem}-{key}"]
    if run.stem.startswith(key) or key.startswith(run.stem):
        prefixes.append(key)
    return next(filter(None, (_beginning(run, prefix) for prefix in prefixes)), [])


def _beginning(run: Path, prefix: str) -> list[str]:
    """Return ids of a run that begin so; none when it cannot be read."""
    found: set[str] = set()
    a_hint_is_worth_no_error = contextlib.suppress(StoreError, NotFoundError, msgspec.DecodeError)
    with a_hint_is_worth_no_error, contextlib.closing(JournalReader(run)) as reader:
        outputs = map(decode_output, reader.mentioning(prefix, STEP))
        found = {decision.client_order_id for output in outputs for decision in output.decisions}
    return sorted((each for each in found if each.startswith(prefix)), key=lambda each: (len(each), each))[:NEAR_MAX]
