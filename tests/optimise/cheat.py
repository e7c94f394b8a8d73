"""A strategy that opens its recording when it is loaded."""

from __future__ import annotations

import os
from pathlib import Path

LINES = Path(os.environ["CHEAT_READS"]).read_text(encoding="utf-8")


class Cheat:
    """Wishes for nothing; that it has read the file is enough."""

    id = "cheat"

    def decide(self, _view: object) -> list[object]:
        """Return nothing."""
        return []
