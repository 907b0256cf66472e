"""FEVER with gold evidence (copenlu/fever_gold_evidence): claims about Wikipedia.

A row, shortened::

    {"id": "96622", "claim": "Ed Decter only has citizenship in China.", "label": "REFUTES",
     "evidence": [["Ed_Decter", 0, "Edward I. `` Ed '' Decter -LRB- born May 19 , 1959 -RRB- …"]]}

NOT ENOUGH INFO rows mostly have no evidence text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from saeval.tasks.kinds import VERIFICATION
from saeval.tasks.task import HubSource, Task
from saeval.tasks.types import Claim

TARGETS = {"SUPPORTS": "PASS", "REFUTES": "FAIL", "NOT ENOUGH INFO": "NA"}

# FEVER's sentences are in Penn Treebank escapes and carry their links after a tab.
_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-COLON-": ":"}


def to_claim(row: Mapping[str, Any]) -> Claim:
    """Convert one row; each passage is shown once, with its page as title."""
    passages = [
        f"[{unescape(page).replace('_', ' ')}] {unescape(sentence)}"
        for page, _, sentence in row["evidence"]
        if sentence.strip()
    ]
    return Claim(
        id=str(row["id"]),
        cluster=None,
        claim=row["claim"],
        evidence=tuple(dict.fromkeys(passages)),
        target=TARGETS[row["label"]],
        source_label=row["label"],
    )


def unescape(text: str) -> str:
    """Without Penn Treebank brackets and quotes, and without the links after a tab."""
    text = text.split("\t", 1)[0]
    for escape, sign in _BRACKETS.items():
        text = text.replace(escape, sign)
    text = re.sub(r"``\s*|\s*''", '"', text)
    text = re.sub(r"\(\s+", "(", text)
    return re.sub(r"\s+([.,;:)])", r"\1", text).strip()


_TEST = HubSource(
    path="copenlu/fever_gold_evidence",
    split="test",
    files="fever/fever_gold_evidence*.jsonl",
    to_item=to_claim,
)

TASKS = (
    Task(
        name="fever",
        summary="FEVER claims with gold evidence; NA items mostly have none",
        kind=VERIFICATION,
        source=_TEST,
        splits=_TEST.other_splits(train="fever/*train*.jsonl", validation="fever/*valid*.jsonl"),
    ),
)
