# The two commands: `make demo` and `make test`. Everything else serves those who change eastwest.
# Needs Python 3.11 or newer, make and git.

PYTHON ?= python3
SERVE ?= 1
UPGRADE ?=
WORKERS ?= auto

BIN := .venv/bin
LAKE := .demo/lake
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
COMPILE := $(BIN)/uv pip compile -q pyproject.toml --group build --universal --python-version 3.11 \
	--generate-hashes --no-annotate --custom-compile-command "make lock" $(UPGRADE)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev demo test check check-docs docs format lock build bench bench-ingest bench-identity \
	bench-queries bench-root-cause soak clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/.installed ## .venv with the locked dependencies

setup-dev: .venv/.installed-dev ## The same with what tests and checks need

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "eastwest needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1). Name one: make PYTHON=python3.12 ..." >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: constraints.txt pyproject.toml hatch_build.py ingest/formats/cutter.c | .venv/pyvenv.cfg
	$(PIP) install --require-hashes --no-deps -r constraints.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: constraints-dev.txt pyproject.toml hatch_build.py ingest/formats/cutter.c | .venv/pyvenv.cfg
	$(PIP) install --require-hashes --no-deps -r constraints-dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch .venv/.installed $@

demo: setup ## Sample logs in, call graph, denied callers and slowest calls out, then the dashboard (SERVE=0: without)
	$(BIN)/eastwest ingest sample_logs --lake $(LAKE)
	$(BIN)/eastwest query call_graph --lake $(LAKE) --format table
	$(BIN)/eastwest query denied_callers --lake $(LAKE) --format table
	$(BIN)/eastwest query slowest_calls --lake $(LAKE) --format table
ifneq ($(SERVE),0)
	$(BIN)/eastwest dashboard --lake $(LAKE)
endif

test: setup-dev ## Every test, by a worker a core (WORKERS=0: by none); without Chromium those that need a browser are skipped
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

check: setup-dev ## Format, lint, types, import contracts, SQL, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m queries.lint
	PYTHONPATH=. $(BIN)/python docs/generate.py --check

check-docs: setup-dev
	PYTHONPATH=. $(BIN)/python docs/generate.py --check

docs: setup-dev ## Write the generated documentation pages
	PYTHONPATH=. $(BIN)/python docs/generate.py

format: setup-dev ## Put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup-dev ## Pin the dependencies again; UPGRADE=--upgrade takes newer ones
	$(COMPILE) -o constraints.txt
	$(COMPILE) --extra dev --constraints constraints.txt -o constraints-dev.txt

build: setup-dev ## Wheel and source distribution in dist/
	$(BIN)/python -m build --no-isolation

bench: setup-dev ## Ingest speed against bare gunzip and Parquet write
	$(BIN)/python -m bench

bench-ingest: setup-dev ## Ingest of 1 GB a format beside other engines and parsers (PEERS=PYTHON: see bench/ingest.py)
	$(BIN)/python -m bench.ingest $(if $(PEERS),--peers $(PEERS))

bench-identity: setup-dev ## Share of generated requests with the true caller and callee, of 50 services
	$(BIN)/python -m bench.identity

bench-root-cause: setup-dev ## How often suspects names the true edge, beside BARO (BARO=python that has RCAEval)
	$(BIN)/python -m bench.root_cause $(if $(BARO),--baro $(BARO))

bench-queries: setup-dev ## Questions on a lake of 20 M requests and 50 M flows a day (builds 6 GB in .bench; CHDB_PYTHON=...)
	$(BIN)/python -m bench.queries

soak: setup-dev ## Workers killed, compactors raced, requests spoilt, counts exact; growth of ledger and lake; memory
	$(BIN)/python -m bench.soak_kill
	$(BIN)/python -m bench.soak_faults
	$(BIN)/python -m bench.soak_compaction
	$(BIN)/python -m bench.ledger_growth
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.huge_line
	$(BIN)/python -m bench.memory

clean: ## Take away what was made here, .venv included
	rm -rf .venv .demo .bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
