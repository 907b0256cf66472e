"""`saeval run --shard`: a partition of the items, and a model asked in parts as in one run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import fails, typed
from harness_data import write_harness_data
from hypothesis import given
from hypothesis import strategies as st

import saeval
from saeval.errors import InputError
from saeval.evalsuite.config import RunConfig, Shard
from saeval.evalsuite.run.slurm import read_array_shard
from saeval.evalsuite.run.tasks import LoadedTask, load_tasks, shard_task
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.shards import parse_shard

names = st.text(max_size=6)
documents = st.lists(
    st.tuples(names, st.one_of(st.none(), st.sampled_from(["", "a", "b", "c", "ä\ud800"]))),
    max_size=40,
    unique_by=lambda pair: pair[0],
)


def task_of(pairs: list[tuple[str, str | None]]) -> LoadedTask:
    made = tuple({"id": item, "cluster": cluster} for item, cluster in pairs)
    return LoadedTask("made-up", SimpleNamespace(), made)


@given(documents, st.integers(1, 12))
def test_every_item_is_in_one_shard_with_its_cluster(
    pairs: list[tuple[str, str | None]], n_shards: int
) -> None:
    task = task_of(pairs)
    shards = [shard_task(task, Shard(n, n_shards)) for n in range(1, n_shards + 1)]
    place = {item: n for n, own in enumerate(shards) for item in own.ids}
    assert sum(len(own.documents) for own in shards) == len(pairs)
    assert place.keys() == set(task.ids)
    for own in shards:
        assert own.ids == [item for item in task.ids if item in set(own.ids)], "order is kept"
        assert own.whole is task
    clusters: dict[str, set[int]] = {}
    for item, cluster in pairs:
        if cluster:
            clusters.setdefault(cluster, set()).add(place[item])
    assert all(len(places) == 1 for places in clusters.values())


@given(documents, st.integers(1, 12), st.data())
def test_a_smaller_sample_leaves_every_item_in_its_shard(
    pairs: list[tuple[str, str | None]], n_shards: int, data: st.DataObject
) -> None:
    shard = Shard(data.draw(st.integers(1, n_shards)), n_shards)
    fewer = pairs[: data.draw(st.integers(0, len(pairs)))]
    sampled = {item for item, _ in fewer}
    more = shard_task(task_of(pairs), shard).ids
    assert shard_task(task_of(fewer), shard).ids == [item for item in more if item in sampled]


def test_shards_of_a_task_say_what_they_are_shards_of() -> None:
    config = RunConfig(("factworld",), limit=40)
    (whole,) = load_tasks(config)
    shards = [load_tasks(replace(config, shard=Shard(n, 3)))[0] for n in (1, 2, 3)]
    assert sorted(item for own in shards for item in own.ids) == sorted(whole.ids)
    facts = [own.facts() for own in shards]
    assert {own.prompt for own in facts} == {whole.facts().prompt}
    assert {own.whole.documents for own in facts if own.whole} == {whole.facts().documents}
    assert sum(own.items for own in facts) == 40


def test_examples_of_lm_eval_are_those_of_the_whole_sample(tmp_path: Path) -> None:
    """It draws them one document after another: those of a shard alone would be others."""
    data = write_harness_data(tmp_path)
    config = RunConfig(("gsm8k", "arc_easy"), data_dir=str(data), num_fewshot=2, system="Be brief.")
    whole = load_tasks(config)
    prompts = {
        (task.name, document["id"]): task.write_prompt(document, config, None)
        for task in whole
        for document in task.documents
    }
    n_seen = 0
    for number in (1, 2, 3):
        for task, all_of_it in zip(
            load_tasks(replace(config, shard=Shard(number, 3))), whole, strict=True
        ):
            assert task.facts().prompt == all_of_it.facts().prompt
            for index, document in enumerate(task.documents):
                expected = prompts[task.name, document["id"]]
                assert task.write_prompt(document, config, None) == expected
                assert task.build_instances(index, config, None)[0].args[0] == expected
                n_seen += 1
    assert n_seen == len(prompts) > 6
    assert len(set(prompts.values())) == len(prompts)


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "-1/4", "2/4/6", "²/4", "1.0/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--shard"):
        parse_shard(text)


def slurm(**values: object) -> dict[str, str]:
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        (slurm(ID=1, MIN=1, MAX=4, COUNT=4, STEP=1), "1/4"),
        (slurm(ID=4, MIN=1, MAX=4, COUNT=4), "4/4"),
        (slurm(ID=0, MIN=0, MAX=7, COUNT=8, STEP=1), "1/8"),
        (slurm(ID=12, MIN=0, MAX=12, COUNT=4, STEP=4), "4/4"),
    ],
)
def test_a_slurm_array_says_the_shard(environment: dict[str, str], shard: str) -> None:
    found, read = read_array_shard(environment)
    assert found == parse_shard(shard)
    assert f"SLURM_ARRAY_TASK_ID={environment['SLURM_ARRAY_TASK_ID']}" in read


@pytest.mark.parametrize(
    "environment",
    [
        slurm(ID=3, MIN=3, MAX=3, COUNT=1, STEP=1),  # a job that is handed in once more
        slurm(ID=1, MIN=1, MAX=1, COUNT=1, STEP=1),
        slurm(ID=3, MIN=1, MAX=7, COUNT=3, STEP=1),  # --array=1,3,7
        slurm(ID=3, MIN=2, MAX=5, COUNT=4, STEP=1),
        slurm(ID=3, MIN=0, MAX=12, COUNT=4, STEP=4),
        slurm(ID=9, MIN=1, MAX=4, COUNT=4, STEP=1),
        slurm(ID=1, MIN=1, MAX=4, COUNT=4, STEP=0),
        slurm(ID="x", MIN=1, MAX=4, COUNT=4),
        slurm(ID=1),
        {},
    ],
)
def test_a_part_of_an_array_or_none_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"--shard slurm: .*SLURM_ARRAY_TASK_"):
        read_array_shard(environment)


@dataclass
class Asked:
    """The same questions of one model in one run and in three shards."""

    whole: Path
    shards: Path
    keywords: dict[str, Any]


@pytest.fixture(scope="module")
def asked(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    place = tmp_path_factory.mktemp("shards")
    # Batches of one prompt: the last bits of a probability depend on what is in its batch.
    keywords: dict[str, Any] = {
        "tasks": "factworld", "limit": 24, "batch_size": 1, "generation": {"max_gen_toks": 8},
        "dtype": "float32",
    }  # fmt: skip
    saeval.run(tiny_base, out=place / "whole", **keywords)
    for number in (3, 1, 2):
        saeval.run(tiny_base, out=place / "mine", shard=f"{number}/3", **keywords)
    return Asked(place / "whole", place / "mine", keywords)


def test_answers_in_shards_are_those_of_one_run_to_the_byte(asked: Asked) -> None:
    whole, shards = map(saeval.read_predictions, (asked.whole, asked.shards))
    (before,), (after,) = whole.predictions.values(), shards.predictions.values()
    assert [after[key].to_line() for key in after] == [
        before[key].to_line() for key in sorted(before)
    ]
    assert whole.manifest is not None
    assert shards.manifest is not None
    assert shards.manifest.identity == whole.manifest.identity
    assert shards.manifest.tasks == whole.manifest.tasks
    assert shards.manifest.proof is not None
    assert whole.manifest.proof is not None
    assert shards.manifest.proof.prompts == whole.manifest.proof.prompts
    assert shards.manifest.proof.scores == whole.manifest.proof.scores


def test_in_larger_batches_probabilities_differ_in_the_last_bits_only(
    tiny_base: Path, asked: Asked, tmp_path: Path
) -> None:
    for number in (1, 2):
        keywords = asked.keywords | {"batch_size": 8}
        saeval.run(tiny_base, out=tmp_path / "mine", shard=Shard(number, 2), **keywords)
    (before,) = saeval.read_predictions(asked.whole).predictions.values()
    (after,) = saeval.read_predictions(tmp_path / "mine").predictions.values()
    for key in before:
        assert after[key].response == before[key].response
        assert after[key].label_probabilities == pytest.approx(
            before[key].label_probabilities, abs=1e-5
        )


def test_a_checkpoint_is_held_to_a_base_in_shards(
    tiny_adapter: Path, asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The base in shards and in one run, against a checkpoint that is asked now."""
    command = ("--tasks", "factworld", "--limit", "24", "--batch-size", "1", "--gen-kwargs",
               "max_gen_toks=8", "--dtype", "float32", "--replicates", "1000")  # fmt: skip
    tables = []
    for base in (asked.whole, asked.shards):
        out = tmp_path / base.name
        code, _, said = typed(capsys, "compare", base, tiny_adapter, *command, "--out", out)
        assert code == 0, said
        tables.append((out / "metrics.csv").read_bytes())
    assert tables[0] == tables[1]


