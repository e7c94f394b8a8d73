"""What people get to see: the example's table as it is committed, the page, the drawings."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st

from agbot import __version__, cli
from agbot.backtest import charts, svg
from agbot.backtest.page import page
from agbot.backtest.result import Attribution, Report, read_report
from agbot.backtest.run import run
from agbot.backtest.table import ROWS_MAX, attribution
from agbot.backtest.words import lasting, told
from agbot.errors import ConfigError
from agbot.matching.latency import Constant, Delays, LogNormal, Recorded
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_units


def invoke(*args):
    return CliRunner().invoke(cli.cli, [str(arg) for arg in args], catch_exceptions=True)


@pytest.fixture(scope="module")
def example(root, tmp_path_factory):
    """Return the folder with the example's report, and its table."""
    folder = tmp_path_factory.mktemp("example")
    done = invoke("backtest", root / "examples" / "backtest.yaml", "--out", folder)
    assert done.exit_code == 0, done.output
    return folder, done.stdout


def test_the_example_says_what_is_committed(root, example):
    expected = (root / "tests" / "backtest" / "example.txt").read_text()
    assert example[1] == expected.replace("agbot        0.1.0", f"agbot        {__version__}")
    assert "assumptions  docs/backtest.md" in expected
    assert (root / "docs" / "backtest.md").is_file()


def test_the_page_fetches_nothing_and_shows_everything(example):
    html = (example[0] / "report.html").read_text()
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", html)
    assert 'name="viewport"' in html
    assert "prefers-color-scheme: dark" in html
    for title in ("Equity", "Below the peak", "PnL by queue", "Inventory", "YES price and fills", "Markouts",
                  "Calibration", "PnL by strategy and market"):  # fmt: skip
        assert f'aria-label="{title}' in html or f'{title}"' in html, title
    for picture in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(picture)
    assert "nan" not in re.sub("<title>.*?</title>", "", html)


def test_the_result_can_be_drawn_in_a_terminal_and_as_a_file(example, tmp_path):
    text = invoke("plot", example[0] / "result.json")
    assert text.exit_code == 0, text.output
    assert "quoter on generated: PnL 29.44 usd, 132 fills" in text.output
    assert "\x1b" not in text.output
    done = invoke("plot", example[0] / "result.json", "--out", tmp_path / "r.svg")
    assert done.exit_code == 0, done.output
    assert len(ElementTree.parse(tmp_path / "r.svg").getroot().findall("{http://www.w3.org/2000/svg}svg")) == 5


def test_json_is_the_result_file(example, root):
    found = read_report(example[0] / "result.json")
    assert found.chosen.pnl == 29_435_451
    assert (found.lower.queue, found.chosen.queue, found.upper.queue) == ("back", "power", "front")
    assert found.lower.orders.filled < found.chosen.orders.filled < found.upper.orders.filled


@pytest.fixture(scope="module")
def short(short_spec):
    """Return the report of half a minute without bounds."""
    found = run(short_spec)
    return Report(chosen=found, lower=found, upper=found)


def test_a_result_with_nothing_in_it_can_be_shown(short):
    empty = msgspec.structs.replace(
        short.chosen, fills=(), attribution=(), markouts=(), calibration=None, mids={}, points=short.chosen.points[:1]
    )
    html = page(Report(chosen=empty, lower=empty, upper=empty))
    assert "Equity" in html
    assert charts.prices(empty) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-(10**9), 10**9)), min_size=1, max_size=60))
def test_the_table_of_strategies_adds_up_however_long_it_is(short, drawn):
    rows = tuple(
        Attribution(strategy=name, market=f"m{i}", fills=1, shares=SCALE, fees=0, pnl=cents * 10_000)
        for i, (name, cents) in enumerate(drawn)
    )
    total = sum(row.pnl for row in rows)
    found = msgspec.structs.replace(
        short.chosen, strategies=("a", "b"), attribution=rows, equity=short.chosen.capital + total
    )
    told = [(row["strategy"], row["market"], to_units(row["PnL usd"])) for row in attribution(found)]
    assert sum(pnl for name, market, pnl in told if market != "all" and name != "account") == total
    assert sum(pnl for _, market, pnl in told if market == "all") == total
    assert told[-1] == ("account", "", total)
    assert len(told) <= ROWS_MAX + 4


