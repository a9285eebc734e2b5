"""The pages as programs read them aloud: order of headings, heads of tables, names of controls."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from tests.webhook.dashboard.conftest import LOGIN, Opener, Site
from tests.webhook.dashboard.markup import VOID
from tests.webhook.dashboard.test_pages import EVERY

#: Elements that somebody uses, and so have to be called something.
USED = ("a", "button", "summary")


class Tree(HTMLParser):
    """The elements of a page, each with its texts, those that are hidden from sight too."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[Node] = []
        self._open: list[Node] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, [*self._open])
        self.all.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append(Node(tag, {name: value or "" for name, value in attrs}, [*self._open]))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.text += data


class Node:
    """One element."""

    def __init__(self, name: str, attributes: dict[str, str], above: list[Node]) -> None:
        self.name = name
        self.attributes = attributes
        self.above = above
        self.text = ""

    def has(self, name: str) -> bool:
        return bool(self.attributes.get(name, "").strip())

    @property
    def hidden(self) -> bool:
        return any("aria-hidden" in one.attributes for one in [self, *self.above])


def faults(text: str) -> list[str]:
    """Return what somebody who hears the page would miss."""
    tree = Tree(text)
    found = []
    levels = [int(one.name[1]) for one in tree.all if one.name in ("h1", "h2", "h3", "h4")]
    found += [f"h{a} is followed by h{b}" for a, b in zip([0, *levels], levels) if b > a + 1]  # noqa: B905
    for one in tree.all:
        if one.name in USED and not one.hidden and not one.text.strip():
            found.append(f"a {one.name} without a name: {one.attributes}")
        if one.name in ("nav", "aside") and not one.has("aria-label"):
            found.append(f"a {one.name} like any other")
        parent = one.above[-1].name if one.above else ""
        if one.name == "li" and parent not in ("ul", "ol"):
            found.append(f"an li in {parent}")
        if parent in ("ul", "ol") and one.name != "li":
            found.append(f"{one.name} in a list")
        if one.name == "th" and one.attributes.get("scope") not in ("col", "row", "colgroup"):
            found.append(f"a head of nothing: {one.text}")
        if one.name == "svg" and not one.hidden and not any(
            "aria-label" in each.attributes for each in one.above if each.name == "div"
        ):  # fmt: skip
            found.append("a picture without words")
        if (
            one.name in ("input", "select")
            and one.attributes.get("type") != "hidden"
            and not one.hidden
        ):
            inside = any(each.name == "label" for each in one.above)
            label = any(
                each.name == "label" and each.attributes.get("for") == one.attributes.get("id")
                for each in tree.all
            )
            found += [] if inside or label else [f"a field without a label: {one.attributes}"]
    return found + crooked(tree)


def crooked(tree: Tree) -> list[str]:
    """Return the rows of tables that have not as many cells as their table has columns."""
    found = []
    for table in (one for one in tree.all if one.name == "table"):
        inside = [one for one in tree.all if table in one.above]
        columns = [one for one in inside if one.name == "th" and one.above[-2].name == "thead"]
        rows = [one for one in inside if one.name == "tr" and one.above[-1].name == "tbody"]
        for row in rows:
            cells = [one for one in inside if one.above[-1] is row]
            width = sum(int(one.attributes.get("colspan", "1")) for one in cells)
            found += (
                [] if width == len(columns) else [f"a row of {width} in {len(columns)} columns"]
            )
    return found


@pytest.mark.parametrize("path", [*EVERY, "/tasks/t-none", "/log/{}", "?at={}"])
def test_a_page_can_be_read_aloud(site: Site, path: str) -> None:
    oid = next(one for one in site.page("/log").links() if "/log/" in one).rpartition("/")[2]
    assert faults(site.get(path.format(oid)).text) == []


def test_so_can_an_empty_one_and_the_door(opened: Opener) -> None:
    site = opened()
    assert faults(site.browser.get(LOGIN).text) == []
    assert faults(site.submit(LOGIN, LOGIN, key="x").text) == []
    site.enter("admin")
    for path in ("", "/sessions", "/tasks", "/tasks?view=graph", "/locks", "/messages", "/log"):
        assert faults(site.get(path).text) == [], path


def test_every_page_has_a_title_of_its_own(site: Site) -> None:
    titles = [
        next(one.text for one in Tree(site.get(path).text).all if one.name == "title")
        for path in ("", "/sessions", "/tasks", "/locks", "/messages", "/handoffs", "/log",
                     "/tasks/t-recover", "/sessions/s-ada4tz81x", "/file?key=src/auth/**")
    ]  # fmt: skip
    assert len(set(titles)) == len(titles)
    assert all(title.endswith("· web · gitcoord") for title in titles)
