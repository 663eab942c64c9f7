"""What is kept never takes more than its budget, is computed once, and is what it was."""

import threading
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from core import Surface, simulate, sweep
from core.hosting.cache import CACHE, LARGEST_SHARE, Cache, Entry, _size
from core.hosting.machine import memory, set_by_host
from experiments.anatomy import run as insides
from experiments.backprop import run as chain
from experiments.map import run as grid
from experiments.race import band
from experiments.race import run as runs
from experiments.race.spec import Race
from networks.tasks import _table
from optimizers import RULES
from surfaces import SURFACES
from ui.components.stage import message


@dataclass
class Grown:
    """A result that works out more of itself when it is asked."""

    array: np.ndarray

    @cached_property
    def twice(self) -> np.ndarray:
        return np.concatenate([self.array, self.array])


def blocks(cache: Cache) -> tuple:
    """A kept function n → n kilobytes, and how often it computed each."""
    computed = Counter()

    def block(n: int) -> Grown:
        computed[n] += 1
        return Grown(np.full(125 * n, n, dtype=float))

    return cache.keep(block), computed


def test_what_is_kept_stays_within_the_budget_whatever_is_asked():
    cache = Cache(100_000)
    (one, _), (other, _) = blocks(cache), blocks(cache)
    rng, fullest = np.random.default_rng(0), 0.0
    for _ in range(600):
        n = int(rng.integers(0, 70))
        found = (one, other)[int(rng.integers(2))](n)
        assert (found.array == n).all()
        if rng.random() < 0.3:
            assert len(found.twice) == 250 * n  # it grows after it was counted: told when it is used next
            one(n)
            other(n)
        held = sum(_size(entry.result) for entry in cache._entries.values())
        assert held <= cache.bytes <= cache.budget
        fullest = max(fullest, cache.bytes)
    assert fullest > 0.8 * cache.budget


def test_what_was_used_longest_ago_goes_first():
    cache = Cache(10_000)
    block, computed = blocks(cache)
    for n in (3, 4, 3, 2):  # 4 + 3 + 2 and what finds them are nearly all there is
        block(n)
    assert computed == {3: 1, 4: 1, 2: 1}
    block(1)  # in the place of 4
    for n in (3, 2, 1):
        block(n)
    assert computed == {3: 1, 4: 1, 2: 1, 1: 1}
    block(4)
    assert computed[4] == 2


def test_what_is_too_large_is_given_and_not_kept():
    cache = Cache(100_000)
    block, computed = blocks(cache)
    large = int(100 * LARGEST_SHARE)
    assert block(large) is not block(large)
    assert computed[large] == 2
    assert cache.bytes == 0
    assert block(large - 1) is block(large - 1)