def test_a_shard_that_was_cut_short_is_resumed(
    tiny_base: Path, asked: Asked, tmp_path: Path
) -> None:
    place = tmp_path / "mine"
    kept = saeval.run(tiny_base, out=place, shard="2/3", **asked.keywords)
    (path,) = kept.files
    expected = path.read_bytes()
    path.write_bytes(expected[: len(expected) // 2])
    saeval.run(tiny_base, out=place, shard="2/3", **asked.keywords)
    assert path.read_bytes() == expected
    assert len(read_manifest(kept.folder).sessions) == 2
    with pytest.raises(
        saeval.RunFolderError, match=r"holds shard 2 of 3 .* shard 2 of 4 does not go"
    ):
        saeval.run(tiny_base, out=place, shard="2/4", **asked.keywords)


def test_a_shard_without_items_needs_no_model(tiny_base: Path, tmp_path: Path) -> None:
    """With more shards than clusters some have nothing to ask."""
    keywords: dict[str, Any] = {"tasks": "factworld", "limit": 1, "generation": {"max_gen_toks": 2}}
    for number in range(1, 4):
        saeval.run(tiny_base, out=tmp_path / "mine", shard=f"{number}/3", **keywords)
    assert len(saeval.read_predictions(tmp_path / "mine").predictions["factworld"]) == 1


def test_folders_of_their_own_by_default(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All shards of one split in one folder, which is no other split's nor that of a whole run."""
    monkeypatch.chdir(tmp_path)
    for name, value in slurm(ID=0, MIN=0, MAX=1, COUNT=2, STEP=1).items():
        monkeypatch.setenv(name, value)
    command = ("run", tiny_base, "--tasks", "factworld", "--limit", "4", "--gen-kwargs",
               "max_gen_toks=2")  # fmt: skip
    code, _, said = typed(capsys, *command, "--shard", "slurm")
    assert code == 0, said
    assert "This is shard 1 of 2, by SLURM_ARRAY_TASK_ID=0, SLURM_ARRAY_TASK_MIN=0" in said
    for shard in ("2/2", "1/3"):
        assert typed(capsys, *command, "--shard", shard)[0] == 0
    assert typed(capsys, *command)[0] == 0
    parents = {path.parent.name for path in Path("saeval-runs").glob("*/shard-*")}
    whole = {path.parent.name for path in Path("saeval-runs").glob("*/manifest.json")}
    assert len(parents) == 2
    assert len(whole) == 1
    assert not parents & whole


def test_other_commands_ask_all_items(capsys: pytest.CaptureFixture[str]) -> None:
    config = RunConfig(("factworld",), shard=Shard(1, 2))
    for use in (
        lambda: saeval.compare("base", "mine", run_config=config),
        lambda: saeval.compare_checkpoints("base", ["one", "two"], run_config=config),
        lambda: saeval.gate("base", "mine", run_config=config, until_decided=True),
        lambda: saeval.frontier("base", task="fever", systems={"A": "B"}, run_config=config),
        lambda: saeval.metacognition("base", run_config=config),
    ):
        with pytest.raises(InputError, match="asks shard 1 of 2 alone; `run` asks a shard"):
            use()
    message = fails(capsys, "run", "base", "--tasks", "factworld", "--shard", "1/2", "--server",
                    "https://evals.example")  # fmt: skip
    assert "--shard: a worker of a server asks all items" in message


def test_early_stopping_asks_no_shards(asked: Asked) -> None:
    with pytest.raises(InputError, match="--until-decided asks the checkpoint batch by batch"):
        saeval.gate(asked.whole, asked.shards, until_decided=True)
