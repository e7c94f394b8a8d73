"""What the terminal asks of a running bot: a market's ladder, and the strategies."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import trio

from agbot.errors import ConfigError, NotFoundError
from agbot.model.order import OrderState, Side
from agbot.run import strategy_view
from agbot.run.embed import demo_bot
from agbot.run.ladder import ladder
from agbot.run.strategy_view import VALUES_MAX, _Plain, metadata, strategies


async def test_a_ladder_has_our_orders_at_their_level_in_yes_prices() -> None:
    async with demo_bot(seed=3, strategies=["quoter"]) as bot:
        engine = bot.session.engine
        with trio.fail_after(60):
            while sum(record.state is OrderState.OPEN for record in engine.oms.all_live()) < 4:
                await trio.sleep(0.02)
        market = next(m for m in engine.markets.values() if list(engine.oms.live(m.id)))
        told = ladder(engine, {"market": market.slug, "levels": 3}, in_book=True)
        live = {record.command.client_order_id: record for record in engine.oms.live(market.id)}
        asked = await bot.session.handlers()["ladder"]({"market": market.id})
        of_no = ladder(engine, {"market": market.slug, "outcome": "no", "levels": 3}, in_book=True)
    assert json.loads(json.dumps(told)) == told
    assert told["market_id"] == asked["market_id"] == market.id
    assert not asked["in_book"]
    assert 0 < len(told["bids"]) <= 3
    bids, asks = ([Decimal(price) for price, _ in told[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert (told["market"], told["outcome"], told["token"]) == (market.name, "YES", market.yes)
    assert (of_no["outcome"], of_no["token"], told["updated_ns"] > 0) == ("NO", market.no, True)
    for other, side in (("ask", "bids"), ("bid", "asks")):
        assert [str(1 - Decimal(price)) for price, _ in of_no[f"{other}s"]] == [price for price, _ in told[side]]
        ours = [1 - Decimal(order["price"]) for order in of_no["orders"] if order["side"] == other]
        assert ours == [Decimal(order["price"]) for order in told["orders"] if f"{order['side']}s" == side]
    assert set(told["doubts"]) == set(engine.markets)
    assert {order["client_order_id"] for order in told["orders"]} == set(live)
    for order in told["orders"]:
        command = live[order["client_order_id"]].command
        of_yes = command.token == market.yes
        assert order["side"] == ("bid" if (command.side is Side.BUY) == of_yes else "ask")
        own = Decimal(command.price) / 10**6
        assert Decimal(order["price"]) == (own if of_yes else 1 - own)


@pytest.mark.parametrize(("request_", "error"), [
    ({"market": "nowhere"}, NotFoundError), ({}, NotFoundError),
    ({"market": "demo-rate-cut", "outcome": "maybe"}, ConfigError),
    *(({"market": "m", "levels": levels}, ConfigError) for levels in (0, 201, -1, "3", True, 2.5, None)),
])  # fmt: skip
async def test_what_a_ladder_cannot_be_asked(request_: dict[str, Any], error: type[Exception]) -> None:
    async with demo_bot(seed=3) as bot:
        with pytest.raises(error):
            ladder(bot.session.engine, request_, in_book=False)


async def test_strategies_say_what_they_are_and_why_they_stand_still() -> None:
    async with demo_bot(seed=3, strategies=["quoter", "maker"]) as bot:
        engine = bot.session.engine
        engine.state.gate.kill("too wild", "strategy", "maker")
        told = strategies(engine)
    assert json.loads(json.dumps(told)) == told
    assert told["run_id"] == engine.settings.run_id
    rows = {row["id"]: row for row in told["strategies"]}
    assert (rows["quoter"]["stopped"], rows["maker"]["stopped"]) == ("", "too wild")
    assert rows["maker"]["metadata"]["model"]
    assert rows["quoter"]["metadata"] == {}
    assert rows["quoter"]["markets"] == list(engine.markets)


class _Fails:
    def __init__(self, told: object) -> None:
        self._told = told

    def metadata(self) -> object:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


@pytest.mark.parametrize(("told", "said"), [
    (AssertionError("x"), {"metadata failed": "AssertionError"}), ([1], {"metadata": [1]}),
    ({"a": float("inf"), 2: Decimal("0.10"), "c": (None, True)}, {"a": "inf", "2": "0.10", "c": [None, True]}),
    ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {"a": {"b": {"c": {"d": "{'e': 1}"}}}}),
])  # fmt: skip
async def test_odd_words_of_a_strategy_stop_nothing(told: object, said: object, monkeypatch: Any) -> None:
    async with demo_bot(seed=3) as bot:
        engine = bot.session.engine
        monkeypatch.setattr(engine.coordinator, "strategy", lambda _id: _Fails(told))
        assert metadata(engine, "x") == said  # type: ignore[arg-type]


def test_what_a_strategy_says_is_bounded() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert len(_Plain({}).of(list(range(10 * VALUES_MAX)))) < VALUES_MAX
    assert len(json.dumps(_Plain({}).of({"x": endless, "y": "z" * 10_000}))) < 1000
    assert strategy_view.DEPTH_MAX == 4
