"""The gate every order passes, and its simple face for people: `RiskEngine`. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import attrs

from agbot.core.rules import Exposure, KillSwitch, Rule, parse_rules
from agbot.located import File, Located, Syntax, load, loads
from agbot.model.market import Market
from agbot.units import SCALE, to_units

_IS_TEXT: Final = re.compile(r"\n|:(\s|$)|^\s*[\[{]|^\s*$")
_MAX_EXPONENT: Final = 18


class Gate:
    """Asks every rule, before every order. The kill switch comes first and starts as the policies say."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._limits: tuple[Rule, ...] = ()
        self._exits: tuple[Rule, ...] = ()
        self.change(rules)
        self._kill_reason = "on in the policy file" if KillSwitch(enabled=True) in self.rules else ""
        self.scopes: dict[tuple[str, str], str] = {}

    def change(self, rules: Iterable[Rule]) -> None:
        """Ask these rules from now on; whether the kill switch is on does not change."""
        self.rules = tuple(rules)
        self._limits = tuple(rule for rule in self.rules if not isinstance(rule, KillSwitch))
        self._exits = tuple(rule for rule in self._limits if getattr(rule, "exits", True))

    @property
    def kill_reason(self) -> str:
        """Return why the kill switch is on, empty while it is off."""
        return self._kill_reason

    def kill(self, reason: str, scope: str = "", name: str = "") -> None:
        """Deny everything, or all that `covers` says, from now on; the first reason stays."""
        if scope:
            self.scopes.setdefault((scope, name), reason or "no reason given")
        else:
            self._kill_reason = self._kill_reason or reason or "no reason given"

    def release(self, scope: str = "", name: str = "") -> None:
        """Take the kill switch of one scope off; the others and the limits hold as before."""
        if scope:
            self.scopes.pop((scope, name), None)
        else:
            self._kill_reason = ""

    def closed(self, market: Market, strategy: str) -> tuple[str, ...]:
        """Return the names of the scopes that are closed for `strategy` in `market`."""
        return tuple(
            f"KillSwitch({scope} {name})" for scope, name in self.scopes if covers(scope, name, market, strategy)
        )

    def check(self, exposure: Exposure, *, unwinds: bool = False) -> tuple[str, ...]:
        """Return the names of the violated policies, empty when the order may leave; the switch lets unwinding pass."""
        limits = self._exits if unwinds else self._limits
        denied = tuple(_violated(limits, exposure))
        return ("KillSwitch", *denied) if self._kill_reason and not unwinds else denied


def _violated(rules: Iterable[Rule], exposure: Exposure) -> list[str]:
    """Return the names of the rules that forbid the order; one that fails does, whatever it failed of."""
    denied = []
    for rule in rules:
        try:
            forbids = rule.violated(exposure)
        except Exception:  # noqa: BLE001 - what cannot be judged is not sent; `agbot explain` asks again and tells why
            forbids = True
        if forbids:
            denied.append(rule.name)
    return denied


def covers(scope: str, name: str, market: Market, strategy: str) -> bool:
    """Return whether a kill switch of this scope concerns `strategy` in `market`; a scope nobody knows concerns all."""
    match scope:
        case "market":
            return name.lower() in (market.slug.lower(), market.id.lower())
        case "strategy":
            return name == strategy
        case "venue":
            return name == market.venue
        case _:
            return True


def _exact(value: Decimal | int | str) -> Decimal:
    if isinstance(value, (float, bool)) or not isinstance(value, (Decimal, int, str)):
        raise ValueError(f"{value!r} is not a Decimal; floats lose cents")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    if number.adjusted() > _MAX_EXPONENT:
        raise ValueError(f"{value!r} is too large")
    return number


@attrs.frozen
class RiskContext:
    """A question to `RiskEngine`.

    Args:
        current_position: net shares held in the market, negative when short.
        proposed_size: shares to trade: positive buys, negative sells.
        inventory_value_usd: marked value of everything held.

    Raises:
        ValueError: a number is a float, not finite or beyond 10¹⁸.
    """

    market_id: str
    current_position: Decimal = attrs.field(converter=_exact)
    proposed_size: Decimal = attrs.field(converter=_exact)
    inventory_value_usd: Decimal = attrs.field(converter=_exact)


@attrs.frozen
class RiskDecision:
    """The answer. `violated_policies` is empty exactly when `allowed`."""

    allowed: bool
    violated_policies: tuple[str, ...] = ()


class RiskEngine:
    """Policies as a person asks them: without resting orders, in `Decimal`. The bot itself asks `gate`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.gate = Gate(rules)

    @classmethod
    def from_yaml(cls, source: File) -> RiskEngine:
        """Read policies from a path or from YAML text.

        Raises:
            ConfigError: names file, line, key, reason and remedy.
        """
        return cls(parse_rules(_read(source, "yaml")))

    @classmethod
    def from_json(cls, source: File) -> RiskEngine:
        """Read policies from a path or from JSON text.

        Raises:
            ConfigError: names file, line, key, reason and remedy.
        """
        return cls(parse_rules(_read(source, "json")))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Return the policies in force, in file order."""
        return self.gate.rules

    @property
    def kill_switch_active(self) -> bool:
        """Return whether everything is denied."""
        return bool(self.gate.kill_reason)

    def trigger_kill_switch(self, reason: str) -> None:
        """Deny everything from now on."""
        self.gate.kill(reason)

    def reset_kill_switch(self) -> None:
        """Take the kill switch off, also when the policy file had it on."""
        self.gate.release()

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Return whether the trade is allowed, and by name what forbids it.

        Raises:
            ValueError: a size has more than six decimals.
        """
        denied = self.gate.check(_exposure(context))
        return RiskDecision(not denied, denied)


def _exposure(context: RiskContext) -> Exposure:
    position, delta = to_units(context.current_position), to_units(context.proposed_size)
    return Exposure(
        market_id=context.market_id,
        net_position=position,
        long_worst=position + max(delta, 0),
        short_worst=position + min(delta, 0),
        delta=delta,
        # Limits have six decimals: rounding up never turns a value over the limit into one within.
        inventory_usd=math.ceil(context.inventory_value_usd * SCALE),
    )


def _read(source: File, syntax: Syntax) -> Located:
    if isinstance(source, str) and _IS_TEXT.search(source):
        return loads(source, f"<{syntax}>", syntax)
    return load(source, syntax)
