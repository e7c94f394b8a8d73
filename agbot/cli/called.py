"""What people call the markets whose ids the history keeps."""

from __future__ import annotations

import contextlib
from itertools import islice
from pathlib import Path
from typing import Final

from agbot.errors import StoreError

RUNS_MAX: Final = 20
"""Newest runs whose markets are known by name."""
LISTED_WITHIN: Final = 50
"""Records of a journal within which its markets are listed."""


def market_names(runs: Path) -> dict[str, str]:
    """Return what people call the markets of the newest runs, by id: the history keeps ids only."""
    import msgspec  # noqa: PLC0415

    from agbot.model.events import MarketListed  # noqa: PLC0415
    from agbot.store.codec import decode_batch  # noqa: PLC0415
    from agbot.store.journal import BATCH, JournalReader  # noqa: PLC0415

    found: dict[str, str] = {}
    for path in sorted(runs.glob("*.agj"))[-RUNS_MAX:]:
        with (
            contextlib.suppress(
                StoreError, msgspec.DecodeError
            ),  # of another version, or none: its markets keep their ids
            contextlib.closing(JournalReader(path)) as reader,
        ):
            first = [record for record in islice(reader.records(), LISTED_WITHIN) if record.kind == BATCH]
            events = [event for record in first for event in decode_batch(record.body)]
            found |= {event.market.id: event.market.name for event in events if isinstance(event, MarketListed)}
    return found
