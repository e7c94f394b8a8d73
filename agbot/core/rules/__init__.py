"""Risk policies: what each forbids, and how a person writes them. Pure; integers of 10⁻⁶."""

from agbot.core.rules.basic import DayCap, FreeCash, InventoryLimit, KillSwitch, OrderCap, PositionLimit
from agbot.core.rules.exposure import Exposure
from agbot.core.rules.file import (
    DAY_MAX,
    DEFAULT_RULES,
    Rule,
    asks_for_losses,
    load_rules,
    parse_rules,
    read_rules,
    spelled,
)
from agbot.core.rules.measured import Measured

__all__ = [
    "DAY_MAX",
    "DEFAULT_RULES",
    "DayCap",
    "Exposure",
    "FreeCash",
    "InventoryLimit",
    "KillSwitch",
    "Measured",
    "OrderCap",
    "PositionLimit",
    "Rule",
    "asks_for_losses",
    "load_rules",
    "parse_rules",
    "read_rules",
    "spelled",
]
