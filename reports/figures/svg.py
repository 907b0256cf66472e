"""From a matplotlib figure to a small SVG that follows the page's colours.

Figures are drawn in the named colours below. In the SVG each becomes a CSS custom property with
that colour as its fallback, so the page can restyle it for a dark screen and the SVG alone still
shows. Text stays text: small, selectable and in the page's font.
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

_VARIABLES = {
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
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"; font-family: [^;\"]*", "", svg)
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    svg = re.sub(r" id=\"([^\"]+)\"", lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable},{colour})")
    # Only inside tags: the digits of a text are its own.
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), svg)
    svg = re.sub(r" transform=\"rotate\(-0 [^\"]*\"", "", svg)
    svg = re.sub(r"(?<=[\d])\s*\n(?=[LMQCz])", " ", svg)
    svg = re.sub(r">\s*\n\s*<", ">\n<", svg)
    svg = re.sub(r"<g>\n?</g>\n?", "", svg)
    size = re.search(r"viewBox=\"[^\"]*\"", svg)
    body = svg[svg.index(">") + 1 :]
    title = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size[0] if size else ""} role="img" aria-label="{title}" class="picture" '
        f'stroke-linejoin="round" stroke-linecap="butt">{body.strip()}'
    )
