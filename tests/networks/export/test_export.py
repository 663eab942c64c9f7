"""What leaves the house does what was seen: a script prints the number, the files hold the curves and the parameters."""

import ast
import csv
import io
import runpy
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from core import SCHEDULES
from networks import TASKS, Given, NetworkTask, Training, fork, train
from networks.data import sources
from networks.data.augment import Augmentation
from networks.data.prepare import Preparation
from networks.data.text_table import csv_table
from networks.export.script import checkpoint, curves_csv, script
from networks.export.tensorboard import crc32c, events
from networks.model.architectures import CNN, MLP
from networks.training.entrants import numbers_of
from optimizers import ENTRANTS, RULES
from tests.lookalikes import LOOKALIKES
from tests.test_house import imported

MLP_WITH_DROPOUT = MLP((32, 16), "gelu", dropout=0.3)
EVERYTHING = {"l1": 1e-4, "l2": 1e-3, "clip_value": 0.01, "clip_norm": 0.1, "weight_decay": 0.1}
SHRUNK = Preparation("minmax", outliers="clip", balance="oversample", noise=0.1)
FOLDED = Preparation(outliers="clip", fold=2, folds=4)
TURNED = Augmentation(shift=1, rotate=15.0, flip=True)

CASES: dict[str, tuple[str, dict[str, Any], tuple[str, dict[str, Any]], dict[str, Any]]] = {
    "cnn, augmentation": ("digits_cnn", {}, ("adam", {}), {"augmentation": TURNED}),
    "cnn, dropout": ("digits_cnn", {"kind": CNN((4,), "leaky_relu", dropout=0.3)}, ("adam", {}), {}),
    "mlp, dropout, augmentation": ("digits_mlp", {"kind": MLP_WITH_DROPOUT}, ("momentum", {}), {"augmentation": TURNED}),
    "gru": ("digits_gru", {}, ("adam", {}), {}),
    "rnn, float64": ("digits_rnn", {}, ("nadam", {}), {"dtype": "float64"}),
    "text": ("sentiment_lstm", {}, ("rmsprop", {"lr": 3e-3}), {}),
    "huber, folds": ("diabetes_mlp", {"loss": "huber", "preparation": FOLDED}, ("radam", {}), {}),
    "mae": ("diabetes_mlp", {"loss": "mae"}, ("adam", {}), {}),
    "mse, float64": ("diabetes_mlp", {}, ("rprop", {"lr": 1e-3}), {"dtype": "float64"}),
    "binary, class weights": ("cancer_logistic", {}, ("adadelta", {}), {"class_weights": True}),
    "class weights": ("cancer_mlp", {}, ("nesterov", {"lr": 0.05}), {"class_weights": True}),
    "perceptron": ("iris_perceptron", {"init": "normal"}, ("sgd", {"lr": 3e-4}), {}),
    "perceptron from zero": ("iris_perceptron", {}, ("sgd", {}), {}),
    "prepared": ("wine_mlp", {"preparation": SHRUNK}, ("adamax", {}), {}),
    "folds": ("wine_mlp", {"preparation": FOLDED}, ("adagrad", {}), {}),
    "every effect": ("digits_mlp", {"init": "he"}, ("amsgrad", {"lr": 3e-3}), EVERYTHING),
    "every effect on AdamW": (
        "digits_mlp",
        {"init": "xavier"},
        ("adamw", {"lr": [1e-3, 3e-3]}),
        {**EVERYTHING, "seed": [1, 2]},
    ),
    "own decay, schedule": ("wine_mlp", {}, ("sgd", {"weight_decay": [0.0, 0.3]}), {"schedule": "warmup_cosine"}),
    "own noise": ("moons_mlp", {"source": partial(sources.moons, noise=0.3)}, ("momentum", {}), {"seed": [4, 5]}),
    "mnist": ("mnist_mlp", {}, ("adam", {"lr": 1e-3}), {"steps": 20}),
    "patience": ("wine_mlp", {}, ("sgd", {"lr": 1.0}), {"patience": 2, "steps": 200}),
    "patience, last kept": ("wine_mlp", {}, ("sgd", {"lr": 1.0}), {"patience": 2, "steps": 200, "keep_best": False}),
    "diverged": ("diabetes_mlp", {}, ("sgd", {"lr": 100.0}), {}),
}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """A script that runs here leaves torch as it was."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


def printed(text: str) -> dict[str, float]:
    """The numbers of a script's lines such as “validation loss 0.5”."""
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in text.splitlines())}


