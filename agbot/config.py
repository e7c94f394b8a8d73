"""The configuration file as frozen `Settings`. Every fault names file, line, key, reason and remedy.

Money is in 10⁻⁶ usd and time in nanoseconds inside; the file has decimal numbers and units in its key names. Values are
never taken from environment variables, and secrets are not written in the file (see `agbot.secrets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import attrs

from agbot.config_kept import read_history, read_record
from agbot.core.limits import DEFAULT, read_limits
from agbot.errors import ConfigError
from agbot.located import Fields, Located, load
from agbot.located.address import private_page, private_socket, websocket
from agbot.located.value import Plain, shown
from agbot.matching.latency import Constant
from agbot.matching.written import LATENCY_MAX_NS, read_conditions
from agbot.notify.settings import NotifySettings, read_notify
from agbot.settings import (
    HistorySettings,
    LiveSettings,
    Mode,
    MonitorSettings,
    PaperSettings,
    PolymarketSettings,
    ReconcileSettings,
    RedisSettings,
    RtdsSettings,
    Settings,
    StrategySettings,
    TradeSettings,
)
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_text
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.topics import REALTIME_TOPICS_MAX, Topic, realtime_topic, rtds_topic

T = TypeVar("T")

CAPITAL_MAX: Final = 1_000_000_000 * SCALE
SEED_MAX: Final = 2**63 - 1
BUFFER_MAX: Final = 1_000_000
INTERVAL_MIN_NS: Final = 10 * NS_PER_MS
INTERVAL_MAX_NS: Final = 3600 * NS_PER_S
TOKENS_PER_SOCKET_MAX: Final = 500
RTDS_TOPICS_MAX: Final = 64
CHAINS: Final = ("polygon", "amoy")

_SOCKETS: Final = ("market_socket", "user_socket", "realtime")
_PAGES: Final = ("clob", "gamma", "data", "geoblock")
_STREAMS: Final = ("approved", "decisions", "results", "opportunities")
_STREAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)


ELSEWHERE: Final = ("backtest", "optimise")
"""Sections of a configuration that other commands read."""


def load_settings(path: str | Path) -> Settings:
    """Return the settings in a YAML or JSON file; relative paths in it start at the file's directory.

    Raises:
        ConfigError: the first fault by line; its remedy says when there are more.
    """
    faults: list[ConfigError] = []
    settings = read_settings(load(path), faults)
    if not faults:
        return settings
    first = min(faults, key=lambda fault: fault.line or 0)
    if len(faults) > 1:
        first.remedy += f" ({len(faults) - 1} more: agbot check {path})"
    raise first


def read_settings(root: Located, faults: list[ConfigError]) -> Settings:
    """Return the settings in a file that has been read; what is wrong goes to `faults` and reads as its default."""
    fields = Fields(root, faults)
    base = Path(root.file).parent
    settings = Settings(
        mode=fields.read("mode", _mode, Mode.PAPER),
        profile=fields.read("profile", _name, "default"),
        capital_usd=fields.read("capital_usd", _capital, 10_000 * SCALE),
        seed=fields.read("seed", lambda node: node.as_int(0, SEED_MAX), 1),
        state_dir=fields.read("state_dir", lambda node: _path(node, base), None),
        policy_file=_section(fields, "risk", lambda risk: _policy_file(risk, base), None),
        rtds=_section(fields, "rtds", _rtds, RtdsSettings()),
        monitor=_section(fields, "monitor", _monitor, MonitorSettings()),
        paper=_section(fields, "paper", lambda found: _paper(found, base), PaperSettings()),
        polymarket=_section(fields, "polymarket", _polymarket, PolymarketSettings()),
        live=_section(fields, "live", lambda found: _live(found, base), LiveSettings()),
        reconcile=_section(fields, "reconcile", _reconcile, ReconcileSettings()),
        history=_section(fields, "history", read_history, HistorySettings()),
        killswitch=_section(fields, "killswitch", read_limits, DEFAULT),
        redis=_section(fields, "redis", _redis, None),
        notify=_section(fields, "notify", read_notify, NotifySettings()),
        record=_section(fields, "record", lambda found: read_record(found, lambda node: _path(node, base)), None),
        strategies=_strategies(fields),
        markets=fields.read("markets", Located.as_names, ()),
        realtime=fields.read("realtime", lambda node: _topics(node, realtime_topic, REALTIME_TOPICS_MAX), ()),
        path=Path(root.file),
    )
    for section in ELSEWHERE:
        fields.get(section)
    fields.close()
    hosts = attrs.evolve(settings.polymarket.hosts, rtds=settings.rtds.endpoint)
    return attrs.evolve(settings, polymarket=attrs.evolve(settings.polymarket, hosts=hosts))


def _section(fields: Fields, name: str, reader: Callable[[Fields], T], default: T) -> T:
    node = fields.get(name)
    if node is None:
        return default
    section = Fields(node, fields.faults)
    if node.kind != "mapping":
        return default
    value = reader(section)
    section.close()
    return value


def _rtds(fields: Fields) -> RtdsSettings:
    base = RtdsSettings()
    return RtdsSettings(
        endpoint=fields.read("endpoint", private_socket, base.endpoint),
        ping_interval_ns=_interval(fields, "ping_interval", base.ping_interval_ns),
        reconnect_delay_ns=_interval(fields, "reconnect_delay", base.reconnect_delay_ns),
        subscribe_topics=fields.read(
            "subscribe_topics", lambda node: _topics(node, rtds_topic, RTDS_TOPICS_MAX), base.subscribe_topics
        ),
    )


def _monitor(fields: Fields) -> MonitorSettings:
    base = MonitorSettings()
    return MonitorSettings(
        endpoint=fields.read("endpoint", websocket, base.endpoint),
        buffer_size=fields.read("buffer_size", lambda node: node.as_int(1, BUFFER_MAX), base.buffer_size),
        reconnect_delay_ns=_interval(fields, "reconnect_delay", base.reconnect_delay_ns),
    )


def _paper(fields: Fields, base: Path) -> PaperSettings:
    default = PaperSettings()
    order, feed = (
        fields.duration(stem, default_ns, low_ns=0, high_ns=LATENCY_MAX_NS)
        for stem, default_ns in (
            ("order_latency", default.order_latency_ns),
            ("feed_latency", default.feed_latency_ns),
        )
    )
    conditions = read_conditions(fields, Constant(order), Constant(feed), lambda node: load(_path(node, base)))
    return PaperSettings(order_latency_ns=order, feed_latency_ns=feed, conditions=conditions)


def _polymarket(fields: Fields) -> PolymarketSettings:
    base = PolymarketSettings()
    hosts = base.hosts
    return PolymarketSettings(
        hosts=Hosts(
            **{name: fields.read(name, private_socket, getattr(hosts, name)) for name in _SOCKETS},
            **{name: fields.read(name, private_page, getattr(hosts, name)) for name in _PAGES},
        ),
        chain=fields.read("chain", lambda node: node.as_choice(CHAINS), base.chain),
        tokens_per_socket=fields.read(
            "tokens_per_socket", lambda node: node.as_int(1, TOKENS_PER_SOCKET_MAX), base.tokens_per_socket
        ),
        custom_features=fields.read("custom_features", Located.as_bool, base.custom_features),
    )


def _live(fields: Fields, base: Path) -> LiveSettings:
    live = LiveSettings(
        max_order_usd=fields.read("max_order_usd", _cap, None),
        max_day_usd=fields.read("max_day_usd", _cap, None),
        heartbeat=fields.read("heartbeat", Located.as_bool, True),
        signer=fields.read("signer", lambda node: _path(node, base), None),
    )
    day = fields.get("max_day_usd")
    if day is not None and live.max_day_usd is not None and live.max_day_usd < (live.max_order_usd or 0):
        remedy = f"at least max_order_usd, which is {to_text(live.max_order_usd or 0)}"
        fields.faults.append(day.fault(f"{day} is less than one order may be", id="AGB-107", remedy=remedy))
    return live


def _reconcile(fields: Fields) -> ReconcileSettings:
    base = ReconcileSettings()
    foreign = fields.read("on_start_foreign", lambda node: node.as_choice(("refuse", "leave")), base.on_start_foreign)
    return ReconcileSettings(
        on_start=fields.read("on_start", lambda node: node.as_choice(("cancel", "refuse")), base.on_start),
        on_start_foreign=foreign,
        every_ns=_interval(fields, "every", base.every_ns),
        quiet_ns=fields.duration("quiet", base.quiet_ns, low_ns=0, high_ns=INTERVAL_MAX_NS),
    )


def _redis(fields: Fields) -> RedisSettings | None:
    alone = "trades" in fields.node.fields  # then no kill switch need be shared
    return RedisSettings(
        name=(fields.read if alone else fields.require)("name", _name, ""),
        plain=fields.read("plain", Located.as_bool, False),
        trades=_section(fields, "trades", _trades, None),
    )


def _trades(fields: Fields) -> TradeSettings:
    base = TradeSettings()
    names = {name: fields.read(name, _stream, getattr(base, name)) for name in ("group", *_STREAMS)}
    for name in _STREAMS:
        node = fields.get(name)
        if node is not None and [names[each] for each in _STREAMS].count(names[name]) > 1:
            remedy = f"one stream for each of {', '.join(_STREAMS)}"
            fields.faults.append(node.fault(f"{node} is used for two streams", id="AGB-655", remedy=remedy))
    return TradeSettings(
        **names,
        approve_opportunities=fields.read("approve_opportunities", Located.as_bool, base.approve_opportunities),
        keep=fields.read("keep", lambda node: node.as_int(1, BUFFER_MAX), base.keep),
    )


def _stream(node: Located) -> str:
    text = node.as_text()
    if not _STREAM.fullmatch(text):
        remedy = "use 1 to 64 letters, digits, and . _ : - after the first"
        raise node.fault(f"{node} cannot name a stream or a group", id="AGB-655", remedy=remedy)
    return text


def _cap(node: Located) -> int:
    return node.as_units(1, CAPITAL_MAX)


def _policy_file(fields: Fields, base: Path) -> Path | None:
    return fields.require("policy_file", lambda node: _existing(node, base), None)


def _strategies(fields: Fields) -> tuple[StrategySettings, ...]:
    if fields.get("strategies") is None:
        return Settings().strategies
    found: dict[str, StrategySettings] = {}
    nodes: tuple[Located, ...] = ()
    for node in fields.read("strategies", Located.as_list, nodes):
        strategy = _strategy(node, fields.faults, Path(fields.node.file).parent)
        name = strategy.id or strategy.name
        if name in found:
            reason = f"the strategy '{name}' is given twice"
            fields.faults.append(node.fault(reason, id="AGB-114", remedy="keep one of them, or give each an id"))
        if name:
            found[name] = strategy
    return tuple(found.values())


def _strategy(node: Located, faults: list[ConfigError], base: Path) -> StrategySettings:
    fields = Fields(node, faults)
    params = fields.get("params")
    strategy = StrategySettings(
        name=fields.require("name", lambda name: _strategy_name(name, base), ""),
        id=fields.read("id", _name, ""),
        markets=fields.read("markets", _markets, None),
        params=fields.read("params", _params, {}),
        sizing=fields.read("sizing", _sizing, None),
        failing_floor=fields.read("when_it_fails", _failing, ""),
        node=params or node,
    )
    fields.close()
    return strategy


def _failing(node: Located) -> str:
    """Return the floor of the sales that follow a failure, empty when shares are kept: ``keep`` or ``{sell: 0.80}``."""
    if node.kind != "mapping":
        if node.as_text() != "keep":
            raise node.fault(f"{node} is not known here", id="AGB-109", remedy='write keep, or {sell: "0.80"}')
        return ""
    faults: list[ConfigError] = []
    fields = Fields(node, faults)
    floor = fields.require("sell", lambda found: to_text(found.as_units(1, SCALE)), "")
    fields.close()
    for fault in faults:
        raise fault
    return floor


def _mode(node: Located) -> Mode:
    mode = Mode(node.as_choice(Mode))
    if mode is Mode.LIVE:
        remedy = f"mode: paper here, and for real money: agbot run {shown(node.file)} --mode live"
        raise node.fault("real money is asked for by flag only", id="AGB-110", remedy=remedy)
    if mode is Mode.REPLAY:
        raise node.fault("a replay is asked for by flag only", id="AGB-112", remedy="agbot run --replay FILE")
    return mode


def _name(node: Located) -> str:
    text = node.as_text()
    if not _NAME.fullmatch(text):
        remedy = "use 1 to 32 letters, digits, - or _, a letter or digit first"
        raise node.fault(f"{node} cannot be a name", id="AGB-107", remedy=remedy)
    return text


def _strategy_name(node: Located, base: Path) -> str:
    """Return one of our names, ``module:Class``, or ``file.py:Class`` with the file found from the configuration's."""
    where, colon, attribute = node.as_text().rpartition(":")
    if not colon:
        return _name(node)
    if not where or not attribute.isidentifier():
        raise node.fault(f"{node} cannot be a strategy", id="AGB-107", remedy="module:Class or path/file.py:Class")
    return f"{(base / where).resolve() if where.endswith('.py') else where}:{attribute}"


