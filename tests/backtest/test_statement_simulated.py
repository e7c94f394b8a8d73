"""The statement of a simulated run is its own money; the page and the command say what the statement says."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import msgspec
import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.backtest.lived import lived
from agbot.backtest.loop import VirtualLoop
from agbot.backtest.statement import Span, day_of
from agbot.backtest.statement_page import page
from agbot.backtest.statement_table import to_csv
from agbot.backtest.statements import runs_of, state
from agbot.errors import AgbotError, ConfigError
from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    OperatorOrder,
)
from agbot.model.market import Outcome
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.engine import Recorder
from agbot.settings import Settings, StrategySettings
from agbot.store.carry import carry_from
from agbot.store.history import read_history
from agbot.store.journal import Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.units import NS_PER_S, SCALE
from tests.backtest.written import MIDNIGHT_NS, adds_up, statement

# ---------------------------------------------------------------- a simulated run


@pytest.fixture(scope="module")
def simulated(root, tmp_path_factory):
    """Write two runs of two strategies on the demo's markets: over midnight, then a restart with what was held."""
    whole = read_history(root / "tests/data/demo-120s.agh")
    groups = list(islice(whole.groups(), 160))
    shift = MIDNIGHT_NS - 15 * NS_PER_S - groups[0][0]
    moved = [(ts + shift, [msgspec.structs.replace(m, ts_ns=m.ts_ns + shift) for m in group]) for ts, group in groups]
    folder, half = tmp_path_factory.mktemp("simulated"), len(moved) // 2
    capital, carried = 10_000 * SCALE, ()
    for part in (moved[:half], moved[half:]):
        path = folder / f"{part[0][0]}-paper.agj"
        _simulate(path, whole.markets, part, capital, carried)
        left = carry_from(path)
        capital, carried = left.cash, left.positions
    return folder, left


def _simulate(path, markets, groups, capital, carried):
    mine, *theirs = markets
    names = tuple(market.id for market in theirs)
    chosen = (StrategySettings(name="quoter", markets=names), StrategySettings(name="maker", markets=names[:1]))
    made = Settings(strategies=chosen)
    header = header_of(
        made, run_id=path.stem, mode="PAPER", started_ns=groups[0][0], source="x", capital=capital, carried=carried
    )
    engine, journal = engine_of(header), Journal(path, durable=False)
    recorder = Recorder(engine, journal, header)
    tokens = {(market.id, o): market.token(o) for market in markets for o in Outcome}
    positions = {tokens[c.market, c.outcome]: c.size for c in carried}
    bought = OperatorOrder(
        "q", mine.id, mine.yes, Side.BUY, OrderType.LIMIT, 990_000, 20 * SCALE, TimeInForce.FAK, False, 0, 0
    )
    asked = iter([bought])

    def step(now_ns, batch):
        more = list(asked) if now_ns > groups[20][0] else []
        return recorder.step(now_ns, [*batch, *more])[0]

    loop = VirtualLoop(step, PaperMatcher(capital, positions=positions), markets, iter(groups))
    for _ in (*loop.run(), *loop.finish("end")):
        pass
    recorder.end(loop.now_ns, "end")
    journal.close()


def test_a_simulated_run_adds_up_to_its_own_money(simulated):
    folder, left = simulated
    said = adds_up(statement(folder, "week", MIDNIGHT_NS))
    assert said.brought == 0
    assert said.closing - said.unrealised == left.cash + sum(c.cost for c in left.positions)
    assert {"quoter", "maker", "operator"} >= set(said.strategies) >= {"operator"}
    assert [d.pnl != 0 for d in said.days[-2:]] == [True, True]
    assert said.fees > 0
    assert said.orders > said.fills > 0


def test_it_is_what_running_the_strategies_again_finds(simulated):
    path = min(simulated[0].glob("*.agj"))
    said = state(runs_of([path]), "week", Span.ending("week", day_of(MIDNIGHT_NS)))
    again = lived(path).result
    assert (said.pnl, said.fees, said.fills, said.turnover) == (again.pnl, again.fees, again.trades, again.turnover)
    assert said.closing == again.equity
    told = Counter[str]()
    for denial in said.denials:
        told[denial.rule] += denial.times
    assert told == again.denials
    assert said.markouts == again.markouts


def test_the_page_is_whole_and_says_what_the_table_says(simulated):
    said = statement(simulated[0], "week", MIDNIGHT_NS)
    html = page(said)
    assert html.startswith("<!doctype html>")
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert html.count("<svg") >= 4
    assert "PnL by strategy and market" in html


# ---------------------------------------------------------------- the command


@pytest.fixture
def report(simulated, tmp_path):
    state_dir = tmp_path / "state"
    state_dir.mkdir(mode=0o700)
    (state_dir / "runs").symlink_to(simulated[0])

    def run(*words):
        return CliRunner().invoke(cli.cli, ["report", *words, "--state-dir", str(state_dir)])

    return run


def test_the_command_prints_one_table_json_csv_and_a_page(report, simulated, tmp_path):
    last = day_of(MIDNIGHT_NS).isoformat()
    said = statement(simulated[0], "week", MIDNIGHT_NS)
    text = report("week", "--end", last, "--html", str(tmp_path / "week.html")).output
    assert "equity after, usd" in text
    assert "no incidents" in text
    assert (tmp_path / "week.html").read_text() == page(said)
    told = json.loads(report("week", "--end", last, "--json").output)
    assert (told["pnl"], told["unexplained"], told["closing"]) == (said.pnl, 0, said.closing)
    assert report("week", "--end", last, "--csv").output == to_csv(said)


def test_a_single_run_is_reported_up_to_its_own_last_day(report, simulated):
    first = min(path.stem for path in simulated[0].glob("*.agj"))
    told = json.loads(report("day", "--run", first, "--json").output)
    assert told["runs"] == [first]
    assert told["days"][0]["day"] == day_of(MIDNIGHT_NS).isoformat()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["day", "--end", "soon"], "AGB-107"),
        (["day", "--end", "1971-01-01"], "AGB-926"),
        (["day", "--run", "no"], "AGB-604"),
    ],
)
def test_what_cannot_be_reported(report, words, error):
    found = report(*words).exception
    assert isinstance(found, AgbotError)
    assert found.id == error


def test_a_page_that_cannot_be_written(report, tmp_path):
    found = report("day", "--end", day_of(MIDNIGHT_NS).isoformat(), "--html", str(tmp_path / "no" / "x.html")).exception
    assert isinstance(found, ConfigError)
    assert found.id == "AGB-585"
