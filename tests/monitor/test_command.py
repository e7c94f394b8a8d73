"""agbot monitor as a process."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner

from agbot.cli.monitor import command
from agbot.errors import ConfigError

AGBOT = [sys.executable, "-m", "agbot", "monitor"]
ANNOUNCED = re.compile(r"http://[0-9.]+:(\d+)")


def start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([*AGBOT, *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = ANNOUNCED.search(process.stderr.readline())
    assert found is not None
    return process, int(found[1])


@pytest.fixture
def running() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process, port = start("--port", "0")
    with process:
        yield process, port
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(running: tuple[subprocess.Popen[str], int], number: signal.Signals) -> None:
    process, port = running
    assert httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).json()["app"] == "agbot-monitor"
    process.send_signal(number)
    assert process.wait(timeout=5) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_second_one_says_so_and_ends_with_0(running: tuple[subprocess.Popen[str], int]) -> None:
    done = subprocess.run([*AGBOT, "--port", str(running[1])], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "already running" in done.stderr) == (0, True)


def test_a_spawned_one_leaves_when_no_bot_comes() -> None:
    process, _ = start("--port", "0", "--linger", "0.2")
    with process:
        assert process.wait(timeout=10) == 0


def test_a_foreign_listener_is_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        done = subprocess.run([*AGBOT, "--port", port], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "AGB-701" in done.stderr
    assert port in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "box.lan", "::"])
def test_other_machines_need_a_token(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGBOT_MONITOR_TOKEN", raising=False)
    result = CliRunner().invoke(command, ["--host", host])
    assert isinstance(result.exception, ConfigError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-703", 2)
    assert "AGBOT_MONITOR_TOKEN" in result.exception.remedy


@pytest.mark.parametrize(
    "token", ["short", "x" * 257, "sixteen characters", "sixteen-charactérs", "1234567890123456\n"]
)
def test_a_token_that_keeps_nobody_out_or_fits_no_header_is_refused(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGBOT_MONITOR_TOKEN", token)
    result = CliRunner().invoke(command, [])
    assert isinstance(result.exception, ConfigError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-940", 2)
    assert token not in str(result.exception)


def test_on_every_address_it_answers_only_who_shows_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "a-token-of-the-test-0123456789"
    monkeypatch.setenv("AGBOT_MONITOR_TOKEN", token)
    process, port = start("--host", "0.0.0.0", "--port", "0")
    with process:
        url = f"http://127.0.0.1:{port}/prometheus"
        answers = [
            httpx.get(url, headers=headers, trust_env=False).status_code
            for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {token}x"})
        ]
        process.terminate()
        assert process.wait(timeout=5) == 0
        assert process.stderr is not None
        said = process.stderr.read()
    assert answers == [401, 200, 401]
    assert "wrong token" in said
    assert token not in said


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--port", "x"], ["--linger", "-1"]])
def test_bad_options_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_help_loads_no_trio() -> None:
    code = (
        "import sys, agbot.cli.monitor; print([m for m in ('trio', 'structlog', 'numpy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
