"""HTTP with whoever answers at the server's address: nothing raises, nothing outlasts its time, all is said plainly."""

from __future__ import annotations

import email.utils
import socket
import ssl
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from fieldmark import client
from fieldmark.client import Client, Reply
from strangers import Talk, drips, drips_the_body, hear, is_deaf, says, stranger
from support import Collector, free_port

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def ask(url: str, token: str | None = None, seconds_max: float = 5.0) -> Reply:
    asking = Client(url, token)
    with closing(asking):
        return asking.post("/api/v1/hello", b"{}", "application/json", seconds_max)


@pytest.mark.parametrize("talk", [drips, drips_the_body, is_deaf], ids=["headers drip", "body drips", "deaf"])
def test_an_answer_that_does_not_come_to_its_end_is_given_up_in_time(talk: Talk) -> None:
    with stranger(talk) as url:
        started_s = time.monotonic()
        reply = ask(url, seconds_max=0.3)
        assert 0.25 < time.monotonic() - started_s < 2.0
        assert (reply.status, reply.found) == (0, "no answer in time")


@pytest.mark.parametrize(
    ("reply", "status", "found"),
    [
        (b"", 0, "does not speak HTTP as it should (RemoteDisconnected)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 0, "does not speak HTTP as it should (BadStatusLine)"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", 200, ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", 200, ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n<html></>", 200, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", 502, "the server answered 502"),
        (
            b"HTTP/1.1 308 Permanent Redirect\r\nlocation: https://elsewhere.example/?a=secret\r\n\r\n",
            308,
            "sends elsewhere to https://elsewhere.example; write the address of the server itself in FIELDMARK_URL",
        ),
        (b'HTTP/1.1 422 No\r\ncontent-length: 20\r\n\r\n{"detail": "because"}'[:-1], 422, "the server answered 422"),
        (b'HTTP/1.1 422 No\r\ncontent-length: 21\r\n\r\n{"detail": "because"}', 422, "answered 422, because"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n", 0, "does not speak HTTP as it should (HTTPException)"),
    ],
)
def test_what_a_stranger_says_is_understood_or_said_plainly(reply: bytes, status: int, found: str) -> None:
    with stranger(says(reply)) as url:
        answer = ask(url)
    assert answer.status == status
    assert found in answer.found
    assert "secret" not in answer.found


def test_a_connection_that_the_other_end_closed_meanwhile_is_no_failure() -> None:
    with stranger(says(OK), says(OK)) as url, closing(Client(url, None)) as asking:
        assert asking.post("/", b"1", "a/b").ok
        # The first talk is over, and its connection too.
        assert asking.post("/", b"2", "a/b").ok


def test_a_connection_that_ends_unused_is_tried_again_once_only() -> None:
    with stranger(says(OK), says(b""), says(OK)) as url, closing(Client(url, None)) as asking:
        assert asking.post("/", b"1", "a/b").ok
        assert asking.post("/", b"2", "a/b").status == 0


def test_neither_a_proxy_nor_a_redirect_leads_anywhere_else(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits: list[bytes] = []

    def note(connection: socket.socket) -> None:
        visits.append(hear(connection))
        connection.sendall(OK)

    with stranger(note) as elsewhere:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere)
        assert ask(collector.url).body["hash_key"]
        with stranger(says(b"HTTP/1.1 307 No\r\nlocation: " + elsewhere.encode() + b"/\r\n\r\n")) as redirecting:
            assert ask(redirecting).status == 307
        assert visits == []
        assert ask(elsewhere).ok  # the stranger itself is well


def test_a_name_that_nobody_knows_is_said_to_be_that() -> None:
    reply = ask("http://fieldmark-server.invalid:3435")
    assert reply.status == 0
    assert "no machine is known as fieldmark-server.invalid" in reply.found


def test_nothing_that_listens_is_said_to_be_that() -> None:
    assert "nothing listens there" in ask(f"http://127.0.0.1:{free_port()}").found


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, found = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(found)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return key, found


def encrypted(certificate: tuple[Path, Path], talk: Talk) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            talk(inside)

    return wrapped


def test_an_encrypted_connection_needs_a_certificate_that_is_trusted(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with stranger(encrypted(certificate, says(OK))) as url:
        reply = ask(url.replace("http://127.0.0.1", "https://localhost"))
    assert reply.status == 0
    assert "its certificate is not trusted (self-signed certificate)" in reply.found
    assert "SSL_CERT_FILE" in reply.found

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    with stranger(encrypted(certificate, says(OK))) as url:
        assert ask(url.replace("http://127.0.0.1", "https://localhost")).ok
    with stranger(encrypted(certificate, says(OK))) as url:
        reply = ask(url.replace("http://", "https://"))  # the certificate is another name's
    assert "its certificate is not trusted (IP address mismatch" in reply.found
    with stranger(encrypted(certificate, drips)) as url:
        reply = ask(url.replace("http://127.0.0.1", "https://localhost"), seconds_max=0.5)
    assert reply.found == "no answer in time"


def test_encryption_where_there_is_none_is_said_to_be_that() -> None:
    with stranger(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        reply = ask(url.replace("http://", "https://"))
    assert "is it http:// and not https://?" in reply.found


# ------------------------------------------------------------------ Retry-After

NOW = 1_800_000_000


def http_date(unix_s: float) -> str:
    return email.utils.formatdate(unix_s, usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "date", "expected"),
    [
        (None, None, None),
        ("42", None, 42),
        ("0", None, 0),
        ("-5", None, 0),
        ("1.5", None, 1.5),
        ("1e9", None, 3600),
        ("nan", None, None),
        ("inf", None, None),
        ("soon", None, None),
        (http_date(NOW + 90), None, 90),
        (http_date(NOW - 90), None, 0),
        (http_date(NOW + 90), http_date(NOW + 60), 30),  # its clock is a minute ahead of ours
        (http_date(NOW + 90), "yesterday", 90),
        ("Mon, 99 Nov 2026 99:00:00 GMT", None, None),
    ],
)
def test_a_wish_to_wait_is_understood_as_seconds_and_as_a_date(
    retry_after: str | None, date: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.time, "time", lambda: float(NOW))
    assert client._retry_after(retry_after, date) == expected
