"""A snapshot goes on where it was: the same books, the same ledger, and from there the same facts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agbot.exchange.core.model import OrderStatus
from agbot.exchange.core.state import Dumper, dump, load
from agbot.exchange.core.terms import Terms
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


def test_a_dump_after_a_dump_is_as_good_as_the_first() -> None:
    flow = Flow(4)
    dumper = Dumper(flow.exchange)
    for _ in range(40):
        for _ in range(25):
            flow.step()
        again = load(decoded(dumper.dump()), flow.exchange.terms)
        fresh = load(decoded(dump(flow.exchange)), flow.exchange.terms)
        assert again.ledger() == fresh.ledger() == flow.exchange.ledger()
        assert decoded(dump(again)) == decoded(dump(fresh))


def test_history_that_is_saved_is_bounded_and_what_is_under_way_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.exchange.core.state.ORDERS_SAVED", 5)
    monkeypatch.setattr("agbot.exchange.core.state.TRADES_SAVED", 3)
    monkeypatch.setattr("agbot.exchange.core.settling.TRADES_KEPT", 4)
    flow = Flow(6, terms=Terms(mined_after_ns=3600 * 10**9, fail_rate=0.3))
    for _ in range(600):
        flow.step()
    assert len(flow.exchange.settlement.under_way) > 10
    restored = load(decoded(dump(flow.exchange)), flow.exchange.terms)
    assert restored.ledger() == flow.exchange.ledger()
    assert len([order for order in restored.orders.all() if not order.living]) == 5
    restored.advance(flow.now + 2 * 3600 * 10**9)
    assert not restored.settlement.under_way
    assert all(not holding.out_cash and not holding.out_shares for holding in restored.accounts.holdings.values())
    assert list(restored.accounts.faults()) == []


def decoded(dumped: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dumped))
    told["due"] = [(at_ns, 0, kind, name) for at_ns, _, kind, name in told["due"]]
    return told


def test_an_id_is_used_up_also_after_the_order_was_forgotten_and_the_exchange_restarted() -> None:
    flow = Flow(1)
    for _ in range(300):
        flow.step()
    used = [order.id for order in flow.exchange.orders.all()]
    saved = dump(flow.exchange)
    saved["remembered"] = saved["resting"] = saved["trades"] = []
    restored = load(msgspec.json.decode(msgspec.json.encode(saved | {"under_way": {}})), flow.exchange.terms)
    assert used
    assert all(restored.orders.used(order_id) for order_id in used)
    assert not restored.orders.used("0x" + "f" * 64)
