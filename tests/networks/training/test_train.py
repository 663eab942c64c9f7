"""A training's regime, its seeds and its forks: what is done to a gradient is torch's, what is repeated is repeated exactly."""

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from core import DIVERGENCE_BOUND, SCHEDULES
from core.hosting.jobs import _packed
from networks import TASKS, NetworkTask, Training, fork, train
from networks.data.augment import Augmentation
from networks.data.prepare import class_weights
from networks.export.script import script
from networks.model.architectures import CNN, MLP, Reader
from networks.model.layers.recurrent import GRU
from networks.training import trainer
from networks.training.entrants import numbers_of
from networks.training.regime import REGIME
from networks.training.train import continued
from optimizers import ENTRANTS, RULES
from tests import by_torch

one_thread = pytest.fixture(scope="module", autouse=True)(by_torch.one_thread)

DIGITS, DIABETES, CANCER, SOFTMAX = (TASKS[key] for key in ("digits_mlp", "diabetes_mlp", "cancer_mlp", "digits_softmax"))
DROPPING = replace(DIGITS, kind=MLP((32, 16), dropout=0.3))
ADAM, MOMENTUM = ("adam", {"lr": 5e-3}), ("momentum", {"lr": 0.03})
SOME = [ADAM, MOMENTUM, ("sgd", {"lr": [0.05, 0.2]})]


def same(one: Training, other: Training) -> None:
    """All that was recorded is the same bit for bit."""
    for name in ("x0", "x", "loss", "unweighted", "accuracy", "batches", "stopped", "finished", "metric_steps", "kept"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in one.metrics:
        np.testing.assert_array_equal(one.metrics[name], other.metrics[name], err_msg=name)


def stopping(after: int) -> Callable[[], bool]:
    """Says True from the so many-th time on that it is asked."""
    left = iter(range(after))
    return lambda: next(left, None) is None


# What is done to a gradient, and to the parameters


def by_hand(kind: str, size: float) -> Callable[[torch.nn.Module], object]:
    """The same done to the gradients of a module."""

    def to_each(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.nn.Module], object]:
        return lambda module: [p.grad.add_(change(p.detach())) for p in module.parameters() if p.grad is not None]

    return {
        "l1": to_each(lambda p: size * p.sign()),
        "l2": to_each(lambda p: size * p),
        "clip_norm": lambda module: torch.nn.utils.clip_grad_norm_(module.parameters(), size),
        "clip_value": lambda module: torch.nn.utils.clip_grad_value_(module.parameters(), size),
    }[kind]


@pytest.mark.parametrize("entrant", [ADAM, MOMENTUM], ids=["adam", "momentum"])
@pytest.mark.parametrize(
    ("kind", "size", "within"),
    [
        ("l1", 1e-3, 1e-12),
        ("l2", 1e-2, 1e-12),
        ("clip_value", 5e-3, 1e-12),
        ("clip_norm", 0.1, 2e-5),  # torch divides by the norm + 1e-6, we by the norm
    ],
)
def test_what_is_done_to_a_gradient_is_torchs(kind, size, within, entrant):
    plain, changed = (train(DIGITS, entrants=[entrant], steps=40, dtype="float64", **setting) for setting in ({}, {kind: size}))
    theirs = by_torch.trained(changed, 0, by_torch.twin(*entrant), between=by_hand(kind, size))
    np.testing.assert_allclose(by_torch.parameters(theirs), changed.x[0], rtol=0, atol=within)
    assert np.abs(plain.x - changed.x).max() > 100 * within
    own = train(DIGITS, entrants=[(entrant[0], {**entrant[1], kind: size}), entrant], steps=40, dtype="float64")
    np.testing.assert_array_equal(own.x, [changed.x[0], plain.x[0]])


def test_a_clipped_norm_is_the_bound():
    bound = 0.05
    training = train(DIGITS, entrants=[("sgd", {"lr": 0.1, "clip_norm": bound})], steps=30, dtype="float64")
    assert (training.metrics["grad_norm"][1:] > bound).all()  # what is recorded is not yet clipped
    np.testing.assert_allclose(training.metrics["update_norm"][1:], 0.1 * bound, rtol=1e-12)


def test_l2_goes_through_the_rule_and_decay_past_it():
    """Which for Adam are two things and for SGD one (Loshchilov & Hutter, arXiv:1711.05101, § 2)."""
    kinds = ("l2", "weight_decay")
    entrants = [(rule, {"lr": lr, kind: 0.1}) for rule, lr in (("adam", 5e-3), ("sgd", 0.1)) for kind in kinds]
    adam_l2, adam_decay, sgd_l2, sgd_decay = train(DIGITS, entrants=entrants, steps=20, dtype="float64").x
    assert np.abs(adam_l2 - adam_decay).max() > 1e-3
    np.testing.assert_allclose(sgd_l2, sgd_decay, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["l1", "l2", "weight_decay"])
def test_what_pulls_at_weights_pulls_at_biases_and_says_so(kind):
    """As the decay of torch.optim does; and so does the script of the run."""
    task = TASKS["iris_mlp"]
    settings: dict[str, Any] = {"entrants": [("sgd", {"lr": 0.01})], "steps": 1, "batch_size": 16, "dtype": "float64"}
    plain, pulled = (train(task, **{**settings, **own}) for own in ({}, {kind: 0.5}))
    biases = [place for block, place in zip(task.model.blocks, task.model.places, strict=True) if block.name.endswith("bias")]
    assert biases
    for place in biases:
        x = plain.x0[0, place]
        assert (x != 0).any()
        wanted = plain.x[0, place] - 0.01 * 0.5 * (np.sign(x) if kind == "l1" else x)
        np.testing.assert_allclose(pulled.x[0, place], wanted, rtol=0, atol=1e-15)
    assert "biases too" in REGIME[kind].help
    text = script(pulled, 0)
    assert "for p in model.parameters()" in text


