"""How far a script that was exported is from the run that it makes anew."""

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from networks import Training

NEAR = {"float32": 1e-5, "float64": 1e-9}
"""Losses are equal when they differ by no more of themselves."""

SAID = "amplifies rounding"
"""What a script says that cannot do better."""


@dataclass(frozen=True)
class Apart:
    """The loss here and there, and whether the script says that it may be off."""

    ours: float
    theirs: float
    dtype: str
    said: bool

    @property
    def near(self) -> bool:
        finite = np.isfinite([self.ours, self.theirs])
        if not finite.all():
            return not finite.any()
        return abs(self.ours - self.theirs) <= NEAR[self.dtype] * abs(self.ours)

    @property
    def fine(self) -> bool:
        return self.near or self.said


def run(text: str) -> dict[str, Any]:
    """What a script has in the end, run in a clean namespace; torch is left as it was."""
    names: dict[str, Any] = {"__name__": "__main__"}
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "exported.py", "exec"), names)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
    return names


def apart(training: Training, run_: int, text: str) -> Apart:
    """How far the script of a run is off."""
    theirs = run(text)["mean"]
    return Apart(float(training.final("val_loss")[run_]), theirs, training.regime.dtype, SAID in text)
