"""Contract calls, shown and never sent: where to, which function with which arguments, and the bytes.

Functions: polymarket-client 0.14.0 (`_internal/actions/relayer/calls.py`) and the venue's contracts (ctf-exchange-v2).
Amounts are whole numbers of 10⁻⁶ (pUSD, USDC.e and shares have six decimals). Every maker of a call raises ConfigError:
AGB-133 for a contract that is not known on the chain, AGB-134 for values no call can be made of.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, TypeAlias

import attrs

from agbot._keccak import keccak256
from agbot.errors import ConfigError
from agbot.units import to_text
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.eip712 import ZERO_WORD, address_word, word
from agbot.venue.polymarket.keys import parse_address

UNLIMITED: Final = 2**256 - 1
_CONDITION: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})+")
_BOTH_OUTCOMES: Final = (1, 2)

Value: TypeAlias = str | int | bytes | tuple[int, ...]


@attrs.frozen
class Call:
    """One transaction as a wallet would send it, without ether: `data` to the contract at `to`.

    `function` is its signature with the names of the parameters, `arguments` one text for each, `what` says in a
    sentence what it does.
    """

    to: str
    data: bytes
    what: str
    function: str
    arguments: tuple[str, ...]


def approve(chain: Chain, spender: str, amount: int = UNLIMITED) -> Call:
    """Let `spender` take up to `amount` pUSD; 0 takes the permission back."""
    spender = parse_address(spender)
    limit = "without limit" if amount == UNLIMITED else f"up to {to_text(amount)}"
    what = f"lets {chain.name_of(spender) or spender} take pUSD {limit}"
    values = (spender, _uint(amount, "amount", least=0))
    return _call(chain.contract("collateral"), "approve(address spender, uint256 amount)", values, what)


def set_approval_for_all(chain: Chain, token: str, operator: str, *, approved: bool = True) -> Call:
    """Let `operator` move every share held in the token contract named `token` ("ctf", "position_manager"), or not."""
    operator = parse_address(operator)
    what = f"{'lets' if approved else 'forbids'} {chain.name_of(operator) or operator} to move any share in {token}"
    function = "setApprovalForAll(address operator, bool approved)"
    return _call(chain.contract(token), function, (operator, int(approved)), what)


def split_position(chain: Chain, condition: str, amount: int, *, neg_risk: bool) -> Call:
    """Turn `amount` pUSD into as many YES and as many NO shares (markets of version 1 and 2)."""
    what = f"turns {to_text(amount)} pUSD into {to_text(amount)} YES and {to_text(amount)} NO shares"
    return _on_both(chain, "splitPosition", condition, amount, what, neg_risk=neg_risk)


def merge_positions(chain: Chain, condition: str, amount: int, *, neg_risk: bool) -> Call:
    """Turn `amount` YES and as many NO shares back into pUSD (markets of version 1 and 2)."""
    what = f"turns {to_text(amount)} YES and {to_text(amount)} NO shares into {to_text(amount)} pUSD"
    return _on_both(chain, "mergePositions", condition, amount, what, neg_risk=neg_risk)


def redeem_positions(chain: Chain, condition: str, *, neg_risk: bool) -> Call:
    """Turn every share held in a resolved market into pUSD (markets of version 1 and 2)."""
    function = (
        "redeemPositions(address collateralToken, bytes32 parentCollectionId, bytes32 conditionId, uint256[] indexSets)"
    )
    what = "turns every YES and NO share held into pUSD at what the outcome pays: 1, 0, or 0.5 each"
    values = (chain.contract("collateral"), ZERO_WORD, _condition(condition, 32), _BOTH_OUTCOMES)
    return _call(_adapter(chain, neg_risk=neg_risk), function, values, what)


def router_split(chain: Chain, condition: str, amount: int) -> Call:
    """Turn `amount` pUSD into as many YES and as many NO shares (markets of version 3)."""
    what = f"turns {to_text(amount)} pUSD into {to_text(amount)} YES and {to_text(amount)} NO shares"
    values = (_condition(condition, 31), _uint(amount, "amount"))
    return _call(chain.contract("router"), "split(bytes31 conditionId, uint256 amount)", values, what)


def router_merge(chain: Chain, condition: str, amount: int) -> Call:
    """Turn `amount` YES and as many NO shares back into pUSD (markets of version 3)."""
    what = f"turns {to_text(amount)} YES and {to_text(amount)} NO shares into {to_text(amount)} pUSD"
    values = (_condition(condition, 31), _uint(amount, "amount"))
    return _call(chain.contract("router"), "merge(bytes31 conditionId, uint256 amount)", values, what)


def router_redeem(chain: Chain, condition: str, outcome: int, amount: int) -> Call:
    """Turn `amount` shares of `outcome` (0 YES, 1 NO) of a resolved market into pUSD (markets of version 3)."""
    if outcome not in (0, 1):
        raise _impossible(f"an outcome is 0 (YES) or 1 (NO), not {outcome}")
    what = f"turns {to_text(amount)} {('YES', 'NO')[outcome]} shares into pUSD at what the outcome pays"
    function = "redeem(bytes31 conditionId, uint256 outcomeIndex, uint256 amount)"
    return _call(
        chain.contract("router"), function, (_condition(condition, 31), outcome, _uint(amount, "amount")), what
    )


def wrap(chain: Chain, to: str, amount: int) -> Call:
    """Turn `amount` USDC.e into pUSD for `to`. The onramp must be allowed to take the USDC.e."""
    values = (chain.contract("usdc_e"), parse_address(to), _uint(amount, "amount"))
    what = f"turns {to_text(amount)} USDC.e into pUSD for {to}"
    return _call(chain.contract("onramp"), "wrap(address asset, address to, uint256 amount)", values, what)


def unwrap(chain: Chain, to: str, amount: int) -> Call:
    """Turn `amount` pUSD into USDC.e for `to`. The offramp must be allowed to take the pUSD."""
    values = (chain.contract("usdc_e"), parse_address(to), _uint(amount, "amount"))
    what = f"turns {to_text(amount)} pUSD into USDC.e for {to}"
    return _call(chain.contract("offramp"), "unwrap(address asset, address to, uint256 amount)", values, what)


def trading_approvals(chain: Chain) -> tuple[Call, ...]:
    """Return the approvals a trading wallet needs, as the official client sets them (without perpetuals)."""
    exchanges = ("exchange_v2", "neg_risk_exchange_v2", "ctf_adapter", "neg_risk_ctf_adapter")
    shares = (*exchanges, "auto_redeemer", "binary_module", "neg_risk_module")
    managed = ("router", "exchange_v3", "auto_redeemer")
    return (
        *(approve(chain, chain.contract(name)) for name in (*exchanges, "router", "exchange_v3")),
        *(set_approval_for_all(chain, "ctf", chain.contract(name)) for name in shares),
        *(set_approval_for_all(chain, "position_manager", chain.contract(name)) for name in managed),
    )


def _on_both(chain: Chain, name: str, condition: str, amount: int, what: str, *, neg_risk: bool) -> Call:
    function = (
        f"{name}(address collateralToken, bytes32 parentCollectionId, bytes32 conditionId,"
        " uint256[] partition, uint256 amount)"
    )
    size = _uint(amount, "amount")
    values = (chain.contract("collateral"), ZERO_WORD, _condition(condition, 32), _BOTH_OUTCOMES, size)
    return _call(_adapter(chain, neg_risk=neg_risk), function, values, what)


def _adapter(chain: Chain, *, neg_risk: bool) -> str:
    return chain.contract("neg_risk_ctf_adapter" if neg_risk else "ctf_adapter")


# ---------------------------------------------------------------- values


def _uint(value: int, name: str, least: int = 1) -> int:
    if not least <= value <= UNLIMITED:
        raise _impossible(f"the {name} must be at least {least} (in 10⁻⁶) and fit into 256 bits, not {value}")
    return value


def _condition(text: str, length: int) -> bytes:
    """Return a condition id of `length` bytes; of 31 also when its outcome's byte (00 or 01) is still there."""
    raw = bytes.fromhex(text[2:]) if _CONDITION.fullmatch(text) else b""
    if length == 31 and len(raw) == 32 and raw[-1] in (0, 1):
        raw = raw[:-1]
    if len(raw) != length:
        raise _impossible(f"this id is 0x and {2 * length} hexadecimal digits, not {text!r}")
    return raw


