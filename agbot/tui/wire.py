"""The dashboard frames as rows to show. Tolerant on purpose: a missing or odd field becomes empty, never a crash.

Text from the wire is stripped of control characters, so nothing a market is called can reach into the terminal.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from agbot.tui.series import Observed

Labels = tuple[tuple[str, str], ...]
MetricKey = tuple[str, Labels]
Mapping = dict[str, Any]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
TEXT_MAX: Final = 300


def mapping(value: object) -> Mapping:
    """Return `value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return `value` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(source: Mapping, key: str) -> str:
    """Return the field as one printable line, empty when it is missing or no scalar."""
    value = source.get(key)
    if value is None or isinstance(value, dict | list):
        return ""
    return _CONTROL.sub(" ", str(value)[:TEXT_MAX]).strip()


def number(value: object) -> float | None:
    """Return `value` as a finite float, None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def decimal(source: Mapping, key: str) -> float | None:
    """Return the decimal text (or number) of the field as a float for the screen, None when it is none."""
    value = source.get(key)
    if not isinstance(value, str):
        return number(value)
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int:
    """Return `value` as an integer, 0 when it is none."""
    found = number(value)
    return 0 if found is None else int(found)


def labels_key(value: object) -> Labels:
    """Return a label set in an order-free, hashable form."""
    return tuple(sorted((str(k), str(v)) for k, v in mapping(value).items()))


@attrs.frozen(kw_only=True)
class MetricValue:
    """One entry of a frame's `metrics`. A histogram's value is its newest; `observed` is None for others."""

    key: MetricKey
    value: float
    at_ms: int
    observed: Observed | None = None


def metrics(value: object) -> Iterator[MetricValue]:
    """Yield the well-formed entries of a frame's `metrics`."""
    for entry in items(value):
        if len(fields := items(entry)) < 5 or not isinstance(fields[0], str):
            continue
        told = fields[3] if isinstance(fields[3], dict) else None
        if (found := number(told.get("last") if told else fields[3])) is not None:
            key = (fields[0], labels_key(fields[1]))
            observed = _observed(told, found) if told else None
            yield MetricValue(key=key, value=found, at_ms=whole(fields[4]), observed=observed)


def _observed(told: Mapping, last: float) -> Observed:
    """Return what a histogram's entry tells; one that lacks a figure is one observation."""
    count = whole(told.get("count"))
    total, least, most = (number(told.get(name)) for name in ("sum", "min", "max"))
    if count < 1 or total is None or least is None or most is None:
        return Observed(1, last, last, last, last)
    return Observed(count, total, least, most, last)


def series(value: object) -> Iterator[tuple[MetricKey, list[tuple[int, float]]]]:
    """Yield the label sets of a snapshot's `series` with their points, oldest first."""
    for key, raw in mapping(value).items():
        name, _, tail = key.partition("|")
        try:
            labels = labels_key(json.loads(tail)) if tail else ()
        except (ValueError, RecursionError):
            labels = (("labels", tail),)
        pairs = [(p[0], number(p[1])) for p in map(items, items(raw)) if len(p) >= 2]
        yield (name, labels), sorted((whole(at), v) for at, v in pairs if v is not None)


@attrs.frozen(kw_only=True)
class EventLine:
    """An event with its envelope; snapshots may send it bare, then `kind` comes from the list it was in."""

    kind: str
    at_ms: int
    body: Mapping


def event_line(value: object, default_kind: str = "") -> EventLine:
    """Return the event in `value`, enveloped or bare."""
    outer = mapping(value)
    body = outer.get("event")
    if not isinstance(body, dict):
        return EventLine(kind=default_kind, at_ms=whole(outer.get("timestamp")), body=outer)
    return EventLine(kind=text(outer, "event_type") or default_kind, at_ms=whole(outer.get("timestamp")), body=body)


@attrs.frozen(kw_only=True)
class RunRow:
    """The run the monitor hears from: its mode label, and how it ended if it did."""

    run_id: str = ""
    mode: str = ""
    version: str = ""
    capital_usd: str = ""
    ended: bool = False
    exit_code: str = ""
    reason: str = ""

    @classmethod
    def parse(cls, body: Mapping) -> RunRow:
        """Return the row of a `run` event."""
        names = ("run_id", "mode", "version", "capital_usd", "exit_code", "reason")
        return cls(**{name: text(body, name) for name in names}, ended=body.get("ended") is True)


@attrs.frozen(kw_only=True)
class OrderRow:
    """One of our orders at its newest state. Numbers are decimal text as the bot wrote it."""

    client_order_id: str
    correlation_id: str
    strategy_id: str
    market_id: str
    outcome: str
    side: str
    price: str
    size: str
    filled: str
    state: str
    reason: str
    why: str
    at_ms: int

    @classmethod
    def parse(cls, line: EventLine) -> OrderRow:
        """Return the row of an `order` event."""
        return cls(**_texts(cls, line.body), at_ms=line.at_ms)

    @property
    def live(self) -> bool:
        """Return whether it can still rest or fill; an unknown order can."""
        return self.state in ("PENDING_NEW", "OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN")


@attrs.frozen(kw_only=True)
class FillRow:
    """One execution of ours. Numbers are decimal text as the bot wrote it."""

    client_order_id: str
    trade_id: str
    market_id: str
    outcome: str
    side: str
    price: str
    size: str
    fee_usd: str
    liquidity: str
    at_ms: int

    @classmethod
    def parse(cls, line: EventLine) -> FillRow:
        """Return the row of a `fill` event."""
        return cls(**_texts(cls, line.body), at_ms=line.at_ms)


LEVELS: Final = ("all", "info", "warning", "error")


@attrs.frozen(kw_only=True)
class LogRow:
    """One line of the log. `tone` is good, bad, warn, dim or empty; `label` is a word that says what it is.

    `level` counts in LEVELS; `order_id` is the order whose story it belongs to, empty when to none.
    """

    at_ms: int
    label: str
    market_id: str
    text: str
    tone: str
    level: int = 1
    order_id: str = ""


def _texts(cls: type, body: Mapping) -> dict[str, Any]:
    return {field.name: text(body, field.name) for field in attrs.fields(cls) if field.name != "at_ms"}


def log_row(line: EventLine) -> LogRow | None:
    """Return the log line of an event, None for kinds that have a table of their own or are not known."""
    make = _LOG_ROWS.get(line.kind)
    return make(line) if make else None


def _decision(line: EventLine) -> LogRow:
    body = line.body
    allowed = body.get("allowed") is True
    violated = " ".join(_CONTROL.sub(" ", str(v)) for v in items(body.get("violated")))
    wish = f"{text(body, 'side')} {text(body, 'outcome')} {text(body, 'size')} @ {text(body, 'price')}".strip(" @")
    # The reason first: narrow screens cut the end.
    said = (wish, text(body, "why")) if allowed else (violated or text(body, "why"), wish)
    label, tone, level = ("allowed", "dim", 0) if allowed else ("denied", "bad", 2)
    return _row(line, label, " · ".join(part for part in said if part), tone, level)


def _kill_switch(line: EventLine) -> LogRow:
    on = line.body.get("on") is True
    of = f" of {scope} {text(line.body, 'name')}" if (scope := text(line.body, "scope")) else ""
    said = f"kill switch{of} {'ON' if on else 'off'}: {text(line.body, 'reason')} ({text(line.body, 'by')})"
    return _row(line, "KILL" if on else "kill off", said, "bad" if on else "warn", 3 if on else 2)


def _log(line: EventLine) -> LogRow:
    level = text(line.body, "level") or "log"
    rest = " ".join(f"{k}={v}" for k in line.body if k not in ("level", "event") and (v := text(line.body, k)))
    tone = {"warning": "warn", "error": "bad", "critical": "bad", "debug": "dim"}.get(level.lower(), "")
    return _row(line, level, f"{text(line.body, 'event')} {rest}".strip(), tone, _LEVELS.get(level.lower(), 1))


def _position(line: EventLine) -> LogRow:
    body = line.body
    opened = line.kind == "position_opened"
    price, realised = text(body, "average_price"), text(body, "realised_usd")
    said = f"{text(body, 'size')} @ {price}" if opened else f"realised {realised} usd"
    return _row(line, "opened" if opened else "closed", f"{text(body, 'outcome')} {said}", "")


def _run(line: EventLine) -> LogRow:
    run = RunRow.parse(line.body)
    if run.ended:
        return _row(line, "run", f"ended, exit {run.exit_code}: {run.reason}".rstrip(": "), "warn")
    return _row(line, "run", f"{run.mode} {run.run_id} started".strip(), "")


def _row(line: EventLine, label: str, said: str, tone: str, level: int = 1) -> LogRow:
    market_id, order_id = text(line.body, "market_id"), text(line.body, "client_order_id")
    return LogRow(
        at_ms=line.at_ms, label=label, market_id=market_id, text=said, tone=tone, level=level, order_id=order_id
    )


_LEVELS: Final = {"debug": 0, "warning": 2, "error": 3, "critical": 3}


_LOG_ROWS: Final = {
    "decision": _decision,
    "kill_switch": _kill_switch,
    "log": _log,
    "position_opened": _position,
    "position_closed": _position,
    "run": _run,
}
