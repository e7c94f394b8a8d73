"""The fault catalogue and its plan: hygiene, determinism, schedules, subjects, counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agbot.errors import ConfigError
from agbot.fault_file import SCHEDULE
from agbot.fault_page import renewed
from agbot.fault_switch import SUBJECT_KEYS, SWITCHES_MAX
from agbot.faults import CATALOGUE, Fault, FaultPlan
from agbot.units import NS_PER_S

NOW = 1_790_000_000 * NS_PER_S
NAMES = re.compile(r"[a-z][a-z0-9_]{2,39}")
THREAD = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+#\d+")
ORDER = {"path": "POST /order"}


def at(seconds: float) -> int:
    return NOW + int(seconds * NS_PER_S)


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=lambda f: f.name)
def test_every_entry_is_whole(fault: Fault) -> None:
    assert NAMES.fullmatch(fault.name)
    assert len(fault.sees) > 15
    assert not fault.sees.endswith(".")
    assert fault.threads
    assert all(THREAD.fullmatch(thread) for thread in fault.threads)
    assert set(fault.reach) <= set(SUBJECT_KEYS)
    assert set(fault.lasts) <= set(fault.defaults())
    assert 0 < fault.probability <= 1
    for p in fault.parameters:
        assert p.name not in SCHEDULE
        assert p.says
        assert not p.choices or p.default in p.choices
        assert isinstance(p.default, bool | str) or p.low <= p.default <= p.high


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_is_switched_on_by_its_name_and_off(name: str) -> None:
    plan = FaultPlan()
    assert plan.strikes(name, NOW) is None
    assert not plan.busy
    plan.switch(name, probability=1)
    struck = plan.strikes(name, NOW)
    assert struck is not None
    assert dict(struck) == CATALOGUE[name].defaults() | {"elapsed_s": 0.0}
    assert plan.names() == [name]
    plan.switch(name, False)
    assert plan.strikes(name, NOW) is None
    assert not plan.busy
    assert plan.report()[name] == {"on": False, "switches": [], "occasions": 1, "struck": 1, "last_ns": NOW}


def drawn(seed: int, name: str = "dropped_frames", n: int = 200) -> list[bool]:
    plan = FaultPlan(seed)
    plan.switch(name, probability=0.3)
    return [plan.strikes(name, at(i)) is not None for i in range(n)]


def test_the_seed_decides() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert drawn(7) != drawn(7, "delayed_frames")
    assert 30 < sum(drawn(7)) < 90


def test_dice_do_not_depend_on_other_faults() -> None:
    plan = FaultPlan(7)
    plan.switch("dropped_frames", probability=0.3)
    plan.switch("duplicated_frames", probability=0.3)
    found = []
    for i in range(200):
        plan.strikes("duplicated_frames", at(i))
        found.append(plan.strikes("dropped_frames", at(i)) is not None)
    assert found == drawn(7)


def test_times_bound_the_strikes() -> None:
    plan = FaultPlan()
    plan.switch("reply_lost", times=2)
    assert [plan.strikes("reply_lost", NOW) is not None for _ in range(4)] == [True, True, False, False]


def test_a_schedule_counts_from_the_first_question() -> None:
    plan = FaultPlan()
    plan.switch("reply_lost", after_s=10, for_s=5)
    hits = [s for s in range(30) if plan.strikes("reply_lost", at(s))]
    assert hits == [10, 11, 12, 13, 14]


def test_a_schedule_by_the_clock() -> None:
    plan = FaultPlan()
    plan.switch("reply_lost", at="2026-09-21T14:13:30Z", for_s=2)
    assert [s for s in range(30) if plan.strikes("reply_lost", at(s))] == [10, 11]
    assert plan.next_change_ns(NOW) == at(10)
    assert plan.next_change_ns(at(10)) == at(12)
    assert plan.next_change_ns(at(12)) is None


def test_a_restart_ends_by_itself() -> None:
    plan = FaultPlan()
    plan.switch("restart_425", restart_s=2, post_only_s=3)
    told = [plan.strikes("restart_425", at(s), **ORDER) for s in range(7)]
    assert [t and t["elapsed_s"] for t in told] == [0, 1, 2, 3, 4, None, None]


def test_reach_and_match() -> None:
    plan = FaultPlan()
    plan.switch("reply_lost")
    assert plan.strikes("reply_lost", NOW, path="POST /order")
    assert not plan.strikes("reply_lost", NOW, path="GET /book")
    plan.switch("reply_lost", match={"path": "/book", "wallet": ["0xAb*", "0xCd"]})
    assert plan.strikes("reply_lost", NOW, path="GET /book", wallet="0xabcdef")
    assert plan.strikes("reply_lost", NOW, path="GET /book", wallet=("0x1", "0xcd"))
    assert not plan.strikes("reply_lost", NOW, path="POST /order", wallet="0xabcdef")
    assert not plan.strikes("reply_lost", NOW, path="GET /book"), "whose it is is not known"


def test_listeners_hear_of_switches() -> None:
    plan, heard = FaultPlan(), []
    plan.listeners.append(lambda: heard.append(plan.names()))
    plan.switch("reply_lost")
    plan.switch("slow_reply", delay_s=1)
    plan.clear()
    assert heard[:2] == [["reply_lost"], ["reply_lost", "slow_reply"]]
    assert heard[-1] == []


GOOD = """
- name: reply_lost
  probability: 0.25
  times: 3
  match: {path: DELETE /order, market: ["0x1*", "0x2*"]}
- name: reply_lost
  after_s: 30
  for_s: 2.5
- slow_reply
- name: throttled_429
  kind: ip
  retry_after: date
  wait_s: 7
