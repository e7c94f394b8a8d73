"""The selftest passes what is right, fails what is wrong in any value it compares, and never breaks on a shape."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.cli import cli
from agbot.errors import ConfigError
from agbot.selftest.check import Status
from agbot.selftest.run import Report, run
from agbot.selftest.schemas import SCHEMAS

ORDER = ["maker_amount", "taker_amount", "order_digest", "signature", "order_maker", "order_signer", "http_body"]
# What each kind of row must compare, by the path of the value.
COMPARED = {
    "constants.type_strings": ["string", "hash"],
    "constants.domain_separators": ["separator"],
    "orders_v2": [*ORDER, "inputs.verifying_contract"],
    "orders_v3": [*ORDER, "inputs.verifying_contract"],
    "clob_auth_l1": ["address", "signature", "headers"],
    "hmac_l2": ["poly_signature", "headers"],
    "amount_rounding": [],  # see below: which column counts depends on the row
    "order_book_hash": ["hash"],
    "buy_fee_adjustment": [],
    "market_price_walk": ["result", "error"],
    "price_tick_grid": ["valid"],
    "wallet_derivation": ["eoa", "proxy_wallet", "safe_wallet", "deposit_wallet_uups", "deposit_wallet_beacon"],
    "polymarket.order_v1_onchain": ["expected.order_hash", "expected.signature", "expected.domain_separator"],
    "polymarket.order_v2_onchain": ["expected.order_hash", "expected.signature", "input.domain", "input.order.signer"],
}


def load(shared: Path, name: str) -> dict[str, Any]:
    return json.loads((shared / "vectors" / f"{name}_vectors.json").read_text(), parse_float=Decimal)


def judged(tmp_path: Path, file: Any) -> Report:
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(file, default=str))
    return run(path)


def paths(kind: str, row: dict[str, Any]) -> list[str]:
    if kind == "amount_rounding":
        column = "server_safe_suggestion" if "server_safe_suggestion" in row else "polymarket_client_0_14_0"
        return [f"{column}.maker_amount", f"{column}.taker_amount"]
    if kind == "buy_fee_adjustment":
        sliding = row["inputs"]["fee_slippage_pct"] != 0
        return ["adjusted_amount" if sliding else "polymarket_client_0_14_0_adjusted_amount_no_slippage"]
    if kind == "market_price_walk":
        return ["error" if row["error"] else "result"]
    return COMPARED[kind]


def spoil(row: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy of `row` in which the value at `path` is another of its kind."""
    spoiled = copy.deepcopy(row)
    *way, last = path.split(".")
    place = spoiled
    for step in way:
        place = place[step]
    place[last] = other(place[last], last)
    return spoiled


def other(value: Any, name: str) -> Any:
    if name == "error":
        return None
    if "adjusted_amount" in name:
        return str(Decimal(value) + Decimal("1e-9"))
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: other(value[first], first)}
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    swap = {"0": "1", "1": "2"}
    return value[:-1] + swap.get(value[-1], "0") if value else "0"


@pytest.mark.parametrize(
    ("name", "schema", "counts"),
    [
        ("polymarket", "agbot-polymarket-vectors/1", {"passed": 102, "skipped": 5}),
        ("venue", "agbot venue vectors v1", {"passed": 8, "failed": 175}),
        ("quant", "quant-vectors/1", {"passed": 238}),
    ],
)
def test_the_recorded_files(shared: Path, name: str, schema: str, counts: dict[str, int]) -> None:
    report = run(shared / "vectors" / f"{name}_vectors.json")
    assert report.schema == schema
    assert Counter(str(verdict.status) for verdict in report.verdicts) == counts
    assert len({verdict.row.id for verdict in report.verdicts}) == len(report.verdicts)
    failed = {(d.name, d.got) for verdict in report.of(Status.FAILED) for d in verdict.differences}
    assert failed <= {("kind", "not understood")}
    assert {verdict.reason for verdict in report.of(Status.SKIPPED)} <= {"refused by the venue"}


