"""A recorder's folder as a recording: the same messages as from the frames themselves, and doubts where they belong."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.source import open_data
from agbot.backtest.spec import Sources
from agbot.errors import RecordingError
from agbot.model.events import BookDelta, BookSnapshot, BookTrust, Doubt, MarketResolved, ReferencePrice
from agbot.store.importers import open_recording
from agbot.store.packing import packer
from agbot.store.recorder import Bounds, FrameRecorder, segments_in
from agbot.testing.builders import make_market
from agbot.testing.frames import book, price_change, resolved, trade
from agbot.units import NS_PER_MS, NS_PER_S

MARKET = make_market(yes="11", no="12")
START_NS = 1_700_000_000 * NS_PER_S


class Tape:
    """Records into a folder; the receive time is what the test says."""

    def __init__(self, folder, bounds):
        self.folder = folder
        self.now_ns = START_NS
        self._bounds = bounds
        self.begin()

    def begin(self):
        self.recorder = FrameRecorder(
            self.folder, markets=[MARKET], packer=packer("deflate"), now_ns=lambda: self.now_ns, bounds=self._bounds
        )
        self.recorder._run = f"run {self.now_ns}"

    def at(self, ms):
        self.now_ns = START_NS + ms * NS_PER_MS
        return self

    def write(self):
        batch = self.recorder.take()
        if batch is not None:
            self.recorder.write(batch)

    def end(self):
        self.write()
        self.recorder.close()
        return self.folder


@pytest.fixture
def tape(tmp_path):
    made = Tape(tmp_path / "tape", Bounds(free_min=0))
    yield made
    made.recorder.close()


def ms(offset):
    return START_NS // NS_PER_MS + offset


def messages(folder):
    return list(open_recording(folder).messages())


def yes(bids, asks, at):
    return book("11", bids, asks, ms=ms(at))


prices = st.sampled_from(["0.41", "0.42", "0.43"])
sizes = st.sampled_from(["0", "5", "7.5"])
some = st.one_of(
    st.builds(lambda p, s: ("book", p, s), prices, st.sampled_from(["5", "6"])),
    st.builds(lambda p, s: ("change", p, s), prices, sizes),
    st.builds(lambda p, s: ("trade", p, s), prices, st.sampled_from(["5", "6"])),
)


@given(told=st.lists(some, max_size=12), split=st.integers(1, 4), small=st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_same_messages_as_from_a_file_of_the_frames(tmp_path_factory, told, split, small):
    folder = tmp_path_factory.mktemp("t")
    tape = Tape(folder / "tape", Bounds(free_min=0, segment_bytes=1 if small else 10**6))
    number = tape.recorder.opened("market", "ws://x")
    make = {
        "book": lambda p, s, at: book("11", {p: s}, {"0.5": s}, ms=at),
        "change": lambda p, s, at: price_change(("11", "BUY", p, s), ms=at),
        "trade": lambda p, s, at: trade("11", "BUY", p, s, ms=at),
    }
    frames = [book("12", {"0.5": "1"}, {}, ms=ms(0))]
    frames += [make[kind](p, s, ms(n)) for n, (kind, p, s) in enumerate([("book", "0.4", "9"), *told])]
    for n, frame in enumerate(frames):
        tape.at(n + 1).recorder.frames(number, [frame])
        if n % split == 0:
            tape.write()
    tape.end()
    (folder / "frames.jsonl").write_bytes(b"\n".join(frames) + b"\n")
    kept = [m for m in messages(tape.folder) if not isinstance(m, BookTrust)]
    assert kept == list(open_recording(folder / "frames.jsonl").messages())
    assert open_recording(tape.folder).markets == (MARKET,)


def test_a_lost_socket_doubts_its_books_until_the_next_one(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [yes({"0.4": "5"}, {"0.5": "5"}, 10)])
    tape.at(20).recorder.closed(number, "gone")
    number = tape.at(30).recorder.opened("market", "ws://x")
    tape.at(40).recorder.frames(number, [yes({"0.4": "6"}, {"0.5": "5"}, 40)])
    told = messages(tape.end())
    assert [(type(m), getattr(m, "cause", None), m.ts_ns) for m in told] == [
        (BookSnapshot, None, START_NS + 10 * NS_PER_MS),
        (BookTrust, str(Doubt.GAP), START_NS + 20 * NS_PER_MS),
        (BookSnapshot, None, START_NS + 40 * NS_PER_MS),
        (BookTrust, "", START_NS + 40 * NS_PER_MS),
    ]


def test_a_killed_recorder_closed_no_socket_and_its_books_are_doubted(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [yes({"0.4": "5"}, {}, 10)])
    tape.end()
    tape.at(20).begin()
    number = tape.at(30).recorder.opened("market", "ws://x")
    tape.at(40).recorder.frames(number, [yes({"0.4": "6"}, {}, 40)])
    causes = [m.cause for m in messages(tape.end()) if isinstance(m, BookTrust)]
    assert causes == [Doubt.GAP, ""]


def test_frames_that_were_missed_and_blocks_that_are_damaged_doubt_the_books(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [yes({"0.4": "5"}, {}, 10)])
    tape.write()
    tape.at(20).recorder.frames(number, [price_change(("11", "BUY", "0.4", "9"), ms=ms(20))])
    tape.write()
    tape.at(30).recorder.frames(number, [yes({"0.4": "6"}, {}, 30)])
    tape.write()
    tape.recorder._missed[number] = 4
    tape.at(40).recorder.frames(number, [price_change(("11", "BUY", "0.4", "1"), ms=ms(40))])
    tape.write()
    (path,) = segments_in(tape.folder)
    tape.recorder._segment.close()  # as if killed: not sealed, not packed anew
    segment, tape.recorder._segment = tape.recorder._segment, None
    whole = bytearray(path.read_bytes())
    whole[segment.blocks[1].offset + 45] ^= 1
    path.write_bytes(whole)
    recording = open_recording(tape.folder)
    told = list(recording.messages())
    assert [m.cause for m in told if isinstance(m, BookTrust)] == [Doubt.GAP, "", Doubt.GAP]
    assert [type(m) for m in told if not isinstance(m, BookTrust)] == [BookSnapshot, BookSnapshot, BookDelta]
    assert recording.log.skipped_count == 1
    assert "not a whole block" in recording.skipped[0].reason


def test_a_book_older_than_its_socket_takes_effect_when_the_socket_opened(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(50).recorder.frames(number, [yes({"0.4": "5"}, {}, -3_600_000)])
    tape.at(60).recorder.frames(number, [price_change(("11", "BUY", "0.4", "9"), ms=ms(500))])
    assert [m.ts_ns for m in messages(tape.end())] == [START_NS, START_NS + 60 * NS_PER_MS]


def rtds(symbol, value, at):
    payload = {"symbol": symbol, "value": value, "timestamp": ms(at)}
    told = {"topic": "crypto_prices", "type": "update", "timestamp": ms(at), "payload": payload}
    return msgspec.json.encode(told)


def test_reference_prices_are_told_as_the_feed_tells_them(tape):
    number = tape.recorder.opened("rtds", "ws://x")
    tape.at(10).recorder.frames(number, [rtds("btcusdt", 100.5, 10), b"pong", rtds("btcusdt", 99, 5)])
    tape.at(20).recorder.frames(
        number, [rtds("btcusdt", 101, 20), b'{"topic": "comments", "type": "x", "payload": {}}']
    )
    told = messages(tape.end())
    assert told == [
        ReferencePrice("btcusdt", "crypto_prices", 100_500_000, START_NS + 10 * NS_PER_MS),
        ReferencePrice("btcusdt", "crypto_prices", 101_000_000, START_NS + 20 * NS_PER_MS),
    ]


def test_an_end_is_told_once_whoever_told_it(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [resolved("11", market=MARKET.id, ms=ms(10))])
    tape.at(20).recorder.resolved(MarketResolved(MARKET.id, "11", START_NS + 20 * NS_PER_MS))
    assert messages(tape.end()) == [MarketResolved(MARKET.id, "11", START_NS + 10 * NS_PER_MS)]


def test_a_frame_that_is_none_is_set_aside_with_its_number(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.recorder.frames(number, [b"PONG", b"not JSON"])
    recording = open_recording(tape.end())
    assert list(recording.messages()) == []
    assert recording.skipped[0].line == 2


def test_a_single_segment_is_a_recording_too(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [yes({"0.4": "5"}, {}, 10)])
    (path,) = segments_in(tape.end())
    assert messages(path) == messages(tape.folder)


def test_a_backtest_names_a_folder_by_its_content(tape):
    number = tape.recorder.opened("market", "ws://x")
    tape.at(10).recorder.frames(number, [yes({"0.4": "5"}, {}, 10)])
    tape.end()
    before = open_data(Sources(recordings=(tape.folder,)))
    assert [len(group) for _, group in before.source.groups()] == [1]
    assert before.fraction == 1.0
    tape.begin()
    tape.recorder.frames(tape.recorder.opened("market", "ws://x"), [yes({"0.4": "5"}, {}, 10)])
    tape.end()
    assert open_data(Sources(recordings=(tape.folder,))).hash != before.hash


def test_folders_that_are_no_recording(tmp_path):
    (tmp_path / "000001-x.agf").write_bytes(b"")
    with pytest.raises(RecordingError) as e:
        open_recording(tmp_path)
    assert e.value.id == "AGB-202"
    (tmp_path / "000001-x.agf").unlink()
    with pytest.raises(RecordingError, match="no segment of a recorder"):
        open_recording(tmp_path)
