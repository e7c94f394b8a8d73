"""Wrong input through the real command line: exit code, id, place, and nothing half-done."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import re
import threading
from pathlib import Path

import pytest

RUN = ("run", "--simulated", "--no-web", "--duration", "0.2")

# what is written: (files, arguments, exit code, what the message must hold)
CONFIGURATION = {
    "unknown key": ({"c.yaml": "mode: demo\ncapitol_usd: 5\n"}, 2, "AGB-104", "c.yaml:2: capitol_usd"),
    "wrong type": ({"c.yaml": "mode: demo\nseed: [1]\n"}, 2, "AGB-106", "c.yaml:2: seed"),
    "a unit in a number": ({"c.yaml": "mode: demo\ncapital_usd: 1000 usd\n"}, 2, "AGB-106", "c.yaml:2: capital_usd"),
    "unknown unit": ({"c.yaml": "mode: demo\npaper:\n  order_latency_h: 1\n"}, 2, "AGB-104", "c.yaml:3: paper.order"),
    "not YAML": ({"c.yaml": "mode: [demo\n"}, 2, "AGB-101", "c.yaml:2: "),
    "a key twice": ({"c.yaml": "mode: demo\nmode: demo\n"}, 2, "AGB-102", "c.yaml:2: "),
    "live": ({"c.yaml": "mode: live\n"}, 2, "AGB-110", "c.yaml:1: mode"),
    "replay in a file": ({"c.yaml": "mode: replay\n"}, 2, "AGB-112", "c.yaml:1: mode"),
    "unknown policy": (
        {"c.yaml": "mode: demo\nrisk: {policy_file: p.yaml}\n", "p.yaml": "policies:\n  - type: PositionLimt\n"},
        2,
        "AGB-113",
        "p.yaml:2: policies[0].type",
    ),
    "no policy file": ({"c.yaml": "mode: demo\nrisk: {policy_file: p.yaml}\n"}, 2, "AGB-100", "c.yaml:2: "),
    "unknown strategy": ({"c.yaml": "mode: demo\nstrategies:\n  - name: qouter\n"}, 2, "AGB-117", "c.yaml:3: "),
    "unknown parameter": (
        {"c.yaml": "mode: demo\nstrategies:\n  - name: quoter\n    params:\n      sizee: 5\n"},
        2,
        "AGB-118",
        "c.yaml:5: strategies[0].params.sizee",
    ),
    "impossible parameter": (
        {"c.yaml": "mode: demo\nstrategies:\n  - name: quoter\n    params: {size: -5}\n"},
        2,
        "AGB-118",
        "c.yaml:4: strategies",
    ),
}


def nothing_done(state: Path) -> bool:
    return not list(state.glob("runs/*")) and not list(state.glob("control.sock"))


def one_error(done, error_id: str) -> str:
    """Return the one line of ours on stderr; a traceback is no message."""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("agbot: ")]
    assert len(lines) == 1, done.stderr
    assert f"[{error_id}]" in lines[0]
    assert " → " in lines[0], "no remedy"
    return lines[0]


@pytest.mark.parametrize("case", CONFIGURATION)
def test_a_wrong_configuration_starts_nothing(agbot, tmp_path, case):
    written, code, error_id, place = CONFIGURATION[case]
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    state = tmp_path / "state"
    done = agbot(*RUN, tmp_path / "c.yaml", "--state-dir", state)
    assert done.returncode == code
    assert place in one_error(done, error_id)
    assert done.stdout == ""
    assert not state.exists(), "something was written"
    assert agbot("check", tmp_path / "c.yaml").returncode == code


@pytest.mark.parametrize(
    ("argv", "code", "error_id"),
    [
        ([*RUN, "nowhere.yaml"], 2, "AGB-100"),
        ([*RUN, "."], 2, "AGB-100"),
        ([*RUN, "--capital", "ten"], 2, "AGB-107"),
        ([*RUN, "--capital", "0"], 2, "AGB-107"),
        ([*RUN, "--capital", "-1"], 2, "AGB-107"),
        ([*RUN, "--capital", "0.0000001"], 2, "AGB-107"),
        ([*RUN, "--capital", "1e30"], 2, "AGB-107"),
        ([*RUN, "--policies", "nowhere.yaml"], 2, "AGB-100"),
        ([*RUN, "--strategy", "nosuch"], 2, "AGB-117"),
        (["run", "--no-web", "--replay", "nowhere.agh"], 4, "AGB-201"),
        (["run", "--no-web", "--replay", "."], 1, "AGB-202"),
        (["run", "--no-web", "--replay", __file__], 1, "AGB-202"),
        (["replay", "nosuch"], 4, "AGB-604"),
        (["replay", __file__], 1, "AGB-603"),
        (["status"], 3, "AGB-501"),
        (["stop"], 3, "AGB-501"),
        (["cancel", "--all"], 3, "AGB-501"),
    ],
)
def test_a_wrong_command_does_nothing(agbot, tmp_path, argv, code, error_id):
    state = tmp_path / "state"
    done = agbot(*argv, "--state-dir", state, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    one_error(done, error_id)
    assert not state.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_directory_that_cannot_be_made(agbot, tmp_path):
    tmp_path.chmod(0o500)
    done = agbot(*RUN, "--state-dir", tmp_path / "state")
    assert done.returncode == 2
    one_error(done, "AGB-505")


def test_a_state_directory_others_can_enter(agbot, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "something").touch()
    state.chmod(0o755)
    done = agbot(*RUN, "--state-dir", state)
    assert done.returncode == 2
    one_error(done, "AGB-505")
    assert nothing_done(state)


def test_the_kill_switch_with_no_bot_closes_the_latch_and_says_what_it_could_not_do(agbot, tmp_path):
    state = tmp_path / "state"
    done = agbot("killswitch", "on", "--reason", "drill", "--json", "--state-dir", state)
    assert done.returncode == 3
    receipt = json.loads(done.stdout)
    assert receipt["latched"]
    assert not receipt["verified"]
    assert "AGB-501" in receipt["not_verified_because"]
    assert agbot("killswitch", "on", "--state-dir", state).returncode == 3, "no reason is wanted in an emergency"


@pytest.fixture
def stranger():
    """Somebody else's web server on a port of its own."""

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_port_in_use_starts_nothing(agbot, stranger, tmp_path):
    state = tmp_path / "state"
    done = agbot("run", "--simulated", "--port", stranger, "--duration", "0.2", "--state-dir", state)
    assert done.returncode == 2
    assert str(stranger) in one_error(done, "AGB-120")
    assert nothing_done(state)


