from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from saeval.errors import DataError
from saeval.tasks.data.loading import load_items
from saeval.tasks.datasets.climatefever.dataset import to_claim as climatefever_claim
from saeval.tasks.datasets.fever.dataset import to_claim as fever_claim
from saeval.tasks.datasets.fever.dataset import unescape
from saeval.tasks.datasets.vitaminc.dataset import to_claim as vitaminc_claim
from saeval.tasks.format.prompts import write_verification_prompt
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import TASKS_FOLDER, HubSource
from saeval.tasks.types import Claim, number_repeated_ids

FEVER_ROW = {
    "id": 1,
    "claim": "A claim.",
    "label": "REFUTES",
    "evidence": [
        [
            "Ed_D_-LRB-b.-RRB-",
            0,
            "Edward `` Ed '' D -LRB- born 1959 -RRB- is , so they say , old .\tX\tX",
        ],
        ["Ed_D_-LRB-b.-RRB-", 1, ""],
        [
            "Ed_D_-LRB-b.-RRB-",
            0,
            "Edward `` Ed '' D -LRB- born 1959 -RRB- is , so they say , old .\tX\tX",
        ],
    ],
}


def test_fever_is_freed_of_treebank_escapes_links_and_repeats():
    document = fever_claim(FEVER_ROW)
    assert document.evidence == ('[Ed D (b.)] Edward "Ed" D (born 1959) is, so they say, old.',)
    assert (document.id, document.target, document.source_label) == ("1", "FAIL", "REFUTES")
    assert unescape("a -COLON- b") == "a: b"


def test_vitaminc_clusters_by_case():
    row = {
        "unique_id": "c_1",
        "case_id": "c",
        "claim": "C",
        "evidence": "E",
        "label": "SUPPORTS",
        "page": "P",
    }
    assert vitaminc_claim(row) == Claim("c_1", "c", "C", ("[P] E",), "PASS", "SUPPORTS")


@pytest.mark.parametrize(
    ("label", "target"),
    [("DISPUTED", "NA"), (3, "NA"), (2, "NA"), (0, "PASS"), ("REFUTES", "FAIL")],
)
def test_climatefever_takes_words_and_the_hubs_numbers_and_disputed_is_na(label, target):
    evidences = [{"article": a, "evidence": f"E{i}"} for i, a in enumerate("XYYZZ")]
    document = climatefever_claim(
        {"claim_id": "5", "claim": "C", "claim_label": label, "evidences": evidences}
    )
    assert document.target == target
    assert document.cluster == "Y"
    assert len(document.evidence) == 5


def test_source_label_keeps_disputed_apart():
    evidences = [{"article": "X", "evidence": "E"}]
    row = {"claim_id": "5", "claim": "C", "claim_label": 3, "evidences": evidences}
    assert climatefever_claim(row).source_label == "DISPUTED"


def test_repeated_ids_are_numbered():
    one = Claim("a", None, "C", (), "NA", "NA")
    assert [d.id for d in number_repeated_ids([one, one, one])] == ["a", "a#2", "a#3"]


def test_prompt_shows_claim_and_evidence_and_says_when_there_is_none():
    with_two = write_verification_prompt({"claim": "C.", "evidence": ["[A] x", "[B] y"]})
    assert with_two.endswith("\n\nClaim: C.\nEvidence:\n- [A] x\n- [B] y\n\nAnswer:\n")
    assert "Evidence:\n- none was found\n" in write_verification_prompt(
        {"claim": "C.", "evidence": []}
    )


def fever_folder(folder, *lines):
    (folder / "fever").mkdir()
    path = folder / "fever" / "fever_gold_evidence.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    return folder


def test_local_files_are_read_from_the_environment_too(tmp_path, monkeypatch):
    monkeypatch.setenv("SAEVAL_DATA", str(fever_folder(tmp_path, json.dumps(FEVER_ROW))))
    assert [d.id for d in load_items(get_task("fever"))] == ["1"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], r"fever_gold_evidence.jsonl:1: not JSON"),
        (["[]"], r"fever_gold_evidence.jsonl:1: expected an object"),
        (
            [json.dumps(FEVER_ROW), '{"id": 2}'],
            r"jsonl:2: not a row of copenlu/\S+: KeyError 'evidence'",
        ),
        (
            [json.dumps(FEVER_ROW | {"label": "X"})],
            r"jsonl:1: not a row of copenlu/\S+: KeyError 'X'",
        ),
        ([], r"task fever: the data set is empty"),
    ],
)
def test_bad_data_says_what_and_where(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        load_items(get_task("fever"), fever_folder(tmp_path, *lines))


def test_missing_files_say_where_they_are_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"no file matches \S+fever/fever_gold_evidence"):
        load_items(get_task("fever"), tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        load_items(get_task("fever"), tmp_path / "none")


def test_rows_of_a_hub_data_set_are_read_by_the_same_schema(tmp_path, monkeypatch):
    """The hub's own loader on a repository's layout on disk, with the hub's integer labels."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    evidences = [{"article": "X", "evidence": "E"}]
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / "test.jsonl").write_text(
        "".join(
            json.dumps({"claim_id": i, "claim": "C", "claim_label": i, "evidences": evidences})
            + "\n"
            for i in range(4)
        )
    )
    hub = HubSource(str(tmp_path / "repository"), "test", "unused", climatefever_claim)
    task = replace(get_task("climatefever"), source=hub)
    assert [d.target for d in load_items(task)] == ["PASS", "FAIL", "NA", "NA"]


def test_a_hub_that_cannot_be_reached_is_one_sentence():
    """Offline, as the tests run: the hub's own error is named and local files are offered."""
    with pytest.raises(
        DataError, match=r"cannot load copenlu/fever_gold_evidence .*--data-dir"
    ) as error:
        load_items(get_task("fever"))
    assert "\n" not in str(error.value)


REAL = {
    "fever": (1000, {"NA": 500, "PASS": 250, "FAIL": 250}, None),
    "vitaminc": (3820, None, 1250),
    "vitaminc_dev": (1000, {"NA": 500, "PASS": 250, "FAIL": 250}, None),
    "climatefever": (1535, {"PASS": 654, "NA": 474 + 154, "FAIL": 253}, None),
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_loads_with_its_known_counts(name, real_data):
    items, targets, clusters = REAL[name]
    documents = load_items(get_task(name), real_data)
    assert len({d.id for d in documents}) == len(documents) == items
    if targets:
        assert Counter(d.target for d in documents) == targets
    if clusters:
        assert len({d.cluster for d in documents}) == clusters


def test_every_task_has_its_yaml_and_card():

    for task in map(get_task, list_tasks()):
        assert list(TASKS_FOLDER.rglob(f"{task.name}.yaml"))
        card = task.card
        for heading in (
            "What is asked", "Source and licence", "Fields", "Labels", "Splits", "Metrics",
            "Known traps", "Version history",
        ):  # fmt: skip
            assert f"## {heading}\n" in card, (task.name, heading)
        if isinstance(task.source, HubSource):
            assert task.source.path in card
