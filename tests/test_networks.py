"""Networks: trained by hand in numpy as torch trains them, from one state, on one stream of batches."""

import math

import numpy as np
import pytest
import torch

from networks import MLP, TASKS, train
from networks.data import split
from optimizers import RULES

DIGITS = TASKS["digits_mlp"]
RATES = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.02, "adadelta": 1.0}
TWINS = [rule for rule in RULES.values() if rule.twin]
ENTRANTS = [(rule.key, {"lr": RATES.get(rule.key, 2e-3)}) for rule in TWINS]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained_by_torch(training, run: int, key: str, hypers: dict) -> np.ndarray:
    """The parameters that a plain torch loop reaches from the same start on the same batches."""
    rule = RULES[key]
    assert rule.twin is not None
    numbers = rule.check(hypers)
    module = training.module(run, "start")
    dtype = next(module.parameters()).dtype
    optimizer = getattr(torch.optim, rule.twin.name)(module.parameters(), lr=numbers["lr"], **rule.twin.arguments(numbers))
    x, y = training.data.x_train.to(dtype), training.data.y_train
    measure = torch.nn.functional.cross_entropy if training.task.model.classes else torch.nn.functional.mse_loss
    for batch in training.batches:
        optimizer.zero_grad()
        measure(module(x[batch]), y[batch] if training.task.model.classes else y[batch].to(dtype)).backward()
        optimizer.step()
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()


@pytest.fixture(scope="module")
def in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam's product of momenta is kept in the default dtype
    yield train(DIGITS, entrants=ENTRANTS, steps=200, dtype="float64")
    torch.set_default_dtype(before)


@pytest.mark.parametrize("run", range(len(TWINS)), ids=[rule.key for rule in TWINS])
def test_two_hundred_steps_are_those_of_torch_in_float64(in_float64, run):
    np.testing.assert_allclose(trained_by_torch(in_float64, run, *ENTRANTS[run]), in_float64.x[run], atol=1e-10)


@pytest.mark.parametrize("key", ["diabetes_mlp", "spiral_mlp", "cancer_mlp", "digits_softmax"])
def test_other_tasks_are_trained_as_torch_trains_them(key):
    entrant = ("adam", {"lr": 3e-3})
    training = train(TASKS[key], entrants=[entrant], steps=60, batch_size=32, seed=3, dtype="float64")
    np.testing.assert_allclose(trained_by_torch(training, 0, *entrant), training.x[0], atol=1e-10)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("classes", [True, False])
def test_backpropagation_by_hand_is_autograd(activation, classes):
    model = MLP((5, 7, 6, 3), activation, classes)
    rng = np.random.default_rng(0)
    stack, x = rng.normal(size=(4, model.parameters)), rng.normal(size=(9, 5))
    y = rng.integers(0, 3, 9) if classes else rng.normal(size=(9, 3))
    loss, gradient = model.gradient(stack, x, y)
    for i, row in enumerate(stack):
        module = model.module(row)
        outputs = module(torch.tensor(x))
        measure = torch.nn.functional.cross_entropy if classes else torch.nn.functional.mse_loss
        theirs = measure(outputs, torch.tensor(y))
        theirs.backward()
        assert loss[i] == pytest.approx(theirs.item(), rel=1e-12)
        of_all = torch.cat([p.grad.reshape(-1) for p in module.parameters() if p.grad is not None])
        np.testing.assert_allclose(gradient[i], of_all.numpy(), atol=1e-12)


def test_all_begin_alike_and_copies_stay_alike():
    training = train(DIGITS, entrants=[("adam", {}), ("sgd", {}), ("adam", {})], steps=30)
    assert (training.x0 == training.x0[0]).all()
    np.testing.assert_array_equal(training.x[0], training.x[2])
    assert training.loss.shape == (30, 3)
    assert (training.loss[0] == training.loss[0, 0]).all()


def test_many_rates_are_as_many_trainings():
    rates = [1e-3, 1e-2, 0.1]
    together = train(DIGITS, entrants=[("momentum", {"lr": rates})], steps=40, dtype="float64")
    for i, lr in enumerate(rates):
        alone = train(DIGITS, entrants=[("momentum", {"lr": lr})], steps=40, dtype="float64")
        np.testing.assert_allclose(together.x[i], alone.x[0], rtol=1e-12, atol=1e-15)


