"""The wheels of ./dev wheel, as users get them: nothing outside is needed, and in an empty environment they serve, and
report by TLS to a server whose certificate they trust.

Not among the default suites: building all wheels takes minutes. ``FIELDMARK_PYTHONS`` has the interpreters, as
``3.10=/path 3.11=/path``; ``FIELDMARK_WHEELS`` the folder.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from authority import make_authority
from elftools.elf.elffile import ELFFile
from test_user_pages import BLOCK, PAGES, run_page

from relay import Relay, subjects
from support import free_port, wait_for_port

PYTHONS = dict(each.split("=", 1) for each in os.environ.get("FIELDMARK_PYTHONS", "").split())
WHEELS = sorted(Path(os.environ.get("FIELDMARK_WHEELS", "dist")).resolve().glob("*.whl"))
CLAIMED = ("3.10", "3.11", "3.12", "3.13")
SECONDS_MAX = 300

# Of the C library, which every Linux has.
C_LIBRARY = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
WHEEL_BYTES_MAX = 7 << 20
INSIDE = [
    "simdjson", "Zstandard", "libstdc++ and libgcc", "Boost", "CLI11", "fmt", "spdlog", "SQLite", "toml++", "OpenSSL",
    "libsodium",
    "nanobind", "robin_map", "Preact", "Preact Signals", "Preact Signals Core", "uPlot",
]  # fmt: skip

APPLICATION = """
from fastapi import FastAPI
from fieldmark import FieldmarkMiddleware
from pydantic import BaseModel

class Order(BaseModel):
    phone: str | None

app = FastAPI(title="Orders")
app.add_middleware(FieldmarkMiddleware)

@app.post("/orders", status_code=201)
async def place(order: Order) -> Order:
    return order
