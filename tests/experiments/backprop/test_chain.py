"""The chain rule: its numbers are the stack's, torch's and finite differences'; its sentences and links; its page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from experiments.backprop.derivation import derivation_table, of_delta, of_weight
from experiments.backprop.run import rows_of, trained
from experiments.backprop.spec import FLAT_TASKS, Look, read_look
from experiments.backprop.words import rows_by_layer, seen, told_layers
from figures import chain as figures
from networks import TASKS
from networks.analysis.backprop import (
    by_difference,
    chained,
    equal_units,
    fully_connected,
    levels,
    products,
    terms_of_delta,
    terms_of_weight,
    weight_place,
)
from networks.model.layers.activation import BENDS
from networks.model.network import Network
from networks.model.parameters import INITS
from tests import by_torch
from ui.widgets.chain import sizes_of, strip_of

PAGE = Path(__file__).parents[3] / "pages" / "backprop.py"
FIRST = Look("moons_mlp", (5, 4), "tanh", "torch", "sgd")
SIGMOIDS = Look("moons_mlp", (8,) * 8, "sigmoid", "xavier", "sgd", (("rows", 64.0),))


def looked(look: Look) -> tuple[Network, np.ndarray, np.ndarray, np.ndarray]:
    """The network, its parameters, and the rows that are looked at."""
    data, rows, _ = rows_of(look)
    return look.network_task.model, trained(look)[0], data.x_train.numpy()[rows], data.y_train.numpy()[rows]


def sentences(look: Look) -> list[str]:
    chain = chained(*looked(look))
    return told_layers(chain, levels(chain))


def by_autograd(network: Network, parameters: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[list[Any], list[Any]]:
    """What every module gives, (rows, units), the gradient of the sum of the rows' losses by it kept; and the modules."""
    modules, passed = list(network.module(parameters).children()), [torch.tensor(x, dtype=torch.float64)]
    for part in modules:
        passed.append(part(passed[-1]))
        passed[-1].retain_grad()
    targets = torch.tensor(y) if network.classes else torch.tensor(y, dtype=torch.float64)
    by_torch.losses(network.measure, passed[-1], targets).sum().backward()
    return passed, modules


# The numbers


