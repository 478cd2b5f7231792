# The commands of a developer; `make` alone lists them.
# Each target installs what it needs, once: in a fresh clone any of them works.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMPS := $(VENV)/.stamps
CODE := $(wildcard bench chassis demo deploy docs gateway services tests)
PROTOS := $(shell find proto -name '*.proto' 2>/dev/null)
# Worker processes of `make test`; WORKERS=0 runs all tests in one process.
WORKERS ?= 2
ARGS ?=
# The demo that `make demo` runs: day, scenarios, publish or shopify.
STORY ?= day

# The locks are complete, so pip resolves nothing and a newer release on the index changes nothing. Wheels only: to
# build from source, pip would fetch build tools that no lock names. `make setup WHEELS=` allows it all the same.
WHEELS ?= --only-binary :all:
PIP := $(PY) -m pip --disable-pip-version-check --no-input
INSTALL := install --no-user --no-deps --require-hashes $(WHEELS) --requirement
INSTALL_LOG := $(VENV)/install.log
# $(call pip,ARGUMENTS) puts pip's output into the log; where it fails, its error and the log's name are printed.
pip = $(PIP) $(1) >$(INSTALL_LOG) 2>&1 || { echo "pip $(firstword $(1)) failed; its output is in $(INSTALL_LOG):" \
	"$$({ grep ERROR $(INSTALL_LOG) || cat $(INSTALL_LOG); } | tail -n 1)" >&2; exit 1; }

# Each lock holds these extras of pyproject.toml, for every Python and system; a package that only some need has a marker.
# The group `build` is a lock of its own, and part of `dev`. `dev` is made first; the others use its versions. To add a lock, add its name to LOCKS and a line LOCK_name.
COMPONENTS := ops ics pmc slc visualgrid gateway
LOCKS := dev $(COMPONENTS) build demo
LOCK_dev := $(COMPONENTS) s3 cli otlp local dev
# What an image of one component holds.
LOCK_ops := ops otlp
LOCK_ics := ics otlp
LOCK_pmc := pmc s3 otlp
LOCK_slc := slc otlp
LOCK_visualgrid := visualgrid otlp
LOCK_gateway := gateway otlp
LOCK_build :=
LOCK_demo := demo
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
LOCAL = $(PY) -m deploy.local

UP_OPTIONS = $(if $(REPLICAS),--replicas $(REPLICAS)) $(if $(filter-out 0,$(SHOP)),--shop)
# The stand-in Shopify checks documents against the schema that these bring.
SHOP_TOOLS = $(if $(filter-out 0,$(SHOP)),$(STAMPS)/node)

IMAGE_OPTIONS = $(if $(VERSION),--version $(VERSION)) $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(BASE),--base $(BASE))

.PHONY: image wheel help setup proto run up down start stop status shop check lint format test bench demo docs vendor lock $(LOCKS:%=lock-%)

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  \033[1mmake %-8s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make up REPLICAS=ics=2      two replicas of one service"
	@echo "  make up SHOP=1              with a stand-in Shopify that SLC talks to"
	@echo "  make stop ONLY=ics          one process; make start ONLY=ics starts it again"
	@echo "  make down CLEAN=1           also remove the data"
	@echo "  make demo STORY=scenarios   the scenarios of the ICS domain guide, each number beside the guide's"
	@echo "  make demo STORY=publish     a catalogue of 300 articles, published, corrected, rolled back and searched"
	@echo "  make demo STORY=shopify     the scenario of the SLC domain guide, against the stand-in Shopify"
	@echo "  make test ARGS='-k zone'    any arguments of pytest"

setup: $(STAMPS)/install $(STAMPS)/proto ## make .venv, install the locked packages, generate the gRPC code

proto: $(STAMPS)/proto ## generate the gRPC code from proto/ where it is older than its .proto

run: setup $(SHOP_TOOLS) ## bring the stack up in the foreground; ctrl-c stops all of it
	@exec $(LOCAL) run $(UP_OPTIONS)

up: setup $(SHOP_TOOLS) ## bring the stack up in the background; SHOP=1 adds a stand-in Shopify
	@$(LOCAL) up $(UP_OPTIONS)

down: setup ## stop the stack; CLEAN=1 removes its data
	@$(LOCAL) down $(if $(filter-out 0,$(CLEAN)),--clean)

start: setup ## start one process of the stack again: ONLY=ics
	@$(LOCAL) start $(ONLY)

stop: setup ## stop one process of the stack: ONLY=ics
	@$(LOCAL) stop $(ONLY)

rotate: setup ## exchange the keys that callers are signed with, while the stack runs
	@$(LOCAL) rotate

status: setup ## show which processes run, on which ports, and which died
	@$(LOCAL) status

shop: setup $(STAMPS)/node ## a stand-in Shopify with a page, for development: PORT=9400
	@exec $(PY) -m tests.shop --port $(or $(PORT),9400) $(ARGS)

check: setup $(STAMPS)/node ## format, lint, types, import rules, house rules, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(PY) -m pytest --quiet --no-header -p no:cacheprovider tests/house tests/documents

lint: check ## the same as check

format: setup ## format the code and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A test that fails beside the others runs once more by itself. If it passes then, the machine was too busy for it: the run is
# green, and the test's name stays in the output, because its deadline or its condition has to be mended.
test: setup $(STAMPS)/node ## run every test; database and broker are started for them
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS) || { result=$$?; \
		[ $$result = 1 ] || exit $$result; echo "the failed tests once more, one after the other:"; \
		$(PY) -m pytest --last-failed --last-failed-no-failures none -v $(ARGS); }

