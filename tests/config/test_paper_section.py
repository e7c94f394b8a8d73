"""The section `paper`: what the paper venue is like, and each fault with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli.check import command
from agbot.config import load_settings, read_settings
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.latency import Constant, Delays, LogNormal, Recorded
from agbot.matching.outages import Outage, OutageKind
from agbot.matching.rewards import Incentives, Programme
from agbot.run.venues import Account, paper_matcher
from agbot.settings import PaperSettings, Settings
from agbot.testing.builders import make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE

FULL = """\
paper:
  order_latency_ms: 20
  feed_latency_ms: 4
  latency:
    order: {median_ms: 40, p99_ms: 250}
    feed: {constant_ms: 9}
    overtaking: true
  settlement: {after_sec: 10, fail_pct: "0.5"}
  outages:
    - {from: "2026-11-20T09:00:00Z", to: "2026-11-20T10:01:30+01:00", kind: restart, wipes: true}
    - {from: "2026-11-21T00:00:00Z", to: "2026-11-21T00:00:00.5Z", kind: down}
  rewards:
    {rebate_pct: 25, pool_usd_per_day: 100.5, max_spread: 0.02, min_size: 50, min_age_sec: 30, rivals_pct: 250}
"""
NINE = 1_795_165_200 * NS_PER_S  # 2026-11-20T09:00:00Z


def paper(text: str) -> tuple[PaperSettings, list[str]]:
    faults: list[ConfigError] = []
    settings = read_settings(loads(text, "c.yaml"), faults)
    return settings.paper, [f"{f.id}:{f.line} {f.key}: {f.reason}" for f in faults]


def test_every_key() -> None:
    found, faults = paper(FULL)
    assert faults == []
    assert found == PaperSettings(
        order_latency_ns=20 * NS_PER_MS,
        feed_latency_ns=4 * NS_PER_MS,
        conditions=Conditions(
            delays=Delays(
                order=LogNormal(median_ns=40 * NS_PER_MS, p99_ns=250 * NS_PER_MS),
                answer=Constant(4 * NS_PER_MS),
                feed=Constant(9 * NS_PER_MS),
                overtaking=True,
            ),
            settling=Settling(after_ns=10 * NS_PER_S, fail_rate=5_000),
            outages=(
                Outage(from_ns=NINE, to_ns=NINE + 90 * NS_PER_S, kind=OutageKind.RESTART, wipes=True),
                Outage(
                    from_ns=NINE + 15 * 3600 * NS_PER_S,
                    to_ns=NINE + 15 * 3600 * NS_PER_S + NS_PER_S // 2,
                    kind=OutageKind.DOWN,
                ),
            ),
            incentives=Incentives(
                programme=Programme(
                    rebate_rate=250_000,
                    daily_usd=100_500_000,
                    max_spread=20_000,
                    min_size=50 * SCALE,
                    min_age_ns=30 * NS_PER_S,
                    rivals=2_500_000,
                )
            ),
        ),
    )


def test_nothing_of_it_is_an_ideal_venue() -> None:
    found, faults = paper("paper: {order_latency_ms: 7}")
    assert (found.conditions, faults) == (Conditions(), [])
    matcher = paper_matcher(Settings(paper=found), [make_market()], Account(cash=1))
    assert matcher.delays == Delays(
        order=Constant(7 * NS_PER_MS), answer=Constant(10 * NS_PER_MS), feed=Constant(10 * NS_PER_MS)
    )


def test_the_draws_follow_from_the_seed_of_the_run() -> None:
    found, _ = paper(FULL)
    seeds = [paper_matcher(Settings(paper=found, seed=n), [], Account(cash=1)).conditions.seed for n in (4, 5)]
    assert seeds == [4, 5]


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("latency: {order: {median_ms: 9, p99_ms: 8}}", "AGB-592:1 paper.latency.order: no delay is like this"),
        ("latency: {order: {median_ms: 9}}", "AGB-592:1 paper.latency.order: no delay is like this"),
        ("latency: {order: {p99_ms: 9}}", "AGB-592:1 paper.latency.order: no delay is like this"),
        ("latency: {order: {}}", "AGB-592:1 paper.latency.order: no delay is like this"),
        ("latency: {feed: {median_ms: 0, p99_ms: 8}}", "AGB-592:1 paper.latency.feed: no delay is like this"),
        ("latency: {answer: {constant_ms: 1, p99_ms: 8}}", "AGB-592:1 paper.latency.answer: no delay is like this"),
        ("latency: {order: 5}", "AGB-106:1 paper.latency.order: expected a mapping, got '5'"),
        ("latency: {order: {mean_ms: 5}}", "AGB-104:1 paper.latency.order.mean_ms: unknown key 'mean_ms'"),
        ("latency: {speed: 5}", "AGB-104:1 paper.latency.speed: unknown key 'speed'"),
        ("latency: {order: {constant_sec: 61}}", "AGB-107:1 paper.latency.order.constant_sec: '61' is out of range"),
        (
            "latency: {order: {constant_ms: 1}, recorded: x.json}",
            "AGB-592:1 paper.latency.recorded: recorded latencies are those of both ways, and 'order' is given too",
        ),
        ("latency: {recorded: nowhere.json}", "AGB-100:None : there is no such file"),
        ("settlement: {after_sec: -1}", "AGB-107:1 paper.settlement.after_sec: '-1' is out of range"),
        ("settlement: {fail_pct: 101}", "AGB-107:1 paper.settlement.fail_pct: '101' is out of range"),
        (
            "settlement: {fail_pct: 0.00001}",
            "AGB-107:1 paper.settlement.fail_pct: '0.00001' has more than four decimals",
        ),
        ("outages: 5", "AGB-106:1 paper.outages: expected a list, got '5'"),
        ("outages: [5]", "AGB-106:1 paper.outages[0]: expected a mapping, got '5'"),
        ("outages: [{from: x, to: y, kind: down}]", "AGB-591:1 paper.outages[0].from: 'x' is no time"),
        (
            'outages: [{from: "2026-11-20T09:00:00", to: "2026-11-21T09:00:00Z", kind: down}]',
            "AGB-591:1 paper.outages[0].from: '2026-11-20T09:00:00' does not say of which zone it is",
        ),
        (
            'outages: [{from: "2026-11-20T09:00:00Z", to: "2026-11-20T09:00:00Z", kind: down}]',
            "AGB-591:1 paper.outages[0]: it ends before it begins",
        ),
        (
            'outages: [{from: "2026-11-20T09:00:00Z", to: "2026-11-20T10:00:00Z", kind: slow}]',
            "AGB-109:1 paper.outages[0].kind: 'slow' is not known here",
        ),
        ('outages: [{to: "2026-11-20T10:00:00Z", kind: down}]', "AGB-105:1 paper.outages[0].from: the key is missing"),
        ("rewards: {rebate_pct: 101}", "AGB-107:1 paper.rewards.rebate_pct: '101' is out of range"),
        ("rewards: {max_spread: 0}", "AGB-107:1 paper.rewards.max_spread: '0' is out of range"),
        ("rewards: {pools: 5}", "AGB-104:1 paper.rewards.pools: unknown key 'pools'"),
    ],
)
def test_each_fault_says_where_it_is(section: str, says: str) -> None:
    _, faults = paper(f"paper: {{{section}}}")
    assert says in faults


def test_outages_that_overlap() -> None:
    rows = [f'{{from: "2026-11-20T0{h}:00:00Z", to: "2026-11-20T0{h + 2}:00:00Z", kind: down}}' for h in (1, 2)]
    found, faults = paper(f"paper:\n  outages: [{', '.join(rows)}]")
    assert [fault.partition(": ")[0] for fault in faults] == ["AGB-591:2 paper.outages"]
    assert found.conditions.outages == ()


def recorded(tmp_path: Path, text: str) -> PaperSettings:
    (tmp_path / "seen.json").write_text(text)
    (tmp_path / "c.yaml").write_text("paper: {latency: {recorded: seen.json}}")
    return load_settings(tmp_path / "c.yaml").paper


def test_recorded_latencies_are_read_beside_the_configuration(tmp_path: Path) -> None:
    found = recorded(tmp_path, "[[1000, 40, 30], [1000.5, 60.25, 20]]")
    assert found.conditions.delays == Delays(
        order=Recorded((1000 * NS_PER_S, 1000 * NS_PER_S + NS_PER_S // 2), (40 * NS_PER_MS, 60_250_000)),
        answer=Recorded((1000 * NS_PER_S + 40 * NS_PER_MS, 1000 * NS_PER_S + 560_250_000), (30_000_000, 20_000_000)),
        feed=Constant(10 * NS_PER_MS),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[2, 1, 1],\n [1, 1, 1]]", "[AGB-593] {}:1: the times of recorded delays must rise"),
        ("[[2, 1]]", "[AGB-593] {}:1: [0]: 2 numbers are no measured latency"),
        ("[[1, 1, 1],\n[2, -1, 1]]", "[AGB-107] {}:2: [1][1]: '-1' is out of range"),
        ("[]", "[AGB-593] {}:1: a recorded delay needs a time and a delay of each message, and one at least"),
        ('{"a": 1}', "[AGB-106] {}:1: expected a list, got a mapping"),
    ],
)
def test_faults_in_recorded_latencies_name_that_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recorded(tmp_path, text)
    assert str(caught.value).startswith(says.format(tmp_path / "seen.json"))


def test_check_shows_it(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FULL)
    told = CliRunner().invoke(command, [str(tmp_path / "c.yaml")]).stdout
    own = "latencies of its own, late or failing settlement, outages: 2, rebates and rewards estimated"
    assert f"paper venue     {own}" in told
    result = CliRunner().invoke(command, [str(tmp_path / "c.yaml"), "--json"])
    shown = json.loads(result.stdout)["settings"]["paper"]["conditions"]
    assert shown["settling"] == {"after_ns": 10 * NS_PER_S, "fail_rate": 5_000}
    assert [outage["kind"] for outage in shown["outages"]] == ["restart", "down"]
