"""The fold over frames: what a person sees is what was sent, whatever the order of losses and restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.tui import state as state_module
from agbot.tui import wire
from agbot.tui.series import Series, step_sum
from agbot.tui.state import FILLS_MAX, LOG_MAX, METRICS_MAX, ORDERS_MAX, Applied, Dashboard

GAUGE_AT = 1_763_715_660_000


@pytest.fixture
def board(bot: Any) -> Dashboard:
    found = Dashboard()
    assert found.apply(bot.snapshot()) is Applied.SHOWN
    return found


def book(market_id: str, bid: float, ask: float) -> list[list[Any]]:
    return [
        ["polymarket.book.best_bid", {"market_id": market_id}, "gauge", bid, GAUGE_AT],
        ["polymarket.book.best_ask", {"market_id": market_id}, "gauge", ask, GAUGE_AT],
    ]


def test_a_snapshot_fills_everything(board: Dashboard) -> None:
    assert (board.run.mode, board.run.run_id, board.connected) == ("DEMO", "r-7f3a", True)
    assert len(board.orders) == 16
    assert len(board.fills) == 9
    assert (len(board.log), len(board.denied), len(board.allowed)) == (4, 3, 9)
    assert board.gauge("agbot.equity_usd") == 10_003.52
    assert board.rate() == 412
    assert set(board.lag) == {"clob_market", "clob_user"}
    assert len(board.lag["clob_market"].points) > 100


def test_markets_show_book_spread_and_position_held_first(board: Dashboard) -> None:
    rows = board.markets()
    assert [row.name for row in rows[:2]] == ["btc-over-120k", "sd-lad-winner"]
    held = {row.market_id: (row.yes, row.no) for row in rows if row.yes or row.no}
    assert held == {"m2": (120.0, 0.0), "m3": (0.0, 35.5)}
    assert all(row.bid is not None and row.spread == pytest.approx(0.02) for row in rows)


@pytest.mark.parametrize(("bid", "ask"), [(0, 0.6), (0.4, 1), (0, 1)])
def test_the_ends_of_the_scale_are_empty_sides(board: Dashboard, bot: Any, bid: float, ask: float) -> None:
    board.apply(bot.delta(metrics=book("m0", bid, ask)))
    row = next(row for row in board.markets() if row.market_id == "m0")
    assert (row.bid, row.ask) == (bid or None, ask if ask != 1 else None)
    assert row.spread is None


def test_a_book_of_a_market_never_listed_still_shows(board: Dashboard, bot: Any) -> None:
    board.apply(bot.delta(metrics=book("0x" + "ab" * 32, 0.4, 0.6)))
    assert "0xabab…abab" in [row.name for row in board.markets()]


def test_deltas_move_prices_orders_fills_and_the_log(board: Dashboard, bot: Any) -> None:
    before = len(board.fills)
    board.apply(bot.delta(bot.order(1, "FILLED", "20"), bot.fill(40), bot.decision(4)))
    assert board.orders["o1"].state == "FILLED"
    assert len(board.fills) == before + 1
    assert board.log[-1].label == "denied"
    assert "PositionLimit(m2)" in board.log[-1].text


def test_live_orders_come_first_each_group_newest_first(board: Dashboard, bot: Any) -> None:
    board.apply(bot.delta(bot.order(50), bot.order(51, "DENIED"), bot.order(52)))
    shown = board.newest_orders()
    assert [o.client_order_id for o in shown[:2]] == ["o52", "o50"]
    assert [o.live for o in shown] == sorted((o.live for o in shown), reverse=True)
    assert any(o.state == "UNKNOWN" and o.live for o in shown)


def test_an_older_word_on_an_order_does_not_replace_a_newer(board: Dashboard, bot: Any) -> None:
    late = bot.order(1, "OPEN")
    bot.tick += 5
    newer = bot.order(1, "FILLED", "20")
    bot.tick -= 5
    board.apply(bot.delta(newer, late))
    assert board.orders["o1"].state == "FILLED"


def test_pnl_is_the_sum_over_strategies_and_markets(board: Dashboard, bot: Any) -> None:
    assert board.pnl_usd() == pytest.approx(sum(bot.pnl(n, bot.at()) for n in range(5)))
    times = [at for at, _ in board.pnl.points]
    assert times == sorted(times)
    assert len(times) >= 59
    first_at, first = board.pnl.points[0]
    assert first == pytest.approx(sum(bot.pnl(n, first_at) for n in range(5)), abs=0.6)


def test_step_sum_begins_where_every_series_is_known() -> None:
    a, b = ("p", ()), ("p", (("market", "m"),))
    assert step_sum({a: [(1, 1.0), (4, 2.0)], b: [(3, 10.0)]}) == [(3, 11.0), (4, 12.0)]
    assert step_sum({}) == []


def test_the_kill_switch_by_event_and_by_gauge(board: Dashboard, bot: Any) -> None:
    gauge = ["polymarket.risk.kill_switch", {}, "gauge", 1, GAUGE_AT]
    board.apply(bot.delta(bot.kill(), metrics=[gauge]))
    assert (board.kill_on, board.kill_reason) == (True, "odd fills")
    assert board.log[-1].label == "KILL"
    board.apply(bot.delta(metrics=[[*gauge[:3], 0, GAUGE_AT]]))
    assert (board.kill_on, board.kill_reason) == (False, "")
    board.apply(bot.delta(metrics=[gauge]))
    assert board.kill_on


def test_a_strategys_switch_is_in_the_log_and_is_not_the_accounts(board: Dashboard, bot: Any) -> None:
    body = {"on": True, "reason": "odd", "by": "ann", "scope": "strategy", "name": "quoter"}
    board.apply(bot.delta(bot.line("kill_switch", body)))
    assert not board.kill_on
    assert board.log[-1].text == "kill switch of strategy quoter ON: odd (ann)"


def test_a_terminal_that_comes_later_is_told_why_the_switch_is_on(bot: Any) -> None:
    board = Dashboard()
    frame = bot.snapshot(kill_switch=bot.kill())
    [gauge] = [row for row in frame["metrics"] if row[0] == "polymarket.risk.kill_switch"]
    gauge[3] = 1
    board.apply(frame)
    board.apply(frame)
    assert (board.kill_on, board.kill_reason) == (True, "odd fills")
    assert [row.text for row in board.log if row.label == "KILL"] == ["kill switch ON: odd fills (ann)"]


def test_the_gauge_outweighs_an_older_event_in_a_snapshot(bot: Any) -> None:
    board = Dashboard()
    board.apply(bot.snapshot(logs=[bot.kill(True)]))
    assert not board.kill_on  # the synthetic bot's gauge says 0


def test_a_gap_asks_for_a_snapshot_and_changes_nothing(board: Dashboard, bot: Any) -> None:
    orders = dict(board.orders)
    bot.tick += 1
    assert board.apply(bot.delta(bot.order(99))) is Applied.GAP
    assert board.orders == orders
    assert board.apply(bot.delta()) is Applied.GAP  # until the snapshot
    assert board.apply(bot.snapshot()) is Applied.SHOWN
    assert board.apply(bot.delta()) is Applied.SHOWN


def test_a_delta_before_any_snapshot_is_a_gap(bot: Any) -> None:
    assert Dashboard().apply(bot.delta()) is Applied.GAP


@pytest.mark.parametrize(
    "frame",
    [
        *(None, 3, "x", [], {}),
        {"v": 2, "kind": "snapshot", "tick": 1},
        {"v": 1, "kind": "poem", "tick": 1},
        {"v": 1, "kind": "snapshot"},
        {"v": 1, "kind": "snapshot", "tick": True},
        {"v": "1", "kind": "delta", "tick": 2},
    ],
)
def test_foreign_frames_change_nothing(board: Dashboard, frame: object) -> None:
    before = (board.tick, board.at_ms, len(board.orders))
    assert board.apply(frame) is Applied.FOREIGN
    assert (board.tick, board.at_ms, len(board.orders)) == before


def test_a_monitor_that_restarted_empty_does_not_wipe_the_screen(board: Dashboard, bot: Any) -> None:
    orders, fills = dict(board.orders), list(board.fills)
    empty = {"metrics": [], "series": {}, "markets": {}, "orders": [], "fills": [], "decisions": [], "logs": []}
    board.apply(bot.snapshot(run=None, connected=False, **empty))
    assert not board.connected
    assert (board.run.mode, board.orders, list(board.fills)) == ("DEMO", orders, fills)
    assert board.gauge("agbot.equity_usd") == 10_003.52
    board.apply(bot.delta(bot.line("run", bot.run())))
    assert board.orders == orders
    assert "started" not in board.log[-1].text  # the same run, told again


def test_the_same_snapshot_again_doubles_nothing(board: Dashboard, bot: Any) -> None:
    def all_of() -> object:
        held = (board.fills, board.log, board.allowed, board.denied, board.orders, board.pnl.points)
        return [list(each) for each in held]

    before = all_of()
    board.apply(bot.snapshot())
    assert all_of() == before


@pytest.mark.parametrize("how", ["snapshot", "delta"])
def test_another_run_starts_clean_but_keeps_the_log(
    board: Dashboard, bot: Any, make_bot: Callable[..., Any], how: str
) -> None:
    said = list(board.log)
    other = make_bot(run_id="r-2", mode="PAPER", seconds=90)
    other.tick = bot.tick
    if how == "snapshot":
        board.apply(other.snapshot(orders=[], fills=[], decisions=[], logs=[], markets={}, metrics=[], series={}))
    else:
        board.apply(other.delta(other.line("run", other.run()), metrics=[]))
    assert (board.run.mode, board.run.run_id) == ("PAPER", "r-2")
    assert not board.orders
    assert not board.fills
    assert not board.markets()
    assert not board.pnl.points
    assert board.pnl_usd() is None
    assert list(board.log)[: len(said)] == said


def test_the_end_of_a_run_keeps_its_description(board: Dashboard, bot: Any) -> None:
    end = {"run_id": "r-7f3a", "ended": True, "exit_code": 0, "reason": "SIGTERM"}
    board.apply(bot.delta(bot.line("run", end), connected=False))
    assert (board.run.mode, board.run.ended, board.run.exit_code, board.run.reason) == ("DEMO", True, "0", "SIGTERM")
    assert "ended, exit 0: SIGTERM" in board.log[-1].text


def test_a_bot_that_is_away_adds_no_pnl_points(board: Dashboard, bot: Any) -> None:
    points = list(board.pnl.points)
    bot.tick += 100
    board.tick = bot.tick
    board.apply(bot.delta(connected=False))
    assert list(board.pnl.points) == points


def test_everything_is_bounded(board: Dashboard, bot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [e for n in range(2000) for e in (bot.order(n, "FILLED"), bot.fill(n), bot.decision(n))]
    monkeypatch.setattr(state_module, "METRICS_MAX", 500)
    many = [["custom", {"n": str(n)}, "gauge", n, GAUGE_AT] for n in range(1000)]
    for n, event in enumerate(events):
        event["timestamp"] += n
    board.apply(bot.delta(*events, metrics=many))
    assert (len(board.orders), len(board.fills), len(board.log)) == (ORDERS_MAX, FILLS_MAX, LOG_MAX)
    assert sum(map(len, board._metrics.values())) == 500 < METRICS_MAX
    assert "o1999" in board.orders


def test_live_orders_outlive_done_ones_at_the_bound(bot: Any) -> None:
    board = Dashboard()
    board.apply(bot.snapshot(orders=[bot.order(0, "OPEN")]))
    board.apply(bot.delta(*(bot.order(n, "CANCELLED") for n in range(1, ORDERS_MAX + 100))))
    assert "o0" in board.orders
    assert len(board.orders) == ORDERS_MAX


def test_both_spellings_of_a_snapshots_events(bot: Any) -> None:
    bare, enveloped = Dashboard(), Dashboard()
    bare.apply(bot.snapshot(orders=[bot.order(1)["event"]], decisions=[bot.decision(4)["event"]]))
    enveloped.apply(bot.snapshot(orders=[bot.order(1)], decisions=[bot.decision(4)]))
    assert bare.orders["o1"].state == enveloped.orders["o1"].state == "OPEN"
    assert [r.text for r in bare.log if r.label == "denied"] == [r.text for r in enveloped.log if r.label == "denied"]


@pytest.mark.parametrize(
    ("kind", "body", "label", "part"),
    [
        ("position_opened", {"outcome": "YES", "size": "20", "average_price": "0.5"}, "opened", "YES 20 @ 0.5"),
        ("position_closed", {"outcome": "NO", "size": "0", "realised_usd": "1.2"}, "closed", "NO realised 1.2 usd"),
        ("log", {"level": "error", "event": "venue.lost", "code": 7}, "error", "venue.lost code=7"),
        ("decision", {"allowed": False, "violated": [], "why": "w"}, "denied", "w"),
        ("kill_switch", {"on": False, "reason": "fine", "by": "bob"}, "kill off", "fine (bob)"),
        ("run", {"run_id": "r-9", "mode": "PAPER"}, "run", "PAPER r-9 started"),
    ],
)
def test_log_lines(board: Dashboard, bot: Any, kind: str, body: dict[str, Any], label: str, part: str) -> None:
    board.apply(bot.delta(bot.line(kind, body)))
    assert board.log[-1].label == label
    assert part in board.log[-1].text


def test_unknown_events_and_missing_fields_are_no_trouble(board: Dashboard, bot: Any) -> None:
    said = list(board.log)
    odd = [bot.line("weather", {"x": 1}), bot.line("order", {}), bot.line("fill", {}), {}, 3, None, {"event": 4}]
    assert (
        board.apply(bot.delta(*odd, metrics=[1, [], ["a", 3, "gauge", "x", None], [2, {}, "", 1, 1]])) is Applied.SHOWN
    )
    assert list(board.log) == said


def test_nothing_from_the_wire_reaches_into_the_terminal() -> None:
    assert wire.text({"slug": "a\x1b[2J\x07b\nc\u202ed\x9b1m"}, "slug") == "a [2J b c d 1m"
    assert wire.text({"slug": "x" * 10_000}, "slug") == "x" * wire.TEXT_MAX
    assert wire.text({"slug": ["x"]}, "slug") == wire.text({"slug": None}, "slug") == wire.text({}, "slug") == ""


@pytest.mark.parametrize("value", [None, "1", True, [], float("nan"), float("inf"), 10**400])
def test_what_is_no_number(value: object) -> None:
    assert wire.number(value) is None
    assert wire.whole(value) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
kinds = st.sampled_from(["order", "fill", "decision", "log", "run", "market", "kill_switch", "position_opened", "x"])
lines = st.fixed_dictionaries({"timestamp": json_values, "event_type": kinds, "event": json_values}) | json_values
names = st.sampled_from(["strategy.pnl_usd", "polymarket.rtds.lag_ms", "polymarket.book.best_bid", "x"])
entries = st.tuples(names, json_values, json_values, json_values, json_values).map(list) | json_values
series_keys = names.flatmap(lambda n: st.sampled_from([n, f"{n}|", f'{n}|{{"topic": "t"}}', f"{n}|junk"]))
frames = st.fixed_dictionaries(
    {"v": st.just(1), "kind": st.sampled_from(["snapshot", "delta"]), "tick": st.integers(0, 3)},
    optional={
        "at": json_values,
        "run": json_values | lines,
        "connected": json_values,
        "metrics": st.lists(entries, max_size=4) | json_values,
        "series": st.dictionaries(series_keys, json_values | st.lists(st.lists(json_values, max_size=3), max_size=4)),
        "markets": st.dictionaries(st.text(max_size=4), json_values, max_size=3) | json_values,
        "events": st.lists(lines, max_size=4) | json_values,
        **{name: st.lists(lines, max_size=4) | json_values for name in ("orders", "fills", "decisions", "logs")},
    },
)


@given(st.lists(frames, max_size=6))
def test_no_frame_ever_raises(sent: list[Any]) -> None:
    board = Dashboard()
    for frame in sent:
        board.apply(frame)
        board.markets()
        board.newest_orders()
        board.pnl_usd()
        board.lag_ms()


@given(
    st.lists(st.tuples(st.integers(0, 500_000), st.floats(-1e6, 1e6)), max_size=80),
    st.sampled_from([(60_000, 250), (600_000, 1_000), (1_000, 1_000)]),
)
def test_a_series_is_ordered_bounded_and_ends_with_the_newest(points: list[tuple[int, float]], shape: Any) -> None:
    series = Series(*shape)
    for at_ms, value in points:
        series.add(at_ms, value)
    times = [at for at, _ in series.points]
    assert times == sorted(times)
    assert len({at // shape[1] for at in times}) == len(times)
    if points:
        assert times[-1] - times[0] <= shape[0]
        assert series.points[-1] in points


def test_a_clock_set_far_back_starts_the_series_anew() -> None:
    series = Series(1_000, 10)
    series.add(100_000, 1.0)
    series.add(99_500, 2.0)
    assert list(series.points) == [(100_000, 1.0)]
    series.add(5_000, 3.0)
    assert list(series.points) == [(5_000, 3.0)]
