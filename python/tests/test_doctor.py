"""Doctor: what it says holds for the service, and its exit code says whether something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import Collector, free_port, serving

APPLICATION = """
from fastapi import FastAPI
from fieldmark import FieldmarkMiddleware

app = FastAPI(title="Orders API")
app.add_middleware(FieldmarkMiddleware, exclude=["/health"])

named = FastAPI(title="Orders API")
named.add_middleware(FieldmarkMiddleware, service="shop", environment="staging", version="v7", bodies=False)

twice = FastAPI()
twice.add_middleware(FieldmarkMiddleware)
twice.add_middleware(FieldmarkMiddleware)

bare = FastAPI()
number = 7
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "Orders Folder"
    folder.mkdir()
    (folder / "main.py").write_text(APPLICATION)
    (folder / "broken.py").write_text("raise RuntimeError('no database')")
    return folder


def doctor(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FIELDMARK_")}
    command = [sys.executable, "-m", "fieldmark", "doctor", *arguments]
    return subprocess.run(command, cwd=folder, env={**own, **environ}, capture_output=True, text=True, timeout=30)


def report(folder: Path, *arguments: str, code: int = 0, **environ: str) -> dict[str, Any]:
    ended = doctor(folder, *arguments, "--json", **environ)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return dict(json.loads(ended.stdout))


def test_with_nothing_set_it_says_what_the_defaults_make(project: Path, collector: Collector) -> None:
    found = report(project, "main:app", FIELDMARK_URL=collector.url)
    assert (found["service"], found["service_by"]) == ("orders-api", "the application's title")
    assert (found["environment"], found["environment_by"]) == ("production", "by default")
    assert (found["url"], found["url_by"], found["answer"]) == (collector.url, "FIELDMARK_URL", "takes what we send")
    assert (found["version"][:5], found["version_by"]) == ("code:", "code")
    assert (found["bodies"], found["exclude"], found["token"]) == (True, ["/health"], False)
    assert found["wrong"] == []
    assert (found["arrived"], found["notices"]) == ("not known: the server answered 501", [])
    assert collector.hellos == [{"service": "orders-api", "environment": "production"}]
    assert collector.attempts == []


def test_what_it_says_is_what_the_service_sends(project: Path, collector: Collector) -> None:
    found = report(project, "main:app", FIELDMARK_URL=collector.url)
    script = "import uvicorn, main; uvicorn.run(main.app, port=0)"
    own = {name: value for name, value in os.environ.items() if not name.startswith("FIELDMARK_")}
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=project, env={**own, "FIELDMARK_URL": collector.url}, stderr=subprocess.PIPE
    )
    try:
        collector.wait_until(lambda c: bool(c.applied))
    finally:
        process.terminate()
        process.communicate(timeout=20)
    batch = next(iter(collector.applied.values()))
    assert all(batch[each] == found[each] for each in ("service", "environment", "version"))


def test_arguments_of_the_middleware_count(project: Path, collector: Collector) -> None:
    found = report(project, "main:named", FIELDMARK_URL=collector.url, FIELDMARK_SERVICE="other", FIELDMARK_TOKEN="t")
    assert (found["service"], found["service_by"]) == ("shop", "service=")
    assert (found["environment"], found["version"], found["version_by"]) == ("staging", "v7", "version=")
    assert (found["bodies"], found["token"]) == (False, True)
    assert collector.tokens == ["Bearer t"]


def test_without_an_application_it_says_what_it_cannot_know(project: Path, collector: Collector) -> None:
    found = report(project, FIELDMARK_URL=collector.url)
    assert found["service"] == "orders-folder"
    assert "unless the application has a title" in found["service_by"]
    assert (found["version"], found["version_by"]) == (
        "",
        "a hash of the application's code: name the application to see it",
    )
    found = report(project, FIELDMARK_URL=collector.url, GIT_COMMIT="a" * 40)
    assert (found["version"], found["version_by"]) == ("aaaaaaa", "GIT_COMMIT")


WRONG: list[tuple[str, list[str], dict[str, str], str]] = [
    ("no server", ["main:app"], {"FIELDMARK_URL": "http://127.0.0.1:{port}"}, "nothing listens there"),
    ("no address", ["main:app"], {"FIELDMARK_URL": "nonsense"}, "FIELDMARK_URL"),
    ("no pattern", ["main:app"], {"FIELDMARK_INCLUDE": "nonsense"}, "FIELDMARK_INCLUDE"),
    ("switched off", ["main:app"], {"FIELDMARK_DISABLED": "1"}, "switched off"),
    ("not watched", ["main:bare"], {}, "not watched"),
    ("watched twice", ["main:twice"], {}, "2 layers"),
    ("token in the clear", [], {"FIELDMARK_TOKEN": "t", "FIELDMARK_URL": "http://marks.invalid"}, "unencrypted"),
]


