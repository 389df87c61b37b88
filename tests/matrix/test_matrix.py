"""Every way to serve that we claim, with the oldest and the newest packages: real traffic, and what arrived of it.

A cell is one server with its own service name. All report to one real ``fieldmark serve``, through a relay that keeps
what the server applied. Cells run beside each other: mostly they wait.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import binary
import pytest

from environments import NEWEST, lay_package, python_of
from relay import Relay, subjects
from support import Pause, free_port, wait_for_port

HERE = Path(__file__).parent
OLDEST_FASTAPI = "fastapi-0.115.0"
OLDEST_STARLETTE = "starlette-0.27.0"
AT_ONCE = 4
STOP_SECONDS_MAX = 30

UVICORN = ["uvicorn", "--port", "{port}"]
GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2"]
WORKER_CLASS = {OLDEST_FASTAPI: "uvicorn.workers.UvicornWorker", NEWEST: "uvicorn_worker.UvicornWorker"}


@dataclass(frozen=True)
class Cell:
    """``workers``: how many processes serve. ``imports``: how many processes read the application."""

    environment: str
    how: str
    command: list[str] = field(hash=False)
    application: str = "service"
    workers: int = 1
    imports: int = 1

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.application}-{self.how}"


def _cells() -> Iterator[Cell]:
    for environment in (OLDEST_FASTAPI, NEWEST):
        for http_parser in ("httptools", "h11"):
            for loop in ("asyncio", "uvloop"):
                how = f"{http_parser}-{loop}"
                yield Cell(environment, how, [*UVICORN, "--http", http_parser, "--loop", loop])
        gunicorn = [*GUNICORN, "--worker-class", WORKER_CLASS[environment]]
        yield Cell(environment, "workers", [*UVICORN, "--workers", "2"], workers=2, imports=2)
        yield Cell(environment, "reload", [*UVICORN, "--reload"])
        yield Cell(environment, "gunicorn", gunicorn, workers=2, imports=2)
        yield Cell(environment, "gunicorn-preload", [*gunicorn, "--preload"], workers=2)
    for environment in (OLDEST_STARLETTE, NEWEST):
        yield Cell(environment, "uvicorn", UVICORN, application="plain")


CELLS = list(_cells())

# An old Starlette alone does not tell which route it took: the endpoint's own name has to do.
ENDPOINTS = {
    "GET /api/v1/orders/{order_id}": "GET plain.order",
    "POST /api/v1/orders/": "POST plain.place",
    "POST /api/v1/orders/{order_id}/receipt": "POST plain.receipt",
    "GET /legacy/items/{item}": "GET plain.item",
    "GET /broken": "GET plain.broken",
    "GET /release": "GET plain.release",
}


# ------------------------------------------------------------------ traffic

ORDERS, NULL_PHONES, RECEIPTS = 12, 5, 4

# How often, what, and the answer's status.
TRAFFIC: list[tuple[int, str, str, Any, int]] = [
    (20, "GET", "/api/v1/orders/7", None, 200),
    (2, "GET", "/api/v1/orders/0", None, 404),
    (NULL_PHONES, "POST", "/api/v1/orders/", {"customer": {"name": "Ada", "phone": None}, "prices": [1, 2.5]}, 201),
    (ORDERS - NULL_PHONES, "POST", "/api/v1/orders/", {"customer": {"name": "B", "phone": "1"}, "prices": []}, 201),
    (RECEIPTS - 1, "POST", "/api/v1/orders/7/receipt", None, 202),
    (1, "POST", "/api/v1/orders/0/receipt", None, 202),
    (6, "GET", "/legacy/items/a", None, 200),
    (3, "GET", "/broken", None, 500),
    (1, "GET", "/nowhere", None, 404),
]
REQUESTS = {
    "GET /api/v1/orders/{order_id}": {200: 20, 404: 2},
    "POST /api/v1/orders/": {201: ORDERS},
    "POST /api/v1/orders/{order_id}/receipt": {202: RECEIPTS},
    "GET /legacy/items/{item}": {200: 6},
    "GET /broken": {500: 3},
    "(unmatched)": {404: 1},
}


def ask(port: int, method: str, path: str, document: Any = None) -> tuple[int, bytes]:
    """On a connection of its own, so that all workers get some."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = None if document is None else json.dumps(document)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def send_traffic(port: int) -> None:
    for times, method, path, document, status in TRAFFIC:
        for _ in range(times):
            answered, content = ask(port, method, path, document)
            assert answered == status, (method, path, answered, content)
            if status == 201:
                assert json.loads(content)["customer"] == document["customer"]


