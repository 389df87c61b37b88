"""A Python environment for each set of packages, made once and kept in build/matrix; the package under test is the one
that was built, whatever the environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import fieldmark
from fieldmark import _core

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "build" / "matrix"
NEWEST = "newest"  # what the project is developed with: requirements-dev.txt
SECONDS_MAX = 300


def python_of(name: str) -> Path:
    """The interpreter of the environment that ``<name>.txt`` pins."""
    if name == NEWEST:
        return Path(sys.executable)
    pins = HERE / f"{name}.txt"
    home = WORK / name
    stamp = home / "pins"
    if not stamp.exists() or stamp.read_text() != _stamp(pins):
        shutil.rmtree(home, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(home))
        _uv("pip", "sync", "--python", str(home), "--require-hashes", str(pins))
        (packages,) = home.glob("lib/python*/site-packages")
        (packages / "fieldmark-under-test.pth").write_text(f"{WORK / 'package'}\n")
        stamp.write_text(_stamp(pins))
    return home / "bin" / "python"


def lay_package() -> None:
    """The package as it is now, for all environments: sources and the extension stand in two places."""
    folder = WORK / "package" / "fieldmark"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in [*Path(fieldmark.__file__).parent.glob("*.py"), Path(_core.__file__)]:
        (folder / source.name).symlink_to(source)


def _stamp(pins: Path) -> str:
    return f"{sys.version}\n{pins.read_text()}"


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    made = subprocess.run([uv, "--quiet", *arguments], capture_output=True, text=True, timeout=SECONDS_MAX)
    assert made.returncode == 0, f"uv {' '.join(arguments)}: {made.stderr}"
