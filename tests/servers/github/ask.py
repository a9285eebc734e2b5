"""A request of the API as its handler gets it, and what the handler says: data or a refusal.

The texts of refusals are GitHub's own where clients read them (rate limits, "Not Found").
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.servers.github.actors import Actor
    from tests.servers.github.host import GitHub
    from tests.servers.github.world import Repository

DOCS = "https://docs.github.com/rest"
#: Rows of a page: what is given when nothing is asked for, and the most.
PER_PAGE, MOST = 30, 100


class Said(NamedTuple):
    """What a handler answers; `data` None has no body."""

    status: int
    data: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """An answer of 4xx, with GitHub's words."""

    def __init__(
        self,
        status: int,
        message: str,
        *errors: dict[str, Any],
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.said = Said(status, body(status, message, *errors), headers)


def body(status: int, message: str, *errors: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of a refusal."""
    words: dict[str, Any] = {"message": message}
    if errors:
        words["errors"] = list(errors)
    return words | {"documentation_url": DOCS, "status": str(status)}


def not_found() -> NoReturn:
    """Refuse what is not there, or what nobody shall know to be there."""
    raise Refusal(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str = "") -> NoReturn:
    """Refuse a value: `code` is "missing_field", "already_exists", "invalid" or "custom"."""
    error = {"resource": resource, "field": field, "code": code}
    raise Refusal(422, "Validation Failed", error | ({"message": message} if message else {}))


@dataclass
class Ask:
    """One request: who asks, for what, where."""

    github: GitHub
    actor: Actor
    method: str
    #: Raw path, without the base path of the API.
    path: str
    #: The route's parts by name, unquoted.
    parts: dict[str, str]
    query: dict[str, str]
    #: The JSON of the body; {} without one.
    data: Any
    repository: Repository | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> Repository:
        """Return the repository that the path names."""
        assert self.repository is not None
        return self.repository

    def number(self, name: str) -> int:
        """Return a part that is a number; 404 when it is none."""
        return int(self.parts[name]) if self.parts[name].isdecimal() else not_found()

    def text(self, name: str, resource: str) -> str:
        """Return a field of the body that must be there; 422 without it."""
        value = self.data.get(name) if isinstance(self.data, dict) else None
        return (
            value if isinstance(value, str) and value else invalid(resource, name, "missing_field")
        )

    def page(self, rows: list[Any], of: str = "") -> Said:
        """Return one page of `rows` with its Link header; `of`: in an object under this name."""
        size = min(max(_whole(self.query.get("per_page"), PER_PAGE), 1), MOST)
        number = max(_whole(self.query.get("page"), 1), 1)
        last = max(-(-len(rows) // size), 1)
        shown = rows[(number - 1) * size : number * size]
        data: Any = {"total_count": len(rows), of: shown} if of else shown
        wanted = {"prev": number - 1, "next": number + 1, "first": 1, "last": last}
        if number <= 1:
            del wanted["prev"], wanted["first"]
        if number >= last:
            del wanted["next"], wanted["last"]
        link = ", ".join(
            f'<{self.here(page=str(page))}>; rel="{relation}"' for relation, page in wanted.items()
        )
        return Said(200, data, (("Link", link),) if link else ())

    def cursor_page(self, rows: list[Any], name: str = "cursor") -> Said:
        """Return the rows after the row that `cursor` names: pages that new rows do not move."""
        size = min(max(_whole(self.query.get("per_page"), PER_PAGE), 1), MOST)
        start = 0
        if cursor := self.query.get(name):
            try:
                start = int(base64.urlsafe_b64decode(cursor))
            except ValueError:
                raise Refusal(400, "Invalid cursor") from None
        if start + size >= len(rows):
            return Said(200, rows[start:])
        after = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        return Said(
            200,
            rows[start : start + size],
            (("Link", f'<{self.here(**{name: after})}>; rel="next"'),),
        )

    def here(self, **changed: str) -> str:
        """Return the URL that was asked for, with other values in its query."""
        return f"{self.github.api}{self.path}?{urlencode(self.query | changed)}"


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise


def encoded(data: Any) -> bytes:
    """Return JSON as it goes over the wire."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
