"""Jobs in processes of their own: what they come to, that they can be stopped, may die, and leave nobody behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.hosting import jobs
from core.hosting.jobs import Died, Nursery, done
from tests.core.hosting import test_jobs as here

ROOT = Path(__file__).parents[3]
DATA = np.arange(5.0)


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery(["tests.core.hosting.test_jobs"])
    yield nursery
    nursery.close()


def counting(many: int, pace: float = 0.0, *, watch: Any, progress: Any, should_stop: Any) -> tuple[str, int, int]:
    """So many numbers, told one after another."""
    for n in range(many):
        if should_stop():
            return "stopped", n, os.getpid()
        watch(n)
        progress(n / many)
        time.sleep(pace)
    return "counted", many, os.getpid()


def stubborn(*, watch: Any, progress: Any, should_stop: Any) -> None:
    watch("begun")
    time.sleep(60)


def failing(kind: type[Exception], *words: str, **_: Any) -> None:
    raise kind(*words)


def dying(place: str, times: int, **_: Any) -> str:
    """Is killed so many times, and then is not."""
    with open(place, "a") as file:
        file.write("x")
    if Path(place).stat().st_size <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "lived"


def greedy(size: int, **_: Any) -> int:
    return np.ones(size // 8).nbytes


def returning(what: Any, *, watch: Any, **_: Any) -> tuple[Any, Any]:
    watch(what)
    return what, what


def doubled(number: int) -> int:
    return 2 * number


def same(what: Any) -> Any:
    return what


def run(
    where: Nursery,
    work: Callable[..., Any],
    small: Callable[[Any], Any] = same,
    should_stop: Callable[[], bool] = lambda: False,
    **rest: Any,
) -> tuple[Any, list[Any], list[float]]:
    seen, shares = [], []
    hear = {"watch": seen.append, "progress": shares.append, "should_stop": should_stop, "most": 1e9}
    return done(where, work, small, **{**hear, **rest}), seen, shares


def test_a_job_is_done_elsewhere_and_its_news_come_in_order(nursery):
    (word, many, process), seen, shares = run(nursery, partial(here.counting, 50), here.doubled)
    assert (word, many) == ("counted", 50)
    assert process not in (os.getpid(), nursery.process)
    assert seen == [2 * n for n in range(50)]
    assert shares == sorted(shares)
    assert run(nursery, partial(here.counting, 1))[0][2] != process  # each has its own


def test_a_job_that_is_asked_to_stop_says_what_it_came_to(nursery):
    seen: list[int] = []
    (word, many, process), *_ = run(
        nursery, partial(here.counting, 10_000, 0.01), should_stop=lambda: len(seen) > 2, watch=seen.append
    )
    assert word == "stopped"
    assert many < 1000
    assert ended(process)


def test_one_that_does_not_stop_is_ended(nursery, monkeypatch):
    monkeypatch.setattr(jobs, "_GRACE", 0.1)
    seen: list[str] = []
    assert run(nursery, here.stubborn, should_stop=lambda: bool(seen), watch=seen.append)[0] is None


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, OSError, EOFError, MemoryError])
def test_what_it_raises_is_raised_here_once(nursery, error):
    with pytest.raises(error, match="the third row") as caught:
        run(nursery, partial(here.failing, error, "the third row"))
    assert "in failing" in caught.value.__notes__[0]


def test_an_exception_that_cannot_travel_is_told(nursery):
    with pytest.raises(RuntimeError, match="Untold: odd"):
        run(nursery, partial(here.failing, Untold, "odd", "even"))


class Untold(Exception):
    def __init__(self, word: str, other: str) -> None:
        super().__init__(word)


def test_one_that_is_killed_is_done_again_once(nursery, tmp_path):
    assert run(nursery, partial(here.dying, str(tmp_path / "once"), 1))[0] == "lived"
    with pytest.raises(Died, match="ended from outside, twice"):
        run(nursery, partial(here.dying, str(tmp_path / "always"), 9))
    assert (tmp_path / "always").stat().st_size == 2


def test_no_job_gets_more_memory_than_it_may(nursery):
    assert run(nursery, partial(here.greedy, 50_000_000), most=400_000_000)[0] == 50_000_000
    with pytest.raises(MemoryError):
        run(nursery, partial(here.greedy, 800_000_000), most=400_000_000)


def test_what_is_shared_does_not_travel_back(nursery):
    whole, seen, _ = run(nursery, partial(here.returning, DATA), shared=(DATA,))
    assert whole[0] is whole[1] is seen[0] is DATA
    apart, *_ = run(nursery, partial(here.returning, DATA))
    assert apart[0] is not DATA
    np.testing.assert_array_equal(apart[0], DATA)


def test_what_cannot_travel_is_done_here(nursery):
    found, seen, _ = run(nursery, lambda watch, **_: watch(1) or os.getpid())
    assert (found, seen) == (os.getpid(), [1])


def test_a_nursery_that_has_died_is_replaced(nursery):
    run(nursery, partial(here.counting, 1))
    before = nursery.process
    assert before
    os.kill(before, signal.SIGKILL)
    assert run(nursery, partial(here.counting, 2))[0][:2] == ("counted", 2)
    assert nursery.process != before


@pytest.mark.parametrize("reads", [True, False], ids=["all news read", "news left unread"])
def test_all_ends_with_who_began_it(reads):
    """Also where that is killed in the middle of a job; and without a word, whatever lay unread in its socket."""
    script = f"""
import time
from functools import partial
from core.hosting.jobs import Nursery, done
from tests.core.hosting import test_jobs
nursery = Nursery(["tests.core.hosting.test_jobs"])
def watch(process):
    print(process, nursery.process, flush=True)
    time.sleep(0 if {reads} else 600)
done(nursery, partial(test_jobs.told_who, 600), test_jobs.same, watch=watch, progress=lambda s: None,
     should_stop=lambda: False, most=1e9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        assert parent.stderr
        killer = threading.Timer(60, parent.kill)
        killer.start()
        processes = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(0.5)  # the second piece of news is on its way
        parent.kill()
        killer.cancel()
        assert len(processes) == 2
        assert all(ended(process) for process in processes)
        assert parent.stderr.read() == ""


def told_who(seconds: float, *, watch: Any, **_: Any) -> None:
    watch(os.getpid())
    watch(os.getpid())
    time.sleep(seconds)


def ended(process: int) -> bool:
    """Within some seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":  # it has ended, and nobody has asked yet
            return True
        time.sleep(0.02)
    return False
