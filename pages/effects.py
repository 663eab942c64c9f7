"""Effects: what one number does, over its whole range."""

import streamlit as st

from core.symbolic.notation import symbol
from experiments.axis import options_of, values_of
from experiments.effects.experiment import EXPERIMENT
from experiments.effects.run import FAN, computed
from experiments.effects.spec import SHOWS, Effect
from optimizers import ENTRANTS
from ui.complain import complain
from ui.page import Page
from ui.session import recall, remember
from ui.waiting import awaited, stopped
from ui.widgets.effects import effect_picture
from ui.widgets.pickers import axis, other_numbers, surface_and_rules, word

PAGE = Page("Effects", "Surfaces", 3)
_MOST_RULES = 8


def main() -> None:
    PAGE.begin("What one number does")
    kept, complaints, _ = recall(PAGE.path, EXPERIMENT)
    chosen, wrong = _picked(kept)
    remember(PAGE.path, chosen, complaints, 0, link=chosen != kept)
    complain(complaints + wrong)
    if not chosen.race.entrants:
        st.info("Pick at least one rule to see what the number does.")
    elif not chosen.shown:
        st.info("None of these rules has this number: pick another one or other rules.")
    else:
        _shown(chosen)


def _picked(now: Effect) -> tuple[Effect, list[str]]:
    """The effect with what the pickers say, and what is wrong with it."""
    one, two = st.columns([1, 2])
    race = surface_and_rules(PAGE.path, now.race, one, two, most=_MOST_RULES)
    if not race.entrants:
        return Effect(race, now.axis, now.rule), []
    one, two, three, four, five = st.columns([4, 4, 4, 4, 3])
    along, wrong = axis(PAGE.path, "number", now.axis, options_of(race), one, two)
    able = Effect(race, along, now.rule).shown
    if not able:
        return Effect(race, along, now.rule), wrong
    if st.session_state.get(f"{PAGE.path}.rule") not in able:
        st.session_state[f"{PAGE.path}.rule"] = now.rule if now.rule in able else able[0]
    rule = three.selectbox("Paths of", able, format_func=lambda key: ENTRANTS[key].title, key=f"{PAGE.path}.rule")
    stops = values_of(along, options_of(race)[along.name], FAN).tolist()
    middle = stops[len(stops) // 2] if now.at is None else min(stops, key=lambda stop: abs(stop - now.at))
    key = f"{PAGE.path}.at.{along.name}"
    if st.session_state.get(key) not in stops:
        st.session_state[key] = middle
    at = four.select_slider(f"Cursor: {symbol(along.name)}", stops, format_func=lambda v: f"{v:.4g}", key=key)
    shows = word(PAGE.path, "shows", "Profile of", SHOWS, now.shows, five)
    race = other_numbers(PAGE.path, race, {along.name})
    return Effect(race, along, rule, at if at != middle or now.at is not None else None, shows), wrong


def _shown(effect: Effect) -> None:
    """The pictures; where the runs were stopped, the last that were finished."""
    status, place = st.empty(), st.empty()
    with status.container():
        halted = stopped(PAGE.path, effect.work)
    if not halted:
        with awaited(PAGE.path, effect.work, "Runs", status):
            made = computed(effect)
        st.session_state[f"{PAGE.path}.seen"] = effect
        with place.container():  # only now, so that the last good picture stays till there is another
            effect_picture(PAGE.path, effect, *made)
    elif seen := st.session_state.get(f"{PAGE.path}.seen"):
        with place.container():
            effect_picture(PAGE.path, seen, *computed(seen))


if __name__ == "__main__":
    main()
