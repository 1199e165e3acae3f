# make fit: set up, then train the CNN. make test: set up, then run the tests. make app: a page to try photos on.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.PHONY: fit test lint app weights setup
fit: .venv/.installed
	$(BIN)/python train.py fit --config cnn.yaml --data.source auto

test: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

app: .venv/.app
	$(BIN)/python -m fmnist_pl.app

# the weights that ship in the package, anew; those there are kept until the new ones have passed their check
weights: .venv/.installed
	$(BIN)/python train.py fit --config shipped.yaml --trainer.default_root_dir runs/weights
	rm -rf runs/weights/export
	$(BIN)/python -m fmnist_pl.export --format safetensors --half true --out runs/weights/export \
	  --ckpt_path "$$(ls -t runs/weights/shipped/*/checkpoints/best.ckpt | head -1)"
	mv runs/weights/export/shipped.safetensors* fmnist_pl/weights/

setup: .venv/.dev

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) .
	touch $@

.venv/.app: .venv/.installed
	$(INSTALL) '.[app]'
	touch $@

.venv/.dev: .venv/.installed
	$(INSTALL) '.[dev]'
	touch $@