def run_here(text: str, tmp_path, capsys) -> tuple[dict[str, float], dict[str, Any]]:
    """What a script prints and has in the end; it knows nothing of the project."""
    assert not imported(text) & {"networks", "core", "optimizers", "surfaces", "tests"}
    assert "Hyper" not in text
    file = tmp_path / "exported.py"
    file.write_text(text)
    names = runpy.run_path(str(file))
    return printed(capsys.readouterr().out), names


def agree(found: dict[str, float], training: Training, run: int) -> None:
    last = {name: training.final(name)[run] for name in training.metrics}
    assert found["validation loss"] == pytest.approx(last["val_loss"], rel=1e-6, nan_ok=True)
    assert ("val_accuracy" in last) == ("validation accuracy" in found)
    assert found.get("validation accuracy") == pytest.approx(last.get("val_accuracy"), nan_ok=True)


def test_a_script_run_alone_prints_the_same_loss(tmp_path):
    entrants = [("sgd", {}), ("adam", {"lr": [1e-3, 3e-3], "beta1": 0.8})]
    training = train(TASKS["digits_mlp"], entrants=entrants, steps=60, batch_size=32, seed=2)
    text = script(training, 2)
    assert len(text.splitlines()) <= 100
    (tmp_path / "exported.py").write_text(text)
    alone = [sys.executable, "-I", "-W", "error", "exported.py"]
    done = subprocess.run(alone, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    agree(printed(done.stdout), training, 2)


@pytest.mark.parametrize("case", CASES)
def test_a_script_makes_the_last_run_anew(tmp_path, capsys, case):
    key, changes, entrant, settings = CASES[case]
    training = train(
        replace(TASKS[key], **changes), entrants=[entrant], **{"steps": 30, "batch_size": 32, "seed": 3, **settings}
    )
    run = training.runs - 1
    found, names = run_here(script(training, run), tmp_path, capsys)
    agree(found, training, run)
    for part in ("x_train", "y_train", "x_val", "y_val"):
        theirs, ours = names[part], getattr(training.data, part)
        assert torch.equal(theirs, ours.to(theirs.dtype))


@pytest.mark.parametrize("key", SCHEDULES)
def test_a_script_follows_the_schedule(tmp_path, capsys, key):
    training = train(TASKS["wine_mlp"], entrants=[("adagrad", {})], steps=30, batch_size=32, schedule=key)
    agree(run_here(script(training, 0), tmp_path, capsys)[0], training, 0)


@pytest.mark.parametrize("key", TASKS)
def test_a_script_of_every_task_begins_where_the_task_does(tmp_path, capsys, key):
    training = train(TASKS[key], entrants=[("sgd", {})], steps=0, batch_size=16)
    found, names = run_here(script(training, 0), tmp_path, capsys)
    agree(found, training, 0)
    first = torch.nn.utils.parameters_to_vector(names["model"].parameters())
    np.testing.assert_array_equal(first.detach().numpy(), training.x0[0])


def test_a_training_that_was_stopped_has_a_script_up_to_its_last_record(tmp_path, capsys):
    told = []
    task, entrants = TASKS["wine_mlp"], [("adam", {})]
    training = train(
        task, entrants=entrants, steps=400, schedule="cosine", progress=told.append, should_stop=lambda: len(told) > 9
    )
    assert 0 < training.metric_steps[-1] < 400
    agree(run_here(script(training, 0), tmp_path, capsys)[0], training, 0)


def test_what_no_script_makes_is_refused_in_words():
    task = TASKS["iris_mlp"]
    for key, rule in RULES.items():
        if rule.twin is None:
            with pytest.raises(ValueError, match=rf"{rule.title} is not in torch\.optim"):
                script(train(task, entrants=[(key, {})], steps=2), 0)
    with pytest.raises(ValueError, match=r"Rprop in torch\.optim follows no schedule"):
        script(train(task, entrants=[("rprop", {})], steps=2, schedule="cosine"), 0)
    training = train(task, entrants=[("adam", {})], steps=10)
    with pytest.raises(ValueError, match="forked at step 5"):
        script(fork(training, 0, 5, [("adam", {})]), 0)
    own = replace(task, source=lambda seed: sources.iris(seed))
    with pytest.raises(ValueError, match="the data are not built in"):
        script(train(own, entrants=[("adam", {})], steps=2), 0)
    with pytest.raises(ValueError, match="run = 1 is not allowed: it must be from 0 to 0"):
        script(training, 1)


PREPARATIONS = [
    Preparation(),
    Preparation(scaling="minmax", outliers="clip"),
    Preparation(scaling="none"),
    Preparation(noise=0.3, fold=1, folds=3),
    Preparation(outliers="clip", folds=2),
]


@pytest.mark.parametrize("place", range(len(LOOKALIKES)), ids=lambda place: LOOKALIKES[place].name)
def test_a_script_reads_a_table_of_ones_own_as_it_was_understood(tmp_path, capsys, place):
    lookalike = LOOKALIKES[place]
    (tmp_path / lookalike.name).write_bytes(lookalike.content)
    table = csv_table(lookalike.content, lookalike.target or None)
    wanted = PREPARATIONS[place % len(PREPARATIONS)]
    if table.classes and place % 2:
        wanted = replace(wanted, balance="oversample", folds=0, fold=0)
    loss = "cross_entropy" if table.classes else "mse"
    task = NetworkTask("own", lookalike.name, Given("it", table), MLP((4,)), (1,), len(table.classes), loss=loss)
    training = train(
        replace(task, preparation=wanted), entrants=[("adam", {})], steps=12, batch_size=16, seed=place, dtype="float64"
    )
    found, names = run_here(script(training, 0), tmp_path, capsys)
    agree(found, training, 0)
    for part in ("x_train", "y_train", "x_val", "y_val"):
        assert torch.equal(names[part], getattr(training.data, part).to(names[part].dtype))


def test_a_name_of_a_file_is_no_code(tmp_path, capsys):
    lookalike = LOOKALIKES[-1]
    task = NetworkTask("own", '"""\nraise SystemExit\n\\', Given("it", csv_table(lookalike.content)), MLP((4,)), (60,), 2)
    text = script(train(task, entrants=[("adam", {})], steps=2, batch_size=16), 0)
    assert ast.get_docstring(ast.parse(text))
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node)]


