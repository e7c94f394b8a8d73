"""RTDS, and the realtime stream of reference prices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from agbot.exchange.conformance.check import check
from agbot.exchange.conformance.checks_matching import hit
from agbot.exchange.conformance.streams import Stream, open_stream
from agbot.exchange.conformance.verdict import has, matches, number, require, same, text_fields, whole
from agbot.exchange.conformance.world import World

_RTDS: Final = "docs: real-time data socket; real-time-data-client 1.4"
_LIVE: Final = "official Python client 0.14: realtime v2"
_CRYPTO: Final = {"topic": "crypto_prices", "type": "update"}
_READ: Final = ("rtds",)
_TRADE: Final = ("rtds", "trade")
_NEEDS: Final = ("realtime", "trade")
_FRAME_S: Final = 8.0


def _rtds(action: str, *subscriptions: dict[str, str]) -> dict[str, object]:
    return {"action": action, "subscriptions": list(subscriptions)}


def _of_topic(item: Any, topic: str, kind: str = "update") -> bool:
    return isinstance(item, dict) and item.get("topic") == topic and item.get("type") == kind


async def _price(stream: Stream) -> Any:
    await stream.send(_rtds("subscribe", _CRYPTO))
    return await stream.find(lambda item: _of_topic(item, "crypto_prices"), "an update of crypto_prices", _FRAME_S)


@check("RTDS-PRICES-001", "a subscription to crypto_prices brings updates", needs=_READ, source=_RTDS)
async def _updates(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        await _price(stream)


@check("RTDS-PRICES-002", "the envelope has topic, type, timestamp (ms) and payload", needs=_READ, source=_RTDS)
async def _envelope(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        told = await _price(stream)
    text_fields(told, "topic", "type")
    has(told, "timestamp", "payload")
    require(whole(told["timestamp"]) and len(str(told["timestamp"])) == 13, told["timestamp"], "13 digits, a number")


@check("RTDS-PRICES-003", "the payload has symbol, timestamp (ms) and a number as value", needs=_READ, source=_RTDS)
async def _payload(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        payload = (await _price(stream))["payload"]
    text_fields(payload, "symbol")
    require(number(payload["value"]) and whole(payload["timestamp"]), payload, "numbers")


@check("RTDS-PRICES-004", "PING in either case does not end the socket", needs=_READ, source=_RTDS)
async def _ping(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        await stream.send("PING")
        await stream.send("ping")
        await _price(stream)


@check("RTDS-PRICES-005", "after unsubscribing the topic is silent", needs=_READ, source=_RTDS)
async def _unsubscribed(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        await _price(stream)
        await stream.send(_rtds("unsubscribe", _CRYPTO))
        await stream.drain(1.0)
        await stream.silent(lambda item: _of_topic(item, "crypto_prices"), "silence", 2.0)


@check("RTDS-PRICES-006", "without a subscription nothing with a payload comes", needs=_READ, source=_RTDS)
async def _quiet(world: World) -> None:
    async with open_stream(world.target.hosts.rtds) as stream:
        await stream.silent(lambda item: isinstance(item, dict) and "payload" in item, "silence", 1.5)


@check("RTDS-PRICES-007", "crypto_prices_chainlink is told, too", needs=_READ, source=_RTDS)
async def _chainlink(world: World) -> None:
    topic = "crypto_prices_chainlink"
    async with open_stream(world.target.hosts.rtds) as stream:
        await stream.send(_rtds("subscribe", {"topic": topic, "type": "*"}))
        told = await stream.find(lambda item: _of_topic(item, topic), f"an update of {topic}", _FRAME_S)
    has(told["payload"], "symbol", "timestamp", "value")


@check("RTDS-ACTIVITY-001", "a trade is told under activity, in numbers", needs=_TRADE, source=_RTDS)
async def _activity(world: World) -> None:
    pitch = await world.pitch()
    async with open_stream(world.target.hosts.rtds) as stream:
        await stream.send(_rtds("subscribe", {"topic": "activity", "type": "trades"}))
        await stream.drain(0.3)
        await world.rest(world.one, pitch, -1)
        await hit(world, pitch, -1)

        def ours(item: Any) -> bool:
            return _of_topic(item, "activity", "trades") and item["payload"].get("conditionId") == pitch.condition

        payload = (await stream.find(ours, "activity of our trade", _FRAME_S))["payload"]
    has(payload, "asset", "side", "outcome", "timestamp", "proxyWallet", "transactionHash")
    require(number(payload["price"]) and number(payload["size"]), payload, "price and size as numbers")


# ---------------------------------------------------------------- realtime v2


@asynccontextmanager
async def _live(world: World) -> AsyncIterator[Stream]:
    """Connect and sign in."""
    async with open_stream(world.target.hosts.realtime) as stream:
        await stream.send({"op": "auth", "auth": world.one.auth, "rid": "1"})
        await _op(stream, "authed", rid="1")
        yield stream


async def _op(stream: Stream, op: str, **fields: str) -> Any:
    def said(item: Any) -> bool:
        mine = isinstance(item, dict) and item.get("op") == op
        return mine and all(item.get(name) == value for name, value in fields.items())

    return await stream.find(said, f"op {op} {fields}", _FRAME_S)


def _crypto(symbol: str = "btcusd", channel: str = "price.crypto") -> dict[str, object]:
    return {"channel": channel, "filter": {"symbol": symbol}}


def _sub(rid: str, *items: dict[str, object], op: str = "subscribe") -> dict[str, object]:
    return {"op": op, "subscriptions": list(items), "rid": rid}


async def _tick(stream: Stream) -> Any:
    """Subscribe, and return the next frame with a value."""
    await stream.send(_sub("2", _crypto()))
    await _op(stream, "subscribed", rid="2")

    def value(item: Any) -> bool:
        return isinstance(item, dict) and item.get("channel") == "price.crypto" and "value" in item.get("payload", ())

    return await stream.find(value, "a price", _FRAME_S)


@check("RT2-AUTH-001", "auth is answered by authed with the same rid", needs=_NEEDS, source=_LIVE)
async def _authed(world: World) -> None:
    async with _live(world):
        return


@check("RT2-AUTH-002", "a wrong key is an error: auth_invalid", needs=_NEEDS, source=_LIVE)
async def _auth_invalid(world: World) -> None:
    async with open_stream(world.target.hosts.realtime) as stream:
        wrong = world.one.auth | {"passphrase": "wrong"}
        await stream.send({"op": "auth", "auth": wrong, "rid": "1"})
        await _op(stream, "error", code="auth_invalid", rid="1")


@check("RT2-AUTH-003", "subscribing without auth is an error: auth_required", needs=["realtime"], source=_LIVE)
async def _auth_required(world: World) -> None:
    async with open_stream(world.target.hosts.realtime) as stream:
        await stream.send(_sub("1", _crypto()))
        await _op(stream, "error", code="auth_required", rid="1")


@check("RT2-SUBS-001", "each item of a subscription has its own subscribed", needs=_NEEDS, source=_LIVE)
async def _each(world: World) -> None:
    async with _live(world) as stream:
        await stream.send(_sub("2", _crypto("btcusd"), _crypto("ethusd")))
        for _ in range(2):
            await _op(stream, "subscribed", rid="2", channel="price.crypto")


@check("RT2-SUBS-002", "unsubscribing is answered by unsubscribed", needs=_NEEDS, source=_LIVE)
async def _leave(world: World) -> None:
    async with _live(world) as stream:
        await stream.send(_sub("2", _crypto()))
        await _op(stream, "subscribed", rid="2")
        await stream.send(_sub("3", _crypto(), op="unsubscribe"))
        await _op(stream, "unsubscribed", rid="3", channel="price.crypto")


@check("RT2-SUBS-003", "an unknown channel is an error: bad_channel", needs=_NEEDS, source=_LIVE)
async def _bad_channel(world: World) -> None:
    async with _live(world) as stream:
        await stream.send(_sub("2", _crypto(channel="price.weather")))
        await _op(stream, "error", code="bad_channel", rid="2")


@check("RT2-SUBS-004", "a filter without a symbol is an error: bad_filter", needs=_NEEDS, source=_LIVE)
async def _bad_filter(world: World) -> None:
    async with _live(world) as stream:
        await stream.send(_sub("2", {"channel": "price.crypto", "filter": {"symbol": "BTC/USD"}}))
        await _op(stream, "error", code="bad_filter", rid="2")


@check("RT2-SUBS-005", "an unknown operation is an error: bad_op", needs=_NEEDS, source=_LIVE)
async def _bad_op(world: World) -> None:
    async with _live(world) as stream:
        await stream.send({"op": "dance", "rid": "2"})
        await _op(stream, "error", code="bad_op", rid="2")


@check("RT2-PING-001", "a ping is answered", needs=_NEEDS, source=_LIVE)
async def _pinged(world: World) -> None:
    async with _live(world) as stream:
        await stream.send({"op": "ping"})
        await _op(stream, "pong")


@check("RT2-PRICES-001", "a frame has v, channel, seq, ts (ms) and payload", needs=_NEEDS, source=_LIVE)
async def _frame(world: World) -> None:
    async with _live(world) as stream:
        told = await _tick(stream)
    has(told, "v", "channel", "seq", "ts", "payload")
    same(told["v"], 1, "v")
    require(whole(told["seq"]) and whole(told["ts"]) and len(str(told["ts"])) == 13, told, "integers, ts of 13 digits")


@check("RT2-PRICES-002", "the payload has symbol, source, value and its exact decimals", needs=_NEEDS, source=_LIVE)
async def _value(world: World) -> None:
    async with _live(world) as stream:
        payload = (await _tick(stream))["payload"]
    text_fields(payload, "symbol", "source", "full_accuracy_value")
    matches(r"[0-9]+(\.[0-9]+)?", payload["full_accuracy_value"], "a decimal in a string")
    require(whole(payload["timestamp"]), payload, "timestamp, a number")


@check("RT2-PRICES-003", "seq ascends", needs=_NEEDS, source=_LIVE, deadline_s=25)
async def _seq(world: World) -> None:
    async with _live(world) as stream:
        first = await _tick(stream)

        def later(item: Any) -> bool:
            return isinstance(item, dict) and item.get("channel") == "price.crypto" and item.get("seq") != first["seq"]

        second = await stream.find(later, "a second frame", _FRAME_S)
    snapshot = bool(second.get("snapshot"))
    require(second["seq"] > first["seq"] or snapshot, (first["seq"], second["seq"]), "ascending")
