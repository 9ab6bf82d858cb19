# Everything happens in .venv, which the first target that needs it makes from a hash-locked requirements file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
TESTING := $(VENV)/.testing
BENCH := .venv-bench/.ready
LLEAVES := .venv-lleaves/.ready
AUDIT := .venv-audit/.ready
FUZZ := .venv-fuzz/.ready
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

# Tests start hundreds of processes; each would compile all of the code anew if none kept what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test check format bench lock docs clean

demo: $(RUNTIME)  ## make an organisation, plan it with and without the model, finalize, show the result
	$(BIN)/assignment-engine demo

serve: $(RUNTIME)  ## serve the API and the board on the demo's data (DATABASE_URL for another); prints a link
	DATABASE_URL="$${DATABASE_URL:-sqlite:///demo.db}" $(BIN)/assignment-engine serve

test: $(TESTING)  ## everything: lint, types, layers, all tests on every database that answers
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n 3 --dist worksteal $(PYTEST_ARGS)

check: $(TESTING)  ## the quick part: lint, types, layers, unit tests
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest -q -n 2 --dist worksteal tests/unit -m "not slow"

.PHONY: up down
up: $(TESTING)  ## PostgreSQL, Redis, two instances and a worker on this machine, without containers
	$(BIN)/python deploy/local.py up

down: $(TESTING)  ## end what `make up` started; its data stays in .local
	$(BIN)/python deploy/local.py down

.PHONY: chaos chaos-guards
chaos: $(TESTING)  ## minutes of faults at random under load; CHAOS_ARGS="--seconds 900 --seed 7"
	$(BIN)/python -m chaos $(CHAOS_ARGS)

chaos-guards: $(TESTING)  ## each guard is broken in turn, and must make the same fail
	$(BIN)/python -m chaos --guards $(CHAOS_ARGS)

.PHONY: lint
lint: $(TESTING)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

format: $(TESTING)
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

bench: $(BENCH) $(LLEAVES)  ## every benchmark, beside what a user would pick instead; writes docs/benchmarks.md
	.venv-bench/bin/python -m benchmarks --write docs/benchmarks.md --lleaves-python .venv-lleaves/bin/python

.PHONY: evaluate
evaluate: $(RUNTIME)  ## what two public logs teach, in tables; EVALUATION_DATA names the directory that holds them
	@test -n "$$EVALUATION_DATA" || { echo "EVALUATION_DATA names no directory"; exit 2; }
	$(BIN)/assignment-engine evaluate-log --adapter uci-servicenow-incidents \
	  "$$EVALUATION_DATA/uci-servicenow-incidents/incident_event_log.csv.gz"
	$(BIN)/assignment-engine evaluate-log --adapter sip-task-effort \
	  "$$EVALUATION_DATA/sip-task-effort/Sip-task-info.csv"

.PHONY: audit fuzz
audit: $(AUDIT)  ## bandit over the code, pip-audit over both lock files; the latter asks a public service for known weaknesses
	.venv-audit/bin/bandit --quiet --configfile pyproject.toml --recursive assignment_engine webapp
	.venv-audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
	  -r requirements.lock -r requirements-test.lock || { \
	  echo "pip-audit has found a weakness or could not ask its service; the lines above say which"; exit 1; }

fuzz: $(FUZZ)  ## mutated CSV files and bundles, a minute each; FUZZ_ARGS="-max_total_time=600"
	.venv-fuzz/bin/python -m fuzz.csv_import $(FUZZ_ARGS)
	.venv-fuzz/bin/python -m fuzz.bundle $(FUZZ_ARGS)

# Comparators live apart: they are no part of the product, and lleaves needs an older llvmlite than numba.
$(BENCH): requirements.lock benchmarks/requirements.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.lock
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(LLEAVES): benchmarks/requirements-lleaves.lock
	$(PYTHON) -m venv .venv-lleaves
	.venv-lleaves/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(AUDIT): audit/requirements.lock
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(FUZZ): requirements.lock fuzz/requirements.lock
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --require-hashes -r fuzz/requirements.lock
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

docs: $(RUNTIME)  ## write the pages that are generated from the code
	$(BIN)/python docs/generate.py

lock:  ## renew the lock files; needs uv
	uv pip compile pyproject.toml --extra build $(LOCK_OPTIONS) -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra test $(LOCK_OPTIONS) -o requirements-test.lock
	uv pip compile audit/requirements.in $(LOCK_OPTIONS) -o audit/requirements.lock
	uv pip compile fuzz/requirements.in $(LOCK_OPTIONS) -o fuzz/requirements.lock

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
  --no-strip-extras --quiet

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	$(BIN)/assignment-engine compile
	touch $@

$(TESTING): requirements-test.lock $(RUNTIME)
	$(INSTALL) --require-hashes -r requirements-test.lock
	touch $@

clean:
	rm -rf $(VENV) .venv-bench .venv-lleaves .venv-audit .venv-fuzz build dist *.egg-info demo.db demo.db-*
