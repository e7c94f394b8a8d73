"""A maker on a book that shows its own quotes: they are not the market."""

from __future__ import annotations

import attrs
import pytest

from agbot.core.view import OwnOrder, Place
from agbot.model.ids import ClientOrderId
from agbot.model.order import OrderState
from agbot.strategy.quoting import others
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_S, to_text
from tests.strategy.test_maker import NOW, maker
from tests.strategy.test_quoter import own, view_of


@pytest.mark.parametrize("shows_us", [True, False])
def test_its_own_quotes_in_the_book_do_not_move_it(shows_us: bool) -> None:
    """A fine grid and a wide book: its quotes are the best prices, and it must not run after them."""
    market = make_market(tick=1_000)
    bids, asks = levels(("0.400", "100"), ("0.390", "100")), levels(("0.580", "40"), ("0.590", "100"))
    quoter = maker(tolerance_ticks=1)
    first = quoter.decide(attrs.evolve(view_of(bids, asks, market=market), now_ns=NOW))
    placed = [own_of(n, place) for n, place in enumerate(first) if isinstance(place, Place)]
    assert len(placed) == 2
    if shows_us:
        ours = [(market.yes_price(o.token, o.price), o.remaining) for o in placed]
        bids, asks = (ours[0], *bids), (ours[1], *asks)
    again = attrs.evolve(view_of(bids, asks, market=market, orders=placed), now_ns=NOW + NS_PER_S)
    assert quoter.decide(again) == []


def own_of(number: int, place: Place) -> OwnOrder:
    return OwnOrder(
        client_order_id=ClientOrderId(f"q{number}"),
        token=place.token,
        side=place.side,
        price=place.price,
        remaining=place.size,
        state=OrderState.OPEN,
    )


@pytest.mark.parametrize(
    ("shown_size", "ours", "best"),
    [
        ("50", "20", ("0.47", "30")),
        ("20", "20", ("0.46", "200")),
        ("10", "20", ("0.47", "10")),
        ("50", "", ("0.47", "50")),
    ],
)
def test_the_book_of_everybody_else(shown_size: str, ours: str, best: tuple[str, str]) -> None:
    orders = [own("a", price="0.47", remaining=ours)] if ours else []
    view = view_of(levels(("0.47", shown_size), ("0.46", "200")), orders=orders)
    found = others(view)
    assert found is not None
    assert (to_text(found[0][0]), to_text(found[0][1])) == best
    assert others(view_of(levels(("0.47", "20")), orders=[own("a", price="0.47", remaining="20")])) is None