@pytest.mark.parametrize("rows", [1, 24])
@pytest.mark.parametrize("activation", BENDS)
@pytest.mark.parametrize("task", FLAT_TASKS)
def test_the_chain_is_the_stacks_and_torchs(task, activation, rows):
    look = Look(task, (7, 1, 6), activation, "he", "sgd", (("row", 5.0), ("rows", float(rows))))
    network, parameters, x, y = looked(look)
    chain = chained(network, parameters, x, y)
    loss, gradient, _ = network.gradient(parameters[None], x[None].astype(np.float64), y[None])
    mine = np.concatenate([part.ravel() for link in chain.links for part in (link.of_weights, link.of_bias)])
    assert chain.loss == pytest.approx(loss[0], rel=1e-12)
    np.testing.assert_allclose(mine, gradient[0], rtol=1e-12, atol=1e-14)
    passed, modules = by_autograd(network, parameters, x, y)
    for i, link in enumerate(chain.links):
        layer, z, a = modules[2 * i], passed[2 * i + 1], passed[min(2 * i + 2, len(passed) - 1)]
        for ours, theirs in (
            (link.entered, passed[2 * i]),
            (link.z, z),
            (link.a, a),
            (link.back, a.grad),
            (link.delta, z.grad),
            (link.of_weights.T, layer.weight.grad / rows),
            (link.of_bias, layer.bias.grad / rows),
        ):
            np.testing.assert_allclose(ours.T, theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(link.back * link.slope, link.delta, rtol=1e-15)


@pytest.mark.parametrize("activation", BENDS)
def test_a_gradient_is_its_terms_and_finite_differences(activation):
    look = Look("digits_mlp", (16, 12), activation, "torch", "adam", (("rows", 9.0), ("steps", 30.0)))
    network, parameters, x, y = looked(look)
    chain = chained(network, parameters, x, y)
    for layer, to, source in ((0, 3, 20), (1, 11, 15), (2, 9, 0)):
        link = chain.links[layer]
        found = terms_of_weight(chain, layer, to, source)
        assert found.total / 9 == pytest.approx(link.of_weights[to, source], rel=1e-12, abs=1e-15)
        slope = by_difference(network, parameters, x, y, weight_place(network, layer, to, source))
        assert slope == pytest.approx(link.of_weights[to, source], abs=1e-6)
        if layer < 2:
            for row in range(9):
                found = terms_of_delta(chain, layer, to, row)
                assert found.total * link.slope[to, row] == pytest.approx(link.delta[to, row], rel=1e-12, abs=1e-15)


def test_a_sum_tells_its_largest_terms_and_the_rest():
    left, right = np.array([1.0, -5.0, 2.0, 0.5, 3.0, 4.0, -6.0, 7.0]), np.ones(8)
    found = products(left, right)
    assert found.which.tolist() == [7, 6, 1, 5, 4, 2]
    assert (found.others, found.rest, found.total) == (2, 1.5, 6.5)
    shown = derivation_table(found, ("unit", "w", "δ", "w · δ"), [str(i) for i in range(8)])
    assert [row["unit"] for row in shown] == ["7", "6", "1", "5", "4", "2", "2 others", "sum"]
    assert shown[1]["w · δ"] == "−6"


def test_the_error_of_the_outputs_is_what_they_say_minus_what_is_true():
    chain = chained(*looked(FIRST))
    assert chain.shares is not None
    np.testing.assert_allclose(chain.shares.sum(axis=0), 1)
    np.testing.assert_allclose(chain.links[-1].delta, chain.shares - chain.targets, rtol=0, atol=1e-15)
    assert chained(*looked(replace(FIRST, task="diabetes_mlp"))).shares is None


def test_only_fully_connected_networks_have_a_chain():
    task = TASKS["digits_cnn"]
    assert not fully_connected(task.model)
    with pytest.raises(ValueError, match="layer Convolution is not allowed"):
        chained(task.model, task.model.initial(0), np.zeros((1, 64)), np.zeros(1, dtype=int))


def test_the_tasks_are_the_fully_connected_ones_that_differ_in_more_than_layers():
    pairs = [(task.source, task.loss) for task in TASKS.values() if fully_connected(task.model)]
    assert [(task.source, task.loss) for task in FLAT_TASKS.values()] == list(dict.fromkeys(pairs))


def test_the_factors_of_all_layers_make_the_whole_way():
    found = levels(chained(*looked(SIGMOIDS)))
    way = np.prod([level.by_slope * level.by_weights for level in found[:-1]])
    assert way == pytest.approx(found[0].delta / found[-1].delta, rel=1e-12)
    assert all(level.slope <= 0.25 for level in found[:-1])


# The sentences


def test_sigmoids_vanish_and_it_is_their_slope():
    found = levels(chained(*looked(SIGMOIDS)))
    assert [level.mark for level in found] == ["vanishing"] * 5 + [""] * 4
    (sentence,) = sentences(SIGMOIDS)
    assert sentence.startswith("δ vanishes in layers 1 to 5: in layer 1 it is ")
    assert sentence.endswith(", so σ′ shrinks it most.")


def test_small_weights_vanish_and_it_is_they():
    (sentence,) = sentences(replace(SIGMOIDS, hidden=(8,) * 3, activation="tanh", init="uniform"))
    assert sentence.endswith(", so Wᵀ shrinks it most.")


def test_a_rate_too_large_explodes():
    look = Look("moons_mlp", (32,) * 10, "gelu", "he", "sgd", (("rows", 64.0), ("sgd.lr", 1.0), ("steps", 5.0)))
    found = levels(chained(*looked(look)))
    assert found[0].mark == "exploding"
    assert "δ explodes in layers 1 to " in sentences(look)[0]
    assert sentences(look)[0].endswith("so Wᵀ grows it most.")


def test_relu_by_he_keeps_its_size():
    sentence, *others = sentences(replace(SIGMOIDS, hidden=(64,) * 8, activation="relu", init="he"))
    assert sentence.startswith("δ neither vanishes nor explodes: ")
    assert all(other.startswith("Dead are ") for other in others)


@pytest.mark.parametrize("activation", BENDS)
@pytest.mark.parametrize("steps", [0, 20])
def test_zeros_stay_equal(activation, steps):
    look = Look("moons_mlp", (4, 3), activation, "zeros", "sgd", (("rows", 16.0), ("sgd.lr", 0.5), ("steps", float(steps))))
    assert equal_units(chained(*looked(look))) == [0, 1]
    first, *others = sentences(look)
    assert any(sentence.startswith("The units of layers 1 and 2, each among themselves, are equal: ") for sentence in others)
    if not steps:
        assert first == "All weights of the output layer are 0, and so is Wᵀδ: no gradient reaches layer 2 or any before."


def test_units_that_differ_are_not_called_equal():
    assert equal_units(chained(*looked(SIGMOIDS))) == []


def test_dead_units_are_those_of_a_slope_of_zero_on_all_rows():
    look = Look("digits_mlp", (16, 16), "relu", "he", "sgd", (("rows", 64.0), ("sgd.lr", 0.3), ("steps", 30.0)))
    chain = chained(*looked(look))
    dead = [int((link.a.max(axis=1) <= 0).sum()) for link in chain.links[:-1]]
    assert [level.off * 16 for level in levels(chain)[:-1]] == dead
    assert sum(dead) > 0
    assert any(sentence.startswith("Dead are ") for sentence in sentences(look))
    assert not any("Dead" in sentence for sentence in sentences(look.having({"rows": 1.0})))


def test_saturated_units_are_told():
    look = Look("digits_mlp", (8, 8), "tanh", "he", "adam", (("adam.lr", 1.0), ("rows", 8.0), ("steps", 60.0)))
    assert any(sentence.startswith("Saturated are ") for sentence in sentences(look))


def test_a_loss_that_is_flat_asks_for_nothing():
    look = Look("iris_perceptron", (4,), "tanh", "he", "adam", (("rows", 16.0), ("steps", 500.0), ("adam.lr", 0.05)))
    chain = chained(*looked(look))
    assert not chain.links[-1].delta.any()
    assert sentences(look) == ["The loss is flat here: δ of the outputs is 0 on all 16 rows, and so is every gradient."]
    assert figures.sizes(sizes_of(levels(chain)), (0.0, 0.0)).data


def test_a_training_that_diverges_is_shown_before_it_does():
    look = Look("moons_mlp", (16,) * 8, "leaky_relu", "he", "sgd", (("sgd.lr", 100.0), ("steps", 500.0)))
    parameters, taken = trained(look)
    assert 0 <= taken < 500
    np.testing.assert_array_equal(parameters, trained(look.having({"steps": float(taken)}))[0])
    assert np.isfinite(parameters).all()


# Words and figures


def test_a_derivation_has_the_numbers_set_in():
    chain = chained(*looked(FIRST))
    line, _ = of_weight(chain, (1, 2, 0))
    link = chain.links[1]
    assert r"\frac{\partial L}{\partial w^{(2)}_{3,1}} &= \delta^{(2)}_{3} \, a^{(1)}_{1} \\" in line
    assert rf" = {link.of_weights[2, 0]:.4g} " in line
    line, terms = of_delta(chain, 1, 2, 0)
    assert terms is not None
    assert rf"&= {link.slope[2, 0]:.4g} \times " in line
    line, terms = of_delta(chain, 2, 0, 0)
    assert terms is None
    assert r"\hat y_{1} - y_{1}" in line
    many = chained(*looked(FIRST.having({"rows": 5.0})))
    assert r"\frac{1}{5} \sum_{\mathrm{rows}}" in of_weight(many, (0, 0, 0))[0]


def test_a_layers_numbers_are_in_the_strip():
    chain = chained(*looked(FIRST))
    drawn = strip_of(chain, levels(chain), (1, 2, 0))
    np.testing.assert_array_equal(drawn.layers[2].values[:, 3], chain.links[1].delta[:, 0])
    np.testing.assert_allclose(drawn.terms.sum() * chain.links[1].slope[2, 0], chain.links[1].delta[2, 0])
    figure = figures.layer_strip(drawn)
    points: Any = figure.data[-1]
    assert len(points.customdata) == 2 + 4 * 5 + 4 * 4 + 4 * 2
    assert f"δ = {chain.links[1].delta[2, 0]:.6g}" in points.hovertext[2 + 20 + 12 + 2]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (-0.1234, "−0.123"), (1234.5, "1e3"), (-0.00042, "−4e−4"), (99.96, "100.0"), (512.3, "512")],
)
def test_a_number_fits_its_cell(value, words):
    assert figures.short(value) == words


