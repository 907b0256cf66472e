"""Takes the pictures of `gallery.md`: ``make gallery``, or ``python docs/gallery.py FOLDER``.

FOLDER is what ``make demo`` left. Its pages are photographed as they are. Pages with several
samples, system prompts and questions about own answers are made first: one from the demo's models,
the others from the made-up models of the tests, whose knowledge is known. Needs Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

DOCS = Path(__file__).parent
PICTURES = DOCS / "evidence" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_TALL = 2600
_COLOURS = 128
_MARGIN = 12
_WITHOUT_NAVIGATION = (
    ".sa-contents, .sa-task > .sa-jumps, .sa-part > .sa-jumps { display: none } "
    ".sa-columns { display: block !important } "
    ".sa-columns > .sa-report { padding: 1rem !important }"
)

sys.path.append(str(DOCS.parent / "tests" / "helpers"))


@dataclass(frozen=True)
class Picture:
    """Part of a page: what is hidden or opened, by CSS, and how wide the window is."""

    page: str
    style: str
    width: int = 1000
    opened: str = ""
    """What of the page's source is opened, such as ``<details class="flip">``."""


def _only(inside: str) -> str:
    """Of the sections of a page, the one that holds something."""
    return (
        f"main > :not(:has({inside})) {{ display: none !important }} "
        ".sa-report section { margin: 0 !important }"
    )


def _figure(task: str, number: int) -> str:
    """Of a task's section, one picture with its caption."""
    return (
        f"{_only(f'#{task}')} .sa-task > :not(.sa-pictures) {{ display: none }} "
        f".sa-task {{ border: 0 !important; padding: 0 !important }} "
        f".sa-pictures {{ display: block !important }} "
        f".sa-pictures > :not(:nth-child({number})) {{ display: none }}"
    )


SHOTS: Mapping[str, Picture] = {
    "report": Picture(
        "report",
        "main > :not(.sa-head, .sa-headline, :has(#headline)) { display: none !important }",
        width=1200,
    ),
    "forest": Picture("report", _only("#forest"), width=1200),
    "transitions": Picture("report", _figure("task-factworld_measures", 3), width=620),
    "flips": Picture(
        "report",
        f"{_only('#flips')} #flips ~ * {{ display: none }} .sa-jumps {{ display: none }} "
        "#flips ~ .sa-part:last-child { display: block } "
        ".sa-part > details:not(:first-of-type), .sa-item:nth-of-type(n+4) { display: none }",
        width=900,
        opened="<details",
    ),
    "reliability": Picture("samples", _figure("task-factworld_collections", 1), width=620),
    "risk-coverage": Picture("samples", _figure("task-factworld_collections", 4), width=620),
    "samples": Picture(
        "samples",
        f"{_only('#task-factworld_collections')} "
        ".sa-task { border: 0 !important; padding: 0 !important } "
        ".sa-task > :not(details[open]) { display: none }",
        width=1000,
    ),
    "run": Picture("run", "h1 { display: none } .picture ~ * { display: none }", width=1000),
    "frontier": Picture("frontier", "main > :not(header, :has(#picture)) { display: none }"),
    "metacognition": Picture("metacognition", "section:has(dl) { display: none }"),
}


def main(demo: Path) -> None:
    """Make the pages and take every picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(
            f"Error: no browser is found ({', '.join(BROWSERS)}). Chromium is needed for the "
            "gallery's pictures and for nothing else; install it and run `make gallery` again."
        )
    for needed in ("base", "checkpoint", "comparison/report.html", "checkpoint/run.html"):
        if not (demo / needed).exists():
            sys.exit(f"Error: {demo / needed} is missing; run `make demo OUT={demo}` first.")
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        pages = {
            "report": demo / "comparison" / "report.html",
            "run": demo / "checkpoint" / "run.html",
            "samples": samples_page(demo, Path(folder)),
            "frontier": frontier_page(Path(folder)),
            "metacognition": metacognition_page(Path(folder)),
        }
        for name, picture in SHOTS.items():
            take(browser, picture, pages[picture.page], PICTURES / f"{name}.png", Path(folder))
            print(f"Wrote docs/evidence/pictures/{name}.png")


def samples_page(demo: Path, folder: Path) -> Path:
    """The demo's models on one domain, four answers to each question."""
    saeval(
        "compare", demo / "base", demo / "checkpoint", "--tasks", "factworld_collections",
        "--limit", 250, "--samples", 4, "--gen-kwargs", "do_sample=true,temperature=1",
        "--out", folder / "samples",
    )  # fmt: skip
    return folder / "samples" / "report.html"


