# `make help` lists the targets. Needs Python 3.11 or newer and make; everything else is installed into .venv.
# Paths are relative and quoted, so that the checkout may lie in a folder with a space in its name.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python -m
# Hundreds of processes start in a test run: none of them should have to compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Older than what has to be installed means: install. A second `make` installs nothing.
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
# Most tests wait for something most of the time. The long ones come first (tests/conftest.py says who goes where).
PARALLEL := --numprocesses 3 --no-loadscope-reorder

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

venv: $(READY) ## Make .venv and install what the stack needs.

tools: $(TOOLS) ## Install what tests and checks need as well.

$(READY): requirements.lock pyproject.toml scripts/make_venv.sh
	@sh scripts/make_venv.sh run "$(VENV)" "$(PYTHON)"
	@touch "$(READY)"

$(TOOLS): requirements.lock pyproject.toml scripts/make_venv.sh
	@sh scripts/make_venv.sh tools "$(VENV)" "$(PYTHON)"
	@touch "$(READY)" "$(TOOLS)"

up: venv ## Run the whole stack until Ctrl-C. ARGS="--detach --port 3100" are passed on.
	@$(RUN) scheduler_defs.cli.main up $(ARGS)

down: venv ## Stop it.
	@$(RUN) scheduler_defs.cli.main down $(ARGS)

test: tools ## Run the test suite. ARGS="tests/unit -k timing" are passed on.
	@$(RUN) pytest $(PARALLEL) $(ARGS)

chaos: tools ## Every fault against the real thing: lost workers, outages, killed components. Half an hour.
	@$(RUN) pytest --timeout 1800 -m "chaos or not chaos" tests/chaos tests/integration/stack $(ARGS)
	@SIGNALBOX_TEST_BROKER=valkey $(RUN) pytest tests/integration/execution tests/integration/steps $(ARGS)
	@SIGNALBOX_TEST_BROKER=rabbitmq $(RUN) pytest tests/integration/execution tests/integration/steps $(ARGS)

bars: tools ## Measure what users feel against what they were promised.
	@$(RUN) benchmarks.bars $(ARGS)

bench: venv ## Measure this stack against stock Dagster, side by side.
	@$(RUN) benchmarks $(ARGS)

lint: tools ## Check style, formatting and types.
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) basedpyright

schemas: tools ## Write docs/schemas/*.json and the declarations reference from the models.
	@$(RUN) scheduler_defs.declarations.schemas
	@$(RUN) scheduler_defs.declarations.reference

lock: tools ## Resolve pyproject.toml anew and write requirements.lock.
	@$(VENV)/bin/python scripts/write_lock.py

clean: ## Remove .venv and all caches. The state folder (.signalbox) stays.
	@rm -rf "$(VENV)" .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help venv tools up down test chaos bars bench lint schemas lock clean
