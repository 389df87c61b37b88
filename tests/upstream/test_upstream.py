"""Starlette's and FastAPI's own suites, from their source archives, with our middleware around every application.

Not among the default suites: it downloads, and takes minutes. Each suite runs twice, without us and with us; a test
that ends otherwise with us fails ours. What fails without us too (some need not to be root) is theirs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support import Collector

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "build" / "upstream"
REQUIREMENTS = HERE / "requirements.txt"
SECONDS_MAX = 900

# Of each suite: how many tests pass at least, and requests reach us, so that nothing is skipped unseen.
SUITES = {"starlette": (1_300, 1_000), "fastapi": (5_000, 5_000)}

pytestmark = pytest.mark.upstream


@pytest.fixture(scope="session")
def python() -> Path:
    """An environment with what the suites need, on top of this one."""
    home = WORK / "environment"
    python = home / "bin" / "python"
    stamp = home / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        shutil.rmtree(home, ignore_errors=True)
        run(sys.executable, "-m", "venv", str(home))
        (packages,) = home.glob("lib/python*/site-packages")
        below = sysconfig.get_paths()["purelib"]
        (packages / "development.pth").write_text(f"import site; site.addsitedir({below!r})\n")
        run(str(python), "-m", "pip", "install", "-q", "-r", str(REQUIREMENTS))
        shutil.copy(REQUIREMENTS, stamp)
    return python


def run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=SECONDS_MAX)


def source(name: str) -> Path:
    """The suite's folder, without the package: what is tested is the one installed here."""
    version = metadata.version(name)
    folder = WORK / f"{name}-{version}"
    if not folder.exists():
        archives = WORK / "archives"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name, "-d", str(archives)]
        run(*pip, f"{name}=={version}")
        with tarfile.open(archives / f"{name}-{version}.tar.gz") as archive:
            archive.extractall(WORK, filter="data")
        shutil.rmtree(folder / name)
    return folder


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as running:
        yield running


def outcomes(python: Path, folder: Path, how: str, *options: str, **environ: str) -> dict[str, str]:
    """By test: passed, failed, skipped."""
    report = WORK / f"{folder.name}-{how}.xml"
    report.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", f"--junitxml={report}", *options]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("FIELDMARK_", "PYTEST_"))}
    with (WORK / f"{folder.name}-{how}.log").open("wb") as log:
        ended = subprocess.run(
            [*command, "tests"], cwd=folder, env={**own, **environ}, stdout=log, stderr=log, timeout=SECONDS_MAX
        )
    assert ended.returncode in (0, 1), f"{folder.name} did not run: {Path(log.name)}"
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[f"{case.get('classname')}::{case.get('name')}"] = min(kinds, default="passed")
    return found


@pytest.mark.parametrize("name", SUITES)
def test_a_framework_s_own_suite_ends_the_same_with_us(name: str, python: Path, collector: Collector) -> None:
    passed_min, requests_min = SUITES[name]
    folder = source(name)
    faults = WORK / f"{name}-faults"
    faults.unlink(missing_ok=True)
    bare = outcomes(python, folder, "bare")
    watched = outcomes(
        python,
        folder,
        "watched",
        "-p",
        "every_app_watched",
        PYTHONPATH=str(HERE),
        FIELDMARK_URL=collector.url,
        FIELDMARK_SERVICE="upstream",
        FIELDMARK_VERSION="v1",
        FIELDMARK_TEST_FAULTS=str(faults),
    )
    assert {test: (bare.get(test), end) for test, end in watched.items() if bare.get(test) != end} == {}
    assert len(watched) == len(bare)
    assert sum(end == "passed" for end in watched.values()) >= passed_min
    requests = sum(
        sum(subject["request"]["by_status"].values())
        for subject in collector.subjects().values()
        if "request" in subject
    )
    assert requests >= requests_min
    assert [json.loads(line) for line in faults.read_text().splitlines()] != []
    assert sum(json.loads(line) for line in faults.read_text().splitlines()) == 0
    assert collector.subjects()[""]["watch"]["dropped_events"] == 0
