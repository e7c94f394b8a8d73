"""What is gone of the day's allowance, on disk: a restart is no way to a second one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from agbot.core.admission import open_usd
from agbot.core.step import Step
from agbot.core.turnover import Turnover, utc_day
from agbot.errors import ConfigError
from agbot.latch import sync_file
from agbot.log import get_logger
from agbot.model.commands import PlaceOrder
from agbot.model.events import Event
from agbot.model.ids import ClientOrderId
from agbot.units import notional, to_text, to_units, usd_text

FILE_NAME: Final = "traded-today.json"
STEPS: Final = 20

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Caps:
    """The most one order and one UTC day may trade, 10⁻⁶ usd."""

    max_order_usd: int
    max_day_usd: int


class DayFile:
    """An upper bound of what was traded in the current UTC day, on disk.

    Theory of operation: the bound is raised in steps, and synced, before an order leaves that needs it; an orderly end
    writes the exact sum. So a crash costs at most one step of the day's allowance, never gives any back, and most
    orders wait for no disk.

    Args:
        path: the file; ConfigError AGB-147 when it is there and cannot be read.
    """

    def __init__(self, path: Path, caps: Caps, now_ns: Callable[[], int]) -> None:
        self._path = path
        self._caps = caps
        self._now_ns = now_ns
        self._day, self._before = _read(path)  # a day to come, when the clock was put back, is today's
        self._bound = self._before

    def before(self) -> int:
        """Return what was there today when the file was opened (10⁻⁶ usd)."""
        return self._before if utc_day(self._now_ns()) <= self._day else 0

    def reach(self, total: int) -> None:
        """Make sure that the disk knows of `total` today; OSError when it takes nothing."""
        known = self._bound if utc_day(self._now_ns()) <= self._day else 0
        if total > known:
            step = max(self._caps.max_order_usd, self._caps.max_day_usd // STEPS)
            self.write(min(self._caps.max_day_usd, total + step))

    def write(self, bound: int) -> None:
        """Put `bound` on disk for today."""
        day = max(utc_day(self._now_ns()), self._day)
        temporary = self._path.with_suffix(".new")
        content = json.dumps({"day": day, "usd": to_text(bound)}).encode("ascii")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            sync_file(file.fileno())
        os.replace(temporary, self._path)
        if day != self._day:
            self._day, self._before = day, 0
        self._bound = bound


class DaySpend:
    """The caps' second look, right before an order leaves; it shares nothing with the core's first one but the numbers.

    Args:
        path: the day's file; ConfigError AGB-147 when it is there and cannot be read.
    """

    def __init__(self, path: Path, caps: Caps, now_ns: Callable[[], int]) -> None:
        self.caps = caps
        self._file = DayFile(path, caps, now_ns)
        self._now_ns = now_ns
        self._filled = Turnover()
        self._open: dict[ClientOrderId, int] = {}

    def total(self) -> int:
        """Return what was traded today by earlier runs and this one, with what rests (10⁻⁶ usd)."""
        return self._file.before() + self._filled.so_far(self._now_ns()) + sum(self._open.values())

    def refuse(self, order: PlaceOrder) -> str:
        """Return why `order` may not leave, empty when it may: then it counts from here on. Writes to disk at times."""
        usd = order.budget or notional(order.price, order.size)
        total = self.total() + usd
        if reason := over(self.caps, usd, total):
            return reason
        try:
            self._file.reach(total)
        except OSError as e:
            return f"what was traded today cannot be written: {e.strerror or e}"
        self._open[order.client_order_id] = usd
        return ""

    def observe(self, _batch: list[Event], step: Step) -> None:
        """Follow the engine: fills count for good, what ended unfilled is given back."""
        for _record, fill in step.fills:
            self._filled.add(step.now_ns, notional(fill.price, fill.size))
        for record in step.changed:
            name = record.command.client_order_id
            if record.state.terminal:
                self._open.pop(name, None)
            elif name in self._open:
                self._open[name] = open_usd(record)

    def close(self) -> None:
        """Write the exact sum; for the orderly end of a run. A full disk leaves the bound, which is never too low."""
        try:
            self._file.write(self.total())
        except OSError as e:
            log.error("spend.not_written", error=e.strerror or str(e))


def over(caps: Caps, usd: int, total: int) -> str:
    """Return what an order of `usd` that makes `total` today is over, empty when it is within the caps."""
    if usd > caps.max_order_usd:
        return f"{usd_text(usd)} usd is over the {usd_text(caps.max_order_usd)} of one order"
    if total > caps.max_day_usd:
        return f"{usd_text(total)} usd today is over the {usd_text(caps.max_day_usd)} of one day"
    return ""


def _read(path: Path) -> tuple[int, int]:
    try:
        return _parsed(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return 0, 0
    except (OSError, ValueError) as e:
        raise ConfigError(
            "what was traded today cannot be read",
            id="AGB-147",
            path=path,
            remedy="look at the day's trades on the website, then remove the file",
        ) from e


def _parsed(found: Any) -> tuple[int, int]:
    if not isinstance(found, dict) or type(found.get("day")) is not int or not isinstance(found.get("usd"), str):
        raise ValueError("a field is missing or has a wrong type")
    usd = to_units(found["usd"])
    if usd < 0:
        raise ValueError("less than nothing was traded")
    return found["day"], usd
