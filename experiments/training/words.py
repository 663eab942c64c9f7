"""What a training came to, as rows of tables, sentences and small pictures."""

from collections.abc import Sequence

import numpy as np

from experiments.numbers import number
from experiments.training.curves import fate
from networks import Training
from networks.analysis.paired import lead
from networks.analysis.perceptron import bound
from networks.analysis.report import worst
from networks.model.losses import LOSSES
from networks.model.parameters import INITS
from optimizers import ENTRANTS


def seeds_of(training: Training, entrant: int) -> slice:
    """The runs of an entrant, one a seed."""
    seeds = len(training.regime.seeds)
    return slice(entrant * seeds, (entrant + 1) * seeds)


def named(training: Training, titles: Sequence[str]) -> list[str]:
    """A title for every one a seed of the runs: its entrant's, with its own values where the entrant has several.

    Titles beyond the entrants, as those of forks, are not of this training.
    """
    found = []
    for (_, given), title in zip(training.entrants, titles, strict=False):
        arrays = {name: np.ravel(value) for name, value in given.items() if np.ndim(value)}
        every = zip(*arrays.values(), strict=True) if arrays else [()]
        found += [", ".join([title, *(f"{name} {number(v)}" for name, v in zip(arrays, own, strict=True))]) for own in every]
    return found


def standing(training: Training, titles: Sequence[str], *, tested: bool) -> list[dict[str, str]]:
    """A row for every entrant, the lowest median validation loss first; with `tested`, what it is on rows never seen.

    Of a run whose best weights are kept it tells what it is with them.
    """
    metrics, unseen = training.metrics, training.tested if tested else {}
    rows = []
    for i, title in enumerate(named(training, titles)):
        runs = seeds_of(training, i)
        good = ~training.diverged[runs]

        def told(values: np.ndarray, *, share: bool = False, runs: slice = runs, good: np.ndarray = good) -> str:
            kept = values[runs][good]
            if not len(kept) or not np.isfinite(kept).any():
                return "–"
            middle = float(np.nanmedian(kept))
            return f"{middle:.1%}" if share else number(middle)

        loss, learnt = training.final("val_loss"), training.final("train_loss")
        row = {"Rule": title, "lr": number(float(metrics["lr"][0, runs][0])), "validation loss": told(loss)}
        if "val_accuracy" in metrics:
            row["validation accuracy"] = told(training.final("val_accuracy"), share=True)
        row["training loss"] = told(learnt)
        middles = [np.median(values[runs][good]) if good.any() else np.nan for values in (loss, learnt)]
        row["gap"] = number(float(middles[0] - middles[1])) if np.isfinite(middles).all() else "–"
        if unseen:
            key, name = ("accuracy", "test accuracy") if "accuracy" in unseen else ("loss", "test loss")
            row[name] = told(unseen[key], share=key == "accuracy")
        row["fate"] = fate(training, runs)
        order = float(np.median(np.where(good, loss[runs], np.inf)))
        rows.append((order if np.isfinite(order) else np.inf, i, row))
    found = [row for *_, row in sorted(rows, key=lambda entry: entry[:2])]
    if not any(row["fate"] for row in found):
        for row in found:
            del row["fate"]
    return found


def training_verdict(training: Training, titles: Sequence[str]) -> str:
    """Who ends lowest on average over several seeds, or that nobody can be said to; empty with one seed or one rule.

    Everything it says is of means over the seeds and of the differences seed by seed. A winner is below every other rule by
    more than the interval around their difference; a rule that diverged with some seed has no mean and is left out.
    """
    seeds, names = len(training.regime.seeds), named(training, titles)
    if seeds < 2:
        return ""
    losses = np.where(training.diverged, np.inf, training.final("val_loss")).reshape(-1, seeds)[: len(names)]
    found = lead(losses)
    if found is None:
        return ""
    first, other, whole = names[found.first], names[found.other], np.isfinite(losses).all()
    of_whom = "" if whole else " of the rules that diverged with no seed"
    between = f"95 % interval from {number(found.low)} to {number(found.high)} over {seeds} paired seeds"
    if found.sure:
        return f"{first} ends lowest{of_whom}: {other} is {number(found.mean)} above it on average, {between}."
    if found.mean == 0:
        return f"No winner{of_whom}: {other} and {first} end level on average over {seeds} seeds."
    return f"No winner{of_whom}: {other} ends {number(found.mean)} above {first} on average, and the {between} crosses zero."


