"""Answers kept across runs, so that a base is asked once for all its checkpoints.

::

    CACHE/<speaker>.jsonl    first line: who answered and how; then one line per answer

The file's name is the hash of its first line, which holds everything about the speaker that decides
an answer: content of model and adapter, engine, generation settings, task and its version. An
answer is found by its item, document and prompt, and carries a checksum. So no answer is ever given
for another model, and a line that was altered is noticed. A line that a killed process tore is left
out, also where another process went on behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from saeval.errors import RunFolderError
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.prediction import Key, Prediction, parse_line
from saeval.files import AppendOnlyLog

_BEGINNING = re.compile(r'([0-9a-f]{64}) (?=\{"task": ")')


class AnswerCache:
    """The answers of one speaker to one task.

    Parameters
    ----------
    folder
        The cache; made if it is missing.
    speaker
        Everything that decides an answer but the prompt.

    Raises
    ------
    RunFolderError
        If the speaker's file was changed from outside.
    """

    def __init__(self, folder: Path, speaker: Mapping[str, Any]) -> None:
        self._head = json.dumps(speaker, sort_keys=True)
        self.path = folder / f"{hash_text(self._head)}.jsonl"
        self._log = AppendOnlyLog(self.path, shared=True)
        self._answers = dict(self._read())

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Key, document_hash: str, prompt_hash: str) -> Prediction | None:
        """The answer to this very prompt, if there is one."""
        prediction = self._answers.get(key)
        if prediction is None:
            return None
        is_same = (prediction.document_hash, prediction.prompt_hash) == (document_hash, prompt_hash)
        return prediction if is_same else None

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Keep answers; those of a key that is known already are left out."""
        new = [p for p in predictions if p.key not in self._answers]
        if not new:
            return
        self._log.append(map(_with_checksum, new), first=f"{self._head}\n")
        self._answers |= {prediction.key: prediction for prediction in new}

    def _read(self) -> Iterator[tuple[Key, Prediction]]:
        lines = [line.decode("utf-8", "replace") for line in self._log.read()]
        if lines and lines[0] != self._head:
            raise self._changed(1)
        for number, line in enumerate(lines[1:], start=2):
            text = _untorn(line)
            if text is None:
                raise self._changed(number)
            prediction = parse_line(text, f"{self.path}:{number}")
            yield prediction.key, prediction

    def _changed(self, number: int) -> RunFolderError:
        return RunFolderError(
            f"{self.path}:{number}: was changed from outside; remove the file, its answers will be "
            "asked again"
        )


def _untorn(line: str) -> str | None:
    """The whole answer that a line holds or, behind a torn one, ends with; None if it was altered.

    What begins an answer stands in none, since a text in JSON has its quotes escaped.
    """
    for found in _BEGINNING.finditer(line):
        if hash_text(text := line[found.end() :]) == found[1]:
            return text
    return None


def _with_checksum(prediction: Prediction) -> str:
    line = prediction.to_line()
    return f"{hash_text(line.rstrip(chr(10)))} {line}"
