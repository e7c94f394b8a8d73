"""The tests that ship inside the py-clob-client wheel, run against our functions in place of theirs."""

from __future__ import annotations

import ast
import base64
import binascii
import hashlib
import importlib.metadata
import importlib.util
import os
import unittest
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from py_clob_client.order_builder.builder import ROUNDING_CONFIG, OrderBuilder
from py_clob_client.order_builder.helpers import round_normal

from agbot.errors import ConfigError
from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.units import TICKS, on_tick, to_decimal, to_units
from agbot.venue.polymarket.amounts import Amounts, round_limit, round_market
from agbot.venue.polymarket.auth import ApiCredentials, l1_headers, l2_headers
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.pricing import book_hash, worst_price

WHEEL = "py-clob-client"
SUITES = [
    "tests/signing/test_hmac.py",
    "tests/signing/test_eip712.py",
    "tests/headers/test_headers.py",
    "tests/order_builder/test_builder.py",
    "tests/test_utilities.py",
]
# What is left out, with the reason. A name that no longer exists in the wheel fails below.
EXCLUDED = {
    "test_parse_raw_orderbook_summary": "parses a book into their class; ours are read by agbot.venue.polymarket.wire",
    "test_is_tick_size_smaller": "compares two tick sizes; nothing of ours does",
}
TICK_OF = {id(config): to_units(tick) for tick, config in ROUNDING_CONFIG.items()}


def file_of(suite: str) -> Path:
    """Return where the wheel put `suite`; its absence is an error, never a skip."""
    (found,) = (f for f in importlib.metadata.files(WHEEL) or () if str(f) == suite)
    path = Path(str(found.locate()))
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
    assert found.hash is not None
    # py-builder-signing-sdk brings a tests/ folder too, and the last one installed wins: noxfile.py sees to the order.
    assert digest == found.hash.value, f"{suite} is another package's: pip install --force-reinstall --no-deps {WHEEL}"
    return path


def names_in(suite: str) -> list[str]:
    tree = ast.parse(file_of(suite).read_text(encoding="utf-8"))
    return [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]


ALL = [(suite, name) for suite in SUITES for name in names_in(suite)]
# Sixteen of them loop over every price and cent, ten seconds each: here one of a kind, `nox -s conformance` runs all.
SWEEPS = {
    "test_get_order_amounts_buy_0_01",
    "test_get_market_order_amounts_sell_0_0001",
}
EVERY_SWEEP = bool(os.environ.get("AGBOT_EVERY_SWEEP"))
RUN = [
    pair
    for pair in ALL
    if pair[1] not in EXCLUDED and (EVERY_SWEEP or pair[1] in SWEEPS or not pair[1].startswith("test_get_"))
]


@cache
def units(value: float) -> int:
    """Return a float as the six decimals it means: the suite adds 0.01 up a hundred thousand times."""
    return to_units(round(Decimal(value), 6))


@cache
def on_grid(price: float, places: int) -> int:
    return units(round_normal(price, places))


class OurBuilder(OrderBuilder):
    """Their builder, with our amounts and our walk through the book."""

    def get_order_amounts(self, side: str, size: float, price: float, round_config: Any) -> tuple[int, int, int]:
        tick = TICK_OF[id(round_config)]
        return _coded(side, round_limit(Side(side), on_grid(price, round_config.price), units(size), tick))

    def get_market_order_amounts(self, side: str, amount: float, price: float, round_config: Any) -> Any:
        price_units, tick = on_grid(price, round_config.price), TICK_OF[id(round_config)]
        # Without the server's cap of four decimals, which this library does not know.
        return _coded(side, round_market(Side(side), units(amount), price_units, tick, capped=False))

    def calculate_buy_market_price(self, positions: Any, amount_to_match: float, order_type: str) -> float:
        return _walk(Side.BUY, positions, amount_to_match, order_type)

    def calculate_sell_market_price(self, positions: Any, amount_to_match: float, order_type: str) -> float:
        return _walk(Side.SELL, positions, amount_to_match, order_type)


def _coded(side: str, amounts: Amounts) -> tuple[int, int, int]:
    return int(side == "SELL"), amounts.maker, amounts.taker


def _walk(side: Side, positions: Any, amount: float, order_type: str) -> float:
    levels = [(to_units(level.price), to_units(level.size)) for level in positions]
    price = worst_price(side, levels, units(amount), fill_all=order_type == "FOK")
    if price is None:
        raise LookupError("no match")
    return float(to_decimal(price))


def _key(signer: Any) -> SigningKey:
    return SigningKey.parse(Secret(signer.private_key))


def our_hmac(secret: str, timestamp: str, method: str, path: str, body: object = None) -> str:
    try:
        creds = ApiCredentials(key="key", secret=Secret(secret), passphrase=Secret("pass"))
    except ConfigError as e:
        raise binascii.Error(str(e)) from e
    sent = str(body).replace("'", '"').encode() if body else b""  # what their client makes of a body that is no text
    return l2_headers(creds, "0x", method, path, sent, int(timestamp))["POLY_SIGNATURE"]


