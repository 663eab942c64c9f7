"""The test of the tests: bugs, most of them shipped by published apps, each planted in a copy, must turn the suite red."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("core", "optimizers", "surfaces", "networks", "tests")

PATHS = ("tests/optimizers/test_rules.py", "tests/core/test_simulate.py", "tests/core/test_sweep.py")
LEGS = ("tests/core/engine/test_legs.py",)
THEORY = ("tests/core/study/test_stability.py", "tests/core/engine/test_clocks.py", "tests/core/symbolic/test_notation.py")
LAYERS, NETWORKS, TRAINING, NORMAL = (
    ("tests/networks/model/test_layers.py",),
    ("tests/networks/test_networks.py",),
    ("tests/networks/training/test_train.py",),
    ("tests/networks/model/test_normal.py",),
)

ADAMS_LEGS, SGDS_LEGS = "every_rule and adam and beale", "every_rule and sgd and beale"
ADAMS_STEPS = "equals_torch and adam and ravine"
RECORDS = "value_belongs and (rosenbrock or ravine)"
DIVERGENCE = "frozen or nothing_is_clipped or past_the_bound or cross_the_edge"
BACKPROPAGATION = "by_hand_is_autograd and linear-tanh-mse"
THROUGH_TIME = "slope_of_the_loss and LSTM"
MASKS = "what_is_dropped and between"
ONE_STREAM = "see_the_same and nothing"
COUNTS = "its_slots_and_its_count and adam"
VARIANCES = "variances_are_those"
RUNNING = "is_torchs and moons and float64 or moves_the_running_state"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def suite(copy: Path, files: Sequence[str], *selections: str) -> subprocess.CompletedProcess[str]:
    """Some of the real tests of these files, run in the copy by a pytest of their own."""
    select = " or ".join(f"({selection})" for selection in selections)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *files, "-k", select]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=copy, env=clean, capture_output=True, text=True, timeout=60, check=False)


def plant(copy: Path, file: str, right: str, wrong: str) -> None:
    source = (copy / file).read_text()
    assert source.count(right) == 1, f"{file} has changed: plant the bug elsewhere"
    (copy / file).write_text(source.replace(right, wrong))


@pytest.mark.parametrize(
    ("files", "selections"),
    [
        ((*PATHS, *LEGS), (ADAMS_STEPS, RECORDS, DIVERGENCE, ADAMS_LEGS, SGDS_LEGS)),
        (
            (*LAYERS, *NETWORKS, *TRAINING, *NORMAL),
            (BACKPROPAGATION, THROUGH_TIME, MASKS, ONE_STREAM, COUNTS, VARIANCES, RUNNING),
        ),
    ],
    ids=["paths", "networks"],
)
def test_the_copy_is_green(copy, files, selections):
    result = suite(copy, files, *selections)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("files", "selection", "file", "right", "wrong"),
    [
        pytest.param(
            LEGS,
            ADAMS_LEGS,
            "core/symbolic/llvm.py",
            '"-": "{r} = fsub V {0}, {1}"',
            '"-": "{r} = fsub V {1}, {0}"',
            id="a wrong operator in machine code",
        ),
        pytest.param(
            LEGS,
            SGDS_LEGS,
            "core/symbolic/llvm.py",
            "%stopped.next = select B %dying,",
            "%stopped.next = select B %alive,",
            id="a run that goes on stopped in machine code",
        ),
        pytest.param(
            PATHS,
            ADAMS_STEPS,
            "optimizers/adam.py",
            "m / (1 - beta1**t)",
            "m * (1 - beta1**t)",
            id="bias correction multiplied",
        ),
        pytest.param(
            PATHS,
            RECORDS,
            "core/engine/recorded.py",
            "value, fine = valued(course.objective, record[0])\n",
            "value, fine = valued(course.objective, record[0])\n        value[1:] = value[:-1].copy()\n",
            id="new point at the old loss",
        ),
        pytest.param(
            PATHS,
            DIVERGENCE,
            "core/engine/step.py",
            "moved.append(part - lr * (direction if decay is None else direction + decay * part))",
            "moved.append(maths.clip(part - lr * (direction if decay is None else direction + decay * part), -2.0, 2.0))",
            id="positions clipped to the plot",
        ),
        pytest.param(
            PATHS,
            "a_cell_is_the_run_alone and adam",
            "core/engine/reduced.py",
            "judge(height(x) if loss is None else loss, state)",
            "judge(height(coordinates(state, course.x0.shape[1])), state)",
            id="a map's loss is that of the next step",
        ),
        pytest.param(
            THEORY,
            "equally_fast_from_here",
            "core/study/stability.py",
            "if after - before > 3 and last - first > _WIDE * last:",
            "if False:",
            id="one value of an interval called fastest",
        ),
        pytest.param(
            THEORY,
            "so_many_steps_without and nadam",
            "core/simulate.py",
            "slots=aged(rule, numbers, age)",
            "slots=rule.slots",
            id="an old rule whose product starts at one",
        ),
        pytest.param(
            THEORY,
            "every_slot_has_its_equation and rprop",
            "core/symbolic/notation.py",
            "                yield slot, value\n",
            "",
            id="a statement lost in the equations",
        ),
        pytest.param(
            LAYERS,
            BACKPROPAGATION,
            "networks/model/layers/linear.py",
            "delta.sum(axis=-1, out=into[1])",
            "into[1][:] = 0",
            id="no slope for the biases",
        ),
        pytest.param(
            LAYERS,
            THROUGH_TIME,
            "networks/model/layers/recurrent.py",
            "0 if carried is None else of_cell * carried",
            "of_cell * high",
            id="forget gate's slope by the new cell",
        ),
        pytest.param(
            LAYERS,
            MASKS,
            "networks/model/layers/layer.py",
            "np.random.PCG64([seed, 2, self.step])",
            "np.random.PCG64()",
            id="dropout drawn without a seed",
        ),
        pytest.param(
            NORMAL,
            RUNNING,
            "networks/model/layers/normal.py",
            "(mean, unbiased)",
            "(mean, variance)",
            id="running variance of the rows alone",
        ),
        pytest.param(
            NORMAL,
            RUNNING,
            "networks/training/trainer.py",
            "states[alive] = next_states[alive]",
            "pass",
            id="a running state that stands still",
        ),
        pytest.param(
            TRAINING,
            ONE_STREAM,
            "networks/training/trainer.py",
            "counts, self.seeds, n, self.which if len(x) > 1 else None)\n",
            "counts, self.seeds, n, None)\n"
            "        x, y = x.repeat(self.runs, 0), y.repeat(self.runs, 0)\n"
            "        x[-1], y[-1] = self.x_train[self.streams[0][n - 1]], self.y_train[self.streams[0][n - 1]]\n"
            "        batch = replace(batch, x=x, y=y)\n",
            id="other batches for one rule",
        ),
        pytest.param(
            TRAINING,
            COUNTS,
            "networks/training/trainer.py",
            "self.groups[i] = replace(group, since=parent.groups[owner].since)",
            "pass",
            id="a fork counts its steps anew",
        ),
        pytest.param(
            NETWORKS,
            VARIANCES,
            "networks/model/parameters.py",
            "math.sqrt(2 / block.fan_in)",
            "math.sqrt(2 / block.fan_out)",
            id="He by the outputs",
        ),
    ],
)
def test_a_planted_bug_turns_the_suite_red(copy, files, selection, file, right, wrong):
    plant(copy, file, right, wrong)
    result = suite(copy, files, selection)
    assert result.returncode == 1, result.stdout  # tests ran and failed; 2 would be a suite that does not load
    assert "AssertionError" in result.stdout, result.stdout
