"""Effects: what one number does, over its whole range."""

import numpy as np
import streamlit as st

from core import Sweep, Trajectory
from core.symbolic.notation import symbol
from experiments.axis import Axis, options_of, values_of
from experiments.effects.run import FAN, fan, profile, told
from experiments.effects.spec import SHOWS, Effect, read_effect
from experiments.effects.words import NEAR, best, sentences, ticks, width
from experiments.host import through
from experiments.numbers import number
from experiments.race import theory
from experiments.race.controls import SHARED
from experiments.race.spec import Race
from figures import effects, theme
from figures.maps import TOOLS, Side
from optimizers import ENTRANTS
from ui.complain import complain
from ui.page import begin
from ui.session import recall, remember
from ui.waiting import awaited, stopped
from ui.widgets.pickers import axis, other_numbers, surface_and_rules, word

PAGE = "effects"
FIRST = Effect(
    Race("ravine", ("sgd", "momentum", "nesterov", "adam"), SHARED, numbers=(("lr", 0.02), ("steps", 150.0))),
    Axis("lr", 1e-3, 1.0),
    "momentum",
)
MOST_RULES = 8
Found = tuple[np.ndarray, list[Trajectory], dict[str, Sweep]]
GRID = 90
COLOURS = theme.rule_colours(ENTRANTS)


def picked(now: Effect) -> tuple[Effect, list[str]]:
    """The effect with what the pickers say, and what is wrong with it."""
    one, two = st.columns([1, 2])
    race = surface_and_rules(PAGE, now.race, one, two, most=MOST_RULES)
    if not race.entrants:
        return Effect(race, now.axis, now.rule), []
    one, two, three, four, five = st.columns([4, 4, 4, 4, 3])
    along, wrong = axis(PAGE, "number", now.axis, options_of(race), one, two)
    able = Effect(race, along, now.rule).shown
    if not able:
        return Effect(race, along, now.rule), wrong
    if st.session_state.get(f"{PAGE}.rule") not in able:
        st.session_state[f"{PAGE}.rule"] = now.rule if now.rule in able else able[0]
    rule = three.selectbox("Paths of", able, format_func=lambda key: ENTRANTS[key].title, key=f"{PAGE}.rule")
    stops = values_of(along, options_of(race)[along.name], FAN).tolist()
    middle = stops[len(stops) // 2] if now.at is None else min(stops, key=lambda stop: abs(stop - now.at))
    key = f"{PAGE}.at.{along.name}"
    if st.session_state.get(key) not in stops:
        st.session_state[key] = middle
    at = four.select_slider(f"Cursor: {symbol(along.name)}", stops, format_func=lambda v: f"{v:.4g}", key=key)
    shows = word(PAGE, "shows", "Profile of", SHOWS, now.shows, five)
    race = other_numbers(PAGE, race, {along.name})
    return Effect(race, along, rule, at if at != middle or now.at is not None else None, shows), wrong


def ground(effect: Effect) -> effects.Ground:
    """The surface under the paths, its heights on a logarithmic scale so that valleys show."""
    x0, x1, y0, y1 = effect.race.window
    xs, ys = np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID)
    heights = effect.race.landscape.value(np.stack(np.meshgrid(xs, ys), axis=-1))
    above = heights - heights.min()
    return effects.Ground(xs, ys, np.log1p(above / (np.quantile(above, 0.08) or 1.0)))


def drawn(value: float, run: Trajectory) -> effects.Path:
    """A run as the figures take it, without a loss from where it leaves below the minimum."""
    height = run.height[: run.stopped[0], 0]
    seen = np.where(run.left & (height < 0), np.nan, np.maximum(height, 0.0))
    return effects.Path(value, run.x[: run.stopped[0], 0], seen, bool(run.diverged[0]), bool(run.left[0]))


def computed(effect: Effect) -> Found:
    """Some values, the run at each, and the outcome of every rule along the whole range."""
    values, runs = fan(effect)
    return values, runs, {key: profile(effect, key) for key in through(effect.shown)}


