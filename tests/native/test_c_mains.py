"""The plain C mains and the bindings under strict warnings; sanitizers and valgrind run in `nox -s native`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"
COMPILER = os.environ.get("CC", "cc")

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which(COMPILER)), reason="needs make and a C compiler"
)


@pytest.mark.parametrize(("target", "expected"), [("test", "checks passed"), ("bindings", "no warnings")])
def test_native_target(tmp_path, target, expected):
    command = ["make", "-s", target, f"BUILD={tmp_path}", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, check=False, cwd=NATIVE, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
