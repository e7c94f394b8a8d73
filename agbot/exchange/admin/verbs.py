"""What an operator can do to a running exchange, by verb. The functions make tables for `agbot.exchange.admin.socket`.

=============  =====================================================================================================
verb           arguments
=============  =====================================================================================================
faults         action: list, on, off, clear, load, report; name; file; and for on what a plan's file knows
mode           mode: normal, restarting, post_only, cancel_only, disabled
fund           wallet, usd; market and size for pairs beside
deposit        wallet, usd
withdraw       wallet, usd
resolve        market, winner: a token, an outcome's name, yes or no
tick           market, tick
settle_now     (nothing): all trades under way end at once
ledger         (nothing)
limits         on, warning, tier; address for one signer's tier
address        address, ban, closed_only: true or false; told what it is when neither is given
allowance      wallet, amount (0 revokes, null is without end); spender and token for one of them
list_market    file: markets as `agbot exchange --markets-file` takes them; those that are listed stay as they are
clock          jump_s, speed
=============  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from agbot.errors import ConfigError
from agbot.exchange.admin.arguments import Arguments, outcome_token
from agbot.exchange.admin.socket import Answer, Request, Verb
from agbot.exchange.clob.limits import TIERS, Limits
from agbot.exchange.clob.standing import COLLATERAL, UNLIMITED, Standing
from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing
from agbot.exchange.markets.files import load_markets
from agbot.faults import CATALOGUE, FaultPlan
from agbot.units import NS_PER_S, TICKS, to_text

MODES: Final[Mapping[str, str]] = {
    "restarting": "restart_425",
    "post_only": "post_only_503",
    "cancel_only": "cancel_only_503",
    "disabled": "trading_disabled_503",
}
"""Modes of the venue and the faults that make them."""
JUMP_MAX_S: Final = 366 * 86_400
SPEED_MAX: Final = 1_000
ACTIONS: Final = ("list", "on", "off", "clear", "load", "report")
_NOT_PARAMETERS: Final = ("op", "action", "name")


def verbs(core: Exchange, faults: FaultPlan, limits: Limits, now_ns: Callable[[], int]) -> dict[str, Verb]:
    """Return the verbs that need no more than these."""
    operator = Operator(core, faults, limits, now_ns)
    names = ("faults", "mode", "fund", "deposit", "withdraw", "resolve", "tick", "settle_now", "ledger", "limits")
    return {name: getattr(operator, name) for name in names}


def account_verbs(standing: Standing) -> dict[str, Verb]:
    """Return the verbs that decide what an account may do."""
    return {"address": partial(_address, standing), "allowance": partial(_allowance, standing)}


def market_verbs(core: Exchange, now_ns: Callable[[], int]) -> dict[str, Verb]:
    """Return the verb that lists more markets."""
    return {"list_market": partial(_list_market, core, now_ns)}


def clock_verbs(clock: ExchangeClock) -> dict[str, Verb]:
    """Return the verb that moves the exchange's time."""
    return {"clock": partial(_clock, clock)}


