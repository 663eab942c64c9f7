"""What can be taken along of a training: the curves, a checkpoint, TensorBoard's files, a run as a plain script."""

import streamlit as st

from experiments.training.run import Ongoing
from networks.export.script import checkpoint, curves_csv, script, why_no_script
from networks.export.tensorboard import events
from optimizers import ENTRANTS
from ui.complain import plain


def taken_along(page: str, going: Ongoing) -> None:
    """Buttons that download them; each file is made when its button is pressed."""
    training, keys = going.so_far, list(going.lesson.rules)
    assert training is not None  # it has ended
    seeds = training.regime.seeds
    titles = [
        f"{ENTRANTS[key].title}, seed {seed}" if len(seeds) > 1 else ENTRANTS[key].title for key in keys for seed in seeds
    ]
    one, two, three, four = st.columns(4)
    one.download_button(
        "Curves as CSV", lambda: curves_csv(training, titles), "curves.csv", key=f"{page}.csv", on_click="ignore"
    )
    two.download_button(
        "Checkpoint", lambda: checkpoint(training), "checkpoint.pt", key=f"{page}.checkpoint", on_click="ignore"
    )
    two.caption("All runs: weights, slots and numbers, for torch.load.")
    three.download_button("TensorBoard", lambda: events(training, titles), "runs.zip", key=f"{page}.events", on_click="ignore")
    three.caption("A folder a run, to be unpacked and opened with tensorboard --logdir.")
    title = four.selectbox("Script of", titles, key=f"{page}.script.run")
    run = titles.index(title)
    if why := why_no_script(training, run):
        four.caption(plain(f"{why[0].upper()}{why[1:]}."))
    else:
        name = f"{page}.script"
        four.download_button("PyTorch script", lambda: script(training, run), "training.py", key=name, on_click="ignore")
        four.caption("Run alone it prints this run’s validation loss after the same steps, and says how near it can come.")
