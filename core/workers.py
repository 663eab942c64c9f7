"""Worker processes for work that is pure arithmetic: two numpy threads gain nothing, two processes do.

They are plain children fed through pipes. The standard library's process pools import the parent's main module first, which
under Streamlit is whatever page ran last; these import nothing but what their work names, and end with their parent.
"""

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import local
from typing import Any


class Workers:
    """So many child processes, each waited on by a thread of its own."""

    def __init__(self, processes: int) -> None:
        self._own = local()
        self._children: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="worker")

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a module's function done elsewhere; what it raises is raised by the future."""
        return self._threads.submit(self._done, function, arguments)

    def close(self) -> None:
        """End the children once they have done what they are at."""
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.communicate()  # the end of their input is their end

    def _done(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        order = pickle.dumps((function, arguments))  # before the child is touched: what cannot be sent harms nobody
        child = self._child()
        assert child.stdin  # both are pipes
        assert child.stdout
        try:
            child.stdin.write(order)
            child.stdin.flush()
            good, result = pickle.load(child.stdout)
        except (EOFError, OSError) as error:
            child.kill()
            self._own.child = None
            raise RuntimeError("a worker ended before its work was done") from error
        if not good:
            raise result
        return result

    def _child(self) -> subprocess.Popen[bytes]:
        child = getattr(self._own, "child", None)
        if child is None or child.poll() is not None:
            places = os.pathsep.join(place or os.getcwd() for place in sys.path)
            command = [sys.executable, "-c", "from core.workers import serve; serve()"]
            environment = {**os.environ, "PYTHONPATH": places}
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            self._own.child = child
            self._children.append(child)
        return child


@cache
def workers(processes: int) -> Workers:
    """The workers of this process, kept for the next piece of work; the first piece takes the second they need to start."""
    made = Workers(processes)
    atexit.register(made.close)
    return made


def serve() -> None:
    """A worker's life: orders in, results out, until there are no more."""
    orders, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not spoil the results
    while True:
        try:
            function, arguments = pickle.load(orders)
        except EOFError:
            return
        try:
            outcome = True, function(*arguments)
        except Exception as error:
            outcome = False, error
        pickle.dump(outcome, results)
        results.flush()