class Operator:
    """The verbs as methods; each takes a request and returns its answer."""

    def __init__(self, core: Exchange, faults: FaultPlan, limits: Limits, now_ns: Callable[[], int]) -> None:
        self._core = core
        self._plan = faults
        self._limits = limits
        self._now_ns = now_ns

    # ------------------------------------------------------------ faults

    def faults(self, request: Request) -> Answer:
        """List, switch or load faults, or report what struck."""
        said = Arguments(request)
        action = said.choice("action", ACTIONS, "list")
        if action == "list":
            return {"faults": [_fault_row(name, name in self._plan.names()) for name in CATALOGUE]}
        if action == "on":
            given = {key: value for key, value in request.items() if key not in _NOT_PARAMETERS}
            _switch(self._plan, said.text("name"), given)
        elif action == "off":
            self._plan.switch(said.choice("name", tuple(CATALOGUE)), False)
        elif action == "clear":
            self._plan.clear()
        elif action == "load":
            self._plan.load(said.text("file"))
        return {"on": self._plan.names(), "report": self._plan.report()}

    def mode(self, request: Request) -> Answer:
        """Put the venue in one of its modes, out of any other."""
        wanted = Arguments(request).choice("mode", ("normal", *MODES))
        for mode, fault in MODES.items():
            self._plan.switch(fault, mode == wanted)
        return {"mode": wanted}

    # ------------------------------------------------------------ money

    def fund(self, request: Request) -> Answer:
        """Give a wallet usd and, if a market is named, pairs of it beside."""
        said = Arguments(request)
        wallet, usd, size = said.address("wallet"), said.units("usd", 0), said.units("size", 0)
        listing = said.market(self._core) if size else None
        if not usd and not size:
            raise said.fault("usd", "nothing is to be given", "an amount above 0, or market and size for pairs")
        self._core.deposit(wallet, usd + size, self._now_ns())
        if listing is not None:
            self._core.split(wallet, listing, size, self._now_ns())
        return self._held(wallet, listing)

    def deposit(self, request: Request) -> Answer:
        """Bring usd in from outside."""
        said = Arguments(request)
        wallet = said.address("wallet")
        self._core.deposit(wallet, said.units("usd"), self._now_ns())
        return self._held(wallet)

    def withdraw(self, request: Request) -> Answer:
        """Take usd out."""
        said = Arguments(request)
        wallet = said.address("wallet")
        self._core.deposit(wallet, -said.units("usd"), self._now_ns())
        return self._held(wallet)

    def _held(self, wallet: str, listing: Listing | None = None) -> Answer:
        tokens = listing.named_tokens() if listing is not None else {}
        shares = {name: to_text(self._core.balance(wallet, token)) for name, token in tokens.items()}
        return {"wallet": wallet, "usd": to_text(self._core.balance(wallet)), "shares": shares}

    # ------------------------------------------------------------ markets and trades

    def resolve(self, request: Request) -> Answer:
        """Name a market's winner."""
        said = Arguments(request)
        listing = said.market(self._core)
        winner = outcome_token(said, listing)
        self._core.resolve(listing, winner, self._now_ns())
        return {"market": listing.condition, "winner": winner, "outcome": listing.outcome_name(winner)}

    def tick(self, request: Request) -> Answer:
        """Make a market's tick finer."""
        said = Arguments(request)
        listing, tick, known = said.market(self._core), said.units("tick"), ", ".join(map(to_text, TICKS))
        if tick not in TICKS or tick > listing.market.tick:
            told = f"the tick is {to_text(listing.market.tick)} and only gets finer"
            raise said.fault("tick", told, f"known ticks: {known}")
        self._core.set_tick(listing, tick, self._now_ns())
        return {"market": listing.condition, "tick": to_text(listing.market.tick)}

    def settle_now(self, request: Request) -> Answer:  # noqa: ARG002 - takes no arguments
        """Let every trade under way reach the end that was decided for it, in the order they were made."""
        return {"settled": self._core.settle_all(self._now_ns())}

    def ledger(self, request: Request) -> Answer:  # noqa: ARG002 - takes no arguments
        """Return the exchange's own ledger."""
        return {"ledger": self._core.ledger()}

    # ------------------------------------------------------------ limits

    def limits(self, request: Request) -> Answer:
        """Switch the limiters, or change a signer's tier (without `address`, everybody's)."""
        said = Arguments(request)
        limits = self._limits
        tier = TIERS[said.choice("tier", tuple(TIERS))] if "tier" in request else None
        address = said.address("address") if "address" in request else ""
        limits.enabled = said.flag("on", limits.enabled)
        limits.warning = said.flag("warning", limits.warning)
        if tier is not None and address:
            limits.tiers[address] = tier
        elif tier is not None:
            limits.tier = tier
        tiers = {signer: named.name for signer, named in limits.tiers.items()}
        return {"on": limits.enabled, "warning": limits.warning, "tier": limits.tier.name, "tiers": tiers}


def _switch(plan: FaultPlan, name: str, given: Mapping[str, Any]) -> None:
    try:
        plan.switch(name, True, **given)
    except ConfigError as e:  # there is no file that it could be a line of
        raise ConfigError(e.reason, id=e.id, key=e.key, remedy=e.remedy) from e


def _address(standing: Standing, request: Request) -> Answer:
    said = Arguments(request)
    address = said.address("address")
    for name, group in (("ban", standing.banned), ("closed_only", standing.closed_only)):
        if request.get(name) is not None:
            group.add(address) if said.flag(name) else group.discard(address)
    return {"address": address, "ban": address in standing.banned, "closed_only": address in standing.closed_only}


def _allowance(standing: Standing, request: Request) -> Answer:
    said = Arguments(request)
    wallet, token = said.address("wallet"), said.text("token", COLLATERAL)
    spenders = [spender for spender in standing.spenders if spender]
    wanted = [said.choice("spender", spenders)] if "spender" in request else spenders
    if "amount" in request:
        amount = UNLIMITED if request["amount"] is None else said.units("amount")
        for spender in wanted:
            standing.allow(wallet, spender, amount, token)
    allowances = standing.allowances(wallet, token)
    return {"wallet": wallet, "allowances": {spender: str(amount) for spender, amount in allowances.items()}}


def _list_market(core: Exchange, now_ns: Callable[[], int], request: Request) -> Answer:
    found = load_markets(Arguments(request).text("file"))
    new = [listing for listing in found.listings if listing.condition not in core.listings]
    for listing in new:
        core.list_market(listing, now_ns())
    tokens = {token for listing in new for token in listing.tokens}
    for book in found.books:
        if book.token in tokens:
            core.background(book.snapshot(now_ns()), now_ns())
    return {"listed": [listing.condition for listing in new], "known": len(found.listings) - len(new)}


def _clock(clock: ExchangeClock, request: Request) -> Answer:
    said = Arguments(request)
    jump_s, speed = said.number("jump_s", 0.0), said.number("speed", clock.speed)
    if not abs(jump_s) <= JUMP_MAX_S:
        raise said.fault("jump_s", "that is too far", f"at most {JUMP_MAX_S} seconds either way")
    if not 0 < speed <= SPEED_MAX:
        raise said.fault("speed", "the speed is out of range", f"above 0, at most {SPEED_MAX}")
    if speed != clock.speed:
        clock.set_speed(speed)
    if jump_s:
        clock.jump(int(jump_s * NS_PER_S))
    return {"now_ns": clock.now_ns(), "speed": clock.speed}


def _fault_row(name: str, on: bool) -> dict[str, Any]:
    fault = CATALOGUE[name]
    return {"name": name, "on": on, "where": fault.where, "sees": fault.sees, "parameters": fault.defaults()}
