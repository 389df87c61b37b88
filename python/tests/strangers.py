"""Those who may answer at the server's address and are none: they hang up, never end, or speak of something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], None]


@contextmanager
def stranger(*talks: Talk) -> Iterator[str]:
    """Has one talk with each who connects, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for talk in talks:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    with suppress(OSError):
                        talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield "http://127.0.0.1:{1}".format(*listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def hear(connection: socket.socket) -> bytes:
    """All of a request: what hangs up with some of it unread takes its own answer back."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += connection.recv(1 << 16)
    head, _, body = heard.partition(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < size:
        body += connection.recv(1 << 16)
    return head


def says(reply: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(reply)

    return talk


def drips(connection: socket.socket) -> None:
    """A byte at a time, each well within a socket's patience, for ever."""
    hear(connection)
    for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 10_000:
        connection.sendall(bytes([byte]))
        threading.Event().wait(0.02)


def drips_the_body(connection: socket.socket) -> None:
    hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
    for _ in range(10_000):
        connection.sendall(b" ")
        threading.Event().wait(0.02)


def is_deaf(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass
