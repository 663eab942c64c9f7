"""What leaves the house does what was seen: the script prints the number, the CSV holds the curves."""

import csv
import io
import subprocess
import sys

import pytest

from networks import TASKS, train
from networks.export import curves, script

CASES = [
    ("digits_mlp", "adam", {"lr": 3e-3, "beta1": 0.8}),
    ("moons_mlp", "nesterov", {"lr": 0.05}),
    ("diabetes_mlp", "rmsprop", {"lr": 2e-3}),
    ("wine_mlp", "adamax", {}),
]


@pytest.mark.parametrize(("key", "rule", "hypers"), CASES, ids=[case[0] for case in CASES])
def test_the_script_run_alone_prints_the_same_loss(tmp_path, key, rule, hypers):
    training = train(TASKS[key], entrants=[(rule, hypers)], steps=60, batch_size=32, seed=2)
    file = tmp_path / "exported.py"
    text = script(training, rule, hypers, 2)
    assert "networks" not in text
    assert "optimizers" not in text
    file.write_text(text)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) == pytest.approx(training.metrics["val_loss"][-1, 0], rel=1e-6)


def test_a_rule_that_torch_has_not_is_refused_in_words():
    training = train(TASKS["iris_mlp"], entrants=[("lion", {})], steps=5)
    with pytest.raises(ValueError, match=r"Lion is not in torch\.optim"):
        script(training, "lion", {}, 0)


def test_the_csv_holds_every_record():
    training = train(TASKS["iris_mlp"], entrants=[("adam", {}), ("sgd", {})], steps=30)
    rows = list(csv.DictReader(io.StringIO(curves(training, ["Adam", "SGD"]))))
    assert len(rows) == 2 * len(training.metric_steps)
    assert rows[-1]["run"] == "SGD"
    assert float(rows[-1]["val_loss"]) == training.metrics["val_loss"][-1, 1]