@pytest.mark.parametrize("key", [key for key, one in ENTRANTS.items() if one.rule.settings])
def test_a_preset_is_its_torch_optimizer(key):
    entrants = [(key, {"lr": 5e-3}), (key, {"lr": 5e-3, "weight_decay": 0.3})]
    training = train(DIGITS, entrants=entrants, steps=60, dtype="float64")
    for run, entrant in enumerate(entrants):
        theirs = by_torch.trained(training, run, by_torch.twin(*entrant))
        np.testing.assert_allclose(by_torch.parameters(theirs), training.x[run], rtol=0, atol=1e-12)
    assert np.abs(training.x[0] - training.x[1]).max() > 1e-3


@pytest.mark.parametrize("key", SCHEDULES)
def test_a_schedule_multiplies_every_rate(key):
    rates = [0.02, 0.05]
    training = train(DIGITS, entrants=[("momentum", {"lr": rates})], steps=40, dtype="float64", schedule=key)
    factors = SCHEDULES[key].factors(40)[:, 0]
    np.testing.assert_allclose(training.metrics["lr"][:-1], np.outer(factors[training.metric_steps[:-1]], rates), rtol=1e-14)

    def scheduler(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: factors[min(t, 39)])

    theirs = by_torch.trained(training, 1, by_torch.twin("momentum", {"lr": 0.05}), schedule=scheduler)
    np.testing.assert_allclose(by_torch.parameters(theirs), training.x[1], rtol=0, atol=1e-12)


