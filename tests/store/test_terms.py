"""Terms: who wins, where each came from, and what a wrong one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agbot.errors import ConfigError
from agbot.model.market import Market
from agbot.store.terms import Seen, Terms, read_sidecar, settle_markets

GAME = Seen(id="game", slug="game", tokens=("A", "B"), stand_in=True)


def _origins(seen: list[Seen], sidecar: list[Terms], flags: Terms) -> dict[str, tuple[str, str]]:
    _, terms = settle_markets(seen, sidecar, flags)
    return {term.key: (term.value, term.origin) for term in terms}


def test_flags_beat_the_sidecar_which_beats_the_recording_which_beats_defaults() -> None:
    sidecar = Terms(tick=1_000, min_size=15_000_000, condition_id="0xc")
    assert _origins([GAME], [sidecar], Terms(tick=100, yes="B")) == {
        "condition_id": ("0xc", "sidecar"),
        "yes": ("B", "flag"),
        "no": ("A", "flag"),
        "tick": ("0.0001", "flag"),
        "min_size": ("15", "sidecar"),
        "fee_rate": ("0", "default"),
        "fee_exponent": ("1", "default"),
    }
    assert _origins([GAME], [], Terms())["condition_id"] == ("game", "stand-in")
    assert _origins([GAME], [], Terms())["yes"] == ("A", "default")


def test_a_recorded_market_keeps_every_term_that_is_not_replaced(market: Market) -> None:
    (settled,), terms = settle_markets([Seen.of(market)], [], Terms(min_size=1))
    assert settled == Market(id="0xm", yes="Y", no="N", slug="game", fee_rate=30_000, min_size=1)
    assert {term.origin for term in terms if term.key != "min_size"} == {"recording"}


@pytest.mark.parametrize(
    ("sidecar", "flags", "pair"),
    [
        (Terms(), Terms(), ("A", "B")),
        (Terms(), Terms(yes="B"), ("B", "A")),
        (Terms(no="A"), Terms(), ("B", "A")),
        (Terms(yes="A", no="B"), Terms(yes="B"), ("B", "A")),
        (Terms(yes="B", no="A"), Terms(), ("B", "A")),
    ],
)
def test_which_token_is_yes(sidecar: Terms, flags: Terms, pair: tuple[str, str]) -> None:
    (market,), _ = settle_markets([GAME], [sidecar], flags)
    assert (market.yes, market.no) == pair


def test_one_recorded_token_needs_the_other_named() -> None:
    alone = Seen(id="0xm", tokens=("A",))
    (market,), _ = settle_markets([alone], [Terms(no="Z")], Terms())
    assert (market.yes, market.no) == ("A", "Z")
    with pytest.raises(ConfigError, match="two tokens make a market") as caught:
        settle_markets([alone], [], Terms())
    assert caught.value.id == "AGB-205"


@pytest.mark.parametrize("sidecar", [Terms(yes="X", no="Z"), Terms(yes="X"), Terms(yes="A", no="A")])
def test_tokens_that_do_not_fit_the_recording_are_an_error(sidecar: Terms) -> None:
    with pytest.raises(ConfigError) as caught:
        settle_markets([GAME], [sidecar], Terms())
    assert caught.value.id == "AGB-205"


def test_three_tokens_in_one_market_are_an_error() -> None:
    with pytest.raises(ConfigError, match="C would be left over"):
        settle_markets([Seen(id="m", tokens=("A", "B", "C"))], [], Terms())


def test_several_markets_find_their_own_entries() -> None:
    seen = [GAME, Seen(id="0xb", tokens=("C", "D")), Seen(id="0xe", tokens=("E", "F"))]
    sidecar = [Terms(condition_id="0xb", tick=1_000), Terms(slug="game", fee_rate=7), Terms(yes="F", tick=100)]
    markets, _ = settle_markets(seen, sidecar, Terms(min_size=3, yes="D"))
    assert [(m.id, m.yes, m.no, m.tick, m.fee_rate, m.min_size) for m in markets] == [
        ("game", "A", "B", 10_000, 7, 3),
        ("0xb", "D", "C", 1_000, 0, 3),
        ("0xe", "F", "E", 100, 0, 3),
    ]


def test_flags_that_name_one_market_must_fit() -> None:
    seen = [GAME, Seen(id="0xb", tokens=("C", "D"))]
    with pytest.raises(ConfigError, match="--condition-id: names one market"):
        settle_markets(seen, [], Terms(condition_id="0x"))
    with pytest.raises(ConfigError, match="--yes: no token Z in the recording"):
        settle_markets(seen, [], Terms(yes="Z"))


def test_a_sidecar_is_read_from_its_digits(tmp_path: Path) -> None:
    recording = tmp_path / "game.csv.gz"
    assert read_sidecar(recording) == []
    text = '{"tick": 0.0025, "min_size": "5.5", "fee_rate": 0.070, "fee_exponent": 2, "neg_risk": true, "no": "B"}'
    (tmp_path / "game.csv.gz.market.json").write_text(text)
    assert read_sidecar(recording) == [
        Terms(tick=2_500, min_size=5_500_000, fee_rate=70_000, fee_exponent=2, neg_risk=True, no="B")
    ]
    (tmp_path / "game.csv.gz.market.json").write_text(json.dumps([{"yes": "A"}, {"slug": "s"}]))
    assert read_sidecar(recording) == [Terms(yes="A"), Terms(slug="s")]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{\n "tik": "0.01"}', 2, "tik: unknown key → use one of condition_id"),
        ('{\n\n "tick": "0.02"}', 3, "tick: 0.02 is not a tick"),
        ('{"tick": "half"}', 1, "tick: 'half' is not a number"),
        ('{"tick": true}', 1, "tick: must be a number"),
        ('{"min_size": -1}', 1, "min_size: -1 is negative"),
        ('{"min_size": 0.1234567}', 1, "more than six decimals"),
        ('{"min_size": NaN}', 1, "not finite"),
        ('{"fee_rate": "3"}', 1, "fee_rate: 3 is more than 1"),
        ('{"fee_exponent": "1"}', 1, "fee_exponent: must be a whole number"),
        ('{"neg_risk": "no"}', 1, "neg_risk: must be true or false"),
        ('{"yes": 71}', 1, "yes: must be text, not 71"),
        ('{"yes": ""}', 1, "yes: must be text"),
        ('{"slug": null}', 1, "slug: must be text"),
        ('{\n"yes": "A"\n"no": "B"}', 3, "not JSON"),
        ("3", 1, "neither an object nor a list"),
        ('["x"]', 1, "neither an object nor a list"),
    ],
)
def test_a_wrong_sidecar_names_file_line_and_key(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "r.csv.market.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_sidecar(tmp_path / "r.csv")
    assert (caught.value.id, caught.value.line, caught.value.exit_code) == ("AGB-204", line, 2)
    assert message in str(caught.value)
    assert f"{path}:{line}: " in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("content", [b"\xff", b'{"min_size": ' + b"9" * 9000 + b"}", b"[" * 200_000])
def test_an_unreadable_sidecar_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.csv.market.json").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_sidecar(tmp_path / "r.csv")
    assert caught.value.id == "AGB-204"
