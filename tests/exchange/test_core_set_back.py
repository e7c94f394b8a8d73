"""A clock that is set back: what waits for a span of time waits as long, what waits for a time of day until then."""

from __future__ import annotations

from agbot.exchange.core.model import OrderStatus
from agbot.model.order import TimeInForce
from agbot.units import NS_PER_S
from tests.exchange.flow import make_listing
from tests.exchange.test_core import ANN, BOB, Desk


def test_an_hour_back_changes_no_span_and_no_time_of_day() -> None:
    hour = 3600 * NS_PER_S
    desk = Desk(make_listing(delay_ns=NS_PER_S))
    desk.place(BOB, "BUY", "NO", "30", "0.5")
    desk.now += NS_PER_S
    delayed = desk.place(ANN, "BUY", "YES", "10", "0.5").order
    desk.now -= hour
    desk.core.advance(desk.now)
    until_s = desk.now // NS_PER_S + 300
    good = desk.place(ANN, "BUY", "YES", "10", "0.4", order_type=TimeInForce.GTD, expiration_s=until_s).order
    assert delayed.status is OrderStatus.DELAYED
    desk.now += NS_PER_S
    desk.core.advance(desk.now)
    assert delayed.status is OrderStatus.MATCHED
    desk.settle()
    assert desk.shares(ANN, "YES") == 10
    assert good.status is OrderStatus.LIVE
    desk.core.advance(until_s * NS_PER_S)
    assert good.status is OrderStatus.CANCELED_EXPIRED_ORDER
