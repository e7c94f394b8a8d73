"""How a person writes the conditions of the paper venue, in the section `paper`. Faults go to `fields.faults`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from agbot.located import Fields, Located
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.latency import Constant, Delay, Delays, LogNormal, Point, recorded
from agbot.matching.outages import Outage, OutageKind, Outages
from agbot.matching.rewards import Incentives, Programme
from agbot.units import NS_PER_MS, NS_PER_S, SCALE

LATENCY_MAX_NS: Final = 60 * NS_PER_S
SETTLING_MAX_NS: Final = 3600 * NS_PER_S
POOL_MAX: Final = 1_000_000 * SCALE
RIVALS_MAX_PCT: Final = 100_000
YEAR_MAX_S: Final = 32_503_680_000
"""The year 3000."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES: Final = "from before to, in UTC, such as 2026-11-20T09:00:00Z, and no two outages at a time"

T = TypeVar("T")
ReadFile = Callable[[Located], Located]


def read_conditions(fields: Fields, order: Constant, feed: Constant, read_file: ReadFile) -> Conditions:
    """Return the conditions in the section `paper`; `read_file` reads the configuration file that a value names."""
    return Conditions(
        delays=_within(fields, "latency", lambda found: _delays(found, order, feed, read_file), None),
        settling=_within(fields, "settlement", _settling, Settling()),
        outages=fields.read("outages", lambda node: _outages(node, fields), ()),
        incentives=_within(fields, "rewards", _incentives, None),
    )


def _within(fields: Fields, name: str, reader: Callable[[Fields], T], default: T) -> T:
    node = fields.get(name)
    if node is None:
        return default
    section = Fields(node, fields.faults)
    value = reader(section) if node.kind == "mapping" else default
    section.close()
    return value


def _delays(fields: Fields, order: Constant, feed: Constant, read_file: ReadFile) -> Delays:
    drawn = [name for name in ("order", "answer") if fields.get(name) is not None]
    file = fields.get("recorded")
    ways: tuple[Delay, Delay] = (_delay(fields, "order", order), _delay(fields, "answer", feed))
    if file is not None and drawn:
        reason = f"recorded latencies are those of both ways, and '{drawn[0]}' is given too"
        fields.faults.append(file.fault(reason, id="AGB-592", remedy="keep one of them"))
    elif file is not None:
        ways = fields.attempt(lambda node: _recorded(read_file(node)), file, ways)
    return Delays(
        order=ways[0],
        answer=ways[1],
        feed=_delay(fields, "feed", feed),
        overtaking=fields.read("overtaking", Located.as_bool, False),
    )


def _delay(fields: Fields, name: str, default: Delay) -> Delay:
    def read(found: Fields) -> Delay:
        median, p99, constant = (
            found.duration(stem, -1, low_ns=0, high_ns=LATENCY_MAX_NS) for stem in ("median", "p99", "constant")
        )
        if constant >= 0 > max(median, p99):
            return Constant(constant)
        if constant < 0 < median <= p99:
            return LogNormal(median_ns=median, p99_ns=p99)
        remedy = "median_ms and p99_ms, which is not smaller, or constant_ms alone"
        found.faults.append(found.node.fault("no delay is like this", id="AGB-592", remedy=remedy))
        return default

    return _within(fields, name, read, default)


def _recorded(root: Located) -> tuple[Delay, Delay]:
    points = [_point(row) for row in root.as_list()]
    try:
        return recorded(points)
    except ValueError as e:
        raise root.fault(str(e), id="AGB-593", remedy="rows [unix seconds, ms in, ms out], oldest first") from e


def _point(row: Located) -> Point:
    numbers = row.as_list()
    if len(numbers) != 3:
        remedy = "[unix seconds of sending, ms to the venue, ms back]"
        raise row.fault(f"{len(numbers)} numbers are no measured latency", id="AGB-593", remedy=remedy)
    sent, into, back = numbers
    return (
        _scaled(sent, YEAR_MAX_S, NS_PER_S),
        _scaled(into, LATENCY_MAX_NS // NS_PER_MS, NS_PER_MS),
        _scaled(back, LATENCY_MAX_NS // NS_PER_MS, NS_PER_MS),
    )


def _scaled(node: Located, high: int, unit_ns: int) -> int:
    number = node.as_decimal()
    if not 0 <= number <= high:
        raise node.fault(f"{node} is out of range", id="AGB-107", remedy=f"between 0 and {high}")
    return int(number * unit_ns)


def _settling(fields: Fields) -> Settling:
    return Settling(
        after_ns=fields.duration("after", 0, low_ns=0, high_ns=SETTLING_MAX_NS),
        fail_rate=fields.read("fail_pct", lambda node: _percent(node, 100), 0),
    )


def _outages(node: Located, fields: Fields) -> tuple[Outage, ...]:
    found = [outage for row in node.as_list() if (outage := _outage(Fields(row, fields.faults))) is not None]
    try:
        Outages(found)
    except ValueError as e:
        raise node.fault(str(e), id="AGB-591", remedy=_TIMES) from e
    return tuple(found)


def _outage(fields: Fields) -> Outage | None:
    from_ns, to_ns = fields.require("from", _utc, 0), fields.require("to", _utc, 0)
    kind = fields.require("kind", lambda node: OutageKind(node.as_choice(OutageKind)), OutageKind.DOWN)
    wipes = fields.read("wipes", Located.as_bool, False)
    fields.close()
    if not from_ns or not to_ns:
        return None
    if to_ns <= from_ns:
        fields.faults.append(fields.node.fault("it ends before it begins", id="AGB-591", remedy=_TIMES))
        return None
    return Outage(from_ns=from_ns, to_ns=to_ns, kind=kind, wipes=wipes)


def _utc(node: Located) -> int:
    try:
        moment = datetime.fromisoformat(node.as_text())
    except ValueError as e:
        raise node.fault(f"{node} is no time", id="AGB-591", remedy=_TIMES) from e
    if moment.tzinfo is None:
        raise node.fault(f"{node} does not say of which zone it is", id="AGB-591", remedy=_TIMES)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def _incentives(fields: Fields) -> Incentives:
    base = Programme()
    return Incentives(
        programme=Programme(
            rebate_rate=fields.read("rebate_pct", lambda node: _percent(node, 100), base.rebate_rate),
            daily_usd=fields.read("pool_usd_per_day", lambda node: node.as_units(0, POOL_MAX), base.daily_usd),
            max_spread=fields.read("max_spread", lambda node: node.as_units(1, SCALE // 2), base.max_spread),
            min_size=fields.read("min_size", lambda node: node.as_units(0), base.min_size),
            min_age_ns=fields.duration("min_age", base.min_age_ns, low_ns=0, high_ns=SETTLING_MAX_NS),
            rivals=fields.read("rivals_pct", lambda node: _percent(node, RIVALS_MAX_PCT), base.rivals),
        )
    )


def _percent(node: Located, high: int) -> int:
    """Return a percentage as a fraction in 10⁻⁶."""
    percent = node.as_units(0, high * SCALE)
    if percent % 100:
        raise node.fault(f"{node} has more than four decimals", id="AGB-107", remedy="round it yourself")
    return percent // 100
