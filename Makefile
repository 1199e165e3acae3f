# make fit: set up, then train the CNN. make test: set up, then run the tests.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: fit test lint setup
fit: setup
	$(BIN)/python train.py fit --config cnn.yaml --data.source auto

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

setup: .venv/.installed

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
