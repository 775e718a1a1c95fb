# The commands of this project. Each makes the virtual environment .venv that it needs, once.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# The tests run many small jobs side by side: one thread each, as many processes as cores. A module
# stays in one process, which makes what its tests share once.
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not long' -n auto --maxprocesses=8 --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help setup parabola test test-lowest lint analyses docs wheel docs-settings accessibility bench others growth gpu exactness calibration nested adversary faults fuzz memory sine clean

help:           ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP) ## install nnpost and its tools into .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  "nnpost needs Python 3.11 or newer and $(PYTHON) is %d.%d; say which to use: make PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -m venv .venv || { echo "could not make .venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,dev]' -c constraints.txt
	@touch $(STAMP)

parabola: $(STAMP) ## train, sample and draw the parabola: chains/parabola.h5, figures/parabola/
	$(BIN)/nnpost run parabola

# The densities are compiled before the processes start that would each compile the same.
test: $(STAMP)  ## run all tests
	@! $(BIN)/python -c 'import numba' 2> /dev/null || $(BIN)/python -m nnpost.posterior.kernels.ready
	$(PYTEST)

# What stands at its lowest version in constraints-lowest.txt; the rest is as pip finds it, and what old
# versions do that newer ones of others have deprecated is not ours to mend.
LOWEST := .venv-lowest/bin/python
test-lowest:    ## a part of the tests, on the lowest versions that pyproject.toml allows (Python 3.11)
	$(PYTHON) -m venv .venv-lowest
	$(LOWEST) -m pip install --quiet --disable-pip-version-check -e . 'hypothesis>=6.100' 'jsonschema>=4.20' \
	  'pytest>=8' -c constraints-lowest.txt
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(LOWEST) -m pytest -q -m 'not long' -W ignore::DeprecationWarning \
	  tests/common tests/network \
	  tests/data/test_dataset.py tests/storage/test_run_file.py tests/training/test_train.py \
	  tests/posterior/test_kernels.py tests/sampling/test_sample.py tests/cli/test_commands.py

lint: $(STAMP)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

analyses: $(STAMP) ## run every script in analyses/, two at a time; each is printed when it has ended
	@ls analyses/*.py | OMP_NUM_THREADS=1 xargs -P 2 -I{} sh -c 'said=$$($(BIN)/python {} 2>&1); \
	  status=$$?; printf "== %s\n%s\n\n" {} "$$said"; exit $$status'

docs-settings: $(STAMP) ## write the tables of docs/settings.md from the settings themselves
	$(BIN)/nnpost settings --markdown > docs/settings.new
	sed -n '/^## Why/,$$p' docs/settings.md >> docs/settings.new
	mv docs/settings.new docs/settings.md

docs: $(STAMP)  ## build the documentation into site/: no network needed, warnings are errors
	@$(BIN)/python -c 'import mkdocs, mkdocstrings, nbconvert, latex2mathml' 2> /dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]' -c constraints.txt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel: $(STAMP) ## build wheel and sdist into dist/, and try the wheel in a fresh environment
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[wheel]' -c constraints.txt
	$(BIN)/python -m pytest -q -m 'long or not long' tests/test_wheel.py
	rm -rf dist
	$(BIN)/python -m build --no-isolation

accessibility: $(STAMP) ## the report in a headless Chromium, checked by axe-core (needs npm and chromium)
	npm install --no-save --silent --prefix .venv/axe axe-core@4
	AXE_CORE=.venv/axe/node_modules/axe-core $(BIN)/python -m pytest -q tests/report/test_browser.py

bench: $(STAMP) ## measure what is to be fast beside its goals (some ten minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py

others: $(STAMP) ## other samplers beside nnpost on the same posteriors (40 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/others.py

growth: $(STAMP) ## how the cost grows with units, points, walkers, restarts, ensembles (four minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/growth.py

gpu: $(STAMP)   ## tests and speeds on a GPU beside the CPU (under eight minutes, no network)
	$(BIN)/python benchmarks/gpu.py

exactness: $(STAMP) ## print what the statistical tests found beside what is exact
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -q -s -m 'long or not long' tests/statistical tests/tempering/test_independent.py

calibration: $(STAMP) ## simulation-based calibration over 400 data sets, with its figure
	$(BIN)/python benchmarks/calibration.py --datasets 400 --seed 1

nested: $(STAMP) ## log Z of the parabola by nested sampling
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/nested.py

adversary: $(STAMP) ## posteriors made to mislead, for five seeds: is the verdict right? (half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/adversary.py --write

faults: $(STAMP) ## kill, cut, fill, damage: what a run file survives, counted (under half an hour)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/faults.py

fuzz: $(STAMP)   ## settings and files of data that nobody would write, 106,000 of them (ten minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' -c constraints.txt
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py

memory: $(STAMP) ## memory while a chain of 100,000 steps is sampled (a minute)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/memory.py

sine: $(STAMP)   ## the sharp sine for five seeds: log Z, bands, seconds (half an hour)
	$(BIN)/python benchmarks/sine.py

clean:          ## remove the environment and what tools left behind; chains and figures stay
	rm -rf .venv .venv-lowest .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