- name: engine_500
  acted: true
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(GOOD)
    plan = FaultPlan()
    plan.switch("geo_block")
    assert plan.load(path) == ["reply_lost", "slow_reply", "throttled_429", "engine_500"]
    assert plan.report()["reply_lost"]["switches"] == [
        {
            "reset": False,
            "probability": 0.25,
            "struck": 0,
            "times": 3,
            "match": {"path": ["DELETE /order"], "market": ["0x1*", "0x2*"]},
        },
        {"reset": False, "probability": 1.0, "struck": 0, "after_s": 30.0, "for_s": 2.5},
    ]
    told = plan.strikes("throttled_429", NOW, path="GET /ok")
    assert told == {"kind": "ip", "retry_after": "date", "wait_s": 7, "elapsed_s": 0.0}
    assert plan.report()["engine_500"]["switches"][0]["acted"] is True


BAD = [
    ("", "AGB-100", None, "empty"),
    ("reply_lost", "AGB-150", 1, "list of faults"),
    ("- nam: reply_lost", "AGB-105", 1, "name"),
    ("- name: reply_los", "AGB-109", 1, "reply_lost"),
    ("- reply_los", "AGB-109", 1, "reply_lost"),
    ("- name: reply_lost\n  prob: 1", "AGB-104", 2, "probability"),
    ("- name: reply_lost\n  delay_s: 1", "AGB-104", 2, "delay_s"),
    ("- name: slow_reply\n  delay_s: 601", "AGB-107", 2, "between 0 and 600"),
    ("- name: slow_reply\n  delay_s: soon", "AGB-106", 2, "number"),
    ("- name: slow_reply\n  probability: 0", "AGB-107", 2, "above 0"),
    ("- name: slow_reply\n  probability: 1.01", "AGB-107", 2, "at most 1"),
    ("- name: slow_reply\n  times: 0", "AGB-107", 2, "between 1"),
    ("- name: slow_reply\n  times: 1.5", "AGB-107", 2, "whole"),
    ("- name: slow_reply\n  for_s: -1", "AGB-107", 2, "seconds between"),
    ("- name: slow_reply\n  at: yesterday", "AGB-107", 2, "in quotes"),
    ("- name: slow_reply\n  at: '2026-11-21T12:00:00'", "AGB-107", 2, "in quotes"),
    ("- name: slow_reply\n  at: '2026-11-21T12:00:00Z'\n  after_s: 1", "AGB-108", 3, "keep one"),
    ("- name: slow_reply\n  match: /order", "AGB-106", 2, "key: value"),
    ("- name: slow_reply\n  match: {paths: /order}", "AGB-104", 2, "path"),
    ("- name: slow_reply\n  match: {path: []}", "AGB-107", 2, "between 1 and 32"),
    ("- name: throttled_429\n  kind: both", "AGB-109", 2, "signer, ip"),
    ("- name: reply_lost\n  reset: yes", "AGB-106", 2, "true or false"),
    ("- name: ghost_book\n  size: 1.5", "AGB-107", 2, "whole"),
    ("- [reply_lost]", "AGB-106", 1, "key: value"),
    (f"[{', '.join(['slow_reply'] * (SWITCHES_MAX + 1))}]", "AGB-150", 1, "join"),
]


@pytest.mark.parametrize(("text", "error_id", "line", "says"), BAD, ids=[text[:40] for text, *_ in BAD])
def test_a_bad_file_is_told_by_line_and_changes_nothing(
    tmp_path: Path, text: str, error_id: str, line: int | None, says: str
) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    plan = FaultPlan()
    plan.switch("geo_block")
    with pytest.raises(ConfigError) as caught:
        plan.load(path)
    error = caught.value
    assert (error.id, error.line, error.path) == (error_id, line, str(path))
    assert says in str(error)
    assert error.remedy
    assert plan.names() == ["geo_block"]


def test_a_switch_by_hand_has_the_same_errors() -> None:
    plan = FaultPlan()
    with pytest.raises(ConfigError, match="did you mean 'slow_reply'") as unknown:
        plan.switch("slow_repl")
    assert unknown.value.id == "AGB-109"
    with pytest.raises(ConfigError, match="delay_s") as wrong:
        plan.switch("slow_reply", delay_s=-1)
    assert wrong.value.id == "AGB-107"
    assert not plan.busy


# ---------------------------------------------------------------- the page and the tests keep step with the catalogue


def test_the_page_is_in_step_with_the_catalogue(root: Path) -> None:
    page = (root / "docs" / "faults.md").read_text(encoding="utf-8")
    assert page == renewed(page), "python -m agbot.fault_page docs/faults.md"
    for fault in CATALOGUE.values():
        assert page.count(f"| `{fault.name}` | {fault.sees} |") == 1


def test_the_page_s_example_is_a_plan(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "faults.md").read_text(encoding="utf-8")
    path = tmp_path / "faults.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    assert FaultPlan().load(path) == ["reply_lost", "restart_425", "silent_socket", "slow_reply", "html_403"]


def test_every_fault_is_seen_by_a_client_in_a_test_of_its_name() -> None:
    here = Path(__file__).parent
    tests = "".join((here / f"test_faults_{part}.py").read_text() for part in ("http", "sockets"))
    seen = set(re.findall(r"^async def test_(\w+)\(", tests, re.MULTILINE))
    assert set(CATALOGUE) - seen == set(), "switch it on and look at it as a client does"
    for name in CATALOGUE:
        body = tests.partition(f"async def test_{name}(")[2].partition("\nasync def ")[0]
        assert f'switch("{name}"' in body, f"test_{name} does not switch it on"
