"""One trade id for several trades, and several ids for one: no fill is lost, and none counts twice."""

from __future__ import annotations

from agbot.model.order import Settlement
from agbot.units import SCALE
from tests.venue.polymarket.test_ledger import Bench, maker, trade

T = Settlement


def test_trades_under_one_id_are_told_apart():
    bench = Bench()
    own = bench.order()
    first, second = trade("t", makers=[maker("0xo", 4)]), trade("t", "0xyours", makers=[maker("0xo", 3)])
    fills = bench.hear(first, second, first, second)
    assert [(f.trade_id, f.size) for f in fills] == [("t", 4 * SCALE), ("t/2", 3 * SCALE)]
    later = trade("t2", "0xyours", makers=[maker("0xo", 3)], status=T.CONFIRMED)
    (fill,) = bench.hear(later, later)
    assert (fill.trade_id, fill.settlement, own.filled) == ("t/2", T.CONFIRMED, 7 * SCALE)


def test_one_that_comes_again_under_another_id_is_one():
    bench = Bench()
    own = bench.order()
    bench.hear(trade("t", makers=[maker("0xo", 4)]), trade("u", makers=[maker("0xo", 4)], status=T.MINED))
    assert (own.filled, list(own.trades)) == (4 * SCALE, ["t"])
    bench.hear(trade("v", makers=[maker("0xo", 2)]))
    assert own.filled == 6 * SCALE, "another size under another id is another trade"
