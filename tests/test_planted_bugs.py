"""The test of the tests: bugs, most of them shipped by published apps, each planted in a copy, must turn the suite red."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("core", "optimizers", "surfaces", "tests")

ADAMS_STEPS = "equals_torch and adam and ravine"
RECORDS = "value_belongs and (rosenbrock or ravine)"
DIVERGENCE = "frozen or nothing_is_clipped or past_the_bound or cross_the_edge"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def suite(copy: Path, *selections: str) -> subprocess.CompletedProcess[str]:
    """The real tests of rules, loop and sweep, or some of them, run in the copy by a pytest of their own."""
    files = ["tests/test_rules.py", "tests/test_simulate.py", "tests/test_sweep.py"]
    select = " or ".join(f"({selection})" for selection in selections)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *files, "-k", select]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=copy, env=clean, capture_output=True, text=True, timeout=60, check=False)


def plant(copy: Path, file: str, right: str, wrong: str) -> None:
    source = (copy / file).read_text()
    assert source.count(right) == 1, f"{file} has changed: plant the bug elsewhere"
    (copy / file).write_text(source.replace(right, wrong))


def test_the_copy_is_green(copy):
    result = suite(copy, ADAMS_STEPS, RECORDS, DIVERGENCE)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("selection", "file", "right", "wrong"),
    [
        pytest.param(
            ADAMS_STEPS, "optimizers/adam.py", "m / (1 - beta1**t)", "m * (1 - beta1**t)", id="bias correction multiplied"
        ),
        pytest.param(
            RECORDS,
            "core/simulate.py",
            "value, fine = _valued(course.objective, record[0])\n",
            "value, fine = _valued(course.objective, record[0])\n        value[1:] = value[:-1].copy()\n",
            id="new point at the old loss",
        ),
        pytest.param(
            DIVERGENCE,
            "core/step.py",
            "moved.append(part - lr * (direction if decay is None else direction + decay * part))",
            "moved.append(maths.clip(part - lr * (direction if decay is None else direction + decay * part), -2.0, 2.0))",
            id="positions clipped to the plot",
        ),
        pytest.param(
            "a_cell_is_the_run_alone and adam",
            "core/sweep.py",
            "judge(height(x) if loss is None else loss, state)",
            "judge(height(coordinates(state, course.x0.shape[1])), state)",
            id="a map's loss is that of the next step",
        ),
    ],
)
def test_a_planted_bug_turns_the_suite_red(copy, selection, file, right, wrong):
    plant(copy, file, right, wrong)
    result = suite(copy, selection)
    assert result.returncode == 1, result.stdout  # tests ran and failed; 2 would be a suite that does not load
    assert "AssertionError" in result.stdout, result.stdout
