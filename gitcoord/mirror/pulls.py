"""Pull requests that we open and merge, and how commits stand to each other at GitHub.

GitHub has at most one open pull request for two branches, so that of two writers one is told that
there is one already. A merge names the head that was looked at: another one is not merged.
https://docs.github.com/rest/pulls/pulls, https://docs.github.com/rest/commits/commits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from gitcoord.errors import ForgeRefused

if TYPE_CHECKING:
    from gitcoord.mirror.api import Api

#: How a commit stands to an earlier one; "": GitHub does not know both, or they share nothing.
Relation = Literal["identical", "ahead", "behind", "diverged", ""]

#: How GitHub says that there is one already, and others that a branch may not be proposed.
INVALID = 422
#: How GitHub says that the head is another by now.
_MOVED = 409
#: How it says that something is in the way of a merge.
_NOT_ALLOWED = 405


class Pulls:
    """The pull requests of one repository."""

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._name = repository
        self._root = f"/repos/{quote(repository)}"

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request and return its number, or that of the one that is open already.

        Raises `ForgeRefused` for what GitHub does not let be proposed, and as `Api`.
        """
        said = {"title": title, "head": branch, "base": base, "body": body}
        try:
            made = self._api.change("POST", f"{self._root}/pulls", said)
        except ForgeRefused as refused:
            there = refused.details.get("status") == INVALID and self._open(branch, base)
            if there:
                return there
            raise
        return 0 if made is None else int(made["number"])

    def merge(self, number: int, head: str, method: str, *, sure: bool) -> bool:
        """Merge a pull request whose head is this one; False where its head is another by now.

        Where it is not `sure` that nothing is in the way, what is there is False as well. Raises
        `ForgeRefused` for what else GitHub does not allow.
        """
        body = {"sha": head, "merge_method": method}
        try:
            return self._api.change("PUT", f"{self._root}/pulls/{number}/merge", body) is not None
        except ForgeRefused as refused:
            status = refused.details.get("status")
            if status == _MOVED or (status == _NOT_ALLOWED and not sure):
                return False
            raise

    def relation(self, commit: str, to: str) -> Relation:
        """Return how a commit stands to another one, both object ids; it never changes.

        "" where GitHub does not know both, or they have nothing in common.
        """
        # The files come with the first page only.
        found = self._api.get(
            f"{self._root}/compare/{to}...{commit}", lasting=True, per_page=1, page=2
        )
        status: Relation = "" if found is None else found["status"]
        return status

    def tree(self, commit: str) -> str:
        """Return the tree of a commit; "" where GitHub has not got it."""
        found = self._api.get(f"{self._root}/git/commits/{commit}", lasting=True)
        return "" if found is None else str(found["tree"]["sha"])

    def _open(self, branch: str, base: str) -> int:
        """Return the number of the open pull request of two branches, or 0."""
        owner = self._name.partition("/")[0]
        found: list[Any] = list(
            self._api.pages(
                f"{self._root}/pulls", state="open", head=f"{owner}:{branch}", base=base
            )
        )
        return int(found[0]["number"]) if found else 0
