"""When to try again: exponential with jitter, pure."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Backoff:
    """A reconnect schedule. Attempt n (from 0) waits between half and all of ``min(first · 2ⁿ, longest)`` seconds."""

    first_s: float = 1.0
    longest_s: float = 30.0

    def __attrs_post_init__(self) -> None:
        if not 0 < self.first_s <= self.longest_s:
            raise ValueError(f"0 < first_s ({self.first_s}) <= longest_s ({self.longest_s}) does not hold")

    def delay_s(self, attempt: int, random_unit: float) -> float:
        """Return seconds to wait before attempt `attempt`; `random_unit` in [0, 1) is the caller's dice."""
        whole: float = min(self.first_s * 2.0 ** min(attempt, 32), self.longest_s)
        return whole * (0.5 + random_unit / 2)
