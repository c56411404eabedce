# Everything a newcomer needs: `make demo` and `make test` build .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
THREADS ?= 2
export OMP_NUM_THREADS := $(THREADS)

.PHONY: demo demo-style demo-finelap demo-sept test test-all lint clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/python recipes/FlexSED/demo.py

demo-style: $(READY)
	$(BIN)/python recipes/StyleAdapter/demo.py

demo-finelap: $(READY)
	$(BIN)/python recipes/FineLAP/demo.py

demo-sept: $(READY)
	$(BIN)/python recipes/SEPT/demo.py

test: $(READY)
	$(BIN)/python -m pytest -q

test-all: $(READY)
	$(BIN)/python -m pytest -q -m ''

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/yamllint recipes .pre-commit-config.yaml

clean:
	rm -rf results build dist *.egg-info
