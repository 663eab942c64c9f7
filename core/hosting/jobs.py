"""Work in a process of its own, with news on the way.

A nursery is a child of this process that has imported what the work needs and does nothing but fork: a job begins within
milliseconds, and all that it took of memory goes back to the system with it. (The standard library's pools import the
parent's main module, which under Streamlit is whatever page ran last.) Everything ends with the process that began it: a
job, when the other end of its socket is closed; the nursery likewise.
"""

import atexit
import io
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from core.engine.workers import search_path

ABLE = hasattr(os, "fork") and hasattr(socket, "send_fds")
"""Whether there can be such processes on this system; where not, work is done where it is asked for."""

NICE = 10
"""How much a job stands back: what a visitor drags goes before."""

_LOOK, _OFTEN = 0.05, 0.05
"""Seconds between looks at whether a job shall end, and between two pieces of news of its progress."""

_GRACE = 2.0
"""Seconds that a job has to end when it is asked to, before it is ended."""

STOP = b"s"

Work = Callable[..., Any]
"""Called with `watch`, `progress` and `should_stop`."""


class Died(RuntimeError):
    """A job's process was ended from outside, as the system does where memory is short."""


class Nursery:
    """Forks the processes of jobs, having imported some modules."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules, self._lock = modules, threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> socket.socket:
        """This end of the socket of a process that waits for an order."""
        here, there = socket.socketpair()
        with there, self._lock:
            for attempt in (0, 1):  # one that has died is replaced
                if self._control is None:
                    self._born()
                assert self._control
                try:
                    socket.send_fds(self._control, [STOP], [there.fileno()])
                    break
                except OSError:
                    self._ended()
                    if attempt:
                        here.close()
                        raise
        return here

    def close(self) -> None:
        """End it; jobs go on to their end."""
        with self._lock:
            self._ended()

    @property
    def process(self) -> int | None:
        """Its id, once it has begun."""
        return self._process.pid if self._process else None

    def _born(self) -> None:
        self._control, there = socket.socketpair()
        alone = dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
        )  # or a fork may wait for ever
        command = [
            sys.executable,
            "-c",
            "from core.hosting.jobs import work_jobs; work_jobs()",
            str(there.fileno()),
            *self._modules,
        ]
        with there:
            self._process = subprocess.Popen(
                command,
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **alone, "PYTHONPATH": search_path()},
            )

    def _ended(self) -> None:
        if self._control and self._process:
            self._control.close()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._control = self._process = None


@cache
def nursery(*modules: str) -> Nursery:
    """The one of this process."""
    made = Nursery(modules)
    atexit.register(made.close)
    return made


def done(
    where: Nursery,
    work: Work,
    small: Callable[[Any], Any],
    *,
    watch: Callable[[Any], None],
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    most: float,
    shared: Sequence[Any] = (),
) -> Any:
    """What work comes to that is done in a process of its own; None where it did not stop in time and was ended.

    It is called with `watch`, whose news are made `small` before they travel, `progress` and `should_stop`. `most`:
    bytes beyond which the process gets no more memory. What is `shared`, parts of the work that nobody writes to, is not sent
    back: it is there already. Work that cannot travel is done here.

    Raises what the work raised, and Died where its process was ended from outside, also when all was done a second time.
    """
    try:
        order = _packed((work, small, most, shared))
    except (pickle.PicklingError, AttributeError, TypeError):  # it cannot travel
        order = []
    if not (ABLE and order):
        return work(watch=watch, progress=progress, should_stop=should_stop)
    for _ in range(2):
        with where.begin() as channel:
            try:
                kind, what = _followed(channel, order, shared, watch, progress, should_stop)
            except (EOFError, OSError):
                if should_stop():
                    return None
                continue
            if kind == "failed":
                raise what
            return what
    raise Died("its process was ended from outside, twice: the memory may have been short")


def _followed(
    channel: socket.socket,
    order: list[Any],
    shared: Sequence[Any],
    watch: Callable[[Any], None],
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> tuple[str, Any]:
    """How it ended, and with what."""
    _send(channel, order)
    process, asked = 0, 0.0
    while True:
        if should_stop():
            with suppress(OSError):  # it may have just ended, and its last news wait here
                if not asked:
                    asked = time.monotonic()
                    channel.sendall(STOP)
                elif process and time.monotonic() - asked > _GRACE:
                    os.kill(process, signal.SIGKILL)
        if not select.select([channel], [], [], _LOOK)[0]:
            continue
        kind, what = _receive(channel, shared)
        if kind == "process":
            process = what
        elif kind == "watch":
            watch(what)
        elif kind == "progress":
            progress(what)
        else:
            return kind, what


# On the other side


def work_jobs() -> None:
    """A nursery's life: it forks for every socket it is sent, until nobody can send any more."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with who began it
    for module in sys.argv[2:]:
        __import__(module)
    while True:
        said, sockets, *_ = socket.recv_fds(control, 1, 1)
        if not said:
            return
        (channel,) = sockets
        if os.fork() == 0:
            control.close()
            _born(socket.socket(fileno=channel))
        os.close(channel)


