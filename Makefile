# `make help` lists the targets. Those that need it create .venv first, with the pinned requirements.
PYTHON ?= python3
BIN := .venv/bin
# Snakemake and DVC find their tools in .venv, whether or not it is activated
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The programs in .venv name their interpreter; if that is gone, the folder was moved, and they are installed again
MOVED := $(shell test ! -e $(BIN)/pip || test -x "$$(sed -n '1s/^#!//p' $(BIN)/pip)" || echo moved)

.DEFAULT_GOAL := help
.PHONY: help setup lock browser demo reference-report test test-slurm bench clean $(if $(MOVED),.venv/ready)

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/ready ## Create .venv with the pinned requirements

.venv/ready: requirements.txt requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Regrade needs Python 3.11 or newer, this is {v.major}.{v.minor}: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(if $(MOVED),--clear) .venv
	$(BIN)/pip install --quiet --requirement requirements.txt --constraint requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

lock: ## Update requirements.lock: pin everything that requirements.txt pulls in to its newest version
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --requirement requirements.txt
	(sed '/^[^#]/,$$d' requirements.lock; .venv-lock/bin/pip freeze --all --exclude pip | sed 's/^\(torch==[^+]*\).*/\1/') > .venv-lock/lock
	mv .venv-lock/lock requirements.lock
	rm -rf .venv-lock

# The tests of the reports drive Chromium; without it they are skipped
browser:
	@if command -v chromium > /dev/null && command -v chromedriver > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  apt-get -q update && apt-get -q install --yes --no-install-recommends chromium chromium-driver \
	    || echo "Chromium could not be installed: the tests in a browser will be skipped"; \
	else echo "The tests in a browser will be skipped; to have them: sudo apt-get install chromium chromium-driver"; fi

demo: setup ## Run the whole workflow on built-in data, without a network, and print where the report is
	snakemake --cores all --config scale=demo --quiet rules reason
	@echo "The report: $(CURDIR)/reports/index.html"

reference-report: setup ## Write the pages of the reference run, without training anything
	regrade reference

test: setup browser ## Check format, style, types and the workflow, then run all tests
	ruff format --check .
	ruff check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy
	pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slurm: setup ## Run the workflow on a one-machine SLURM (as root; installs SLURM on Debian)
	tests/slurm/install
	pytest tests/slurm

bench: setup ## Compare speed with a plain PyTorch loop and with Keras on TensorFlow (docs/performance.md)
	$(BIN)/pip install --quiet --requirement benchmarks/requirements.txt
	python -m benchmarks.run

clean: ## Delete everything the workflow made: data, results, reports, models, logs
	rm -rf data results reports models logs reference-report graded ro-crate-metadata.json .snakemake
