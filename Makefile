# make demo    sets everything up, then trains, builds, simulates, streams and checks (tinygen demo)
# make docs    builds the pages of docs/ into site/
# make test    sets up what tests need as well, then runs the whole test suite
# make release-check   the same with the long reliability programme
# make figures compares size, cycles, errors and training time with the stored ones
# make dist    builds wheel and sdist, checks them, and writes the bill of materials, into dist/
# make audit   asks whether a known hole is in a package of .ci/locks; make lock writes those anew
# make bench   measures tinygen beside other generators, an hour; ARGS="--quick": one task
# make mutation changes the modules that everything rests on, one place at a time
# make lint    ruff and mypy over everything
# make setup   only sets up, for the tests too; make clean undoes it
#
# PYTHON picks the interpreter (3.10 or later); ARGS goes to the command:
# make demo ARGS="--board uno".

SHELL  := /bin/bash
PYTHON ?= python3
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
APT    := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n) apt-get
# What the set-up depends on: while it stays the same, a second run has nothing to do.
INPUTS := Makefile pyproject.toml tinygen/target/toolchain.py tinygen/target/platformio_core.py
SUM    := $(shell { echo '$(CURDIR)'; cat $(INPUTS); } | cksum | tr ' ' '-')
STAMP  := $(VENV)/set-up-$(SUM)
TOOLS  := $(VENV)/tools-$(SUM)
RELEASE := $(VENV)/release/.complete
# the other generators have an environment of their own, every package with its hash
BENCH  := benchmarks/.venv
BENCHED := $(BENCH)/set-up-$(shell { echo '$(CURDIR)'; cat benchmarks/requirements.txt; } | cksum | tr ' ' '-')

# where an environment forbids bytecode, each of the hundreds of commands of a test run would compile
# this package anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: audit bench demo dist docs figures lint lock test setup clean release-check mutation

demo: $(STAMP)
	@$(BIN)/tinygen demo $(ARGS)

# pytest has a worker on each core, where threads would only wait for each other, and one more: two
# minutes of the tests are waiting, for a bootloader, a cable, a browser
PYTEST := LOKY_MAX_CPU_COUNT=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
    -n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') \
    --dist loadfile --no-loadscope-reorder

lint: $(TOOLS)
	@.ci/lint $(BIN)

test: $(TOOLS)
	@.ci/tools
	@$(PYTEST) $(ARGS)

# the long test programme: an hour, most of it for the fuzzer
release-check: $(TOOLS)
	@.ci/tools release
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[chips]'
	@$(PYTEST) --level release $(ARGS)

# a sample of mutants, a quarter of an hour; ARGS="--share 1" takes all, ARGS=check those of a group
mutation: $(TOOLS)
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[mutation]'
	@$(BIN)/python tests/mutation/mutate.py --write $(ARGS)

# NO_MKDOCS_2_WARNING: a notice of the theme's authors, no warning about these pages
docs: $(TOOLS)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict $(ARGS)

# what benchmarks/results/figures.json stores; ARGS=--update stores what became smaller
figures: $(STAMP)
	@$(BIN)/python benchmarks/figures.py $(ARGS)

dist: $(RELEASE)
	@.ci/dist $(VENV)/release/bin

audit: $(RELEASE)
	@$(VENV)/release/bin/pip-audit --strict --require-hashes --disable-pip $(ARGS) \
	  -r .ci/locks/runtime.txt -r .ci/locks/tools.txt

lock: $(RELEASE)
	@.ci/lock $(VENV)/release/bin

# one process: BLAS and OpenMP have a thread each, the search has one worker
bench: $(BENCHED)
	@LOKY_MAX_CPU_COUNT=1 OMP_NUM_THREADS=1 PYTHONPATH=benchmarks \
	    $(BENCH)/bin/python -W ignore -m bench $(ARGS)

$(BENCHED): $(STAMP)
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --disable-pip-version-check --require-hashes \
	    -r benchmarks/requirements.txt
	$(BENCH)/bin/python -m pip install --disable-pip-version-check --no-deps \
	    --no-build-isolation -e .
	@touch $@

setup: $(TOOLS)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo 'error: $(PYTHON) is missing or older than 3.10: name another with' \
	    'make PYTHON=...' >&2; exit 3; }
	@# Debian keeps the venv module in a package of its own
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || \
	  $(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || \
	  { echo 'installing python3-venv'; { $(APT) install -y -q python3-venv || \
	    { $(APT) update -q && $(APT) install -y -q python3-venv; }; } && \
	    $(PYTHON) -m venv --clear $(VENV); } || \
	  { echo 'error: $(PYTHON) has no venv module: install python3-venv, then run make' \
	    'again' >&2; exit 3; }
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	$(BIN)/tinygen setup
	@rm -f $(VENV)/set-up-* && touch $@

# the packages of tests and pages, 300 MB that the demo does not need
$(TOOLS): $(STAMP)
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test]'
	@rm -f $(VENV)/tools-* && touch $@

# the tools of a release, by their hashes, apart from those of tests
$(RELEASE): .ci/locks/tools.txt
	$(PYTHON) -m venv --clear $(VENV)/release
	$(VENV)/release/bin/python -m pip install --disable-pip-version-check -q --require-hashes \
	  -r .ci/locks/tools.txt
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) .pio site tinygen.egg-info
