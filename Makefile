# Everything runs in a virtual environment of the project's own; nothing is installed elsewhere.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SLOW   ?= tests

.PHONY: help docs demo test test-all test-slow coverage lint types floors benchmarks reliability clean

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## A guided run of everything against emulated vendors
	$(BIN)/reconciler demo

test: $(VENV)/.installed  ## The tests, in a few minutes
	$(BIN)/python -m pytest -n auto -m 'not slow'

test-slow: $(VENV)/.installed  ## Only what `test` leaves out: a kill at every call, the slow pages of the docs
	$(BIN)/python -m pytest -n auto -m slow $(SLOW)

coverage: $(VENV)/.installed  ## Every line and branch of values, engine and sdk
	$(BIN)/python -m pytest -n auto tests/engine tests/values tests/sdk \
		--cov=reconciler.values --cov=reconciler.engine --cov=reconciler.sdk --cov-branch --cov-fail-under=100

test-all: test test-slow coverage  ## All of these, thousands of worlds, and mutants of the engine
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto --timeout 1200 tests/engine
	$(BIN)/python tests/engine/check_mutants.py

lint: $(VENV)/.installed  ## Style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed  ## Types
	$(BIN)/mypy

floors: $(VENV)/.installed  ## Imports point down only
	$(BIN)/python -m pytest tests/house

docs: $(VENV)/.installed  ## The documentation site, in build/site; a link to nowhere is an error
	$(BIN)/python docs/gather_pages.py
	$(BIN)/zensical build --config-file .mkdocs.yml --clean --strict

benchmarks: $(VENV)/.installed  ## Time and memory against floors measured in the same run
	$(BIN)/python benchmarks/run.py

reliability: $(VENV)/.installed  ## The scorecard: thousands of kills, faults and worlds, and builds broken on purpose
	$(BIN)/python tests/reliability/scorecard.py --write

clean:  ## Remove what the targets above made
	rm -rf $(VENV) build .cache .mypy_cache .ruff_cache .hypothesis .coverage mutants *.egg-info