def _capital(node: Located) -> int:
    return node.as_units(SCALE, CAPITAL_MAX)


def _existing(node: Located, base: Path) -> Path:
    path = _path(node, base)
    if not path.is_file():
        remedy = "relative paths start at the directory of this file"
        raise node.fault(f"there is no policy file {path}", id="AGB-100", remedy=remedy)
    return path


def _path(node: Located, base: Path) -> Path:
    try:
        return base / Path(node.as_text()).expanduser()
    except RuntimeError as e:  # pathlib's word for a home directory that cannot be found
        raise node.fault(f"{node}: no such home directory", id="AGB-107", remedy="write the path out") from e


def _interval(fields: Fields, stem: str, default_ns: int) -> int:
    return fields.duration(stem, default_ns, low_ns=INTERVAL_MIN_NS, high_ns=INTERVAL_MAX_NS)


def _topics(node: Located, read: Callable[[str], Topic], most: int) -> tuple[str, ...]:
    """Return topics as they were written, each one that `read` knows."""
    names = node.as_names()
    if len(names) > most:
        raise node.fault(f"{len(names)} topics are listed", id="AGB-490", remedy=f"at most {most}")
    for name, item in zip(names, node.items, strict=True):
        try:
            read(name)
        except ValueError as e:
            raise item.fault(str(e), id="AGB-490", remedy="agbot feeds shows what they deliver") from e
    return names


def _markets(node: Located) -> tuple[str, ...] | None:
    if node.kind == "text" and node.text == "all":
        return None
    if node.kind != "list":
        raise node.fault(f"expected all or a list, got {node}", id="AGB-106", remedy="write all or [0x…, 0x…]")
    if not node.items:
        raise node.fault("the list is empty", id="AGB-107", remedy="write all, or remove the strategy")
    return node.as_names()


def _sizing(node: Located) -> Mapping[str, Plain]:
    from agbot.strategy.sized import parse_sizing  # noqa: PLC0415 - NumPy, and most configurations have none

    parse_sizing(node)
    return _params(node)


def _params(node: Located) -> Mapping[str, Plain]:
    if node.kind != "mapping":
        raise node.fault(f"expected a mapping, got {node}", id="AGB-106", remedy="write 'key: value' lines")
    return {name: item.plain() for name, item in node.fields.items()}
