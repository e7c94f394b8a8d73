"""Orders that are refused, and the venue's words for it."""

from __future__ import annotations

from typing import Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_books import NOBODY
from agbot.exchange.conformance.checks_orders import BUY, SELL, buy, offer
from agbot.exchange.conformance.trader import Json, accepted, refusal
from agbot.exchange.conformance.verdict import require, same
from agbot.exchange.conformance.world import World
from agbot.units import SCALE, notional

_ERRORS: Final = "docs: error codes"
_TYPES: Final = "docs: order types"
_SEEN: Final = "observed; official clients match this text"
_TRADE: Final = ("trade",)
_DECIMALS: Final = "max accuracy of 2 decimals"
NO_MONEY: Final = "not enough balance"


async def _refused(world: World, body: Json, *words: str) -> str:
    return refusal(await world.one.post(body), *words)


@check("CLOB-REFUSE-001", "a refused order is HTTP 400 with an error text", needs=_TRADE, source=_ERRORS)
async def _form(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch, amounts=(123_457, pitch.size))
    (await world.one.post(body)).refused()


@check("CLOB-REFUSE-002", "the same signed order again: Duplicated.", needs=_TRADE, source=_SEEN)
async def _duplicate(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    accepted(await world.one.post(body))
    await _refused(world, body, "Duplicated")


@check("CLOB-REFUSE-003", "a cancelled order cannot be sent again", needs=_TRADE, source=_SEEN)
async def _again(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch)
    told = accepted(await world.one.post(body))
    await world.one.cancel(told["orderID"])
    await _refused(world, body)


@check("CLOB-REFUSE-004", "a price off the tick breaks the minimum tick size rule", needs=_TRADE, source=_ERRORS)
async def _tick(world: World) -> None:
    pitch = await world.pitch()
    price = pitch.at(-1) + pitch.tick // 2
    body = buy(world.one, pitch, amounts=(notional(price, pitch.size), pitch.size))
    await _refused(world, body, "Price", "breaks minimum tick size rule")


@check("CLOB-REFUSE-005", "a price of 1 is refused", needs=_TRADE, source="docs: prices in [tick, 1-tick]")
async def _one_usd(world: World) -> None:
    pitch = await world.pitch()
    await _refused(world, buy(world.one, pitch, amounts=(pitch.size, pitch.size)))


@check("CLOB-REFUSE-006", "a price under the tick is refused", needs=_TRADE, source="docs: prices in [tick, 1-tick]")
async def _nothing(world: World) -> None:
    pitch = await world.pitch()
    body = buy(world.one, pitch, amounts=(notional(pitch.tick // 2, 100 * pitch.size), 100 * pitch.size))
    await _refused(world, body)


@check("CLOB-REFUSE-007", "a size under the minimum: lower than the minimum", needs=_TRADE, source=_ERRORS)
async def _min_size(world: World) -> None:
    pitch = await world.pitch()
    await _refused(world, buy(world.one, pitch, size=pitch.min_size - 10_000), "Size", "lower than the minimum")


@check("CLOB-REFUSE-008", "a post-only order that crosses is refused", needs=_TRADE, source=_SEEN)
async def _post_only(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    answer = await world.two.post(buy(world.two, pitch, 0, post_only=True))
    refusal(answer, "invalid post-only order: order crosses book")


@check("CLOB-REFUSE-009", "a post-only FOK or FAK is refused", needs=_TRADE, source=_TYPES)
async def _post_only_fok(world: World) -> None:
    pitch = await world.pitch()
    for order_type in ("FOK", "FAK"):
        await _refused(world, buy(world.one, pitch, order_type=order_type, post_only=True))


@check("CLOB-REFUSE-010", "a FOK that cannot be filled: couldn't be fully filled", needs=_TRADE, source=_SEEN)
async def _fok(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    answer = await world.two.post(buy(world.two, pitch, 0, "FOK", size=2 * pitch.size))
    refusal(answer, "order couldn't be fully filled. FOK orders are fully filled or killed.")


@check("CLOB-REFUSE-011", "a FAK that meets nothing: no orders found to match", needs=_TRADE, source=_SEEN)
async def _fak(world: World) -> None:
    pitch = await world.pitch()
    await _refused(world, buy(world.one, pitch, order_type="FAK"), "no orders found to match with FAK order")


@check("CLOB-REFUSE-012", "a GTD order that ends at once: invalid expiration", needs=_TRADE, source=_SEEN)
async def _gtd_soon(world: World) -> None:
    pitch = await world.pitch()
    for seconds in (-10, 30):
        body = buy(world.one, pitch, order_type="GTD", expiration_s=world.one.now_s + seconds)
        await _refused(world, body, "invalid expiration")


@check("CLOB-REFUSE-013", "a GTD order without an expiration: invalid expiration", needs=_TRADE, source=_SEEN)
async def _gtd_never(world: World) -> None:
    await _refused(world, buy(world.one, await world.pitch(), order_type="GTD"), "invalid expiration")


@check("CLOB-REFUSE-014", "a GTC order with an expiration: invalid expiration", needs=_TRADE, source=_SEEN)
async def _gtc_ends(world: World) -> None:
    body = buy(world.one, await world.pitch(), expiration_s=world.one.now_s + 600)
    await _refused(world, body, "invalid expiration")


@check("CLOB-REFUSE-015", "a market BUY of three decimals of a dollar: max accuracy", needs=_TRADE, source=_ERRORS)
async def _maker_decimals(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    amounts = (notional(pitch.at(), pitch.size) - 999_000, pitch.size - 2_000_000)
    refusal(await world.two.post(buy(world.two, pitch, 0, "FOK", amounts=amounts)), _DECIMALS)


@check("CLOB-REFUSE-016", "a market BUY of five decimals of a share: max accuracy", needs=_TRADE, source=_ERRORS)
async def _taker_decimals(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    amounts = (notional(pitch.at(), pitch.size), pitch.size - 10)
    refusal(await world.two.post(buy(world.two, pitch, 0, "FAK", amounts=amounts)), _DECIMALS)


@check("CLOB-REFUSE-017", "a marketable BUY of less than a dollar: min size: $1", needs=_TRADE, source=_SEEN)
async def _dollar(world: World) -> None:
    pitch = await world.pitch()
    await offer(world, pitch)
    refusal(await world.two.post(buy(world.two, pitch, 0, "FAK", size=1_000_000)), "min size: $1")


@check("CLOB-REFUSE-018", "more than the balance: not enough balance / allowance", needs=_TRADE, source=_ERRORS)
async def _too_large(world: World) -> None:
    pitch = await world.pitch()
    size = (await world.one.usd() * SCALE // pitch.at(-1) // SCALE + 100) * SCALE
    text = await _refused(world, buy(world.one, pitch, size=size), NO_MONEY)
    require("allowance is not enough" not in text, text, "words that do not make clients send approvals")


@check("CLOB-REFUSE-019", "resting orders hold their money", needs=_TRADE, source=_SEEN)
async def _held(world: World) -> None:
    pitch = await world.pitch()
    size = await world.one.usd() * 6 // 10 * SCALE // pitch.at(-1) // SCALE * SCALE
    accepted(await world.one.post(buy(world.one, pitch, size=size)))
    await _refused(world, buy(world.one, pitch, size=size), NO_MONEY)


@check("CLOB-REFUSE-020", "a SELL of more shares than held", needs=_TRADE, source=_ERRORS)
async def _no_shares(world: World) -> None:
    pitch = await world.pitch()
    size = await world.one.shares(pitch, pitch.yes) // SCALE * SCALE + 10 * pitch.size
    await _refused(world, world.one.draft(pitch, pitch.yes, SELL, pitch.at(1), size), NO_MONEY)


@check("CLOB-REFUSE-021", "a body that is no JSON is a 400", needs=_TRADE, source=_ERRORS)
async def _junk(world: World) -> None:
    (await world.one.ask("POST", "/order", body=b'{"order":')).refused()


@check("CLOB-REFUSE-022", "a body without the order is a 400", needs=_TRADE, source=_ERRORS)
async def _empty(world: World) -> None:
    (await world.one.send("POST", "/order", {"owner": world.one.creds.key, "orderType": "GTC"})).refused()


@check("CLOB-REFUSE-023", "an unknown order type is a 400", needs=_TRADE, source=_TYPES)
async def _type(world: World) -> None:
    (await world.one.post(buy(world.one, await world.pitch()) | {"orderType": "ICEBERG"})).refused()


@check("CLOB-REFUSE-024", "a token that no market has is refused", needs=_TRADE, source=_ERRORS)
async def _token(world: World) -> None:
    pitch = await world.pitch()
    await _refused(world, world.one.draft(pitch, NOBODY, BUY, pitch.at(-1), pitch.size))


@check("CLOB-REFUSE-025", "amounts that are no numbers are a 400", needs=_TRADE, source=_ERRORS)
async def _amount(world: World) -> None:
    body = buy(world.one, await world.pitch())
    body["order"]["makerAmount"] = "five"
    (await world.one.post(body)).refused()


@check("CLOB-REFUSE-026", "an amount of zero is refused", needs=_TRADE, source=_ERRORS)
async def _zero(world: World) -> None:
    body = buy(world.one, await world.pitch())
    body["order"]["takerAmount"] = "0"
    await _refused(world, body)


@check("CLOB-REFUSE-027", "nothing of a refused order rests", needs=_TRADE, source="an exchange that matches")
async def _no_trace(world: World) -> None:
    pitch = await world.pitch()
    before = await world.book(pitch.yes)
    await _refused(world, buy(world.one, pitch, size=pitch.min_size - 10_000))
    after = await world.book(pitch.yes)
    same((after["bids"][-1:], after["asks"][-1:]), (before["bids"][-1:], before["asks"][-1:]), "top of book")
    same(await world.one.open_orders(), [], "open orders")


async def _off_grid(world: World, tick: int, price: int) -> None:
    listed = await world.some(f"tick {tick / SCALE:g}", tick=tick)
    pitch = await world.pitch(0, listed)
    amounts = (notional(price, pitch.size), pitch.size)
    await _refused(world, buy(world.one, pitch, amounts=amounts), "breaks minimum tick size rule")


@check(
    "CLOB-REFUSE-028", "on the tick 0.0025 the price 0.1026 is off the grid", needs=_TRADE, source="docs: tick sizes"
)
async def _grid_0025(world: World) -> None:
    await _off_grid(world, 2_500, 102_600)


@check("CLOB-REFUSE-029", "on the tick 0.005 the price 0.103 is off the grid", needs=_TRADE, source="docs: tick sizes")
async def _grid_005(world: World) -> None:
    await _off_grid(world, 5_000, 103_000)


@check("CLOB-REFUSE-030", "on the tick 0.001 the price 0.1005 is off the grid", needs=_TRADE, source="docs: tick sizes")
async def _grid_001(world: World) -> None:
    await _off_grid(world, 1_000, 100_500)
