# Everything a developer or the CI runs. Only python3 with pip and make are needed; the first target
# that is run makes .venv from the hashes in requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
SOURCES := $(wildcard src/tether/*/*.pyx src/tether/*/*.pxd)

# More arguments for pytest: make test TEST="tests/cli -x"
TEST ?= tests
# Two more than there are cores: tests wait for processes, for disks and for time to pass.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 2)
# Arguments for the benchmarks or the loop: make bench ARGS="--scale 0.005 --work A"
ARGS ?=

.PHONY: help install demo loop test check format bench reference picture screenshots lock clean

help:
	@echo "make demo       run the demonstration; results are in demo-output/"
	@echo "make loop       a release, somebody who carries it on, a better one; results are in loop-output/"
	@echo "make test       run the tests; TEST=\"tests/cli -x\" picks some"
	@echo "make check      lint, formatting, types and import rules"
	@echo "make format     format the code and sort its imports"
	@echo "make bench      run the benchmarks into benchmarks/results/; ARGS=\"--work A\" picks some"
	@echo "make reference  write docs/reference/ again from help texts and docstrings, run docs/guides/"
	@echo "make picture    draw docs/picture.svg again from what make demo left"
	@echo "make screenshots  take pictures of every page into docs/screenshots/"
	@echo "make lock       resolve requirements.lock again from pyproject.toml"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml setup.py $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m demo

loop: $(STAMP)
	$(BIN)/python -m demo.loop $(ARGS)

test: $(STAMP)
	@$(BIN)/python -m tests.support.azurite
	@$(BIN)/python -m tests.support.validators
	@$(BIN)/python -m tests.support.mlflowclient
	@$(BIN)/python -m tests.support.chromium
	@$(BIN)/python -m compileall -q -j 0 src
	@$(BIN)/python -m tests.support.rewritten
	$(BIN)/python -m pytest -q -n $(WORKERS) $(TEST)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix-only --select I .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

reference: $(STAMP)
	$(BIN)/python docs/generate_reference.py
	$(BIN)/python docs/generate_api.py
	$(BIN)/python -m tests.support.guides

picture: $(STAMP)
	$(BIN)/python docs/generate_picture.py

screenshots: $(STAMP)
	$(BIN)/python -m docs.generate_screenshots

lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --extra dev --extra demo --extra evals --extra fsspec --extra hub \
		--extra objectstore --extra oidc --extra onnx --extra postgresql --extra signing --extra sklearn --extra telemetry pyproject.toml build-tools.in -o requirements.lock

clean:
	rm -rf .venv build dist demo-output loop-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests \( -name '__pycache__' -o -name '*.egg-info' \) -prune -exec rm -rf {} +
	find src -name '*.so' -delete
