"""From a matplotlib figure to a small SVG that follows the page's colours.

Figures are drawn in the named colours below. In the SVG an element has its colour as an attribute
and as a class (``sa-fill-base``, ``sa-stroke-ink``), so that the page's style sheet can restyle it
for a dark screen and the SVG alone still shows. It has no ``style`` attributes, which a strict
Content-Security-Policy forbids. Text stays text: small, selectable and in the page's font.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BASE = "#0072b2"
CHECKPOINT = "#c44e00"
INK = "#1c1e21"
MUTED = "#6a6f76"
GRID = "#d8dbdf"
HEAT = "#7a5ca8"
RIGHT = "#00805e"
WRONG = "#c9679b"
PAPER = "#ffffff"
THIRD = "#b58900"

COLOUR_NAMES = {
    BASE: "base",
    CHECKPOINT: "checkpoint",
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    HEAT: "heat",
    RIGHT: "right",
    WRONG: "wrong",
    PAPER: "paper",
    THIRD: "third",
}
_ATTRIBUTES = {
    "fill", "fill-opacity", "font-size", "font-style", "font-weight", "opacity", "stroke",
    "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin",
    "stroke-opacity", "stroke-width", "text-anchor",
}  # fmt: skip
"""What matplotlib says in ``style`` and an attribute can say, too; it says no more but the font."""
_FONT = re.compile(r"(?:(?P<weight>\d{3}) )?(?P<size>[\d.]+px) ")
_RENDERING = threading.Lock()
"""matplotlib's settings are global to the process; one thread draws at a time."""


@dataclass(frozen=True)
class Drawing:
    """A figure in the colours of this module, and what it shows, for those who do not see it."""

    figure: Figure
    label: str

    def to_svg(self, name: str) -> str:
        """The figure as an ``<svg>`` element to be put into a page.

        Parameters
        ----------
        name
            Prefix of the ids in the SVG, so that several SVGs can share a page.
        """
        return _clean(_save(self.figure, name), name, self.label)


def _save(figure: Figure, name: str) -> str:
    import matplotlib

    settings = matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False}
    )
    out = io.StringIO()
    with _RENDERING, settings, warnings.catch_warnings():
        # A label in a script that matplotlib's own font lacks is shown in the page's font.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    return out.getvalue()


_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def _clean(svg: str, name: str, label: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    # Only inside tags: a text is its own, whatever it holds.
    svg = re.sub(r"<[^>]*>", lambda tag: _clean_tag(tag[0], name, used), svg)
    svg = re.sub(r" transform=\"rotate\(-0 [^\"]*\"", "", svg)
    svg = re.sub(r"(?<=[\d])\s*\n(?=[LMQCz])", " ", svg)
    svg = re.sub(r">\s*\n\s*<", ">\n<", svg)
    svg = re.sub(r"<g>\n?</g>\n?", "", svg)
    size = re.search(r"viewBox=\"[^\"]*\"", svg)
    body = svg[svg.index(">") + 1 :]
    title = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size[0] if size else ""} role="img" aria-label="{title}" class="sa-picture" '
        f'stroke-linejoin="round" stroke-linecap="butt">{body.strip()}'
    )


def _clean_tag(tag: str, name: str, used: set[str]) -> str:
    tag = re.sub(r" style=\"([^\"]*)\"", lambda m: _attributes(m[1]), tag)
    tag = re.sub(r" id=\"([^\"]+)\"", lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", tag)
    tag = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{name}-", tag)
    return re.sub(r"(\d+\.\d\d)\d+", r"\1", tag)


def _attributes(style: str) -> str:
    """The declarations of a ``style`` as attributes, and a class for each colour of the page's."""
    declared = dict(part.split(": ", 1) for part in style.split("; ") if ": " in part)
    if font := _FONT.match(declared.pop("font", "")):
        declared["font-size"] = font["size"]
        if font["weight"]:
            declared["font-weight"] = font["weight"]
    classes = [
        f"sa-{name}-{COLOUR_NAMES[colour]}"
        for name in ("fill", "stroke")
        if (colour := declared.get(name)) in COLOUR_NAMES
    ]
    shown = {name: value for name, value in declared.items() if name in _ATTRIBUTES}
    if classes:
        shown["class"] = " ".join(classes)
    return "".join(f' {name}="{value}"' for name, value in shown.items())
