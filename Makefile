# Every target works from a bare checkout: the first use makes .venv, later uses find it ready.
PYTHON ?= python3
ARGS   ?=

BIN     := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
LOCK    := $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
           --no-header --no-emit-index-url --no-emit-find-links --exclude-newer '7 days' --upgrade --quiet
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)  # some tests wait
GROUND  := pyproject.toml app/__init__.py

.PHONY: demo test check bench walk soak mutants lock golden openapi screenshots

demo: .venv/.run
	@exec $(BIN)/cxfacade demo $(ARGS)

test: .venv/.dev
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

check: .venv/.dev
	@$(BIN)/ruff check --quiet --output-format concise app tests
	@$(BIN)/ruff format --quiet --check app tests || { echo 'formatting differs: run $(BIN)/ruff format app tests' >&2; exit 1; }
	@$(BIN)/mypy --strict --no-error-summary app tests
	@$(BIN)/cxfacade openapi | cmp -s - openapi/facade.json || \
		{ echo 'openapi/facade.json is not what the code says: run make openapi' >&2; exit 1; }

bench: .venv/.dev
	@$(BIN)/python -m tests.benchmarks $(ARGS)

walk: .venv/.dev
	@$(BIN)/python -m tests.benchmarks.walk

soak: .venv/.dev
	@$(BIN)/python -m tests.soak $(ARGS)

mutants: .venv/.dev
	@$(BIN)/python -m tests.mutants $(ARGS)

golden: .venv/.dev
	@$(BIN)/python -m tests.golden

openapi: .venv/.run
	@mkdir -p openapi
	@$(BIN)/cxfacade openapi > openapi/.facade.json && mv openapi/.facade.json openapi/facade.json

# Pictures of the explorer's main states go into build/screenshots, the one of the README into docs.
screenshots: .venv/.dev
	@$(BIN)/python -m tests.explorer.screenshots build/screenshots

# Versions uploaded in the last seven days are left alone: most bad packages are found by then.
lock: .venv/.dev
	@$(LOCK) --extra redis --output-file requirements.lock
	@$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cxfacade needs Python 3.11 or newer, $(PYTHON) is not: say which, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.run: requirements.lock $(GROUND) | .venv/bin/python
	@$(INSTALL) --only-binary :all: -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# sniffpy has no wheel; it is built with the hashed setuptools that .run brought.
.venv/.dev: requirements-dev.lock .venv/.run
	@$(INSTALL) --only-binary :all: --no-binary sniffpy --no-build-isolation -r requirements-dev.lock
	@touch $@
