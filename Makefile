# `make test` and `make demo` need Python 3.11 or later and make; they do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
WORKERS ?= 2

.PHONY: help setup test test-slow test-all lint format coverage mutants demo bench clean

help:
	@echo "make test      lint, format check, tests and doctests"
	@echo "make test-all  the same, and then the slow tests"
	@echo "make demo      digits with ten simulated annotators: from files to a report in demo/,"
	@echo "               then a comparison of methods (SKCCEM_DATA: and on real crowds)"
	@echo "make bench     accuracy on real crowds; needs SKCCEM_DATA=<directory of labelme.npz and music.npz>"
	@echo "make coverage  all tests, with branch coverage, which must not fall below 95%"
	@echo "make mutants   whether tests notice errors that are put into losses, labels and votes"
	@echo "make format    let ruff format and mend the code"
	@echo "make clean     remove the environment and what was built"

setup: $(READY)

$(READY): requirements-dev.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	sys.exit(0 if v >= (3, 11) else "skccem needs Python 3.11 or later, but $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

test: lint
	$(PYTEST) -m "not slow"

test-slow: $(READY)
	$(PYTEST) -m slow

# In this order, one after the other, also with make -j.
test-all: test
	$(MAKE) test-slow

coverage: $(READY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --cov

mutants: $(VENV)/mutants-ready
	$(BIN)/python benchmarks/mutants.py --children $(WORKERS)

$(VENV)/mutants-ready: $(READY) requirements-mutants.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-mutants.txt
	@touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(READY)
	$(BIN)/skccem demo --out demo
	$(BIN)/python benchmarks/demo.py

bench: $(READY)
	$(BIN)/python benchmarks/real_labels.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .coverage* mutants
