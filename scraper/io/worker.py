"""A worker: a Python subprocess that calls functions of this package, one order at a time.

It has a core and an interpreter's lock of its own. An order is a function of a module and its arguments, and may carry
a stream of items and a descriptor, such as that of a lock: whoever holds a copy of it holds the lock, so that a worker
which outlives the process that ordered keeps others out until it has ended too.

It is started with this interpreter and its module path, and never imports `__main__`, as `multiprocessing` does: a
script or a notebook may call us without a guard. It is in a session of its own, where no Ctrl-C and no hangup of the
terminal reaches it, and ends when the process that started it closes the connection, or dies.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

from scraper.io import heap
from scraper.io.collection import rare_collections

T = TypeVar("T")

_LENGTH: Final = struct.Struct(">Q")
_ORDER, _ITEM, _END, _ABANDONED, _RESULT, _FAILURE = b"o", b"i", b"e", b"a", b"r", b"f"
LONGEST_END_S: Final = 30.0
"""A worker that has not ended this long after being told to is killed."""


class WorkerGoneError(Exception):
    """The worker ended before it had answered."""


class AbandonedError(Exception):
    """Raised in the worker where the stream of its order ended with an error."""


class _GoneError(Exception):
    """The process at the other end is gone."""


class Worker:
    """A worker process, from the process that started it. Every method blocks; one order is carried out at a time."""

    def __init__(self) -> None:
        """Start the process; it is ready by itself. OSError if it cannot be started."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                    [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**os.environ, **heap.ENVIRONMENT, "PYTHONPATH": os.pathsep.join(_module_path())},
                )
            except BaseException:
                ours.close()
                raise
        self._socket = ours

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(
        self,
        function: Callable[..., T],
        *args: object,
        items: Iterable[object] | None = None,
        descriptor: int | None = None,
    ) -> T:
        """Carry out a function of a module; return what it returns, or raise what it raises, or WorkerGoneError.

        The function gets the items as its last argument, one by one as they come; an error of theirs is raised here
        once the worker has given up. The worker holds a copy of the descriptor until the order is carried out.
        """
        self._send(_ORDER, (function, args, items is not None, descriptor is not None))
        if descriptor is not None:
            with self._living():
                socket.send_fds(self._socket, [b"d"], [descriptor])
        if items is not None:
            self._send_all(items)
        return self._answer()  # type: ignore[no-any-return]

    def _send_all(self, items: Iterable[object]) -> None:
        each = iter(items)
        while True:
            try:
                item = next(each)
            except StopIteration:
                break
            except BaseException:
                self._send(_ABANDONED, None)
                with contextlib.suppress(AbandonedError):
                    self._answer()
                raise
            self._send(_ITEM, item)
        self._send(_END, None)

    def close(self) -> None:
        """End the process once it has carried out its order."""
        self._socket.close()
        try:
            self._process.wait(LONGEST_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, kind: bytes, value: object) -> None:
        with self._living():
            _send(self._socket, kind, value)

    def _answer(self) -> Any:  # noqa: ANN401 - whatever the function returns
        with self._living():
            kind, value = _receive(self._socket)
        if kind == _FAILURE:
            raise _made_of(value)
        return value

    @contextlib.contextmanager
    def _living(self) -> Iterator[None]:
        try:
            yield
        except (_GoneError, ConnectionError) as failure:
            raise WorkerGoneError(self._end()) from failure

    def _end(self) -> str:
        """Return how the process ended."""
        try:
            code = self._process.wait(LONGEST_END_S)
        except subprocess.TimeoutExpired:
            return "it has closed its connection"
        return f"killed by signal {-code}" if code < 0 else f"it ended with {code}"


def _module_path() -> list[str]:
    """Return where this process looks for modules, as absolute paths."""
    return [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 - Path('') is '.', and no text


# --- both sides -------------------------------------------------------------------------------------------------------


def _send(connection: socket.socket, kind: bytes, value: object) -> None:
    body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    connection.sendall(kind + _LENGTH.pack(len(body)))
    connection.sendall(body)


def _receive(connection: socket.socket) -> tuple[bytes, Any]:
    head = _exactly(connection, 1 + _LENGTH.size)
    body = _exactly(connection, _LENGTH.unpack(head[1:])[0])
    return bytes(head[:1]), pickle.loads(body)  # noqa: S301 - from our own process, over a nameless pair of sockets


_Failure: TypeAlias = tuple[type[BaseException], tuple[object, ...], Mapping[str, object]]
"""Class, arguments and attributes of an error: pickle would call the class with the wrong arguments."""


def _made_of(parts: _Failure) -> BaseException:
    of_class, args, attributes = parts
    failure = of_class.__new__(of_class, *args)
    vars(failure).update(attributes)
    return failure


def _exactly(connection: socket.socket, size: int) -> bytearray:
    found = bytearray(size)
    view, got = memoryview(found), 0
    while got < size:
        try:
            some = connection.recv_into(view[got:], size - got)
        except ConnectionError as failure:
            raise _GoneError from failure
        if some == 0:
            raise _GoneError
        got += some
    return found


# --- the worker's side ------------------------------------------------------------------------------------------------


def serve(descriptor: int) -> NoReturn:
    """Carry out orders until the connection is closed. Signals that end a run leave its worker alone."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with rare_collections(), contextlib.suppress(_GoneError, ConnectionError):
        connection = socket.socket(fileno=descriptor)
        while True:
            _carry_out_next(connection)
    os._exit(0)  # threads of libraries are not waited for


def _carry_out_next(connection: socket.socket) -> None:
    _, (function, args, streams, has_descriptor) = _receive(connection)
    held = _descriptor(connection) if has_descriptor else None
    items = _Items(connection) if streams else None
    try:
        try:
            kind, result = _RESULT, function(*args) if items is None else function(*args, items)
        except _GoneError:
            raise
        except BaseException as failure:
            kind, result = _FAILURE, _portable(failure)
        if items is not None:
            items.skip()
        _send(connection, kind, result)
    finally:
        if held is not None:
            os.close(held)


def _portable(failure: BaseException) -> _Failure:
    """Return the parts of an error, or of one with its words if they cannot be carried over."""
    args = tuple(failure.__reduce__()[1])  # an OSError keeps its file apart from `args`
    parts = type(failure), args, vars(failure)
    try:
        pickle.dumps(parts)
    except Exception:
        return RuntimeError, (f"{type(failure).__name__}: {failure}",), {}
    return parts


def _descriptor(connection: socket.socket) -> int:
    said, found, _, _ = socket.recv_fds(connection, 1, 1)
    if not said:
        raise _GoneError
    return found[0]


class _Items:
    """The items of an order as they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        while not self._ended:
            kind, item = _receive(self._connection)
            if kind == _ITEM:
                yield item
                continue
            self._ended = True
            if kind == _ABANDONED:
                raise AbandonedError

    def skip(self) -> None:
        """Read and discard the rest."""
        with contextlib.suppress(AbandonedError):
            for _ in self:
                pass


if __name__ == "__main__":
    from scraper.io.worker import serve as serve_as_imported  # this module as others know it, and no second one

    serve_as_imported(int(sys.argv[1]))
