.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# One install of the pinned set; uv where it is there or can be had by pip, else pip.
INSTALL = sh -c 'if test -x $(BIN)/uv; then $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode "$$@"; \
	elif command -v uv >/dev/null; then uv pip install --python $(BIN)/python --compile-bytecode "$$@"; \
	else $(BIN)/python -m pip install "$$@"; fi' --
PINNED := setup.cfg pyproject.toml constraints.txt

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run-ready  ## Set up, train the object detection miniature to its target, show its result
	$(BIN)/python train.py task=object_detection

test: .venv/test-ready  ## Set up, run all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/test-ready  ## Style, types and the fast tests, side by side: before every commit
	@$(MAKE) --no-print-directory -j 2 lint types fast

lint: .venv/test-ready  ## Style and formatting; changes nothing
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/test-ready  ## Static types
	$(BIN)/mypy

fast: .venv/test-ready  ## The tests of a few seconds or less: six minutes of a processor, on two cores half of it
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

format: .venv/test-ready  ## Format the code
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

schema: .venv/run-ready  ## Write docs/result-schema.json from the code
	$(BIN)/aibench schema > docs/result-schema.json

golden: .venv/test-ready  ## Write tests/golden/histories.json anew; tests/golden/write.py says when one may
	$(BIN)/python -m tests.golden.write

fingerprints: .venv/test-ready  ## Note the fingerprint of each miniature's samples anew: what a closed run trains on
	$(BIN)/python -m tests.golden.fingerprints

rules: .venv/test-ready  ## Write the tables of docs/rules.md from the marks in the tasks' schemas
	$(BIN)/python -m tests.golden.rules

fuzz: .venv/test-ready  ## A thousand random command lines of train.py and of each verb: twenty minutes; `make test` draws fewer
	AIBENCH_FUZZ_LINES=1000 $(BIN)/python -m pytest -q -s tests/composition/test_fuzz.py tests/commands/test_fuzz_verbs.py

overhead: .venv/run-ready  ## What the session adds to a plain PyTorch loop, for each miniature, with a verdict
	$(BIN)/python benchmarks/overhead.py --all

RESULTS := experiments/run_to_run_variation/results/*.json
# ALLOW_DIRTY=1 takes results of trees with uncommitted changes too: those of before the study is made anew.
studies: .venv/run-ready  ## Make the tables and figures of the studies again from their results, and the texts' tables
	$(if $(ALLOW_DIRTY),,$(BIN)/python experiments/clean.py $(RESULTS))
	$(BIN)/aibench variation $(RESULTS) --markdown experiments/run_to_run_variation/table.md \
		--csv experiments/run_to_run_variation/table.csv --figure experiments/run_to_run_variation/figure.png
	$(BIN)/aibench cost $(RESULTS) --markdown experiments/cost/table.md --csv experiments/cost/table.csv
	$(BIN)/aibench subset --k 3 $(RESULTS) --records experiments/model_characteristics/results/reference \
		--markdown experiments/subset/table.md --csv experiments/subset/table.csv
	if ls experiments/subset/systems/*/*.json >/dev/null 2>&1; then \
		$(BIN)/python experiments/subset/rank_fidelity.py --tables; fi
	$(BIN)/python experiments/comparison/same_machine.py $(RESULTS) \
		--markdown experiments/comparison/same_machine.md --csv experiments/comparison/same_machine.csv
	$(BIN)/aibench report $(RESULTS) --html runs/report.html
	$(MAKE) texts

