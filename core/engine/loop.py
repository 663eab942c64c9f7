"""The only loop in the project, and what a state of runs on arrays is."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from core.effects import before
from core.engine.course import Analytic, Course
from core.engine.step import carrying, flat, step_of
from core.knowledge import Supply
from core.maths import Real, power

DIVERGENCE_BOUND = 1e30
"""A run whose position or loss exceeds this in magnitude has diverged."""

CHECK_EVERY = 32
"""Steps between looks at progress, cancellation and whether any run is still alive."""

State = Sequence[Any]


def march(
    state: Any,
    advance: Callable[[int, Any], Any],
    keep: Callable[[Any], None],
    steps: int,
    *,
    alive: Callable[[Any], bool],
    progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    check_every: int = CHECK_EVERY,
) -> None:
    """The loop. `keep` is given the start and every state after it, fewer than steps+1 when cancelled or none is alive."""
    keep(state)
    for step in range(steps):
        if step % check_every == 0:
            progress(step / steps)
            if should_stop() or not alive(state):
                return
        state = advance(step, state)
        keep(state)


def on_arrays(
    loop: Callable[..., None],
    course: Course,
    keep: Callable[[Sequence[np.ndarray], Any], None],
    *,
    losses: bool = False,
) -> Supply:
    """Runs side by side: `keep` is given the state at the start and after every step.

    The state is x and the slots, each (parameters, runs) or as many arrays (runs,). With `losses`, `keep` is also given the
    loss (runs,) of the state before, where it comes along with the step; else None. What comes back has counted what the
    rule asked of the objective beside the gradient.
    """
    supply = Supply(course.rule.needs)
    x, tracks = np.ascontiguousarray(course.x0.T), 1 + len(course.rule.slots)
    made = flattened(course, list(x), floats=False, losses=losses)
    if made is None:
        loop(*_stepwise(course, x, supply), lambda state: keep(state[:tracks], None), course.steps)
    else:
        parts = tracks * len(x)
        loop(*made, lambda state: keep(state[:parts], state[-1] if losses else None), course.steps)
    return supply


def flattened(
    course: Course, x: list[Any], *, floats: bool, losses: bool = False
) -> tuple[State, Callable[[int, State], State]] | None:
    """Where a course starts and what a step makes of a state, by one flat function; None where it cannot be one."""
    rule, objective = course.rule, course.objective
    if not isinstance(objective, Analytic):
        return None
    height = objective.height if losses else None
    made = flat(rule, course.effects, len(x), objective.partials, len(objective.constants), height=height, floats=floats)
    if made is None:
        return None
    ready = float if floats else np.asarray  # numpy is faster with arrays, even of one number
    numbers = {name: ready(value) for name, value in course.numbers.items()}
    constants = [*numbers.values(), *(ready(constant) for constant in objective.constants)]
    constants += list(x) if "x0" in rule.needs else []
    constants += [ready(value) for value in made.once(*constants)]
    step, draws, plain = made.step, course.draws.tolist(), bool(np.all(course.factors == 1.0))
    lrs = (course.rate * course.factors).T.tolist()[0] if floats else None

    def lr(n: int) -> Any:
        if lrs is not None:
            return lrs[n]
        return course.rate if plain else course.rate * course.factors[n]

    first = ready(1.0 + course.age)

    def quiet(n: int, state: State) -> State:
        return step(*state, lr(n), n + first, *constants)

    def noisy(n: int, state: State) -> State:
        return step(*state, lr(n), n + first, *draws[n], *constants)

    begin = (*x, *(part * 0.0 + initial for initial in course.slots.values() for part in x))
    powers = (ready(np.power(numbers[name], first)) for name in carrying(rule)[1])
    begin = (*begin, *powers, *(None for _ in (height,) if height))
    return begin, noisy if draws else quiet


def _stepwise(course: Course, x: np.ndarray, supply: Supply) -> tuple[State, Callable[[int, State], State]]:
    """The same for any rule on any objective, of arrays (parameters, runs); the rule's powers come last in a state."""
    rule, objective, x0 = course.rule, course.objective, x
    noisy, first, tracks = "noise" in course.effects, 1.0 + course.age, 1 + len(course.rule.slots)
    # Who sees all coordinates together has them last, and its numbers as columns; what is done to gradients is done before.
    within = {name: number[:, None] if rule.together and np.ndim(number) else number for name, number in course.numbers.items()}
    keywords = carrying(rule)[1]
    raised = [within[name] for name in keywords]
    effects = course.effects & {"weight_decay"} if rule.together else course.effects
    step, chain = step_of(rule, effects, within), list(before(course.effects, course.numbers))

    def advance(n: int, state: State) -> State:
        x, *slots = state[:tracks]
        powers = state[tracks:]
        known, after = dict(zip(keywords.values(), powers, strict=True)), [p * b for p, b in zip(powers, raised, strict=True)]
        lr, t = course.rate * course.factors[n], Real(n + first)
        draw = [course.draws[n, :, None]] if noisy else []
        g = np.ascontiguousarray(objective.grad(x.T).T)
        if not rule.together:
            (moved,), (kept,) = step([x], [g], [slots], lr, t, draw, [x0], known)
            return [moved, *kept, *after]

        def altered(place: np.ndarray, slope: np.ndarray) -> np.ndarray:
            parts = [np.ascontiguousarray(slope.T)]
            for effect in chain:
                parts = effect(parts, [place.T], draw)
            return np.ascontiguousarray(parts[0].T)

        here = np.ascontiguousarray(x.T)
        known |= supply.at(objective, here, altered, course.drawing(n))
        lr = lr[:, None] if np.ndim(lr) else lr
        (moved,), (kept,) = step([here], [altered(here, g.T)], [[s.T for s in slots]], lr, t, [], [x0.T], known)
        return [*(np.ascontiguousarray(np.broadcast_to(part, here.shape).T) for part in (moved, *kept)), *after]

    begin = (x, *(x * 0.0 + initial for initial in course.slots.values()))
    return [*begin, *(power(base, first) for base in raised)], advance


def coordinates(state: State, parameters: int) -> Any:
    """x of a state as `on_arrays` keeps it, the coordinates first."""
    return state[0] if state[0].ndim > 1 else state[:parameters]


def within(x: Any) -> bool:
    return bool(np.any(np.abs(x) <= DIVERGENCE_BOUND))
