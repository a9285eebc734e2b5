"""What one look has listed of a repository, so that it need not be asked for one by one.

Threads, branches, and what was pushed lately. Not here: what is asked about a single one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitcoord.domain.time import parse
from gitcoord.mirror import reading
from gitcoord.mirror.pushes import pushed_since

if TYPE_CHECKING:
    from gitcoord.mirror.api import Api
    from gitcoord.mirror.facts import Thread


class Listing:
    """The lists of one look, each asked for at most once."""

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._name = repository
        self._root = f"/repos/{quote(repository)}"
        #: Open threads in their order, and what pull requests add to them.
        self._open: list[Thread] | None = None
        self._proposals: dict[int, Any] | None = None
        #: Open pull requests by their branch here.
        self.proposed: dict[str, Thread] = {}
        #: The oid of every branch.
        self.heads: dict[str, str] | None = None
        #: Branches that were pushed to after a time, None where GitHub does not tell.
        self._pushed: dict[str, frozenset[str] | None] = {}

    def branches(self) -> Mapping[str, str]:
        """Return the oid of every branch by its name."""
        found = self._api.pages(f"{self._root}/branches")
        self.heads = {str(each["name"]): str(each["commit"]["sha"]) for each in found}
        return self.heads

    def proposals(self) -> Iterator[Thread]:
        """Yield all open pull requests, the newest first: half of what all threads cost."""
        # A pull request has all fields of its issue that we look at.
        for pull in self._pulls().values():
            yield reading.thread(pull, pull, self._name)

    def _pulls(self) -> dict[int, Any]:
        if self._proposals is None:
            listed = self._api.pages(f"{self._root}/pulls", state="open")
            self._proposals = {int(pull["number"]): pull for pull in listed}
            own = (x for x in reversed(list(self.proposals())) if x.pull and x.pull.own)
            self.proposed = {x.pull.branch: x for x in own if x.pull}
        return self._proposals

    def threads(self, since: str = "") -> Iterator[Thread]:
        """Yield all open threads, the newest first; with `since` also those closed after it."""
        if self._open is None:
            self._open = list(self._opened())
        yield from self._open
        if not since:
            return
        seen = {thread.number for thread in self._open}
        proposed = self._closed(since)
        later = {"state": "closed", "since": since, "sort": "updated"}
        for issue in self._api.pages(f"{self._root}/issues", **later):
            number = int(issue["number"])
            if number in seen:
                continue
            seen.add(number)
            pull = proposed.get(number) if issue.get("pull_request") else None
            if pull is None and issue.get("pull_request"):
                pull = self._api.get(f"{self._root}/pulls/{number}")
            yield reading.thread(issue, pull, self._name)

    def _closed(self, since: str) -> dict[int, Any]:
        """Return the pull requests that were closed after that time, by number."""
        found: dict[int, Any] = {}
        latest = {"state": "closed", "sort": "updated", "direction": "desc"}
        for pull in self._api.pages(f"{self._root}/pulls", **latest):
            if parse(str(pull["updated_at"])) < parse(since):
                break
            found[int(pull["number"])] = pull
        return found

    def _opened(self) -> Iterator[Thread]:
        pulls = self._pulls()
        for issue in self._api.pages(f"{self._root}/issues", state="open"):
            number = int(issue["number"])
            pull = pulls.get(number)
            if pull is None and issue.get("pull_request"):
                pull = self._api.get(f"{self._root}/pulls/{number}")
            yield reading.thread(issue, pull, self._name)

    def idle(self, branch: str, since: str) -> bool:
        """Say whether nobody has pushed to a branch after that time, and nobody proposes it.

        False where branches and threads were not listed in this look, or GitHub does not tell.
        """
        if self.heads is None or self._open is None:
            return False
        if since not in self._pushed:
            self._pushed[since] = pushed_since(self._api, self._root, since)
        pushed = self._pushed[since]
        return pushed is not None and branch not in {*pushed, *self.proposed}