paper: .venv/run-ready  ## Make the tables and the figure of the paper's qualities again from their results
	$(BIN)/python experiments/clean.py experiments/paper/results/*.json
	$(BIN)/aibench paper experiments/paper/results --markdown experiments/paper/table.md --csv experiments/paper/table.csv
	$(BIN)/python experiments/paper/paper.py experiments/paper/results \
		--markdown experiments/paper/nearby.md --figure experiments/paper/figure.png
	$(MAKE) texts

texts: .venv/run-ready  ## Write the tables in README and in the studies' texts from the files that they come from
	$(BIN)/python experiments/texts.py

EXAMPLE := image_classification object_detection spatial_transformer speech_recognition text_to_text
gallery: .venv/test-ready  ## Make the gallery and the example report again, from the shipped results
	rm -rf build/example && mkdir -p build/example/one_thread build/example/two_threads
	for task in $(EXAMPLE); do \
		cp experiments/run_to_run_variation/results/$${task}_seed*.json build/example/one_thread && \
		cp $(TRAINED)/results/$${task}_seed*.json build/example/two_threads || exit 1; done
	$(BIN)/aibench report build/example/one_thread build/example/two_threads --systems \
		--title "An example: one thread or two" --html docs/example-report.html
	$(BIN)/python experiments/gallery.py

rank-fidelity: .venv/run-ready  ## Make systems of this machine, time all tasks on each: does a subset order them as all do
	$(BIN)/python experiments/subset/rank_fidelity.py

statistics: .venv/run-ready  ## Power and coverage of every statistic, by simulation: some five minutes of a processor
	$(BIN)/python benchmarks/power_and_coverage.py

MODELS := experiments/model_characteristics
ALTERNATIVES := $(foreach name,resnet101_c4 inception_v3 resnet34_182 teacher,--alternatives experiments/coverage/alternatives/$(name))
characteristics: .venv/run-ready  ## Size, operations, bytes and memory of all models; coverage; the paper's printed numbers
	$(BIN)/aibench system --probe
	$(BIN)/aibench characterize task=all hardware=cpu --only characteristics --output $(MODELS)/results/mini
	$(BIN)/aibench characterize task=all,mlperf scale=reference hardware=cpu --only characteristics --output $(MODELS)/results/reference
	PATH="$(abspath $(BIN)):$$PATH" experiments/coverage/alternatives.sh
	$(MAKE) coverage

coverage: .venv/run-ready  ## The tables and figures of the models' characteristics again, from the records
	$(BIN)/aibench coverage $(MODELS)/results/mini $(MODELS)/results/reference $(ALTERNATIVES) \
		--studies experiments/run_to_run_variation/results --output experiments/coverage
	mv experiments/coverage/characteristics.* experiments/coverage/uncounted.* $(MODELS)
	$(MAKE) texts

profiles: .venv/run-ready  ## Profile all models; breakdown, hotspots, micro benchmarks
	$(BIN)/aibench characterize task=all hardware=cpu --only profile --output $(MODELS)/results/mini
	$(BIN)/aibench characterize task=all,mlperf scale=reference hardware=cpu --only profile --output $(MODELS)/results/reference
	for scale in mini reference; do \
		$(BIN)/aibench micro $(MODELS)/results/$$scale --suite experiments/micro/$$scale-suite.json && \
		$(BIN)/aibench micro experiments/micro/$$scale-suite.json --output experiments/micro/$$scale.json \
			--markdown experiments/micro/$$scale.md --csv experiments/micro/$$scale.csv --figure experiments/micro/$$scale.png \
		|| exit 1; done
	$(MAKE) profile-tables

profile-tables: .venv/run-ready
	for scale in mini reference; do \
		$(BIN)/aibench breakdown $(MODELS)/results/$$scale --markdown experiments/runtime_breakdown/$$scale.md \
			--csv experiments/runtime_breakdown/$$scale.csv --figure experiments/runtime_breakdown/$$scale.png && \
		$(BIN)/aibench hotspots $(MODELS)/results/$$scale --markdown experiments/hotspots/$$scale.md \
			--csv experiments/hotspots/$$scale.csv || exit 1; done

NAME_OF_RUN = name=$$(basename $$run | sed 's/^[0-9]*_//')
TRAINED := experiments/training
SERVED := experiments/inference
training: .venv/run-ready  ## Train all seventeen to their targets, serve them, make the tables of both studies again
	$(BIN)/python train.py experiment=full output=runs/full
	for run in runs/full/*/result.json; do $(BIN)/aibench infer run=$$(dirname $$run) seconds=3 || exit 1; done
	$(MAKE) training-tables

training-tables: .venv/run-ready
	mkdir -p $(TRAINED)/results $(SERVED)/results
	for run in runs/full/*/; do $(NAME_OF_RUN); \
		cp $$run/result.json $(TRAINED)/results/$$name.json; cp $$run/inference.json $(SERVED)/results/$$name.json; done
	$(BIN)/aibench report $(TRAINED)/results/*.json --markdown $(TRAINED)/table.md --csv $(TRAINED)/table.csv
	$(BIN)/python $(SERVED)/table.py $(SERVED)/results/*.json --markdown $(SERVED)/table.md --csv $(SERVED)/table.csv
	$(BIN)/python experiments/gallery.py runs/full
	$(BIN)/python $(TRAINED)/compliance.py runs/full > $(TRAINED)/compliance.txt
	$(BIN)/aibench selftest > $(TRAINED)/selftest.txt
	$(BIN)/aibench system --probe > $(TRAINED)/system.txt

GPU := experiments/gpu
gpu: .venv/run-ready  ## On an NVIDIA GPU: all that is measured there, in parts by worth; MINUTES=10 stops in time
	$(BIN)/aibench system --probe > $(GPU)/system.txt
	$(BIN)/python experiments/gpu/measure.py $(if $(MINUTES),--minutes $(MINUTES)); $(MAKE) gpu-tables

gpu-tables: .venv/run-ready
	$(BIN)/aibench report $(if $(wildcard $(GPU)/results/fp32),$(GPU)/results/fp32,$(GPU)/results)/*.json \
		--markdown $(GPU)/table.md --csv $(GPU)/table.csv
	$(BIN)/aibench breakdown $(GPU)/records --markdown $(GPU)/breakdown.md --csv $(GPU)/breakdown.csv \
		--figure $(GPU)/breakdown.png
	$(BIN)/aibench hotspots $(GPU)/records --markdown $(GPU)/hotspots.md --csv $(GPU)/hotspots.csv
	$(BIN)/aibench counters --from $(GPU)/records --markdown $(GPU)/counters.md --csv $(GPU)/counters.csv \
		--figure $(GPU)/counters.png

reading: .venv/run-ready  ## How long 12,500 to 100,000 results take to read
	$(BIN)/python benchmarks/reading.py

docs: .venv/test-ready  ## Build the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

clean:  ## Remove the environment and what builds left
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "AIBench needs Python 3.11 or 3.12. Run: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet uv || echo "no uv: pip will do, slower"
	@touch $@

.venv/run-ready: .venv/made $(PINNED)
	$(INSTALL) --constraint constraints.txt --editable '.[speech]'
	@touch $@

.venv/test-ready: .venv/run-ready $(PINNED)
	$(INSTALL) --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: help run test check lint types fast format schema golden fingerprints rules fuzz overhead studies paper gallery rank-fidelity statistics characteristics coverage profiles profile-tables training \
	training-tables docs texts gpu gpu-tables reading clean
