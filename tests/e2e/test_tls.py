"""The command line asks a server behind a proxy that speaks TLS, and believes no other."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority import make_authority
from binary import BINARY, SECONDS_MAX, port_of, run, serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def proxy(certificate: Path, port: int) -> Iterator[int]:
    """Speaks TLS on a port of its own, and passes on to `port` what it hears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            try:
                with (
                    context.wrap_socket(accepted, server_side=True) as client,
                    socket.create_connection(("127.0.0.1", port)) as server,
                ):
                    server.sendall(client.recv(65536))
                    while answer := server.recv(65536):
                        client.sendall(answer)
            except OSError:
                continue  # a client that does not trust us leaves in the middle

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS_MAX)


def status(url: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FIELDMARK_", "SSL_"))}
    return subprocess.run(
        [BINARY, "status", "--url", url],
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )


def test_asks_over_tls_with_its_token(authority, tmp_path):
    token = run("token", "create", "--data", str(tmp_path / "data")).stdout.strip()
    with serving(tmp_path / "data") as (_, url), proxy(authority / "localhost.pem", port_of(url)) as port:
        trusted = {"SSL_CERT_FILE": str(authority / "ca.pem")}
        for host in ["localhost", "127.0.0.1"]:
            asked = status(f"https://{host}:{port}", **trusted, FIELDMARK_TOKEN=token)
            assert asked.returncode == 3, asked.stderr
            assert "no service has reported" in asked.stdout
        assert "it needs a token" in status(f"https://localhost:{port}", **trusted).stderr


def test_believes_no_certificate_that_it_should_not(authority, tmp_path):
    trusted = {"SSL_CERT_FILE": str(authority / "ca.pem")}
    with serving(tmp_path / "data") as (_, url):
        with proxy(authority / "localhost.pem", port_of(url)) as port:
            unknown = status(f"https://localhost:{port}")
            assert (unknown.returncode, unknown.stdout) == (2, "")
            assert "certificate verify failed" in unknown.stderr
            assert "SSL_CERT_FILE" in unknown.stderr
        with proxy(authority / "other.pem", port_of(url)) as port:
            for host in ["localhost", "127.0.0.1"]:
                other = status(f"https://{host}:{port}", **trusted)
                assert (other.returncode, other.stdout) == (2, ""), "a certificate of another name"
        plain = status(f"https://localhost:{port_of(url)}", **trusted)
        assert (plain.returncode, plain.stdout) == (2, ""), "no TLS there"
