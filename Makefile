# Two commands: `make run` and `make test`. Everything they need, they install into .venv.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes

# An environment is as good as the lock it was made from: the stamp carries the lock's hash.
hash = $(shell git hash-object requirements/$(1).lock pyproject.toml | cut -c1-10 | tr -d '\n')
RUN_STAMP := $(VENV)/.run-$(call hash,run)
DEV_STAMP := $(VENV)/.dev-$(call hash,dev)
LITELLM_STAMP := .venv-litellm/.stamp-$(call hash,litellm)
CLIENTS_STAMP := .venv-clients/.stamp-$(call hash,clients)
AIDER_STAMP := .venv-aider/.stamp-$(call hash,aider)
PEER_STAMP := .venv-peer/.stamp-$(call hash,peer)
NPM_STAMP := tests/clients/node_modules/.stamp-$(shell git hash-object tests/clients/package-lock.json | cut -c1-10)

# Pytest rewrites the assertions of every test anew where no bytecode may be written: 4 s a process.
check test: export PYTHONDONTWRITEBYTECODE =

.PHONY: run test check lint types campaign bench lock dev litellm node clients peer dashboard dashboard-types screenshots clean

run: $(RUN_STAMP)
	@$(BIN)/cfx serve --or-demo --with-worker --build-dashboard

test: check litellm clients
	$(BIN)/pytest -n 2 --dist loadgroup -m e2e

# A tenth of each campaign is in `make test`; here they run in full.
campaign: $(DEV_STAMP)
	CFX_CAMPAIGN=full $(BIN)/pytest -n 2 --dist loadgroup -m campaign

check: lint types
	$(BIN)/pytest -n 2 -m "not e2e"

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(DEV_STAMP)
	$(BIN)/mypy -n 2

bench: dev litellm
	$(BIN)/python -m benchmarks.gateway

# What the API serves at /; `make run` builds it beside the server.
dashboard: $(RUN_STAMP)
	@$(BIN)/python -m cli.dashboard.build

# The API's types in TypeScript; `make check` fails where they are stale.
dashboard-types: $(RUN_STAMP)
	@$(BIN)/python -m cli.dashboard.types

# The pictures of docs/screenshots, in the system's Chromium.
screenshots: $(DEV_STAMP) dashboard
	$(BIN)/python -m tests.dashboard.screenshots

dev: $(DEV_STAMP)
litellm: $(LITELLM_STAMP)
node: $(CLIENTS_STAMP)
# LangGraph's own server, for `python -m benchmarks.flows peer`.
peer: $(PEER_STAMP)
clients: node $(AIDER_STAMP) $(NPM_STAMP)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CF-X Flow needs Python 3.11 or newer: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock

$(RUN_STAMP): $(BIN)/uv
	$(UV) -r requirements/run.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q cfx_flow graphs api cli
	@touch $@

$(DEV_STAMP): $(RUN_STAMP)
	$(UV) -r requirements/dev.lock
	@touch $@

# Of aider's 690 MB few modules are ever imported: only the proxy is compiled beforehand.
$(LITELLM_STAMP): COMPILED := --compile-bytecode
$(LITELLM_STAMP) $(CLIENTS_STAMP) $(AIDER_STAMP) $(PEER_STAMP): $(BIN)/uv
	$(PYTHON) -m venv $(@D)
	$(BIN)/uv pip install -q --python $(@D)/bin/python $(COMPILED) --require-hashes -r requirements/$(patsubst .venv-%,%,$(@D)).lock
	@touch $@

NPM := .venv-clients/bin/npm --prefix tests/clients --ignore-scripts --no-audit --no-fund
$(NPM_STAMP): $(CLIENTS_STAMP)
	$(NPM) ci --loglevel=error
	@touch $@

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
lock: $(BIN)/uv
	$(COMPILE) requirements/uv.in -o requirements/uv.lock
	$(COMPILE) pyproject.toml --group build -o requirements/run.lock
	$(COMPILE) pyproject.toml --group build --group dev -c requirements/run.lock -o requirements/dev.lock
	$(COMPILE) requirements/litellm.in -o requirements/litellm.lock
	$(COMPILE) requirements/clients.in -o requirements/clients.lock
	$(COMPILE) requirements/aider.in -o requirements/aider.lock
	$(COMPILE) requirements/peer.in -o requirements/peer.lock
	$(COMPILE) requirements/node.in -o requirements/node.lock
	@$(MAKE) --no-print-directory node
	$(NPM) install --package-lock-only --omit-lockfile-registry-resolved
	$(NPM) --prefix dashboard install --package-lock-only --omit-lockfile-registry-resolved
	@$(BIN)/python -c 'import json, pathlib; [(lock := json.loads(file.read_text()), [package.pop("funding", None) for package in lock["packages"].values()], file.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + chr(10))) for file in map(pathlib.Path, ["tests/clients/package-lock.json", "dashboard/package-lock.json"])]'

clean:
	rm -rf $(VENV) .venv-litellm .venv-clients .venv-aider .venv-peer .venv-node tests/clients/node_modules
	rm -rf dashboard/node_modules dashboard/.next dashboard/out dashboard/site dashboard/site.old dashboard/.built-from dashboard/.building
