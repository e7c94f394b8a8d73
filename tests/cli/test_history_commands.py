"""agbot history, agbot sql, agbot db: what they print, how they refuse, and what they leave."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.cli import history_group, spans
from agbot.cli.history_query import BARS, sparkline
from agbot.errors import ConfigError, NotFoundError, StoreError, TimedOutError
from agbot.model.events import MarketListed
from agbot.run.lock import exclusive
from agbot.store.codec import encode_batch
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.backup import kept
from agbot.store.embedded.schema import FILES
from agbot.store.journal import BATCH, Journal
from agbot.store.rows import MetricPoint, MetricRow
from agbot.testing.builders import make_market
from tests.store.embedded.rows import fill, order

NOW = time.time_ns()
SECOND, HOUR = 10**9, 3600 * 10**9


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("s")
    path.chmod(0o700)
    with EmbeddedStore(path / "history") as store:
        store.store_executions(
            [
                order("o1", NOW, created_ns=NOW - HOUR, state="FILLED", filled=5_000_000),
                order("o2", NOW, created_ns=NOW - 2 * HOUR, strategy="t", mode="LIVE", market="0x" + "ab" * 32),
                order("old", NOW - 99 * HOUR, created_ns=NOW - 100 * HOUR),
                fill("t1", "CONFIRMED", ts_ns=NOW - HOUR, fee=12_345),
                fill("t2", "MATCHED", ts_ns=NOW - 2 * HOUR, strategy="t"),
            ]
        )
        for side in ("YES", "NO"):
            rows = [MetricRow(NOW - n * SECOND, "book.bid", (("side", side),), 7200.0 - n) for n in range(1, 7200)]
            store.insert_metrics_batch(rows)
    return path


@pytest.fixture
def state(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "s"))


@pytest.fixture
def ask(state):
    def ask(*args, fails=None):
        result = CliRunner().invoke(cli.cli, [*args, "--state-dir", str(state)])
        if fails is not None:
            assert isinstance(result.exception, fails), result.output
            return result.exception
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    return ask


def test_every_command_of_the_group_explains_itself():
    for name, purpose in history_group.COMMANDS.items():
        help_text = CliRunner().invoke(cli.cli, ["history", name, "--help"]).output
        assert f"Usage: cli history {name}" in help_text
        assert f"agbot history {name}" in help_text
        assert purpose[:20] in CliRunner().invoke(cli.cli, ["history", "--help"]).output
    assert CliRunner().invoke(cli.cli, ["history", "moon"]).exit_code == 2


def test_a_metric_is_drawn_for_each_of_its_series(ask):
    text = ask("history", "query", "book.bid", "--since", "3h", "--step", "10m")
    assert text.count("book.bid{side=") == 2
    assert "▁" in text
    assert "█" in text
    assert "min 1  mean 3600  max 7199  last 7199" in text
    assert "10m a bar, 7199 observations" in text
    assert "side=YES" not in ask("history", "query", "book.bid", "--labels", "side=NO")


def test_a_short_run_is_a_line_and_a_step_that_is_asked_for_stays(ask, state):
    with EmbeddedStore(state / "history") as store:
        rows = [MetricRow(NOW - HOUR + n * SECOND, "short", (), float(n)) for n in range(120)]
        store.insert_metrics_batch(rows)
    text = ask("history", "query", "short")
    assert "2s a bar, 120 observations" in text
    assert sum(text.count(bar) for bar in BARS) in (60, 61)
    points = json.loads(ask("history", "query", "short", "--json"))[0]["points"]
    assert len(points) in (60, 61)
    coarse = json.loads(ask("history", "query", "short", "--step", "1h", "--json"))[0]["points"]
    assert len(coarse) <= 2


def test_what_is_kept_by_the_minute_only_is_drawn_by_the_minute(ask, state):
    with EmbeddedStore(state / "history") as store:
        first = NOW // HOUR * HOUR - HOUR
        store.insert_metrics_batch([MetricRow(first + n * SECOND, "old", (), float(n)) for n in range(300)])
        store.prune(first + 2 * HOUR, metrics_ns=HOUR, executions_ns=10**4 * HOUR)
    text = ask("history", "query", "old")
    assert "1m a bar, 300 observations" in text


def test_a_metric_as_json_has_every_point(ask):
    (series,) = json.loads(
        ask("history", "query", "book.bid", "--since", "3h", "--step", "1h", "--labels", "side=NO", "--json")
    )
    assert (series["name"], series["labels"]) == ("book.bid", {"side": "NO"})
    assert sum(point["observed"] for point in series["points"]) == 7199
    assert {point["ts_ns"] % HOUR for point in series["points"]} == {0}


def test_names_are_listed_and_a_wrong_one_gets_the_right_one_told(ask):
    assert ask("history", "query") == "book.bid\n"
    assert json.loads(ask("history", "query", "--json")) == ["book.bid"]
    wrong = ask("history", "query", "book.bit", fails=NotFoundError)
    assert (wrong.id, "book.bid" in wrong.remedy) == ("AGB-908", True)
    assert wrong.remedy == "did you mean 'book.bid'?; agbot history query lists all"
    for part in ("bid", "bidd", "book"):
        assert ask("history", "query", part, fails=NotFoundError).remedy.startswith("did you mean 'book.bid'?")
    assert ask("history", "query", "xyz", fails=NotFoundError).remedy == "agbot history query lists all"
    nothing = ask("history", "query", "book.bid", "--since", "2020-01-01", "--until", "2020-01-02", fails=NotFoundError)
    assert "--since" in nothing.remedy


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["o1", "o2"]),
        (["--since", "90m"], ["o1"]),
        (["--until", "90m"], ["o2"]),
        (["--since", "7d"], ["o1", "o2", "old"]),
        (["--since", "7d", "--limit", "1"], ["o1"]),
        (["--strategy", "t"], ["o2"]),
        (["--mode", "live"], ["o2"]),
        (["--state", "filled"], ["o1"]),
        (["--market", "0x" + "ab" * 32], ["o2"]),
        (["--run", "none"], []),
    ],
)
def test_orders_by_their_filters(ask, filters, names):
    rows = json.loads(ask("history", "orders", *filters, "--json"))
    assert [row["client_order_id"] for row in rows] == names
    text = ask("history", "orders", *filters)
    assert [name for name in ("o1", "o2", "old") if f"  {name}\n" in text] == names


def test_a_market_is_called_by_its_slug_where_a_journal_knows_it(ask, state):
    runs = state / "runs"
    runs.mkdir()
    journal = Journal(runs / "20261128T000000000-live.agj", durable=False)
    market = make_market("0x" + "ab" * 32, slug="will-it-rain")
    journal.append(BATCH, 1, encode_batch([MarketListed(market, 1)]))
    journal.close()
    (runs / "20261129T000000000-live.agj").write_bytes(b"no journal")
    foreign = Journal(runs / "20261130T000000000-live.agj", durable=False)
    foreign.append(BATCH, 1, b"\xc1")
    foreign.close()
    (row,) = json.loads(ask("history", "orders", "--market", "will-it-rain", "--json"))
    assert row["client_order_id"] == "o2"
    assert "will-it-rain" in ask("history", "orders")


def test_a_state_that_there_is_not_is_a_usage_error():
    result = CliRunner().invoke(cli.cli, ["history", "orders", "--state", "NOPE"])
    assert result.exit_code == 2
    assert "'NOPE' is none of PENDING_NEW, OPEN," in result.output


def test_fills_show_money_as_people_write_it(ask):
    text = ask("history", "fills")
    assert "0.01" in text
    assert "0.5" in text
    assert json.loads(ask("history", "fills", "--settlement", "matched", "--json"))[0]["trade_id"] == "t2"
    assert "no fills" in ask("history", "fills", "--strategy", "nobody")


def test_sql_as_table_json_and_csv(ask):
    question = "select client_order_id, price / 1e6 as price from orders order by 1"
    assert ask("sql", question).splitlines()[2:] == [f"{name:<15}    0.5" for name in ("o1", "o2", "old")]
    assert json.loads(ask("sql", question, "--json"))[2] == {"client_order_id": "old", "price": 0.5}
    rows = list(csv.reader(ask("sql", question, "--csv").splitlines()))
    assert rows[:2] == [["client_order_id", "price"], ["o1", "0.5"]]
    assert ask("sql", "select 1 where 0") == "no rows\n"


def test_sql_refuses_and_stops_in_time(ask, state):
    before = {name: kept(state / "history" / name) for name in FILES}
    assert ask("sql", "delete from orders", fails=ConfigError).id == "AGB-903"
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    assert ask("sql", endless, "--timeout", "0.05", fails=TimedOutError).id == "AGB-904"
    assert {name: kept(state / "history" / name) for name in FILES} == before


def test_a_table_is_cut_and_says_so(ask, state):
    result = CliRunner().invoke(cli.cli, ["sql", "select value from metrics", "--state-dir", str(state)])
    assert len(result.stdout.splitlines()) == 10_002
    assert "--csv" in result.stderr


def test_backup_wipe_restore(ask, state, tmp_path):
    before = {name: kept(state / "history" / name) for name in FILES}
    made = json.loads(ask("db", "backup", str(tmp_path / "b.zip"), "--json"))
    assert {name: file["digest"] for name, file in made["files"].items()} == {n: k.digest for n, k in before.items()}
    shutil.rmtree(state / "history")
    assert ask("history", "orders", fails=NotFoundError).id == "AGB-905"
    text = ask("db", "restore", str(tmp_path / "b.zip"))
    assert all(f"sha256 {k.digest}" in text for k in before.values())
    assert {name: kept(state / "history" / name) for name in FILES} == before


def test_what_changes_files_waits_for_the_bot_to_stop(ask, state, tmp_path):
    ask("db", "backup", str(tmp_path / "b.zip"))
    before = {name: kept(state / "history" / name) for name in FILES}
    with exclusive(state):
        for words in (
            ["db", "restore", str(tmp_path / "b.zip")],
            ["db", "migrate", "--to", "1"],
            ["history", "vacuum"],
        ):
            assert ask(*words, fails=ConfigError).id == "AGB-121"
        ask("db", "status")
    assert {name: kept(state / "history" / name) for name in FILES} == before


def test_migrate_goes_back_and_forward_and_status_tells(ask):
    def versions():
        return {file["name"]: file["version"] for file in json.loads(ask("db", "status", "--json"))}

    assert "found by their market" in ask("db", "migrate", "--to", "1")
    assert versions() == {"executions.db": 1, "metrics.db": 1}
    assert json.loads(ask("db", "migrate", "--json")) == {"executions.db": [2], "metrics.db": []}
    assert ask("db", "migrate") == "nothing to do\n"
    assert ask("db", "migrate", "--to", "9", fails=ConfigError).id == "AGB-909"
    assert "metrics.db" in ask("db", "status")


def test_vacuum_forgets_only_what_it_is_told_to(ask):
    told = json.loads(ask("history", "vacuum", "--json"))
    assert told["rows_forgotten"] == 0
    assert told["bytes_after"] < told["bytes_before"]
    assert "1 row forgotten" in ask("history", "vacuum", "--executions-days", "3")
    assert len(json.loads(ask("history", "orders", "--since", "30d", "--json"))) == 2


@pytest.mark.parametrize("words", [["history", "vacuum"], ["db", "migrate"], ["db", "status"], ["db", "backup", "b"]])
def test_nothing_is_made_where_there_is_no_history(words, tmp_path):
    result = CliRunner().invoke(cli.cli, [*words, "--state-dir", str(tmp_path / "none")])
    assert isinstance(result.exception, NotFoundError | StoreError)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "ns"),
    [("90s", 90 * SECOND), ("15m", 900 * SECOND), ("24h", 24 * HOUR), ("2w", 14 * 24 * HOUR), ("250ms", 250 * 10**6)],
)
def test_spans(text, ns):
    assert spans.span(text) == ns


@pytest.mark.parametrize("text", ["", "0s", "5", "h", "-1h", "1.5h", "1 h", "1y", "9999999s", "١h"])
def test_what_is_no_span(text):
    with pytest.raises(click.BadParameter):
        spans.span(text)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-01", 1_793_491_200 * SECOND),
        ("2026-11-01T12:30", 1_793_536_200 * SECOND),
        ("2026-11-01T12:30:00.5+01:00", 1_793_532_600 * SECOND + 5 * 10**8),
        ("1960-01-01", 0),
    ],
)
def test_moments(text, ns):
    assert spans.time(text) == ns
    assert abs(spans.time("1h") - (time.time_ns() - HOUR)) < 60 * SECOND


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "12:30"])
def test_what_is_no_moment(text):
    with pytest.raises(click.BadParameter):
        spans.time(text)


@pytest.mark.parametrize("text", ["side", "=YES", ""])
def test_what_is_no_label(text):
    assert spans.label("a=b=c") == ("a", "b=c")
    with pytest.raises(click.BadParameter):
        spans.label(text)


def test_a_sparkline_has_a_bar_for_every_step_and_a_blank_where_nothing_was():
    points = [MetricPoint(ts, 1, v, v, v, v) for ts, v in ((10, 0.0), (12, 7.0), (13, 3.5))]
    assert sparkline(points, 10, 15, 1) == f"{BARS[0]} {BARS[7]}{BARS[4]}"
    assert sparkline(points[:1], 10, 11, 1) == BARS[4]
