"""Work beside the page: whatever ends it is told on the page in one sentence."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from experiments.job import Background
from experiments.network_sweep import spec as netsweep
from experiments.training import run as ongoing

PAGES = Path(__file__).parents[2] / "pages"


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, IndexError, MemoryError, RuntimeError, KeyError, OSError])
def test_no_exception_is_lost_and_the_next_start_is_a_new_one(error):
    class Failing(Background):
        trouble: type[Exception] | None = error

        def _run(self) -> None:
            if self.trouble:
                raise self.trouble("the third row\nis missing")

    work = Failing().start()
    work.wait(10)
    assert not work.running
    assert work.problem.count("\n") == 0
    assert "the third row" in work.problem
    assert work.problem.endswith(".")
    work.trouble = None
    work.start().wait(10)
    assert work.problem == ""


@pytest.mark.parametrize(
    ("file", "page", "module", "name"),
    [("training", "networks", ongoing, "train"), ("network_sweep", "sweep", netsweep, "train_grid")],
)
def test_the_page_tells_it_and_offers_nothing_to_go_on_with(file, page, module, name, monkeypatch):
    def failing(*_: Any, **__: Any) -> None:
        raise ArithmeticError("seven is not eight")

    monkeypatch.setattr(module, name, failing)
    app = AppTest.from_file(str(PAGES / f"{file}.py"), default_timeout=30)
    app.query_params.update({"task": "iris_mlp", "rules": "sgd", "steps": "10"})
    app.run()
    app.session_state[f"{page}.going"].wait(10)
    app.run()
    assert not app.exception
    assert ["seven is not eight" in warning.value for warning in app.warning] == [True]
    assert not {"Continue", "Go on", "Pause", "Stop"} & {button.label for button in app.button if not button.disabled}
