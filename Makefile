# `make test` and `make demo` need Python 3.11 or later and make; they do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/ready
WORKERS ?= 2
# Apart, since the fuzzer is not there for every system.
FUZZ := .venv-fuzz
READER ?= all
SECONDS_EACH ?= 40

.PHONY: help setup test test-slow test-all test-oldest lint format coverage mutants docs \
	dist demo bench fuzz clean

help:
	@echo "make test      lint, types, format check, tests and doctests"
	@echo "make test-all  the same, and then the slow tests"
	@echo "make test-oldest  the tests that are not slow, with the oldest versions of packages"
	@echo "make demo      digits with ten simulated annotators: from files to a report in demo/,"
	@echo "               then a comparison of methods (SKCCEM_DATA: and on real crowds)"
	@echo "make docs      the site, in docs/_build/html"
	@echo "make dist      the source archive and the wheel of a release, checked, in dist/"
	@echo "make bench     accuracy on real crowds; needs SKCCEM_DATA=<directory of labelme.npz and music.npz>"
	@echo "make fuzz      mutated files for every reader of files, or READER=labels-csv, each for"
	@echo "               SECONDS_EACH=40; findings are written to fuzz/"
	@echo "make coverage  all tests, with branch coverage, which must not fall below 95%"
	@echo "make mutants   whether tests notice errors that are put into losses, labels and votes"
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
	$(BIN)/mypy

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

mutants: $(VENV)/mutants-ready
	$(BIN)/python benchmarks/mutants.py --children $(WORKERS)

$(VENV)/mutants-ready: $(READY) requirements-mutants.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-mutants.txt
	@touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -b html docs docs/_build/html

# By the setuptools of the lock. twine takes any Markdown, so the README is rendered as well.
dist: $(READY)
	rm -rf build dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m readme_renderer README.md > /dev/null
	$(BIN)/check-wheel-contents dist/*.whl

demo: $(READY)
	$(BIN)/skccem demo --out demo
	$(BIN)/python benchmarks/demo.py

bench: $(READY)
	$(BIN)/python benchmarks/real_labels.py

$(FUZZ)/ready: requirements-fuzz.txt requirements-dev.txt setup.cfg pyproject.toml
	$(make-environment)

fuzz: $(FUZZ)/ready
	$(FUZZ)/bin/python tests/fuzz/readers.py $(READER) $(SECONDS_EACH)

clean:
	rm -rf $(VENV) $(OLDEST) $(FUZZ) fuzz mutants .hypothesis build dist *.egg-info \
	       .mypy_cache .pytest_cache .ruff_cache .coverage* docs/_build docs/auto_examples \
	       docs/generated docs/sg_execution_times.rst
