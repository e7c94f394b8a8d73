"""What the configuration file says, as frozen values; `agbot.config` reads the file."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from agbot.core.limits import DEFAULT, Limits
from agbot.located import Located
from agbot.located.value import Plain
from agbot.matching.conditions import Conditions
from agbot.notify.settings import NotifySettings
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from agbot.venue.polymarket.hosts import Hosts

DAY_NS: Final = 86_400 * NS_PER_S


class Mode(enum.StrEnum):
    """Where market data comes from and where orders go; the table of modes is in `docs/architecture.md`."""

    DEMO = "demo"
    PAPER = "paper"
    SHADOW = "shadow"
    LIVE = "live"
    REPLAY = "replay"


@attrs.frozen(kw_only=True)
class RtdsSettings:
    """The real-time data stream of Polymarket. Topics are named as `agbot.venue.polymarket.topics.rtds_topic` reads."""

    endpoint: str = "wss://ws-live-data.polymarket.com"
    ping_interval_ns: int = 5 * NS_PER_S
    reconnect_delay_ns: int = NS_PER_S
    subscribe_topics: tuple[str, ...] = ("clob_market",)


@attrs.frozen(kw_only=True)
class MonitorSettings:
    """Where metrics go. `buffer_size` metrics are kept while the monitor is away."""

    endpoint: str = "ws://127.0.0.1:8080/metrics"
    buffer_size: int = 1000
    reconnect_delay_ns: int = NS_PER_S


@attrs.frozen(kw_only=True)
class PaperSettings:
    """How slow the paper venue is: the way of an order to it, and of market data from it; and what else it is like."""

    order_latency_ns: int = 50 * NS_PER_MS
    feed_latency_ns: int = 10 * NS_PER_MS
    conditions: Conditions = attrs.field(factory=Conditions)


@attrs.frozen(kw_only=True)
class PolymarketSettings:
    """Where Polymarket is. `hosts.rtds` is the endpoint of the section rtds: one address, one key."""

    hosts: Hosts = attrs.field(factory=Hosts)
    chain: str = "polygon"
    tokens_per_socket: int = 200
    custom_features: bool = True


@attrs.frozen(kw_only=True)
class LiveSettings:
    """What trading with real money needs.

    Args:
        max_order_usd: the most one order may trade, 10⁻⁶ usd; None until a person has decided it: then nothing is sent.
        max_day_usd: the most that may be traded in one UTC day, counting what rests; None likewise.
        heartbeat: whether the venue cancels all orders when it no longer hears from the bot.
        signer: socket of `agbot signer`, which holds the key then; None to sign in the bot.
    """

    max_order_usd: int | None = None
    max_day_usd: int | None = None
    heartbeat: bool = True
    signer: Path | None = None


@attrs.frozen(kw_only=True)
class ReconcileSettings:
    """How the venue's figures are held against ours, at start and each `every_ns`: docs/live.md has what each means."""

    on_start: str = "cancel"
    on_start_foreign: str = "refuse"
    every_ns: int = 30 * NS_PER_S
    quiet_ns: int = 60 * NS_PER_S


@attrs.frozen(kw_only=True)
class RecordSettings:
    """What a run keeps of its market data, frame by frame: docs/record.md.

    Args:
        directory: the folder of segments.
        free_min: bytes of the disk that stay free; then the recording ends, and the run goes on.
    """

    directory: Path
    free_min: int = 1024 * 2**20


@attrs.frozen(kw_only=True)
class HistorySettings:
    """What a run leaves in its state directory beside the journal, and for how long: docs/history.md.

    Args:
        metrics_ns: how long observations are kept; roll-ups are kept longer.
        executions_ns: how long orders, fills and positions are.
        postgres: the name of the secret with the address of a PostgreSQL that keeps them too; empty for none.
    """

    enabled: bool = True
    metrics_ns: int = 90 * DAY_NS
    executions_ns: int = 365 * DAY_NS
    postgres: str = ""


@attrs.frozen(kw_only=True)
class TradeSettings:
    """The streams over which other programs approve trades and hear of them: docs/control.md.

    Args:
        group: the consumer group; one bot reads it.
        approve_opportunities: what is in `opportunities` is traded as if it were approved; else it is only counted.
        keep: about how many entries the streams that we write keep.
    """

    group: str = "agbot"
    approved: str = "trade.approved"
    decisions: str = "trade.decisions"
    results: str = "trade.results"
    opportunities: str = "opportunities.detected"
    approve_opportunities: bool = False
    keep: int = 10_000


@attrs.frozen(kw_only=True)
class RedisSettings:
    """What goes through Redis, whose address is in the environment: docs/killswitch.md, docs/control.md.

    Args:
        name: of the shared kill switch; bots that name the same one stop together. Empty where none is shared.
        plain: whether an unencrypted address beyond this machine is meant.
        trades: None means that no trades come in this way.
    """

    name: str = ""
    plain: bool = False
    trades: TradeSettings | None = None


@attrs.frozen(kw_only=True)
class StrategySettings:
    """One strategy. `markets` None means all; `id` is what its orders go by, empty for its own name; `sizing` bounds
    what it opens. `failing_floor` is the fraction of the bid down to which its shares are sold once it raised, as text;
    empty keeps them.

    `node` locates faults the strategy finds in its parameters.
    """

    name: str
    id: str = ""
    markets: tuple[str, ...] | None = None
    params: Mapping[str, Plain] = attrs.field(factory=dict)
    sizing: Mapping[str, Plain] | None = None
    failing_floor: str = ""
    node: Located | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Settings:
    """The whole configuration; ``Settings()`` is what holds without a file: the demo.

    Args:
        capital_usd: paper money at start, 10⁻⁶ usd.
        state_dir: None means what `agbot.control.state_dir` says of the profile.
        policy_file: None means `agbot.core.rules.DEFAULT_RULES`.
        markets: condition ids, slugs or addresses of markets to trade; empty for all the demo offers.
        killswitch: what makes the kill switch trip by itself.
        redis: None means that nothing is shared with other bots.
        notify: whom is told what; nobody unless channels are named.
        record: where frames are kept; None keeps none.
        realtime: reference prices of realtime v2, as `agbot.venue.polymarket.topics.realtime_topic` reads.
        path: the file this came from.
    """

    mode: Mode = Mode.DEMO
    profile: str = "default"
    capital_usd: int = 10_000 * SCALE
    seed: int = 1
    state_dir: Path | None = None
    policy_file: Path | None = None
    rtds: RtdsSettings = RtdsSettings()
    monitor: MonitorSettings = MonitorSettings()
    paper: PaperSettings = PaperSettings()
    polymarket: PolymarketSettings = PolymarketSettings()
    live: LiveSettings = LiveSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    history: HistorySettings = HistorySettings()
    killswitch: Limits = DEFAULT
    redis: RedisSettings | None = None
    notify: NotifySettings = attrs.field(factory=NotifySettings)
    record: RecordSettings | None = None
    strategies: tuple[StrategySettings, ...] = (StrategySettings(name="quoter"),)
    markets: tuple[str, ...] = ()
    realtime: tuple[str, ...] = ()
    path: Path | None = None
