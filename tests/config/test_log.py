"""Log lines: JSON in a private file, short for people, secrets in neither."""

from __future__ import annotations

import io
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agbot.errors import ConfigError
from agbot.log import close, configure, get_logger
from agbot.secrets import Secret

KEY = "0x" + "ab" * 32

pytestmark = pytest.mark.usefixtures("quiet_log")


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_is_one_json_object(tmp_path: Path) -> None:
    configure(file=tmp_path / "a.log", console=None)
    get_logger("agbot.test").bind(run="r1").info(
        "order.placed", market_id=KEY, size=Decimal("1.50"), n=2, ok=True, none=None
    )
    (line,) = _lines(tmp_path / "a.log")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "event": "order.placed",
        "logger": "agbot.test",
        "run": "r1",
        "market_id": KEY,
        "size": "1.50",
        "n": 2,
        "ok": True,
        "none": None,
    }


HIDDEN = [
    {"note": f"signed with {KEY}"},
    {"key": Secret("tell-nobody")},
    {"text": "it is tell-nobody"},
    {"api_secret": "tell-nobody"},
    {"API_Passphrase": "plain"},
    {"polymarket_private_key": "plain"},
    {"deep": {"a": [{"private_key": "plain"}, ("tell-nobody", KEY)], "tell-nobody": 1}},
    {"market_id": "tell-nobody"},
    {"object": {Secret("tell-nobody")}},
    {"raw": b"tell-nobody"},
]


@pytest.mark.parametrize("fields", HIDDEN, ids=[next(iter(fields)) for fields in HIDDEN])
def test_secrets_do_not_reach_file_or_console(tmp_path: Path, fields: dict[str, Any]) -> None:
    Secret("tell-nobody")
    console = io.StringIO()
    configure(file=tmp_path / "a.log", console=console)
    get_logger().warning("said", **fields)
    for text in ((tmp_path / "a.log").read_text(), console.getvalue()):
        assert "said" in text
        assert "***" in text
        assert not any(hidden in text for hidden in ("tell-nobody", "plain", KEY))


def test_a_traceback_is_redacted(tmp_path: Path) -> None:
    Secret("tell-nobody")
    console = io.StringIO()
    configure(file=tmp_path / "a.log", console=console)
    try:
        raise ValueError(f"tell-nobody {KEY}")
    except ValueError:
        get_logger().exception("failed")
    (line,) = _lines(tmp_path / "a.log")
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ValueError: *** ***")
    assert "ValueError: *** ***" in console.getvalue()


def test_libraries_are_heard_from_warning_up_and_redacted(tmp_path: Path) -> None:
    Secret("tell-nobody")
    configure(file=tmp_path / "a.log", console=None, level="debug")
    logging.getLogger("httpx").info("quiet")
    logging.getLogger("httpx").warning("loud %s", "tell-nobody")
    get_logger().debug("ours")
    assert [line["event"] for line in _lines(tmp_path / "a.log")] == ["loud ***", "ours"]


def test_the_level_holds(tmp_path: Path) -> None:
    configure(file=tmp_path / "a.log", console=None, level="warning")
    get_logger("deep.module").info("no")
    get_logger("deep.module").error("yes")
    assert [(line["event"], line["logger"]) for line in _lines(tmp_path / "a.log")] == [("yes", "agbot.deep.module")]


def test_terminal_codes_are_escaped(tmp_path: Path) -> None:
    console = io.StringIO()
    configure(file=None, console=console)
    get_logger().info("market", question="red \x1b[31m \u202e text")
    assert "red \ufffd[31m \ufffd text" in console.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["a", "b"], "'a, b'"),
        ([], "none"),
        ({"a": "7 shares"}, "'a 7 shares'"),
        ({}, "none"),
        ([{"at": 1, "left": "2"}, {"at": 3}], "'at 1, left 2; at 3'"),
        ([(4, "torn \x1b")], "'4, torn \ufffd'"),
        (7, "7"),
    ],
)
def test_people_read_words_and_programs_read_values(value: object, shown: str, tmp_path: Path) -> None:
    console = io.StringIO()
    configure(file=tmp_path / "a.log", console=console)
    get_logger().info("it", found=value)
    assert console.getvalue().rstrip().endswith(f" found={shown}")
    assert _lines(tmp_path / "a.log")[0]["found"] == json.loads(json.dumps(value))


def test_a_command_that_configures_nothing_writes_lines_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    close()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    get_logger("care").error("venue.ill", operation="post", reason=f"it said {KEY}")
    line = capsys.readouterr().err
    assert "venue.ill" in line
    assert "operation=post reason=" in line
    assert "{" not in line
    assert KEY not in line


def test_the_file_is_private_and_rotates(tmp_path: Path) -> None:
    file = tmp_path / "state" / "a.log"
    configure(file=file, console=None, max_bytes=2_000, backups=2)
    for n in range(100):
        get_logger().info("line", n=n)
    files = sorted(file.parent.iterdir())
    assert [path.name for path in files] == ["a.log", "a.log.1", "a.log.2"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_size <= 2_000 for path in files)
    assert _lines(file)[-1]["n"] == 99


def test_an_open_file_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.touch(mode=0o644)
    configure(file=file, console=None)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_second_call_replaces_the_first(tmp_path: Path) -> None:
    log = get_logger()
    configure(file=tmp_path / "a.log", console=None)
    log.info("one")
    configure(file=tmp_path / "b.log", console=None)
    log.info("two")
    assert [line["event"] for line in _lines(tmp_path / "a.log")] == ["one"]
    assert [line["event"] for line in _lines(tmp_path / "b.log")] == ["two"]


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[AGB-116\] .*the log cannot be written: Is a directory → choose another"):
        configure(file=tmp_path, console=None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_once_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    configure(file=Path("/dev/full"), console=None, max_bytes=0)
    get_logger().info("one", note="plain")
    get_logger().info("two", note="plain")
    close()
    assert capsys.readouterr().err == "agbot: the log cannot be written: [Errno 28] No space left on device\n"
