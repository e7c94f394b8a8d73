"""Each fact says who told it, also what was held back for a while."""

from __future__ import annotations

import pytest

from agbot.model.events import OrderCancelled, OrderFilled, Source
from agbot.model.order import OrderState
from agbot.units import SCALE
from agbot.venue.polymarket.own import Stage
from tests.venue.polymarket.test_ledger import Bench, maker, record, trade

S = OrderState


@pytest.fixture
def bench():
    return Bench()


def sources(said):
    return [evidence.source for evidence in said]


def test_each_fact_says_who_told_it(bench):
    own = bench.order()
    assert sources(bench.hear(trade(makers=[maker("0xo", 4)]))) == [Source.SOCKET]
    assert sources(bench.ledger.hear(trade("t2", makers=[maker("0xo", 2)]), Source.READ)) == [Source.READ]
    assert sources(bench.ledger.gone(own, S.CANCELLED, "x", counted=True)) == [Source.REPLY]
    assert sources(bench.ledger.found(bench.order("p"), record("0xp", "CANCELED"))) == [Source.READ]
    lost = bench.order("q")
    assert sources(bench.ledger.gone(lost, S.CANCELLED, "x", counted=True, source=Source.READ)) == [Source.READ]


def test_what_was_held_for_the_reply_keeps_its_source(bench):
    own = bench.order(stage=Stage.SENDING)
    bench.hear(trade(makers=[maker("0xo", 4)]))
    bench.ledger.hear(trade("t2", makers=[maker("0xo", 2)]), Source.READ)
    said = bench.ledger.accepted(own, matched=6 * SCALE, closed=S.CANCELLED)
    assert [type(e) for e in said] == [OrderFilled, OrderFilled, OrderCancelled]
    assert sources(said)[:2] == [Source.SOCKET, Source.READ]


def test_that_an_order_was_given_up_is_our_word(bench):
    own = bench.order(stage=Stage.UNRESOLVED)
    assert sources(bench.ledger.write_off(own, "nobody has it")) == [Source.OURS]
