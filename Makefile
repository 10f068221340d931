# `make help` lists the targets. Needs Python 3.11 or newer and make; everything else is installed into .venv.
# Paths are relative and quoted, so that the checkout may lie in a folder with a space in its name.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python -m
CLAUDE_CODE := @anthropic-ai/claude-code@2.1.197
CODEX := @openai/codex@0.171.0
OPENCODE := opencode-ai@1.18.33
AIDER := aider-chat==0.86.2
# Hundreds of processes start in a test run: none of them should have to compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Older than what has to be installed means: install. A second `make` installs nothing.
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
# Most tests wait for something most of the time. The long ones come first (tests/conftest.py says who goes where).
PARALLEL := --numprocesses 3 --no-loadscope-reorder

# A checkout that was renamed: the programs in .venv still point to where it was, so it is made anew.
ifeq ($(shell sh scripts/make_venv.sh moved "$(VENV)" 2>/dev/null),yes)
$(READY) $(TOOLS): moved
moved:
endif

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

coverage: tools ## The test suite with a report of the lines that no test reaches (subprocesses are not counted).
	@$(RUN) pytest $(PARALLEL) --cov=scheduler_defs --cov=sensors --cov=resources --cov-report=term:skip-covered $(ARGS)

newest: ## The unit tests on the newest Python that is here, in an environment of its own (.venv-newest).
	@sh scripts/newest_python.sh $(ARGS)

way-back: tools ## The tests of the release before, with its code, on today's tables.
	@sh scripts/way_back.sh "$(VENV)/bin/python" $(ARGS)

conformance: tools ## Dagster's own tests against our classes, beside the same tests on Dagster's.
	@$(RUN) tests.conformance $(ARGS)

chaos: tools ## Every fault against the real thing: lost workers, outages, killed components. Half an hour.
	@$(RUN) pytest --timeout 1800 -m "chaos or not chaos" tests/chaos tests/integration/stack $(ARGS)
	@SIGNALBOX_TEST_BROKER=valkey $(RUN) pytest tests/integration/execution tests/integration/steps $(ARGS)
	@SIGNALBOX_TEST_BROKER=rabbitmq $(RUN) pytest tests/integration/execution tests/integration/steps $(ARGS)

attack: tools ## Every door that is shut, tried: pages, sockets, folders, paths, launches, hostile text.
	@$(RUN) pytest $(PARALLEL) -m "attack and not chaos" $(ARGS)

machines: tools ## The first minutes of a stranger on each kind of machine (locales, users, paths, proxies, IPv6...). As root.
	@$(RUN) pytest -m machines tests/integration/machines $(ARGS)

bars: tools ## Measure what users feel against what they were promised.
	@$(RUN) benchmarks.bars $(ARGS)

bench: venv ## Measure this stack against stock Dagster, side by side.
	@$(RUN) benchmarks $(ARGS)

demo: venv ## Four fake agents, twelve dependent tasks, one repository: all of it lands in order, by itself.
	@$(RUN) demo $(ARGS)

agents: tools ## Real coding agents (Claude Code, Codex, OpenCode, aider), pinned, and a model server on loopback. Needs npm.
	@command -v npm >/dev/null || { echo "npm is not installed: the tests of real agents are skipped"; exit 0; }; \
	npm install --silent --no-audit --no-fund --prefix .agents $(CLAUDE_CODE) $(CODEX) $(OPENCODE) && \
	node .agents/node_modules/@anthropic-ai/claude-code/install.cjs
	@test -x .agents/aider/bin/aider || { $(RUN) venv .agents/aider && .agents/aider/bin/pip install --quiet $(AIDER); }
	@$(RUN) pytest tests/real_agents $(ARGS)

lint: tools ## Check style, formatting, which room imports which, and types.
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@"$(VENV)/bin/lint-imports" --no-logo
	@$(RUN) basedpyright

pictures: tools ## Take the pictures of the docs anew, from a stack of their own. Needs Chromium.
	@$(RUN) scripts.screenshots $(ARGS)

schemas: tools ## Write docs/schemas/*.json and the reference pages from the program.
	@$(RUN) scheduler_defs.declarations.published.schemas
	@$(RUN) scheduler_defs.declarations.published.reference
	@$(RUN) scheduler_defs.declarations.published.environment

site: tools ## The documentation as pages under build/site; a link that leads nowhere fails.
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet

lock: tools ## Resolve pyproject.toml anew and write requirements.lock.
	@$(VENV)/bin/python scripts/write_lock.py

clean: ## Remove .venv and all caches. The state folder (.signalbox) stays.
	@rm -rf "$(VENV)" .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help moved venv tools up down test coverage way-back chaos bars bench demo agents lint schemas site lock clean