# ---------------------------------------------------------------- recordings


def lines_of(recording: Path) -> list[bytes]:
    return gzip.decompress(recording.read_bytes()).splitlines(keepends=True)


def replayed(agbot, path, state):
    return agbot("run", "--replay", path, "--no-web", "--json", "--state-dir", state)


def test_a_truncated_recording_says_where_and_used_what_came_before(agbot, recording, journaled, tmp_path):
    whole, cut = recording.read_bytes(), tmp_path / "cut.agh"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    state = tmp_path / "state"
    done = replayed(agbot, cut, state)
    assert done.returncode == 1
    message = one_error(done, "AGB-203")
    read = int(re.search(r"(\d+) lines were read", message)[1])
    assert f"cut.agh:{read}:" in message
    assert json.loads(done.stdout)["orders_placed"] > 0, "what was traded before the cut is told"
    assert read > 100
    (path,) = state.glob("runs/*.agj")
    survived = journaled(path)
    assert survived.intents()
    assert survived.set_aside == ()
    verdict = agbot("replay", path, "--verify", "--json")
    assert verdict.returncode == 0
    assert not json.loads(verdict.stdout)["complete"], "a cut recording is not a run that ended in order"


def test_malformed_lines_are_set_aside_and_counted_and_the_rest_is_traded(agbot, recording, tmp_path):
    header, *messages, end = lines_of(recording)
    bad = [b"not json\n", b'["book",5]\n', b'["delta",-1,"x",[]]\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"{}\n"]
    for number, line in enumerate(bad):
        messages.insert(10 + 50 * number, line)
    total = json.dumps(["end", len(messages)]).encode() + b"\n"
    assert end.startswith(b'["end",')
    damaged = tmp_path / "damaged.agh"
    damaged.write_bytes(b"".join([header, *messages, total]))
    clean = json.loads(replayed(agbot, recording, tmp_path / "a").stdout)
    done = replayed(agbot, damaged, tmp_path / "b")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["skipped_records"] == len(bad)
    assert clean["skipped_records"] == 0
    assert found["decision_digest"] == clean["decision_digest"], "the rest was processed as if they were not there"


# ---------------------------------------------------------------- two bots


def test_a_second_bot_on_the_same_state_starts_nothing(agbot, bots, eventually, recording, tmp_path):
    state = tmp_path / "state"
    bot = bots(state)
    eventually(lambda: agbot("status", "--state-dir", state).returncode == 0, "the first bot answers")
    before = sorted(state.glob("runs/*.agj"))
    for argv in (RUN, ("run", "--replay", recording, "--no-web")):
        done = agbot(*argv, "--state-dir", state)
        assert done.returncode == 2
        assert str(bot.process.pid) in one_error(done, "AGB-121")
    assert sorted(state.glob("runs/*.agj")) == before
    assert agbot("status", "--state-dir", state).returncode == 0, "the first bot was disturbed"
    assert agbot("stop", "--state-dir", state).returncode == 0