def our_l1(signer: Any, nonce: int | None = None) -> dict[str, str]:
    return l1_headers(_key(signer), int(datetime.now().timestamp()), nonce or 0, signer.get_chain_id())  # noqa: DTZ005


def our_l2(signer: Any, creds: Any, request_args: Any) -> dict[str, str]:
    ours = ApiCredentials(key=creds.api_key, secret=Secret(creds.api_secret), passphrase=Secret(creds.api_passphrase))
    now = int(datetime.now().timestamp())  # noqa: DTZ005
    body = (request_args.body or "").encode()
    return l2_headers(ours, _key(signer).address, request_args.method, request_args.request_path, body, now)


def our_clob_auth(signer: Any, timestamp: int, nonce: int) -> str:
    return l1_headers(_key(signer), timestamp, nonce, signer.get_chain_id())["POLY_SIGNATURE"]


def our_hash(book: Any) -> str:
    levels = {
        side: [{"price": o.price, "size": o.size} for o in getattr(book, side) or []] for side in ("bids", "asks")
    }
    book.hash = book_hash({**vars(book), **levels})
    return book.hash


def our_price_valid(price: float, tick_size: str) -> bool:
    return on_tick(units(price), to_units(tick_size))


OURS = {
    "build_hmac_signature": our_hmac,
    "create_level_1_headers": our_l1,
    "create_level_2_headers": our_l2,
    "sign_clob_auth_message": our_clob_auth,
    "generate_orderbook_summary_hash": our_hash,
    "price_valid": our_price_valid,
    "OrderBuilder": OurBuilder,
}


@cache
def suite_with_ours(suite: str) -> ModuleType:
    """Return a test module of the wheel in which every name we have a function for means ours.

    An integer has no decimals: to find that out by its text, two million times, is a third of what their loops take.
    """
    spec = importlib.util.spec_from_file_location(f"official_{Path(suite).stem}", file_of(suite))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    replaced = [name for name in OURS if hasattr(module, name)]
    assert replaced, f"{suite} tests nothing of ours"
    for name in replaced:
        setattr(module, name, OURS[name])
    if theirs := getattr(module, "decimal_places", None):
        module.decimal_places = lambda x: 0 if type(x) is int else theirs(x)  # type: ignore[attr-defined]
    return module


def complaints(suite: str, name: str) -> list[str]:
    """Run one test of the wheel and return what it has to say against ours."""
    (case,) = (c for c in vars(suite_with_ours(suite)).values() if isinstance(c, type) and hasattr(c, name))
    result = unittest.TestResult()
    case(name).run(result)
    assert (result.testsRun, result.skipped) == (1, [])
    return [text for _, text in (*result.failures, *result.errors)]


def _case(suite: str, name: str) -> Any:
    marks = [pytest.mark.slow, pytest.mark.timeout(300)] if name.startswith("test_get_") else []
    return pytest.param(suite, name, id=f"{Path(suite).stem}-{name}", marks=marks)


@pytest.mark.parametrize(("suite", "name"), [_case(*pair) for pair in RUN])
def test_official(suite: str, name: str) -> None:
    assert complaints(suite, name) == []


@pytest.mark.parametrize(
    ("suite", "name", "what"),
    [
        ("tests/order_builder/test_builder.py", "test_create_order_buy_0_01", "round_limit"),
        ("tests/order_builder/test_builder.py", "test_create_market_order_sell_0_1", "round_market"),
        ("tests/order_builder/test_builder.py", "test_calculate_buy_market_price_FAK", "worst_price"),
        ("tests/signing/test_hmac.py", "test_build_hmac_signature_matches_expected", "l2_headers"),
        ("tests/signing/test_eip712.py", "test_sign_clob_auth_message", "l1_headers"),
        ("tests/headers/test_headers.py", "test_create_level_2_headers", "l2_headers"),
        ("tests/test_utilities.py", "test_generate_orderbook_summary_hash", "book_hash"),
        ("tests/test_utilities.py", "test_price_valid", "on_tick"),
    ],
)
def test_it_is_ours_that_is_tested(monkeypatch: pytest.MonkeyPatch, suite: str, name: str, what: str) -> None:
    ours = globals()[what]
    monkeypatch.setitem(globals(), what, lambda *args, **kwargs: wrong(ours(*args, **kwargs)))
    assert complaints(suite, name)


def wrong(value: Any) -> Any:
    if isinstance(value, Amounts):
        return Amounts(value.maker, value.taker + 1)
    if isinstance(value, dict):
        return {name: text[1:] for name, text in value.items()}
    return not value if isinstance(value, bool) else value[1:] if isinstance(value, str) else value + 10_000


def test_how_many_there_are() -> None:
    print(f"official tests run against our functions: {len(RUN)}; left out: {EXCLUDED}")
    swept = [name for _, name in ALL if name.startswith("test_get_")]
    assert (len(ALL) - len(EXCLUDED), len(swept)) == (90, 16)
    assert len(RUN) == (90 if EVERY_SWEEP else 90 - len(swept) + len(SWEEPS))
    left_out = {name for _, name in ALL} - {name for _, name in RUN}
    assert set(EXCLUDED) == left_out - set(swept)
    assert set(SWEEPS) < set(swept)
    assert set(TICK_OF.values()) <= set(TICKS)