# ------------------------------------------------------------------ running the cells


@contextmanager
def served(cell: Cell, folder: Path, url: str) -> Iterator[int]:
    """The cell's server, from when it listens until it ended of its own after SIGTERM. Gives its port."""
    port = free_port()
    source = folder / f"{cell.application}.py"
    source.write_text((HERE / source.name).read_text())
    command = [str(python_of(cell.environment)), "-m", *cell.command, f"{cell.application}:app"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("FIELDMARK_")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=folder,
            env={**own, "FIELDMARK_URL": url, "FIELDMARK_SERVICE": cell.name, "FIELDMARK_ENVIRONMENT": "matrix"},
            stdout=log,
            stderr=log,
        )
        try:
            wait_for_port(port, process)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def run_cell(cell: Cell, folder: Path, relay: Relay) -> None:
    with served(cell, folder, relay.url) as port:
        relay.wait_until(cell.name, lambda got: processes(got) >= cell.workers, "not every worker reported")
        send_traffic(port)
        if cell.how == "reload":
            release_anew(cell, folder, port)
            relay.wait_until(cell.name, lambda got: len(versions(got)) == 2, "the new version did not report")
            send_traffic(port)


def release_anew(cell: Cell, folder: Path, port: int) -> None:
    """Edits the application, and waits until that is what answers."""
    source = folder / f"{cell.application}.py"
    source.write_text(source.read_text().replace("RELEASE = 1", "RELEASE = 2"))
    pause = Pause(STOP_SECONDS_MAX)
    while True:
        with suppress(OSError):  # the former process may close on what it had accepted
            if ask(port, "GET", "/release")[1] == b"2":
                return
        pause.until_next("the edited application is not served")


