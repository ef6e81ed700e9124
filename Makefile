# `make` alone prints the targets. Everything runs in .venv, which `setup` builds from the lock.
.DEFAULT_GOAL := help
.PHONY: help setup demo test unit lint bench bench-preflight bench-sweep proofs proof-osmo proof-workers scale accuracy fuzz mutants postgres browser lock clean
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto
FUZZ_SECONDS ?= 3000
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

help: ## print this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: .venv/.installed ## build .venv from the lock, with the project in it

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup ## emulated registries, good and dead credentials, and what validator says of them
	$(BIN)/validator demo

test: setup ## every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

unit: setup ## the tests without network, in seconds
	$(BIN)/python -m pytest -n $(JOBS) tests/unit tests/property tests/architecture

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## all benchmarks; the last line is one JSON object
	$(BIN)/python -m tests.bench

bench-preflight: setup ## a pre-flight's benchmark
	$(BIN)/python -m tests.bench.preflight

bench-sweep: setup ## a sweep's benchmark
	$(BIN)/python -m tests.bench.sweep

proofs: setup ## a sweep that is killed thirty times, with a real mail server, and nights of ill registries; last lines are JSON
	$(BIN)/python -m tests.proofs.kills
	$(BIN)/python -m tests.proofs.faults

scale: setup ## nights of very many on a virtual clock: writes docs/scale.md
	$(BIN)/python -m tests.scale

proof-osmo: setup ## a night over 30,000 credentials beside OSMO, its Postgres started again in the middle; the last line is one JSON object
	$(BIN)/python -m tests.proofs.osmo --restart

proof-workers: setup ## nights beside OSMO by several workers: their makespan, kills and cuts, credentials set anew; last lines are JSON
	$(BIN)/python -m tests.proofs.workers
	$(BIN)/python -m tests.proofs.worker_kills
	$(BIN)/python -m tests.proofs.worker_changes

accuracy: setup ## every case, and what other checkers say of it; writes docs/accuracy.md; the last line is one JSON object
	$(BIN)/python -m tests.accuracy

fuzz: setup ## the property tests for longer, then FUZZ_SECONDS over every reader of remote text; the last line is one JSON object
	$(BIN)/python -m pytest -n $(JOBS) --hypothesis-profile=fuzz --timeout=1200 tests/property
	$(BIN)/python -m tests.property.fuzz --seconds $(FUZZ_SECONDS)

postgres: setup ## every test of the ledger on Postgres, and what takes longer there
	$(BIN)/python -m pytest -n $(JOBS) --postgres tests/ledger tests/postgres tests/stores

chaos: setup ## 20,000 checks with a fault somewhere in each; the last line is one JSON object
	$(BIN)/python -m tests.chaos

mutants: setup ## would the pure tests notice? small faults in what decides, at most an hour; the last line is one JSON object
	$(BIN)/python -m tests.mutants

browser: setup ## the dashboard in Chromium (Debian's chromium; skipped without it)
	$(BIN)/python -m pytest tests/browser

lock: ## write both locks anew from pyproject.toml
	$(BIN)/$(LOCK) --all-extras --output-file requirements.lock pyproject.toml
	$(BIN)/$(LOCK) --extra postgres --extra otel --extra build --constraint requirements.lock --output-file requirements-runtime.lock pyproject.toml

clean: ## remove what was built
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
