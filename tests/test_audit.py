"""The audit finds what it is for. Samples are put together here so that they are in no file."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

WALLET = "ab" * 32
SAMPLES = {
    "private key": "-----BEGIN " + "EC PRIVATE KEY-----",
    "wallet key": "POLYMARKET_PRIVATE_" + f"KEY=0x{WALLET}",
    "cloud key": "AKIA" + "A1B2C3D4" * 2,
    "forge token": "ghp_" + "a1" * 18,
    "package token": "pypi-AgEI" + "c" * 30,
    "service token": "xoxb-" + "1234567890-abc",
    "web token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 20,
    "password in an address": "postgres://bot:" + "hunter22" + "@db/agbot",
    "literal secret": 'PASSPHRASE = "' + "Zm9v" * 8 + '"',
}


@pytest.fixture(scope="module")
def audit(root: Path) -> ModuleType:
    """Return .ci/audit.py as a module."""
    spec = importlib.util.spec_from_file_location("ci_audit", root / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", SAMPLES)
def test_finds_a_secret_and_does_not_print_it(
    kind: str, audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text(f"first\n{SAMPLES[kind]}\n", encoding="utf-8")
    rows = audit.scan([Path("notes.txt")])
    assert f"notes.txt:2: looks like a {kind}" in rows
    assert not any(SAMPLES[kind] in row for row in rows)
    monkeypatch.setitem(audit.KNOWN, ("notes.txt", kind), "made up for a test")
    assert f"notes.txt:2: looks like a {kind}" not in audit.scan([Path("notes.txt")])


def test_every_kind_has_a_sample(audit: ModuleType) -> None:
    assert set(audit.SECRETS) == set(SAMPLES)


@pytest.mark.parametrize(
    "line",
    [
        f"condition_id: 0x{WALLET}",
        "password = read_secret('AGBOT_PASSWORD')",
        "postgres://user:{password}@host/db",
        "ws://127.0.0.1:8080/metrics",
        "private_key: str",
        'api_key = ""',
    ],
)
def test_leaves_innocent_lines_alone(line: str, audit: ModuleType) -> None:
    assert list(audit.secrets_in(line)) == []


def test_known_findings_name_files_that_exist(audit: ModuleType, root: Path) -> None:
    assert [path for path, _ in audit.KNOWN if not (root / path).is_file()] == []


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("MIT OR Apache-2.0", True),
        ("GPL-3.0 OR MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("Proprietary", False),
        ("none stated", False),
        ("", False),
    ],
)
def test_licence_list(stated: str, expected: bool, audit: ModuleType) -> None:
    assert audit.permitted(stated) is expected


def test_walks_what_agbot_brings_along(audit: ModuleType) -> None:
    names = {dist.name.lower() for dist in audit.brought_along("agbot")}
    needed = metadata.distribution("agbot").requires or []
    assert {"trio", "click", "outcome", "sniffio"} <= names, "direct and indirect ones"
    assert "pytest" not in names
    assert len(names) > len([need for need in needed if "extra ==" not in need])