def frontier_page(folder: Path) -> Path:
    """The example of `frontier.md`."""
    from prompted_server import BOLD, CAUTIOUS, PromptedServer

    prompts = {"bold": f"Please {BOLD}.", "cautious": f"Answer {CAUTIOUS}.", "polite": "Please."}
    (folder / "prompts").mkdir()
    for name, text in prompts.items():
        (folder / "prompts" / f"{name}.txt").write_text(text)
    knowledge = {"base": 0.45, "shy": 0.45, "tuned": 0.7}
    with PromptedServer(knowledge, reserve={"shy": 0.62}) as server, a_key():
        saeval(
            "frontier", *(f"{server.url}#{model}" for model in knowledge), "--task",
            "factworld_questions", "--limit", 600, "--systems", folder / "prompts",
            "--apply-chat-template", "--out", folder / "frontier",
        )  # fmt: skip
    return folder / "frontier" / "frontier.html"


def metacognition_page(folder: Path) -> Path:
    """A base that hardly knows what it knows, and a checkpoint that does."""
    from knowing_server import TASK, KnowingServer, Mind

    with KnowingServer({"base": Mind(sure=0.1, first=0.6), "trained": Mind()}) as server, a_key():
        saeval(
            "metacognition", f"{server.url}#base", f"{server.url}#trained", "--tasks", TASK,
            "--limit", 600, "--out", folder / "metacognition",
        )  # fmt: skip
    return folder / "metacognition" / "metacognition.html"


@contextmanager
def a_key() -> Iterator[None]:
    """The key that the tests' servers ask for."""
    from tiny_server import KEY

    before = os.environ.get("OPENAI_API_KEY")
    os.environ["OPENAI_API_KEY"] = KEY
    try:
        yield
    finally:
        if before is None:
            del os.environ["OPENAI_API_KEY"]
        else:
            os.environ["OPENAI_API_KEY"] = before


def saeval(*arguments: object) -> None:
    """Run the command as a user does."""
    from saeval.evalsuite.cli.main import cli

    cli([str(argument) for argument in arguments], standalone_mode=False)


def take(browser: str, picture: Picture, page: Path, target: Path, folder: Path) -> None:
    """Photograph part of a page, cut off what is empty below it, and keep few colours."""
    source = page.read_text(encoding="utf-8")
    if picture.opened:
        source = source.replace(picture.opened, f"{picture.opened} open")
    copy, shot = folder / "page.html", folder / "shot.png"
    # The page allows no style but its own.
    source = re.sub(r"style-src '[^']*'", "style-src 'unsafe-inline'", source, count=1)
    style = f"{_WITHOUT_NAVIGATION} {picture.style}"
    copy.write_text(source.replace("</head>", f"<style>{style}</style></head>"), "utf-8")
    subprocess.run(
        [
            browser, "--headless", "--disable-gpu", "--hide-scrollbars",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--window-size={picture.width},{_TALL}", f"--screenshot={shot}", copy.as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    image = Image.open(shot).convert("RGB")
    used = np.flatnonzero((np.asarray(image) != 255).any(axis=(1, 2)))
    if not len(used):
        sys.exit(f"Error: {target.name} shows nothing: the page is made otherwise than it was")
    box = (0, max(used[0] - _MARGIN, 0), image.width, min(used[-1] + _MARGIN, image.height))
    few = image.crop(box).quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
    few.save(target, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python docs/gallery.py FOLDER, where `make demo` left its output")
    main(Path(sys.argv[1]))