def _born(channel: socket.socket) -> None:
    """A job's life."""
    code = 1
    try:
        os.nice(NICE)
        with suppress(OSError):  # where memory is short it goes before the server does
            Path("/proc/self/oom_score_adj").write_text("500")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _work(channel)
        code = 0
    finally:
        os._exit(code)


def _work(channel: socket.socket) -> None:
    wish, last = threading.Event(), 0.0
    _send(channel, _packed(("process", os.getpid())))
    work, small, most, shared = _receive(channel)

    def tell(kind: str, what: Any) -> None:
        _send(channel, _packed((kind, what), shared))

    def listen() -> None:
        with suppress(OSError):  # who leaves without having read the news resets the connection
            while channel.recv(1):
                wish.set()
        os._exit(0)  # nobody is there any more

    def progress(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _OFTEN or share == 1:
            last = now
            tell("progress", share)

    _bound(most)
    threading.Thread(target=listen, daemon=True).start()
    try:
        outcome = (
            "done",
            work(watch=lambda so_far: tell("watch", small(so_far)), progress=progress, should_stop=wish.is_set),
        )
    except Exception as error:
        outcome = "failed", _portable(error)
    tell(*outcome)


def _bound(most: float) -> None:
    """No more than so many bytes beside what is there already; asking for more raises MemoryError."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        there = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()  # data and stacks
        resource.setrlimit(resource.RLIMIT_DATA, (there + int(most), resource.RLIM_INFINITY))


def _portable(error: Exception) -> Exception:
    error.add_note(f"In a process of its own:\n{traceback.format_exc()}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # one whose constructor wants more than its words
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


# What travels: how many parts there are, how long each is, and the parts; arrays are parts of their own


class _Packer(pickle.Pickler):
    """Of what is shared it writes the place alone."""

    def __init__(self, file: io.BytesIO, arrays: list[pickle.PickleBuffer], shared: Sequence[Any]) -> None:
        super().__init__(file, protocol=5, buffer_callback=arrays.append)
        self._places = {id(one): place for place, one in enumerate(shared)}

    def persistent_id(self, obj: Any) -> int | None:
        return self._places.get(id(obj))


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, arrays: list[bytearray], shared: Sequence[Any]) -> None:
        super().__init__(file, buffers=arrays)
        self._shared = shared

    def persistent_load(self, pid: int) -> Any:
        return self._shared[pid]


def _packed(what: Any, shared: Sequence[Any] = ()) -> list[Any]:
    arrays: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Packer(file, arrays, shared).dump(what)
    parts = [file.getbuffer(), *(array.raw() for array in arrays)]
    return [struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)), *parts]


def _send(channel: socket.socket, parts: list[Any]) -> None:
    for part in parts:
        channel.sendall(part)


def _receive(channel: socket.socket, shared: Sequence[Any] = ()) -> Any:
    (many,) = struct.unpack("<I", _taken(channel, 4))
    lengths = struct.unpack(f"<{many}Q", _taken(channel, 8 * many))
    first, *arrays = (_taken(channel, length) for length in lengths)
    return _Unpacker(io.BytesIO(first), arrays, shared).load()


def _taken(channel: socket.socket, length: int) -> bytearray:
    taken = bytearray(length)
    left = memoryview(taken)
    while left:
        got = channel.recv_into(left)
        if not got:
            raise EOFError("the other end is closed")
        left = left[got:]
    return taken
