# One entry for people: set up, show, test, prove, measure. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
PROVE ?= whole_way

# Three workers share the tests in the order of their folders: the slow ones come first.
SHARED = $(PY) -m pytest -n 3 --no-loadscope-reorder

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

setup: ## make .venv and the pages' files from the locks (hash-checked), nothing else
	@sh .ci/setup.sh
	@sh .ci/assets.sh

services: setup ## Debian packages, container engine and sandbox images; says what it installs first
	@sh .ci/services.sh

demo: ## from nothing to a released table (ARGS=--once stops after it)
	@sh .ci/demo.sh $(ARGS)

check: setup ## lint, format, types, import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache

docs: setup ## write the generated pages, and the pictures of the pages
	$(PY) -m docs.generate
	$(PY) -m docs.screenshots

test: ## what every commit needs: containers, both stores, pages, small proofs
	@$(MAKE) --no-print-directory -j2 services check
	$(SHARED) -m "not long and not alone"
	$(PY) -m pytest -m "alone and not long"

test-quick: setup ## quick tests without containers, services and a browser: at every save
	$(PY) -m pytest -n 2 -m "not long and not slow and not docker and not service" tests/architecture tests/spec tests/unit

test-rest: services ## every test that `make test` leaves out
	$(SHARED) -m "long and not alone"
	$(PY) -m pytest -m "alone and long"

test-all: test test-rest ## what a change needs before it lands: everything, with the small version of every proof

prove: services ## the full proof of a claim: make prove PROVE=whole_way
	$(PY) -m tests.prove.$(PROVE)

bench: services ## speed as ratios, both sides in one run
	$(PY) -m bench

.PHONY: help setup services demo check docs test test-quick test-rest test-all prove bench