def test_the_numbers_of_a_run_are_those_it_was_given():
    entrants = [("adamw", {"lr": [0.1, 0.2]}), ("momentum", {"mu": 0.5, "l2": [0.01, 0.02, 0.03]})]
    training = train(TASKS["iris_mlp"], entrants=entrants, steps=1, seed=[7, 8], weight_decay=0.5)
    found = [numbers_of(training, run) for run in range(training.runs)]
    assert [(key, seed) for key, _, seed in found] == [("adamw", 7), ("adamw", 8)] * 2 + [("momentum", 7), ("momentum", 8)] * 3
    assert [numbers["lr"] for _, numbers, _ in found[:4]] == [0.1, 0.1, 0.2, 0.2]
    assert [numbers["l2"] for _, numbers, _ in found] == [0.0] * 4 + [0.01, 0.01, 0.02, 0.02, 0.03, 0.03]
    assert found[0][1]["weight_decay"] == ENTRANTS["adamw"].hypers["weight_decay"].default
    assert found[4][1]["weight_decay"] == 0.5


def test_the_csv_holds_every_record():
    training = train(TASKS["iris_mlp"], entrants=[("adam", {}), ("sgd", {})], steps=30)
    rows = list(csv.DictReader(io.StringIO(curves_csv(training, ["Adam", "SGD"]))))
    assert len(rows) == 2 * len(training.metric_steps)
    assert rows[-1]["run"] == "SGD"
    assert float(rows[-1]["val_loss"]) == training.metrics["val_loss"][-1, 1]
    empty = {name for name, cell in rows[0].items() if cell == ""}
    assert empty == {"train_loss", "train_accuracy", "grad_norm", "update_norm"}
    assert all(all(row.values()) for row in rows[2:])


def test_what_is_not_there_is_an_empty_cell():
    entrants = [("sgd", {"lr": 1e-3}), ("sgd", {"lr": 100.0}), ("adam", {"lr": 0.5})]
    training = train(TASKS["diabetes_mlp"], entrants=entrants, steps=60, patience=3)
    ends = np.minimum(training.stopped, training.finished)
    for row in csv.DictReader(io.StringIO(curves_csv(training, ["0", "1", "2"]))):
        run, step = int(row["run"]), int(row["step"])
        i = training.metric_steps.tolist().index(step)
        for name, values in training.metrics.items():
            there = step <= ends[run] and not np.isnan(values[i, run])
            assert row[name] == (str(float(values[i, run])) if there else ""), (name, row)
            assert there or step > 0 or name in ("train_loss", "grad_norm", "update_norm")
    kept = torch.load(io.BytesIO(checkpoint(training)), weights_only=True)["runs"]
    assert [one["step"] for one in kept] == training.kept.tolist()


