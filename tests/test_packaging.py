"""What ends up in the wheel is what the source tree promises; built without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import agbot

BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
NOT_SOURCE = ("__pycache__", "vendor", "build", "dist", "*.egg-info", "*.so", "*.pyc", ".*")


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, object]:
    """Return the [project] table."""
    table: dict[str, object] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """Return a wheel built from a clean copy of the tree."""
    tree = tmp_path_factory.mktemp("source") / "agbot"
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    out = tmp_path_factory.mktemp("wheel")
    offline = {k: v for k, v in os.environ.items() if k != "AGBOT_REQUIRE_UPLOT"} | {"npm_config_offline": "true"}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)], cwd=tree, env=offline, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return zipfile.Path(built)


def test_one_version_everywhere(project: dict[str, object]) -> None:
    assert agbot.__version__ == project["version"] == metadata.version("agbot")


def test_metadata(project: dict[str, object]) -> None:
    fields = metadata.metadata("agbot")
    assert fields["License-Expression"] == project["license"] == "MIT"
    assert fields["Requires-Python"] == project["requires-python"] == ">=3.11"
    assert {entry.name for entry in metadata.entry_points(group="console_scripts")} >= {"agbot"}
    assert set(fields.get_all("Provides-Extra") or []) == {
        "tui",
        "official",
        "postgres",
        "duckdb",
        "dask",
        "redis",
        "parquet",
        "record",
        "bench",
        "optimise",
        "dev",
    }


def test_changelog_names_the_version(root: Path) -> None:
    assert f"## [{agbot.__version__}]" in (root / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_file_of_the_package_is_in_the_wheel(wheel: zipfile.Path, root: Path) -> None:
    built = {"vendor", "__pycache__"}
    source = {
        path.relative_to(root).as_posix()
        for path in (root / "agbot").rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyc") and not built & set(path.relative_to(root).parts)
    }
    shipped = set(wheel.root.namelist())
    assert "agbot/py.typed" in source
    assert any(name.endswith(".pyi") for name in source)
    assert source - shipped == set()


@pytest.mark.slow
def test_nothing_else_is_in_the_wheel(wheel: zipfile.Path) -> None:
    tops = {name.partition("/")[0] for name in wheel.root.namelist()}
    assert tops == {"agbot", f"agbot-{agbot.__version__}.dist-info"}


@pytest.mark.slow
def test_licence_is_shipped(wheel: zipfile.Path, root: Path) -> None:
    shipped = wheel / f"agbot-{agbot.__version__}.dist-info" / "licenses" / "LICENSE"
    assert shipped.read_text(encoding="utf-8") == (root / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_wheel_for_every_python_from_3_11(wheel: zipfile.Path) -> None:
    assert "-cp311-abi3-" in wheel.root.filename
    compiled = [name for name in wheel.root.namelist() if name.endswith(".so")]
    assert compiled
    assert all(name.endswith(".abi3.so") for name in compiled)
