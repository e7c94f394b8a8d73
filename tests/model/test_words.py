"""The words are a contract: journals, metrics and people spell them."""

from __future__ import annotations

import enum

import pytest

from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderState, OrderType, Settlement, Side, TimeInForce

WORDS: dict[type[enum.StrEnum], str] = {
    Outcome: "YES NO",
    Side: "BUY SELL",
    OrderType: "LIMIT MARKET",
    TimeInForce: "GTC GTD FOK FAK IOC",
    OrderState: "PENDING_NEW OPEN PARTIALLY_FILLED PENDING_CANCEL FILLED CANCELLED REJECTED EXPIRED UNKNOWN DENIED",
    Liquidity: "MAKER TAKER",
    Settlement: "MATCHED MINED RETRYING CONFIRMED FAILED",
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_words(kind: type[enum.StrEnum]) -> None:
    assert [member.name for member in kind] == WORDS[kind].split()
    assert all(member.value == member.name == str(member) for member in kind)


@pytest.mark.parametrize("kind", [Side, Outcome])
def test_other_is_its_own_inverse(kind: type[Side] | type[Outcome]) -> None:
    for member in kind:
        assert member.other is not member
        assert member.other.other is member


def test_sign() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_immediate() -> None:
    assert {word for word in TimeInForce if word.immediate} == {TimeInForce.FOK, TimeInForce.FAK, TimeInForce.IOC}


def test_terminal_states() -> None:
    live = {"PENDING_NEW", "OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"}
    assert {state for state in OrderState if not state.terminal} == live
