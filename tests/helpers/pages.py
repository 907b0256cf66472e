"""Pages read as a browser does, for tests of HTML."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}
Attributes = list[tuple[str, str | None]]
EMPTY_IN_SVG = {"path", "use", "rect", "circle", "line"}


class Page(HTMLParser):
    """The page's elements and text, failing on anything left open or closed twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str | None] = []
        self.headings: list[int] = []
        self.links: list[str | None] = []
        self.text = ""
        self.pres: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if tag == "pre":
            self.pres.append("")
        self.links += [value for name, value in attrs if name in {"href", "src", "xlink:href"}]

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["pre"]:
            self.pres[-1] += data
        if "style" not in self.open:
            self.text += data
