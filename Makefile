# Everything a newcomer or a build machine types. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export DEBIAN_FRONTEND := noninteractive

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
TESTBED := $(VENV)/bin/testbed
PYTEST := $(VENV)/bin/pytest
REQUIREMENTS := requirements/testbed.txt requirements/dev.txt
SOURCES := $(wildcard src loadtests tests images tools)

# For `make testbed-up PROFILE=hardened BALANCER=openbsd FILESYSTEM=xfs SESSIONS=database SCALE=app=4`, the options of
# `testbed up`. A cluster that is up keeps what is not named.
# TAKE_OVER=1 removes a testbed cluster of the same name that another folder left, if it is off.
TAKE := $(if $(TAKE_OVER),--take-over --yes)
UP_ARGS := $(if $(PROFILE),--profile $(PROFILE)) $(if $(BALANCER),--balancer $(BALANCER)) \
	$(if $(FILESYSTEM),--filesystem $(FILESYSTEM)) $(if $(SESSIONS),--sessions $(SESSIONS)) \
	$(foreach each,$(SCALE),--scale $(each)) $(TAKE)

# For `make openbsd-image RELEASE=7.9 MIRROR=https://...`, or OFFLINE=a folder, ISO=an install image.
OPENBSD_ARGS := $(if $(RELEASE),--release $(RELEASE)) $(if $(MIRROR),--mirror $(MIRROR)) \
	$(if $(OFFLINE),--offline "$(OFFLINE)") $(if $(ISO),--install-image "$(ISO)")

# For `make test-filesystems`; ext3, the reference's, is every other test's.
FILESYSTEMS := ext4 xfs btrfs
ON_EACH_FILESYSTEM := tests/cluster/test_filesystem.py \
	incidents/database-power-loss.yaml incidents/database-disk-full.yaml

# For `make test-designs`; PostgreSQL on DRBD is every other test's. Each of these is a profile, too.
DESIGNS := streaming patroni
ON_EACH_DESIGN := incidents/database-power-loss.yaml tests/failover/test_hand_over.py

# For `make load USERS=50 DURATION=5m`: headless; without them, the web UI asks.
LOAD_ARGS := $(if $(USERS),--users $(USERS)) $(if $(DURATION),--for $(DURATION))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(STAMP) ## Make the virtual environment in .venv
	@:

