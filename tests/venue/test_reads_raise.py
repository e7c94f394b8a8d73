"""The types of what is read of an account have no room for "nothing": a read that fails can only raise."""

from __future__ import annotations

import inspect
import types
import typing

import pytest

from agbot.run.live import AccountReads, PositionReads
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.ports import VenueAdapter

ANSWERS = {"ClobClient.order": "that there is no such order is an answer of the venue"}


def optional(kind: type) -> set[str]:
    """Return the asynchronous methods of a class that may return None beside a value."""
    named = {name: f for name, f in inspect.getmembers(kind, inspect.iscoroutinefunction) if not name.startswith("_")}
    assert named, "a rule over nothing proves nothing"
    hints = {name: typing.get_type_hints(f)["return"] for name, f in named.items()}
    return {
        f"{kind.__name__}.{name}"
        for name, hint in hints.items()
        if typing.get_origin(hint) in (typing.Union, types.UnionType) and type(None) in typing.get_args(hint)
    }


@pytest.mark.parametrize("kind", [VenueAdapter, AccountReads, PositionReads, ClobClient, AccountClient])
def test_no_read_of_an_account_may_return_nothing(kind: type) -> None:
    assert optional(kind) - ANSWERS.keys() == set()


def test_the_rule_bites() -> None:
    assert optional(ClobClient) == set(ANSWERS)
