# Each target first installs what it needs, into .venv (test-oldest: into .venv-oldest).
#   make fit          train the CNN
#   make app          serve a page that classifies photos
#   make test         the fast tests (not marked `slow`)
#   make test-all     all tests
#   make test-oldest  the fast tests with the lowest allowed versions of all dependencies
#   make lint         check style (ruff) and types (mypy)
#   make weights      train the shipped weights again
#   make page         build docs/page/shipped.html from them again
#   make gpu          on a machine with a CUDA GPU: its tests and all its measurements, in at most 8 minutes
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
OLDEST := .venv-oldest/bin/python
PYTEST_OPTIONS := --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: fit test test-all test-oldest lint app weights page gpu setup
fit: .venv/.installed
	$(BIN)/python train.py fit --config cnn.yaml --data.source auto

test: setup
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_OPTIONS)

test-all: setup
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

# old releases use what newer ones of their own dependencies deprecate; checkpoints in tests/ are of a newer Lightning
test-oldest: .venv-oldest/.installed
	$(OLDEST) -m pytest -m "not slow" $(PYTEST_OPTIONS) \
	  -W ignore::DeprecationWarning -W "ignore:The loaded checkpoint was produced with Lightning"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

app: .venv/.app
	$(BIN)/python -m fmnist_pl.app

# the shipped weights are replaced only after the new ones have passed their check
weights: .venv/.installed
	$(BIN)/python train.py fit --config shipped.yaml --trainer.default_root_dir runs/weights
	rm -rf runs/weights/export
	$(BIN)/python -m fmnist_pl.export --format safetensors --half true --license mit --out runs/weights/export \
	  --ckpt_path "$$(ls -t runs/weights/shipped/*/checkpoints/best.ckpt | head -1)"
	mv runs/weights/export/shipped.safetensors* fmnist_pl/weights/

# the same: the old page is replaced after the check
page: .venv/.installed
	rm -rf runs/page
	$(BIN)/python -m fmnist_pl.export --format html --out runs/page
	mkdir -p docs/page
	mv runs/page/shipped.html* docs/page/

gpu: setup
	$(BIN)/python benchmarks/gpu.py

setup: .venv/.dev

.venv/.installed: pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/.app: .venv/.installed
	$(INSTALL) '.[app]'
	touch $@

.venv/.dev: .venv/.installed
	$(INSTALL) '.[dev]'
	touch $@

.venv-oldest/.installed: pyproject.toml setup.py tests/lowest_versions.py
	$(PYTHON) -m venv .venv-oldest
	$(PYTHON) tests/lowest_versions.py > .venv-oldest/constraints.txt
	$(OLDEST) -m pip install --quiet --disable-pip-version-check --constraint .venv-oldest/constraints.txt --editable '.[dev]'
	touch $@
