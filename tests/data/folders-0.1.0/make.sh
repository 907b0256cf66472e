#!/usr/bin/env bash
# make.sh OUT: the folders beside this script, made anew by saeval 0.1.0, whose source is in SAEVAL_0_1_0
# (modules were not in one package then). The tests read, resume and report them with the code of today.
set -eu
OUT=$1
export PYTHONPATH=$SAEVAL_0_1_0 OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1
mkdir -p "$OUT"
cd "$OUT"
saeval() { python -c "from evalsuite.cli import main; main()" "$@"; }
python - <<'PY'
from pathlib import Path
from trainer.tiny_model import build_random_adapter, build_tiny_model

base = build_tiny_model(Path("models/base"))
build_random_adapter(base, Path("models/adapter"), scale=0.3)
build_random_adapter(base, Path("models/adapter2"), scale=0.3, seed=7)
PY
both="--tasks factworld,factworld_questions --limit 6 --gen-kwargs max_gen_toks=12"
one="--tasks factworld --limit 6 --gen-kwargs max_gen_toks=12"
saeval run models/base $both --out run --cache cache
saeval run models/adapter $both --out run-adapter
cp -r run interrupted-run
python - <<'PY'
from pathlib import Path

answers = Path("interrupted-run/predictions/factworld.jsonl")
lines = answers.read_bytes().splitlines(keepends=True)
answers.write_bytes(b"".join(lines[:3]) + lines[3][:40])
Path("interrupted-run/predictions/factworld_questions.jsonl").unlink()
PY
saeval compare models/base models/adapter $one --aa --out comparison --replicates 1000
saeval compare run run-adapter --out comparison-saved --replicates 1000
saeval compare models/base models/adapter models/adapter2 $one --out series --replicates 1000
saeval gate run run-adapter --out gate --replicates 1000 || echo "exit code $?"
saeval gate run models/adapter $one --until-decided --out gate-until-decided --replicates 1000 || echo "exit code $?"
mkdir prompts
echo "Answer only if you are sure." > prompts/cautious.txt
saeval frontier models/base models/adapter --systems 'prompts/*.txt' --task factworld_questions \
  --limit 6 --gen-kwargs max_gen_toks=12 --out frontier
saeval metacognition models/base models/adapter --tasks factworld_questions --limit 12 \
  --gen-kwargs max_gen_toks=12 --out metacognition --replicates 1000
saeval baseline save main run --store baselines
# Text alone, and a page of HTML once.
rm -rf models
find . \( -name .lock -o -name '*.lock' -o -name '*.svg' \) -delete
find . -name '*.html' -not -path './comparison-saved/*' -delete
rm gate*/comparison.json gate*/report.md gate*/metrics.csv
