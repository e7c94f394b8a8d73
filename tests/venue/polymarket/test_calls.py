"""Calls are what their words say: selectors as published, bytes as eth_abi and the official client make them."""

from __future__ import annotations

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st
from polymarket import calls as official
from polymarket._internal.actions.relayer.approvals import _required_trading_approvals
from polymarket.environments import PRODUCTION

from agbot.errors import ConfigError
from agbot.venue.polymarket import calls
from agbot.venue.polymarket.contracts import AMOY, POLYGON

CONDITION = "0x" + "5f65177b394277fd294cd75650044e32ba009a95022d88a0c1d565897d72f8f1"[:64]
SHORT = "0x01eac4716f55656626ee7c250c82db44f7d5640000000000000000385f45e4"
ME = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
C = POLYGON

# call, selector as published, contract
PUBLISHED = {
    "split": (calls.split_position(C, CONDITION, 5, neg_risk=False), "72ce4275", C.ctf_adapter),
    "split neg-risk": (calls.split_position(C, CONDITION, 5, neg_risk=True), "72ce4275", C.neg_risk_ctf_adapter),
    "merge": (calls.merge_positions(C, CONDITION, 5, neg_risk=False), "9e7212ad", C.ctf_adapter),
    "merge neg-risk": (calls.merge_positions(C, CONDITION, 5, neg_risk=True), "9e7212ad", C.neg_risk_ctf_adapter),
    "redeem": (calls.redeem_positions(C, CONDITION, neg_risk=False), "01b7037c", C.ctf_adapter),
    "redeem neg-risk": (calls.redeem_positions(C, CONDITION, neg_risk=True), "01b7037c", C.neg_risk_ctf_adapter),
    "router split": (calls.router_split(C, SHORT, 5), "82d3b9f1", C.router),
    "router merge": (calls.router_merge(C, SHORT, 5), "5b63685e", C.router),
    "router redeem": (calls.router_redeem(C, SHORT, 1, 5), "d217a3cc", C.router),
    "wrap": (calls.wrap(C, ME, 5), "62355638", C.onramp),
    "unwrap": (calls.unwrap(C, ME, 5), "8cc7104f", C.offramp),
    "approve": (calls.approve(C, C.exchange_v2, 5), "095ea7b3", C.collateral),
    "approve for all": (calls.set_approval_for_all(C, "ctf", C.exchange_v2), "a22cb465", C.ctf),
}


@pytest.mark.parametrize(("call", "selector", "contract"), PUBLISHED.values(), ids=PUBLISHED)
def test_selector_and_contract(call, selector, contract):
    assert call.data[:4].hex() == selector
    assert call.to == contract


@pytest.mark.parametrize(("call", "selector", "contract"), PUBLISHED.values(), ids=PUBLISHED)
def test_the_bytes_say_what_the_text_says(call, selector, contract):
    parameters = call.function.removesuffix(")").partition("(")[2].split(",")
    types = [parameter.split()[0] for parameter in parameters]
    values = decode(types, call.data[4:])
    assert encode(types, values) == call.data[4:]
    assert len(values) == len(call.arguments) == len(types)
    for kind, value, shown in zip(types, values, call.arguments, strict=True):
        if kind.startswith("bytes"):
            assert shown == "0x" + value.hex()
        elif kind == "uint256[]":
            assert shown == str(list(value))
        elif kind == "address":
            assert shown.lower() == value
        else:
            assert shown == str(int(value))


amounts = st.integers(1, 2**128)
conditions = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
short_conditions = st.binary(min_size=31, max_size=31).map(lambda raw: "0x" + raw.hex())


