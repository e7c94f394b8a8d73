# ruff: noqa: E501 - a table reads best with one case a line
"""Every way a configuration can be wrong, with the exact words a person gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.config import read_settings
from agbot.errors import ConfigError
from agbot.located import loads

NAMES = "use 1 to 32 letters, digits, - or _, a letter or digit first"
PLAIN = "write a plain number such as 1000.0, without unit or separators"
SOCKET = "write it as ws://127.0.0.1:8080/metrics or wss://host/path"

WRONG = [
    ("- a", "[AGB-106] c.yaml:1: expected a mapping, got a list → write 'key: value' lines"),
    ("just text", "[AGB-106] c.yaml:1: expected a mapping, got 'just text' → write 'key: value' lines"),
    ("mode: papr", "[AGB-109] c.yaml:1: mode: 'papr' is not known here → did you mean 'paper'?"),
    ("\nmode: x", "[AGB-109] c.yaml:2: mode: 'x' is not known here → known: demo, paper, shadow, live, replay"),
    ("mode: 3", "[AGB-109] c.yaml:1: mode: '3' is not known here → known: demo, paper, shadow, live, replay"),
    ("mode:", "[AGB-106] c.yaml:1: mode: expected text, got nothing → write text, in quotes"),
    ("mode: true", "[AGB-106] c.yaml:1: mode: expected text, got 'true' → write text, in quotes"),
    ("mode: live", "[AGB-110] c.yaml:1: mode: real money is asked for by flag only → mode: paper here, and for real money: agbot run c.yaml --mode live"),
    ("mode: replay", "[AGB-112] c.yaml:1: mode: a replay is asked for by flag only → agbot run --replay FILE"),
    ("mod: demo", "[AGB-104] c.yaml:1: mod: unknown key 'mod' → did you mean 'mode'?"),
    ("profile: ../x", f"[AGB-107] c.yaml:1: profile: '../x' cannot be a name → {NAMES}"),
    ("profile: ''", "[AGB-106] c.yaml:1: profile: the text is empty → write a value or remove the key"),
    ("capital_usd: 1k", f"[AGB-106] c.yaml:1: capital_usd: expected a number, got '1k' → {PLAIN}"),
    ("capital_usd: 1,000", f"[AGB-106] c.yaml:1: capital_usd: expected a number, got '1,000' → {PLAIN}"),
    ("capital_usd: [1]", f"[AGB-106] c.yaml:1: capital_usd: expected a number, got a list → {PLAIN}"),
    ("capital_usd: -5", "[AGB-107] c.yaml:1: capital_usd: '-5' is negative → write a number that is not negative"),
    ("capital_usd: 0.5", "[AGB-107] c.yaml:1: capital_usd: '0.5' is out of range → between 1 and 1000000000"),
    ("capital_usd: 1.0000001", "[AGB-107] c.yaml:1: capital_usd: '1.0000001' has more than six decimals → round it yourself"),
    ("capital_usd: 1e999", "[AGB-107] c.yaml:1: capital_usd: '1e999' is out of range → between 1 and 1000000000"),
    ("killswitch: {daily_loss_pct: of}", f"[AGB-106] c.yaml:1: killswitch.daily_loss_pct: expected a number, got 'of' → {PLAIN}"),
    ("killswitch: {drawdown_pct: 101}", "[AGB-107] c.yaml:1: killswitch.drawdown_pct: '101' is out of range → between 0 and 100"),
    ("killswitch: {drawdown_pct: -1}", "[AGB-107] c.yaml:1: killswitch.drawdown_pct: '-1' is negative → write a number that is not negative"),
    ("killswitch: {drawdown_pct: .inf}", f"[AGB-106] c.yaml:1: killswitch.drawdown_pct: expected a number, got '.inf' → {PLAIN}"),
    ("killswitch: {drawdown_pct: 1.00001}", "[AGB-107] c.yaml:1: killswitch.drawdown_pct: '1.00001' has more than four decimals → round it yourself"),
    ("killswitch: {errors: 10000}", "[AGB-107] c.yaml:1: killswitch.errors: '10000' is out of range → between 0 and 9999"),
    ("killswitch: {errors_window_sec: off}", f"[AGB-106] c.yaml:1: killswitch.errors_window_sec: expected a number, got 'off' → {PLAIN}"),
    ("killswitch: {heartbeat_sec: 0}", "[AGB-107] c.yaml:1: killswitch.heartbeat_sec: '0' is out of range → between 1 and 86400"),
    ("killswitch: {daily_loss: 5}", "[AGB-104] c.yaml:1: killswitch.daily_loss: unknown key 'daily_loss' → did you mean 'daily_loss_pct'?"),
    ("seed: 1.5", "[AGB-107] c.yaml:1: seed: '1.5' is not a whole number → leave out the decimals"),
    ("seed: -1", "[AGB-107] c.yaml:1: seed: '-1' is out of range → between 0 and 9223372036854775807"),
    ("seed: 1e-400", "[AGB-107] c.yaml:1: seed: '1e-400' is not a whole number → leave out the decimals"),
    (f"seed: {'1' * 30}", f"[AGB-107] c.yaml:1: seed: '{'1' * 30}' has more than 24 digits → write it shorter"),
    ("state_dir: ~nobody-here/x", "[AGB-107] c.yaml:1: state_dir: '~nobody-here/x': no such home directory → write the path out"),
    ("rtds: 5", "[AGB-106] c.yaml:1: rtds: expected a mapping, got '5' → write 'key: value' lines"),
    ("rtds:\nseed: 1", "[AGB-106] c.yaml:1: rtds: expected a mapping, got nothing → write 'key: value' lines"),
    ("rtds:\n  endpont: ws://x", "[AGB-104] c.yaml:2: rtds.endpont: unknown key 'endpont' → did you mean 'endpoint'?"),
    ("rtds:\n  endpoint: http://x", "[AGB-107] c.yaml:2: rtds.endpoint: 'http://x' is not a WebSocket address → write it as wss://host/path"),
    ("rtds: {endpoint: 'ws://[x'}", "[AGB-107] c.yaml:1: rtds.endpoint: 'ws://[x' is not a WebSocket address → write it as wss://host/path"),
    ("monitor: {endpoint: 'ws://h:99999/'}", f"[AGB-107] c.yaml:1: monitor.endpoint: 'ws://h:99999/' is not a WebSocket address → {SOCKET}"),
    ("rtds:\n  ping_interval: 5", "[AGB-104] c.yaml:2: rtds.ping_interval: unknown key 'ping_interval' → did you mean 'ping_interval_s'?"),
    ("rtds:\n  ping_interval_sec: 5s", f"[AGB-106] c.yaml:2: rtds.ping_interval_sec: expected a number, got '5s' → {PLAIN}"),
    ("rtds: {ping_interval_sec: 0}", "[AGB-107] c.yaml:1: rtds.ping_interval_sec: '0' is out of range → between 0.01 and 3600"),
    ("rtds: {ping_interval_ms: 9}", "[AGB-107] c.yaml:1: rtds.ping_interval_ms: '9' is out of range → between 10 and 3600000"),
    (
        "rtds:\n  ping_interval_ms: 5000\n  ping_interval_sec: 5",
        "[AGB-108] c.yaml:3: rtds.ping_interval_sec: 'ping_interval_sec' and 'ping_interval_ms' set the same duration → keep one of them",
    ),
    ("rtds: {subscribe_topics: a}", "[AGB-106] c.yaml:1: rtds.subscribe_topics: expected a list, got 'a' → write a list: [a, b]"),
    ("rtds:\n  subscribe_topics:\n    - a\n    - a", "[AGB-114] c.yaml:4: rtds.subscribe_topics[1]: 'a' is listed twice → keep one of them"),
    ("monitor: {buffer_size: 0}", "[AGB-107] c.yaml:1: monitor.buffer_size: '0' is out of range → between 1 and 1000000"),
    ("risk: {}", "[AGB-105] c.yaml:1: risk.policy_file: the key is missing → add 'policy_file: …'"),
    ("polymarket: {clob: 'ws://x'}", "[AGB-107] c.yaml:1: polymarket.clob: 'ws://x' is not an HTTP address → write it as https://host/path"),
    ("polymarket: {clob: 'http://x.y/'}", "[AGB-107] c.yaml:1: polymarket.clob: 'http://x.y/' is not encrypted → write it as https://x.y"),
    ("polymarket: {user_socket: 'ws://127.0.0.2/'}", "[AGB-107] c.yaml:1: polymarket.user_socket: 'ws://127.0.0.2/' is not encrypted → write it as wss://127.0.0.2"),
    ("polymarket: {clob: 'https://u:p@x.y'}", "[AGB-107] c.yaml:1: polymarket.clob: 'https://u:p@x.y' is more than host and path → https://host/path"),
    ("polymarket: {gamma: 'https://x.y?a=1'}", "[AGB-107] c.yaml:1: polymarket.gamma: 'https://x.y?a=1' is more than host and path → https://host/path"),
    ("rtds: {endpoint: 'ws://x.y'}", "[AGB-107] c.yaml:1: rtds.endpoint: 'ws://x.y' is not encrypted → write it as wss://x.y"),
    ("polymarket:\n  chain: polygone", "[AGB-109] c.yaml:2: polymarket.chain: 'polygone' is not known here → did you mean 'polygon'?"),
    ("polymarket: {rtds: wss://x}", "[AGB-104] c.yaml:1: polymarket.rtds: unknown key 'rtds' → known: market_socket, user_socket, realtime, clob, gamma, data, geoblock, chain, tokens_per_socket, custom_features"),
    ("polymarket: {tokens_per_socket: 501}", "[AGB-107] c.yaml:1: polymarket.tokens_per_socket: '501' is out of range → between 1 and 500"),
    ("history: {metrics_days: 0}", "[AGB-107] c.yaml:1: history.metrics_days: '0' is out of range → between 1 and 3650"),
    ("history: {executions_days: 1.5}", "[AGB-107] c.yaml:1: history.executions_days: '1.5' is not a whole number → leave out the decimals"),
    ("history: {enabled: yes}", "[AGB-106] c.yaml:1: history.enabled: expected true or false, got 'yes' → write true or false, without quotes"),
    ("history: {days: 3}", "[AGB-104] c.yaml:1: history.days: unknown key 'days' → known: enabled, metrics_days, executions_days, postgres"),
    ("live: {max_order_usd: 0}", "[AGB-107] c.yaml:1: live.max_order_usd: '0' is out of range → between 0.000001 and 1000000000"),
    ("live:\n  max_order_usd: 10\n  max_day_usd: 9", "[AGB-107] c.yaml:3: live.max_day_usd: '9' is less than one order may be → at least max_order_usd, which is 10"),
    ("redis: {plain: true}", "[AGB-105] c.yaml:1: redis.name: the key is missing → add 'name: …'"),
    ("redis: {name: a b}", "[AGB-107] c.yaml:1: redis.name: 'a b' cannot be a name → use 1 to 32 letters, digits, - or _, a letter or digit first"),
    ("redis: {name: a, url: 'redis://x'}", "[AGB-104] c.yaml:1: redis.url: unknown key 'url' → known: name, plain, trades"),
    ("record: {keep_free_mb: 5}", "[AGB-105] c.yaml:1: record.dir: the key is missing → add 'dir: …'"),
    ("live: {heartbeat: 5}", "[AGB-106] c.yaml:1: live.heartbeat: expected true or false, got '5' → write true or false, without quotes"),
    ("paper: {order_latency_ms: -1}", "[AGB-107] c.yaml:1: paper.order_latency_ms: '-1' is out of range → between 0 and 60000"),
    ("history: {postgres: {secret: 'host=db'}}", "[AGB-107] c.yaml:1: history.postgres.secret: 'host=db' cannot be the name of a secret → a name such as AGBOT_POSTGRES_DSN; the address itself is in the environment or the keyring"),
    ("history: {postgres: 3}", "[AGB-106] c.yaml:1: history.postgres: expected a mapping, got '3' → write 'key: value' lines"),
    ("history: {postgres: {dsn: x}}", "[AGB-104] c.yaml:1: history.postgres.dsn: unknown key 'dsn' → known: secret"),
    ("strategies: quoter", "[AGB-106] c.yaml:1: strategies: expected a list, got 'quoter' → write a list: [a, b]"),
    ("strategies:\n  - markets: all", "[AGB-105] c.yaml:2: strategies[0].name: the key is missing → add 'name: …'"),
    ("strategies: [{name: q, markets: some}]", "[AGB-106] c.yaml:1: strategies[0].markets: expected all or a list, got 'some' → write all or [0x…, 0x…]"),
    ("strategies: [{name: q, markets: []}]", "[AGB-107] c.yaml:1: strategies[0].markets: the list is empty → write all, or remove the strategy"),
    ("strategies: [{name: q, params: 3}]", "[AGB-106] c.yaml:1: strategies[0].params: expected a mapping, got '3' → write 'key: value' lines"),
    ("strategies:\n  - name: q\n  - name: q", "[AGB-114] c.yaml:3: strategies[1]: the strategy 'q' is given twice → keep one of them, or give each an id"),
    ("strategies: [{name: q, sizing: {type: Kely}}]", "[AGB-624] c.yaml:1: strategies[0].sizing.type: there is no sizing 'Kely' → did you mean 'Kelly'?"),
    ("strategies: [{name: q, sizing: {type: Kelly, fraction: 7}}]", "[AGB-625] c.yaml:1: strategies[0].sizing.fraction: impossible parameter: 'fraction' must be <= 1: 7.0 → docs/market_making.md"),
    ("strategies: [{name: q, when_it_fails: sell}]", "[AGB-109] c.yaml:1: strategies[0].when_it_fails: 'sell' is not known here → write keep, or {sell: \"0.80\"}"),
    ("strategies: [{name: q, when_it_fails: {}}]", "[AGB-105] c.yaml:1: strategies[0].when_it_fails.sell: the key is missing → add 'sell: …'"),
    ("strategies: [{name: q, when_it_fails: {sell: '1.5'}}]", "[AGB-107] c.yaml:1: strategies[0].when_it_fails.sell: '1.5' is out of range → between 0.000001 and 1"),
    ("strategies: [{name: q, when_it_fails: {sell: '0.5', by: x}}]", "[AGB-104] c.yaml:1: strategies[0].when_it_fails.by: unknown key 'by' → known: sell"),
    ("markets:\n  - 0x1\n  - null", "[AGB-106] c.yaml:3: markets[1]: expected text, got nothing → write text, in quotes"),
    ("mode: demo\nmode: demo", "[AGB-102] c.yaml:2: mode: the key is already set in line 1 → keep one of them"),
    ("mode:\n\tdemo", "[AGB-101] c.yaml:2: a tab is used for indentation → indent with spaces"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text[:40] for text, _ in WRONG])
def test_the_exact_message(settings_faults: Callable[[str], list[str]], text: str, message: str) -> None:
    assert settings_faults(text) == [message]


def test_all_faults_are_collected(settings_faults: Callable[[str], list[str]]) -> None:
    text = "mode: x\nrtds: {endpoint: 1, ping_interval_s: x}\nstrategies: [{}, 3]\nwhat: 1"
    assert [fault.split(": ")[1] for fault in settings_faults(text)] == [
        "mode",
        "rtds.endpoint",
        "rtds.ping_interval_s",
        "strategies[0].name",
        "strategies[1]",
        "what",
    ]


KEYS = st.sampled_from(
    """mode profile capital_usd seed state_dir rtds monitor risk strategies paper markets endpoint ping_interval_s
    ping_interval_ms buffer_size policy_file name params order_latency_ms""".split()  # noqa: SIM905
)
SCALARS = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=True) | st.text(max_size=10) | KEYS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=15
)


def _yaml(tree: object) -> str:
    """Return the tree in flow style, scalars unquoted where the text may stand so."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {_yaml(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_yaml, tree)) + "]"
    return "null" if tree is None else str(tree)


@settings(deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=6) | TREES)
def test_arbitrary_trees_raise_nothing_but_config_errors(tree: object) -> None:
    faults: list[ConfigError] = []
    try:
        read_settings(loads(_yaml(tree), "c.yaml"), faults)
    except ConfigError as e:
        faults.append(e)
    assert all(fault.id.startswith("AGB-1") and fault.remedy and "\n" not in str(fault) for fault in faults)
