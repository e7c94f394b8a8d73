"""A seeded mutator of JSON frames: what a broken proxy, a changed venue or an attacker might send."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

VALUES: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        False,
        "",
        " ",
        "0",
        0,
        -1,
        1,
        0.5,
        "-0.5",
        "NaN",
        "Infinity",
        "1e400",
        "-1e400",
        "1e-400",
        "0x1",
        "٣",
    ),
    *(10**18, 10**30, "9" * 25, "9" * 200, 2**63, -(2**63), "0.0000001", "0.5000000", ".", "1_0", [], {}, [[]], [None]),
    *({"price": 1}, "BUY", "sell", "\ud83d\ude00", "\x00", "a\\b", "book", "null", "[1", "[]", '["a"]', 1e308, "1e9"),
)
RAW: Final = (
    b"NaN",
    b"1e400",
    b"-",
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\\u0000",
    b"\xff",
    b"\\",
    b"null",
    b"e9",
)
DEEP: Final = 2_000

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutated(dice: random.Random, items: Sequence[Any], raws: Sequence[bytes]) -> bytes:
    """Return one of `items` (or of `raws`, the same as JSON text) with one to three things wrong."""
    if dice.random() < 0.5:
        item = _changed(dice, dice.choice(items), 0)
        raw = json.dumps(item, separators=dice.choice(((",", ":"), (", ", ": ")))).encode("utf-8", "surrogatepass")
        if dice.random() < 0.7:
            return raw
    else:
        raw = dice.choice(raws)
    for _ in range(dice.choice((1, 1, 2, 3))):
        raw = dice.choice(_BYTES)(dice, raw, raws)
    return raw


def _changed(dice: random.Random, item: Any, depth: int) -> Any:
    """Return a copy in which one value, key or element is another."""
    if isinstance(item, dict) and item and (depth == 0 or dice.random() < 0.8):
        key = dice.choice(list(item))
        how = dice.random()
        if how < 0.1:
            return {k: v for k, v in item.items() if k != key}
        if how < 0.15:
            return {**item, dice.choice(("", "price", "type", "extra", "changes", "market")): dice.choice(VALUES)}
        return {**item, key: _changed(dice, item[key], depth + 1)}
    if isinstance(item, list) and item and dice.random() < 0.8:
        at = dice.randrange(len(item))
        if dice.random() < 0.2:
            return item[:at] + item[at + 1 :] if dice.random() < 0.5 else item * 2
        return [*item[:at], _changed(dice, item[at], depth + 1), *item[at + 1 :]]
    if isinstance(item, str) and item and dice.random() < 0.3:
        return _other_digits(dice, item)
    return dice.choice(VALUES)


def _other_digits(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text))
    return text[:at] + dice.choice('0123456789.-eE+ \\"x') + text[at + dice.randrange(2) :]


def _flip(dice: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + bytes([dice.randrange(256)]) + raw[at + 1 :]


def _cut(dice: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)]


def _splice(dice: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    return raw[: dice.randrange(len(raw) + 1)] + other[dice.randrange(len(other)) :]


def _insert(dice: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + dice.choice(RAW) + raw[at:]


def _drop(dice: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + raw[at + dice.randrange(1, 9) :]


def _deepen(dice: random.Random, raw: bytes, _: Sequence[bytes]) -> bytes:
    if dice.random() < 0.98:
        return b"[" + raw + b"]"
    return dice.choice((b"[" * DEEP, b'{"a":' * DEEP, b'{"bids":' + b"[" * DEEP))


_BYTES: Final[tuple[Mutation, ...]] = (_flip, _flip, _flip, _cut, _splice, _insert, _drop, _deepen)
