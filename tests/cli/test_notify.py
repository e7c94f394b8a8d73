"""`agbot notify test`, and a bot that tells a server on loopback what happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli.check import command as check
from agbot.cli.notify import command

AGBOT = [sys.executable, "-P", "-m", "agbot"]


class Posts(ThreadingHTTPServer):
    """Takes what is posted and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.got: list[dict[str, object]] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/secret-path"


class _Taker(BaseHTTPRequestHandler):
    server: Posts

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def posts() -> Iterator[Posts]:
    with Posts() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def config(tmp_path: Path, posts: Posts, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGBOT_NOTIFY_PAGER_URL", posts.url)
    path = tmp_path / "c.yaml"
    path.write_text("mode: demo\nnotify:\n  channels:\n    - {type: webhook, name: pager, min: info}\n")
    return path


def tried(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, ["test", *map(str, args)])
    error = result.exception
    code = getattr(error, "exit_code", result.exit_code) if error else result.exit_code
    assert "secret-path" not in result.output + repr(error)
    return code, result.stdout, result.stderr if result.stderr or not error else str(error)


def test_a_message_arrives(config: Path, posts: Posts) -> None:
    code, out, _ = tried("--config", config)
    assert (code, out.startswith("pager: 204 No Content (")) == (0, True)
    assert posts.got[0]["text"] == "INFO: a test of agbot's notifications: this channel works"


def test_json(config: Path) -> None:
    code, out, _ = tried("pager", "--config", config, "--json")
    (row,) = json.loads(out)["channels"]
    assert (code, row["channel"], row["ok"], row["said"], row["error"]) == (0, "pager", True, "204 No Content", None)


@pytest.mark.parametrize(
    ("status", "said"), [(404, "AGB-952] pager: refused: 404"), (503, "AGB-952] pager: not now: 503")]
)
def test_a_no_is_told(config: Path, posts: Posts, status: int, said: str) -> None:
    posts.status = status
    code, _, err = tried("--config", config)
    assert code == 1
    assert said in err


def test_nobody_answers(config: Path, posts: Posts) -> None:
    posts.shutdown()
    posts.server_close()
    code, _, err = tried("--config", config)
    assert code == 5
    assert "AGB-953" in err


def test_no_such_channel(config: Path) -> None:
    code, _, err = tried("phone", "--config", config)
    assert code == 4
    assert "AGB-954" in err
    assert "it has pager" in err


def test_no_secret(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGBOT_NOTIFY_PAGER_URL")
    code, _, err = tried("--config", config)
    assert code == 2
    assert "AGB-115" in err


def test_check_shows_the_section(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(check, [str(config)])
    row = next(line for line in result.output.splitlines() if line.startswith("notify pager"))
    assert row.endswith("webhook, from info up, 20 a minute, AGBOT_NOTIFY_PAGER_URL is set")
    monkeypatch.delenv("AGBOT_NOTIFY_PAGER_URL")
    assert "AGBOT_NOTIFY_PAGER_URL is NOT SET" in CliRunner().invoke(check, [str(config)]).output
    told = json.loads(CliRunner().invoke(check, [str(config), "--json"]).output)
    assert [row["name"] for row in told["settings"]["notify"]] == ["pager"]


def test_a_bot_tells_and_without_its_secret_does_not_start(config: Path, posts: Posts, tmp_path: Path) -> None:
    argv = [*AGBOT, "run", str(config), "--state-dir", str(tmp_path / "state"), "--no-web", "--simulated"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AGBOT_NOTIFY")}
    done = subprocess.run([*argv, "--duration", "1"], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "AGB-115" in done.stderr
    assert not (tmp_path / "state").exists()
    done = subprocess.run([*argv, "--duration", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = "\n".join(str(body["text"]) for body in posts.got)
    assert "the bot stops: --duration 1 s is over" in said
    assert "secret-path" not in done.stdout + done.stderr + (tmp_path / "state" / "agbot.log").read_text()
