"""The breakers, the table of copies and the health at a venue that is ill, on loopback."""

from __future__ import annotations

import pytest
import trio

from agbot.core.breaker import IN_A_ROW
from agbot.errors import VenueHeld, VenueUnavailable
from agbot.model.events import Health
from agbot.testing.trading import TradingBench, hurried, trading
from agbot.testing.venue_stub import error

TIMED_OUT = error(500, "order timed out")
POST = ("POST", "/order")


@pytest.fixture(autouse=True)
def hurry():
    with hurried():
        yield


def later(bench: TradingBench) -> None:
    """Let a minute pass for the breakers."""
    bench.venue.care._now_s = lambda: trio.current_time() + 60.0


async def ill(bench: TradingBench) -> None:
    """Two orders fail five times between them; the second one's last copy is held back."""
    bench.stub.reply(*POST, TIMED_OUT, times=IN_A_ROW)
    with pytest.raises(VenueUnavailable):
        await bench.venue.place_order(bench.order())
    with pytest.raises(VenueHeld, match="submit failed 5 times in a row; tried again in"):
        await bench.venue.place_order(bench.order())


async def test_after_five_failures_nothing_is_sent_until_one_trial_has_gone_well() -> None:
    async with trading() as bench:
        await ill(bench)
        assert bench.venue.condition().health is Health.DOWN
        with pytest.raises(VenueHeld):
            await bench.venue.place_order(bench.order())
        assert len(bench.posted()) == IN_A_ROW
        later(bench)
        assert bench.venue.condition().health is Health.HEALTHY
        await bench.venue.place_order(bench.order())
        await bench.venue.place_order(bench.order())
        assert (len(bench.posted()), len(bench.orders_at_venue())) == (IN_A_ROW + 2, 2)


async def test_a_cancel_goes_while_no_order_does() -> None:
    async with trading() as bench:
        resting = bench.order(price="0.10")
        await bench.venue.place_order(resting)
        await ill(bench)
        await bench.venue.cancel_order(resting.client_order_id)
        assert not bench.stub.exchange.live
        assert len(bench.stub.asked("DELETE", "/order")) == 1


async def test_every_request_is_measured() -> None:
    async with trading() as bench:
        bench.venue.care.drain()
        await ill(bench)
        calls = [call for call in bench.venue.care.drain() if call.operation == "submit"]
        assert [call.error for call in calls] == ["unavailable"] * IN_A_ROW
        assert all(0 < call.seconds < 10 for call in calls)
        assert 0 < bench.venue.utilisation()["signer-orders"] < 1
