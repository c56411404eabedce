# Everything a newcomer needs: `make demo` and `make test` build .venv first,
# from requirements/dev.lock: the versions that were tested, file by file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements/dev.lock
LATEST := .venv-latest
THREADS ?= 2
TRIALS ?= 30
FUZZ_SECONDS ?= 120
SEED ?= 0
export OMP_NUM_THREADS := $(THREADS)

.PHONY: demo demo-real demo-style demo-finelap demo-sept test test-all \
	test-recipes test-contracts test-latest lock vendor lint types docs sbom wheel clean

$(READY): pyproject.toml $(LOCK)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --no-compile \
		--require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation \
		--editable .
	touch $@

# sebbs asks for a second copy of sed_scores_eval, which would overwrite the
# first, and both for a pathlib older than Python's own.
lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --extra dev --upgrade --quiet \
		--constraint requirements/pair.txt \
		--universal --python-version 3.10 --generate-hashes --no-annotate \
		--no-emit-package sed-scores-eval-np2 --no-emit-package pathlib \
		--custom-compile-command 'make lock' --output-file $(LOCK)

# The page's one library, in the version and with the checksums of its list.
vendor:
	$(PYTHON) .ci/vendor.py

demo: $(READY)
	$(BIN)/python recipes/FlexSED/demo.py

# Of your own recordings: make demo-real BANK=folder
demo-real: $(READY)
	@test -n "$(BANK)" || { echo "name them: make demo-real BANK=folder"; exit 2; }
	$(BIN)/python recipes/FlexSED/demo_real.py "$(BANK)" $(OPTIONS)

demo-style: $(READY)
	$(BIN)/python recipes/StyleAdapter/demo.py

demo-finelap: $(READY)
	$(BIN)/python recipes/FineLAP/demo.py

demo-sept: $(READY)
	$(BIN)/python recipes/SEPT/demo.py

# One process a core: torch gains little from threads on sounds of seconds.
PYTEST := python -m pytest -q --numprocesses $(THREADS) --dist loadfile \
	--no-loadscope-reorder
test test-recipes test-contracts test-all test-latest: \
	export OMP_NUM_THREADS := 1

test: $(READY)
	$(BIN)/$(PYTEST)

# Every recipe of tests/recipes/*.csv, on a little data.
test-recipes: $(READY)
	$(BIN)/$(PYTEST) --dist load -m slow tests/recipes/test_recipes.py

# The lines of the recipes' READMEs, one after another, and their variants.
test-contracts: $(READY)
	$(BIN)/$(PYTEST) -m slow tests/recipes -k contract

test-all: $(READY)
	$(BIN)/$(PYTEST) -m ''

# What a user gets who installs today, in an environment of its own.
test-latest: $(READY)
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(LATEST)
	$(BIN)/uv pip install --quiet --upgrade --python $(LATEST) --editable '.[dev]'
	$(BIN)/uv pip freeze --python $(LATEST)
	$(LATEST)/bin/$(PYTEST)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/yamllint recipes .pre-commit-config.yaml

types: $(READY)
	$(BIN)/mypy

# Begins at site/index.html, also without a server.
docs: $(READY)
	$(BIN)/python docs/tools/claims.py
	$(BIN)/python docs/tools/licences.py
	$(BIN)/python -m mkdocs build --strict

# What is installed with the package, for auditors.
sbom: $(READY)
	$(BIN)/python docs/tools/sbom.py sbom.json

# The same commit gives the same wheel, byte by byte.
wheel: $(READY)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$(BIN)/python -m build --wheel --no-isolation

# All benchmarks in small, on one page; FULL=--full takes their own sizes.
bench: $(READY)
	$(BIN)/python benchmarks/run_all.py -o results/benchmarks.md $(FULL)

.PHONY: audit fuzz faults bench

# Known holes in what the lock names. Where the data on them cannot be reached,
# pip-audit skips every package and calls that none found: here it is a failure.
audit: $(READY)
	@report=$$($(BIN)/python -m pip_audit --disable-pip --require-hashes \
		--requirement $(LOCK) 2>&1); code=$$?; \
	skipped=$$(echo "$$report" | grep -c 'could not be audited'); \
	echo "$$report" | grep -v 'could not be audited'; \
	if [ $$skipped -gt 9 ]; then \
		echo "$$skipped packages were not audited: what is known of" \
		"holes cannot be reached from here"; exit 1; \
	fi; exit $$code

# Damaged files; what breaks a reader is kept as a test.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --seed $(SEED)

# Commands killed, starved and disturbed: a table of what is lost. Minutes.
faults: $(READY)
	$(BIN)/python -m tests.faults --trials $(TRIALS) --seed $(SEED)

clean:
	rm -rf results build dist site sbom.json *.egg-info
