"""Signals made of signals. They are fed one number at a time."""

from __future__ import annotations

from typing import Protocol


class Signal(Protocol):
    """What is told one number at a time."""

    @property
    def value(self) -> float | None:
        """Return the value of now, None until enough was told."""
        ...

    def update(self, x: float, /) -> float | None:
        """Take the next number and return the value of now."""
        ...


class Piped:
    """Each signal is fed what the one before it says, once that says something: `Piped(Momentum(1), Ema(10))`."""

    def __init__(self, *signals: Signal) -> None:
        if not signals:
            raise ValueError("a pipe of at least one signal")
        self._signals = signals

    @property
    def value(self) -> float | None:
        """Return what the last one says."""
        return self._signals[-1].value

    def update(self, x: float) -> float | None:
        """Take the next number and return what the last one says."""
        found: float | None = x
        for signal in self._signals:
            if found is None:
                return self.value
            found = signal.update(found)
        return found


class Difference:
    """What one signal says less what another does, both fed the same: `Difference(Ema(12), Ema(26))`."""

    def __init__(self, one: Signal, other: Signal) -> None:
        self._one, self._other = one, other

    @property
    def value(self) -> float | None:
        """Return the difference, None until both say something."""
        one, other = self._one.value, self._other.value
        return None if one is None or other is None else one - other

    def update(self, x: float) -> float | None:
        """Take the next number and return the difference."""
        self._one.update(x)
        self._other.update(x)
        return self.value
