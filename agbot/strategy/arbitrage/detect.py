"""From books to proofs: ladders walked together, sizes that the venue takes, the best number of equal shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from agbot.core.view import View
from agbot.model.events import ASK, BID
from agbot.model.ids import MarketId
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import Basket, Want
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.proof import Leg, Proof, leg_of, prove
from agbot.strategy.arbitrage.walk import Ladder, depth, ends, unit
from agbot.units import SCALE, notional

See: TypeAlias = Callable[[MarketId], View | None]

_CENT: Final = 10_000
_LAST_ENDS: Final = 3
"""The marginal set gains all the way; only rounding can make a shorter walk the better one."""
_FITS: Final = 4


def find(basket: Basket, see: See, params: ArbitrageParams) -> Proof | None:
    """Return the most that equal shares of a basket gain in the worst case, None where they gain nothing.

    Of a basket that may leave legs out, the best part is taken.
    """
    best: Proof | None = None
    if not _hopeful(basket, see):
        return None
    for part, views, ladders in _parts(basket, see, params):
        proof = _walked(part, views, ladders, params)
        if proof and proof.worst > 0 and (best is None or proof.worst > best.worst):
            best = proof
    return best


def mispricing(basket: Basket, see: See) -> int | None:
    """Return by how much one set pays more than it costs at the best prices, fees left out; None without prices.

    Of a basket that may leave legs out, only those that gain are counted.
    """
    views = [see(want.market) for want in basket.wants]
    if not all(views):
        return None
    books = [view.books[want.outcome] for view, want in zip(views, basket.wants, strict=True) if view]
    if basket.spare:
        return sum(SCALE - book.best_ask for book in books) - SCALE
    rows = zip(books, basket.wants, strict=True)
    return basket.pays - sum(b.best_ask if want.side is Side.BUY else -b.best_bid for b, want in rows)


def _hopeful(basket: Basket, see: See) -> bool:
    """Return whether a look is worth it: the quick no of nearly every one."""
    priced = mispricing(basket, see)
    return priced is not None and priced > 0


def ladder_of(view: View | None, want: Want, params: ArbitrageParams) -> Ladder:
    """Return what a leg may take now: nothing of a book that is not to be believed, and no sale of what is not ours."""
    if view is None or not view.trusted or view.winner:
        return ()
    book = view.books[want.outcome]
    if book.crossed:
        return ()
    levels = book.top(ASK if want.side is Side.BUY else BID, params.levels)
    part = params.depth_part
    ladder = [(price, size * part // SCALE) for price, size in levels] if part < SCALE else levels
    return ladder if want.side is Side.BUY else _first(ladder, sellable(view, want.outcome))


def sellable(view: View, outcome: Outcome) -> int:
    """Return the shares that the strategy bought itself and that have settled."""
    own, settled = (view.own_yes, view.yes_settled) if outcome is Outcome.YES else (view.own_no, view.no_settled)
    return max(0, min(own, settled))


def _first(ladder: Ladder, size: int) -> Ladder:
    kept = []
    for price, there in ladder:
        if size > 0:
            kept.append((price, min(there, size)))
            size -= there
    return kept


def _parts(
    basket: Basket, see: See, params: ArbitrageParams
) -> Iterator[tuple[Basket, Sequence[View], Sequence[Ladder]]]:
    """Yield the basket, or what may be left of it: first all legs that gain, then without the shallowest, and so on."""
    views: Sequence[View | None] = [see(want.market) for want in basket.wants]
    ladders: Sequence[Ladder] = [ladder_of(view, want, params) for view, want in zip(views, basket.wants, strict=True)]
    if basket.spare:
        useless = [i for i, (ladder, view) in enumerate(zip(ladders, views, strict=True)) if _useless(ladder, view)]
        basket, views, ladders = _less(basket, views, ladders, useless)
    while len(ladders) > 1 and all(ladders) and _gains(basket, views, ladders, params):
        yield basket, [view for view in views if view], ladders
        if not basket.spare:
            return
        shallowest = min(range(len(ladders)), key=lambda i: depth(ladders[i]))
        basket, views, ladders = _less(basket, views, ladders, [shallowest])


def _useless(ladder: Ladder, view: View | None) -> bool:
    return not ladder or view is None or unit(view.market, Side.BUY, ladder[0][0]) >= SCALE


def _less(
    basket: Basket, views: Sequence[View | None], ladders: Sequence[Ladder], gone: Iterable[int]
) -> tuple[Basket, Sequence[View | None], Sequence[Ladder]]:
    out = frozenset(gone)
    kept = [i for i in range(len(ladders)) if i not in out]
    return basket.without(out), [views[i] for i in kept], [ladders[i] for i in kept]


def _gains(basket: Basket, views: Sequence[View | None], ladders: Sequence[Ladder], params: ArbitrageParams) -> bool:
    """Return whether a set gains at the best prices, fees left out."""
    best = sum(w.side.sign * ladder[0][0] for w, ladder in zip(basket.wants, ladders, strict=True))
    return all(views) and best + params.cost_per_set < basket.pays


def _walked(basket: Basket, views: Sequence[View], ladders: Sequence[Ladder], params: ArbitrageParams) -> Proof | None:
    rows = [(v.market, w.side, ladder) for v, w, ladder in zip(views, basket.wants, ladders, strict=True)]
    found = [
        proof
        for size in ends(rows, basket.pays, params.cost_per_set)[-_LAST_ENDS:]
        if (proof := _within_capital(basket, views, ladders, size, params))
    ]
    return max(found, key=lambda proof: proof.worst, default=None)


def _within_capital(
    basket: Basket, views: Sequence[View], ladders: Sequence[Ladder], size: int, params: ArbitrageParams
) -> Proof | None:
    proof = _at(basket, views, ladders, size, params)
    if proof and proof.cost > params.max_capital:
        return _at(basket, views, ladders, size * params.max_capital // proof.cost, params)
    return proof


def _at(
    basket: Basket, views: Sequence[View], ladders: Sequence[Ladder], size: int, params: ArbitrageParams
) -> Proof | None:
    """Return the proof for the largest size up to `size` that the venue takes in every leg."""
    step = math.lcm(*(view.market.size_step for view in views))
    size = size // step * step
    for _ in range(_FITS):
        legs = _legs(basket, views, ladders, size)
        if not legs:
            return None
        lot = math.lcm(step, *(_cents(leg) for leg in legs)) if params.whole_cents else step
        if size % lot == 0:
            break
        size = size // lot * lot
    else:
        return None
    if not all(_taken_by_venue(leg, params) for leg in legs):
        return None
    fixed = -(-params.cost_per_set * size // SCALE) + params.cost_per_batch
    return prove(basket, legs, fixed=fixed, now_ns=views[0].now_ns)


def _legs(basket: Basket, views: Sequence[View], ladders: Sequence[Ladder], size: int) -> list[Leg]:
    """Return all legs at a size, none where one of them is too short."""
    rows = zip(basket.wants, views, ladders, strict=True)
    legs = [leg_of(view.market, want, ladder, size) for want, view, ladder in rows]
    return [leg for leg in legs if leg] if all(legs) else []


def _cents(leg: Leg) -> int:
    """Return of what a size must be a multiple for the leg to come to whole cents; 1 for a sale."""
    return _CENT * SCALE // math.gcd(leg.price, _CENT * SCALE) if leg.side is Side.BUY else 1


def _taken_by_venue(leg: Leg, params: ArbitrageParams) -> bool:
    if leg.size < leg.market.min_size:
        return False
    return leg.side is Side.SELL or notional(leg.price, leg.size) >= params.min_order
