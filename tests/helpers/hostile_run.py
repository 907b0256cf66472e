"""Meet hostile files or texts with every reader and command, on whatever terminal there is.

python hostile_run.py files|texts FOLDER SEED COUNT: writes FOLDER/result.json, and to standard
output and error what the commands write.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders import LABELS, run_folder, study, study_result, write_predictions
from builders import prediction as make_prediction
from hostile import CONTROL, TEXTS, mutations
from hostile_cases import make_cases

from saeval.errors import SaevalError
from saeval.evalsuite.cli.main import main as saeval

SLOW = ("training.json", "trainer_state.json")
"""Cases of three models, of which a few are enough."""


def act(action: Callable[[], object]) -> int:
    """The exit code; of a reader, that of its error."""
    try:
        action()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except SaevalError as error:
        return error.exit_code
    except OSError:  # as a command reports it
        return 2
    return 0


def meet_files(home: Path, seed: int, count: int) -> dict[str, Any]:
    """Every case with its share of hostile files."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cases = make_cases(home)
    codes: Counter[int] = Counter()
    strange: list[tuple[str, int]] = []
    worst, n_files = (0.0, ""), 0
    quick = [case for case in cases if case.name not in SLOW]
    share = -(-count // len(quick))
    for number, case in enumerate(cases):
        real = case.file.read_bytes()
        for content in [
            content
            for content, _ in zip(
                mutations(real, seed + number),
                range(3 if case.name in SLOW else share),
                strict=False,
            )
        ]:
            shutil.rmtree(home / "out", ignore_errors=True)
            case.file.write_bytes(content)
            begun = time.perf_counter()
            code = act(case.act)
            worst = max(worst, (time.perf_counter() - begun, case.name))
            codes[code] += 1
            n_files += 1
            if code not in (0, 1, 2, 3):
                (home / f"strange-{len(strange)}").write_bytes(content)
                strange.append((case.name, code))
        case.file.write_bytes(real)
    return {"n": n_files, "codes": dict(codes), "strange": strange, "worst": worst}


def meet_texts(home: Path, seed: int, count: int) -> dict[str, Any]:
    """Hostile ids, claims, answers and names in every output."""
    random_ = random.Random(seed)
    short = [text for text in TEXTS if len(text) < 2000]
    n_texts, found, worst, codes = 0, [], (0.0, ""), Counter[int]()

    def text() -> str:
        nonlocal n_texts
        n_texts += 1
        one = "".join(random_.choices(short, k=random_.choice((1, 1, 2, 3))))
        return one.encode("utf-8", "replace").decode()

    def predictions(path: Path, shift: int) -> Path:
        texts = random.Random(path.parent.name)
        ids = [
            f"{texts.choice(short)}{number}".encode("utf-8", "replace").decode()
            for number in range(120)
        ]
        return write_predictions(path, [
            make_prediction(
                number, LABELS[(number + (number < shift)) % 3], item_id=ids[number],
                cluster_id=None, response=f"{text()}\nLABEL=PASS\n{text()}",
                document={"claim": ids[number], "evidence": [ids[number], ids[-1]]},
                document_hash=str(number), prompt_hash=None,
            )
            for number in range(120)
        ])  # fmt: skip

    def go(what: str, *arguments: object) -> None:
        nonlocal worst
        begun = time.perf_counter()
        codes[act(lambda: saeval([what, *map(str, arguments)]))] += 1
        worst = max(worst, (time.perf_counter() - begun, what))

    folder = 0
    while n_texts < count:
        folder += 1
        here = home / f"{folder}"
        here.mkdir()
        base = predictions(here / "base.jsonl", 0)
        worse = predictions(here / "worse.jsonl", 60)
        policy = here / "policy.yaml"
        policy.write_text("rules: [{metric: accuracy, not_worse_by: 0.05}]\n")
        quick = ("--replicates", "1000")
        go("gate", base, worse, "--policy", policy, "--out", here / "out", "--github", *quick)
        go("report", here / "out")
        results = [study_result(n, text(), id=f"{n}{text()}", claim=text()) for n in range(40)]
        for name in ("fever_a", "fever_b"):
            (here / f"{name}.json").write_text(study(results, model=text(), checkpoint=text()))
        go("compare", here / "fever_a.json", here / "fever_b.json", "--out", here / "study", *quick)
        run = run_folder(here / "run", name=text())
        go("baseline", "save", "main", run, "--store", here / "store")
        go("baseline", "show", "main", "--store", here / "store")
        go("baseline", "list", "--store", here / "store")
        for _ in range(12):
            words = [word.replace("\0", "") for word in (text(), text(), text())]
            go("compare", words[0], words[1], "--tasks", words[2], "--out", here / "none")
            go(*[word.replace("\0", "") or "x" for word in (text(), text())])
            go("gate", "baseline:" + words[0], words[1], "--policy", words[2] or "x")
            go("baseline", "show", words[0], "--store", words[1])
        for path in here.rglob("*"):
            if path.suffix in (".md", ".html", ".xml", ".csv") and path.is_file():
                shown = path.read_text(encoding="utf-8")
                if CONTROL.search(shown):
                    found.append(f"{path.name}: {CONTROL.search(shown)!r}")
                found += [
                    f"{path.name}: {line[:60]}"
                    for line in shown.splitlines()
                    if line.lstrip().startswith("::")
                ]
    strange = [code for code in codes if code not in (0, 1, 2, 3)]
    return {
        "n": n_texts,
        "codes": dict(codes),
        "strange": strange,
        "worst": worst,
        "files": found[:20],
    }


if __name__ == "__main__":
    what, folder, seed, count = sys.argv[1:]
    meet = meet_files if what == "files" else meet_texts
    result = meet(Path(folder), int(seed), int(count))
    (Path(folder) / "result.json").write_text(json.dumps(result))