def test_a_checkpoint_brings_every_run_back():
    task = TASKS["digits_rnn"]
    training = train(task, entrants=[("adam", {"lr": [1e-3, 1e-2]}), ("sgd", {})], steps=10, seed=[0, 1])
    found = torch.load(io.BytesIO(checkpoint(training)), weights_only=True)
    assert (found["task"], found["steps"], len(found["runs"])) == (task.key, 10, 6)
    assert found["metric_steps"] == training.metric_steps.tolist()
    for run, kept in enumerate(found["runs"]):
        module = task.model.module(np.zeros_like(training.x[run]))
        module.load_state_dict(kept["model"])
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(module(training.data.x_val), training.data.y_val).item()
        assert loss == pytest.approx(kept["metrics"]["val_loss"][-1], rel=1e-6)
        assert (kept["rule"], kept["hypers"], kept["seed"]) == numbers_of(training, run)
        assert list(kept["slots"]) == list(RULES[kept["rule"]].slots)
        shapes = {name: tensor.shape for name, tensor in kept["model"].items()}
        assert all({name: part.shape for name, part in slot.items()} == shapes for slot in kept["slots"].values())


def test_a_checkpoint_holds_what_torch_keeps(tmp_path, capsys):
    training = train(TASKS["wine_mlp"], entrants=[("sgd", {}), ("adam", {})], steps=20)
    kept = torch.load(io.BytesIO(checkpoint(training)), weights_only=True)["runs"][1]
    _, names = run_here(script(training, 1), tmp_path, capsys)
    for name, parameter in names["model"].named_parameters():
        state = names["optimizer"].state[parameter]
        torch.testing.assert_close(kept["slots"]["m"][name], state["exp_avg"])
        torch.testing.assert_close(kept["slots"]["v"][name], state["exp_avg_sq"])


# TensorBoard


def bit_by_bit(data: bytes) -> int:
    """CRC32C by long division, as its definition has it: no table, the bits as they come."""
    remainder = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            turns = (remainder ^ byte >> bit) & 1
            remainder = remainder >> 1 ^ turns * 0x82F63B78
    return remainder ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),  # RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"", 0),
    ],
)
def test_the_check_is_castagnolis(data, crc):
    assert crc32c(data) == crc == bit_by_bit(data)


def records(data: bytes) -> Iterator[bytes]:
    """The contents of a TFRecord file, whose checks must be right."""

    def checked(part: bytes, check: bytes) -> bytes:
        crc = bit_by_bit(part)
        rotated = (crc >> 15) + (crc % 2**15) * 2**17
        assert struct.unpack("<I", check)[0] == (rotated + 0xA282EAD8) % 2**32
        return part

    while data:
        (length,) = struct.unpack("<Q", checked(data[:8], data[8:12]))
        yield checked(data[12 : 12 + length], data[12 + length : 16 + length])
        data = data[16 + length :]


def fields(message: bytes) -> list[tuple[int, Any]]:
    """A protobuf message: number and value of every field; bytes are left as they are."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value + ((byte % 128) << shift), shift + 7
            if byte < 128:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found.append((number, varint()))
            continue
        size, form = {1: (8, "<d"), 5: (4, "<f"), 2: (0, "")}[kind]
        size = size or varint()
        part, at = message[at : at + size], at + size
        found.append((number, struct.unpack(form, part)[0] if form else part))
    return found


def scalars_of(event: dict[int, Any]) -> dict[str, float]:
    return {tag.decode(): value for (_, tag), (_, value) in (fields(value) for _, value in fields(event[5]))}


def test_tensorboard_gets_every_record():
    entrants = [("adam", {}), ("sgd", {"lr": [0.1, 100.0]})]
    training = train(TASKS["diabetes_mlp"], entrants=entrants, steps=300, dtype="float64")
    titles = ["Adam", "SGD, η = 0.1", "SGD / η: 100."]
    packed = events(training, titles)
    assert packed == events(training, titles)
    archive = zipfile.ZipFile(io.BytesIO(packed))
    assert [name.partition("/")[0] for name in archive.namelist()] == ["1 Adam", "2 SGD, η = 0.1", "3 SGD - η- 100"]
    for run, name in enumerate(archive.namelist()):
        assert name.partition("/")[2].startswith("events.out.tfevents.")
        first, *rest = (fields(record) for record in records(archive.read(name)))
        assert dict(first) == {1: 0.0, 2: 0, 3: b"brain.Event:2"}
        told = {event[2]: event for event in map(dict, rest)}
        assert len(told) == len(rest)
        for i, step in enumerate(training.metric_steps.tolist()):
            with np.errstate(over="ignore"):
                values = {metric: float(values[i, run].astype(np.float32)) for metric, values in training.curves.items()}
            wanted = {metric: value for metric, value in values.items() if not np.isnan(value)}
            assert (step in told) == bool(wanted)
            if wanted:
                assert (told[step][1], scalars_of(told[step])) == (step, wanted)
        assert set(scalars_of(told[0])) == {"val_loss", "lr"}
    assert (training.metric_steps > training.stopped[2]).any()  # and of the run that diverged there is nothing more
