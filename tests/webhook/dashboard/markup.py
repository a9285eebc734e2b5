"""A page as the tests see it: its elements and texts, and what is wrong with it as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

#: Stands where a word may be broken.
JOINED = "\u200b"
#: Elements without an end (HTML, 13.1.2), and those of SVG that are written `<x/>`.
VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}


class Element(NamedTuple):
    name: str
    attributes: dict[str, str]

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


class Markup(HTMLParser):
    """One page, taken apart. Raises `AssertionError` for elements that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            # A word goes on behind it.
            self.texts[-1] += JOINED
            return
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All texts, with single blanks."""
        return " ".join(" ".join(self.texts).replace(f"{JOINED} ", "").split())

    def all(self, name: str, /, **wanted: str) -> list[Element]:
        """Return the elements of that name with these attributes, in order."""
        return [
            one
            for one in self.elements
            if one.name == name and all(one.get(key) == value for key, value in wanted.items())
        ]

    def one(self, name: str, /, **wanted: str) -> Element:
        found = self.all(name, **wanted)
        assert len(found) == 1, (name, wanted, found)
        return found[0]

    def links(self) -> list[str]:
        return [one.get("href") for one in self.all("a")]

    def forms(self) -> list[Element]:
        return [one for one in self.all("form") if one.get("method") == "post"]

    def token(self) -> str:
        """Return the token that the page's forms carry."""
        (found,) = {one.get("value") for one in self.all("input", name="token")}
        return found

    def faults(self) -> list[str]:
        """Return what breaks the content security policy, or keeps somebody out."""
        found = []
        ids = [one.get("id") for one in self.elements if one.get("id")]
        found += [f"two elements are #{name}" for name in {x for x in ids if ids.count(x) > 1}]
        labelled = {one.get("for") for one in self.all("label")}
        for one in self.elements:
            found += [f"{one.name} has {name}" for name in one.attributes if name.startswith("on")]
            if "style" in one.attributes or one.name == "style":
                found.append(f"{one.name} has a style of its own")
            if one.name == "script" and not one.get("src"):
                found.append("a script in the page")
            for name in ("src", "href", "action"):
                if one.get(name) and not one.get(name).startswith(("/", "?", "#")):
                    found.append(f"{one.name} leads to {one.get(name)}")
            if one.name == "input" and one.get("type") != "hidden":
                known = one.get("id") in labelled or one.get("aria-hidden") or not one.get("id")
                found += [] if known else [f"{one.get('id')} has no label"]
            for name in ("aria-labelledby", "aria-describedby"):
                if one.get(name) and one.get(name) not in ids:
                    found.append(f"{one.name} is named by #{one.get(name)}, which is not there")
        return found
