"""What one run of a training learned: its confusions, worst mistakes and first weights."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments.training.run import Ongoing
from experiments.training.words import mistakes, worst_sentences
from figures import networks as figures
from figures import theme
from networks import Training
from networks.analysis.report import absent, by_class, confusion, first_weights, predicted
from optimizers import ENTRANTS
from ui.complain import plain
from ui.widgets.gallery import gallery

_MANY = 12  # pictures, at most
_TOOLS = {"displayModeBar": False}


def inside(page: str, going: Ongoing) -> None:
    """Of a run that is chosen, the best to begin with."""
    training = going.so_far
    assert training is not None  # it has ended
    keys, seeds = list(going.lesson.rules), training.regime.seeds
    order = np.where(training.diverged, np.inf, training.final("val_loss"))[:: len(seeds)]
    best = int(np.nan_to_num(order, nan=np.inf).argmin())
    title = "Run of" if len(seeds) == 1 else f"Run of (seed {seeds[0]})"
    key = st.selectbox(title, keys, index=best, format_func=lambda key: ENTRANTS[key].title, key=f"{page}.inside")
    run = keys.index(key) * len(seeds)
    if training.diverged[run]:
        st.info(f"{ENTRANTS[key].title} diverged at step {training.stopped[run]}: what is left of it says nothing.")
        return
    one, two = st.columns(2)
    if not training.data.classes:
        truth, said = training.rows("val")[1][:, 0], predicted(training, run)[0]
        colour = theme.rule_colours(ENTRANTS)[key]
        one.plotly_chart(figures.predictions(truth, said, colour), key=f"{page}.predictions", config=_TOOLS)
        return
    one.markdown("**What is taken for what**, on the validation set")
    one.plotly_chart(
        figures.confusion_matrix(confusion(training, run), training.data.classes), key=f"{page}.confusion", config=_TOOLS
    )
    classes(training, run, two)
    _seen(training, run)


def classes(training: Training, run: int, place: DeltaGenerator) -> None:
    """How well each class is told."""
    place.markdown("**By class**")
    names = ("precision", "recall", "F1")
    columns = [
        {
            "class": plain(name),
            **dict(zip(names, ("–" if np.isnan(value) else f"{value:.1%}" for value in values), strict=True)),
            "rows": str(rows),
        }
        for name, *values, rows in by_class(training, run)
    ]
    place.table(columns)
    if lacking := absent(training):
        place.caption(
            f"{lacking} of {len(training.data.classes)} classes have no row in the validation set: the means leave them out."
        )


def _seen(training: Training, run: int) -> None:
    """Its worst mistakes, and what its first units look for."""
    if training.data.vocabulary and (found := worst_sentences(training, run, 6)):
        st.markdown("**Worst mistakes**")
        for sentence in found:
            st.text(sentence)
    elif len(training.data.shape) == 3:
        pictures, captions = mistakes(training, run, _MANY)
        if captions:
            st.markdown("**Worst mistakes**")
            st.html(gallery(pictures, captions, side=84))
    if (weights := first_weights(training, run, 2 * _MANY)) is not None:
        st.markdown("**What the first units look for**: blue where ink speaks against, red where it speaks for")
        st.html(gallery(figures.signed(weights), [""] * len(weights), side=64))
