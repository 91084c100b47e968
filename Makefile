# Every target does its own set-up. The work is done by small scripts under scripts/.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ARGS ?=

.PHONY: help dev demo test soak check lint format docs screenshots lock bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.demo: requirements/demo.txt pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/make-venv.sh $(VENV) requirements/demo.txt && touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/make-venv.sh $(VENV) requirements/dev.txt && touch $@ $(VENV)/.demo

dev: $(VENV)/.dev ## create .venv with everything

demo: $(VENV)/.demo ## run the shop, served and audited on loopback (ARGS=--once ends after the audit)
	@$(BIN)/sealgate demo $(ARGS)

test: $(VENV)/.dev ## install the real peers that tests talk to, and run the tests (ARGS=PATH: only those)
	@sh scripts/install-peers.sh
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(VENV)/.dev ## before a release: the long forms of tests, their counts printed (ARGS=PATH: only those)
	@sh scripts/install-peers.sh
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -m soak --hypothesis-profile soak $(ARGS)

check: $(VENV)/.dev lint docs ## lint, types, import contract, docs

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite the code in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## build the documentation; a warning is an error
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python scripts/generate_cli_reference.py --check
	$(BIN)/python scripts/generate_kinds.py --check
	$(BIN)/python scripts/generate_schemas.py --check
	$(BIN)/mkdocs build --strict --quiet --site-dir build/site

screenshots: $(VENV)/.dev ## take the pictures of the guide anew from the running demo (needs chromium)
	$(BIN)/python scripts/screenshots.py

lock: $(VENV)/.dev ## write the hashes of what is installed anew
	@sh scripts/lock.sh $(BIN)/uv

bench: bench-gateway bench-assess ## run every benchmark

bench-%: $(VENV)/.dev
	@$(BIN)/python benchmarks/$*/run.py $(ARGS)

clean: ## remove what was built
	rm -rf build $(VENV)
