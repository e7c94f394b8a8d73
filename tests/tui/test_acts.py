"""What the keys do to a bot: asked first, sent to the bot on the screen and to no other, told what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from agbot.errors import AgbotError
from agbot.latch import Latch
from agbot.tui import acts as acts_module
from agbot.tui.acts import Acts
from agbot.tui.app import AgbotApp
from agbot.tui.asks import Asks
from agbot.tui.screens.confirm import ConfirmScreen
from agbot.tui.screens.story import StoryScreen, seen
from tests.tui.answers import Answer, FakeControl, answers, ladder


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ag") as name:
        yield Path(os.path.realpath(name))


def watched(bot: Any, state_dir: Path | None) -> AgbotApp:
    app = AgbotApp(None, state_dir=state_dir, by="ann")
    app.take(bot.snapshot())
    return app


def told() -> dict[str, Any]:
    receipt = {"on": True, "orders_cancelled": 3, "orders_left": 0}
    return {**answers(), "cancel": {"order_id": "o1", "status": "CANCELLED"}, "killswitch": receipt}


def said(app: AgbotApp) -> str:
    return str(app.screen.query_one("#said", Static).content)


def done(app: AgbotApp) -> bool:
    return isinstance(app.screen, ConfirmScreen) and app.screen._stage == "done"


def test_c_cancels_the_selected_order_after_a_y(run_app: Any, bot: Any, state_dir: Path, until: Any) -> None:
    app = watched(bot, state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "down")
        row = app.sheet().selected  # type: ignore[union-attr]
        await pilot.press("c")
        assert row.story in said(app)
        assert "20 at 0." in said(app)
        await pilot.press("n")
        assert not isinstance(app.screen, ConfirmScreen)
        assert control.asked == []
        await pilot.press("c", "y")
        await until(lambda: done(app), "the answer")
        assert said(app) == f"{row.story} is CANCELLED."
        assert control.of("cancel") == [{"op": "cancel", "order_id": row.story}]
        await pilot.press("q")  # any key goes back, and does nothing else
        assert not isinstance(app.screen, ConfirmScreen)

    with FakeControl(state_dir, told()) as control:
        run_app(app, steps)


def test_an_order_that_has_ended_is_not_cancelled(run_app: Any, bot: Any, state_dir: Path) -> None:
    app = watched(bot, state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "end", "c")
        assert not isinstance(app.screen, ConfirmScreen)
        await pilot.press("5", "c")  # a strategy is no order
        assert not isinstance(app.screen, ConfirmScreen)

    run_app(app, steps)


def test_x_stops_a_strategy_and_starts_it_again(run_app: Any, bot: Any, state_dir: Path, until: Any) -> None:
    app = watched(bot, state_dir)
    app.dashboard.told.take("strategies", answers()["strategies"])

    async def steps(pilot: Any) -> None:
        await pilot.press("5", "x")
        assert "its orders are cancelled" in said(app)
        await pilot.press("y")
        await until(lambda: done(app), "the receipt")
        assert "orders cancelled: 3" in said(app)
        assert Latch(state_dir / "latch").read().scoped("strategy", "quoter")
        await pilot.press("x")  # back
        await pilot.press("down", "x")
        assert "it raised KeyError" in said(app)
        await pilot.press("y")
        await until(lambda: done(app), "the answer")
        assert said(app) == "maker is asked again."

    with FakeControl(state_dir, told()) as control:
        run_app(app, steps)
    signed = {"op": "killswitch", "reason": "from the terminal", "by": "ann", "scope": "strategy"}
    assert control.of("killswitch") == [
        {**signed, "on": True, "name": "quoter"},
        {**signed, "on": False, "name": "maker"},
    ]


@pytest.mark.parametrize(
    ("where", "run_id", "error_id"), [("here", "another", "AGB-528"), ("gone", "", "AGB-501"), (None, "", "AGB-523")]
)
def test_what_cannot_be_done_is_said(
    run_app: Any, bot: Any, state_dir: Path, until: Any, where: str | None, run_id: str, error_id: str
) -> None:
    app = watched(bot, None if where is None else state_dir if where == "here" else state_dir / where)

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "c", "y")
        await until(lambda: done(app), "the refusal")
        assert said(app).startswith("NOT DONE")
        assert error_id in said(app)

    with FakeControl(state_dir, {**told(), "status": {"run_id": run_id}}) as control:
        run_app(app, steps)
    assert control.of("cancel") == []


def test_w_tells_at_once_what_was_seen_then_the_whole_story(
    run_app: Any, bot: Any, state_dir: Path, until: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = watched(bot, state_dir)
    asked: list[tuple[str, ...]] = []

    async def explain(_directory: Path, order_id: str, *more: str) -> tuple[int, str, str]:
        asked.append((order_id, *more))
        return (4, "", "no such order") if more else (0, f"story of {order_id}\n\nwho said what\n", "")

    async def steps(pilot: Any) -> None:
        await pilot.press("3", "w")
        assert isinstance(app.screen, StoryScreen)
        await until(lambda: "who said what" in text_of(app), "the story")
        await pilot.press("w")
        assert not isinstance(app.screen, StoryScreen)
        await pilot.press("4", "enter")  # of a fill
        assert isinstance(app.screen, StoryScreen)
        await pilot.press("q")
        assert app.is_running

    monkeypatch.setattr(acts_module, "_explain", explain)
    run_app(app, steps)
    first = asked[0][0]
    assert asked[:2] == [(first, "--run", "r-7f3a"), (first,)]  # not of this run: then of all


def test_what_a_terminal_saw_of_an_order(bot: Any, app: AgbotApp) -> None:
    app.take(bot.delta({**bot.decision(4), "event": {**bot.decision(4)["event"], "client_order_id": "o9"}}))
    app.take(bot.delta(bot.fill(9), bot.order(9, "CANCELLED", "12.5", reason="operator", strategy_id="quoter")))
    lines = seen(app.dashboard, "o9").splitlines()
    assert lines[0] == "order   o9"
    assert "by quoter" in lines[2]
    assert any("denied: PositionLimit(m2)" in line for line in lines)
    assert any("filled 12.5 at 0." in line for line in lines)
    assert any("CANCELLED since" in line for line in lines)
    assert seen(app.dashboard, "nobody").strip() == "nobody"


async def _story(acts: Acts) -> str:
    return await acts.story("o1")


@pytest.mark.parametrize("directory", [True, False])
def test_a_story_that_is_not_told_says_why(state_dir: Path, directory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio  # noqa: PLC0415

    monkeypatch.setattr(sys, "executable", "/bin/false")
    acts = Acts(state_dir if directory else None, "ann", lambda: "")
    with pytest.raises(AgbotError, match="agbot explain" if directory else "another machine") as caught:
        asyncio.run(_story(acts))
    assert caught.value.id == ("AGB-930" if directory else "AGB-523")


def test_the_screen_in_sight_says_what_is_asked(run_app: Any, bot: Any, state_dir: Path, until: Any) -> None:
    app = watched(bot, state_dir)
    views = {"risk": "risk", "feeds": "feeds", "strategies": "strategies"}

    async def steps(pilot: Any) -> None:
        asks = Asks(state_dir, app.dashboard, lambda: app.view, app._heard)
        board = app.dashboard
        app.run_worker(asks.run())
        await until(lambda: board.told.of("status"), "the status")
        assert {asked["op"] for asked in control.asked} == {"status"}
        for view, op in views.items():
            await app.action_go(view)
            await until(lambda op=op: board.told.of(op), op)  # type: ignore[misc]
        await app.action_go("markets")
        await until(board.told.ladder, "the ladder")
        market = board.told.market
        await pilot.press("down")
        await until(lambda: board.told.ladder().get("market_id") == board.told.market != market, "the other ladder")
        control.told["status"] = {"run_id": "another"}
        await until(lambda: "another run" in board.told.why, "the other run")
        assert board.told.ladder() == {}
        app.workers.cancel_all()

    def of_market(asked: Answer) -> Answer:
        return ladder(asked["market"])

    with FakeControl(state_dir, {**told(), "ladder": of_market}) as control:
        run_app(app, steps)


def test_a_bot_that_does_not_answer_is_said_to(
    run_app: Any, bot: Any, state_dir: Path, until: Any, text_of: Any
) -> None:
    app = watched(bot, state_dir)

    async def steps(pilot: Any) -> None:
        app.run_worker(Asks(state_dir, app.dashboard, lambda: app.view, app._heard).run())
        await pilot.press("2")
        await until(lambda: "AGB-501" in app.dashboard.told.why, "the refusal")
        await until(lambda: "AGB-501" in text_of(app), "it on the screen")
        app.workers.cancel_all()

    run_app(app, steps, (200, 50))
