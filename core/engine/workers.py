"""Worker processes for work that is pure arithmetic: two numpy threads gain nothing, two processes do.

They are plain children fed through pipes. The standard library's process pools import the parent's main module first, which
under Streamlit is whatever page ran last; these import nothing but what their work names, and end with their parent.
"""

import atexit
import os
import pickle
import select
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

_SOON = 1.0
"""Seconds in which the threads of children that are ended have ended too."""

_TRIES = 2
"""So often is a piece of work begun, where its worker is ended from outside before it is done."""


class Workers:
    """So many child processes, each waited on by a thread of its own."""

    def __init__(self, processes: int) -> None:
        self._orders: SimpleQueue[tuple[Future[Any], bytes] | None] = SimpleQueue()
        self._children: list[subprocess.Popen[bytes] | None] = [None] * processes
        self._closed, self._lock = False, Lock()
        # Daemons: whoever ends the program does not wait for what they are at.
        self._threads = [Thread(target=self._live, args=(place,), daemon=True) for place in range(processes)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a module's function done elsewhere; what it raises is raised by the future.

        Raises pickle.PicklingError, AttributeError or TypeError for what cannot be sent.
        """
        future: Future[Any] = Future()
        self._orders.put((future, pickle.dumps((function, arguments))))
        return future

    def close(self) -> None:
        """End the children at once; whatever is not done fails."""
        with self._lock:
            self._closed = True
            for child in self._children:
                if child is not None:
                    child.kill()
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join(_SOON)

    def _live(self, place: int) -> None:
        while (one := self._orders.get()) is not None:
            future, order = one
            if not future.set_running_or_notify_cancel():
                continue
            try:
                good, result = self._done(place, order)
            except Exception as error:
                good, result = False, error
            if good:
                future.set_result(result)
            else:
                future.set_exception(result)
        self._end(place)

    def _done(self, place: int, order: bytes) -> tuple[bool, Any]:
        for _ in range(_TRIES):
            with self._lock:
                if self._closed:
                    break
                child = self._child(place)
            assert child.stdin  # both are pipes
            assert child.stdout
            try:
                child.stdin.write(order)
                child.stdin.flush()
                return pickle.load(child.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):  # it was ended, perhaps in the middle of its answer
                self._end(place)
            except Exception:  # what it answered cannot be read to its end
                self._end(place)
                raise
        raise RuntimeError("a worker was ended before its work was done")

    def _end(self, place: int) -> None:
        child, self._children[place] = self._children[place], None
        if child is not None:
            child.kill()
            child.communicate()

    def _child(self, place: int) -> subprocess.Popen[bytes]:
        child = self._children[place]
        if child is None:
            command = [sys.executable, "-c", "from core.engine.workers import work; work()"]
            environment = {**os.environ, "PYTHONPATH": search_path()}
            # In a group of its own: what a person types at the terminal, such as Ctrl-C, is for the parent.
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, process_group=0)
            self._children[place] = child
        return child


def search_path() -> str:
    """Where a child finds what this process finds."""
    return os.pathsep.join(place or os.getcwd() for place in sys.path)


@cache
def workers(processes: int) -> Workers:
    """The workers of this process, kept for the next piece of work; the first piece takes the second they need to start."""
    made = Workers(processes)
    atexit.register(made.close)
    return made


def work() -> None:
    """A worker's life: orders in, results out, until there are no more, or nobody who could give any."""
    orders, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not spoil the results
    Thread(target=_orphaned, daemon=True).start()
    while True:
        try:
            function, arguments = pickle.load(orders)
        except (EOFError, pickle.UnpicklingError):  # whoever gave it is gone, perhaps in the middle of it
            return
        try:
            outcome = True, function(*arguments)
        except Exception as error:
            outcome = False, error
        try:
            pickle.dump(outcome, results)
            results.flush()
        except BrokenPipeError:  # nobody is there to take it
            os._exit(0)


def _orphaned() -> None:
    """End where the other end of the orders is closed, also in the middle of work."""
    ends = select.poll()
    ends.register(0, 0)
    ends.poll()
    os._exit(0)
