"""Polymarket's vectors: what the official libraries signed, rounded, hashed and derived."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.selftest.check import Check, Difference, Row, Schema, differing, entries
from agbot.units import SCALE, on_tick, to_text, to_units
from agbot.venue.polymarket.amounts import Amounts, round_limit, round_market
from agbot.venue.polymarket.auth import ApiCredentials, l1_headers, l2_headers
from agbot.venue.polymarket.contracts import CHAINS, TYPE_HASHES, TYPE_STRINGS, clob_auth_domain
from agbot.venue.polymarket.eip712 import domain_hash
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, post_body
from agbot.venue.polymarket.pricing import TakerCost, affordable, book_hash, worst_price
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

Body = Mapping[str, Any]

EXCHANGE: Final = "Polymarket CTF Exchange"
SUGGESTED: Final = "server_safe_suggestion"
OFFICIAL: Final = "polymarket_client_0_14_0"

_CLOSE: Final = Fraction(1, 10**12)
_NOT_ROWS: Final = ("schema", "meta")


def _rows(file: Body) -> Iterator[Row]:
    for section, rows in file.items():
        if section == "constants" and isinstance(rows, dict):
            yield from _constants(rows)
        elif section not in _NOT_ROWS:
            for place, fields, row in entries(rows, section):
                yield Row(str(fields.get("id") or place), section, row)


def _constants(parts: Body) -> Iterator[Row]:
    for part, rows in parts.items():
        kind = f"constants.{part}"
        if isinstance(rows, dict):
            for name, row in rows.items():
                yield Row(f"{kind}.{name}", kind, {"name": name, **row} if isinstance(row, dict) else row)
        else:
            for place, fields, row in entries(rows, kind):
                yield Row(f"{place} {fields.get('name')} on {fields.get('chain_id')}", kind, row)


# ---------------------------------------------------------------- constants


def _type_string(row: Body) -> Iterator[Difference]:
    name = row["name"]
    return differing(row, {"string": TYPE_STRINGS[name], "hash": "0x" + TYPE_HASHES[name].hex()})


def _separator(row: Body) -> Iterator[Difference]:
    contract, chain = row["verifying_contract"], CHAINS[row["chain_id"]]
    if contract is None:
        return differing(row, {"separator": "0x" + clob_auth_domain(chain.chain_id).hex(), "version": "1"})
    separator = domain_hash(name=EXCHANGE, version=row["version"], chain_id=chain.chain_id, contract=contract)
    # A name that is no field of ours is an address that another package holds: only its separator is compared.
    ours = getattr(chain, row["name"], contract)
    return differing(row, {"separator": "0x" + separator.hex(), "verifying_contract": ours})


# ---------------------------------------------------------------- orders


def _order(row: Body) -> Iterator[Difference]:
    i = row["inputs"]
    key = SigningKey.parse(Secret(i["private_key"]))
    account = Account(key.address, i["funder"] or key.address, SignatureType(i["signature_type"]))
    chain, version, neg_risk = CHAINS[i["chain_id"]], i["exchange_version"], i["neg_risk"]
    amounts = _order_amounts(i)
    signed = OrderSigner(key, account, chain).sign(_fields(i, amounts), version=version, neg_risk=neg_risk)
    yield from differing(
        row,
        {
            "maker_amount": str(amounts.maker),
            "taker_amount": str(amounts.taker),
            "order_digest": signed.order_id,
            "signature": "0x" + signed.signature.hex(),
            "order_maker": signed.maker,
            "order_signer": signed.signer,
        },
    )
    yield from differing(i, {"verifying_contract": chain.exchange(version, neg_risk=neg_risk)})
    body = post_body(signed, owner=i["owner_api_key"], order_type=i["order_type"], post_only=i["post_only"])
    # The official clients leave false out or send it: both mean the same.
    expected = {"postOnly": False, "deferExec": False, **row["http_body"]}
    yield from differing({"http_body": expected}, {"http_body": json.loads(body)})


def _fields(i: Body, amounts: Amounts) -> OrderFields:
    return OrderFields(
        token_id=int(i["token_id"]),
        maker_amount=amounts.maker,
        taker_amount=amounts.taker,
        side=Side(i["side"]),
        salt=int(i["salt"]),
        timestamp_ms=int(i["timestamp_ms"]),
        expiration_s=int(i["expiration"]),
        metadata=_bytes(i["metadata"]),
        builder=_bytes(i["builder"]),
    )


def _order_amounts(i: Body) -> Amounts:
    # Without the server's cap: these orders were signed by official clients, which do not know it.
    return _amounts(i, capped=False)


def _amounts(i: Body, *, capped: bool) -> Amounts:
    side, price, tick = Side(i["side"]), to_units(i["price"]), to_units(i["tick_size"])
    if i["kind"] == "limit":
        return round_limit(side, price, to_units(i["size"]), tick)
    if i["kind"] == "market":
        return round_market(side, to_units(i["amount"]), price, tick, capped=capped)
    raise ValueError(f"an order of kind {i['kind']!r}")


def _amount_rounding(row: Body) -> Iterator[Difference]:
    capped = row["kind"] == "market" and row.get(SUGGESTED) is not None
    amounts = _amounts(row, capped=capped)
    got = {"maker_amount": str(amounts.maker), "taker_amount": str(amounts.taker)}
    return differing(row[SUGGESTED if capped else OFFICIAL], got)


# ---------------------------------------------------------------- authentication


def _l1(row: Body) -> Iterator[Difference]:
    i = row["inputs"]
    key = SigningKey.parse(Secret(i["private_key"]))
    headers = l1_headers(key, i["timestamp_s"], i["nonce"], i["chain_id"])
    return differing(row, {"address": key.address, "signature": headers["POLY_SIGNATURE"], "headers": headers})


def _l2(row: Body) -> Iterator[Difference]:
    i = row["inputs"]
    creds = ApiCredentials(key=i["api_key"], secret=Secret(i["secret"]), passphrase=Secret(i["passphrase"]))
    address = SigningKey.parse(Secret(i["private_key"])).address
    body = (i["body"] or "").encode()
    headers = l2_headers(creds, address, i["method"], i["request_path"], body, i["timestamp_s"])
    return differing(row, {"poly_signature": headers["POLY_SIGNATURE"], "headers": headers})


# ---------------------------------------------------------------- books, fees, wallets


def _book(row: Body) -> Iterator[Difference]:
    return differing(row, {"hash": book_hash(row["book"])})


def _walk(row: Body) -> Iterator[Difference]:
    levels = [(to_units(level["price"]), to_units(level["size"])) for level in row["levels_in_api_order"]]
    fill_all = {"FOK": True, "FAK": False}[row["order_type"]]
    price = worst_price(Side(row["side"]), levels, to_units(row["amount"]), fill_all=fill_all)
    expected = None if row["error"] else to_units(row["result"])
    if price != expected:
        yield Difference("result", str(row["error"] or row["result"]), "no match" if price is None else to_text(price))


def _tick(row: Body) -> Iterator[Difference]:
    try:
        valid = on_tick(to_units(row["price"]), to_units(row["tick_size"]))
    except ValueError:
        valid = False  # more decimals than any tick has
    return differing(row, {"valid": valid})


def _wallets(row: Body) -> Iterator[Difference]:
    own = derive(row["eoa"])
    got = {
        "eoa": own.eoa,
        "proxy_wallet": own.proxy,
        "safe_wallet": own.safe,
        "deposit_wallet_uups": own.deposit_uups,
        "deposit_wallet_beacon": own.deposit_beacon,
    }
    return differing(row, got)


def _fee(row: Body) -> Iterator[Difference]:
    i = row["inputs"]
    exponent, price = Decimal(i["fee_exponent"]), to_units(i["price"])
    if exponent != int(exponent):
        raise ValueError(f"a fee exponent of {exponent}")
    cost = TakerCost(
        rate=to_units(i["fee_rate"]), exponent=int(exponent), builder=to_units(i["builder_taker_fee_rate"])
    )
    amount, budget, slippage = (
        Fraction(Decimal(i[name])) for name in ("amount", "user_usdc_balance", "fee_slippage_pct")
    )
    if slippage == 0:
        name = "polymarket_client_0_14_0_adjusted_amount_no_slippage"
        got = min(amount, affordable(budget, cost.per_usd(price)))
    else:
        name = "adjusted_amount"
        got = _with_slippage(amount, budget, cost, price, 1 + slippage / 100)
    expected = Fraction(Decimal(row[name]))
    if abs(got - expected) > _CLOSE * max(Fraction(1), abs(expected)):
        yield Difference(name, str(row[name]), f"{float(got):.15g}")


def _with_slippage(amount: Fraction, budget: Fraction, cost: TakerCost, price: int, slippage: Fraction) -> Fraction:
    """Return the amount by py-clob-client-v2's rule: the fee of all that could be spent, taken off the budget."""
    builder = Fraction(cost.builder, SCALE)
    extra = min(amount, budget) * ((cost.per_usd(price) - builder) * slippage + builder)
    return amount if amount + extra < budget else max(budget - extra, Fraction(0))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


CHECKS: Final[Mapping[str, Check]] = {
    "constants.type_strings": _type_string,
    "constants.domain_separators": _separator,
    "orders_v2": _order,
    "orders_v3": _order,
    "clob_auth_l1": _l1,
    "hmac_l2": _l2,
    "amount_rounding": _amount_rounding,
    "order_book_hash": _book,
    "buy_fee_adjustment": _fee,
    "market_price_walk": _walk,
    "price_tick_grid": _tick,
    "wallet_derivation": _wallets,
}

SCHEMA: Final = Schema(
    name="agbot-polymarket-vectors/1", rows=_rows, checks=CHECKS, skipped={"orders_v1": "refused by the venue"}
)
