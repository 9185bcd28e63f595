# `make demo` and `make test` are the two commands; both make .venv on first use and reuse it after.
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS ?= constraints.txt
# One thread a process while tests run side by side: two would stall on each other's barriers.
export OMP_NUM_THREADS ?= $(if $(filter test%,$(MAKECMDGOALS)),1,2)
export TOKENIZERS_PARALLELISM = false

.PHONY: demo demo-full test test-slow test-attacks test-transformers4 bench-attacks bench-training bench-cuda lint clean

demo: $(VENV)/.installed  ## train, audit, harden, audit again and open-able report, in about a quarter of an hour
	$(BIN)/withstand harden plans/demo.toml

demo-full: $(VENV)/.installed  ## the same on everything, an hour or two; run it again to go on where it stopped
	$(BIN)/withstand harden plans/demo-full.toml --resume last

test: $(VENV)/.installed-test lint  ## lint, types and the test suite
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-slow: $(VENV)/.installed-test  ## the tests that take minutes of model time
	$(BIN)/python -m pytest -q -n 2 -m slow || test $$? -eq 5  # 5: none is marked slow

test-attacks: $(VENV)/.installed-test  ## every attack on ten film reviews and a model trained on the spot
	$(BIN)/python -m pytest -q -n 2 -m slow tests/attacks

bench-attacks: $(VENV)/.installed-test  ## campaigns beside the models' own time and TextAttack, drafts, cost of `standard`, memory; after `make demo`
	@test -d models/rt-plain || { echo "There is no models/rt-plain: run \`make demo\` first." >&2; exit 2; }
	$(BIN)/python benchmarks/limit.py models/rt-plain
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain -n 30 --installed 3
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain -n 12 --installed 0 --recipes iga
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain --join 12 -n 4 --installed 0 --recipes deepwordbug
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain -n 30 --installed 0 --draft gradient
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain --join 12 -n 4 --installed 0 --recipes deepwordbug --draft gradient
	$(BIN)/python benchmarks/against_textattack.py models/rt-plain -n 60 --installed 0 --draft bfloat16
	$(BIN)/python benchmarks/drafting.py models/rt-plain
	$(BIN)/python benchmarks/drafting.py models/rt-plain --join 12 -n 8 --recipes deepwordbug,pwws --draft excerpts --keep 1 --pairs 1
	$(BIN)/python benchmarks/ensemble.py models/rt-plain
	$(BIN)/python benchmarks/memory.py

bench-training: $(VENV)/.installed-test  ## what a step of each objective costs; epochs and attacks beside other trainers
	$(BIN)/python benchmarks/objectives.py
	$(BIN)/python benchmarks/training.py

bench-cuda: $(VENV)/.installed-test  ## the same at BERT-base size on a GPU; needs a CUDA build of torch
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo "torch sees no CUDA device." >&2; exit 2; }
	$(BIN)/python -m pytest -q tests/test_cuda.py
	test -d models/bert-base-random || $(BIN)/python benchmarks/bert_base.py models/bert-base-random
	test -d models/bert-base-size || $(BIN)/withstand train benchmarks/bert-base.toml -q
	$(BIN)/python benchmarks/limit.py models/bert-base-size --device cuda --batch-size 256
	$(BIN)/python benchmarks/against_textattack.py models/bert-base-size --device cuda --batch-size 256 -n 60 --installed 3
	$(BIN)/python benchmarks/against_textattack.py models/bert-base-size --device cuda --batch-size 256 --join 12 -n 16 --installed 0 --recipes deepwordbug

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-transformers4:  ## smoke-test against the oldest supported transformers, in an environment of its own
	$(MAKE) VENV=.venv-transformers4 CONSTRAINTS=constraints-transformers4.txt .venv-transformers4/.installed-test
	.venv-transformers4/bin/python -m pytest -q -m smoke

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Withstand needs Python 3.11, 3.12 or 3.13 on the PATH." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# torch first and alone: whatever is already there (a CUDA build, say) is kept.
$(VENV)/.torch: $(CONSTRAINTS) | $(VENV)/bin/python
	@$(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' \
		|| { echo "installing torch"; $(PIP) install "$$(grep '^torch==' $(CONSTRAINTS))"; }
	@touch $@

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS) requirements-bundles.txt $(VENV)/.torch
	@echo "installing withstand into $(VENV)"
	@grep -v '^torch==' $(CONSTRAINTS) > $(VENV)/constraints.txt
	@$(PIP) install -c $(VENV)/constraints.txt -e '.[explain]'
	@$(PIP) install --no-deps --require-hashes -r requirements-bundles.txt
	@touch $@

$(VENV)/.installed-test: requirements-test.txt requirements-textattack.txt $(VENV)/.installed
	@$(PIP) install -c $(VENV)/constraints.txt -r requirements-test.txt -r requirements-textattack.txt
	@$(PIP) install --no-deps textattack==0.3.11
	@# Its kernels are compiled when they are first used, not now. It is for Linux.
	@test "$$(uname)" != Linux || DS_BUILD_OPS=0 $(PIP) install --no-deps --no-build-isolation deepspeed==0.19.8
	@# Of this one the tests read the accessibility checker's script alone, so without its own browsers.
	@$(PIP) install --no-deps axe-playwright-python==0.1.8
	@touch $@

clean:  ## remove environments and caches; models and runs stay
	rm -rf .venv .venv-transformers4 .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build
