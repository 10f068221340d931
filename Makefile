# `make help` lists the targets. Needs Python 3.11 or newer and make; everything else is installed into .venv.
# Paths are relative and quoted, so that the checkout may lie in a folder with a space in its name.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python -m
# Changes with what has to be installed, so that a second `make` installs nothing.
STAMP := $(VENV)/.installed

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP) ## Make .venv and install the pinned dependencies.

$(STAMP): requirements.lock pyproject.toml scripts/make_venv.sh
	@sh scripts/make_venv.sh "$(VENV)" "$(PYTHON)"
	@touch "$(STAMP)"

up: venv ## Run the whole stack until Ctrl-C. ARGS="--detach --port 3100" are passed on.
	@$(RUN) scheduler_defs.cli.main up $(ARGS)

down: venv ## Stop it.
	@$(RUN) scheduler_defs.cli.main down $(ARGS)

test: venv ## Run the test suite. ARGS="tests/unit -k timing" are passed on.
	@$(RUN) pytest $(ARGS)

chaos: venv ## Run the long tests too: every fault, against the real stack.
	@$(RUN) pytest -m "slow or not slow" --timeout 1800 tests/chaos $(ARGS)

bench: venv ## Measure this stack against stock Dagster, side by side.
	@$(RUN) benchmarks $(ARGS)

lint: venv ## Check style, formatting and types.
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) basedpyright

schemas: venv ## Write docs/schemas/*.json from the models.
	@$(RUN) scheduler_defs.declarations.schemas

lock: venv ## Resolve pyproject.toml anew and write requirements.lock.
	@$(VENV)/bin/python scripts/write_lock.py

clean: ## Remove .venv and all caches. The state folder (.signalbox) stays.
	@rm -rf "$(VENV)" .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help venv up down test chaos bench lint schemas lock clean
