"""What is asked, and how answers to it are parsed, stays the same byte for byte.

A saved run is only continued, paired or reported while these hashes stay. Where a prompt, a data
set or a parser is changed on purpose, raise the version of the task and write the file anew::

    python tests/tasks/test_golden.py > tests/tasks/golden.json
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from saeval.evalsuite.store.hashing import hash_document, hash_text
from saeval.tasks.data.loading import load_items
from saeval.tasks.data.sampling import DEFAULT_SEED, sample_items
from saeval.tasks.data.validate import example_own_answers
from saeval.tasks.registry import get_task, list_tasks
from saeval.tasks.task import FunctionSource, OwnAnswersSource

GOLDEN = Path(__file__).with_name("golden.json")

RESPONSES = (
    "LABEL=NA\nCONF=0.72",
    "LABEL=PASS",
    "\\boxed{Unknown}\nCONF=0.4",
    "\\boxed{porter}\nCONF=0.9",
    "I don't know.",
    "CONF=0.35",
    "\\boxed{A}",
    "no answer <think>",
    "So \\boxed{Lima}",
)


def facts(name: str) -> dict[str, Any]:
    """Hashes of all documents, of the first item's document, prompt and target, and of parsing."""
    task = get_task(name)
    if isinstance(task.source, OwnAnswersSource):
        items = list(task.source.build_items(example_own_answers(), DEFAULT_SEED))
    else:
        items = load_items(task)
    first, *_ = sample = sample_items(items, limit=20)
    row = first.as_row()
    parsed = [
        [
            (r.prediction, r.status, r.confidence, r.answer, r.right_in_reasoning)
            for r in (task.parse(item.as_row(), response) for response in RESPONSES)
        ]
        for item in sample
    ]
    return {
        "items": len(items),
        "documents": hash_text("".join(hash_document(item.as_row()) for item in items)),
        "id": first.id,
        "document": hash_document(row),
        "prompt": hash_text(task.write_prompt(row)),
        "target": hash_text(first.target),
        "parsed": hash_text(json.dumps(parsed)),
    }


@pytest.mark.parametrize("name", list_tasks())
def test_documents_prompts_and_parsing_are_those_of_before(name):
    source = get_task(name).source
    made_here = isinstance(source, (FunctionSource, OwnAnswersSource))
    if not made_here and not os.environ.get("SAEVAL_DATA"):
        pytest.skip("the data set is not here: set SAEVAL_DATA")
    assert facts(name) == json.loads(GOLDEN.read_text())[name]


if __name__ == "__main__":
    print(json.dumps({name: facts(name) for name in list_tasks()}, indent=1))