bench: setup $(STAMPS)/demo ## run the benchmark and print its table
	@$(PY) -m bench $(ARGS)

demo: setup $(if $(filter day,$(STORY)),$(STAMPS)/demo) $(if $(filter shopify,$(STORY)),$(STAMPS)/node) ## run a demo on the running stack: STORY=day (default), scenarios, publish or shopify
	@$(if $(filter shopify,$(STORY)),$(LOCAL) shop)
	@$(PY) -m demo $(STORY)

vendor: setup $(STAMPS)/node ## bundle the library of the explorer's page from the packages that the Node lock names
	@node tests/node/vendor.mjs services/visualgrid/page/vendor/d3-force.js

docs: setup ## generate docs/events.md from the declared events, and the chart's README from its values
	$(PY) -m docs.catalogue.events
	$(PY) -m deploy.helm.readme

image: setup ## build the images with docker, podman or buildah; ONLY=ics builds one, VERSION= and REGISTRY= name them
	@$(PY) -m deploy.image build $(ONLY) $(IMAGE_OPTIONS)

wheel: setup ## build a wheel of each component into dist/; ONLY=ics builds one
	@$(PY) -m deploy.image wheel $(ONLY)

lock: $(LOCKS:%=lock-%) ## generate requirements/*.txt from pyproject.toml; UPGRADE=1 takes the newest releases

$(filter-out lock-dev,$(LOCKS:%=lock-%)): lock-dev

$(LOCKS:%=lock-%): lock-%: setup
	@echo "making requirements/$*.txt"
	@$(LOCK) $(if $(filter-out 0,$(UPGRADE)),--upgrade) $(if $(filter-out dev,$*),--constraint requirements/dev.txt) \
		$(if $(filter build dev,$*),--group build) $(LOCK_$*:%=--extra %) --output-file requirements/$*.txt \
		$(if $(LOCK_$*),pyproject.toml)

$(PY):
	@echo "making $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@output=$$($(PYTHON) -m venv $(VENV) 2>&1) || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment" \
		"(on Debian and Ubuntu: apt-get install python3-venv): $$(tail -n 1 <<<"$$output")" >&2; exit 1; }

$(STAMPS)/install: requirements/dev.txt pyproject.toml | $(PY)
	@mkdir -p $(STAMPS)
	@echo "installing the locked packages (a minute or two, once)"
	@$(call pip,$(INSTALL) requirements/dev.txt)
	@$(call pip,install --no-user --no-deps --no-build-isolation --editable .)
	@$(call pip,check)
	@touch $@

$(STAMPS)/demo: requirements/demo.txt $(STAMPS)/install
	@echo "installing the demo's input"
	@$(call pip,$(INSTALL) requirements/demo.txt)
	@$(call pip,check)
	@touch $@

$(STAMPS)/node: tests/node/package-lock.json $(STAMPS)/install
	@echo "installing the Node tools that read the documents"
	@$(PY) -m tests.documents.node_tools
	@touch $@

$(STAMPS)/proto: $(PROTOS) $(STAMPS)/install
	@echo "generating the gRPC code"
	@touch $(STAMPS)/proto-begun
	@$(if $(PROTOS),PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m grpc_tools.protoc --proto_path=proto --python_out=proto \
		--grpc_python_out=proto --mypy_out=quiet:proto --mypy_grpc_out=quiet:proto $(PROTOS))
	@find proto -name '*_pb2*.py*' ! -newer $(STAMPS)/proto-begun -delete
	@mv $(STAMPS)/proto-begun $@
