"""One step of the build: put uPlot's files, taken from npm and checked by hash, into the page's vendor folder.

Without npm the build warns and the page shows tables in place of charts: it asks nobody else for a script;
`AGBOT_REQUIRE_UPLOT=1` makes that an error. A wrong hash is always one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

VERSION = "1.6.32"
TARBALL_SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
FILES = {
    "uPlot.iife.min.js": (
        "package/dist/uPlot.iife.min.js",
        "Gx3t0zdBAuQOuvvmaLZj7HKEiSgWTAs+VdtNY7wt19QDPTDQjFIwAuXDj0zeN00c",
    ),
    "uPlot.min.css": ("package/dist/uPlot.min.css", "IfV0B7MIOYuO95kO9G5ySKPz/85zqFNOAs8iy4tkK5zd9izhJAB8b7lHrwYqqmYE"),
    "uPlot.LICENSE": ("package/LICENSE", "LBMwZlHtMnim4BBA9gOI4OOPUI5cNjaxzIZCJRYYEyIykienqB4X7/vxq0t1Ihgd"),
}
"""Name in the vendor folder: member of the tarball and sha384 of its bytes."""
WEB = Path("agbot/monitor/web")
NPM_TIMEOUT_S = 120


class UplotMissingError(Exception):
    """uPlot could not be fetched; the build may go on without it."""


class BuildPy(build_py):
    """build_py, then uPlot into the wheel (into the source tree for an editable install)."""

    def run(self) -> None:
        """Build, then vendor.

        Raises:
            SetupError: a hash is wrong, or uPlot is missing and `AGBOT_REQUIRE_UPLOT=1`.
        """
        super().run()
        root = Path() if self.editable_mode else Path(self.build_lib)
        try:
            vendor(root / WEB / "vendor")
        except UplotMissingError as e:
            if os.environ.get("AGBOT_REQUIRE_UPLOT") == "1":
                raise SetupError(f"AGBOT_REQUIRE_UPLOT=1: {e}") from e
            self.warn(f"built without uPlot ({e}): the page shows tables in place of charts")


def vendor(folder: Path) -> None:
    """Make `folder` hold exactly the pinned files; files already there are checked, wrong ones replaced.

    Raises:
        SetupError: what npm gave is not what is pinned.
        UplotMissingError: npm is missing or cannot reach a registry.
    """
    if all(_is_pinned(folder / name) for name in FILES):
        return
    for name in FILES:  # a stale build/ folder must not ship what nobody checked
        (folder / name).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        tarball = fetch(Path(scratch))
        folder.mkdir(parents=True, exist_ok=True)
        unpack(tarball, folder)


def fetch(folder: Path) -> Path:
    """Let npm put the tarball into `folder`, check it, return its path. Errors as in `vendor`."""
    npm = shutil.which("npm")
    if npm is None:
        raise UplotMissingError("npm is not installed")
    command = [npm, "pack", f"uplot@{VERSION}", "--ignore-scripts", "--silent"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=NPM_TIMEOUT_S, capture_output=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as e:
        raise UplotMissingError(f"npm pack failed: {e}") from e
    tarball = folder / f"uplot-{VERSION}.tgz"
    found = _digest("sha512", tarball.read_bytes())
    if found != TARBALL_SHA512:
        raise SetupError(f"uplot {VERSION}: sha512 is {found}, pinned is {TARBALL_SHA512}")
    return tarball


def unpack(tarball: Path, folder: Path) -> None:
    """Copy the pinned files out of the tarball, checking each.

    Raises:
        SetupError: a member is missing or not what is pinned.
    """
    with tarfile.open(tarball) as archive:
        for name, (member, sha384) in FILES.items():
            try:
                source = archive.extractfile(member)
            except KeyError:
                source = None
            content = source.read() if source is not None else b""
            if _digest("sha384", content) != sha384:
                raise SetupError(f"uplot {VERSION}: {member} is not the pinned file")
            (folder / name).write_bytes(content)


def _is_pinned(path: Path) -> bool:
    return path.is_file() and _digest("sha384", path.read_bytes()) == FILES[path.name][1]


def _digest(algorithm: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
