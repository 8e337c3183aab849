# Alembert's front door. `make` sets up, generates the Verilog of the default preset, and runs a
# pretrained ALBERT on real chemical reactions, and a classifier on news stories, in that Verilog;
# `make test` is the regression.

PRESET ?= edge16
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ORACLES := .venv/.oracles
TRAIN := .venv/.train

.DEFAULT_GOAL := all
.PHONY: all setup rtl demo datapaths test regress train area lint check docs bench clean help

all: rtl demo ## set up, generate the default preset, run a real ALBERT in its RTL

setup: $(READY) ## Python packages into .venv, Debian packages through apt-get if it may

$(READY): pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" ./setup.sh

$(ORACLES): pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" ./setup.sh oracles

$(TRAIN): pyproject.toml constraints.txt setup.sh
	@PYTHON="$(PYTHON)" ./setup.sh train

rtl: $(READY) ## Verilog and sidecars of PRESET into rtl_out/
	@$(BIN)/alembert generate --preset $(PRESET) --output rtl_out

demo: $(READY) ## a pretrained ALBERT on real reactions, news stories by r8: in the RTL of PRESET
	@$(BIN)/alembert reactions --preset $(PRESET)
	@$(BIN)/alembert classify --reuters 5 --backend rtl --preset $(PRESET)

datapaths: $(READY) ## real ALBERT tensors through the RTL of every datapath, with their areas
	@$(BIN)/python tb/demo

test: $(ORACLES) ## the whole regression, under Verilator and Icarus, on all cores
	@$(BIN)/python -m pytest -n auto --dist worksteal -q

regress: export ALEMBERT_SEED ?= random
regress: test ## the regression, its heavier runs, and the real ALBERT on every large preset
	@$(BIN)/python -m pytest -n auto --dist worksteal -q -m regress
	@for preset in edge16 edge16_int8 edge16_ternary; do \
	  $(BIN)/alembert reactions --preset $$preset --count 3 --masked 2 --threshold 0 || exit 1; \
	done

train: $(TRAIN) ## the classifier of news stories, from its texts to models/r8; goes on if interrupted
	@$(BIN)/alembert train --output models/r8-float32
	@$(BIN)/alembert train --output models/r8-ternary --variant ternary --start models/r8-float32
	@$(BIN)/alembert pack models/r8-float32 models/r8-ternary --output models/r8

area: $(READY) ## area of one VMAC in every format
	@$(BIN)/alembert area --vmac all

lint: $(READY) ## generated Verilog through Yosys, Icarus and Verilator
	@$(BIN)/alembert lint --preset $(PRESET)

check: $(ORACLES) ## ruff and pyright over the sources
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

docs: $(READY) ## the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(READY) $(TRAIN) ## measure every tracked figure into bench/results.json
	@$(BIN)/python bench && $(BIN)/python bench/tables.py

clean: ## remove what was built; keeps .venv and downloaded packages
	@rm -rf build rtl_out site .pytest_cache .ruff_cache .hypothesis

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-9s %s\n", $$1, $$2}'
