# Everything a newcomer or CI needs. The virtual environment is made once and again when the lock changes.
PYTHON ?= $(shell for v in python3.13 python3.12 python3.11 python3; do \
	$$v -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$v; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

.PHONY: help setup setup-dev demo test check fix lock samples dictionary formats bench bench-eeg bench-ingest fuzz realdata clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.run: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 was found. Install one, or: make demo PYTHON=/path/to/python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "error: $(PYTHON) cannot make virtual environments; on Debian: apt install python3-venv"; exit 2; }
	@echo "setting up $(VENV) with $(PYTHON) (some minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

$(VENV)/.bench: $(VENV)/.dev pyproject.toml
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --group bench
	@touch $@

setup: $(VENV)/.run  ## the virtual environment with pinned, hash-checked dependencies
setup-dev: $(VENV)/.dev  ## the same with the tools of developers

demo: $(VENV)/.run  ## run the main job on sample_data/ (on a copy, in demo/)
	@rm -rf $(DEMO) && mkdir $(DEMO)
	@cp -r sample_data/study.toml sample_data/participants.tsv sample_data/inbox $(DEMO)/
	@$(BIN)/sleeploop run $(DEMO) || test $$? -eq 3  # 3: one sample export is broken on purpose

test: $(VENV)/.dev  ## every check: format, lint, types, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q -n auto --dist loadgroup

check: test

fix: $(VENV)/.dev  ## let the formatter and the linter mend what they can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

samples: $(VENV)/.run  ## make sample_data/ again from its seed
	@$(BIN)/python -m pipeline.simulate sample_data

dictionary: $(VENV)/.run  ## write docs/dictionary.md again from the declarations
	@$(BIN)/python tests/house/dictionary.py

formats: $(VENV)/.run  ## write docs/formats.md again from the readers' declarations
	@$(BIN)/python tests/house/formats.py

bench: $(VENV)/.dev  ## operating characteristics and costs (minutes)
	@$(BIN)/python benchmarks/scores/loop_operating_characteristics.py

fuzz: $(VENV)/.bench  ## damage exports of every format, guided by coverage (FUZZ=100000 executions)
	@$(BIN)/python benchmarks/fuzz/readers.py --executions $(or $(FUZZ),100000)

bench-eeg: $(VENV)/.dev  ## a night of EEG beside YASA and MNE: from file to waves, and each part (PEERS=python of an environment with YASA)
	@$(BIN)/python benchmarks/eeg/night.py $(if $(PEERS),--peers $(PEERS)) --growth
	@$(BIN)/python benchmarks/eeg/staging.py $(if $(PEERS),--peers $(PEERS))
	@$(BIN)/python benchmarks/eeg/slow_waves.py $(if $(PEERS),--peers $(PEERS))
	@$(BIN)/python benchmarks/eeg/spindles.py $(if $(PEERS),--peers $(PEERS))

bench-ingest: $(VENV)/.dev  ## what reading costs: raw acceleration, EDF, Apple Health (PEERS=python of an environment with other readers)
	@$(BIN)/python benchmarks/ingest/raw_acceleration.py $(if $(PEERS),--peers $(PEERS)) --month
	@$(BIN)/python benchmarks/ingest/edf.py
	@$(BIN)/python benchmarks/ingest/apple_health.py

realdata: $(VENV)/.dev  ## the tests that need the real recordings
	@$(BIN)/pytest -q -m realdata

lock: $(VENV)/.dev  ## write the lock files again from pyproject.toml (see CONTRIBUTING.md)
	@$(BIN)/python tests/house/lock.py

clean:  ## remove the environment and what the demo wrote
	rm -rf $(VENV) $(DEMO) .mypy_cache .ruff_cache .pytest_cache
