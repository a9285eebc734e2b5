"""The family of errors: one root, and five branches that say what the caller can do about it.

Every error has a `code` that never changes its meaning, a message, a hint where there is
one, and details for programs. Not here: the leaves, or wording for one door.
"""

from __future__ import annotations

from typing import Any


class GitcoordError(Exception):
    """Something went wrong that gitcoord has no better word for."""

    code = "error"
    #: What to do next where the place that raises knows nothing more exact.
    remedy: str | None = None

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, **details: Any
    ) -> None:
        self.message = message or (self.__doc__ or self.code).strip().splitlines()[0]
        self.hint = hint or self.remedy
        self.details = details
        super().__init__(self.message)

    def as_dict(self) -> dict[str, Any]:
        """Return code, message, hint (if any) and the details, ready for JSON."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.hint:
            body["hint"] = self.hint
        return body | self.details


class UsageError(GitcoordError):
    """The request or the configuration is wrong; nothing was tried."""

    code = "usage"


class Refused(GitcoordError):
    """The rules forbid it; nothing was changed."""

    code = "refused"


class Contended(GitcoordError):
    """Others were faster every time; try again."""

    code = "contended"
    remedy = "Run the same command again."


class Unavailable(GitcoordError):
    """The repository, the disk or the git host does not answer; nothing was changed."""

    code = "unavailable"


class Damaged(GitcoordError):
    """What is stored is missing, rewound, unreadable or from a newer gitcoord."""

    code = "damaged"
    remedy = "Run `gitcoord doctor` to see what is wrong."


def by_code(body: dict[str, Any]) -> GitcoordError:
    """Return the error that `as_dict` described; an unknown code becomes `GitcoordError`."""
    known = dict(body)
    code, message, hint = known.pop("code"), known.pop("message"), known.pop("hint", None)
    pending: list[type[GitcoordError]] = [GitcoordError]
    while pending:
        kind = pending.pop()
        if kind.code == code:
            return kind(message, hint=hint, **known)
        pending.extend(kind.__subclasses__())
    error = GitcoordError(message, hint=hint, **known)
    error.code = code
    return error
