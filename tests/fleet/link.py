"""A link between a process and a PostgreSQL server: it counts round trips, and breaks where it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

SOCKET = ".s.PGSQL.5432"


class Break(Enum):
    """Where the link breaks, once."""

    NEVER = auto()
    BEFORE_COMMIT = auto()
    """The server never hears of the commit."""
    AFTER_COMMIT = auto()
    """The server has committed, and its answer is lost."""


@dataclass(slots=True)
class Link:
    """What passes between clients and the server."""

    url: str
    """Leads to the server by this link."""
    trips: int = 0
    """Times that a client has sent something and waited for the server."""
    breaks: Break = Break.NEVER
    broken: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)

    def serve(self, listener: socket.socket, server: Path) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(server))
            thread = threading.Thread(target=self._relay, args=(client, upstream), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what comes. Messages are small here: a commit is never cut in two."""
        lock = threading.Lock()
        answered = [True]
        backward = threading.Thread(target=self._backward, args=(client, server, lock, answered), daemon=True)
        backward.start()
        with contextlib.suppress(OSError):
            while sent := client.recv(2**20):
                with lock:
                    self.trips += answered[0]
                    answered[0] = False
                if b"COMMIT" in sent and self.breaks is not Break.NEVER:
                    self._break(sent, client, server)
                    return
                server.sendall(sent)
        _close(client, server)

    def _break(self, sent: bytes, client: socket.socket, server: socket.socket) -> None:
        lost, self.breaks = self.breaks, Break.NEVER
        self.broken += 1
        if lost is Break.AFTER_COMMIT:
            client.shutdown(socket.SHUT_RDWR)
            server.sendall(sent)
            with contextlib.suppress(OSError):
                while server.recv(2**20):  # until the server has nothing more to say, and hangs up
                    server.shutdown(socket.SHUT_WR)
        _close(client, server)

    def _backward(
        self, client: socket.socket, server: socket.socket, lock: threading.Lock, answered: list[bool]
    ) -> None:
        with contextlib.suppress(OSError):
            while told := server.recv(2**20):
                with lock:
                    answered[0] = True
                client.sendall(told)
        if self.breaks is Break.NEVER and not self.broken:
            _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextlib.contextmanager
def linked(url: str) -> Iterator[Link]:
    """A link to the database at this URL, whose server listens on a Unix socket."""
    target = make_url(url)
    with TemporaryDirectory(prefix="link-") as scratch, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{scratch}/{SOCKET}")
        listener.listen()
        link = Link(target.update_query_dict({"host": scratch}).render_as_string(hide_password=False))
        accepting = threading.Thread(
            target=link.serve, args=(listener, Path(str(target.query["host"])) / SOCKET), daemon=True
        )
        accepting.start()
        yield link
        listener.shutdown(socket.SHUT_RDWR)