def test_names_from_outside_do_no_harm(short):
    evil = "<script>alert(1)</script>"
    found = msgspec.structs.replace(
        short.chosen, source=evil, strategies=(evil,), denials={evil: 3}, failed={evil: evil}, stopped=evil
    )
    html = page(Report(chosen=found, lower=found, upper=found))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_a_strategy_that_raises_is_named(short_spec, tmp_path):
    (tmp_path / "bad.py").write_text(
        "class Bad:\n    id = 'bad'\n    def decide(self, view):\n        raise RuntimeError('oh no')\n"
    )
    done = invoke("backtest", short_spec.data.recordings[0], "--strategy", f"{tmp_path / 'bad.py'}:Bad")
    assert done.exit_code == 0, done.output
    assert re.search(r"^failed: bad +it raised RuntimeError: oh no .*bad.py.*line 4", done.output, re.MULTILINE)


@pytest.mark.parametrize(
    ("args", "error_id"),
    [
        (["--queue", "fifo"], "AGB-583"),
        (["--out", "/proc/no"], "AGB-585"),
        (["--strategy", "nobody"], "AGB-117"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_runs(short_spec, args, error_id):
    done = invoke("backtest", short_spec.data.recordings[0], *args)
    assert isinstance(done.exception, ConfigError)
    assert done.exception.id == error_id


def test_options_for_recordings_mean_nothing_with_a_file(root):
    done = invoke("backtest", root / "examples" / "backtest.yaml", "--strategy", "quoter")
    assert done.exit_code == 2
    assert "only with a recording" in done.output


def test_capital_and_queue_override(short_spec):
    done = invoke("backtest", short_spec.data.recordings[0], "--capital", "250", "--queue", "front", "--json")
    found = msgspec.json.decode(done.stdout, type=Report)
    assert (found.chosen.capital, found.chosen.queue) == (to_units(250), "front")


def test_compare_shows_columns_and_parts(short_spec, tmp_path):
    run(short_spec, journal=tmp_path / "r.agj")
    done = invoke("compare", tmp_path / "r.agj")
    assert done.exit_code == 0, done.output
    assert re.search(r"^figure +live +simulated +ideal$", done.output, re.MULTILINE)
    assert re.search(r"^simulated +decides the same, (\d+) of \1 decisions$", done.output, re.MULTILINE)
    assert re.search(r"^ideal +decides otherwise from decision \d+", done.output, re.MULTILINE)
    names = ["fees", "queue", "decision drift", "missed data", "latency", "gap"]
    parts = re.findall(rf"^({'|'.join(names)}) +(-?\d+(?:\.\d+)?) ", done.output, re.MULTILINE)
    assert [name for name, _ in parts] == names
    assert sum(to_units(usd) for _, usd in parts[:-1]) == to_units(parts[-1][1]) != 0
    assert invoke("compare", tmp_path / "r.agj", "--queue", "no").exception.id == "AGB-583"


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_ticks_are_round_and_within(low, span, about):
    high = low + span
    assume(span > abs(low) * 1e-9)  # finer than that, floats have no round values left between the two
    found = svg.ticks(low, high, about)
    assert 1 <= len(found) <= 3 * about
    assert all(low - span * 1e-6 <= value <= high + span * 1e-6 for value in found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (3661, "1 h 1 min"), (90_061, "1 d 1 h"), (86_400, "1 d")],
)
def test_a_span_in_words(seconds, words):
    assert lasting(seconds * NS_PER_S) == words


def test_delays_in_words():
    ms = NS_PER_MS
    delays = Delays(
        order=Constant(ms // 2), answer=LogNormal(median_ns=ms, p99_ns=9 * ms), feed=Recorded((1, 2), (3, 4))
    )
    assert told(delays) == "order 0.5 ms, answer median 1 ms (99 % below 9 ms), feed as recorded (2 times)"