def test_cosine_is_torchs():
    training = train(DIGITS, entrants=[MOMENTUM], steps=40, dtype="float64", schedule="cosine")
    theirs = by_torch.trained(
        training,
        0,
        by_torch.twin(*MOMENTUM),
        schedule=lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=39),
    )
    np.testing.assert_allclose(by_torch.parameters(theirs), training.x[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", ["cancer_mlp", "cancer_logistic", "digits_mlp"])
def test_weights_of_classes_are_torchs(key):
    plain, weighted = (
        train(TASKS[key], entrants=[ADAM], steps=40, batch_size=32, dtype="float64", class_weights=on) for on in (False, True)
    )
    weights = torch.from_numpy(class_weights(weighted.data.y_train))
    theirs = by_torch.trained(weighted, 0, by_torch.twin(*ADAM), weights)
    np.testing.assert_allclose(by_torch.parameters(theirs), weighted.x[0], rtol=0, atol=1e-12)
    if key != DIGITS.key:  # the digits are about as many of each
        assert np.abs(plain.x - weighted.x).max() > 1e-3


def test_weights_of_classes_are_those_of_cross_entropy():
    training = train(CANCER, entrants=[("sgd", {})], steps=1, dtype="float64", class_weights=True)
    data, batch = training.data, training.batches[0]
    weights = torch.from_numpy(class_weights(data.y_train))
    outputs = training.module(0, "start")(data.x_train[batch].double())
    theirs = torch.nn.functional.cross_entropy(outputs, data.y_train[batch], weight=weights)
    assert training.loss[0, 0] == pytest.approx(theirs.item(), rel=1e-12)


# What is drawn is drawn once, for all


@pytest.mark.parametrize(
    "task",
    [
        DROPPING,
        replace(TASKS["digits_cnn"], kind=CNN((4,), dropout=0.5)),
        replace(TASKS["digits_gru"], kind=Reader(GRU(8), dropout=0.2)),
    ],
    ids=["MLP", "CNN", "reader"],
)
def test_dropout_is_torchs_with_the_same_masks(task):
    training = train(task, entrants=[ADAM, MOMENTUM], steps=25, batch_size=16, seed=4, dtype="float64")
    for run, entrant in enumerate(training.entrants):
        theirs = by_torch.trained(training, run, by_torch.twin(*entrant))
        np.testing.assert_allclose(by_torch.parameters(theirs), training.x[run], rtol=0, atol=1e-10)
        loss, accuracy = by_torch.evaluated(training, theirs)  # and there it drops nothing
        assert training.metrics["val_loss"][-1, run] == pytest.approx(loss, rel=1e-9)
        assert training.metrics["val_accuracy"][-1, run] == accuracy


SHARED: dict[str, dict[str, Any]] = {
    "nothing drawn": {"task": DIGITS},
    "dropout": {"task": DROPPING},
    "augmentation": {"task": TASKS["digits_cnn"], "batch_size": 8, "augmentation": Augmentation(1, 20.0, True)},
}


@pytest.mark.parametrize("arguments", SHARED.values(), ids=SHARED)
def test_all_rules_see_the_same_and_see_it_again(arguments):
    together = train(**arguments, entrants=SOME, steps=20)
    assert (together.loss[0] == together.loss[0, 0]).all()
    same(together, train(**arguments, entrants=SOME, steps=20))
    for run, entrant in enumerate([ADAM, MOMENTUM, ("sgd", {"lr": 0.05}), ("sgd", {"lr": 0.2})]):
        alone = train(**arguments, entrants=[entrant], steps=20)
        np.testing.assert_array_equal(alone.x[0], together.x[run])
        np.testing.assert_array_equal(alone.loss[:, 0], together.loss[:, run])
        np.testing.assert_array_equal(alone.metrics["val_loss"][:, 0], together.metrics["val_loss"][:, run])
    other = train(**arguments, entrants=SOME, steps=20, seed=1)
    assert (other.loss != together.loss).all()


def test_augmentation_moves_the_training_set_alone():
    arguments: dict[str, Any] = {"task": TASKS["digits_cnn"], "entrants": [ADAM], "steps": 3, "batch_size": 16}
    plain, moved = train(**arguments), train(**arguments, augmentation=Augmentation(shift=2))
    assert (plain.loss != moved.loss).all()
    np.testing.assert_array_equal(plain.batches, moved.batches)
    assert plain.metrics["val_loss"][0] == moved.metrics["val_loss"][0]


def test_augmentation_wants_images():
    with pytest.raises(ValueError, match="images have three sizes"):
        train(CANCER, entrants=[ADAM], steps=1, augmentation=Augmentation(shift=1))


def test_copies_differ_by_nothing():
    training = train(DROPPING, entrants=[ADAM, ("sgd", {"lr": [0.1, 0.1]}), ADAM, MOMENTUM], steps=30)
    np.testing.assert_array_equal(training.x[0], training.x[3])
    np.testing.assert_array_equal(training.x[1], training.x[2])
    np.testing.assert_array_equal(training.loss[:, 0] - training.loss[:, 3], 0)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("key", ["digits_mlp", "digits_cnn", "digits_lstm"])
def test_many_rates_are_as_many_trainings(key, schedule):
    rates = np.geomspace(1e-3, 0.1, 20)
    together = train(TASKS[key], entrants=[("momentum", {"lr": rates})], steps=12, batch_size=16, schedule=schedule)
    for i in (0, 7, 19):
        alone = train(TASKS[key], entrants=[("momentum", {"lr": rates[i]})], steps=12, batch_size=16, schedule=schedule)
        np.testing.assert_array_equal(together.x[i], alone.x[0])


def test_many_memories_are_as_many_trainings():
    memories = [0.5, 0.9, 0.999]
    together = train(DIGITS, entrants=[("adam", {"lr": 3e-3, "beta2": memories})], steps=40, dtype="float64")
    for i, beta2 in enumerate(memories):
        alone = train(DIGITS, entrants=[("adam", {"lr": 3e-3, "beta2": beta2})], steps=40, dtype="float64")
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=0, atol=1e-14)


# Batches


def test_the_batches_are_epochs_of_the_training_set():
    training = train(DIGITS, entrants=[("sgd", {})], steps=45, batch_size=64, seed=5)
    rows = len(training.data.x_train)
    an_epoch = rows // 64
    assert len(np.unique(training.batches[:an_epoch])) == an_epoch * 64
    assert len(np.unique(training.batches[an_epoch : 2 * an_epoch])) == an_epoch * 64
    again = train(DIGITS, entrants=[("adam", {})], steps=45, batch_size=64, seed=5)
    np.testing.assert_array_equal(training.batches, again.batches)
    other = train(DIGITS, entrants=[("sgd", {})], steps=45, batch_size=64, seed=6)
    assert (training.batches != other.batches).any()


def test_a_batch_may_be_all_or_one():
    rows = len(DIABETES.load(0).x_train)
    whole = train(DIABETES, entrants=[("sgd", {"lr": 0.05})], steps=20, batch_size=rows, dtype="float64")
    assert (np.sort(whole.batches, axis=1) == np.arange(rows)).all()
    assert (np.diff(whole.loss[:, 0]) < 0).all()  # without noise it falls at every step
    single = train(DIABETES, entrants=[("sgd", {"lr": 1e-3})], steps=rows, batch_size=1, dtype="float64")
    assert np.sort(single.batches[:, 0]).tolist() == list(range(rows))
    for training in (whole, single):
        theirs = by_torch.trained(training, 0, by_torch.twin(*training.entrants[0]))
        np.testing.assert_allclose(by_torch.parameters(theirs), training.x[0], rtol=0, atol=1e-12)


# Seeds


@pytest.mark.parametrize("task", [DIGITS, DROPPING, TASKS["digits_cnn"]], ids=["MLP", "dropout", "CNN"])
def test_several_seeds_are_as_many_trainings_on_one_split(task, monkeypatch):
    seeds, entrants = (3, 0, 8), [ADAM, ("sgd", {"lr": [0.1, 0.2]})]
    arguments: dict[str, Any] = {"steps": 15, "batch_size": 16}
    together = train(task, entrants=entrants, seed=seeds, **arguments)
    assert together.runs == 3 * len(seeds)
    assert together.batches.shape == (15, len(seeds), 16)
    split = together.data
    np.testing.assert_array_equal(split.x_train, task.load(seeds[0]).x_train)
    monkeypatch.setattr(NetworkTask, "load", lambda task, seed: split)
    for s, seed in enumerate(seeds):
        alone = train(task, entrants=entrants, seed=seed, **arguments)
        np.testing.assert_array_equal(together.batches[:, s], alone.batches)
        for e in range(3):
            run = e * len(seeds) + s
            np.testing.assert_array_equal(together.x0[run], alone.x0[e])
            np.testing.assert_array_equal(together.x[run], alone.x[e])
            np.testing.assert_array_equal(together.loss[:, run], alone.loss[:, e])
            for name, values in alone.metrics.items():
                np.testing.assert_array_equal(together.metrics[name][:, run], values[:, e])


def test_a_seed_may_be_of_any_whole_kind():
    same(*(train(DIGITS, entrants=[ADAM], steps=2, seed=seed) for seed in (3, np.array([3])[0])))


# Patience


def test_patience_ends_a_run_and_not_its_neighbours():
    entrants = [("sgd", {"lr": 0.05}), ("adam", {"lr": 0.1}), ("sgd", {"lr": 1e-6, "l2": 0.0})]
    patient, endless = (train(CANCER, entrants=entrants, steps=120, batch_size=32, patience=end) for end in (4, 0))
    assert (endless.finished == 121).all()
    ended = np.flatnonzero(patient.finished <= 120)
    assert 0 < len(ended) < 3
    for run in range(3):
        at = patient.finished[run]
        losses, records = patient.metrics["val_loss"][:, run], patient.metric_steps
        np.testing.assert_array_equal(patient.loss[:at, run], endless.loss[:at, run])
        assert np.isnan(patient.loss[at:, run]).all()
        last = np.searchsorted(records, min(at, 120))
        best = losses[: last + 1].argmin()
        if run in ended:
            assert last - best == 4
            assert (losses[last:] == losses[last]).all()
        else:
            np.testing.assert_array_equal(patient.x[run], endless.x[run])


IMPATIENT: dict[str, Any] = {
    "entrants": [("sgd", {"lr": 0.05}), ("adam", {"lr": 0.1}), ("rmsprop", {"lr": 0.05})],
    "steps": 120,
    "batch_size": 32,
    "patience": 4,
}


@pytest.mark.parametrize("seed", [0, (0, 3)], ids=["one seed", "two"])
def test_who_is_out_of_patience_has_the_weights_of_its_best_record(seed):
    best, last = (train(CANCER, **IMPATIENT, seed=seed, keep_best=keep) for keep in (True, False))
    ended = np.flatnonzero(best.finished <= 120)
    assert 0 < len(ended) < best.runs
    for name in ("loss", "finished", "stopped", "metric_steps"):  # on the way nothing is different
        np.testing.assert_array_equal(getattr(best, name), getattr(last, name))
    np.testing.assert_array_equal(last.kept, np.minimum(last.finished, 120))
    for run in range(best.runs):
        if run not in ended:
            np.testing.assert_array_equal(best.x[run], last.x[run])
            continue
        upto = best.metric_steps <= best.finished[run]
        lowest = int(best.metrics["val_loss"][upto, run].argmin())
        assert best.kept[run] == best.metric_steps[lowest] < best.finished[run]
        assert best.final("val_loss")[run] == best.metrics["val_loss"][upto, run].min()
        name, numbers, own = numbers_of(best, run)
        path = train(CANCER, **{**IMPATIENT, "patience": 0, "entrants": [(name, numbers)]}, seed=best.regime.seeds)
        at = best.regime.seeds.index(own)
        np.testing.assert_array_equal(fork(path, at, int(best.kept[run]), [(name, numbers)]).x0[0], best.x[run])
        with torch.no_grad():
            loss, accuracy = by_torch.evaluated(best, best.module(run))
        assert loss == pytest.approx(best.final("val_loss")[run], rel=1e-5)
        assert accuracy == pytest.approx(best.final("val_accuracy")[run])


def test_what_is_kept_changes_no_fork_and_no_going_on():
    """The state of the last step is never lost: a run is forked where it was, and also where it was best."""
    parent = train(CANCER, **IMPATIENT)
    run = int(np.flatnonzero(parent.finished <= 120)[0])
    endless = train(CANCER, **{**IMPATIENT, "patience": 0})
    entrant = parent.entrants[run]
    for step in (int(parent.kept[run]), int(parent.kept[run]) + 1, int(parent.finished[run])):
        child, same_child = (fork(one, run, step, [entrant]) for one in (parent, endless))
        np.testing.assert_array_equal(child.x0, same_child.x0)
        np.testing.assert_array_equal(child.loss[:10], same_child.loss[:10])
    np.testing.assert_array_equal(fork(parent, run, int(parent.kept[run]), [entrant]).x0[0], parent.x[run])
    for steps in range(5, 120, 13):
        told: list[float] = []
        half = train(CANCER, **IMPATIENT, progress=told.append, should_stop=lambda: len(told) > steps)  # noqa: B023
        assert half.steps < 120
        same(continued(half), parent)


def test_a_run_whose_patience_lasts_has_its_last_weights():
    entrants = [("sgd", {"lr": 0.05})]
    keeping, plain = (train(CANCER, entrants=entrants, steps=60, patience=end) for end in (50, 0))
    np.testing.assert_array_equal(keeping.x, plain.x)
    assert keeping.kept[0] == plain.kept[0] == 60


def test_a_fork_has_patience_of_its_own():
    impatient = ("adam", {"lr": 0.1})
    parent = train(CANCER, entrants=[impatient], steps=120, batch_size=32, patience=4)
    end = int(parent.finished[0])
    assert end < 120
    at = int(parent.metric_steps[-3])
    child = fork(parent, 0, at, [impatient])
    assert end < child.finished[0] < 121
    np.testing.assert_array_equal(child.loss[: end - at, 0], parent.loss[at:end, 0])
    with pytest.raises(ValueError, match=f"it must be from 0 to {end}, which this run made"):
        fork(parent, 0, end + 1, [impatient])


# Divergence


def test_a_rate_that_destroys_its_run_leaves_the_others_alone():
    entrants = [("sgd", {"lr": 0.1}), ("sgd", {"lr": 100.0}), ("adam", {"lr": 1e-3})]
    training = train(DIABETES, entrants=entrants, steps=60)
    alone = train(DIABETES, entrants=[entrants[0], entrants[2]], steps=60)
    end = training.stopped[1]
    assert end < 61
    assert training.stopped[[0, 2]].tolist() == [61, 61]
    assert training.diverged.tolist() == [False, True, False]
    assert np.isnan(training.loss[end:, 1]).all()
    assert np.isfinite(training.loss[: end - 1, 1]).all()
    assert (np.abs(training.loss[: end - 1, 1]) <= DIVERGENCE_BOUND).all()
    np.testing.assert_array_equal(training.x[[0, 2]], alone.x)
    np.testing.assert_array_equal(training.loss[:, [0, 2]], alone.loss)
    np.testing.assert_array_equal(training.metrics["val_loss"][:, [0, 2]], alone.metrics["val_loss"])


def test_one_of_many_rates_diverges_alone():
    rates = np.array([0.01, 0.05, 90.0, 0.1])
    training = train(DIABETES, entrants=[("momentum", {"lr": rates})], steps=60)
    assert training.diverged.tolist() == [False, False, True, False]
    others = train(DIABETES, entrants=[("momentum", {"lr": rates[[0, 1, 3]]})], steps=60)
    np.testing.assert_array_equal(training.x[[0, 1, 3]], others.x)


def test_where_all_diverge_the_training_ends():
    training = train(DIABETES, entrants=[("sgd", {"lr": 100.0})], steps=5000)
    assert len(training.loss) < 500
    assert training.diverged.all()


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("float division by zero"), IndexError("no such row"), TypeError("two\nlines")]
)
def test_a_rule_that_fails_takes_no_neighbour_with_it(error, monkeypatch):
    entrants = [("sgd", {"lr": 0.1}), ("adam", {"lr": [1e-3, 1e-2]}), ("lion", {})]
    alone = train(DIGITS, entrants=[entrants[0], entrants[2]], steps=30, seed=(0, 1))
    whole = train(DIGITS, entrants=[entrants[1]], steps=30, seed=(0, 1))
    right = trainer.update_of

    def failing(group: Any) -> Any:
        update = right(group)

        def step(x: Any, g: Any, slots: Any, lr: Any, t: Any, *more: Any) -> Any:
            if group.rule.key == "adam" and t == 8:
                raise error
            return update(x, g, slots, lr, t, *more)

        return step

    monkeypatch.setattr(trainer, "update_of", failing)
    training = train(DIGITS, entrants=entrants, steps=30, seed=(0, 1))
    assert training.stopped.tolist() == [31, 31, 8, 8, 8, 8, 31, 31]
    assert set(training.reasons) == {2, 3, 4, 5}
    for reason in training.reasons.values():
        assert reason.startswith(f"Adam could not make step 8 ({type(error).__name__}: ")
        assert "\n" not in reason
    np.testing.assert_array_equal(training.x[[0, 1, 6, 7]], alone.x)
    np.testing.assert_array_equal(training.loss[:, [0, 1, 6, 7]], alone.loss)
    for name in alone.metrics:
        np.testing.assert_array_equal(training.metrics[name][:, [0, 1, 6, 7]], alone.metrics[name])
    np.testing.assert_array_equal(training.loss[:8, 2:6], whole.loss[:8])
    assert np.isnan(training.loss[8:, 2:6]).all()
    told: list[float] = []
    half = train(DIGITS, entrants=entrants, steps=30, seed=(0, 1), progress=told.append, should_stop=lambda: len(told) > 15)
    assert 8 < half.steps < 30
    rest = continued(half)
    same(rest, training)
    assert rest.reasons == training.reasons