def ends(training: Training, titles: Sequence[str]) -> list[str]:
    """A sentence for each rule that could not go on, and one for those whose patience ended, if they kept their best."""
    found = [f"{reason}; it ends there, the others go on." for reason in dict.fromkeys(training.reasons.values())]
    back = training.kept < np.minimum(training.stopped, training.finished).clip(max=training.steps)
    told = []
    for i, title in enumerate(named(training, titles)):
        runs = seeds_of(training, i)
        if back[runs].any():
            told.append(f"{title} of step {', '.join(map(str, training.kept[runs][back[runs]]))}")
    if told:
        found.append(f"Out of patience, a run has the weights of its lowest validation loss again: {'; '.join(told)}.")
    return found


def theorem(training: Training) -> str:
    """For a loss that counts mistakes: how many the convergence theorem allows, and how many each rule made with each seed."""
    if not LOSSES[training.task.loss].mistakes:
        return ""
    x, y = training.rows("train")
    allowed = bound(x, y)
    if allowed is None:
        return "No line parts the two classes, so a perceptron never stops making mistakes."
    radius, margin, most = allowed
    told = f"The convergence theorem allows (R/γ)² = ({radius:.3g}/{margin:.3g})² = {most:.0f} mistakes"
    if training.regime.batch_size > 1 or training.task.init != "zeros":
        return f"{told} to a perceptron that starts at zero and sees one row at a time (batch 1)."
    counts, seeds = (training.accuracy < 1).sum(axis=0), len(training.regime.seeds)
    names = named(training, [ENTRANTS[key].title for key, _ in training.entrants])
    made = [f"{name} {', '.join(map(str, counts[seeds_of(training, i)]))}" for i, name in enumerate(names)]
    each = f" (one number a seed, {seeds} in all)" if seeds > 1 else ""
    return f"{told} to the plain rule, whatever its lr; there were: {'; '.join(made)} in {training.steps} steps{each}."


def mistakes(training: Training, run: int, many: int) -> tuple[np.ndarray, list[str]]:
    """The worst mistakes on the validation set as pictures, with what they are and were said to be."""
    shape, classes = training.data.shape, training.data.classes
    x, y = training.rows("val")
    found = worst(training, run, many)
    pictures = np.moveaxis(x[[row for row, *_ in found]].reshape(-1, *shape), 1, -1)
    shown = np.broadcast_to(255 * pictures.clip(0, 1), (*pictures.shape[:3], 3)).astype(np.uint8)
    return shown, [f"{classes[y[row]]}, said {classes[said]} ({share:.0%})" for row, said, share in found]


def worst_sentences(training: Training, run: int, many: int) -> list[str]:
    """The worst mistakes on the validation set as sentences."""
    words, classes = training.data.vocabulary, training.data.classes
    x, y = training.rows("val")
    found = []
    for row, said, share in worst(training, run, many):
        text = " ".join(words[token] for token in x[row].tolist() if token)
        found.append(f"“{text}” is {classes[y[row]]}, said {classes[said]} ({share:.0%})")
    return found


def told(training: Training, names: Sequence[str]) -> list[str]:
    """All that is said of a training below its table; `names` has titles of its entrants, and of forks after them."""
    last = int(training.metric_steps[-1])
    marked = "" if last == training.steps else f"The table tells of step {last}, the last that was evaluated."
    found = [*ends(training, names), marked, training_verdict(training, names), theorem(training), *training.data.notes]
    if training.task.init == "zeros" and len(training.task.model.layers) > 1:
        found.append(f"All first weights are zero: {INITS['zeros'].source}, so the network cannot tell its inputs apart.")
    return [sentence for sentence in found if sentence]
