"""Every event and command survives the journal bit for bit, and old journals stay readable."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model import commands, events, notes
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Liquidity, Settlement
from agbot.units import TICKS

FIELDS: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "wire_fields.json").read_text(encoding="utf-8")
)

integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
level = st.tuples(integers, integers)
change = st.tuples(st.sampled_from([events.BID, events.ASK]), integers, integers)
markets = st.builds(
    Market,
    id=texts.map(MarketId),
    yes=texts.map(lambda t: TokenId("y" + t)),
    no=texts.map(lambda t: TokenId("n" + t)),
    tick=st.sampled_from(TICKS),
    min_size=st.integers(0, 2**63 - 1),
    fee_rate=st.integers(0, 10**6),
    fee_exponent=st.integers(0, 4),
    question=texts,
    neg_risk=st.booleans(),
)


def in_union(union: Any) -> set[type]:
    return set(typing.get_args(union))


def declared(module: ModuleType) -> set[type]:
    """Return the public structs written in `module` itself."""
    return {
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def value_of(annotation: Any) -> st.SearchStrategy[Any]:
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        int: integers,
        str: texts,
        Market: markets,
        tuple[events.Level, ...]: st.lists(level, max_size=5).map(tuple),
        tuple[events.Change, ...]: st.lists(change, max_size=5).map(tuple),
    }
    plain = getattr(annotation, "__supertype__", annotation)
    return by_type[plain] if plain in by_type else st.from_type(plain)


def instances(kind: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: value_of(hints[name]) for name in kind.__struct_fields__})  # type: ignore[attr-defined]


ALL = sorted(in_union(events.Event) | in_union(commands.Command), key=lambda kind: kind.__name__)
by_name = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)


@pytest.mark.parametrize("codec", [msgspec.msgpack, msgspec.json], ids=lambda module: module.__name__)
@by_name
@given(data=st.data())
def test_round_trip(kind: type, codec: Any, data: st.DataObject) -> None:
    value = data.draw(instances(kind))
    raw = codec.encode(value)
    back = codec.decode(raw, type=events.Event | commands.Command)
    assert type(back) is kind
    assert back == value
    assert codec.encode(back) == raw


def test_nothing_is_left_out_of_the_unions() -> None:
    assert in_union(events.Event) == declared(events) | declared(notes)
    assert in_union(commands.Command) == declared(commands)
    parts = [events.MarketData, events.OrderEvidence, events.Operator]
    assert sum(len(in_union(part)) for part in parts) + len(
        (events.Timer, events.HeartbeatLost, events.VenueHealth, events.ReconcileDifference, events.OrderAttempted)
    ) + len(declared(notes)) == len(in_union(events.Event))


@by_name
def test_fields_are_only_ever_appended(kind: type) -> None:
    known = FIELDS[kind.__name__]
    now = list(kind.__struct_fields__)  # type: ignore[attr-defined]
    assert now[: len(known)] == known, "a journal written before this change would be misread"
    appended = len(now) - len(known)
    assert appended <= len(kind.__struct_defaults__), "an appended field needs a default"  # type: ignore[attr-defined]


def test_no_type_of_a_journal_is_gone() -> None:
    assert {kind.__name__ for kind in ALL} == set(FIELDS)


@by_name
def test_tag_is_the_class_name(kind: type) -> None:
    assert kind.__struct_config__.tag == kind.__name__  # type: ignore[attr-defined]


@by_name
def test_frozen(kind: type) -> None:
    assert kind.__struct_config__.frozen  # type: ignore[attr-defined]


def test_a_record_from_before_the_defaults_is_read_with_them() -> None:
    raw = msgspec.json.encode(["OrderFilled", "c", "t", 520_000, 1, 0, "MAKER", 7])
    fill = msgspec.json.decode(raw, type=events.Event)
    assert fill == events.OrderFilled("c", "t", 520_000, 1, 0, Liquidity.MAKER, 7)  # type: ignore[arg-type]
    assert (fill.match, fill.settlement, fill.final) == ("normal", Settlement.CONFIRMED, False)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "frame",
    [
        [],
        ["Nonsense", 1],
        ["OrderExpired"],
        ["OrderExpired", "c", "late"],
        ["OrderExpired", "c", 1.5],
        ["TradePrint", "t", "HOLD", 1, 1, 1],
        ["BookSnapshot", "t", [[1]], [], 0],
        ["BookDelta", "t", [[0, 1]], 0],
        ["MarketListed", {"id": "m", "yes": "t", "no": "t"}, 0],
        {"type": "OrderExpired"},
        None,
    ],
    ids=repr,
)
def test_a_malformed_record_is_refused(frame: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(frame), type=events.Event)