def test_a_rate_that_destroys_its_run_leaves_the_others_alone():
    entrants = [("sgd", {"lr": 0.1}), ("sgd", {"lr": 100.0}), ("adam", {"lr": 1e-3})]
    training = train(TASKS["diabetes_mlp"], entrants=entrants, steps=60)
    alone = train(TASKS["diabetes_mlp"], entrants=[entrants[0], entrants[2]], steps=60)
    assert training.stopped[1] < 61
    assert training.stopped[[0, 2]].tolist() == [61, 61]
    assert np.isnan(training.loss[training.stopped[1] :, 1]).all()
    np.testing.assert_array_equal(training.x[[0, 2]], alone.x)


def test_the_batches_are_epochs_of_the_training_set():
    training = train(DIGITS, entrants=[("sgd", {})], steps=45, batch_size=64, seed=5)
    rows = len(training.data.x_train)
    an_epoch = rows // 64
    assert len(np.unique(training.batches[:an_epoch])) == an_epoch * 64
    again = train(DIGITS, entrants=[("adam", {})], steps=45, batch_size=64, seed=5)
    np.testing.assert_array_equal(training.batches, again.batches)
    other = train(DIGITS, entrants=[("sgd", {})], steps=45, batch_size=64, seed=6)
    assert (training.batches != other.batches).any()


def test_digits_are_learned():
    training = train(DIGITS, entrants=[("adam", {"lr": 5e-3}), ("momentum", {"lr": 0.05})], steps=300)
    assert (training.metrics["val_accuracy"][-1] > 0.93).all()
    assert training.metric_steps[0] == 0
    assert training.metric_steps[-1] == 300
    assert training.metrics["val_loss"].shape == (len(training.metric_steps), 2)


def test_it_can_be_stopped_and_tells_how_far_it_is():
    told = []
    training = train(DIGITS, entrants=[("sgd", {})], steps=500, progress=told.append, should_stop=lambda: len(told) > 3)
    assert 0 < len(training.loss) < 500
    assert told == sorted(told)


@pytest.mark.parametrize("key", TASKS)
def test_every_task_has_data_in_three_parts_and_falls(key):
    task = TASKS[key]
    training = train(task, entrants=[("adam", {"lr": 5e-3})], steps=80, batch_size=32)
    data = training.data
    sizes = [len(part) for part in (data.x_train, data.x_val, data.x_test)]
    assert min(sizes) > 10
    assert sizes[0] > sizes[1]
    losses = training.metrics["val_loss"][:, 0]
    assert losses[-1] < losses[0]
    assert (task.model.classes and data.y_train.dtype == torch.int64) or data.y_train.shape[1] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"entrants": []}, "entrants is empty"),
        ({"entrants": [("adamant", {})]}, "rule 'adamant' is unknown"),
        ({"entrants": [("adam", {"lr": -1.0})]}, "lr = -1 is not allowed"),
        ({"entrants": [("adam", {"mu": 0.9})]}, "adam has no hyperparameter 'mu'"),
        ({"entrants": [("adam", {"lr": [0.1, 0.2], "beta1": [0.1, 0.2, 0.3]})]}, "as many for all"),
        ({"entrants": [("adam", {})], "batch_size": 5000}, "batch_size = 5000 is not allowed"),
        ({"entrants": [("adam", {})], "batch_size": 0}, "batch_size = 0 is not allowed"),
    ],
)
def test_bad_input_is_named(arguments, told):
    with pytest.raises(ValueError, match=told):
        train(DIGITS, **arguments)


def test_a_class_of_one_row_is_refused():
    with pytest.raises(ValueError, match="class 1 has 1 rows: allowed are 3 or more"):
        split(np.zeros((10, 2)), np.array([0] * 9 + [1]), seed=0)


def test_the_first_loss_is_that_of_guessing():
    training = train(DIGITS, entrants=[("sgd", {})], steps=1)
    assert training.loss[0, 0] == pytest.approx(math.log(10), rel=0.05)
