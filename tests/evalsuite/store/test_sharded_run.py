"""The shards of a run read as one: the same answers, and nothing that is not all of them once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import fails
from shards import answers, clustered, of_shard, proof, write_run, write_shards

import saeval
from saeval.errors import InputError, RunFolderError
from saeval.evalsuite.cli.main import main
from saeval.evalsuite.config import Shard
from saeval.evalsuite.models.push import pack
from saeval.evalsuite.models.types import SavedPredictions
from saeval.evalsuite.service.view.folders import _find
from saeval.evalsuite.store.manifest import read_manifest
from saeval.evalsuite.store.run_files import to_parquet
from saeval.evalsuite.store.run_folder import lock_run_folder, read_run
from saeval.evalsuite.store.shards import check_new_shard, shard_folder, shard_of

WHOLE = answers()


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return write_shards(tmp_path / "mine", WHOLE, 4)


def lines(read: SavedPredictions) -> list[str]:
    return [own.to_line() for own in read.predictions["fever"].values()]


def test_a_hash_of_the_cluster_is_the_same_everywhere() -> None:
    assert [shard_of(f"page {n}", 4) for n in range(8)] == [4, 2, 3, 3, 4, 1, 2, 1]
    assert shard_of("page \ud800", 1) == 1


@pytest.mark.parametrize("n_shards", [1, 2, 4, 40])
def test_the_shards_together_are_the_whole_run(tmp_path: Path, n_shards: int) -> None:
    whole = saeval.read_predictions(write_run(tmp_path / "whole", WHOLE))
    folders = write_shards(tmp_path / "mine", WHOLE, n_shards)
    parent = tmp_path / "mine"
    sizes = [read_manifest(folder).tasks["fever"].items for folder in folders]
    assert sum(sizes) == 30
    assert (0 in sizes) == (n_shards == 40)
    read = saeval.read_predictions(parent)
    assert lines(read) == sorted(lines(whole))
    assert read.manifest is not None
    assert whole.manifest is not None
    assert read.manifest.identity == whole.manifest.identity
    assert read.manifest.tasks == whole.manifest.tasks
    assert sum(session.items for session in read.manifest.sessions) == 30
    others = [f"{parent}/shard-*", ",".join(map(str, folders[::-1]))]
    for named in others if n_shards > 1 else others[:1]:
        assert lines(saeval.read_predictions(named)) == lines(read)
        assert saeval.read_predictions(named).content == read.content


def test_shards_in_folders_of_their_own_are_given_as_a_glob(shards: list[Path]) -> None:
    for number, folder in enumerate(shards):
        place = folder.parent.with_name(f"node-{number}")
        place.mkdir()
        shutil.move(folder, place)
    parent = shards[0].parent.parent
    assert len(saeval.read_predictions(f"{parent}/node-*").predictions["fever"]) == 30


def test_comparisons_of_whole_runs_and_of_shards_are_the_same(tmp_path: Path) -> None:
    before = [
        clustered(n) if n % 4 else clustered(n).model_copy(update={"response": "LABEL=NA"})
        for n in range(30)
    ]
    numbers = []
    for name in ("whole", "shards"):
        for side, given in (("base", before), ("checkpoint", WHOLE)):
            folder = tmp_path / name / side
            if name == "whole":
                write_run(folder, given)
            else:
                write_shards(folder, given, 3)
    for base, checkpoint in (
        ("whole", "whole"), ("whole", "shards"), ("shards", "whole"), ("shards", "shards"),
    ):  # fmt: skip
        found = saeval.compare(tmp_path / base / "base", tmp_path / checkpoint / "checkpoint")
        numbers.append(found.to_frame().to_csv())
        assert found.warnings == ()
    assert len(set(numbers)) == 1


def test_packed_shards_and_lines_are_read_together(shards: list[Path]) -> None:
    expected = lines(saeval.read_predictions(shards[0].parent))
    with lock_run_folder(shards[1], read_manifest(shards[1])):
        to_parquet(shards[1])
    assert {path.suffix for path in (shards[1] / "predictions").iterdir()} == {".parquet"}
    assert lines(saeval.read_predictions(shards[0].parent)) == expected


def test_all_that_is_missing_is_named_with_what_to_type(shards: list[Path]) -> None:
    shutil.rmtree(shards[0])
    (shards[2] / "predictions" / "fever.jsonl").write_text("")
    n_items = read_manifest(shards[2]).tasks["fever"].items
    with pytest.raises(InputError) as raised:
        saeval.read_predictions(shards[0].parent)
    assert str(raised.value) == (
        f"{shards[0].parent}: shard 1 of 4 is missing; shard 3 of 4 is not finished (0 of "
        f"{n_items} answers of task fever); give the same `saeval run` with --shard 1/4, "
        "--shard 3/4"
    )


def change(folder: Path, **fields: Any) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | fields))


def test_a_shard_without_its_proof_is_not_finished(shards: list[Path]) -> None:
    change(shards[3], proof=proof(ended=False).model_dump(mode="json"))
    with pytest.raises(InputError, match=r"shard 4 of 4 is not finished .it was cut short before"):
        saeval.read_predictions(shards[0].parent)
    content = json.loads((shards[3] / "manifest.json").read_text())
    del content["proof"]
    (shards[3] / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"shard 4 of 4 is not finished .its manifest does not say"
    ):
        saeval.read_predictions(shards[0].parent)


def test_shards_that_two_models_answered_are_refused(shards: list[Path]) -> None:
    other = [[score + 0.3 for score in row] for row in proof().scores]
    change(shards[2], proof=proof(scores=other).model_dump(mode="json"))
    with pytest.raises(
        InputError, match=r"shards 1 and 3 were answered by two models: .* 0.3 apart"
    ):
        saeval.read_predictions(shards[0].parent)
    near = [[score + 0.01 for score in row] for row in proof().scores]
    change(shards[2], proof=proof(scores=near).model_dump(mode="json"))
    read = saeval.read_predictions(shards[0].parent).manifest
    assert read is not None
    assert read.proof is not None
    assert read.proof.floor == pytest.approx(0.01)
    assert read.proof.ended


def test_a_shard_that_is_there_twice_is_refused(shards: list[Path]) -> None:
    copy = shards[0].parent.with_name("copy")
    shutil.copytree(shards[1], copy)
    with pytest.raises(InputError, match=r"shard 2 of 4 is there twice, in .*shard-2-of-4 and .*"):
        saeval.read_predictions(f"{shards[1]},{copy}")


def test_shards_of_two_splits_are_refused(shards: list[Path]) -> None:
    write_shards(shards[0].parent, WHOLE, 2)
    with pytest.raises(InputError, match=r"holds shard 1 of 2 .* and shard 1 of 4 .* two splits"):
        saeval.read_predictions(shards[0].parent)


def test_a_shard_of_another_sample_or_setting_is_refused(tmp_path: Path) -> None:
    (first, second) = write_shards(tmp_path / "mine", WHOLE, 2)
    shutil.rmtree(second)
    shard = Shard(2, 2)
    more = answers(33)
    write_run(second, of_shard(more, shard), more, shard)
    with pytest.raises(
        InputError, match=r"of another run than .*sample.items \(30 there, 33 here\)"
    ):
        saeval.read_predictions(first.parent)
    shutil.rmtree(second)
    engine = {"engine": {"name": "transformers", "device": "cpu", "dtype": "bfloat16"}}
    write_run(second, of_shard(WHOLE, shard), WHOLE, shard, identity=engine)
    with pytest.raises(InputError, match=r"engine.dtype \(float32 there, bfloat16 here\)"):
        saeval.read_predictions(first.parent)


def test_an_item_in_the_wrong_shard_is_named(tmp_path: Path) -> None:
    """Two shards of the right sizes, one of which holds what is the other's."""
    one, two = (of_shard(WHOLE, Shard(number, 2)) for number in (1, 2))
    one[-1], two[-1] = two[-1], one[-1]
    for number, given in ((1, one), (2, two)):
        shard = Shard(number, 2)
        write_run(shard_folder(tmp_path / "mine", shard), given, WHOLE, shard)
    with pytest.raises(InputError, match="is of shard 2 of 2 and stands in shard 1"):
        saeval.read_predictions(tmp_path / "mine")


