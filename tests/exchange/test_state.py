"""A snapshot goes on where it was: the same books, the same ledger, and from there the same facts."""

from __future__ import annotations

import msgspec
import pytest

from agbot.exchange.core.model import OrderStatus
from agbot.exchange.core.state import Dumper, load
from tests.exchange.flow import Flow


@pytest.mark.parametrize("seed", range(3))
def test_a_restored_exchange_goes_on_like_the_one_that_was_saved(seed: int) -> None:
    flow = Flow(seed)
    for _ in range(1200):
        flow.step()
    saved = msgspec.json.decode(msgspec.json.encode(Dumper(flow.exchange).dump()))
    restored = load(saved, flow.exchange.terms)
    assert restored.ledger() == flow.exchange.ledger()
    again = msgspec.json.decode(msgspec.json.encode(Dumper(restored).dump()))
    for state in (saved, again):
        state["due"] = [(at_ns, kind, name) for at_ns, _, kind, name in state["due"]]
    assert again == saved
    now_ns = flow.now + 3600 * 10**9
    wallets = list(flow.exchange.accounts.holdings)
    for core in (flow.exchange, restored):
        core.advance(flow.now + 10**9)  # what was delayed can be cancelled then
        for wallet in wallets:
            core.cancel(wallet, [order.id for order in core.open_orders(wallet)], flow.now + 10**9)
        core.advance(now_ns)
    assert restored.ledger() == flow.exchange.ledger()
    assert list(restored.accounts.faults()) == []
    assert all(order.status is not OrderStatus.LIVE for order in restored.orders.all())


def test_an_id_is_used_up_also_after_the_order_was_forgotten_and_the_exchange_restarted() -> None:
    flow = Flow(1)
    for _ in range(300):
        flow.step()
    used = [order.id for order in flow.exchange.orders.all()]
    saved = Dumper(flow.exchange).dump()
    saved["remembered"] = saved["resting"] = saved["trades"] = saved["under_way"] = []
    restored = load(msgspec.json.decode(msgspec.json.encode(saved | {"under_way": {}})), flow.exchange.terms)
    assert used
    assert all(restored.orders.used(order_id) for order_id in used)
    assert not restored.orders.used("0x" + "f" * 64)
