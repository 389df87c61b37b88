"""What the server shows to those who run it: metrics, health, logs; nothing of a payload in any of them."""

from __future__ import annotations

import http.client
import json
import math
import signal
import subprocess

from binary import BINARY, SECONDS_MAX, port_of, run, serving
from prometheus_client.parser import text_string_to_metric_families
from traffic import batch, send


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def test_prometheus_reads_the_metrics(tmp_path):
    with serving(tmp_path / "data") as (_, url):
        port = port_of(url)
        assert send(port, batch('sh"op\\', "production", "v1")) == 200
        status, text = get(port, "/metrics")
        assert status == 200
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert all(family.documentation and family.type != "untyped" for family in families.values())
        assert families["fieldmark_batches"].type == "counter"
        duration = families["fieldmark_request_duration_seconds"]
        assert duration.type == "histogram"
        labels = {"service": 'sh"op\\', "environment": "production"}
        buckets = [
            (float(sample.labels["le"]), sample.value)
            for sample in duration.samples
            if sample.name.endswith("_bucket") and labels.items() <= sample.labels.items()
        ]
        edges = [edge for edge, _ in buckets]
        assert edges == sorted(edges)
        assert edges[-1] == math.inf
        # Edges of native histograms at schema 0, in seconds.
        assert all(math.log2(edge).is_integer() for edge in edges[:-1])
        counts = [count for _, count in buckets]
        assert counts == sorted(counts)
        assert counts[-1] == 40
        # Latencies were 3 to 22 ms.
        below = dict(buckets)
        assert below[2**-9] == 0
        assert 0 < below[2**-7] < 40
        assert below[2**-5] == 40
        sums = {sample.name: sample.value for sample in duration.samples if not sample.name.endswith("_bucket")}
        assert sums["fieldmark_request_duration_seconds_count"] == 40
        assert abs(sums["fieldmark_request_duration_seconds_sum"] - 2 * sum(range(3, 23)) / 1000) < 1e-6


def test_metrics_stay_bounded_however_many_services_there_are(tmp_path):
    with serving(tmp_path / "data") as (_, url):
        port = port_of(url)
        for i in range(203):
            assert send(port, batch(f"service-{i}", "production", "v1", minutes=1)) == 200
        families = {family.name: family for family in text_string_to_metric_families(get(port, "/metrics")[1])}
        services = {sample.labels["service"] for sample in families["fieldmark_requests"].samples}
        assert len(services) == 201
        assert "(other)" in services
        counted = sum(sample.value for sample in families["fieldmark_requests"].samples)
        assert counted == 203 * 20


SECRET = "4111-1111-hunter2"


def ask_everything(port: int, token: str) -> None:
    """Requests of every kind, right ones and wrong ones, with the secret wherever there is room for it."""
    requests: list[tuple[str, str, bytes, dict[str, str]]] = []
    for path in ["/api/v1/services", f"/api/v1/services/shop/production/status?x={SECRET}", f"/{SECRET}", "/metrics"]:
        for headers in [{}, {"Authorization": f"Bearer {SECRET}"}, {"Authorization": f"Bearer {token}"}]:
            requests.append(("GET", path, b"", headers | {"Cookie": f"fieldmark_session={SECRET}", "X-Secret": SECRET}))
    json_type = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    for body in [SECRET, json.dumps({"token": SECRET}), json.dumps({"service": SECRET, "environment": "x\n" + SECRET})]:
        for path in ["/api/v1/session", "/api/v1/hello", f"/api/v1/services/{SECRET}/x/changes"]:
            requests.append(("POST", path, body.encode(), json_type))
    batches = {"Content-Type": "application/vnd.fieldmark.batch", "Authorization": f"Bearer {token}"}
    requests += [("POST", "/api/v1/batches", SECRET.encode(), batches)]
    requests += [(method, f"/{SECRET}", SECRET.encode(), {"Host": SECRET}) for method in ["PUT", "DELETE", "TRACE"]]
    requests += [("POST", "/api/v1/hello", b"{}", {"Origin": f"http://{SECRET}"})]
    requests += [("GET", f"/api/v1/services/{SECRET}", b"", {f"X-{i}": SECRET * 50 for i in range(40)})]
    for method, path, body, headers in requests:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
        try:
            connection.request(method, path, body, headers)
            connection.getresponse().read()
        except (http.client.HTTPException, OSError):
            pass  # refused in its own way; what counts is the log
        connection.close()


def test_logs_are_one_object_a_line_with_nothing_of_a_request_in_them(tmp_path):
    folder = tmp_path / "data"
    admin = run("token", "create", "--admin", "--data", str(folder)).stdout.strip()
    command = [BINARY, "serve", "--data", str(folder), "--port", "0", "--log-format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split(" at ")[1].split(",")[0]
        ask_everything(port_of(url), admin)
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=SECONDS_MAX)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(set(line) == {"at", "level", "message"} for line in lines)
    assert lines[0]["message"].startswith("fieldmark ")
    assert lines[-1]["message"] == "stopped"
    assert any("was refused" in line["message"] for line in lines), "that somebody failed is told"
    for part in [SECRET, "hunter2", admin[12:]]:
        assert part not in log + output
        assert part not in (folder / "audit.log").read_text()


def test_a_request_under_way_is_answered_before_the_end(tmp_path):
    with serving(tmp_path / "data") as (process, url):
        body = batch("shop", "production", "v1")
        connection = http.client.HTTPConnection("127.0.0.1", port_of(url), timeout=SECONDS_MAX)
        connection.putrequest("POST", "/api/v1/batches")
        connection.putheader("Content-Type", "application/vnd.fieldmark.batch")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        assert connection.sock.recv(64).startswith(b"HTTP/1.1 100 ")
        connection.send(body[:10])
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "stopping" not in process.stderr.readline():
            pass
        connection.send(body[10:])
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["outcome"]) == (200, "applied")
        assert answer.headers["Connection"] == "close"
        assert process.wait(SECONDS_MAX) == 0


def test_ready_says_what_live_does_not(tmp_path):
    """A server that cannot write is alive, and not ready."""
    folder = tmp_path / "data"
    with serving(folder, "--database-gib-max", "1") as (process, url):
        port = port_of(url)
        assert get(port, "/health/live")[0] == get(port, "/health/ready")[0] == 200
        # No file may grow: as on a full disk.
        subprocess.run(["prlimit", f"--pid={process.pid}", "--fsize=0:0"], check=True, timeout=SECONDS_MAX)
        assert send(port, batch("shop", "production", "v1")) == 503
        assert get(port, "/health/live")[0] == 200
        status, body = get(port, "/health/ready")
        assert status == 503
        assert "could not be stored" in json.loads(body)["detail"]
        assert "fieldmark_writable 0" in get(port, "/metrics")[1]
