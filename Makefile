# kvino: set-up, build, run, test. Each step leaves a stamp in build/ and is not repeated.
#
#   make run      the digit classifier and `kvino nonzero` on real scans     make bench   the tables of figures
#   make test     every test                                                make format  clang-format and ruff
#   make build    .venv with kvino in it                                    make lint    the checks alone
#   make fuzz     a minute of fuzzing per target (clang)                    make clean   removes build/ and .venv*/
#   make wheel    dist/kvino-*.whl, which needs nothing of the system       make docs     the site, in build/site
#   make test-matrix   clang, other kernels, static and bare libraries, other Pythons, OpenVINO 2025, Keras 3.16
#   make fuzz-graphs   a minute of random graphs (SECONDS_EACH=...; FUZZ="--seed 7 --operators conv")

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

PYTHON ?= python3
JOBS ?= $(shell nproc)
VENV := $(CURDIR)/.venv
NIGHTLY := $(CURDIR)/.venv-nightly
STAMPS := build/stamps
LOGS := build/logs
PIP := -m pip install --quiet --disable-pip-version-check --no-input

export KERAS_HOME ?= $(CURDIR)/build/keras
# OpenVINO is looked for in the environment that a test or a bench runs in.
export VIRTUAL_ENV := $(VENV)

NATIVE_SOURCES := $(shell find include src python cmake tests/c fuzz -type f -not -name '*.pyc' -not -path '*/corpus/*') \
                  CMakeLists.txt CMakePresets.json pyproject.toml

.PHONY: setup venv build wheel test-wheel docs test-matrix run test test-c test-asan test-python test-nightly test-openvino-2025 bench peers format lint fuzz fuzz-graphs clean
.PHONY: $(STAMPS)/system

# ---- set-up ----

setup: $(STAMPS)/system
venv: $(STAMPS)/venv

$(STAMPS) $(LOGS):
	mkdir -p $@

# Looks in any case (it takes a tenth of a second), installs only what is missing.
$(STAMPS)/system: tools/setup_system.sh | $(STAMPS)
	bash tools/setup_system.sh "$(PYTHON)"
	[ -e $@ ] || touch $@

# An environment with the tool that builds kvino; the rest is installed beside the build.
$(STAMPS)/tools: requirements/build.txt | $(STAMPS)/system
	[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) -r requirements/build.txt
	touch $@

$(STAMPS)/venv: requirements/base.txt | $(STAMPS)/tools
	$(VENV)/bin/python $(PIP) -r requirements/base.txt
	touch $@

$(STAMPS)/venv-test: requirements/test.txt requirements/keras-suite.txt requirements/examples.txt requirements/docs.txt requirements/hub.txt requirements/triton.txt requirements/tf-keras.txt | $(STAMPS)/venv
	$(VENV)/bin/python $(PIP) -r requirements/base.txt -r requirements/keras-suite.txt -r requirements/examples.txt -r requirements/docs.txt
	$(VENV)/bin/python $(PIP) --no-deps -r requirements/hub.txt -r requirements/triton.txt -r requirements/tf-keras.txt
	touch $@

# What the benches compare with. `make run` takes the first alone.
$(STAMPS)/jax: requirements/jax.txt | $(STAMPS)/venv
	$(VENV)/bin/python $(PIP) -r requirements/base.txt -r requirements/jax.txt
	touch $@
peers: $(STAMPS)/peers
$(STAMPS)/peers: requirements/peers.txt requirements/hub.txt | $(STAMPS)/jax
	$(VENV)/bin/python $(PIP) -r requirements/base.txt -r requirements/peers.txt
	$(VENV)/bin/python $(PIP) --no-deps -r requirements/hub.txt
	touch $@

# ---- build ----

# One build tree, build/release, for the library, the command and the Python package; tests in C join it for `make test`.
build: $(STAMPS)/build $(STAMPS)/venv
$(STAMPS)/build: $(NATIVE_SOURCES) README.md LICENSE | $(STAMPS)/tools $(LOGS)
	echo "building kvino (log: $(LOGS)/build.log)"
	{ rm -rf build/wheel &&
	  CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) $(VENV)/bin/python -m pip wheel --no-input \
	    --no-build-isolation --no-deps --config-settings=build-dir=build/release -w build/wheel . &&
	  $(VENV)/bin/python $(PIP) --no-deps --force-reinstall build/wheel/kvino-*.whl
	} > $(LOGS)/build.log 2>&1 || { tail -50 $(LOGS)/build.log; exit 1; }
	touch $@

$(STAMPS)/tests-c: $(STAMPS)/build
	{ cmake -DKVINO_TESTS=ON build/release && cmake --build build/release -j $(JOBS); } > $(LOGS)/build-tests.log 2>&1 ||
	  { tail -50 $(LOGS)/build-tests.log; exit 1; }
	touch $@

