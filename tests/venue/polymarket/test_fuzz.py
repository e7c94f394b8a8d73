"""Damaged frames and replies: every decoder answers with facts, a counted fault or its one error, and never crashes.

AGBOT_FUZZ is the number of mutations (20,000 unless set; ``nox -s fuzz`` runs a million) and AGBOT_FUZZ_SEED the seed.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from agbot.errors import VenueProtocolError
from agbot.units import SCALE
from agbot.venue.polymarket.wire import FrameDecoder, account, gamma, public, rest
from agbot.venue.polymarket.wire.counted import Counted
from agbot.venue.polymarket.wire.realtime import RealtimeDecoder
from agbot.venue.polymarket.wire.rtds import RtdsDecoder
from agbot.venue.polymarket.wire.user import UserDecoder
from tests.venue.polymarket import samples
from tests.venue.polymarket.mutate import mutated

COUNT = int(os.environ.get("AGBOT_FUZZ", "20000"))
SEED = int(os.environ.get("AGBOT_FUZZ_SEED", "1"))
DECODERS: dict[str, Callable[[bytes], object]] = {
    name.removeprefix("decode_"): getattr(module, name)
    for module in (rest, public, gamma, account)
    for name in dir(module)
    if name.startswith("decode_")
}
STREAMS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "user": (UserDecoder, samples.USER),
    "rtds": (RtdsDecoder, samples.RTDS),
    "realtime": (RealtimeDecoder, samples.REALTIME),
}


def texts(items: dict[str, Any]) -> list[bytes]:
    return [json.dumps(item, separators=(",", ":")).encode() for item in items.values()]


def told(decoder: Counted) -> int:
    """Return how many messages the decoder accounts for."""
    return decoder.messages.total() + decoder.unknown.total() + decoder.malformed


def test_every_reply_decoder_has_a_sample_that_it_reads() -> None:
    assert set(DECODERS) == set(samples.REPLIES)
    for name, reply in samples.REPLIES.items():
        DECODERS[name](json.dumps(reply).encode())
    for make, items in STREAMS.values():
        decoder = make()
        assert not any(decoder.decode(raw).faults for raw in texts(items))
        assert told(decoder) == decoder.messages.total() == len(items)


@pytest.fixture(scope="module")
def report() -> Any:
    seen: Counter[str] = Counter()
    began = time.perf_counter()
    yield seen
    kinds = ", ".join(f"{name} {n}" for name, n in sorted(seen.items()))
    print(f"\n{sum(n for name, n in seen.items() if ' ' not in name):,} mutations, seed {SEED}: {kinds}")
    print(f"{time.perf_counter() - began:.1f} s")


@pytest.mark.timeout(3600 if COUNT > 20_000 else 120)
def test_a_damaged_reply_is_read_or_is_the_protocol_error(report: Counter[str]) -> None:
    dice = random.Random(SEED)
    names, raws = list(samples.REPLIES), dict(zip(samples.REPLIES, texts(samples.REPLIES), strict=True))
    everything = list(raws.values())
    for _ in range(COUNT // 3):
        name = dice.choice(names)
        raw = mutated(dice, [samples.REPLIES[name]], [raws[name]] if dice.random() < 0.7 else everything)
        report["reply"] += 1
        try:
            DECODERS[name](raw)
        except VenueProtocolError:
            report["reply refused"] += 1


@pytest.mark.timeout(3600 if COUNT > 20_000 else 120)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_damaged_frame_is_events_or_counted(report: Counter[str], stream: str) -> None:
    make, samples_of = STREAMS[stream]
    dice, decoder = random.Random(SEED), make()
    items, raws = list(samples_of.values()), texts(samples_of)
    for _ in range(COUNT // 9):
        raw = mutated(dice, items, raws)
        before = told(decoder)
        frame = decoder.decode(raw)
        report[stream] += 1
        report[f"{stream} faults"] += len(frame.faults)
        assert told(decoder) > before or raw in (b"", b"[]") or not raw.strip(b"[] \n\t\r"), raw


@pytest.mark.timeout(3600 if COUNT > 20_000 else 120)
def test_a_damaged_market_frame_means_the_same_read_in_c_and_in_python(report: Counter[str]) -> None:
    dice, fast, typed = random.Random(SEED), FrameDecoder(keep_hashes=True), FrameDecoder(keep_hashes=True)
    frequent = {kind: samples.MARKET[kind] for kind in ("book", "price_change", "array")}
    items, raws = [*samples.MARKET.values(), *frequent.values()], texts(samples.MARKET) + texts(frequent)
    for i in range(COUNT // 3):
        raw: bytes | str = mutated(dice, items, raws)
        if i % 5 == 0:
            raw = raw.decode("utf-8", "replace")
        got, expected = fast.decode(raw), typed._decode_any(raw)
        report["market"] += 1
        report["market faults"] += len(got.faults)
        # How deep is too deep depends on who asks: the words may differ there, nothing else.
        assert got.events == expected.events, raw
        assert got.faults == expected.faults or "recursion" in f"{got.faults}{expected.faults}", raw
        assert (fast.messages, fast.malformed, fast.hashes) == (typed.messages, typed.malformed, typed.hashes), raw
        for token in {getattr(event, "token", samples.YES) for event in got.events} | {samples.YES, samples.NO}:
            assert (fast.top(token), fast.market(token)) == (typed.top(token), typed.market(token)), raw
        for event in got.events:
            for price, *_ in getattr(event, "bids", ()):
                assert 0 < price < SCALE
    assert fast.unknown == typed.unknown
    report["market in C"] = fast._scanner.books + fast._scanner.changes
    assert report["market in C"] > COUNT // 60, "the fast way must be among what is tried"
