# The front door. `make help` lists it.
#
#   INVENTORY=inventories/prod.py   your hosts instead of the demo on this machine
#   LIMIT=mail.example.org          only these of them (pyinfra's --limit)
#   RELEASES="12 13"                which demo targets
#   ARGS=…                          more arguments for the command that a target ends in
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help deploy plan dns web sheet check drift score fact password test acceptance acceptance-12 acceptance-13
.PHONY: bench-deploy bench-inbound bench-load durability docs lock clean clean-all up

PYTHON ?= python3
INVENTORY ?= inventories/docker.py
RELEASES ?= 13
ARGS ?=
DEMO := $(filter inventories/docker.py ./inventories/docker.py,$(INVENTORY))
VENV := .venv/.complete
PY := .venv/bin/python
export RELEASES
# Each start of pyinfra would compile our modules again.
unexport PYTHONDONTWRITEBYTECODE
# A LIMIT that is there but empty is somebody's unset variable, not a wish for all hosts.
ifneq ($(origin LIMIT),undefined)
limit := $(if $(strip $(LIMIT)),$(foreach each,$(LIMIT),--limit '$(each)'),--limit '')
endif

# pyinfra, except that a run with no host is an error. For pyinfra it is a success (exit code 0),
# be the inventory's file mistyped or --limit without a match. Only pyinfra itself knows the hosts
# (host data, groups, patterns), so it is asked where it is about to connect to them: no second
# start, nothing to parse, and it stops before anything is done.
define RUN_PYINFRA
import sys
from pyinfra_cli import cli, main

def connect_some(state, connect_all=cli.connect_all):
    if not any(state.is_host_in_limit(host) for host in state.inventory):
        what = "no host of it matches LIMIT" if len(state.inventory) else "there is no host in it"
        sys.exit(f"error: nothing to do for {sys.argv[1]}: {what}.")
    connect_all(state)

cli.connect_all = connect_some
sys.argv[0] = "pyinfra"
main.main()
endef
export RUN_PYINFRA
PYINFRA = $(PY) -c "$$RUN_PYINFRA" '$(INVENTORY)' $(limit)

help: ## list these targets
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

deploy: up ## make the host a mail host, or mend it (the demo on this machine, or INVENTORY=…)
	@$(PYINFRA) deploy.py -y $(ARGS)
	$(if $(DEMO),$(PY) -m testbed screen $(RELEASES))

plan: up ## show what deploy would change, and change nothing
	@$(PYINFRA) deploy.py --dry --diff $(ARGS)

dns: up ## print the DNS records to publish, and write them as zone files
	@$(PYINFRA) tasks/dns.py -y $(ARGS)

web: up ## write what a web server of yours serves for mail programs and MTA-STS (without mail_web)
	@$(PYINFRA) tasks/web.py -y $(ARGS)

# USER is in every shell's environment: only one that is written behind `make` is meant.
sheet: up ## print a user's settings for mail programs, English and Chinese: make sheet USER=alice
	@$(if $(filter command,$(origin USER)),,echo "error: say for whom: make sheet USER=alice" >&2; exit 1)
	MAIL_SHEET_USER='$(USER)' $(PYINFRA) tasks/sheet.py -y $(ARGS)

check: up ## look at DNS, ports, certificate, blocklists and host; a table, and build/check/
	@$(PYINFRA) tasks/check.py -y $(ARGS)

drift: up ## say what on the host is not as deployed, and since when; exit code 2 where something is
	@$(PYINFRA) tasks/drift.py -y $(ARGS)

score: up ## send one message and score it as a receiving site would: points out of 10
	@export MAIL_SPAMASSASSIN="$$($(PY) -m testbed spamassassin)"
	$(PYINFRA) tasks/score.py -y $(ARGS)

fact: up ## print one fact as JSON: make fact FACT=facts.postfix.Postconf
	@$(if $(FACT),,echo "error: say which fact: make fact FACT=facts.postfix.Postconf" >&2; exit 1)
	$(PYINFRA) fact $(FACT) --json $(ARGS)

password: $(VENV) ## make a password and its hash for mail_users (ARGS=--choose: hash your own)
	@$(PY) -m tasks.password $(ARGS)

test: $(VENV) ## unit tests, lint and types: seconds, no Docker
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/shellcheck .ci/run $$(find remote testbed acceptance -name '*.sh')
	$(PY) -m pytest -q -n 2 $(ARGS)

acceptance: $(VENV) ## real targets, real mail: both releases at the same time
	@$(PY) -m acceptance 12 13
	$(PY) -m pytest acceptance -n 10 --dist loadgroup $(ARGS)

acceptance-12 acceptance-13: acceptance-%: $(VENV)
	@$(PY) -m acceptance $*
	$(PY) -m pytest acceptance --release $* $(ARGS)

# Two lines of help for the one rule above.
acceptance-12: ## the same on Debian 12 only (ARGS="--keep -k name" runs one test, and again)
acceptance-13: ## the same on Debian 13 only

bench-deploy: $(VENV) ## what a deploy costs, beside installing the same packages by hand
	@$(PY) -m bench deploy $(ARGS)

bench-inbound: $(VENV) ## what verifying SPF, DKIM and DMARC of arriving mail costs
	@$(PY) -m bench inbound $(ARGS)

durability: $(VENV) ## kill everything 200 times under load, and count the mail (ARGS="13 --seed 7")
	@$(PY) -m acceptance.durability $(ARGS)

bench-load: $(VENV) ## what memory everybody at once takes on 1 GB (docs/memory.md)
	@$(PY) -m bench load $(ARGS)

docs: $(VENV) ## write docs/settings.md from the models, and the table in docs/memory.md
	@$(PY) -m docs.generate $(ARGS)

lock: $(VENV) ## write requirements.lock from pyproject.toml (ARGS=--upgrade: newest versions)
	@UV_NO_CONFIG=1 .venv/bin/uv pip compile -q pyproject.toml --group dev --universal \
		--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		-o requirements.lock $(ARGS)

clean: ## remove our containers and networks, and nothing else of Docker's
	@if [ -x $(PY) ]; then $(PY) -m testbed down; fi

clean-all: ## clean, and also remove our images, the venv and build/
	@if [ -x $(PY) ]; then $(PY) -m testbed purge; fi
	rm -rf .venv build

# The demo's targets, where INVENTORY is the demo; production needs neither engine nor target.
up: $(VENV)
	@$(if $(DEMO),$(PY) -m testbed up $(RELEASES),:)

$(VENV): requirements.lock
	@asroot() { [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; }
	if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null && asroot; then
		echo "--> Installing python3-venv"
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 python3-venv
	fi
	if ! $(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		echo "error: install Python 3.11 or newer with its venv module (on Debian python3-venv)," \
			"or name one with PYTHON=…" >&2
		exit 1
	fi
	if [ -L .venv ]; then echo "error: .venv is a link: remake what it leads to" >&2; exit 1; fi
	echo "--> Python packages into .venv (once, some 15 s)"
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --no-input --require-hashes \
		--no-deps -r requirements.lock
	touch $@
