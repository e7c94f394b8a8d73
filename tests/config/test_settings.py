"""What a right configuration becomes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from agbot.config import load_settings, read_settings
from agbot.core.limits import DEFAULT, Limits
from agbot.core.rules import DEFAULT_RULES, load_rules
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.settings import (
    DAY_NS,
    HistorySettings,
    LiveSettings,
    Mode,
    MonitorSettings,
    PaperSettings,
    PolymarketSettings,
    RecordSettings,
    RedisSettings,
    RtdsSettings,
    Settings,
    StrategySettings,
)
from agbot.units import NS_PER_S
from agbot.venue.polymarket.hosts import Hosts

FULL = """\
mode: shadow
profile: p1
capital_usd: "2500.25"
seed: 42
state_dir: state
rtds:
  {endpoint: wss://h/p, ping_interval_s: 0.5, reconnect_delay_ms: 250, subscribe_topics: [activity, "comments:7"]}
monitor: {endpoint: ws://127.0.0.1:9/metrics, buffer_size: 5, reconnect_delay_sec: 2}
risk: {policy_file: rules.yaml}
strategies:
  - name: quoter
    markets: [0xAB, "0xcd"]
    params: {edge: 0.0100, on: true, none: ~, list: [1, x]}
  - {name: other, markets: all}
  - {name: other, id: another}
paper: {order_latency_s: 1, feed_latency_ms: 0}
polymarket:
  {chain: amoy, clob: "http://127.0.0.1:9/", user_socket: "wss://u/", tokens_per_socket: 7, custom_features: false}
killswitch:
  {daily_loss_pct: "2.5", drawdown_pct: off, consecutive_losses: 3, errors: 0, errors_window_sec: 5,
   feed_distrust_sec: off, heartbeat_sec: 15}
history: {enabled: false, metrics_days: 7, executions_days: 30, postgres: {secret: DESK_DSN}}
live: {max_order_usd: 5, max_day_usd: 25.5, heartbeat: false, signer: s/signer.sock}
redis: {name: desk, plain: true}
record: {dir: tape, keep_free_mb: 3}
markets: [0xAB]
realtime: [btcusd, "price.equity:aaplusd"]
"""


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("policies: []")
    path = tmp_path / "c.yaml"
    path.write_text(FULL)
    assert load_settings(path) == Settings(
        mode=Mode.SHADOW,
        profile="p1",
        capital_usd=2_500_250_000,
        seed=42,
        state_dir=tmp_path / "state",
        policy_file=tmp_path / "rules.yaml",
        rtds=RtdsSettings(
            endpoint="wss://h/p",
            ping_interval_ns=500_000_000,
            reconnect_delay_ns=250_000_000,
            subscribe_topics=("activity", "comments:7"),
        ),
        monitor=MonitorSettings(endpoint="ws://127.0.0.1:9/metrics", buffer_size=5, reconnect_delay_ns=2_000_000_000),
        paper=PaperSettings(order_latency_ns=1_000_000_000, feed_latency_ns=0),
        polymarket=PolymarketSettings(
            hosts=Hosts(clob="http://127.0.0.1:9", user_socket="wss://u", rtds="wss://h/p"),
            chain="amoy",
            tokens_per_socket=7,
            custom_features=False,
        ),
        redis=RedisSettings(name="desk", plain=True),
        record=RecordSettings(directory=tmp_path / "tape", free_min=3 * 2**20),
        history=HistorySettings(enabled=False, metrics_ns=7 * DAY_NS, executions_ns=30 * DAY_NS, postgres="DESK_DSN"),
        live=LiveSettings(
            max_order_usd=5_000_000, max_day_usd=25_500_000, heartbeat=False, signer=tmp_path / "s" / "signer.sock"
        ),
        killswitch=Limits(
            daily_loss=25_000,
            losses=3,
            errors=0,
            window_ns=5 * NS_PER_S,
            heartbeat_ns=15 * NS_PER_S,
        ),
        strategies=(
            StrategySettings(
                name="quoter",
                markets=("0xAB", "0xcd"),
                params={"edge": Decimal("0.01"), "on": True, "none": None, "list": [Decimal(1), "x"]},
            ),
            StrategySettings(name="other"),
            StrategySettings(name="other", id="another"),
        ),
        markets=("0xAB",),
        realtime=("btcusd", "price.equity:aaplusd"),
        path=path,
    )


def test_strategy_parameters_can_locate_their_own_faults() -> None:
    strategy = read_settings(loads(FULL, "c.yaml"), []).strategies[0]
    assert strategy.node is not None
    fault = strategy.node.fields["edge"].fault("too wide", id="AGB-107", remedy="narrow it")
    assert str(fault) == "[AGB-107] c.yaml:13: strategies[0].params.edge: too wide → narrow it"


def test_what_is_left_out_of_the_kill_switch_has_its_default() -> None:
    assert read_settings(loads("killswitch: {}", "c.yaml"), []).killswitch == DEFAULT == Settings().killswitch
    changed = read_settings(loads('killswitch: {daily_loss_pct: "0"}', "c.yaml"), []).killswitch
    assert (changed.daily_loss, changed.drawdown) == (0, 150_000)


def test_a_file_means_paper_and_no_file_means_demo() -> None:
    assert read_settings(loads("seed: 1", "c.yaml"), []).mode is Mode.PAPER
    assert Settings().mode is Mode.DEMO


def test_the_real_time_stream_has_one_address() -> None:
    settings = read_settings(loads("rtds: {endpoint: wss://r}", "c.yaml"), [])
    assert settings.polymarket.hosts == Hosts(rtds="wss://r")


def test_settings_do_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().seed = 2  # type: ignore[misc]


def test_the_example_loads_unchanged_and_shows_the_defaults(repo: Path) -> None:
    settings = load_settings(repo / "config.example.yaml")
    assert settings.policy_file == repo / "policies" / "paper.yaml"
    assert attrs.evolve(settings, path=None, policy_file=None, mode=Mode.DEMO) == Settings()


def test_the_paper_policies_are_the_built_in_ones(repo: Path) -> None:
    assert load_rules(repo / "policies" / "paper.yaml") == DEFAULT_RULES


def test_json_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"mode": "demo",\n "capital_usd": 12.5}')
    assert load_settings(path).capital_usd == 12_500_000


def test_the_first_fault_is_raised_and_the_rest_counted(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("what: 1\nseed: x\nmode: live\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert (caught.value.line, caught.value.exit_code) == (1, 2)
    assert str(caught.value).endswith(f"(2 more: agbot check {path})")


def test_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read_settings(loads("state_dir: ~/s", "c.yaml"), []).state_dir == Path("/home/somebody/s")
