"""Trades that the venue told under one id while they happened and tells under another at the next start. Pure.

The venue was seen to tell several trades of one taker under one id, and later each under its own. The running bot tells
them apart by who met whom, which no journal keeps; a start has what a fill was: price, size, side of the match, second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from itertools import count
from typing import TypeAlias

import msgspec

from agbot.model.events import OrderFilled
from agbot.model.ids import TradeId
from agbot.units import NS_PER_S

_What: TypeAlias = "tuple[int, int, str, int]"


def named_as_before(told: Sequence[OrderFilled], journaled: Mapping[str, OrderFilled]) -> list[OrderFilled]:
    """Return what is told of one order, each fill that is in the journal by its name there.

    One that is not keeps its id, unless the journal gave that to another of these: then it gets a name of its own.
    """
    left = dict(journaled)
    names: dict[int, str] = {}
    for at, fill in enumerate(told):
        if (known := left.get(fill.trade_id)) is not None and _what(known) == _what(fill):
            names[at] = fill.trade_id
            del left[fill.trade_id]
    for at, fill in enumerate(told):
        name = None if at in names else next((n for n, known in left.items() if _what(known) == _what(fill)), None)
        if name is not None:
            names[at] = name
            del left[name]
    meant = set(names.values())
    return [_called(fill, names.get(at) or _free(fill.trade_id, meant, left.keys())) for at, fill in enumerate(told)]


def _what(fill: OrderFilled) -> _What:
    return fill.price, fill.size, fill.liquidity, fill.ts_ns // NS_PER_S


def _free(wanted: str, meant: Set[str], left: Set[str]) -> str:
    """Return the id, or one that is free where the journal calls another of the trades so."""
    if wanted not in meant:
        return wanted
    more = (f"{wanted}/{number}" for number in count(1))
    return next(name for name in more if name not in meant and name not in left)


def _called(fill: OrderFilled, name: str) -> OrderFilled:
    return fill if fill.trade_id == name else msgspec.structs.replace(fill, trade_id=TradeId(name))
