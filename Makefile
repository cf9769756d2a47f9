# `make help` lists the targets. Everything is installed into .venv, except the browser and the venv
# module, which need an account that may install system packages.

python := .venv/bin/python
pip := $(python) -m pip --disable-pip-version-check install --quiet
# Only packages with the pinned hashes are installed. HASHES=no is for a registry that builds its own.
HASHES ?= yes
plain = sed 's/ *\\$$//; /^ *--hash=/d' $(1) >.venv/unhashed.txt && $(pip) -r .venv/unhashed.txt
locked = $(if $(filter no,$(HASHES)),$(call plain,$(1)),$(pip) --require-hashes -r $(1))
port ?= 8501
pytest = OPENBLAS_NUM_THREADS=1 $(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# Measures the coverage with sys.monitoring, which Python has since 3.12 and which costs far less.
core = $(shell $(python) -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
data := $(if $(DATA),--data $(DATA))

# Without stored byte code every process compiles the package again, and pytest every test.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run check test walk fuzz lint format models samples minute screens bench docs lock audit load clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

run: .venv/warm ## install the app, then serve it on 127.0.0.1:8501 (or port=…)
	OPENBLAS_NUM_THREADS=1 MALLOC_ARENA_MAX=2 $(python) -m streamlit run streamlit_app.py --server.address 127.0.0.1 \
		--server.port $(port) --server.showEmailPrompt false

check: .venv/dev lint ## run the linters and the fast tests, in less than two minutes
	$(pytest) --ignore tests/browser -m "not (server or slow or train)"

test: .venv/dev lint ## install everything, then run every linter and every test
	@bash .ci/browser
	COVERAGE_CORE=$(core) $(pytest) -n 3 --ignore tests/browser --cov --cov-report=term:skip-covered
	$(pytest) -n 3 --dist loadgroup tests/browser

walk: .venv/dev ## take random walks over the pages (steps=… seed=…; or uploads=… seeds=…)
	@bash .ci/browser
	OPENBLAS_NUM_THREADS=1 $(python) -m tests.walk --steps $(or $(steps),1000) --seed $(or $(seed),1) \
		$(if $(uploads),--uploads $(uploads) --seeds $(or $(seeds),1))

fuzz: .venv/dev ## read ten thousand damaged files of every kind (count=…)
	$(python) -m fuzz.run --count $(or $(count),10000)

lint: .venv/dev ## check format, style, types and imports
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	.venv/bin/lint-imports --no-logo
	if test -x .venv/bin/biome; then .venv/bin/biome check; fi

format: .venv/dev ## format the code
	$(python) -m ruff format .
	$(python) -m ruff check --fix .
	if test -x .venv/bin/biome; then .venv/bin/biome check --write; fi

models: .venv/all ## train and evaluate the models again, and write their cards (DATA=… holds the corpora)
	$(python) -m emo train all $(data)
	$(python) -m emo evaluate --protocol all $(data)
	$(python) -m emo evaluate --seeds $(data)
	$(python) -m emo docs

samples: .venv/all ## choose the sample clips again (DATA=… holds the corpora)
	$(python) samples/choose.py $(data)

minute: .venv/all ## synthesise the sample of a minute again (needs flite and espeak-ng)
	$(python) samples/make.py

screens: .venv/dev ## take the screenshots in docs/screens again
	@bash .ci/browser
	$(python) docs/screens.py
	$(python) docs/other_screens.py

bench: .venv/dev .venv/rivals/made ## compare speed and memory with other tools (LONG=1: more)
	@bash .ci/browser
	OPENBLAS_NUM_THREADS=1 $(python) -m bench $(if $(LONG),--long)

docs: .venv/dev ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(python) -m mkdocs build --quiet --strict

lock: .venv/made ## pin the versions of pyproject.toml in requirements*.txt
	$(pip) uv==0.13.9
	bash .ci/lock

audit: .venv/dev ## look for known vulnerabilities of the pinned packages
	@$(python) .ci/audit

load: .venv/dev ## measure the server under load: 20 people, an attacker, 10 live, 200 open pages, 2,000 uploads
	$(python) bench/load.py

clean: ## remove .venv and the caches of the tools (but .cache, which holds features)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a second `make run` or `make test` starts at once.
.venv/made:
	@bash .ci/venv
	@touch $@

.venv/app: requirements-app.txt .venv/made
	@echo "Installing what the app needs into .venv (about 0.8 GB) …"
	@$(call locked,requirements-app.txt)
	@touch $@

.venv/all: requirements.txt .venv/made
	@echo "Installing what training needs into .venv (about 3 GB, some minutes) …"
	@$(call locked,requirements.txt)
	@touch $@

.venv/dev: requirements-dev.txt .venv/made
	@echo "Installing what the tests need into .venv (about 3 GB, some minutes) …"
	@$(call locked,requirements-dev.txt)
	@touch $@ .venv/app .venv/all

# Tools for comparison, in an environment of their own: openSMILE may be used for research only.
# Without them the benches run all the same, and name what is missing.
.venv/rivals/made: bench/requirements.txt .venv/made
	@echo "Installing openSMILE (audEERING's licence: research only) and PyTorch for the benches …"
	@$(python) -m venv --clear .venv/rivals
	@.venv/rivals/bin/python -m pip --disable-pip-version-check install --quiet \
		-r bench/requirements.txt || echo "Not all could be installed; the benches go on without it."
	@touch $@

# One prediction compiles the code and checks that the models load.
.venv/warm: .venv/app $(shell find emo -name "*.py") $(wildcard models/*/model.json)
	@$(python) -m emo predict $(firstword $(wildcard samples/*.opus samples/*.flac)) >/dev/null
	@touch $@
