"""Who guesses tokens, names another host, or is another site's page, told to a real server: bytes, and a browser."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from binary import SECONDS_MAX, port_of, run, serving
from test_tokens import ask, batch, reachable, token

CHECK = Path(__file__).parent.parent.parent / "web" / "browser" / "cross_site_check.mjs"
AT_ONCE = 10  # failures of a token from an address


def log_in(port: int, text: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    connection.request("POST", "/api/v1/session", json.dumps({"token": text}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.headers.items()}


def status_of(port: int, head: str, body: bytes = b"") -> int:
    """Of a request as it stands, its lines parted by \\n here."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX) as connection:
        lines = [*head.strip().split("\n"), f"Content-Length: {len(body)}", "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer.split(b" ")[1])


def test_guessing_is_slowed_down_and_shuts_nobody_else_out(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    reading = token(folder, "--name", "ada")
    writing = token(folder, "--service", "orders", "--environment", "production")
    guess = writing[:12] + "x" * (len(writing) - 12)  # its public part is known to who saw a list of tokens
    with reachable(folder) as (process, port):
        assert [log_in(port, guess)[0] for _ in range(AT_ONCE)] == [401] * AT_ONCE
        status, headers = log_in(port, guess)
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        # Wherever it is tried, and the right one under that name too: it is not even looked at.
        assert ask(port, "GET", "/api/v1/services", guess) == 429
        assert ask(port, "POST", "/api/v1/batches", writing, batch("orders"), "application/vnd.fieldmark.batch") == 429
        assert ask(port, "DELETE", "/api/v1/services/orders", guess) == 429
        # Others are not shut out.
        assert log_in(port, reading)[0] == 204
        assert ask(port, "GET", "/api/v1/services", reading) == 200
        metrics = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
        metrics.request("GET", "/metrics", headers={"Authorization": f"Bearer {reading}"})
        text = metrics.getresponse().read().decode()
        assert re.search(rf"^fieldmark_requests_refused_total {AT_ONCE}$", text, re.MULTILINE)
        assert re.search(r"^fieldmark_requests_limited_total 4$", text, re.MULTILINE)
        process.terminate()
        _, log = process.communicate(timeout=SECONDS_MAX)
    assert log.count("was refused") == 1, "told once, however often it is tried"
    assert guess[12:] not in log


HOSTILE_HOSTS = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "evil.example:80@localhost",
    "127.0.0.1:80:80",
    "localhost:x",
    "2130706433",
    "0x7f.0.0.1",
    "127.1",
    "[::ffff:127.0.0.1]",
    "[::1].evil.example",
    "",
]
OTHER_SITES = [
    "http://evil.example",
    "http://localhost.evil.example:{port}",
    "http://evil.example:{port}",
    "http://localhost",
    "http://localhost:1",
    "http://localhost:{port}.evil.example",
    "http://localhost:{port}@evil.example",
    "http://localhost:{port}/",
    "//localhost:{port}",
    "localhost:{port}",
    "null",
    "file://",
    "chrome-extension://localhost",
]


def test_requests_that_name_another_host_are_not_answered(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, url):
        port = port_of(url)
        for path in ["/", "/api/v1/services", "/metrics", "/health", "/health/live"]:
            assert status_of(port, f"GET {path} HTTP/1.1\nHost: localhost:{port}") == 200
            for host in HOSTILE_HOSTS:
                assert status_of(port, f"GET {path} HTTP/1.1\nHost: {host}") in (400, 421), (path, host)
        assert status_of(port, f"GET / HTTP/1.1\nHost: localhost:{port}\nHost: evil.example") == 400
        assert status_of(port, f"GET / HTTP/1.1\nHost: evil.example\nHost: localhost:{port}") == 400
        assert status_of(port, "GET / HTTP/1.1\nAccept: */*") in (400, 421)
        assert status_of(port, "GET http://localhost/ HTTP/1.1\nHost: evil.example") in (400, 421)
        assert status_of(port, "GET http://evil.example/ HTTP/1.1\nHost: localhost") == 400


def test_what_another_sites_page_sends_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    change = b'{"title":"theirs"}'
    with serving(folder) as (_, url):
        port = port_of(url)
        assert ask(port, "POST", "/api/v1/batches", "", batch("orders"), "application/vnd.fieldmark.batch") == 200
        heads = [
            ("POST /api/v1/services/orders/production/changes HTTP/1.1", change),
            ("PATCH /api/v1/services/orders/production/changes/1 HTTP/1.1", change),
            ("DELETE /api/v1/services/orders HTTP/1.1", b""),
            ("POST /api/v1/batches HTTP/1.1", batch("orders")),
            ("POST /api/v1/session HTTP/1.1", b'{"token":"x"}'),
        ]
        for head, body in heads:
            ours = f"{head}\nHost: localhost:{port}\nContent-Type: application/json"
            for site in OTHER_SITES:
                origin = site.format(port=port)
                assert status_of(port, f"{ours}\nOrigin: {origin}", body) == 403, (head, origin)
            for site in ["cross-site", "same-site", "anything"]:
                assert status_of(port, f"{ours}\nSec-Fetch-Site: {site}", body) == 403, (head, site)
            assert status_of(port, f"{ours}\nOrigin: http://localhost:{port}\nSec-Fetch-Site: cross-site", body) == 403
        # As a form would send it, from a page that says nothing of itself: it is no JSON.
        plain = f"{heads[0][0]}\nHost: localhost:{port}\nContent-Type: text/plain"
        assert status_of(port, plain, change) == 415
        assert status_of(port, f"{heads[0][0]}\nHost: localhost:{port}\nContent-Type: application/json", change) == 201
    assert len((folder / "audit.log").read_text().splitlines()) == 1, "one change was made, the last"


@contextmanager
def another_site() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>another site</title><form method=post></form>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("guarded", [False, True])
def test_a_browser_on_another_site_reads_and_changes_nothing(tmp_path: Path, guarded: bool) -> None:
    assert shutil.which("node"), "looking for node: it is not on the PATH; ./dev setup installs one"
    folder = tmp_path / "data"
    kind = "application/vnd.fieldmark.batch"
    reading = token(folder, "--admin") if guarded else ""
    writing = token(folder, "--service", "orders", "--environment", "production") if guarded else ""
    made = len((folder / "audit.log").read_text().splitlines()) if guarded else 0
    with serving(folder) as (_, url), another_site() as other:
        port = port_of(url)
        assert ask(port, "POST", "/api/v1/batches", writing, batch("orders"), kind) == 200
        command = ["node", str(CHECK), f"http://localhost:{port}", other, reading]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ask(port, "GET", "/api/v1/services/orders/production/status", reading) == 200
    log = folder / "audit.log"
    actions = [json.loads(line)["action"] for line in log.read_text().splitlines()][made:] if log.exists() else []
    assert actions == (["logged in"] if guarded else [])


def test_a_token_that_was_made_meanwhile_closes_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (_, url):
        assert ask(port_of(url), "GET", "/api/v1/services") == 200
        assert run("token", "create", "--data", str(folder), "--name", "ada").returncode == 0
        assert ask(port_of(url), "GET", "/api/v1/services") == 401
