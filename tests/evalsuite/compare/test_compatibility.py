"""A checkpoint held to answers that exist, with real tiny models: all that may have changed."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from command_line import fails, typed

from saeval.evalsuite.engines.huggingface import TransformersEngine

TASK = "factworld_measures"
ASK = ("--tasks", TASK, "--limit", 30, "--gen-kwargs", "max_gen_toks=4")
RULES = "rules:\n  - {metric: invalid_rate, at_most: 0.9}\n"


@pytest.fixture
def store(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAEVAL_BASELINES", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="module")
def answered(tiny_base, tmp_path_factory) -> Path:
    """A run folder of the base."""
    from saeval.evalsuite.cli.main import main

    out = tmp_path_factory.mktemp("answered") / "run"
    main(["run", str(tiny_base), *map(str, ASK), "--out", str(out)])
    return out


@pytest.fixture
def main_baseline(answered, store, capsys):
    assert typed(capsys, "baseline", "save", "main", answered)[0] == 0


@pytest.fixture
def nothing_asked(monkeypatch):
    monkeypatch.setattr(TransformersEngine, "__init__", lambda *a: pytest.fail("model loaded"))


def test_a_model_is_asked_pinned_and_held_to(tiny_base, tiny_adapter, store, capsys):
    code, _, err = typed(capsys, "baseline", "save", "main", tiny_base, *ASK)
    assert code == 0
    ask = f"--tasks {TASK} --limit 30 --gen-kwargs max_gen_toks=4"
    assert f"Use it: saeval gate baseline:main CHECKPOINT {ask}" in err
    assert "--tasks is needed to ask a model" in fails(capsys, "baseline", "save", "b", tiny_base)
    Path("gate.yaml").write_text(RULES)
    code, _, err = typed(
        capsys, "gate", "baseline:main", tiny_adapter, *ASK, "--policy", "gate.yaml", "--out", "out"
    )
    assert code in (0, 1, 3), err
    found = json.loads(Path("out/gate.json").read_text())
    assert found["base"] == tiny_base.name
    assert found["tasks"] == [{"task": TASK, "asked": 30, "planned": 30, "trained_on": 0}]
    assert not Path("out/base").exists(), "the base was not asked again"


def test_a_name_that_is_taken_is_refused_before_the_model_is_asked(
    main_baseline, nothing_asked, tiny_base, capsys
):
    assert "give --replace" in fails(capsys, "baseline", "save", "main", tiny_base, *ASK)


@pytest.mark.parametrize("options", [(), ("--until-decided",)])
def test_less_may_be_asked_than_was_pinned(main_baseline, tiny_adapter, capsys, options):
    """A rule on an answer that no item of the smaller sample calls for is left out there."""
    Path("gate.yaml").write_text(RULES + "  - {metric: abstention recall, at_least: 0.01}\n")
    fewer = ("--tasks", TASK, "--limit", 3, "--gen-kwargs", "max_gen_toks=4")
    code, _, err = typed(
        capsys, "gate", "baseline:main", tiny_adapter, *fewer, "--policy", "gate.yaml",
        "--out", "out", *options,
    )  # fmt: skip
    assert code in (0, 3), err
    found = json.loads(Path("out/gate.json").read_text())
    assert found["tasks"] == [{"task": TASK, "asked": 3, "planned": 3, "trained_on": 0}]
    report = Path("out/report.md").read_text()
    assert "27 items have only the base's answer" in report


@pytest.mark.parametrize(
    ("changed", "said", "instead"),
    [
        (("--seed", 7), "--seed is 43 there and 7 now; ", "leave out --seed, or"),
        (("--limit", 31), "--limit is 30 there and 31 now; 1 of 31 items", "give --limit 30, or"),
        (("--per-label", "9,9,9"), "--per-label is not given there and 9,9,9 now", "leave out"),
        (("--gen-kwargs", "max_gen_toks=5"),
         f"generation in task {TASK} is max_gen_toks=4 there and max_gen_toks=5 now",
         "give --gen-kwargs max_gen_toks=4, or"),
        (("--samples", 2, "--gen-kwargs", "max_gen_toks=4,do_sample=true,temperature=1.0"),
         "--samples is 1 there and 2 now", "leave out --samples, give --gen-kwargs max_gen_toks=4"),
        (("--system", "Be brief."), "--system is not given there and Be brief. now",
         "leave out --system, or"),
        (("--apply-chat-template",), "--apply-chat-template is not given there and given now",
         "leave out --apply-chat-template, or"),
    ],
)  # fmt: skip
def test_asked_otherwise_it_is_refused_with_what_to_type(
    main_baseline, nothing_asked, answered, tiny_base, tiny_adapter, capsys, changed, said, instead
):
    command = ("gate", "baseline:main", tiny_adapter, *ASK, *changed, "--out", "out")
    message = fails(capsys, *command)
    assert message.startswith("Error: baseline:main: is stale: ")
    assert said in message
    assert instead in message
    assert f"answer it anew: saeval baseline save main {tiny_base} --tasks {TASK} " in message
    assert message.endswith(" --replace")
    assert str(changed[0]) in message.partition("answer it anew")[2]
    assert not Path("out").exists()
    message = fails(capsys, "compare", answered, tiny_adapter, *command[3:])
    assert f"{answered}: is stale: " in message
    assert f"answer it anew: saeval run {tiny_base} --tasks {TASK} " in message


def pinned_with(answered, capsys, *, manifest=lambda text: text, answers=lambda text: text):
    """A baseline whose run was as it may have been long ago."""
    old = Path("old")
    shutil.copytree(answered, old)
    for path, change in (("manifest.json", manifest), (f"predictions/{TASK}.jsonl", answers)):
        before = (old / path).read_text()
        (old / path).write_text(change(before))
    without = json.loads((old / "manifest.json").read_text()) | {"checksums": None}
    (old / "manifest.json").write_text(json.dumps(without))
    assert typed(capsys, "baseline", "save", "old", old)[0] == 0


def test_another_version_of_the_task_is_refused(
    store, nothing_asked, answered, tiny_adapter, capsys
):
    pinned_with(answered, capsys, manifest=lambda t: t.replace('"version": 1', '"version": 0'))
    message = fails(capsys, "gate", "baseline:old", tiny_adapter, *ASK, "--out", "out")
    assert f"task {TASK} is version 0 there and version 1 now; answer it anew: " in message
    assert not Path("out").exists()


def test_settings_of_the_task_itself_that_changed_are_refused_without_an_option_to_blame(
    store, nothing_asked, answered, tiny_adapter, capsys
):
    def change(text):
        manifest = json.loads(text)
        manifest["tasks"][TASK]["generation"]["until"] = ["STOP"]
        return json.dumps(manifest)

    pinned_with(answered, capsys, manifest=change)
    message = fails(capsys, "gate", "baseline:old", tiny_adapter, *ASK, "--out", "out")
    assert f"generation in task {TASK} is until=['STOP'] there and until=[] now; answer" in message


def test_documents_that_changed_are_refused(store, nothing_asked, answered, tiny_adapter, capsys):
    def change(text):
        first, *rest = text.splitlines(keepends=True)
        return "".join([json.dumps(json.loads(first) | {"document_hash": "0" * 64}) + "\n", *rest])

    pinned_with(answered, capsys, answers=change)
    message = fails(capsys, "gate", "baseline:old", tiny_adapter, *ASK, "--out", "out")
    assert f"1 of 30 documents of task {TASK} have changed (" in message
    assert not Path("out").exists()


def test_another_instruction_is_noticed_before_a_model_is_loaded(
    main_baseline, nothing_asked, answered, tiny_adapter, capsys, monkeypatch
):
    import saeval.tasks.format.prompts

    monkeypatch.setattr(saeval.tasks.format.prompts, "VERIFICATION_INSTRUCTION", "Is it so?")
    for base in ("baseline:main", answered):
        message = fails(capsys, "gate", base, tiny_adapter, *ASK, "--out", "out")
        assert (
            f"{base}: is stale: the instruction of task {TASK} is another now; answer it anew: "
            in message
        )
    assert not Path("out").exists()


def test_the_command_in_the_message_mends_it(tiny_base, tiny_adapter, store, capsys, monkeypatch):
    """It asks anew, although a finished run of the same model and options lies there."""
    import saeval.tasks.format.prompts

    assert typed(capsys, "baseline", "save", "main", tiny_base, *ASK)[0] == 0
    before = (store / "main" / "predictions" / f"{TASK}.jsonl").read_text()
    monkeypatch.setattr(saeval.tasks.format.prompts, "VERIFICATION_INSTRUCTION", "Is it so?")
    gate = ("gate", "baseline:main", tiny_adapter, *ASK, "--out", "out", "--replicates", 1000)
    _, _, command = fails(capsys, *gate).partition("answer it anew: saeval ")
    assert typed(capsys, *shlex.split(command))[0] == 0
    assert (store / "main" / "predictions" / f"{TASK}.jsonl").read_text() != before
    code, _, err = typed(capsys, *gate)
    assert code in (0, 1, 3), err


def test_a_run_is_not_continued_with_another_instruction(answered, tiny_base, capsys, monkeypatch):
    import saeval.tasks.format.prompts

    monkeypatch.setattr(saeval.tasks.format.prompts, "VERIFICATION_INSTRUCTION", "Is it so?")
    message = fails(capsys, "run", tiny_base, *ASK, "--out", answered)
    assert f"holds another run, which differs in task {TASK}.prompt (" in message


def test_another_chat_template_is_noticed_before_the_first_question(
    tiny_base, store, capsys, monkeypatch
):
    templated = (*ASK, "--apply-chat-template")
    assert typed(capsys, "baseline", "save", "main", tiny_base, *templated)[0] == 0
    other = shutil.copytree(tiny_base, "other")
    template = Path(other) / "chat_template.jinja"
    template.write_text(template.read_text() + "Well:")
    monkeypatch.setattr(TransformersEngine, "answer", lambda *a: pytest.fail("asked"))
    message = fails(capsys, "gate", "baseline:main", other, *templated, "--out", "out")
    assert (
        f"the prompts of task {TASK} are others now, by the chat template of the model" in message
    )
    assert not list(Path("out").rglob("*.jsonl"))


def test_what_was_asked_otherwise_is_compared_when_told_to(main_baseline, tiny_adapter, capsys):
    options = ("--gen-kwargs", "max_gen_toks=5", "--allow-mismatch", "--replicates", 1000)
    code, _, err = typed(
        capsys, "compare", "baseline:main", tiny_adapter, *ASK, *options, "--out", "out"
    )
    assert code == 0, err
    report = Path("out/report.md").read_text()
    assert "Pairing was forced" in report


def test_a_baseline_of_another_engine_is_cautioned_against(store, answered, tiny_adapter, capsys):
    pinned_with(
        answered, capsys, manifest=lambda t: t.replace('"name": "transformers"', '"name": "vllm"')
    )
    options = ("--replicates", 1000, "--out", "out")
    assert typed(capsys, "compare", "baseline:old", tiny_adapter, *ASK, *options)[0] == 0
    report = Path("out/report.md").read_text()
    assert "BASE was answered by vllm cpu float32 and the checkpoint by transformers" in report