@pytest.mark.parametrize("name", ["polymarket", "venue"])
def test_every_value_that_is_compared_can_fail(shared: Path, name: str) -> None:
    file = load(shared, name)
    schema = SCHEMAS[file["schema"]]
    seen, spoiled = set(), 0
    for row in schema.rows(file):
        if row.kind not in schema.checks:
            continue
        for path in paths(row.kind, row.body):
            verdict = schema.judge(type(row)(row.id, row.kind, spoil(row.body, path)))
            assert verdict.status is Status.FAILED, (row.id, path)
            spoiled += 1
        seen.add(row.kind)
    assert seen == set(schema.checks)
    assert spoiled >= {"polymarket": 260, "venue": 28}[name]


def test_a_failure_says_what_was_expected(shared: Path, tmp_path: Path) -> None:
    file = load(shared, "polymarket")
    file["amount_rounding"][0]["polymarket_client_0_14_0"]["taker_amount"] = "21040001"
    file["price_tick_grid"][1]["valid"] = True
    (tmp_path / "v.json").write_text(json.dumps(file, default=str))
    done = CliRunner().invoke(cli, ["selftest", "--vectors", str(tmp_path / "v.json")])
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "failed amount_rounding-00",
        "  taker_amount: expected 21040001, got 21040000",
        "failed price_tick_grid-01",
        "  valid: expected True, got False",
        "skipped 5 of orders_v1: refused by the venue",
        "100 passed, 2 failed, 5 skipped",
    ]


def test_json(shared: Path, tmp_path: Path) -> None:
    file = load(shared, "polymarket")
    file["orders_v1"] = file["orders_v1"][:1]
    file["order_book_hash"][2]["hash"] = "0" * 40
    (tmp_path / "v.json").write_text(json.dumps(file, default=str))
    done = CliRunner().invoke(cli, ["selftest", "--json", "--vectors", str(tmp_path / "v.json")])
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["passed"], told["failed"], told["skipped"]) == (101, 1, 1)
    failed, skipped = told["rows"]
    assert (failed["id"], failed["status"], failed["differences"][0]["name"]) == (
        "order_book_hash-02",
        "failed",
        "hash",
    )
    assert (failed["differences"][0]["expected"], len(failed["differences"][0]["got"])) == ("0" * 40, 40)
    assert (skipped["status"], skipped["reason"]) == ("skipped", "refused by the venue")


def test_all_right_is_exit_code_0(shared: Path) -> None:
    done = CliRunner().invoke(cli, ["selftest", "--vectors", str(shared / "vectors" / "polymarket_vectors.json")])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "102 passed, 0 failed, 5 skipped")


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ({"schema": "agbot-polymarket-vectors/1", "orders_v4": [{"id": "a"}]}, "orders_v4"),
        ({"schema": "agbot-polymarket-vectors/1", "constants": {"colours": {"red": {}}}}, "constants.colours"),
        ({"schema": "agbot-polymarket-vectors/1", "constants": 7}, "constants"),
        ({"schema": "agbot venue vectors v1", "vectors": [{"venue": "polymarket", "kind": "x"}]}, "polymarket.x"),
        ({"schema": "quant-vectors/1", "vectors": [{"area": "taxes"}]}, "taxes"),
    ],
)
def test_what_is_not_understood_fails(tmp_path: Path, file: dict[str, Any], kind: str) -> None:
    (verdict,) = judged(tmp_path, file).verdicts
    assert (verdict.row.kind, verdict.status) == (kind, Status.FAILED)
    assert [d.got for d in verdict.differences] == ["not understood"]


def test_a_shape_that_is_not_understood_fails(shared: Path, tmp_path: Path) -> None:
    file = load(shared, "polymarket")
    rows = file["amount_rounding"][:4]
    del rows[0]["price"]
    rows[1]["kind"] = "stop"
    rows[2]["tick_size"] = "0.02"
    rows[3]["price"] = 0.5  # a JSON number that is no integer, read exactly: nothing is wrong with it
    report = judged(tmp_path, {"schema": file["schema"], "amount_rounding": [*rows, 5, None]})
    told = [[str(d.got) for d in verdict.differences] for verdict in report.verdicts]
    assert told[:3] == [["absent"], ["ValueError: an order of kind 'stop'"], ["absent"]]
    assert [v.status for v in report.verdicts] == [Status.FAILED] * 6
    assert [d.name for d in report.verdicts[3].differences] == ["taker_amount"]