"""

# ------------------------------------------------------------------ what is in a wheel


def test_there_is_a_wheel_for_every_interpreter_found() -> None:
    assert PYTHONS, "no CPython was found"
    for version in PYTHONS:
        assert wheel_for(version).exists()


def programs(wheel: Path) -> dict[str, ELFFile]:
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    return {name: ELFFile(BytesIO(bytes_)) for name, bytes_ in contents.items() if bytes_[:4] == b"\x7fELF"}


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_a_wheel_needs_nothing_but_the_c_library_that_its_name_says(wheel: Path) -> None:
    said = re.search(r"manylinux_(\d+)_(\d+)_x86_64\.whl$", wheel.name)
    assert said is not None
    found = programs(wheel)
    assert {re.sub(r"\..*", "", Path(name).name) for name in found} == {"_core", "fieldmark"}
    for name, program in found.items():
        needed = {tag.needed for tag in program.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")}
        assert needed <= C_LIBRARY, name
        for library, symbols in program.get_section_by_name(".gnu.version_r").iter_versions():
            for symbol in symbols:
                version = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", symbol.name)
                assert version is not None, (name, library.name, symbol.name)
                assert (int(version[1]), int(version[2])) <= (int(said[1]), int(said[2])), (name, symbol.name)


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_a_wheel_says_under_which_licences_it_carries_what(wheel: Path) -> None:
    assert wheel.stat().st_size < WHEEL_BYTES_MAX
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        assert "Apache License" in archive.read(f"{folder}/licenses/LICENSE").decode()
        text = archive.read(f"{folder}/licenses/THIRD_PARTY_LICENCES.txt").decode()
    parts = re.split(r"^={80}\n(.*) \(in the .*\)\n={80}\n", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == INSIDE
    assert all(len(licence.strip()) > 200 for licence in parts[1::2])


# ------------------------------------------------------------------ installed


def wheel_for(version: str) -> Path:
    tag = "cp" + version.replace(".", "")
    own = [wheel for wheel in WHEELS if f"-{tag}-{tag}-" in wheel.name]
    stable = [wheel for wheel in WHEELS if "-cp312-abi3-" in wheel.name and version >= "3.12"]
    assert own or stable, f"no wheel for CPython {version} among {[wheel.name for wheel in WHEELS]}"
    return (own or stable)[0]


def environment(version: str, installer: str, folder: Path) -> dict[str, str]:
    """An empty environment with the wheel, FastAPI and uvicorn; its PATH has its own programs alone."""
    home = folder / "environment"
    left_out = ("FIELDMARK_", "PYTHON", "VIRTUAL")
    own = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environ = {**own, "PATH": str(home / "bin")}
    base, packages = PYTHONS[version], ["--only-binary", ":all:", str(wheel_for(version)), "fastapi", "uvicorn"]
    if installer == "pip":
        run([base, "-m", "venv", str(home)], environ)
        run([str(home / "bin" / "python"), "-m", "pip", "install", "-q", *packages], environ)
    else:
        uv = str(Path(sys.executable).with_name("uv"))
        run([uv, "-q", "venv", "--python", base, str(home)], environ)
        run([uv, "-q", "pip", "install", "--python", str(home), *packages], environ)
    for tool in ("cc", "gcc", "g++", "c++", "clang", "cmake", "ninja", "make", "pkg-config"):
        assert shutil.which(tool, path=environ["PATH"]) is None
    return environ


def run(command: list[str], environ: dict[str, str], folder: Path | None = None) -> str:
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def started(command: list[str], environ: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for_port(port, process)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def ask(port: int, method: str, path: str, document: Any = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, json.dumps(document), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def ask_by_command(
    command: str, programs: Path, environ: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    arguments = [str(programs / "fieldmark"), command]
    return subprocess.run(arguments, env=environ, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX)


@pytest.mark.parametrize("installer", ["pip", "uv"])
@pytest.mark.parametrize("version", CLAIMED)
def test_installed_into_an_empty_environment_it_serves(version: str, installer: str, tmp_path: Path) -> None:
    if version not in PYTHONS:
        pytest.skip(f"no CPython {version} on this machine")
    environ = environment(version, installer, tmp_path)
    programs = tmp_path / "environment" / "bin"
    (tmp_path / "app.py").write_text(APPLICATION)
    server, app = free_port(), free_port()
    serve = [str(programs / "fieldmark"), "serve", "--data", "data", "--port", str(server)]
    authority = make_authority(tmp_path)
    environ["SSL_CERT_FILE"] = str(authority / "ca.pem")
    with (
        started(serve, environ, tmp_path, server),
        closing(Relay(server, authority / "localhost.pem")) as relay,
        closing(Relay(server, authority / "other.pem")) as stranger,
    ):
        environ["FIELDMARK_URL"] = relay.url
        uvicorn = [str(programs / "python"), "-m", "uvicorn", "app:app", "--port", str(app)]
        with started(uvicorn, environ, tmp_path, app):
            for phone in (None, "1", None):
                assert ask(app, "POST", "/orders", {"phone": phone})[0] == 201
        doctor = run([str(programs / "fieldmark"), "doctor", "app:app"], environ, tmp_path)
        assert "nothing is wrong" in doctor
        assert f"python {version}." in doctor
        # The command line has an OpenSSL of its own inside.
        asked = ask_by_command("status", programs, {**environ, "FIELDMARK_URL": relay.url}, tmp_path)
        assert asked.stdout.startswith("orders in production, "), asked
        for command, code in (("doctor", 1), ("status", 2)):
            asked = ask_by_command(command, programs, {**environ, "FIELDMARK_URL": stranger.url}, tmp_path)
            assert (asked.returncode, "SSL_CERT_FILE" in asked.stdout + asked.stderr) == (code, True), asked
        batches = relay.applied["orders"]
        arrived = subjects(batches)
        assert arrived["POST /orders"]["request"]["by_status"] == {201: 3}
        assert arrived["POST /orders request"]["body"]["fields"]["phone"]["nulls"] == 2
        (known,) = json.loads(ask(server, "GET", "/api/v1/services")[1])["services"]
        assert (known["service"], known["version"]) == ("orders", batches[0]["version"])
        page = ask(server, "GET", "/")[1].decode()
        (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page)
        assert ask(server, "GET", script)[0] == 200


def test_the_dockerfile_of_the_page_makes_an_image_that_serves(tmp_path: Path) -> None:
    """Instruction by instruction, in an empty environment in place of the base image: none can be had here."""
    page = (PAGES / "install.md").read_text()
    blocks = {file or language: body for language, file, body in reversed(BLOCK.findall(page))}
    home, service = tmp_path / "environment", tmp_path / "service"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FIELDMARK_", "PYTHON"))}
    programs = f"{home / 'bin'}:/usr/bin:/bin"
    command: list[str] = []
    for line in blocks["dockerfile"].splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            version = re.fullmatch(r"python:(3\.\d+)-slim-bookworm", rest)
            assert version is not None
            if version[1] not in PYTHONS:
                pytest.skip(f"no CPython {version[1]} on this machine")
            run([PYTHONS[version[1]], "-m", "venv", str(home)], environ)
            environ["PATH"] = programs
        elif instruction == "COPY" and rest == "dist /wheels":
            shutil.copytree(WHEELS[0].parent, tmp_path / "wheels")
        elif instruction == "COPY" and rest == "app.py .":
            (service / "app.py").write_text(blocks["app.py"])
        elif instruction == "RUN":
            run(["sh", "-euc", rest.replace("/wheels", str(tmp_path / "wheels"))], environ)
        elif instruction == "WORKDIR":
            service.mkdir()
        else:
            assert instruction == "CMD", line
            command = json.loads(rest)
    assert not any((folder / ".git").exists() for folder in service.parents)
    server, app = free_port(), free_port()
    serve = [str(home / "bin" / "fieldmark"), "serve", "--data", str(tmp_path / "data"), "--port", str(server)]
    with started(serve, environ, tmp_path, server), closing(Relay(server)) as relay:
        environ["FIELDMARK_URL"] = relay.url
        with started([str(home / "bin" / command[0]), *command[1:], "--port", str(app)], environ, service, app):
            assert ask(app, "GET", "/openapi.json")[0] == 200
        (batch, *_) = relay.applied["orders"]
    assert re.fullmatch(r"code:[0-9a-f]{8}", batch["version"])


def test_the_page_on_installing_installs(tmp_path: Path) -> None:
    """Here and not among the other pages, since it takes wheels."""
    shutil.copytree(WHEELS[0].parent, tmp_path / "dist")
    output = run_page("install.md", tmp_path)
    assert re.findall(r"^0\.1\.0$", output, re.MULTILINE) == ["0.1.0"] * 2, output
    assert re.search(r"^version +code:[0-9a-f]{8} \(code\)$", output, re.MULTILINE), output
    assert "nothing is wrong" in output
