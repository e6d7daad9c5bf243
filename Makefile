# Each target does all of its own set-up on a fresh machine with Python 3.11 and g++.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
# Python compiles what is imported, when it is: a third of what is installed.
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile

.DEFAULT_GOAL := help
MODULE ?= masks/warp
.PHONY: help setup docs table2 networks test times faults mutants wheel executors timm annotate extras cluster lint format unlock clean

help:  ## what can be made
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s:

setup: $(READY)  ## the virtual environment .venv, from requirements.lock

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; install Python 3.11 or give another one: make PYTHON=python3 $(MAKECMDGOALS)"; exit 1; }
	@command -v g++ >/dev/null || { echo "make: g++ not found; pydensecrf2 is compiled with it (Debian: apt-get install g++)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --progress-bar on -r requirements.lock
	$(PIP) --no-deps -e .
	touch $@

table2: $(READY)  ## results/table2.csv of the embedded benchmark
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all results/table2.csv

networks: $(READY)  ## the networks that come with the package, trained anew; CONFIG=my.yaml names your data
	@test -n "$(CONFIG)" || { echo "make: expected CONFIG=my.yaml, a copy of examples/davis_on_disk.yaml with your folders"; exit 1; }
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all --configfile $(CONFIG) -- results/davis/export/ours.safetensors results/davis/export/ours_box.safetensors
	cp results/davis/export/ours.safetensors masktrack_core/networks/trained/mask.safetensors
	cp results/davis/export/ours_box.safetensors masktrack_core/networks/trained/box.safetensors
	sha256sum masktrack_core/networks/trained/*.safetensors  # into the table of trained/README.md

docs/paper_flat.yaml: config.yaml paper.yaml $(READY)  # paper.yaml in one piece
	$(BIN)/masktrack flat paper.yaml > $@

test: $(READY)  ## every test, one complete run of the embedded benchmark among them
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

times: $(READY)  ## every test, one by one, and the CPU seconds of each file
	PYTHONPATH=tests $(BIN)/python -m pytest -p cpu_by_file

faults: $(READY)  ## a run that is killed and damaged again and again
	$(BIN)/python -m pytest -m faults tests/workflow/test_faults.py

mutants: $(READY)  ## does a test see every small change of a module? MODULE=masks/warp; minutes
	$(PIP) -e ".[mutants]"
	PYTHONPATH= OMP_NUM_THREADS=1 nice $(BIN)/python tests/mutants.py $(MODULE)

wheel: $(READY)  ## the wheel alone, in an environment of its own, runs the commands; minutes
	$(BIN)/python tests/wheel.py

executors: $(READY)  ## the executors of requirements-slurm.lock, for clusters
	$(PIP) --no-deps -r requirements-slurm.lock

docs: $(READY)  ## the documentation: docs/build/html/index.html; Graphviz (dot) draws its graph
	@command -v dot >/dev/null || { echo "make: dot not found; install Graphviz (Debian: apt-get install graphviz)"; exit 1; }
	$(PIP) --no-deps -r requirements-docs.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/build/html

timm: $(READY)  ## the packages of requirements-timm.lock, for backbone: timm:NAME
	$(PIP) --no-deps -r requirements-timm.lock

annotate: $(READY)  ## the packages of requirements-annotate.lock, for tests in a browser (apt-get install chromium)
	$(PIP) --no-deps -r requirements-annotate.lock

extras: $(READY)  ## the packages of executors, timm, annotate and docs, in one go
	$(PIP) --no-deps $(foreach name,slurm timm annotate docs,-r requirements-$(name).lock)

cluster: executors  ## tests on a SLURM of one node; skipped without root and Debian's packages
	$(BIN)/python -m pytest -rs tests/cluster

lint: $(READY)  ## the checks of style, types and workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/snakemake --lint

format: $(READY)  ## code and rules in the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

unlock: $(READY)  ## after a killed run that left its lock behind
	$(BIN)/snakemake --unlock

clean:  ## the computed results, not the downloads
	rm -rf results
