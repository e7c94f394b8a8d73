"""What is held without its counterpart. It is read off the shares alone, so a restart finds it again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from agbot.model.ids import MarketId
from agbot.model.market import Outcome
from agbot.strategy.arbitrage.baskets import Basket, Identity, Want

Held: TypeAlias = Mapping[tuple[MarketId, Outcome], int]
"""The strategy's own shares by market and outcome (10⁻⁶)."""

_EXPLAINS: Final = (Identity.ALL_YES, Identity.IMPLICATION, Identity.PAIR, Identity.COMPLETE_SET, Identity.NO_SET)
_MENDS: Final = (Identity.ALL_YES, Identity.IMPLICATION, Identity.COMPLETE_SET)
"""Sets that what is left over is completed to; a pair that may differ is none."""


@attrs.frozen
class Leftover:
    """A set that lacks a leg: its basket, and how many shares of each leg belong to it."""

    basket: Basket
    got: Sequence[int]


def leftover(families: Iterable[Basket], held: Held, least: int) -> Leftover | None:
    """Return one set that lacks a leg by `least` shares or more, None where everything held has its counterpart.

    Sets are taken off in the order of `_EXPLAINS`. NO of several are taken off nested: of unequal holdings, the part
    of the largest that exceeds the second is left over. One that lacks a leg of three is a set of two, which pays.
    """
    rest = {key: size for key, size in held.items() if size > 0}
    ranked = sorted((f for f in families if f.identity in _EXPLAINS), key=lambda f: _EXPLAINS.index(f.identity))
    for family in ranked:
        taken = _nested(family, rest) if family.spare else _whole(family, rest)
        for want in family.wants:
            rest[_key(want)] = rest.get(_key(want), 0) - taken[_key(want)]
    for family in ranked:
        got = [rest.get(_key(want), 0) for want in family.wants]
        if family.identity in _MENDS and max(got) >= max(1, least):
            return Leftover(family, got)
    return None


def _key(want: Want) -> tuple[MarketId, Outcome]:
    return want.market, want.outcome


def _whole(family: Basket, rest: Held) -> dict[tuple[MarketId, Outcome], int]:
    sets = min(rest.get(_key(want), 0) for want in family.wants)
    return {_key(want): sets for want in family.wants}


def _nested(family: Basket, rest: Held) -> dict[tuple[MarketId, Outcome], int]:
    sizes = sorted(rest.get(_key(want), 0) for want in family.wants)
    return {_key(want): min(rest.get(_key(want), 0), sizes[-2]) for want in family.wants}