def test_every_layer_has_its_row():
    look = SIGMOIDS
    chain = chained(*looked(look))
    rows = list(rows_by_layer(chain, levels(chain)))
    assert [row["Layer"] for row in rows] == [*"12345678", "output"]
    assert rows[0]["mark"] == "vanishing"
    assert len({tuple(row) for row in rows}) == 1
    data, which, _ = rows_of(look)
    words = seen(look, chain, data, which, 0)
    assert words.startswith("Every number is the mean over 64 rows, from row 0 on; the loss is 0.6")


# The link


@pytest.mark.parametrize("task", FLAT_TASKS)
def test_a_look_survives_its_link(task):
    numbers = {"adam.lr": 0.02, "row": 7.0, "layer": 2.0, "to": 4.0, "from": 3.0}
    look = Look(task, (3, 4), "gelu", "he", "adam").having(numbers)
    assert read_look(look.link(), FIRST) == (look, [])
    assert read_look({}, FIRST) == (FIRST, [])


@pytest.mark.parametrize(
    ("link", "told_of"),
    [
        ({"task": "atlantis"}, "task “atlantis” is unknown"),
        ({"task": "digits_cnn"}, "task “digits_cnn” is unknown"),
        ({"activation": "step"}, "activation “step” is unknown"),
        ({"init": "ones"}, "init “ones” is unknown"),
        ({"rule": "lamb"}, "rule “lamb” is unknown"),
        ({"hidden": "8-0"}, "hidden layers = “8-0” is not allowed: it must be 1 to 10 widths from 1 to 64, as in 32-16"),
        ({"hidden": "-".join(["2"] * 11)}, "is not allowed: it must be 1 to 10 widths"),
        ({"hidden": "wide"}, "hidden layers = “wide” is not allowed"),
        ({"hidden": ""}, "hidden layers = “” is not allowed"),
        ({"steps": "501"}, "steps = 501 is not allowed"),
        ({"rows": "many"}, "rows = 'many' is not a number"),
        ({"sgd.lr": "nan"}, "sgd.lr = nan is not allowed"),
        ({"layer": "4"}, "layer = 4 is not allowed: it must be from 1 to 3 in this network"),
        ({"layer": "2", "from": "6"}, "from = 6 is not allowed: it must be from 1 to 5 in this network"),
        ({"colour": "red"}, "setting “colour” is unknown"),
    ],
)
def test_a_bad_link_gets_one_sentence(link, told_of):
    look, problems = read_look({**FIRST.link(), **link}, FIRST)
    assert len(problems) == 1
    assert told_of in problems[0]
    chained(*looked(look))


