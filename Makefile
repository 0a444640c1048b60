# One entry for people: set up, show, test, prove, measure. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
ARGS ?=
PROVE ?= whole_way
WORDS ?=
SLICE ?=
CLOCK ?=
# The tests of a file run in another order for each commit.
SEED ?= $(shell git rev-list --count HEAD 2>/dev/null || echo 1)

TESTS = $(if $(CLOCK),sh .ci/at.sh $(CLOCK)) $(PY) -m pytest --randomly-seed=$(SEED)
# Three workers share the files of tests in the order of their folders: the slow ones come first.
SHARED = $(TESTS) -n 3 --no-loadscope-reorder
SLICED = $(if $(SLICE),--slice $(SLICE))

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

test: ## what every commit needs: containers, both stores, pages, small proofs (CLOCK=2028-03-01: as on that day)
	@$(MAKE) --no-print-directory -j2 services check
	$(SHARED) -m "not long and not alone"
	$(TESTS) -m "alone and not long"

test-quick: setup ## quick tests without containers, services and a browser: at every save
	$(TESTS) -n 2 -m "not long and not slow and not docker and not service" tests/architecture tests/spec tests/unit

test-rest: services ## every test that `make test` leaves out (SLICE=3/8: the third of eight parts)
	$(SHARED) -m "long and not alone" $(SLICED)
	$(TESTS) -m "alone and long" $(SLICED)

test-all: test test-rest ## what a change needs before it lands: everything, with the small version of every proof

prove: services ## print the full proof of a claim: make prove PROVE=whole_way (WORDS=…: some of its lines)
	$(PY) -m tests.prove $(PROVE) $(WORDS)

release-proofs: services ## run every proof, and write docs/proofs for the version of the CHANGELOG
	$(PY) -m tests.prove.release

bench: services ## speed as ratios, both sides in one run
	$(PY) -m bench

.PHONY: help setup services demo check docs test test-quick test-rest test-all prove release-proofs bench
