"""The audit log: a chain that shows every change, goes over rotations and crashes, and is one person's to read."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from agbot.cli import cli
from agbot.errors import NotFoundError, StoreError
from agbot.store import audit as audits
from agbot.store.audit import AUDIT_NAME, AuditLog, files_of, hash_of, verify


def rows(count, start=0):
    return [{"kind": "ack", "n": n} for n in range(start, start + count)]


@pytest.fixture
def written(tmp_path):
    log = AuditLog(tmp_path)
    log.append(rows(5))
    log.append(rows(5, 5))
    log.close()
    return tmp_path / AUDIT_NAME


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def broken(path):
    return verify([path]).broken


def test_each_line_names_the_one_before(written):
    told = [json.loads(line) for line in lines(written)]
    assert [row["seq"] for row in told] == list(range(1, 11))
    assert [row["prev"] for row in told[1:]] == [hash_of(line.rstrip()) for line in lines(written)[:-1]]
    assert [row["n"] for row in told] == list(range(10))
    found = verify([written])
    assert (found.lines, found.first_seq, found.last_seq, found.broken, found.torn) == (10, 1, 10, "", ())
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_later_process_goes_on_where_the_last_one_ended(written):
    log = AuditLog(written.parent)
    log.append(rows(3))
    log.close()
    assert verify([written]).last_seq == 13


CHANGES = {
    "a figure": lambda ls: [*ls[:4], ls[4].replace(b'"n":4', b'"n":5'), *ls[5:]],
    "left out": lambda ls: [*ls[:4], *ls[5:]],
    "twice": lambda ls: [*ls[:5], ls[4], *ls[5:]],
    "exchanged": lambda ls: [*ls[:4], ls[5], ls[4], *ls[6:]],
    "put in": lambda ls: [*ls[:5], b'{"seq":6,"prev":"x","kind":"ack"}\n', *ls[5:]],
    "no JSON": lambda ls: [*ls[:4], b"junk\n", *ls[5:]],
    "a blank line": lambda ls: [*ls[:4], b"\n", *ls[4:]],
    "an end of junk": lambda ls: [*ls, b"junk\n"],
    "another beginning": lambda ls: [ls[0].replace(b"0" * 64, b"1" * 64), *ls[1:]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_found(change, written):
    written.write_bytes(b"".join(CHANGES[change](lines(written))))
    assert broken(written).startswith(f"{AUDIT_NAME}:")


@given(st.data())
def test_every_byte_counts(data):
    whole = [json.dumps({"seq": 1, "prev": audits.GENESIS, "kind": "a"}).encode()]
    for n in range(2, 5):
        whole.append(json.dumps({"seq": n, "prev": hash_of(whole[-1]), "kind": "a"}).encode())
    at = data.draw(st.integers(0, sum(map(len, whole[:-1])) - 1))
    blob = bytearray(b"\n".join(whole) + b"\n")
    blob[at + sum(1 for n in range(3) if at >= sum(map(len, whole[: n + 1])))] ^= data.draw(st.integers(1, 255))
    check = audits._Check()
    check.file(audits.Path("f"), bytes(blob).splitlines(keepends=True))
    assert check.verdict(1).broken


def test_what_a_killed_process_left_is_named_and_the_chain_goes_on(written):
    whole = written.read_bytes()
    written.write_bytes(whole[:-20])
    assert verify([written]).torn == (f"{AUDIT_NAME}:10",)
    log = AuditLog(written.parent)
    log.append(rows(2))
    log.close()
    found = verify([written])
    assert (found.broken, found.torn) == ("", (f"{AUDIT_NAME}:10",))
    assert [json.loads(line)["kind"] for line in lines(written)[10:]] == ["torn", "ack", "ack"]


def test_a_torn_line_that_was_touched_afterwards_is_found(written):
    written.write_bytes(written.read_bytes()[:-20])
    log = AuditLog(written.parent)
    log.append(rows(1))
    log.close()
    told = lines(written)
    written.write_bytes(b"".join([*told[:9], told[9].replace(b"seq", b"sEq"), *told[10:]]))
    assert broken(written)


def test_a_line_that_lacks_only_its_newline_is_whole(written):
    written.write_bytes(written.read_bytes()[:-1])
    log = AuditLog(written.parent)
    log.append(rows(1))
    log.close()
    found = verify([written])
    assert (found.lines, found.broken, found.torn) == (11, "", ())


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_killed_again_and_again_it_stays_a_chain(cut, written):
    for _ in range(3):
        written.write_bytes(written.read_bytes()[:-cut])
        log = AuditLog(written.parent)
        log.append(rows(1))
        log.close()
    assert verify([written]).broken == ""


def test_rotation_keeps_the_chain_and_the_newest_files(tmp_path):
    log = AuditLog(tmp_path, bytes_max=400, files_kept=3)
    for n in range(40):
        log.append(rows(1, n))
    log.close()
    files = files_of(tmp_path)
    assert [path.name for path in files[-1:]] == [AUDIT_NAME]
    assert len(files) == 4
    found = verify(files)
    assert (found.broken, found.last_seq) == ("", 40)
    assert found.first_seq > 1
    assert verify(files[1:2]).broken == ""
    assert verify([files[0], *files[2:]]).broken.startswith(files[2].name), "a whole file that is missing shows"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_full_disk_takes_all_of_a_write_or_nothing(written, monkeypatch):
    log = AuditLog(written.parent)
    log.append(rows(1))
    write, room = os.write, [30]

    def full(fd, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(fd, bytes(data[: room[0]]))
        room[0] -= done
        return done

    before = written.read_bytes()
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        log.append(rows(2))
    assert written.read_bytes() == before
    monkeypatch.setattr(os, "write", write)
    log.append(rows(2))
    log.close()
    assert (verify([written]).broken, verify([written]).lines) == ("", 13)


def test_no_log_and_no_file(tmp_path):
    for paths in ([], [tmp_path / "nothing"]):
        with pytest.raises(NotFoundError) as caught:
            verify(paths)
        assert (caught.value.id, caught.value.exit_code) == ("AGB-621", 4)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(StoreError) as caught:
        verify([tmp_path])
    assert caught.value.id == "AGB-623"


def test_the_command_says_ok_or_the_first_broken_line(written):
    told = CliRunner().invoke(cli, ["audit", "verify", "--state-dir", str(written.parent)])
    assert (told.exit_code, told.output) == (
        0,
        "10 lines in 1 file, numbers 1 to 10\nok: every line follows from the one before\n",
    )
    written.write_bytes(b"".join(CHANGES["left out"](lines(written))))
    told = CliRunner().invoke(cli, ["audit", "verify", "--json", str(written)])
    assert isinstance(told.exception, StoreError)
    assert (told.exception.id, told.exception.exit_code) == ("AGB-622", 1)
    assert json.loads(told.output)["broken"] == f"{AUDIT_NAME}:5 has number 6, and 5 is next"