@pytest.mark.parametrize(
    ("arguments", "environ", "said"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
def test_what_is_wrong_is_said_and_exits_with_1(
    arguments: list[str], environ: dict[str, str], said: str, project: Path, collector: Collector
) -> None:
    environ = {name: value.format(port=free_port()) for name, value in environ.items()}
    ended = doctor(project, *arguments, **{"FIELDMARK_URL": collector.url, **environ})
    assert ended.returncode == 1, ended.stderr
    assert any(said in line for line in ended.stdout.splitlines() if line.startswith("✗ ")), ended.stdout
    assert "nonsense" not in ended.stdout


def test_a_server_that_refuses_is_said_with_what_to_do(project: Path) -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b'{"detail": "no token"}'})

    with serving(refuses, lifespan="off") as url:
        found = report(project, "main:app", code=1, FIELDMARK_URL=url)
    assert found["wrong"] == [
        f"asking {url}: the server answered 401, no token; set FIELDMARK_TOKEN to one that may write for this service"
    ]


def test_a_paused_server_and_one_of_another_format_are_said(
    project: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.paused = True
    assert "asks to wait" in report(project, "main:app", code=1, FIELDMARK_URL=collector.url)["wrong"][0]
    monkeypatch.setattr(collector, "_reply", lambda *_: (200, {}, {"formats": [9]}))
    assert "upgrade the server" in report(project, "main:app", code=1, FIELDMARK_URL=collector.url)["wrong"][0]


@pytest.mark.parametrize(
    ("ahead_s", "said", "what"),
    [(0, None, ""), (10, None, ""), (-300, "ahead of", "shifted"), (300, "behind", "shifted"),
     (100_000, "behind", "bad clock")],
)  # fmt: skip
def test_a_clock_that_is_not_the_servers_is_said(
    ahead_s: float, said: str | None, what: str, project: Path, collector: Collector
) -> None:
    collector.clock_ahead_s = ahead_s
    found = report(project, "main:app", code=0 if said is None else 1, FIELDMARK_URL=collector.url)
    assert abs(found["clock_ahead_s"] + ahead_s) < 10  # to a second, and what a busy machine takes to answer
    assert len(found["wrong"]) == (0 if said is None else 1)
    if said is not None:
        assert f"s {said} the server's" in found["wrong"][0]
        assert what in found["wrong"][0]


def test_what_is_revealed_dropped_and_sampled_is_said(project: Path, collector: Collector) -> None:
    environ = {"FIELDMARK_REVEAL": "status", "FIELDMARK_DROP": "customer.name,items", "FIELDMARK_SAMPLE": "0.1"}
    ended = doctor(project, "main:app", FIELDMARK_URL=collector.url, **environ)
    assert "values of status alone; nothing of customer.name, items; of 0.1 of the requests" in ended.stdout
    found = report(project, "main:app", FIELDMARK_URL=collector.url, **environ)
    assert (found["reveal"], found["drop"], found["sample"]) == (["status"], ["customer.name", "items"], 0.1)


@pytest.mark.parametrize("application", ["nowhere:app", "main:nothing", "main:number", "broken:app", "main"])
def test_what_cannot_be_looked_at_exits_with_2(application: str, project: Path, collector: Collector) -> None:
    ended = doctor(project, application, FIELDMARK_URL=collector.url)
    if application == "main":  # whose app is called app
        assert ended.returncode == 0
        return
    assert ended.returncode == 2
    assert ended.stderr.startswith("fieldmark: ")
    assert ended.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["doctor", "--no-such-option"]])
def test_a_command_line_that_cannot_be_meant_exits_with_2(arguments: list[str], project: Path) -> None:
    ended = subprocess.run([sys.executable, "-m", "fieldmark", *arguments], capture_output=True, text=True, cwd=project)
    assert (ended.returncode, ended.stdout) == (2, "")


def test_people_read_a_line_a_thing(project: Path, collector: Collector) -> None:
    ended = doctor(project, "main:app", FIELDMARK_URL=collector.url)
    lines = ended.stdout.splitlines()
    assert lines[0] == "service      orders-api (the application's title)"
    assert lines[-1] == "✓ nothing is wrong"
    assert any(line.startswith("routes       all · except /health") for line in lines)
    assert any("never a value" in line for line in lines)


def test_the_binary_of_the_environment_asks_its_python(project: Path, collector: Collector) -> None:
    binary = Path(sys.executable).with_name("fieldmark")
    if not binary.exists():
        pytest.skip("this build of the package has no server")
    own = {name: value for name, value in os.environ.items() if not name.startswith("FIELDMARK_")}
    command = [str(binary), "doctor", "main:app", "--json"]
    ended = subprocess.run(
        command, cwd=project, env={**own, "FIELDMARK_URL": collector.url}, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["service"] == "orders-api"