def picture(effect: Effect, made: Found) -> None:
    """Paths, curves and profile of one number."""
    scale = options_of(effect.race)[effect.axis.name].scale
    side = Side(symbol(effect.axis.name), scale == "log")
    values, runs, found = made
    paths = [drawn(float(value), run) for value, run in zip(values, runs, strict=True)]
    lines = [
        effects.Line(ENTRANTS[key].title, COLOURS[key], outcome.axes[effect.axis.name], told(effect, outcome))
        for key, outcome in found.items()
    ]
    top = 10 * max(1e-12, float(paths[0].gap[0])) if effect.shows == "final" else effect.race["steps"]
    cursor = effect.at if effect.at is not None else float(values[len(values) // 2])
    one, two, three = st.columns(3)
    one.plotly_chart(effects.fan(paths, ground(effect), side, cursor), key=f"{PAGE}.fan", config=TOOLS)
    two.plotly_chart(effects.curves(paths, side, cursor), key=f"{PAGE}.curves", config=TOOLS)
    three.plotly_chart(
        effects.profile(lines, side, cursor, ticks(effect), top, SHOWS[effect.shows]), key=f"{PAGE}.profile", config=TOOLS
    )
    table(effect, found, logarithmic=side.log)


def table(effect: Effect, found: dict, *, logarithmic: bool) -> None:
    """Each rule's best value, and how much of the range is about as good."""
    rows, surface = [], effect.race.landscape
    endless = effect.shows == "final" and not surface.minima  # who falls without end is best nowhere
    for key, outcome in found.items():
        first, last, level = best(effect, outcome)
        where, there = number(first) if first == last else f"{number(first)} … {number(last)}", number(level)
        if endless or not np.isfinite(level):
            where, there = "–", "–" if endless else "never"
        row = {
            "Rule": ENTRANTS[key].title,
            f"best {symbol(effect.axis.name)}": where,
            f"{SHOWS[effect.shows].lower()} there": there,
        }
        if logarithmic and effect.shows == "final":
            row[f"decades within {NEAR:g}× of it"] = f"{width(effect, outcome):.2f}"
        row["diverged"] = f"{(outcome.stopped <= outcome.steps).mean():.0%} of the range"
        if surface.caveat:
            row["left below the minimum"] = f"{outcome.left.mean():.0%} of the range"
        rows.append(row)
    st.table(rows)
    if endless:
        st.caption("This surface has no minimum, so no value is best; a loss of 0 or less stands at the lower edge.")
    if any(outcome.left.any() for outcome in found.values()):
        st.caption(f"{surface.caveat} A run that left below it is told no loss and has reached nothing.".strip())
    left = [ENTRANTS[key].title for key in effect.race.entrants if key not in found]
    if left:
        st.caption(f"{', '.join(left)} cannot be shown: there is no {symbol(effect.axis.name)} in it.")
    if ticks(effect):
        exact = (
            "exact here: the surface is a quadratic" if theory.exact(effect.race) else "a guide here, from the minimum alone"
        )
        st.caption(f"Dashed: what theory says of {ENTRANTS[effect.rule].title}, derived from the rule; {exact}.")
    for sentence in sentences(effect):
        st.caption(sentence)


begin("What one number does")
kept, complaints, _ = recall(PAGE, FIRST, read_effect)
chosen, wrong = picked(kept)
remember(PAGE, chosen, complaints, 0, link=chosen != kept)
complain(complaints + wrong)
if not chosen.race.entrants:
    st.info("Pick at least one rule to see what the number does.")
elif not chosen.shown:
    st.info("None of these rules has this number: pick another one or other rules.")
else:
    status, place = st.empty(), st.empty()
    with status.container():
        halted = stopped(PAGE, chosen.work)
    if not halted:
        with awaited(PAGE, chosen.work, "Runs", status):
            found = computed(chosen)
        st.session_state[f"{PAGE}.seen"] = chosen
        with place.container():  # only now, so that the last good picture stays till there is another
            picture(chosen, found)
    elif seen := st.session_state.get(f"{PAGE}.seen"):
        with place.container():
            picture(seen, computed(seen))
