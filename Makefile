# `make` alone lists the targets; each sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export RAY_USAGE_STATS_ENABLED = 0

.PHONY: help demo test test-all coverage lint bench bench-quick gate clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed; say PYTHON=... to choose one") if not (3, 11) <= sys.version_info < (3, 14) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	$(BIN)/python -m compileall -q rustybt_ray actors
	touch $(READY)

demo: $(READY) ## sweep 200 parameter pairs over the sample bundle and print the ranked table
	$(BIN)/rustybt-ray demo

test: $(READY) ## the tests (under 8 minutes)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q

test-all: $(READY) ## the slow tests too, with Ray's dashboard
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[jobs,test]'
	$(BIN)/python -m pytest -q -m ''

coverage: $(READY) ## the lines that the tests reach
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term:skip-covered -q

lint: $(READY) ## style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## every benchmark, then docs/PERFORMANCE.md and the README's table (under an hour; leave the machine alone)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench,test]'
	$(BIN)/python benchmarks/run.py

bench-quick: $(READY) ## fewer runs of smaller workloads (minutes)
	$(BIN)/python benchmarks/run.py --quick

gate: $(READY) ## our speed as ratios, against the committed ones
	$(BIN)/python benchmarks/gate.py

clean: ## remove what the targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
