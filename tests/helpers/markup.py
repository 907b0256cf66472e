"""HTML as what a test asks of it: elements, links, texts, and what could run."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    """An element with its attributes and the text in it."""

    name: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Markup(HTMLParser):
    """A page, parsed.

    Attributes
    ----------
    content
        Of the page.
    elements
        All of them, in order.
    """

    content: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []
        self.feed(self.content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("meta", "link", "input", "wbr", "br"):
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, name: str, **attributes: str) -> list[Element]:
        """Elements of a name with some attributes; ``class_`` is one of its classes."""
        wanted = dict(attributes)
        of_class = wanted.pop("class_", None)
        return [
            element
            for element in self.elements
            if element.name == name
            and (of_class is None or of_class in element.attributes.get("class", "").split())
            and all(element.attributes.get(key) == value for key, value in wanted.items())
        ]

    @property
    def links(self) -> list[str]:
        """Addresses within the site."""
        return [a.attributes["href"] for a in self.all("a") if a.attributes["href"][:1] == "/"]

    def check_inert(self) -> None:
        """That nothing runs but the server's own scripts, and nothing is styled in place."""
        for element in self.elements:
            assert not any(name.startswith("on") or name == "style" for name in element.attributes)
            assert element.name not in ("iframe", "object", "embed", "base", "style", "img")
            for name in ("href", "src", "action"):
                assert element.attributes.get(name, "/")[:1] in ("/", "#"), element
            if element.name == "script":
                assert element.attributes["src"].startswith("/static/")
                assert not element.text.strip()
