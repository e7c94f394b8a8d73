"""The build step that vendors uPlot: hashes decide, not names."""

import base64
import hashlib
import importlib.util
import re
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
from setuptools import Distribution
from setuptools.errors import SetupError

ROOT = Path(__file__).parents[2]
WEB = ROOT / "agbot/monitor/web"


@pytest.fixture
def build_web() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_web", ROOT / "native/build_web.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tarball(build_web: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tarball of our own, pinned as if it were the real one, that npm pretends to have packed."""
    source = tmp_path / "source"
    source.mkdir()
    archive = tmp_path / f"uplot-{build_web.VERSION}.tgz"
    files = {}
    with tarfile.open(archive, "w:gz") as packed:
        for name, (member, _) in build_web.FILES.items():
            (source / name).write_text(f"content of {name}")
            packed.add(source / name, member)
            files[name] = (member, digest("sha384", (source / name).read_bytes()))
    monkeypatch.setattr(build_web, "FILES", files)
    monkeypatch.setattr(build_web, "TARBALL_SHA512", digest("sha512", archive.read_bytes()))
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\n/bin/cp "{archive}" .\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return archive


def digest(algorithm: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def test_npm_fills_the_folder(build_web: ModuleType, tarball: Path, tmp_path: Path) -> None:
    build_web.vendor(tmp_path / "vendor")
    assert {path.name for path in (tmp_path / "vendor").iterdir()} == set(build_web.FILES)


def test_checked_files_are_not_fetched_again(
    build_web: ModuleType, tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_web.vendor(tmp_path / "vendor")
    monkeypatch.setenv("PATH", "")
    build_web.vendor(tmp_path / "vendor")


def test_stale_files_are_replaced(build_web: ModuleType, tarball: Path, tmp_path: Path) -> None:
    build_web.vendor(tmp_path / "vendor")
    (tmp_path / "vendor/uPlot.min.css").write_text("old")
    build_web.vendor(tmp_path / "vendor")
    assert (tmp_path / "vendor/uPlot.min.css").read_text() == "content of uPlot.min.css"


def test_stale_files_do_not_survive_without_npm(
    build_web: ModuleType, tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_web.vendor(tmp_path / "vendor")
    (tmp_path / "vendor/uPlot.iife.min.js").write_text("old")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(build_web.UplotMissingError):
        build_web.vendor(tmp_path / "vendor")
    assert list((tmp_path / "vendor").iterdir()) == []


def test_a_tarball_that_is_not_the_pinned_one_is_fatal(
    build_web: ModuleType, tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_web, "TARBALL_SHA512", "x")
    with pytest.raises(SetupError, match="sha512"):
        build_web.vendor(tmp_path / "vendor")


def test_a_member_that_is_not_the_pinned_one_is_fatal(
    build_web: ModuleType, tarball: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = dict(build_web.FILES)
    files["uPlot.LICENSE"] = ("package/LICENSE", "x")
    monkeypatch.setattr(build_web, "FILES", files)
    with pytest.raises(SetupError, match="LICENSE"):
        build_web.vendor(tmp_path / "vendor")


def build_py(build_web: ModuleType, folder: Path) -> object:
    command = build_web.BuildPy(Distribution({"packages": []}))
    command.build_lib = str(folder)
    command.ensure_finalized()
    return command


def test_without_npm_the_build_warns(build_web: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("AGBOT_REQUIRE_UPLOT", raising=False)
    said: list[str] = []
    monkeypatch.setattr(build_web.BuildPy, "warn", lambda self, text: said.append(text))
    build_py(build_web, tmp_path).run()  # type: ignore[attr-defined]
    assert "npm is not installed" in said[0]


def test_without_npm_a_release_fails(build_web: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("AGBOT_REQUIRE_UPLOT", "1")
    with pytest.raises(SetupError, match="npm"):
        build_py(build_web, tmp_path).run()  # type: ignore[attr-defined]


def test_npm_that_fails_counts_as_missing(build_web: ModuleType, tarball: Path, tmp_path: Path) -> None:
    (tmp_path / "npm").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(build_web.UplotMissingError, match="npm pack failed"):
        build_web.vendor(tmp_path / "vendor")


def test_the_page_asks_for_what_the_build_vendors(build_web: ModuleType) -> None:
    page = (WEB / "index.html").read_text()
    asked = set(re.findall(r"/static/vendor/([^\"]+)", page))
    assert asked == {name for name in build_web.FILES if "LICENSE" not in name}


def test_what_is_vendored_here_is_what_is_pinned(build_web: ModuleType) -> None:
    if not (WEB / "vendor").is_dir():
        pytest.skip("built without uPlot")
    for name, (_, sha384) in build_web.FILES.items():
        assert digest("sha384", (WEB / "vendor" / name).read_bytes()) == sha384
