"""Times, delays and parts as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from agbot.matching.latency import Constant, Delay, Delays, LogNormal, Recorded
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.words import many


def told(delays: Delays) -> str:
    """Return the three ways of a message in one line."""
    ways = {"order": delays.order, "answer": delays.answer, "feed": delays.feed}
    return ", ".join(f"{name} {_delay(delay)}" for name, delay in ways.items())


def _delay(delay: Delay) -> str:
    match delay:
        case Constant(delay_ns=ns):
            return _ms(ns)
        case LogNormal(median_ns=median, p99_ns=p99):
            return f"median {_ms(median)} (99 % below {_ms(p99)})"
        case Recorded(times_ns=times):
            return f"as recorded ({many(len(times), 'time')})"
        case _:
            return repr(delay)


def _ms(ns: int) -> str:
    return f"{ns / NS_PER_MS:g} ms"


def moment(ts_ns: int) -> str:
    """Return a time to the second, UTC."""
    return datetime.fromtimestamp(ts_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def lasting(span_ns: int) -> str:
    """Return a span in its two largest units."""
    left, parts = span_ns // NS_PER_S, list[str]()
    for name, unit in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, unit)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def percent(part: int, whole: int) -> str:
    """Return a part of a whole in percent with two decimals."""
    return f"{100 * part / whole:z.2f}%" if whole else "-"