def test_a_rule_that_divides_by_zero_is_torchs_all_the_same():
    """RAdam's ρ∞ is 4 exactly at β₂ = 0.6, and its rectification divides by ρ∞ − 4."""
    entrants = [("radam", {"lr": 1e-2, "beta2": 0.6}), ("sgd", {"lr": 0.1})]
    training = train(DIGITS, entrants=entrants, steps=40, dtype="float64")
    assert not training.diverged.any()
    for run, entrant in enumerate(entrants):
        theirs = by_torch.trained(training, run, by_torch.twin(*entrant))
        np.testing.assert_allclose(by_torch.parameters(theirs), training.x[run], rtol=0, atol=1e-12)


# Forks


def recorded(training: Training) -> int:
    """A step after which was evaluated."""
    return int(training.metric_steps[len(training.metric_steps) // 3])


def between(training: Training) -> int:
    """A step between two of those, later than `recorded`."""
    return next(step for step in range(recorded(training), training.steps) if step not in training.metric_steps)


@pytest.fixture(scope="module")
def parent() -> Training:
    """Forty steps of rules with and without slots, dropout, a schedule, own settings, two seeds."""
    entrants = [ADAM, MOMENTUM, ("adamw", {"lr": 1e-2, "clip_norm": 0.5}), ("sgd", {"lr": [0.05, 0.2]})]
    return train(DROPPING, entrants=entrants, steps=40, schedule="cosine", seed=(2, 5))


def entrant_of(training: Training, run: int) -> tuple[str, dict[str, float]]:
    return numbers_of(training, run)[:2]


def repeats(child: Training, parent: Training, run: int, step: int) -> None:
    """The child's one run is the parent's from a step on."""
    assert child.begun == step
    np.testing.assert_array_equal(child.x[0], parent.x[run])
    np.testing.assert_array_equal(child.loss[:, 0], parent.loss[step - parent.begun :, run])
    np.testing.assert_array_equal(child.accuracy[:, 0], parent.accuracy[step - parent.begun :, run])
    batches = parent.batches if parent.batches.ndim == 2 else parent.batches[:, run % parent.batches.shape[1]]
    np.testing.assert_array_equal(child.batches, batches[step - parent.begun :])
    ours, theirs = child.metric_steps > step, parent.metric_steps > step
    np.testing.assert_array_equal(child.metric_steps[ours], parent.metric_steps[theirs])
    evaluated = step in parent.metric_steps
    for name, values in child.metrics.items():
        first = 1 if name.startswith("train_") and not evaluated else 0  # means since the last record, here the fork
        np.testing.assert_array_equal(values[ours, 0][first:], parent.metrics[name][theirs, run][first:], err_msg=name)
        if name.startswith("val_") and evaluated:
            assert values[0, 0] == parent.metrics[name][parent.metric_steps == step, run]


@pytest.mark.parametrize(
    "when",
    [lambda parent: 0, lambda parent: 1, recorded, between, lambda parent: parent.steps],
    ids=["start", "first step", "record", "between records", "end"],
)
@pytest.mark.parametrize("run", range(10))
def test_an_unchanged_fork_repeats_its_parent(parent, run, when):
    step = when(parent)
    repeats(fork(parent, run, step, [entrant_of(parent, run)]), parent, run, step)


@pytest.mark.parametrize("key", RULES)
def test_every_rule_goes_on_with_its_slots_and_its_count(key):
    parent = train(SOFTMAX, entrants=[("sgd", {}), (key, {})], steps=20, batch_size=16)
    repeats(fork(parent, 1, 7, [(key, {})]), parent, 1, 7)


def test_a_fork_goes_on_with_others(parent):
    name, numbers = entrant_of(parent, 2)  # momentum
    others = [(name, numbers), (name, {**numbers, "lr": 0.1}), (name, {**numbers, "mu": 0.5}), ("rmsprop", {}), ADAM]
    child = fork(parent, 2, between(parent), others)
    assert (child.x0 == child.x0[0]).all()
    assert (child.loss[0] == child.loss[0, 0]).all()
    repeats(fork(parent, 2, between(parent), others[:1]), parent, 2, between(parent))
    np.testing.assert_array_equal(child.x[0], parent.x[2])
    assert len(np.unique(child.x, axis=0)) == len(others)


def test_another_rule_starts_anew_where_the_run_was():
    """It is a training of its own from there: Adam's count begins at 1, its averages at zero."""
    parent = train(DIGITS, entrants=[MOMENTUM], steps=30, dtype="float64")
    child = fork(parent, 0, 10, [ADAM])
    at_ten = train(DIGITS, entrants=[MOMENTUM], steps=10, dtype="float64").x[0]
    np.testing.assert_array_equal(child.x0[0], at_ten)
    theirs = by_torch.trained(child, 0, by_torch.twin(*ADAM))
    np.testing.assert_allclose(by_torch.parameters(theirs), child.x[0], rtol=0, atol=1e-12)


def test_a_fork_of_a_fork_is_one_of_the_first(parent):
    first = fork(parent, 0, recorded(parent), [entrant_of(parent, 0), ("rmsprop", {"lr": 1e-3})])
    again = fork(first, 0, between(parent), [entrant_of(parent, 0)])
    repeats(again, parent, 0, between(parent))
    repeats(again, first, 0, between(parent))
    other = fork(first, 1, 30, [("rmsprop", {"lr": 1e-3}), ADAM])
    np.testing.assert_array_equal(other.x[0], first.x[1])
    repeats(fork(other, 1, 33, [ADAM]), other, 1, 33)


def test_a_fork_of_a_stopped_training_goes_to_the_same_end():
    whole = train(DROPPING, entrants=[ADAM, MOMENTUM], steps=30)
    half = train(DROPPING, entrants=[ADAM, MOMENTUM], steps=30, should_stop=stopping(220))
    assert 5 < half.steps < 30
    repeats(fork(half, 1, 4, [MOMENTUM]), whole, 1, 4)
    with pytest.raises(ValueError, match=rf"step = 30 is not allowed: it must be from 0 to {half.steps}"):
        fork(half, 1, 30, [MOMENTUM])


def test_a_diverged_run_is_forked_before_its_end_alone():
    parent = train(DIABETES, entrants=[("sgd", {"lr": 100.0}), ("sgd", {"lr": 0.1})], steps=60)
    end = int(parent.stopped[0])
    saved = fork(parent, 0, 0, [("sgd", {"lr": 0.1})])
    np.testing.assert_array_equal(saved.x[0], parent.x[1])
    assert fork(parent, 0, end - 1, [("sgd", {"lr": 100.0})]).stopped[0] == end
    with pytest.raises(
        ValueError, match=rf"^step = {end} is not allowed: it must be from 0 to {end - 1}, which this run made$"
    ):
        fork(parent, 0, end, [("sgd", {"lr": 0.1})])


@pytest.mark.parametrize(
    ("run", "step", "told"),
    [
        (10, 0, "run = 10 is not allowed: it must be from 0 to 9"),
        (-1, 0, "run = -1 is not allowed: it must be from 0 to 9"),
        (0, 41, "step = 41 is not allowed: it must be from 0 to 40"),
        (0, -1, "step = -1 is not allowed: it must be from 0 to 40"),
    ],
)
def test_a_fork_that_is_nowhere_is_refused(parent, run, step, told):
    with pytest.raises(ValueError, match=told):
        fork(parent, run, step, [ADAM])


# Stopped and gone on with

REGIMES: dict[str, dict[str, Any]] = {
    "plain": {"task": DIGITS, "entrants": SOME},
    "all of it": {
        "task": DROPPING,
        "entrants": [*SOME, ("adamw", {"lr": 0.01}), ("nadam", {})],
        "seed": (1, 4),
        "schedule": "warmup_cosine",
        "l1": 1e-4,
        "clip_norm": 1.0,
        "patience": 3,
        "class_weights": True,
    },
    "augmented": {"task": TASKS["digits_cnn"], "entrants": [ADAM], "batch_size": 8, "augmentation": Augmentation(1, 10.0)},
}


@pytest.mark.parametrize("arguments", REGIMES.values(), ids=REGIMES)
def test_stopped_anywhere_and_gone_on_with_is_never_stopped(arguments):
    whole = train(**arguments, steps=24)
    seen = set()
    for asked in range(0, 330, 20 if arguments["task"] is DIGITS else 45):
        half = train(**arguments, steps=24, should_stop=stopping(asked))
        seen.add(half.steps)
        same(continued(half), whole)
        twice = continued(half, should_stop=stopping(60))
        same(continued(twice), whole)
    assert len(seen) > 3


def test_a_whole_training_has_nothing_to_go_on_with():
    whole = train(DIGITS, entrants=SOME, steps=10)
    same(continued(whole), whole)


def test_a_fork_is_gone_on_with_too(parent):
    whole = fork(parent, 3, between(parent), [entrant_of(parent, 3), ADAM])
    half = fork(parent, 3, between(parent), [entrant_of(parent, 3), ADAM], should_stop=stopping(130))
    assert between(parent) < half.steps < 40
    same(continued(half), whole)


def test_a_training_travels_without_its_data_and_goes_on_as_if_it_had_not():
    whole = train(DROPPING, entrants=[ADAM, MOMENTUM], steps=30, seed=(3, 4))
    half = train(DROPPING, entrants=[ADAM, MOMENTUM], steps=30, seed=(3, 4), should_stop=stopping(220))
    back = sum(map(len, _packed(half, (half.task,))))  # as a process sends it that was given the task
    assert back < 1.1 * (half.x0.nbytes + sum(one.nbytes for one in half.snapshots)) + 30_000
    there = pickle.loads(pickle.dumps(half))
    same(there, half)
    np.testing.assert_array_equal(there.batches, half.batches)
    same(continued(there), whole)


def test_of_states_beyond_what_is_kept_the_last_alone_is(monkeypatch):
    monkeypatch.setattr(trainer, "KEPT", 1000)
    watched = []
    whole = train(DIGITS, entrants=SOME, steps=30, watch=watched.append)
    assert [one.step for one in whole.snapshots] == [30]
    assert {len(one.snapshots) for one in watched} == {0}
    child = fork(whole, 1, 7, [entrant_of(whole, 1)])
    assert [one.step for one in child.snapshots] == [7, 30]
    np.testing.assert_array_equal(child.x[0], whole.x[1])
    again = fork(child, 0, 20, [entrant_of(whole, 1)])
    np.testing.assert_array_equal(again.x[0], whole.x[1])


def test_a_stop_is_heard_within_a_step():
    """Between the layers, on the way there and back; the step that was begun is not made."""
    asked = []
    training = train(DIGITS, entrants=SOME, steps=3, should_stop=lambda: bool(asked.append(0)) or len(asked) > 40)
    assert len(asked) < 50
    assert training.steps < 3
    for after in range(5, 40, 3):
        half = train(DIGITS, entrants=SOME, steps=3, should_stop=stopping(after))
        same(continued(half), train(DIGITS, entrants=SOME, steps=3))


def test_it_can_be_stopped_and_tells_how_far_it_is():
    told = []
    training = train(DIGITS, entrants=[("sgd", {})], steps=500, progress=told.append, should_stop=lambda: len(told) > 3)
    assert 0 < len(training.loss) < 500
    assert told == sorted(told)
    continued(training, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_it_is_watched_at_every_record():
    seen: list[Training] = []
    training = train(DIGITS, entrants=SOME, steps=60, watch=seen.append)
    assert [one.steps for one in seen] == training.metric_steps.tolist()
    for one in seen:
        np.testing.assert_array_equal(one.loss, training.loss[: one.steps])
        np.testing.assert_array_equal(one.metrics["val_loss"], training.metrics["val_loss"][: len(one.metric_steps)])


# What is kept


def test_states_are_kept_within_bounds(monkeypatch):
    entrants = [ADAM, ("sgd", {"lr": [0.1, 0.2]})]
    free = train(DIGITS, entrants=entrants, steps=100)
    assert [one.step for one in free.snapshots] == free.metric_steps.tolist()
    size = free.snapshots[0].nbytes
    assert size == (3 + 2) * DIGITS.model.parameters * 4  # three runs, and two slots of Adam's
    monkeypatch.setattr(trainer, "KEPT", 5 * size)
    bound = train(DIGITS, entrants=entrants, steps=100)
    same(bound, free)
    assert sum(one.nbytes for one in bound.snapshots[:-1]) <= 5 * size
    assert (bound.snapshots[0].step, bound.snapshots[-1].step) == (0, 100)
    for step in (1, 50, 97, 100):
        repeats(fork(bound, 2, step, [("sgd", {"lr": 0.2})]), free, 2, step)


def test_the_usual_bound_is_honoured_by_a_big_stack():
    training = train(TASKS["mnist_mlp"], entrants=[("adam", {"lr": np.geomspace(1e-4, 1e-2, 12)})], steps=10, batch_size=8)
    assert sum(one.nbytes for one in training.snapshots[:-1]) <= trainer.KEPT
    assert len(training.snapshots) < len(training.metric_steps)


# What is recorded


def test_what_is_recorded_is_what_was_trained():
    training = train(DIGITS, entrants=SOME, steps=30, dtype="float64")
    steps, metrics = training.metric_steps, training.metrics
    for k, (a, b) in enumerate(pairwise(steps), start=1):
        np.testing.assert_allclose(metrics["train_loss"][k], training.loss[a:b].mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(metrics["train_accuracy"][k], training.accuracy[a:b].mean(axis=0), rtol=1e-14)
    before, after = (train(DIGITS, entrants=SOME, steps=n, dtype="float64") for n in (29, 30))
    np.testing.assert_allclose(metrics["update_norm"][-1], np.linalg.norm(after.x - before.x, axis=1), rtol=1e-12)
    batch = training.batches[-1]
    for run in range(training.runs):
        net = DIGITS.model.module(before.x[run])
        torch.nn.functional.cross_entropy(net(training.data.x_train[batch].double()), training.data.y_train[batch]).backward()
        assert metrics["grad_norm"][-1, run] == pytest.approx(np.linalg.norm(by_torch.slopes(net)), rel=1e-12)


def test_what_is_recorded_with_weights_of_classes_counts_every_row_once():
    """So that it can be compared with what is recorded on the validation set."""
    plain, weighted = (train(CANCER, entrants=SOME, steps=30, dtype="float64", class_weights=on) for on in (False, True))
    np.testing.assert_array_equal(plain.unweighted, plain.loss)
    np.testing.assert_array_equal(weighted.unweighted[0], plain.loss[0])
    assert (weighted.loss[0] != plain.loss[0]).all()
    steps = weighted.metric_steps
    for k, (a, b) in enumerate(pairwise(steps), start=1):
        np.testing.assert_allclose(weighted.metrics["train_loss"][k], weighted.unweighted[a:b].mean(axis=0), rtol=1e-14)
    run, batch, data = 1, weighted.batches[-1], weighted.data
    before = train(CANCER, entrants=SOME, steps=29, dtype="float64", class_weights=True)
    outputs = CANCER.model.module(before.x[run])(data.x_train[batch].double())
    loss = torch.nn.functional.cross_entropy(outputs, data.y_train[batch]).item()
    assert weighted.unweighted[-1, run] == pytest.approx(loss, rel=1e-10)


def test_what_there_is_not_has_no_value():
    """Before the first step there is no gradient, no update and no minibatch; after a run's end there is nothing more."""
    entrants = [("sgd", {"lr": 1e-3}), ("sgd", {"lr": 100.0}), ("adam", {"lr": 0.5})]
    of_steps = {"train_loss", "grad_norm", "update_norm"}
    training = train(DIABETES, entrants=entrants, steps=60, patience=3)
    ends = np.minimum(training.stopped, training.finished)
    assert ends[0] > 60 >= ends[1:].max()
    begun = fork(training, 0, 20, [entrants[0]])
    for one in (training, begun):
        assert set(one.metrics) == {"val_loss", "lr"} | of_steps
        for name, values in one.metrics.items():
            assert np.isnan(values[0]).all() == (name in of_steps), name
        assert np.isfinite(one.metrics["val_loss"][:, 0]).all()
        assert all(np.isfinite(one.metrics[name][1:, 0]).all() for name in of_steps)
    over = training.metric_steps[:, None] > ends
    assert over.any(axis=0).tolist() == [False, True, True]
    for name in of_steps | {"lr"}:
        assert np.isnan(training.metrics[name][over]).all(), name
    for name, values in training.curves.items():
        assert np.isnan(values[over]).all()
        np.testing.assert_array_equal(values[~over], training.metrics[name][~over])


# Bad input


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"entrants": []}, "entrants is empty: allowed is one rule or more"),
        ({"entrants": [("adamant", {})]}, "rule 'adamant' is unknown: allowed is one of sgd, "),
        ({"entrants": [("adam", {"lr": -1.0})]}, "lr = -1 is not allowed: it must be a number from"),
        ({"entrants": [("adam", {"lr": math.nan})]}, "lr = nan is not allowed"),
        ({"entrants": [("adam", {"lr": [0.1, math.inf]})]}, "lr = inf is not allowed"),
        ({"entrants": [("adam", {"lr": [[0.1]]})]}, r"lr has shape \(1, 1\): allowed is one number, or one for each run"),
        ({"entrants": [("adam", {"lr": []})]}, "as many for all"),
        ({"entrants": [("adam", {"mu": 0.9})]}, "adam has no hyperparameter 'mu': it has lr, beta1"),
        ({"entrants": [("adam", {"lr": [0.1, 0.2], "beta1": [0.1, 0.2, 0.3]})]}, "as many for all"),
        ({"entrants": [("adam", {"weight_decay": -1})]}, "weight_decay = -1 is not allowed"),
        ({"batch_size": 5000}, "batch_size = 5000 is not allowed: it must be from 1 to 1257, the training set"),
        ({"batch_size": 0}, "batch_size = 0 is not allowed"),
        ({"batch_size": 2.5}, "batch_size = 2.5 is not allowed"),
        ({"steps": -1}, "steps = -1 is not allowed: it must be a whole number from 0"),
        ({"steps": 2.5}, "steps = 2.5 is not allowed: it must be a whole number"),
        ({"steps": math.nan}, "steps = nan is not allowed"),
        ({"dtype": "float16"}, "dtype = 'float16' is not allowed: it must be one of float32, float64"),
        ({"seed": -1}, "seed = -1 is not allowed: it must be a whole number"),
        ({"seed": 1.5}, "seed = 1.5 is not allowed: it must be a whole number"),
        ({"seed": (1, 1)}, r"seed = \[1, 1\] is not allowed: it must be one number, or several that differ"),
        ({"seed": ()}, r"seed = \[\] is not allowed"),
        ({"schedule": "cosin"}, "schedule = 'cosin' is unknown: allowed is one of constant, "),
        ({"l1": -1}, "l1 = -1 is not allowed"),
        ({"l2": "much"}, "l2 = 'much' is not a number"),
        ({"clip_norm": 0}, "clip_norm = 0 is not allowed: it must be a number from .*, or inf for off"),
        ({"clip_value": math.nan}, "clip_value = nan is not allowed"),
        ({"weight_decay": [0.1, 0.2]}, r"weight_decay has shape \(2,\): allowed is one number for all runs"),
        ({"patience": 0.5}, "patience = 0.5 is not allowed: it must be a whole number from 1"),
    ],
)
def test_bad_input_is_named(arguments, told):
    with pytest.raises(ValueError, match=told) as raised:
        train(DIGITS, **{"entrants": [ADAM], "steps": 3, **arguments})
    assert "\n" not in str(raised.value)


def test_no_step_is_a_training_too():
    training = train(DIGITS, entrants=SOME, steps=0)
    np.testing.assert_array_equal(training.x, training.x0)
    assert training.metric_steps.tolist() == [0]
    assert training.loss.shape == (0, 4)