def test_each_is_computed_once_however_many_ask_at_a_time():
    cache, began, go = Cache(1_000_000), Counter(), threading.Event()

    def slow(n: int) -> np.ndarray:
        began[n] += 1
        assert go.wait(10)
        return np.full(100, n)

    kept, found = cache.keep(slow), []
    threads = [threading.Thread(target=lambda n=n: found.append((n, kept(n)))) for n in range(4) for _ in range(8)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(10)
    assert began == dict.fromkeys(range(4), 1)
    assert len(found) == 32
    assert all((array == n).all() for n, array in found)


def test_what_fails_is_not_kept_and_those_who_wait_try_themselves():
    cache, tries, go = Cache(1_000_000), [], threading.Event()

    def fails_first(n: int) -> int:
        tries.append(n)
        assert go.wait(10)
        if len(tries) == 1:
            raise KeyboardInterrupt  # as Streamlit ends a script: no Exception
        return n

    kept, found = cache.keep(fails_first), []

    def ask() -> None:
        try:
            found.append(kept(7))
        except KeyboardInterrupt:
            found.append(None)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(10)
    assert sorted(found, key=str) == [7, 7, None]
    assert len(tries) == 2


def test_who_waits_can_be_called_away():
    class Away(BaseException):
        pass

    def called() -> None:
        raise Away

    cache, began, go = Cache(1_000_000), threading.Event(), threading.Event()

    def slow() -> int:
        began.set()
        assert go.wait(10)
        return 1

    kept = cache.keep(slow, asked=called)
    thread = threading.Thread(target=kept)
    thread.start()
    assert began.wait(10)
    with pytest.raises(Away):
        kept()
    go.set()
    thread.join(10)
    assert kept() == 1


def test_all_that_a_result_holds_is_counted_once():
    adam, rosenbrock = RULES["adam"], SURFACES["rosenbrock"]
    run = simulate(adam, rosenbrock, steps=400)
    least = 401 * 8 * (2 + 1 + 2 + 2) + 400 * 8  # x, value, the slots m and v, lr
    assert least <= _size(run, beside=(adam, rosenbrock)) <= 1.2 * least
    assert run.gradient.nbytes <= _size(run, beside=(adam, rosenbrock)) - least
    found = sweep(adam, rosenbrock, axes={"lr": np.geomspace(1e-3, 1, 50), "beta1": np.linspace(0, 0.9, 40)}, steps=5)
    assert _size(found, beside=(adam, rosenbrock)) >= 2000 * 8 * 6
    whole = np.zeros(1000)
    assert _size([whole[:10], whole[5:], {"again": whole}]) < 9000
    assert _size((lambda: whole,)) > 8000


def test_what_is_found_again_is_counted_again_only_where_it_has_grown(monkeypatch):
    counted, count = [], Entry.count
    monkeypatch.setattr(Entry, "count", lambda entry: counted.append(entry) or count(entry))
    cache, late = Cache(10_000_000), []

    def computed(surface: Surface) -> tuple:
        return simulate(RULES["adam"], surface, steps=400), (lambda: late), {}

    kept = cache.keep(computed)

    def again() -> int:
        """Bytes after it was asked for by an equal surface that knows more of itself than the one it was computed for."""
        surface = SURFACES["rosenbrock"].rotated(10.0)
        assert surface.slack > 0
        assert kept(surface) is found
        return cache.bytes

    found = kept(SURFACES["rosenbrock"].rotated(10.0))
    first = cache.bytes
    assert {again() for _ in range(3)} == {first}
    assert len(counted) == 1
    run, _, words = found
    second = first + run.gradient.nbytes
    assert second <= again() < second + 1000
    late.append(np.zeros(1000))
    assert second + 8000 <= again() < second + 9000
    words["more"] = np.zeros(2000)
    assert second + 24_000 <= again() < second + 26_000
    assert again() == counted[-1].bytes
    assert len(counted) == 4


LARGE = (runs._run, band._done, grid._swept, insides._dissected, message._field, chain._trained, chain._loaded, _table)


@pytest.mark.parametrize("kept", LARGE, ids=lambda kept: f"{kept.__module__}.{kept.__name__}")
def test_what_may_be_large_is_kept_in_the_one_cache(kept):
    assert kept._cache is CACHE


def test_a_band_is_computed_in_pieces_and_kept_small():
    race = Race("rosenbrock", ("sgd", "momentum", "adam")).having({"steps": 5000.0})
    (control,) = [control for control in race.controls.values() if control.id == "lr"]
    drawn = runs.trajectories(race)
    band._done.cache_clear()
    before = CACHE.bytes
    tracemalloc.start()
    message.pack(race, drawn, [], {"released": False}, 3, control)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert CACHE.bytes - before < 2_000_000
    assert held < 4_000_000
    assert peak < 10_000_000  # the runs of Adam alone, kept whole, would be 20 million


def test_the_host_sets_the_budget(monkeypatch):
    assert 0 < CACHE.budget <= memory() / 8
    monkeypatch.setenv("RAVINE_CACHE_MB", "12.5")
    assert set_by_host("RAVINE_CACHE_MB", 64) == 12.5
    monkeypatch.setenv("RAVINE_CACHE_MB", " ")
    assert set_by_host("RAVINE_CACHE_MB", 64) == 64
    for wrong in ("0", "-1", "much", "nan", "inf"):
        monkeypatch.setenv("RAVINE_CACHE_MB", wrong)
        with pytest.raises(ValueError, match=f"RAVINE_CACHE_MB = {wrong} is not allowed"):
            set_by_host("RAVINE_CACHE_MB", 64)
