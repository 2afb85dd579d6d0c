# What a person does with Kurabe, one word each; `make` alone lists them.
# Any of them first makes $(VENV) from requirements.lock if it is not there yet, or no longer right.

SWEEP ?= digits
WHEN ?= 0 7 * * 1
VENV ?= .venv
PYTHON ?= python3

# Given by hand, PYTHON is taken as it is; otherwise the first of these that is 3.11 or newer.
interpreters := $(if $(filter file,$(origin PYTHON)),python3 python3.14 python3.13 python3.12 python3.11,$(PYTHON))
data_options := $(if $(STORAGE),--storage "$(STORAGE)")
run_options := $(if $(TRIALS),--trials "$(TRIALS)") $(if $(WORKERS),--workers "$(WORKERS)") \
	$(if $(CLUSTER),--cluster "$(CLUSTER)") $(data_options)

# Each benchmark is a script of its own; BENCHMARKS= chooses.
BENCHMARKS ?= $(addprefix tests/benchmarks/,training_steps.py worker_memory.py sweep_overhead.py tracking_cost.py curve_lag.py)

# Stamps: written last, so that an installation cut short leaves none and is begun again from nothing.
installed := $(VENV)/.dependencies-installed
linked := $(VENV)/.package-installed
test_ready := $(VENV)/.tests-installed

# The environment is of no use when its interpreter has gone, when the clone was moved (console scripts name their
# folder), or when PYTHON now names another version.
ifneq ($(shell test -x $(VENV)/bin/python && cat $(installed) 2>/dev/null),$(abspath $(VENV)))
stale := begin-again
else ifneq ($(origin PYTHON),file)
version := -c 'import sys; print(*sys.version_info[:2])'
ifneq ($(shell $(PYTHON) $(version)),$(shell $(VENV)/bin/python $(version)))
stale := begin-again
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup sweep ui report schedule test check format lock benchmark clean begin-again

help:  # (not in its own list)
	@echo 'make TARGET [NAME=value ...]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'SWEEP=digits (or a path)  WHEN="$(WHEN)"  TRIALS=  WORKERS=  STORAGE=  CLUSTER=  TESTS=  PYTHON=$(PYTHON)  VENV=$(VENV)'

setup: $(linked)  ## install the locked dependencies and the package into .venv
	@echo '$(VENV)/bin/sweep is ready: try $(VENV)/bin/sweep --help, or make sweep'

sweep: $(linked)  ## run or continue a sweep: SWEEP=, TRIALS=, WORKERS=, STORAGE=, CLUSTER=
	@$(VENV)/bin/sweep run "$(SWEEP)" $(run_options)

ui: $(linked)  ## open MLflow's pages at the comparison, on this machine only
	@$(VENV)/bin/sweep ui $(data_options)

report: $(linked)  ## write the comparison report of SWEEP= as one HTML file
	@$(VENV)/bin/sweep report "$(SWEEP)" $(data_options)

schedule: $(linked)  ## run SWEEP= again at the times of WHEN= and say what changed, until Ctrl-C
	@$(VENV)/bin/sweep schedule "$(WHEN)" "$(SWEEP)" --run $(run_options)

test: $(test_ready)  ## run the tests: all, or TESTS='tests/model -k adam'
	@$(VENV)/bin/pytest -n 2 --no-loadscope-reorder $(TESTS)

check: $(test_ready)  ## check layout, lint, types and the imports between the rooms
	@failed=; \
	for command in 'ruff format --check' 'ruff check --output-format concise' 'mypy' 'lint-imports'; do \
		echo "== $$command"; $(VENV)/bin/$$command || failed="$$failed [$$command]"; \
	done; \
	test -z "$$failed" || { echo "make check: not clean:$$failed" >&2; exit 1; }

format: $(test_ready)  ## lay out the code and mend what the linter can mend
	@$(VENV)/bin/ruff check --fix --quiet; $(VENV)/bin/ruff format

benchmark: $(test_ready)  ## measure training and sweeps against plain loops and other ways
	@for script in $(BENCHMARKS); do echo "== $$script"; $(VENV)/bin/python "$$script" || exit 1; done

lock:  ## bring both lock files up to date with pyproject.toml (needs uv); UPGRADE=1 takes the newest versions
	@command -v uv >/dev/null || { echo 'uv is missing: pip install uv' >&2; exit 1; }
	@$(lock_tool) --group build -o requirements.lock
	@$(lock_tool) --group build --group test --constraint requirements.lock -o tests/requirements.lock

clean:  ## remove .venv, caches and build results; kurabe-data is kept
	@if [ '$(VENV)' = .venv ] || [ -e '$(VENV)/pyvenv.cfg' ]; then rm -rf '$(VENV)'; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find model sweeps cluster tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -d kurabe-data ]; then echo 'kurabe-data holds your sweeps and is kept; to delete it: rm -r kurabe-data'; fi

# --- how $(VENV) is made ------------------------------------------------------------------------------------------

pip := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input
lock_tool := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) pyproject.toml

# Progress for a person, silence for a log. Wheels only: no installation may depend on a compiler. pip's own
# byte-compiling uses one core; compileall uses all, and leaves out what nobody imports.
install_lock = quiet=; test -t 1 || quiet=--quiet; \
	$(pip) install $$quiet --require-hashes --only-binary :all: --no-compile -r $(1) && \
	$(VENV)/bin/python -m compileall -q -j 0 -x '/(tests|rllib|lexers)/' $(VENV)/lib >/dev/null

$(installed): requirements.lock $(stale)
	@found=; \
	for python in $(interpreters); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'Kurabe needs Python 3.11 or newer; looked for: $(interpreters).' >&2; \
		echo 'Install one (Debian, Ubuntu: sudo apt install python3 python3-venv) or name one: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		package=$$(basename "$$found")-venv; echo "$$package is missing: sudo apt install $$package" >&2; exit 1; \
	fi; \
	if [ '$(VENV)' != .venv ] && [ -e '$(VENV)' ] && [ ! -e '$(VENV)/pyvenv.cfg' ]; then \
		echo 'VENV=$(VENV) exists and is no virtual environment: it is left as it is' >&2; exit 1; \
	fi; \
	echo "Installing the locked dependencies into $(VENV) with $$("$$found" --version): once, about a minute ..."; \
	"$$found" -m venv --clear $(VENV)
	@$(call install_lock,requirements.lock)
	@echo '$(abspath $(VENV))' > $@

$(linked): pyproject.toml $(installed)
	@$(pip) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(test_ready): tests/requirements.lock $(linked)
	@echo 'Installing the tools of the tests ...'
	@$(call install_lock,tests/requirements.lock)
	@touch $@
