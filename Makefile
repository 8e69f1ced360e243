# make help lists what there is. GNU make and a POSIX shell; Python 3.11 or newer, another one with PYTHON=….
# All paths are relative, so that the folder may have spaces in its name.

PYTHON ?= python3
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin
# A stamp is newer than what it was made from: the second time, nothing is installed again.
MADE := $(VENV)/.made
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
GOTD := $(VENV)/independent/gotd
MITMPROXY := $(VENV)/independent/mitmproxy
PIP := $(RUN)/python -m pip --disable-pip-version-check install --quiet

# A virtual environment knows its own path: one from before the folder was moved is of no use.
ifneq ($(shell cat $(MADE) 2>/dev/null),$(CURDIR))
.PHONY: $(MADE)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One pip at a time, also under make -j.
.NOTPARALLEL:

.PHONY: help
help:
	@echo "make run    start probing and the dashboard; prints the one address to open"
	@echo "make demo   play the 2017 block in the emulated internet and watch it on the dashboard"
	@echo "make test   all tests, inside the emulated internet (ARGS='-k name' selects)"
	@echo "make check  style, types and import directions"
	@echo "make bench  measure the system's own speed"
	@echo "make update renew the locks (requirements*.lock) within the bounds of requirements*.txt"
	@echo "make clean  delete the virtual environment and caches; var/ and its data stay"

.PHONY: run
run: $(INSTALLED)
	@exec $(RUN)/observatory up $(ARGS)

.PHONY: demo
demo: $(INSTALLED)
	@scripts/debian-packages iproute2:ip iptables:iptables
	@exec $(RUN)/python -m demo $(ARGS)

.PHONY: test
test: $(INSTALLED_DEV) $(GOTD) $(MITMPROXY)/.installed
	@scripts/debian-packages iproute2:ip iptables:iptables chromium:chromium faketime:faketime \
	  unbound:unbound dnsmasq-base:dnsmasq pdns-recursor:pdns_recursor nginx-light:nginx haproxy:haproxy squid:squid \
	  caddy:caddy microsocks:microsocks openssh-server:sshd openssh-client:ssh
	@exec scripts/test $(RUN)/python $(ARGS)

# An MTProto server of others. Without Go, or without its modules, the tests with it are skipped, and say so.
$(GOTD): $(wildcard tests/independent/gotd/*) | $(INSTALLED_DEV)
	@mkdir -p $(@D)
	@if command -v go >/dev/null; then \
	  echo "building gotd's server for tests/independent"; cd tests/independent/gotd && go build -o "$(CURDIR)/$@" . || \
	    echo "tests with gotd's server are skipped: it could not be built"; \
	else echo "tests with gotd's server are skipped: Go is not installed"; fi

# mitmproxy names one version of each of its many requirements: it has an environment of its own.
$(MITMPROXY)/.installed: tests/independent/mitmproxy.lock | $(INSTALLED_DEV)
	@echo "installing mitmproxy for tests/independent"; rm -rf $(@D); $(PYTHON) -m venv $(@D) && \
	  $(@D)/bin/python -m pip --disable-pip-version-check install --quiet \
	    --require-hashes --requirement tests/independent/mitmproxy.lock && touch $@ || \
	  echo "tests with mitmproxy are skipped: it could not be installed"

.PHONY: check
check: $(INSTALLED_DEV)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/python -m mypy --strict probes observatory
	$(RUN)/python -m pytest --quiet tests/test_imports.py

.PHONY: bench
bench: $(INSTALLED_DEV)
	@scripts/debian-packages iproute2:ip iptables:iptables \
	  prometheus-blackbox-exporter:prometheus-blackbox-exporter
	@exec $(RUN)/python -m benchmarks $(ARGS)

# Newer versions within the bounds of requirements*.txt, for every platform and Python from 3.11 on.
COMPILE = $(RUN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate
.PHONY: update
update: $(INSTALLED_DEV)
	$(COMPILE) --output-file requirements.lock requirements.txt
	$(COMPILE) --constraint requirements.lock --output-file requirements-dev.lock requirements-dev.txt
	$(COMPILE) --output-file tests/independent/mitmproxy.lock tests/independent/mitmproxy.txt
	$(PIP) --require-hashes --requirement requirements-dev.lock
	$(RUN)/python scripts/licences >docs/licences.md

.PHONY: clean
clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "expected Python 3.11 or newer as $(PYTHON), got nothing; name another one: make PYTHON=/path/to/python3" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected Python 3.11 or newer, got $$("$(PYTHON)" --version); name another one: make PYTHON=python3.11" >&2; \
	  exit 1; }
	@# Debian keeps what venv needs in a package of its own.
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  scripts/debian-packages "$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
	@if [ -f $(MADE) ]; then rm -rf $(VENV); fi
	"$(PYTHON)" -m venv $(VENV)
	@printf '%s\n' "$(CURDIR)" >$(MADE)

$(INSTALLED): $(MADE) requirements.lock pyproject.toml
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-deps --editable .
	@touch $(INSTALLED)

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.lock
	$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $(INSTALLED_DEV)