@pytest.mark.parametrize(
    ("text", "error_id", "says"),
    [
        ("{", "AGB-540", "not a JSON file"),
        ("[]", "AGB-540", "no schema"),
        ("[" * 100_000, "AGB-540", "not a JSON file"),
        ('{"schema": ["x"]}', "AGB-540", "the schema ['x'] is not known"),
        ('{"schema": "quant-vectors/2"}', "AGB-540", "the schema 'quant-vectors/2' is not known"),
        ('{"schema": "quant-vectors/1", "vectors": []}', "AGB-541", "proves nothing"),
        ('{"schema": "agbot-polymarket-vectors/1", "meta": {}}', "AGB-541", "proves nothing"),
    ],
)
def test_no_vector_file(tmp_path: Path, text: str, error_id: str, says: str) -> None:
    path = tmp_path / "vectors.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"{path.name}: ") as caught:
        run(path)
    assert (caught.value.id, caught.value.exit_code) == (error_id, 2)
    assert says in str(caught.value)


def test_no_file_and_too_large_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        run(tmp_path / "absent.json")
    monkeypatch.setattr("agbot.selftest.run.MAX_BYTES", 1)
    (tmp_path / "v.json").write_text("{}")
    with pytest.raises(ConfigError, match="larger than"):
        run(tmp_path / "v.json")


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*place, key))


scalars = (
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.decimals(-9, 9, places=7) | st.text(max_size=9)
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_it_break(shared: Path, data: st.DataObject) -> None:
    file = load(shared, data.draw(st.sampled_from(["polymarket", "venue"])))
    schema = SCHEMAS[file["schema"]]
    section = data.draw(st.sampled_from(sorted(set(file) - {"schema", "meta"})))
    place = data.draw(st.sampled_from([(), *leaves(file[section])]))
    part: Any = {section: file[section]}
    inner, last = part, section
    for step in place:
        inner, last = inner[last], step
    inner[last] = data.draw(scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars))
    for row in schema.rows(part):
        assert schema.judge(row).status in Status


def test_of_a_folder_every_vector_file_is_judged(shared: Path, tmp_path: Path) -> None:
    for name, changed in (("a", False), ("b", True)):
        file = load(shared, "polymarket")
        if changed:
            file["hmac_l2"][0]["poly_signature"] = "wrong"
        (tmp_path / f"{name}.json").write_text(json.dumps(file, default=str))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "notes.txt").write_text("no JSON, no word")
    done = CliRunner().invoke(cli, ["selftest", "--vectors", str(tmp_path)])
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[1] == "a.json: 102 passed, 0 failed, 5 skipped"
    assert lines[2].startswith("failed ")
    assert lines[-3:] == [
        "b.json: 101 passed, 1 failed, 5 skipped",
        "broken.json is no vector file: not a JSON file",
        "2 files: 203 passed, 1 failed, 10 skipped",
    ]
    told = json.loads(CliRunner().invoke(cli, ["selftest", "--json", "--vectors", str(tmp_path)]).output)
    assert (told["passed"], told["failed"], told["skipped"]) == (203, 1, 10)
    assert [(file["file"], file["failed"]) for file in told["files"]] == [("a.json", 0), ("b.json", 1)]
    assert told["others"] == [{"file": "broken.json", "reason": "not a JSON file"}]


def test_a_folder_proves_nothing_by_having_nothing_in_it(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for said in ("x.json: no schema", "a vector file without a row"):
        done = CliRunner().invoke(cli, ["selftest", "--vectors", str(tmp_path)])
        assert isinstance(done.exception, ConfigError)
        assert said in str(done.exception)
        schema = load(shared, "polymarket")["schema"]
        (tmp_path / "y.json").write_text(json.dumps({"schema": schema}))
