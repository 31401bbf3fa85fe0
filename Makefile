.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KAFKA := .parts/kafka
STAMP := $(VENV)/.installed

.PHONY: help install check test test-int bench demo build clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.lock requirements/data.lock pyproject.toml
	@echo "setting up $(VENV), once (a minute or two) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements/data.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP)  ## Make .venv with everything that demo and tests need

$(KAFKA)/.complete: deploy/kafka/pom.xml
	@mkdir -p $(KAFKA); echo "fetching Apache Kafka into $(KAFKA), once ..."
	@if command -v mvn >/dev/null; then \
	  mvn -q -B -f deploy/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(KAFKA) && touch $@; \
	else echo "no mvn: tests on Apache Kafka will be skipped, loudly"; fi

check: $(STAMP)  ## Lint, types, import contract, fast tests: under a minute
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	MYPYPATH=tests:tests/bench:deploy/examples/recommender $(BIN)/mypy tests/bench
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow and not broker and not store" --doctest-modules --ignore=tests/bench models streams/keys.py streams/reader tests

test: $(STAMP) $(KAFKA)/.complete check  ## Everything, real Apache Kafka and Redis included
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "slow or broker or store" tests

test-int: $(STAMP) $(KAFKA)/.complete  ## Only what needs a broker or a store
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "broker or store" tests

bench: $(STAMP) $(KAFKA)/.complete  ## Throughput and latency beside the baselines
	$(BIN)/python tests/bench/parse.py
	$(BIN)/python tests/bench/fold.py
	$(BIN)/python tests/bench/tags.py
	$(BIN)/python tests/bench/sections.py
	$(BIN)/python tests/bench/size.py
	$(BIN)/python tests/bench/population.py
	$(BIN)/python tests/bench/reader.py
	$(BIN)/python tests/bench/throughput.py
	$(BIN)/python tests/bench/latency.py
	$(BIN)/python tests/bench/metrics.py
	$(BIN)/python tests/bench/wave.py --sleepers 100000

demo: $(STAMP)  ## Real orders through the whole pipeline, live, on this machine
	@$(BIN)/profilestream demo

build: $(STAMP)  ## The wheels of the application and of the reader, in dist/
	$(BIN)/python -m build -w --no-isolation
	$(BIN)/python -m build -w --no-isolation -o dist deploy/reader

clean:  ## Remove what the other targets made
	rm -rf $(VENV) .parts dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
