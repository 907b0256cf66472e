"""The documentation: links lead somewhere, quotes are current, examples give what they say."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbclient
import nbformat
import pytest
from docstrings import find_stale_names

from saeval.evalsuite.cli.main import main
from saeval.evalsuite.gate.policy_file import load_policy
from saeval.tasks.registry import list_tasks
from saeval.trainer.recipe.load import list_recipes

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
EVIDENCE = DOCS / "evidence"
NOTEBOOKS = sorted(DOCS.rglob("*.ipynb"))
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "tasks").rglob("README.md")])
_FENCED = re.compile(r"^(```+)(\w*)[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    return _CODE.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What headings can be reached by: lower case, no punctuation, hyphens for spaces."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    for link in _LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{named(page)}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{named(page)}: {link} leads out of the project"
        if anchor:
            assert anchor in anchors(target), f"{named(page)}: {link} names no heading"


def test_what_pages_quote_of_the_simulations_stands_there():
    measured = (EVIDENCE / "validity.md").read_text(encoding="utf-8").splitlines()
    quoted = [
        (named(page), line)
        for page in PAGES
        if page.parent != EVIDENCE
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and re.search(r"% ± \d", line)
    ]
    assert quoted
    assert [quote for quote in quoted if quote[1] not in measured] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_every_link_of_a_notebook_leads_somewhere(notebook):
    for cell in nbformat.read(notebook, as_version=4).cells:
        for link in _LINK.findall(cell.source if cell.cell_type == "markdown" else ""):
            assert (notebook.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_every_notebook_runs_and_is_kept_without_outputs(notebook):
    content = nbformat.read(notebook, as_version=4)
    assert not any(cell.get("outputs") for cell in content.cells)
    nbclient.NotebookClient(content, timeout=120, kernel_name="python3").execute()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_of_code_is_closed(page):
    assert "```" not in _FENCED.sub("", page.read_text(encoding="utf-8"))


def test_every_page_can_be_reached_from_the_index():
    reached, open_ = set(), [DOCS / "README.md"]
    while open_:
        page = open_.pop()
        if page in reached:
            continue
        reached.add(page)
        paths = (link.partition("#")[0] for link in _LINK.findall(prose(page)))
        found = {(page.parent / path).resolve() for path in paths if path.endswith(".md")}
        open_ += [path for path in found if path.is_relative_to(DOCS)]
    assert set(DOCS.rglob("*.md")) <= reached


@pytest.fixture(scope="module")
def generate():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(DOCS)
        return load_generator()


def load_generator():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_quoted_is_current(generate):
    stale = [
        named(path)
        for path, text in generate.pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run `make docs`: {', '.join(stale)}"


def test_every_recipe_and_policy_has_a_page_and_no_page_is_left_over():
    assert {path.stem for path in (REFERENCE / "recipes").glob("*.md")} == set(list_recipes())
    policies = {path.stem for path in (REFERENCE / "policies").glob("*.yaml")}
    assert {path.stem for path in (REFERENCE / "policies").glob("*.md")} == policies | {"built-in"}


@pytest.mark.parametrize("path", sorted((REFERENCE / "policies").glob("*.yaml")), ids=named)
def test_policies_can_be_loaded_and_hold_some_task_to_something(path):
    policy = load_policy(path)
    rules, _ = policy.rules_for("selfaware", ["RIGHT", "UNKNOWN"])
    assert rules


def test_every_task_is_on_a_page():
    text = "".join(path.read_text(encoding="utf-8") for path in (REFERENCE / "tasks").glob("*.md"))
    assert {name for name in list_tasks() if f"`{name}`" in text} == set(list_tasks())


def test_counts_of_items_are_those_of_the_cards():
    rows = [
        line
        for path in (REFERENCE / "tasks").glob("*.md")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and "/README.md)" in line
    ]
    cards = {
        re.findall(r"\(\.\./\.\./\.\./(tasks/[\w/]+/README\.md)\)", row)[0]: row for row in rows
    }
    every = {named(path) for path in (ROOT / "tasks").rglob("README.md")}
    every.remove("tasks/metacognition/README.md")  # it asks about the other tasks' items
    assert set(cards) == every
    for card, row in cards.items():
        said = (ROOT / card).read_text(encoding="utf-8")
        for number in re.findall(r"\d[\d,]+\d", row):
            assert number in said, f"{number} is not in {card}"


EXAMPLES = [
    page for page in sorted(DOCS.rglob("*.md")) if "\n```python\n>>> " in page.read_text("utf-8")
]


@pytest.mark.parametrize("page", EXAMPLES, ids=named)
def test_examples_give_what_they_say(page):
    text = page.read_text(encoding="utf-8")
    kept, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
        kept.append(line if inside and not line.startswith("```") else "")
    test = doctest.DocTestParser().get_doctest("\n".join(kept), {}, named(page), str(page), 0)
    assert test.examples
    said: list[str] = []
    doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)


def verdicts_on_real_predictions() -> list[tuple[str, str, str]]:
    """Policy, task and verdict of the table in policies.md."""
    text = (REFERENCE / "policies.md").read_text(encoding="utf-8")
    table = re.search(r"^\| policy( \| fever.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    (_, *tasks), _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()
    )
    return [(row[0], *said) for row in rows for said in zip(tasks, row[1:], strict=True)]


@pytest.mark.parametrize(("policy", "task", "verdict"), verdicts_on_real_predictions())
def test_policies_say_of_real_predictions_what_the_page_says(
    policy, task, verdict, real_data, tmp_path, capsys
):
    folder = real_data / "predictions" / "fever_only"
    files = [str(folder / f"{task}_{model}.json") for model in ("base", "grpo")]
    given = (
        [] if policy == "built-in" else ["--policy", str(REFERENCE / "policies" / f"{policy}.yaml")]
    )
    with contextlib.suppress(SystemExit):
        main(["gate", *files, *given, "--out", str(tmp_path)])
    assert json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["verdict"] == verdict
    assert f"\n{verdict}: " in capsys.readouterr().out


def test_pictures_are_shown_and_small():
    pictures = set((EVIDENCE / "pictures").iterdir())
    shown = {
        (EVIDENCE / link).resolve()
        for page in EVIDENCE.glob("*.md")
        for link in _LINK.findall(prose(page))
    }
    assert pictures <= shown
    assert sum(picture.stat().st_size for picture in pictures) < 1_500_000


def test_without_a_browser_the_gallery_says_what_it_needs(tmp_path):
    found = subprocess.run(
        [sys.executable, DOCS / "gallery.py", tmp_path],
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1
    assert "Chromium is needed for the gallery's pictures and for nothing else" in found.stderr
    assert "Traceback" not in found.stderr


def test_docstrings_describe_fields_and_arguments_that_exist():
    assert find_stale_names(ROOT) == []


def test_a_stale_name_in_a_docstring_is_found(tmp_path):
    (tmp_path / "stats").mkdir()
    (tmp_path / "stats" / "module.py").write_text(
        "class Row:\n"
        '    """A row.\n\n    Attributes\n    ----------\n    kept, gone\n        Words.\n\n'
        '    Notes\n    -----\n    No name.\n    """\n\n'
        "    kept: int\n"
    )
    assert find_stale_names(tmp_path) == ["stats/module.py:1 Row: gone"]