def test_shards_that_lack_an_item_are_refused(tmp_path: Path) -> None:
    """As versions of saeval that hash otherwise would leave them."""
    for number in (1, 2):
        shard = Shard(number, 2)
        given = of_shard(WHOLE, shard)[number - 1 :]
        write_run(shard_folder(tmp_path / "mine", shard), given, WHOLE, shard)
    with pytest.raises(InputError, match="hold 29 items of task fever, and 30 were to be asked"):
        saeval.read_predictions(tmp_path / "mine")


def test_an_altered_answer_is_found(shards: list[Path]) -> None:
    path = shards[1] / "predictions" / "fever.jsonl"
    path.write_text(path.read_text().replace("CONF=0.80", "CONF=0.90", 1))
    with pytest.raises(InputError, match="checksum"):
        saeval.read_predictions(shards[0].parent)


def test_a_shard_alone_is_no_run(shards: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "is shard 1 of 4 alone; give the folder that holds all shards of the run"
    assert sentence in fails(capsys, "compare", shards[0], shards[0])
    for use in (
        lambda: saeval.compare(read_run(shards[0]), shards[0].parent),
        lambda: saeval.export(shards[0], "parquet"),
        lambda: pack(shards[0], shards[0].parent / "packed"),
    ):
        with pytest.raises(InputError, match=sentence):
            use()


def test_a_whole_run_among_shards_is_refused(shards: list[Path]) -> None:
    whole = write_run(shards[0].parent.with_name("whole"), WHOLE)
    with pytest.raises(InputError, match="whole is no shard of a run"):
        saeval.read_predictions(",".join(map(str, [*shards, whole])))


def test_a_new_shard_must_go_with_what_is_there(shards: list[Path]) -> None:
    parent, fourth = shards[0].parent, read_manifest(shards[3])
    shutil.rmtree(shards[3])
    check_new_shard(parent, Shard(4, 4), fourth)
    with pytest.raises(
        RunFolderError, match=r"holds shard 1 of 4 .*, and shard 4 of 8 does not go"
    ):
        check_new_shard(parent, Shard(4, 8), fourth)
    other = fourth.identity | {"system": "Be careful."}
    with pytest.raises(RunFolderError, match=r"system \(None there, Be careful. now\)"):
        check_new_shard(parent, Shard(4, 4), fourth.model_copy(update={"identity": other}))
    with pytest.raises(RunFolderError, match=f"holds shard 1 of 4.*; give --out {parent}$"):
        check_new_shard(shards[0], Shard(1, 4), fourth)


@pytest.mark.parametrize("to", ["jsonl", "parquet"])
def test_shards_are_converted_to_one_run_folder(
    shards: list[Path], tmp_path: Path, to: str
) -> None:
    place = tmp_path / "one"
    main(["convert", str(shards[0].parent), "--out", str(place), "--to", to, "--quiet"])
    one = saeval.read_predictions(place)
    assert lines(one) == lines(saeval.read_predictions(shards[0].parent))
    assert read_manifest(place).shard is None
    assert read_manifest(place).shards == 4
    if to == "jsonl":
        assert '"checksum"' in (place / "predictions" / "fever.jsonl").read_text()


def test_shards_are_one_run_for_exports_and_views(shards: list[Path], tmp_path: Path) -> None:
    parent = shards[0].parent
    exported = saeval.export(parent, "lm-eval", out=tmp_path / "exported")
    (samples,) = (tmp_path / "exported").rglob("samples_*.jsonl")
    assert exported.written
    assert samples.read_text().count("\n") == 30
    assert list(_find(parent)) == [parent]
    assert list(_find(tmp_path)) == [parent]


def test_shards_are_pushed_as_one_run(shards: list[Path], tmp_path: Path) -> None:
    saved, files = pack(shards[0].parent, tmp_path / "packed")
    assert set(files) == {"manifest.json", "predictions/fever.parquet"}
    again = saeval.read_predictions(tmp_path / "packed")
    assert lines(again) == lines(saved)
    assert again.identity == saved.identity
