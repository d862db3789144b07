# `make test` and `make demo` need Python 3.11 or later and make; they do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/ready
WORKERS ?= 2

.PHONY: help setup test test-slow test-all test-oldest lint format coverage demo bench clean

help:
	@echo "make test      lint, format check, tests and doctests"
	@echo "make test-all  the same, and then the slow tests"
	@echo "make test-oldest  the tests that are not slow, with the oldest versions of packages"
	@echo "make demo      digits with ten simulated annotators: from files to a report in demo/,"
	@echo "               then a comparison of methods (SKCCEM_DATA: and on real crowds)"
	@echo "make bench     accuracy on real crowds; needs SKCCEM_DATA=<directory of labelme.npz and music.npz>"
	@echo "make coverage  the tests, with branch coverage"
	@echo "make format    let ruff format and mend the code"
	@echo "make clean     remove the environment and what was built"

setup: $(READY)

# An environment with the packages of a lock, and this one.
define make-environment
@$(PYTHON) -c 'import sys; v = sys.version_info; \
	sys.exit(0 if v >= (3, 11) else "skccem needs Python 3.11 or later, but $(PYTHON) is %d.%d; name another one: make PYTHON=python3.12" % v[:2])'
$(PYTHON) -m venv --clear $(@D)
$(@D)/bin/python -m pip install --quiet --requirement $<
$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
@touch $@
endef

$(READY): requirements-dev.txt setup.cfg pyproject.toml
	$(make-environment)

# Packages as old as these have wheels for Python 3.11, not for later ones.
$(OLDEST_READY): requirements-oldest.txt setup.cfg pyproject.toml
	$(make-environment)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

ON_WORKERS = -m pytest --numprocesses $(WORKERS) --dist worksteal
PYTEST = $(BIN)/python $(ON_WORKERS)

test: lint
	$(PYTEST) -m "not slow"

test-slow: $(READY)
	$(PYTEST) -m slow

# In this order, one after the other, also with make -j.
test-all: test
	$(MAKE) test-slow

test-oldest: $(OLDEST_READY)
	$(OLDEST)/bin/python $(ON_WORKERS) -m "not slow"

coverage: $(READY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --cov

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(READY)
	$(BIN)/skccem demo --out demo
	$(BIN)/python benchmarks/demo.py

bench: $(READY)
	$(BIN)/python benchmarks/real_labels.py

clean:
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info .pytest_cache .ruff_cache .coverage
