"""The public API: what `import saeval` gives, on small real predictions."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from builders import prediction, run_folder, two_files, write_predictions
from command_line import typed
from matplotlib.figure import Figure

import saeval
from saeval.stats.metrics.metric import Metric
from saeval.stats.metrics.registry import register_metric, unregister_metric

PUBLIC = [
    "CheckpointSeries", "Client", "Comparison", "EngineConfig", "EngineError", "Gate", "InputError",
    "ModelError", "PairingError", "Policy", "Prediction", "RunConfig", "RunFolderError",
    "SaevalError", "StatsConfig", "__version__", "compare", "compare_checkpoints", "convert",
    "export", "frontier",
    "gate", "load_comparison", "metacognition", "pull", "push", "read_predictions", "run",
]  # fmt: skip
FUNCTIONS = [name for name in PUBLIC if name.islower() and not name.startswith("_")]
FEW = {"n_resamples": 1000}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path):
    return two_files(tmp_path, items=60)


@pytest.fixture
def comparison(files):
    return saeval.compare(*files, **FEW)


def frame(label="PASS", kind=pd.DataFrame):
    """60 items whose targets are PASS, FAIL, NA in turn."""
    rows = [prediction(i, label if i % 2 else ("PASS", "FAIL", "NA")[i % 3]) for i in range(60)]
    return kind(
        {
            "item_id": [row.item_id for row in rows],
            "target": [row.target for row in rows],
            "prediction": [row.prediction for row in rows],
            "confidence": [row.confidence for row in rows],
            "claim": [row.document.claim for row in rows],
        }
    )


def test_the_public_names_are_these():
    assert sorted(saeval.__all__) == sorted(PUBLIC)
    assert set(PUBLIC) <= set(dir(saeval))
    for name in PUBLIC:
        assert getattr(saeval, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'comapre'"):
        saeval.comapre  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented_with_an_example(name):
    function = getattr(saeval, name)
    text = inspect.getdoc(function) or ""
    for heading in ("Parameters\n----------", "Returns\n-------", "Examples\n--------"):
        assert heading in text, heading
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.name in text, parameter.name
        is_option = parameter.default is not inspect.Parameter.empty
        if is_option and parameter.name not in ("checkpoint", "checkpoints"):
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, parameter.name


def test_importing_saeval_loads_nothing_heavy():
    code = "import sys, saeval; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numpy", "torch", "pandas", "pydantic", "click", "rich"}


def test_comparing_files_prints_nothing_and_writes_nothing(files, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    saeval.compare(*files, **FEW)
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def test_the_function_and_the_command_give_one_result(files, tmp_path, capsys):
    code, _, _ = typed(capsys, "compare", *files, "--replicates", 1000, "--out", tmp_path / "typed")
    assert code == 0
    saeval.compare(*files, **FEW, out=tmp_path / "called")
    for name in ("comparison.json", "report.md", "report.html", "metrics.csv"):
        called, by_command = (tmp_path / place / name for place in ("called", "typed"))
        assert called.read_bytes() == by_command.read_bytes(), name


def test_a_task_and_a_metric_are_found_by_name(comparison):
    accuracy = comparison["fever"]["accuracy"]
    assert accuracy.difference == accuracy.checkpoint - accuracy.base == pytest.approx(0.55)
    assert comparison["fever"]["recall", "NA"].label == "NA"
    with pytest.raises(KeyError, match="no task 'fevr' was compared; compared: fever"):
        comparison["fevr"]
    with pytest.raises(KeyError, match="no metric 'acuracy'"):
        comparison["fever"]["acuracy"]


def test_the_frame_has_a_row_for_every_metric(comparison):
    table = comparison.to_frame()
    assert len(table) == sum(len(task.metrics) for task in comparison.tasks)
    assert {"task", "metric", "label", "base", "checkpoint", "difference", "difference_low",
            "difference_high", "pvalue", "pvalue_holm", "method"} <= set(table.columns)  # fmt: skip
    row = table[table["metric"] == "accuracy"].iloc[0]
    assert row["difference"] == comparison["fever"]["accuracy"].difference


def test_changed_items_are_all_of_them_by_kind(tmp_path):
    n = 900  # more than a report keeps
    base = [prediction(i, ("PASS", "FAIL", "NA")[i % 3]) for i in range(n)]
    checkpoint = [prediction(i, "PASS") for i in range(n)]
    comparison = saeval.compare(
        write_predictions(tmp_path / "base.jsonl", base),
        write_predictions(tmp_path / "checkpoint.jsonl", checkpoint),
        **FEW,
    )
    broken = comparison.changed_items("fever", kind="broken")
    assert len(broken) == n * 2 // 3
    assert set(broken["checkpoint_label"]) == {"PASS"}
    assert len(comparison.changed_items("fever", kind="fixed")) == 0
    assert list(comparison.changed_items("fever", kind="fixed").columns) == list(broken.columns)
    with pytest.raises(saeval.InputError, match="`kind` must be broken, fixed, other or all"):
        comparison.changed_items("fever", kind="mended")
    with pytest.raises(saeval.InputError, match="no task 'popqa' was compared"):
        comparison.changed_items("popqa")


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [
        ("plot_forest", ()),
        ("plot_reliability", ("fever",)),
        ("plot_confidence", ("fever",)),
        ("plot_risk_coverage", ("fever",)),
        ("plot_transitions", ("fever",)),
    ],
)
def test_plots_are_figures(comparison, plot, arguments):
    figure = getattr(comparison, plot)(*arguments)
    assert isinstance(figure, Figure)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    assert len(image.getvalue()) > 5000


def test_hostile_names_are_escaped_in_a_notebook(files):
    hostile = saeval.read_predictions(files[1], name="<script>alert(1)</script>")
    html = saeval.compare(files[0], hostile, **FEW)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert html.count("<tr>") > 5


def test_a_comparison_is_gated_as_the_command_gates_its_files(files, tmp_path, capsys):
    comparison = saeval.compare(*files, **FEW)
    gate = saeval.gate(comparison)
    typed(capsys, "gate", *files, "--replicates", 1000, "--out", tmp_path / "typed")
    by_command = json.loads((tmp_path / "typed" / "gate.json").read_text())
    assert gate.verdict == by_command["verdict"]
    assert [r.pvalue_pass for r in gate.results] == [r["p_pass"] for r in by_command["results"]]
    assert gate.comparison is comparison
    assert list(gate.to_frame()["verdict"]) == [r["verdict"] for r in by_command["results"]]
    assert gate.verdict in gate._repr_html_()


def test_a_gate_takes_a_policy_file_and_writes_where_it_is_told(files, tmp_path):
    policy = tmp_path / "gate.yaml"
    policy.write_text("rules:\n  - {metric: accuracy, not_worse_by: 0.9}\n")
    gate = saeval.gate(*files, policy=policy, out=tmp_path / "out", **FEW)
    assert gate.verdict == "PASS"
    assert sorted(path.name for path in (tmp_path / "out").glob("*.json")) == [
        "comparison.json", "gate.json", "manifest.json",
    ]  # fmt: skip
    with pytest.raises(saeval.InputError, match="leave out everything but it"):
        saeval.gate(gate.comparison, files[1])
    with pytest.raises(saeval.InputError, match="`checkpoint` is needed"):
        saeval.gate(files[0])


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_are_compared_as_files_are(kind):
    base = saeval.read_predictions(frame("PASS", kind), task="fever", name="base")
    checkpoint = saeval.read_predictions(frame("NA", kind), task="fever", name="checkpoint")
    comparison = saeval.compare(base, checkpoint, **FEW)
    assert comparison["fever"].items == 60
    assert comparison["fever"]["accuracy"].base == pytest.approx(40 / 60)
    assert comparison.checkpoint.name == "checkpoint"
    assert saeval.gate(comparison).verdict in ("PASS", "REGRESSION", "INCONCLUSIVE")


def test_frames_of_pandas_and_polars_are_the_same_predictions():
    by_pandas, by_polars = (
        saeval.read_predictions(frame(None, kind), task="fever")
        for kind in (pd.DataFrame, pl.DataFrame)
    )
    assert by_pandas.predictions == by_polars.predictions
    assert by_pandas.predictions["fever"]["item-001", 0].status == "invalid"


def test_responses_in_a_frame_are_read_by_the_tasks_parser():
    rows = {"item_id": ["a", "b"], "target": ["PASS", "NA"],
            "response": ["LABEL=PASS\nCONF=0.90", "no idea"]}  # fmt: skip
    read = saeval.read_predictions(pd.DataFrame(rows), task="fever").predictions["fever"]
    assert (read["a", 0].prediction, read["a", 0].confidence) == ("PASS", 0.9)
    assert read["b", 0].status == "invalid"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": None}, "row 0: `target` None is no label of task fever"),
        ({"prediction": "YES"}, "row 0: `prediction` 'YES' is no label of task fever"),
        ({"confidence": 1.5}, "row 0: `confidence`: .* less than or equal to 1, found 1.5"),
        ({"item_id": "item-001"}, "item 'item-001' of task 'fever' occurs twice"),
    ],
)
def test_a_bad_row_is_named(change, message):
    table = frame().astype(object)
    for column, value in change.items():
        table.loc[0, column] = value
    with pytest.raises(saeval.InputError, match=message):
        saeval.read_predictions(table, task="fever")


def test_a_frame_that_lacks_something_says_what():
    with pytest.raises(saeval.InputError, match="`task` is needed"):
        saeval.read_predictions(frame())
    with pytest.raises(saeval.InputError, match="no column `target`; it has item_id"):
        saeval.read_predictions(frame()[["item_id"]], task="fever")
    with pytest.raises(saeval.InputError, match="'fevr' is no task saeval knows"):
        saeval.read_predictions(frame(), task="fevr")
    with pytest.raises(saeval.InputError, match="a path or a data frame, found dict"):
        saeval.read_predictions({})


def test_a_folder_gives_its_comparison_back_with_its_predictions(tmp_path):
    base = run_folder(tmp_path / "base", name="base")
    checkpoint = run_folder(tmp_path / "checkpoint", name="checkpoint")
    made = saeval.compare(base, checkpoint, **FEW, out=tmp_path / "out")
    loaded = saeval.load_comparison(tmp_path / "out")
    assert loaded == made
    assert saeval.gate(loaded).results == saeval.gate(made).results


def test_a_folder_whose_predictions_are_gone_cannot_be_gated(files, tmp_path):
    saeval.compare(*files, **FEW, out=tmp_path / "out")
    files[1].write_text(files[1].read_text().replace("0.8", "0.7"))
    loaded = saeval.load_comparison(tmp_path / "out")
    with pytest.raises(saeval.InputError, match="predictions of this comparison are not at hand"):
        saeval.gate(loaded)
    with pytest.raises(saeval.InputError, match=r"holds no comparison\.json"):
        saeval.load_comparison(tmp_path)


def test_several_checkpoints_are_one_series(files, tmp_path):
    other = write_predictions(tmp_path / "other.jsonl", [prediction(i, "NA") for i in range(60)])
    series = saeval.compare_checkpoints(files[0], [files[1], other], **FEW, out=tmp_path / "out")
    assert [own.checkpoint.name for own in series] == ["checkpoint", "other"]
    assert set(series.to_frame()["checkpoint_name"]) == {"checkpoint", "other"}
    assert len(series["other"].changed_items("fever")) > 0
    assert "2 checkpoints against base" in series._repr_html_()
    loaded = saeval.load_comparison(tmp_path / "out" / "other")
    assert loaded.to_frame().equals(saeval.load_comparison(tmp_path / "out" / "other").to_frame())
    assert loaded.predictions is not None
    with pytest.raises(saeval.InputError, match="give two or more"):
        saeval.compare_checkpoints(files[0], [files[1]])


@pytest.fixture
def certain_rate():
    metric = Metric(
        name="certain_rate",
        title="Certain",
        definition="Answers given with a confidence of 75% or more.",
        kind="proportion",
        scale="proportion",
        higher_is_better=False,
        values=lambda pairs, answers: answers.confidence >= 0.75,
    )
    yield register_metric(metric)
    unregister_metric(metric.name)


def test_a_metric_of_ones_own_is_everywhere(certain_rate, tmp_path, capsys):
    policy = tmp_path / "gate.yaml"
    policy.write_text("rules:\n  - {metric: certain_rate, not_worse_by: 0.1}\n")
    base = [prediction(i, "PASS", confidence=0.6) for i in range(60)]
    checkpoint = [prediction(i, "PASS", confidence=0.9) for i in range(60)]
    files = [
        write_predictions(tmp_path / f"{name}.jsonl", answers)
        for name, answers in (("base", base), ("checkpoint", checkpoint))
    ]
    comparison = saeval.compare(*files, **FEW, out=tmp_path / "out")
    row = comparison["fever"]["certain_rate"]
    assert (row.base, row.checkpoint, row.difference) == (0.0, 1.0, 1.0)
    assert "certain_rate" in set(comparison.to_frame()["metric"])
    assert saeval.gate(comparison, policy=policy).verdict == "REGRESSION"
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert "certain_rate" in [metric["metric"] for metric in written["tasks"][0]["metrics"]]
    for name in ("report.md", "report.html"):
        assert "Certain" in (tmp_path / "out" / name).read_text(), name
    assert "certain_rate" in (tmp_path / "out" / "metrics.csv").read_text()
    code, printed, _ = typed(capsys, "gate", *files, "--policy", policy, "--out", tmp_path / "gate")
    assert (code, "Certain" in printed) == (1, True)


def test_settings_come_as_keywords_or_as_a_configuration(files):
    config = saeval.StatsConfig(confidence_level=0.9, n_resamples=1000, seed=7)
    by_object = saeval.compare(*files, stats_config=config)
    by_keyword = saeval.compare(*files, stats_config=config, confidence_level=0.95)
    assert by_object.settings == config
    lows = [own["fever"]["accuracy"].confidence_interval.low for own in (by_keyword, by_object)]
    assert lows[0] < lows[1], "a higher level, a wider interval"
    with pytest.raises(saeval.InputError, match="--limit: has no effect on answers that exist"):
        saeval.compare(*files, limit=3)
    with pytest.raises(saeval.InputError, match="did you mean fever"):
        saeval.compare(*files, tasks="fevr")


@pytest.mark.parametrize(
    "call",
    [
        lambda *files: saeval.compare(*files, limt=3),
        lambda *files: saeval.compare_checkpoints(files[0], files, limt=3),
        lambda *files: saeval.gate(*files, limt=3),
        lambda *files: saeval.run(files[0], limt=3),
        lambda *files: saeval.frontier(files[0], task="fever", systems={"a": "b"}, limt=3),
        lambda *files: saeval.metacognition(files[0], limt=3),
    ],
)
def test_a_keyword_that_there_is_not_is_refused(call, files):
    with pytest.raises(TypeError, match="unexpected keyword argument 'limt'; did you mean limit"):
        call(*files)


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "saeval", "power", "--items", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1,000 items" in done.stdout


def test_a_folder_with_names_like_ours_is_no_trap(files, tmp_path):
    for name in ("tasks", "reports", "trainer", "evalsuite"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    (tmp_path / "stats.py").write_text("raise RuntimeError('the wrong module')\n")
    command = [sys.executable, "-m", "saeval", "compare", *map(str, files), "--replicates", "1000"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, check=False,
        env={"PYTHONPATH": f".:{ROOT}", "PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "saeval-runs").glob("*/comparison.json"))


def test_a_frame_is_compared_with_a_file(files):
    rows = [json.loads(line) for line in Path(files[0]).read_text().splitlines()]
    columns = ("item_id", "target", "prediction", "confidence")
    table = pd.DataFrame([{column: row[column] for column in columns} for row in rows])
    comparison = saeval.compare(saeval.read_predictions(table, task="fever"), files[1], **FEW)
    by_file = saeval.compare(*files, **FEW)
    assert comparison["fever"].metrics == by_file["fever"].metrics
    assert any("by item id and target alone" in warning for warning in comparison.warnings)
    assert not any("target alone" in warning for warning in by_file.warnings)
    table["task"] = "fever"
    assert saeval.compare(table, files[1], **FEW)["fever"] == comparison["fever"]


def test_what_is_no_model_is_named(files):
    with pytest.raises(saeval.InputError, match=r"saeval\.read_predictions return; found int"):
        saeval.compare(1, 2)
    with pytest.raises(saeval.InputError, match=r"saeval\.read_predictions\(frame, task="):
        saeval.compare(frame(), frame())
    with pytest.raises(saeval.InputError, match=r"--limit: has no effect.* \(in Python limit=\)"):
        saeval.compare(*files, limit=5)


def test_a_policy_may_be_a_mapping(files):
    rules = [{"metric": "accuracy", "not_worse_by": 0.9}]
    comparison = saeval.compare(*files, **FEW)
    assert saeval.gate(comparison, policy={"rules": rules}).verdict == "PASS"
    with pytest.raises(saeval.InputError, match=r"^policy\.rules\[0\]: unknown metric 'x'"):
        saeval.gate(comparison, policy={"rules": [{**rules[0], "metric": "x"}]})
    with pytest.raises(saeval.InputError, match="a mapping with `rules`, found int"):
        saeval.gate(comparison, policy=3)


def test_numbers_alone_say_what_a_gate_needs(files, tmp_path):
    from saeval.reports import from_json

    saeval.compare(*files, **FEW, out=tmp_path / "out")
    path = tmp_path / "out" / "comparison.json"
    with pytest.raises(saeval.InputError, match=r"only its numbers.* anew \(saeval\.compare\)"):
        saeval.gate(from_json(path.read_text()))
    assert saeval.load_comparison(path) == saeval.load_comparison(path.parent)


def test_metrics_are_found_as_reports_print_them_and_print_is_short(files):
    comparison = saeval.compare(*files, **FEW)
    task = comparison["fever"]
    assert task["AUROC"] is task["auroc"]
    assert task["NA recall"] is task["recall", "NA"]
    with pytest.raises(KeyError, match="did you mean auroc"):
        task["aurocc"]
    text = str(comparison)
    assert len(text) < 300
    assert comparison.base.name in text
    assert "fever (" in text
    assert repr(saeval.read_predictions(files[0])) == "<predictions of base: fever: 60>"


@pytest.mark.parametrize("garble", [
    lambda task: task.update(labels=[]),
    lambda task: task["transitions"]["counts"][0].pop(),
])  # fmt: skip
def test_lists_of_the_wrong_length_are_an_input_error(garble, files, tmp_path):
    saeval.compare(*files, **FEW, out=tmp_path / "out")
    path = tmp_path / "out" / "comparison.json"
    tree = json.loads(path.read_text())
    garble(tree["tasks"][0])
    path.write_text(json.dumps(tree))
    with pytest.raises(saeval.InputError, match=r"comparison\.json: not a complete .* task"):
        saeval.load_comparison(path)
