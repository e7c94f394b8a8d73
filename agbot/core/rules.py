"""Risk policies: what each forbids, and how a person writes them. Pure; integers of 10⁻⁶."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from agbot.errors import ConfigError
from agbot.located import Fields, File, Located, load, suggest
from agbot.units import SCALE, to_text


@attrs.frozen(kw_only=True)
class Exposure:
    """What one order would do, at the worst of what is already on its way. Integers of 10⁻⁶.

    Args:
        net_position: shares held now, YES minus NO.
        long_worst: the net position when every resting and in-flight buy and this order fill; `short_worst` the sells.
        delta: this order's signed size on the net position: buying NO is negative.
        inventory_usd: what is held, marked, over all markets.
        resting_notional_usd: what resting and in-flight orders would add to the inventory.
        order_notional_usd: what this order would add to the inventory; 0 when it sells shares that are held.
        cash_free: usd that no resting order has reserved; read by `FreeCash` only.
        order_usd: what this order would trade, bought or sold; a sale counts at the better of its price and the bid.
        day_usd: what was traded this UTC day, and what rests, bought or sold.
        day: the UTC day, counted from 1970-01-01.
    """

    market_id: str
    net_position: int
    long_worst: int
    short_worst: int
    delta: int
    inventory_usd: int
    order_notional_usd: int = 0
    resting_notional_usd: int = 0
    cash_free: int = 0
    order_usd: int = 0
    day_usd: int = 0
    day: int = 0

    @property
    def worst(self) -> int:
        """Return the net position at the far end of this order's side."""
        return self.long_worst if self.delta >= 0 else self.short_worst

    @property
    def reduces(self) -> bool:
        """Return whether the position ends smaller than it is now, even when all of this side fills."""
        return abs(self.worst) < abs(self.net_position)


@attrs.frozen
class PositionLimit:
    """At most `max_size` shares (10⁻⁶) net, long or short, in one market, or in each when `market_id` is None.

    An order that makes the position smaller passes, also while the position is over the limit.
    """

    market_id: str | None
    max_size: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "PositionLimit" if self.market_id is None else f"PositionLimit({self.market_id})"

    def covers(self, market_id: str) -> bool:
        """Return whether the limit holds in this market; the case of hexadecimal ids does not matter."""
        return self.market_id is None or self.market_id.lower() == market_id.lower()

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return self.covers(exposure.market_id) and abs(exposure.worst) > self.max_size and not exposure.reduces

    def __str__(self) -> str:
        return f"at most {to_text(self.max_size)} shares net, long or short"


@attrs.frozen
class InventoryLimit:
    """At most `max_value_usd` (10⁻⁶) of inventory over all markets, counting what resting orders would add.

    An order that makes its market's position smaller passes.
    """

    max_value_usd: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "InventoryLimit"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        value = exposure.inventory_usd + exposure.resting_notional_usd + exposure.order_notional_usd
        return value > self.max_value_usd and not exposure.reduces

    def __str__(self) -> str:
        return f"at most {to_text(self.max_value_usd)} usd of inventory over all markets"


@attrs.frozen
class KillSwitch:
    """Deny every order while `enabled`; how the switch stands at start."""

    enabled: bool

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "KillSwitch"

    def violated(self, exposure: Exposure) -> bool:  # noqa: ARG002 - same shape as the other rules
        """Return whether the order must be denied."""
        return self.enabled

    def __str__(self) -> str:
        return "on: every order is denied" if self.enabled else "off"


@attrs.frozen
class OrderCap:
    """At most `max_usd` (10⁻⁶) in one order, bought or sold. The way out is no exception: sell in parts."""

    max_usd: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "OrderCap"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return exposure.order_usd > self.max_usd

    def __str__(self) -> str:
        return f"at most {to_text(self.max_usd)} usd in one order"