def _impossible(reason: str) -> ConfigError:
    return ConfigError(reason, id="AGB-134", remedy="correct the value")


# ---------------------------------------------------------------- bytes


def _call(to: str, function: str, values: tuple[Value, ...], what: str) -> Call:
    data = _selector(function) + _encoded(values)
    return Call(to=to, data=data, what=what, function=function, arguments=tuple(map(_text, values)))


@cache
def _selector(function: str) -> bytes:
    """Return the selector of a signature that names its parameters."""
    name, _, parameters = function.removesuffix(")").partition("(")
    types = ",".join(parameter.split()[0] for parameter in parameters.split(","))
    return keccak256(f"{name}({types})".encode())[:4]


def _encoded(values: tuple[Value, ...]) -> bytes:
    """Return the ABI's head of one word a value, then the tail that holds what its heads point to.

    An address comes as text, a fixed number of bytes as bytes, any integer or bool as int, uint256[] as tuple.
    """
    head, tail = b"", b""
    for value in values:
        if isinstance(value, tuple):
            head += word(32 * len(values) + len(tail))
            tail += word(len(value)) + b"".join(map(word, value))
        elif isinstance(value, str):
            head += address_word(value)
        else:
            head += value.ljust(32, b"\0") if isinstance(value, bytes) else word(value)
    return head + tail


def _text(value: Value) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)
