# The words of this project. `make demo` is the main job; `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup demo test check bench fuzz interop vectors docs fresh packages
help:
	@echo "make demo          the walk on this machine, until Ctrl-C   (CHECK=1: drive it in Chromium)"
	@echo "make test          every test"
	@echo "make check         the quick half: format, lint, types, layers, unit and spec tests"
	@echo "make interop       with a certified provider and a certified client"
	@echo "make bench         CPU per request beside nginx, Apache and Envoy  (ROUTES=1, STARTUP=1, MEMORY=1, USERPOOL=1, SCALE=1)"
	@echo "make fuzz          parsers, exchanges, the Admin API as it is documented; about 9 minutes  (FUZZ_EXAMPLES=n)"
	@echo "make fresh         both README commands in a bare Debian chroot (needs root)"
	@echo "make docs          regenerate docs/reference"

$(VENV)/.run: pyproject.toml constraints.txt
	@echo "setup: installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "setup: installing the test tools into $(VENV)"
	@$(PIP) --editable '.[demo,dev]'
	@touch $@

setup: $(VENV)/.run

demo: setup
	@if [ -n "$(CHECK)" ]; then tools/packages chromium libatomic1 libnss3-tools && $(PIP) --editable '.[check]'; fi
	@$(BIN)/ostiary demo $(if $(CHECK),--check,) $(DEMO_ARGS)

packages:
	@tools/packages $$(cat packages.debian)

check: $(VENV)/.dev
	@$(BIN)/python tools/suites.py check

test: packages $(VENV)/.dev
	@$(BIN)/python tests/interop/install.py
	@$(BIN)/python tools/suites.py all

interop: $(VENV)/.dev
	@$(BIN)/python tests/interop/install.py
	@$(BIN)/python -m pytest -q tests/interop

vectors: $(VENV)/.dev
	@$(BIN)/python tools/vectors.py $(VECTORS)

bench: $(VENV)/.dev
	@$(BIN)/python -m bench.run

fuzz: $(VENV)/.dev
	@$(BIN)/python -m pytest -q -s tests/fuzz

docs: $(VENV)/.dev
	@$(BIN)/python tools/reference.py

fresh:
	@tools/fresh