@given(condition=conditions, amount=amounts, neg_risk=st.booleans())
def test_positions_equal_the_official_client(condition, amount, neg_risk):
    target = C.neg_risk_ctf_adapter if neg_risk else C.ctf_adapter
    asked = {"target": target, "collateral": C.collateral, "condition_id": condition, "amount": amount}
    for ours, theirs in [
        (calls.split_position(C, condition, amount, neg_risk=neg_risk), official.ctf_split_position_call(**asked)),
        (calls.merge_positions(C, condition, amount, neg_risk=neg_risk), official.ctf_merge_positions_call(**asked)),
        (
            calls.redeem_positions(C, condition, neg_risk=neg_risk),
            official.ctf_redeem_positions_call(ctf=target, collateral=C.collateral, condition_id=condition),
        ),
    ]:
        assert (ours.to, "0x" + ours.data.hex()) == (theirs.to, theirs.data)


@given(condition=short_conditions, amount=amounts, outcome=st.sampled_from([0, 1]), longer=st.sampled_from(["", "00"]))
def test_the_router_equals_the_official_client(condition, amount, outcome, longer):
    asked = {"router": C.router, "condition_id": condition, "amount": amount}
    for ours, theirs in [
        (calls.router_split(C, condition + longer, amount), official.router_split_call(**asked)),
        (calls.router_merge(C, condition + longer, amount), official.router_merge_call(**asked)),
        (
            calls.router_redeem(C, condition + longer, outcome, amount),
            official.router_redeem_call(**asked, outcome_index=outcome),
        ),
    ]:
        assert (ours.to, "0x" + ours.data.hex()) == (theirs.to, theirs.data)


def test_approvals_are_those_of_the_official_client():
    config = PRODUCTION._config
    erc20, erc1155 = _required_trading_approvals(config)
    theirs = [
        official.erc20_approval_call(token_address=a.token_address, spender=a.spender, amount=a.amount)
        for a in erc20
        if a.spender != config.perps_deposit_contract
    ]
    theirs += [
        official.erc1155_set_approval_for_all_call(token_address=a.token_address, operator=a.operator) for a in erc1155
    ]
    ours = calls.trading_approvals(POLYGON)
    assert {(c.to, "0x" + c.data.hex()) for c in ours} == {(c.to, c.data) for c in theirs}
    assert len(ours) == len(theirs) == 16
    assert ours[0].what == "lets exchange_v2 take pUSD without limit"


def test_taking_a_permission_back():
    assert calls.approve(POLYGON, ME, 0).what == f"lets {ME} take pUSD up to 0"
    assert "forbids" in calls.set_approval_for_all(POLYGON, "ctf", ME, approved=False).what


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: calls.split_position(C, CONDITION, 0, neg_risk=False), "AGB-134"),
        (lambda: calls.merge_positions(C, CONDITION, -1, neg_risk=False), "AGB-134"),
        (lambda: calls.router_split(C, SHORT, 2**256), "AGB-134"),
        (lambda: calls.router_redeem(C, SHORT, 2, 5), "AGB-134"),
        (lambda: calls.router_merge(C, CONDITION, 5), "AGB-134"),  # 32 bytes that end in no outcome
        (lambda: calls.redeem_positions(C, SHORT, neg_risk=False), "AGB-134"),
        (lambda: calls.redeem_positions(C, "0x", neg_risk=False), "AGB-134"),
        (lambda: calls.redeem_positions(C, "0x" + "zz" * 32, neg_risk=False), "AGB-134"),
        (lambda: calls.redeem_positions(C, CONDITION[2:], neg_risk=False), "AGB-134"),
        (lambda: calls.approve(C, ME, -1), "AGB-134"),
        (lambda: calls.wrap(C, ME[:-1], 5), "AGB-131"),
        (lambda: calls.wrap(AMOY, ME, 5), "AGB-133"),
        (lambda: calls.trading_approvals(AMOY), "AGB-133"),
    ],
)
def test_impossible_calls_are_refused(make, error):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.id == error


lists = st.lists(st.integers(0, 2**256 - 1), max_size=3)


@given(first=lists, number=st.integers(0, 2**256 - 1), second=lists, raw=st.binary(min_size=31, max_size=31))
def test_bytes_equal_eth_abi_with_several_lists(first, number, second, raw):
    expected = encode(["uint256[]", "uint256", "uint256[]", "bytes31"], [first, number, second, raw])
    assert calls._encoded((tuple(first), number, tuple(second), raw)) == expected
