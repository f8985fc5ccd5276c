# What CI runs and what a developer runs are the same. The environment is .venv, made by the commands in README.md.
PYTHON ?= .venv/bin/python

.PHONY: check lint types test test-all docs tutorial bench bench-full scaling

check: lint types test-all

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m pyright --pythonpath $(PYTHON)

# While you work; leaves out the slow tests.
test:
	$(PYTHON) -m pytest -n 3 --dist loadfile -m "not slow"

# Every test: the second command of the README, and what CI runs.
test-all:
	$(PYTHON) -m pytest -n 3 --dist loadfile

# The pages as a site in site/, without the network. Needs the extra docs.
docs:
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

# The tutorial with new outputs, in a new folder: after a change of its cells, or of what they show.
tutorial: export PATH := $(abspath $(dir $(PYTHON))):$(PATH)
tutorial:
	folder=$$(mktemp -d) && cp docs/tutorial.ipynb $$folder && cd $$folder && \
	python -m nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False tutorial.ipynb && \
	python -m nbconvert --inplace --coalesce-streams tutorial.ipynb && cp tutorial.ipynb $(CURDIR)/docs/

# Timings: on a machine that does nothing else.
bench:
	$(PYTHON) -m benchmarks

bench-full:
	$(PYTHON) -m benchmarks --full

scaling:
	$(PYTHON) -m benchmarks.scaling