@attrs.frozen
class DayCap:
    """At most `max_usd` (10⁻⁶) traded in one UTC day, bought or sold, counting what rests.

    `spent_usd` is what earlier runs had traded by the start of this one on `day` (days since 1970-01-01).
    """

    max_usd: int
    spent_usd: int = 0
    day: int = 0

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "DayCap"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        before = self.spent_usd if exposure.day <= self.day else 0
        return before + exposure.day_usd + exposure.order_usd > self.max_usd

    def __str__(self) -> str:
        return f"at most {to_text(self.max_usd)} usd traded in one UTC day"


@attrs.frozen
class FreeCash:
    """Deny what the free cash cannot pay. Not written in a file: the owner of a gate adds it when he knows the cash."""

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "FreeCash"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return exposure.order_notional_usd > exposure.cash_free

    def __str__(self) -> str:
        return "no order beyond the free cash"


DAY_MAX: Final = 10**6

Rule: TypeAlias = PositionLimit | InventoryLimit | KillSwitch | OrderCap | DayCap | FreeCash

DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    PositionLimit(None, 1_000 * SCALE),
    InventoryLimit(10_000 * SCALE),
    KillSwitch(enabled=False),
)
"""What holds without a policy file; `policies/paper.yaml` says the same."""


def load_rules(path: File) -> tuple[Rule, ...]:
    """Return the policies in a YAML or JSON file.

    Raises:
        ConfigError: the first fault, by line.
    """
    return parse_rules(load(path))


def parse_rules(root: Located) -> tuple[Rule, ...]:
    """Return the policies in a file that has been read.

    Raises:
        ConfigError: the first fault, by line.
    """
    faults: list[ConfigError] = []
    rules = read_rules(root, faults)
    if faults:
        raise min(faults, key=lambda fault: fault.line or 0)
    return rules


def read_rules(root: Located, faults: list[ConfigError]) -> tuple[Rule, ...]:
    """Return the policies that are right and add every fault to `faults`."""
    file = Fields(root, faults)
    rules: dict[str, Rule] = {}
    nodes: tuple[Located, ...] = ()
    for node in file.require("policies", Located.as_list, nodes):
        if (rule := _rule(node, faults)) is None:
            continue
        if (name := rule.name.lower()) in rules:
            faults.append(node.fault(f"{rule.name} is given twice", id="AGB-114", remedy="keep one of them"))
        rules[name] = rule
    file.close()
    return tuple(rules.values())


def _rule(node: Located, faults: list[ConfigError]) -> Rule | None:
    found = len(faults)
    fields = Fields(node, faults)
    kind = fields.require("type", _policy_type, "")
    rule = _READERS[kind](fields) if kind else None
    if kind:
        fields.close()
    return rule if len(faults) == found else None


def _policy_type(node: Located) -> str:
    text = node.as_text()
    if text not in _READERS:
        raise node.fault(f"unknown policy type {node}", id="AGB-113", remedy=suggest(text, _READERS))
    return text


def _position_limit(fields: Fields) -> Rule:
    market_id = fields.read("market_id", _market_id, None)
    return PositionLimit(market_id, fields.require("max_size", _amount, 0))


def _inventory_limit(fields: Fields) -> Rule:
    return InventoryLimit(fields.require("max_value_usd", _amount, 0))


def _kill_switch(fields: Fields) -> Rule:
    return KillSwitch(fields.require("enabled", Located.as_bool, True))


def _order_cap(fields: Fields) -> Rule:
    return OrderCap(fields.require("max_usd", _amount, 0))


def _day_cap(fields: Fields) -> Rule:
    spent, day = fields.read("spent_usd", _amount, 0), fields.read("day", lambda node: node.as_int(0, DAY_MAX), 0)
    return DayCap(fields.require("max_usd", _amount, 0), spent, day)


def _market_id(node: Located) -> str | None:
    return None if node.kind == "nothing" else node.as_text()


def _amount(node: Located) -> int:
    return node.as_units(0)


_READERS: Final[dict[str, Callable[[Fields], Rule]]] = {
    "PositionLimit": _position_limit,
    "InventoryLimit": _inventory_limit,
    "KillSwitch": _kill_switch,
    "OrderCap": _order_cap,
    "DayCap": _day_cap,
}