def test_rows_go_round_and_a_row_beyond_the_last_is_told():
    look = replace(FIRST, task="iris_mlp").having({"row": 104.0, "rows": 4.0})
    data, rows, wrong = rows_of(look)
    assert rows.tolist() == [104, 105, 0, 1]
    assert len(data.y_train) == 106
    assert wrong == []
    _, rows, wrong = rows_of(look.having({"row": 500.0, "rows": 1.0}))
    assert rows.tolist() == [105]
    assert wrong == ["row = 500 is not allowed: it must be from 0 to 105, the training set; 105 is shown."]


# The page


def opened(**link: str) -> AppTest:
    app = AppTest.from_file(str(PAGE), default_timeout=60)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def test_the_page_opens_where_gradients_vanish():
    app = opened()
    assert not app.exception
    assert len(app.warning) == 0
    assert any(text.value.startswith("**δ vanishes in layers 1 and 2**") for text in app.markdown)
    assert len(app.get("plotly_chart")) == 5


@pytest.mark.parametrize("activation", BENDS)
@pytest.mark.parametrize("init", ["torch", "zeros"])
def test_every_activation_can_be_picked(activation, init):
    app = opened()
    app.selectbox(key="backprop.activation").set_value(activation)
    app.selectbox(key="backprop.init").set_value(init).run()
    assert not app.exception
    assert any("stay equal" in text.value for text in app.markdown) == (init == "zeros")


@pytest.mark.parametrize("init", INITS)
def test_a_weight_is_typed_and_stays_within_the_network(init):
    app = opened(init=init, task="digits_mlp", hidden="12-6", rows="8")
    app.number_input(key="backprop.from").set_value(64).run()
    assert not app.exception
    assert app.query_params["from"] == "64"
    app.text_input(key="backprop.hidden").set_value("3").run()
    app.number_input(key="backprop.layer").set_value(2).run()
    assert not app.exception
    assert app.number_input(key="backprop.from").value == 3


def test_hidden_layers_that_cannot_be_are_told_and_the_last_are_shown():
    app = opened()
    app.text_input(key="backprop.hidden").set_value("5-x").run()
    assert not app.exception
    (warning,) = app.warning
    assert warning.value.startswith("Hidden layers = “5-x” is not allowed")


def test_a_bad_link_is_said_in_words():
    app = opened(task="atlantis", hidden="0", rows="0", row="99999", steps="x", **{"sgd.lr": "-1"})
    assert not app.exception
    assert len(app.warning) == 6


def test_a_divergence_is_said_in_words():
    app = opened(hidden="32-32-32-32-32-32", activation="leaky_relu", init="he", rows="64", steps="50", **{"sgd.lr": "100"})
    assert not app.exception
    assert "The training diverges at step " in app.warning[0].value
    assert any(text.value.startswith("**δ explodes") for text in app.markdown)