@dataclass
class Matrix:
    relay: Relay
    server: str
    runs: dict[str, Future[None]]
    folder: Path

    def batches_of(self, cell: Cell) -> list[dict[str, Any]]:
        """What the server applied of it, once it has run."""
        try:
            self.runs[cell.name].result()
        except BaseException as error:
            log = self.folder / cell.name / "log"
            printed = log.read_text() if log.exists() else ""
            pytest.fail(f"{cell.name}: {type(error).__name__}: {error}\n{printed[-4000:]}", pytrace=False)
        return self.relay.applied[cell.name]


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    asked = [item.callspec.params.get("cell") for item in request.session.items if hasattr(item, "callspec")]
    cells = [cell for cell in CELLS if cell in asked]
    folder = tmp_path_factory.mktemp("matrix")
    lay_package()
    for environment in dict.fromkeys(cell.environment for cell in cells):
        python_of(environment)
    with (
        binary.serving(folder / "data") as (_, server),
        closing(Relay(binary.port_of(server))) as relay,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        runs = {}
        for cell in cells:
            (folder / cell.name).mkdir()
            runs[cell.name] = pool.submit(run_cell, cell, folder / cell.name, relay)
        yield Matrix(relay, server, runs, folder)


# ------------------------------------------------------------------ what arrived


def processes(batches: list[dict[str, Any]]) -> int:
    return len({batch["pid"] for batch in batches})


def versions(batches: list[dict[str, Any]]) -> set[str]:
    return {batch["version"] for batch in batches}


def requests_of(found: dict[str, Any]) -> dict[str, dict[int, int]]:
    return {name: subject["request"]["by_status"] for name, subject in found.items() if "request" in subject}


def name_in(cell: Cell, route: str) -> str:
    return ENDPOINTS.get(route, route) if cell.environment == OLDEST_STARLETTE else route


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_all_that_was_served_arrived_once_under_its_name(cell: Cell, matrix: Matrix) -> None:
    batches = matrix.batches_of(cell)
    expected = {name_in(cell, route): counts for route, counts in REQUESTS.items()}
    by_version = {version: [b for b in batches if b["version"] == version] for version in versions(batches)}
    assert len(by_version) == (2 if cell.how == "reload" else 1)
    assert {version[:5] for version in by_version} == {"code:"}
    for of_version in by_version.values():
        found = subjects(of_version)
        requests = requests_of(found)
        requests.pop(name_in(cell, "GET /release"), None)
        assert requests == expected
        order = found[name_in(cell, "POST /api/v1/orders/") + " request"]["body"]
        assert order["documents"] == ORDERS
        assert set(order["fields"]) >= {"customer.name", "customer.phone", "prices[]"}
        assert order["fields"]["customer.phone"]["nulls"] == NULL_PHONES
        assert order["fields"]["prices[]"]["seen"] == 2 * NULL_PHONES
        placed = found[name_in(cell, "POST /api/v1/orders/") + " response 2xx"]["body"]
        assert (placed["documents"], placed["fields"]["customer.phone"]["nulls"]) == (ORDERS, NULL_PHONES)
        missing = found[name_in(cell, "GET /api/v1/orders/{order_id}") + " response 4xx"]["body"]
        assert missing["documents"] + missing["not_json"] == 2
        broken = found[name_in(cell, "GET /broken")]["request"]
        assert broken["by_exception"] == {"ZeroDivisionError": 3}
        receipts = found[f"job {cell.application}.send_receipt"]["run"]
        assert receipts == {"succeeded": RECEIPTS - 1, "failed": 1}
        assert found["job warm-up"]["run"] == {"succeeded": cell.imports, "failed": 0}
        assert found[""]["watch"]["dropped_events"] == 0


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_each_process_is_an_instance_of_its_own(cell: Cell, matrix: Matrix) -> None:
    batches = matrix.batches_of(cell)
    serves_also_as = {"reload": 1, "gunicorn-preload": 1}.get(cell.how, 0)  # its successor; the one that forks
    instances = {(batch["instance"], batch["pid"]) for batch in batches}
    assert len(instances) == len({instance for instance, _ in instances}) == cell.workers + serves_also_as
    for instance, _ in instances:
        sequences = [batch["sequence"] for batch in batches if batch["instance"] == instance]
        assert sequences == list(range(1, len(sequences) + 1))
    assert {(batch["service"], batch["environment"]) for batch in batches} == {(cell.name, "matrix")}


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_the_server_shows_the_version(cell: Cell, matrix: Matrix) -> None:
    batches = matrix.batches_of(cell)
    base = f"/api/v1/services/{cell.name}/matrix"
    port = binary.port_of(matrix.server)
    assert json.loads(ask(port, "GET", f"{base}/status")[1])["version"] == batches[-1]["version"]
    changes = json.loads(ask(port, "GET", f"{base}/changes")[1])["changes"]
    assert [change["to_version"] for change in changes[::-1]] == list(dict.fromkeys(b["version"] for b in batches))


def test_the_server_refused_nothing_and_applied_nothing_twice(matrix: Matrix) -> None:
    seen = sum(len(matrix.batches_of(cell)) for cell in CELLS if cell.name in matrix.runs)
    health = json.loads(ask(binary.port_of(matrix.server), "GET", "/health")[1])
    assert (health["batches_applied"], health["batches_rejected"]) == (seen, 0)