# pip compiles the packages that it installs, but not testbed's sources. If they are read-only, they stay uncompiled.
$(STAMP): $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "testbed needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		[ "$$(id -u)" = 0 ] || { echo "Python's venv is missing; run as root: apt-get install python3-venv" >&2; exit 2; }; \
		echo "Installing Debian's python3-venv, for the virtual environment"; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null; }
	@echo "Making the virtual environment in $(VENV)"
	@rm -f $@
	@[ -x $(VENV)/bin/pip ] || $(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes $(REQUIREMENTS:%=-r %)
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m compileall -qq src || true
	@touch $@

# The documentation's packages have a stamp of their own: only `make docs` waits for them.
DOCS_STAMP := $(VENV)/.docs-installed
$(DOCS_STAMP): $(STAMP) requirements/docs.txt
	@$(VENV)/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

.PHONY: docs
docs: $(DOCS_STAMP) ## Build the documentation's site, build/site/index.html, and the manual page, build/testbed.1
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict
	@$(VENV)/bin/python tools/docs_man.py build/testbed.1

.PHONY: doctor
doctor: venv ## Check this computer, and print how to fix what is missing
	@$(TESTBED) doctor

.PHONY: build
build: venv ## Build the images (only what changed)
	@$(TESTBED) build

.PHONY: testbed-up
testbed-up: venv ## Bring the cluster up: install, build and start what is needed (PROFILE=hardened ...)
	@$(TESTBED) up $(UP_ARGS)

.PHONY: openbsd-image
openbsd-image: venv ## Install OpenBSD for the balancers, from a mirror or OFFLINE=DIR
	@$(TESTBED) openbsd image $(OPENBSD_ARGS)

.PHONY: openbsd-verify
openbsd-verify: venv ## Install it, boot two balancers, play their incidents, print a page
	@$(TESTBED) openbsd verify $(OPENBSD_ARGS)

.PHONY: testbed-down
testbed-down: venv ## Remove the cluster; images, logs and runs stay
	@$(TESTBED) down $(TAKE)

.PHONY: status
status: venv ## Show each node's power, address and role
	@$(TESTBED) status

.PHONY: logs
logs: venv ## Show the nodes' logs, merged by the host's clock
	@$(TESTBED) logs

.PHONY: load
load: venv ## Run the load with Locust's web UI (USERS=50 DURATION=5m: headless)
	@$(TESTBED) load $(LOAD_ARGS)

.PHONY: check
check: venv ## Lint, type check and unit tests: needs neither Docker nor a cluster
	@$(VENV)/bin/ruff check $(SOURCES)
	@$(VENV)/bin/ruff format --check $(SOURCES)
	@$(VENV)/bin/mypy
	@DOCKER_HOST=unix:///nonexistent $(PYTEST) -q tests/unit

# The tests need fresh clusters, so the cluster that is up goes. One with the same options is up at the end.
UP_ARGUMENTS := { $(TESTBED) --quiet status --json 2>/dev/null || true; } | $(PYTHON) -c 'import json, shlex, sys; \
	found = json.load(sys.stdin); print(shlex.join(found["up_arguments"] if found["power"] else []))' 2>/dev/null

.PHONY: test
test: check ## Everything, with each profile, up to an hour; a cluster that is up is replaced
	@was_up="$$($(UP_ARGUMENTS) || true)"; \
		[ -z "$$was_up" ] || $(TESTBED) down; \
		$(MAKE) reference-up test-failover test-hardened test-designs; \
		[ -z "$$was_up" ] || eval "$(TESTBED) up $$was_up"

.PHONY: test-images
test-images: build ## The tests of single images: no cluster needed, two minutes
	@$(PYTEST) tests/images

# What it asserts of the reference is asserted of no other: a cluster with another profile is left alone, and said so.
.PHONY: reference-up
reference-up: venv
	@$(TESTBED) up --overlay none $(TAKE)

.PHONY: test-failover
test-failover: testbed-up ## The tests that need the cluster, bringing it up first
	@$(PYTEST) tests --ignore tests/unit --ignore tests/hardened --ignore tests/long

.PHONY: test-hardened
test-hardened: venv ## The tests of the hardened profile, on a fresh cluster; it is taken down when they pass
	@$(TESTBED) down
	@$(TESTBED) up --profile hardened
	@$(PYTEST) tests/hardened
	@$(TESTBED) down

.PHONY: test-designs
test-designs: venv ## A failover and a hand-over of the other database designs, on a fresh cluster each (DESIGNS=patroni)
	@for design in $(DESIGNS); do \
		$(TESTBED) down; $(TESTBED) up --profile $$design; $(PYTEST) $(ON_EACH_DESIGN); $(TESTBED) down; \
	done

.PHONY: test-long
test-long: test ## Everything, the long tests, every incident in incidents/ with both profiles, each filesystem
	@$(TESTBED) up
	@$(PYTEST) tests/long incidents
	@$(TESTBED) down
	@$(TESTBED) up --profile hardened
	@$(PYTEST) tests/long incidents
	@$(TESTBED) down
	@$(MAKE) test-filesystems

.PHONY: test-filesystems
test-filesystems: venv ## The database on ext4, xfs and btrfs, on a fresh cluster each (FILESYSTEMS=xfs)
	@for filesystem in $(FILESYSTEMS); do \
		$(TESTBED) down; $(TESTBED) up --filesystem $$filesystem; $(PYTEST) $(ON_EACH_FILESYSTEM); $(TESTBED) down; \
	done

.PHONY: bench-failover
bench-failover: testbed-up ## Repeat failovers; print n, median, p95, max (REPEAT=20, PROFILE=hardened)
	@$(TESTBED) bench failover $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-paper
bench-paper: testbed-up ## Measure the figures of the 2006 design (ONLY=transactions, REPEAT=6)
	@$(TESTBED) bench paper $(foreach each,$(ONLY),--only $(each)) $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-speed
bench-speed: venv ## Time testbed's own commands, from up to down; replaces the cluster (REPEAT=3)
	@$(TESTBED) bench speed --yes $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: bench-scale
bench-scale: testbed-up ## Measure what testbed costs by nodes, users, probes and journal size (ONLY=users, REPEAT=3)
	@$(TESTBED) bench scale $(foreach each,$(ONLY),--only $(each)) $(if $(REPEAT),--repeat $(REPEAT))

.PHONY: schema
schema: venv ## Write the JSON schemas: x-testbed keys, incident files, the journal
	@$(TESTBED) schema cluster > compose/x-testbed.schema.json.new
	@mv compose/x-testbed.schema.json.new compose/x-testbed.schema.json
	@$(TESTBED) schema incident > incidents/incident.schema.json.new
	@mv incidents/incident.schema.json.new incidents/incident.schema.json
	@$(TESTBED) schema journal > docs/journal.schema.json.new
	@mv docs/journal.schema.json.new docs/journal.schema.json

.PHONY: compose-recordings
compose-recordings: venv ## Record what Compose makes of compose/*.yaml, for the unit tests
	@$(VENV)/bin/python tests/unit/composed.py

.PHONY: format
format: venv ## Format the sources, and fix what the linter can
	@$(VENV)/bin/ruff check --fix $(SOURCES)
	@$(VENV)/bin/ruff format $(SOURCES)

# Options of the lock: hashes of every file, and no name of the host they came from.
LOCK := build/lock/bin/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-header \
	--annotation-style line --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: lock
lock: ## Lock requirements/*.in again
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/pip install -qq --disable-pip-version-check pip-tools
	@for name in testbed dev docs; do $(LOCK) --upgrade -o requirements/$$name.txt requirements/$$name.in; done

.PHONY: clean
clean: ## Delete the virtual environment and caches (first: make testbed-down)
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
	@find src tests loadtests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
