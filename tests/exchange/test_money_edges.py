"""Money at its edges: the smallest sizes, extreme prices, and what comes at the wrong moment."""

from __future__ import annotations

import pytest

from agbot.exchange.core.model import Event, Refused
from agbot.units import SCALE
from tests.exchange.flow import make_listing
from tests.exchange.test_core import ANN, Desk


def test_a_question_is_converted_once() -> None:
    cup = Event(id="cup", slug="cup", title="Cup", neg_risk=True, neg_risk_id="0x" + "c" * 64)
    markets = [make_listing(f"cup-{n}", event=cup, neg_risk=True) for n in range(3)]
    desk = Desk(markets[0])
    for market in markets[1:]:
        desk.core.list_market(market, desk.now)
    desk.pairs(ANN, 10)
    with pytest.raises(Refused, match="conversion"):
        desk.core.convert(ANN, [markets[0], markets[0]], 10 * SCALE, desk.now)
    assert desk.shares(ANN, "NO") == 10
    assert list(desk.core.accounts.faults()) == []
