"""HTTP to the server and nobody else: asks no proxy, follows no redirect, and never raises for what others do."""

from __future__ import annotations

import email.utils
import functools
import http.client
import io
import json
import math
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fieldmark._about import SDK

REQUEST_SECONDS_MAX = 5.0  # from the first byte sent to the last one received
REPLY_BYTES_MAX = 64 << 10  # of what a worker is told
DOCUMENT_BYTES_MAX = 4 << 20  # of what people ask for
RETRY_AFTER_S_MAX = 3600.0  # beyond it a header is a mistake


@dataclass(frozen=True)
class Reply:
    """status 0: no answer came, and ``found`` says what came instead."""

    status: int
    found: str
    body: dict[str, Any]
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """One kept connection. Not safe for use by several threads at once."""

    def __init__(self, url: str, token: str | None) -> None:
        self._parts = urlsplit(url)
        self._headers = {"User-Agent": f"fieldmark {SDK}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None
        self._tls: ssl.SSLContext | None = None

    def post(self, path: str, body: bytes, content_type: str, seconds_max: float = REQUEST_SECONDS_MAX) -> Reply:
        # A batch keeps the time of its first attempt; this attempt's own tells a late retry from a wrong clock.
        clock = str(time.time_ns() // 1_000_000)
        headers = {**self._headers, "Content-Type": content_type, "Fieldmark-Clock": clock}
        return self._request("POST", path, body, headers, seconds_max, REPLY_BYTES_MAX)

    def get(self, path: str, seconds_max: float = REQUEST_SECONDS_MAX) -> Reply:
        return self._request("GET", path, None, self._headers, seconds_max, DOCUMENT_BYTES_MAX)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds_max: float, bytes_max: int
    ) -> Reply:
        until_s = time.monotonic() + seconds_max
        try:
            was_kept = self._connection is not None
            try:
                return self._exchange(method, path, body, headers, until_s, bytes_max)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not was_kept:
                    raise
            # The other end closes what is idle for long; whether it read this request or not, it may come twice.
            self.close()
            return self._exchange(method, path, body, headers, until_s, bytes_max)
        except Exception as error:  # what a stranger sends may fail in any way: an attempt without an answer
            self.close()
            return Reply(0, _reason(error, self._parts.hostname or ""), {})

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], until_s: float, bytes_max: int
    ) -> Reply:
        connection = self._connection or self._connect()
        connection.timeout = _left(until_s)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        response_class: Any = functools.partial(_Response, until_s=until_s)
        connection.response_class = response_class
        connection.request(method, self._parts.path + path, body, headers)
        response = connection.getresponse()
        content = response.read(bytes_max)
        if response.will_close or not response.isclosed():
            self.close()
        reply = _decode(content)
        retry_after_s = _retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
        return Reply(response.status, _problem(response, reply), reply, retry_after_s)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            self._tls = self._tls or ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(host, port, context=self._tls)
        else:
            self._connection = http.client.HTTPConnection(host, port)
        return self._connection


class _Response(http.client.HTTPResponse):
    """Read until a moment: a socket's own time-out begins anew with every byte that drips in."""

    def __init__(self, sock: socket.socket, *arguments: Any, until_s: float, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Until(sock, self.fp.detach(), until_s))


class _Until(io.RawIOBase):
    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until_s: float) -> None:
        self._socket = sock
        self._raw = raw
        self._until_s = until_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._until_s))
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds from now, of a number of them or a date; by the other end's own clock where it tells it."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        at = _unix_s(value)
        if at is None:
            return None
        now = _unix_s(date)
        seconds = at - (time.time() if now is None else now)
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else None


def _unix_s(date: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def _decode(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _problem(response: http.client.HTTPResponse, body: dict[str, Any]) -> str:
    found = f"the server answered {response.status}"
    if 300 <= response.status < 400:
        to = urlsplit(response.headers.get("Location") or "")
        place = f" to {to.scheme}://{to.netloc}" if to.scheme and to.netloc else ""
        return f"{found}, which sends elsewhere{place}; write the address of the server itself in FIELDMARK_URL"
    detail = body.get("detail")
    return found + (f", {detail[:300]}" if isinstance(detail, str) else "")


def _reason(error: Exception, host: str) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (start one with: fieldmark serve)"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"no machine is known as {host}; check the name in FIELDMARK_URL, and the network's name service"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message.strip('.')}); "
            "name a file of authorities in SSL_CERT_FILE, or correct the certificate"
        )
    if isinstance(error, ssl.SSLError):
        return f"no encrypted connection ({error.reason or 'TLS failed'}); is it http:// and not https://?"
    if isinstance(error, http.client.HTTPException):
        return f"what answers does not speak HTTP as it should ({type(error).__name__})"
    return f"no answer ({type(error).__name__})"
