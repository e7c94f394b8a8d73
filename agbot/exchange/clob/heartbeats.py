"""The kill switch: a key that once sent a heartbeat and then falls silent loses all its orders."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import attrs

from agbot.units import NS_PER_S

TIMEOUT_NS: Final = 10 * NS_PER_S
SWEEP_NS: Final = 5 * NS_PER_S
KEYS_MAX: Final = 10_000


@attrs.define
class _Beat:
    address: str
    expected: str
    due_ns: int
    count: int = 0


class Heartbeats:
    """Chains of heartbeats, one for each API key that ever sent one; none of it is undone but by silence.

    An accepted send names the id the next one must carry and gives `timeout_ns` more. Every `SWEEP_NS` those overdue
    are found: at the worst a key is silent for both together.
    """

    def __init__(self, timeout_ns: int = TIMEOUT_NS) -> None:
        self.timeout_ns = timeout_ns
        self._beats: dict[str, _Beat] = {}
        self._swept_ns = 0

    def take(self, key: str, address: str, said: str, now_ns: int) -> tuple[bool, str]:
        """Return (True, next id), or (False, the id that was expected) for a send that changes nothing."""
        beat = self._beats.get(key)
        expected = beat.expected if beat else ""
        if said != expected or (beat is None and len(self._beats) >= KEYS_MAX):
            return False, expected
        return True, self._accept(key, address, now_ns).expected

    def tap(self, key: str, address: str, now_ns: int) -> None:
        """Take a heartbeat of the older form, which carries no id."""
        if key in self._beats or len(self._beats) < KEYS_MAX:
            self._accept(key, address, now_ns)

    def overdue(self, now_ns: int) -> list[tuple[str, str]]:
        """Return (key, address) of those who fell silent, and forget them; nobody before the next sweep is due."""
        if now_ns < self._swept_ns:
            self._set_back(now_ns)
        if now_ns < self._swept_ns + SWEEP_NS:
            return []
        self._swept_ns = now_ns // SWEEP_NS * SWEEP_NS
        silent = [(key, beat.address) for key, beat in self._beats.items() if beat.due_ns <= now_ns]
        for key, _ in silent:
            del self._beats[key]
        return silent

    def _set_back(self, now_ns: int) -> None:
        """Let nobody be silent for longer than the timeout because the clock was set back."""
        self._swept_ns = now_ns // SWEEP_NS * SWEEP_NS
        for beat in self._beats.values():
            beat.due_ns = min(beat.due_ns, now_ns + self.timeout_ns)

    def next_due(self) -> int | None:
        """Return when `overdue` next may find somebody, None while nobody takes part."""
        return self._swept_ns + SWEEP_NS if self._beats else None

    def snapshot(self) -> dict[str, Any]:
        """Return the chains as plain values."""
        return {"beats": [[key, *attrs.astuple(beat)] for key, beat in self._beats.items()], "swept": self._swept_ns}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._beats = {key: _Beat(*rest) for key, *rest in saved["beats"]}
        self._swept_ns = saved["swept"]

    def _accept(self, key: str, address: str, now_ns: int) -> _Beat:
        if not self._beats:
            self._swept_ns = max(self._swept_ns, now_ns // SWEEP_NS * SWEEP_NS)
        beat = self._beats.setdefault(key, _Beat(address, "", 0))
        beat.count += 1
        beat.due_ns = now_ns + self.timeout_ns
        beat.expected = _id(key, beat.count, now_ns)
        return beat


def _id(key: str, count: int, now_ns: int) -> str:
    digits = sha256(f"heartbeat/{key}/{count}/{now_ns}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