$(STAMPS)/asan: $(NATIVE_SOURCES) | $(STAMPS)/system $(LOGS)
	echo "building for asan+ubsan (log: $(LOGS)/build-asan.log)"
	{ cmake --preset asan+ubsan && cmake --build --preset asan+ubsan -j $(JOBS); } > $(LOGS)/build-asan.log 2>&1 ||
	  { tail -50 $(LOGS)/build-asan.log; exit 1; }
	touch $@

# The oldest line of OpenVINO that kvino supports, its libraries alone.
OLD_OPENVINO := build/openvino-2025
$(STAMPS)/openvino-2025: requirements/openvino-2025.txt | $(STAMPS)/tools
	rm -rf $(OLD_OPENVINO)
	$(VENV)/bin/python $(PIP) --no-deps --target $(OLD_OPENVINO) -r requirements/openvino-2025.txt
	touch $@

# ---- run ----

# `make run PEERS=tensorflow,openvino,jax` after `make peers` compares with TensorFlow, too.
PEERS ?= openvino,jax
REPEATS ?= 5

run:
	start=$$SECONDS
	$(MAKE) --no-print-directory $(STAMPS)/tools
	# Downloads take the network, the build takes the processor: at the same time.
	$(MAKE) --no-print-directory -j2 build $(STAMPS)/jax
	echo "== set up in $$((SECONDS - start)) s; digits: a Keras model on kvino =="
	status=0
	KERAS_BACKEND=kvino $(VENV)/bin/python examples/digits/run.py --peers $(PEERS) --repeats $(REPEATS) || status=$$?
	echo
	echo "== nonzero of a real scan, from the shell =="
	$(VENV)/bin/kvino nonzero examples/digits/scan.npy
	echo "done in $$((SECONDS - start)) s"
	exit $$status

# ---- test ----

test:
	$(MAKE) --no-print-directory -j2 build $(STAMPS)/venv-test
	$(VENV)/bin/python tools/run_tests.py

test-c: $(STAMPS)/tests-c $(STAMPS)/venv
	ctest --preset release

test-asan: $(STAMPS)/asan $(STAMPS)/venv
	ctest --preset asan+ubsan

test-python: build $(STAMPS)/venv-test
	$(VENV)/bin/python -m pytest

# OpenVINO 2025: everything that talks to it.
test-openvino-2025: $(STAMPS)/tests-c $(STAMPS)/openvino-2025
	KVINO_OPENVINO=$(CURDIR)/$(OLD_OPENVINO)/openvino/libs ctest --preset release -R 'test_(openvino_[a-z]+|engine|threads)'

# Keras 3.16 takes another way into kvino than Keras 3.15, and cannot be in one environment with it.
$(STAMPS)/nightly: requirements/nightly.txt requirements/test.txt $(STAMPS)/build | $(LOGS)
	[ -x $(NIGHTLY)/bin/python ] || $(PYTHON) -m venv $(NIGHTLY)
	$(NIGHTLY)/bin/python $(PIP) -r requirements/nightly.txt -r requirements/test.txt
	$(NIGHTLY)/bin/python $(PIP) --no-deps --force-reinstall build/wheel/kvino-*.whl
	touch $@

test-nightly: $(STAMPS)/nightly
	VIRTUAL_ENV=$(NIGHTLY) $(NIGHTLY)/bin/python -m pytest tests/python/test_keras.py

$(STAMPS)/lint: requirements/lint.txt | $(STAMPS)/tools
	$(VENV)/bin/python $(PIP) -r requirements/lint.txt
	touch $@

lint: $(STAMPS)/build $(STAMPS)/lint
	$(VENV)/bin/python tools/run_checks.py

format: $(STAMPS)/lint
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs $(VENV)/bin/clang-format -i
	$(VENV)/bin/ruff check --fix --quiet python tests bench examples tools

# A wheel that needs nothing of the system, in a build tree of its own: it has another OpenBLAS.
wheel: $(STAMPS)/system $(STAMPS)/tools requirements/wheel.txt
	bash tools/setup_system.sh "$(PYTHON)" dpkg-dev make advancecomp
	$(VENV)/bin/python $(PIP) -r requirements/wheel.txt
	$(VENV)/bin/python tools/make_wheel.py build/manylinux

test-wheel: wheel
	$(VENV)/bin/python tools/check_wheel.py

# Other builds than the one of `make test`, and other versions of what it uses.
test-matrix: $(STAMPS)/build $(STAMPS)/venv-test
	$(VENV)/bin/python tools/test_matrix.py $(ROWS)

docs: build requirements/docs.txt
	$(VENV)/bin/python $(PIP) -r requirements/docs.txt
	$(VENV)/bin/python -m mkdocs build --quiet
	echo "build/site/index.html"

bench: build peers $(STAMPS)/tests-c
	$(VENV)/bin/python bench/run.py

fuzz:
	bash tools/fuzz.sh

# Random graphs, eager against compiled: tests/graphs.
SECONDS_EACH ?= 60
FUZZ ?=
fuzz-graphs: build $(STAMPS)/venv-test
	cd tests && $(VENV)/bin/python -m graphs --seconds $(SECONDS_EACH) $(FUZZ)

clean:
	rm -rf build .venv .venv-nightly
