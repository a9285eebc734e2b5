"""One repository at GitHub, asked and written to over its REST interface.

Implements `forge.Forge`. Not here: what anything means, and when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gitcoord.domain.check_runs import CheckRun
from gitcoord.domain.oids import is_oid
from gitcoord.errors import ForgeRefused
from gitcoord.mirror import reading
from gitcoord.mirror.access import Access, let_in
from gitcoord.mirror.answers import Answers, InMemory, Recent
from gitcoord.mirror.api import Api
from gitcoord.mirror.checks import Checks
from gitcoord.mirror.effects import Reaction, Stamp
from gitcoord.mirror.facts import (
    Change,
    Comment,
    Comparison,
    Happening,
    Hosted,
    Permission,
    Thread,
)
from gitcoord.mirror.files import File, Files
from gitcoord.mirror.listing import Listing
from gitcoord.mirror.pulls import Pulls, Relation
from gitcoord.mirror.trees import Trees

#: GitHub names at most so many files of a comparison, and of a pull request.
COMPARED = 300
#: Commits of a comparison that are asked for: with the last of them its head is known.
COMMITS = 100
FILES = 3_000
#: Who a workflow's own token is.
ACTIONS = "github-actions[bot]"


class GitHub:
    """One repository at GitHub."""

    def __init__(
        self,
        access: Access,
        repository: str,
        answers: Answers | None = None,
        described: Mapping[str, Any] | None = None,
    ) -> None:
        """Ask GitHub nothing but who our app is. Raises `InvalidConfig` and `Unavailable`.

        `described` is the repository as GitHub has told of it, which saves asking.
        """
        speaking, self._app = let_in(access, repository)
        self.api = Api(speaking, InMemory() if answers is None else answers)
        self._access = access
        self._name = repository
        self._described = described
        self._root = f"/repos/{quote(repository)}"
        self._hosted: Hosted | None = None
        self._labels: set[tuple[str, str]] = set()
        # What a head has is asked once, and every change of the ledger is held against it.
        self._files: Recent[tuple[int, str], tuple[Change, ...]] = Recent()
        self._messages: Recent[tuple[int, str], tuple[str, ...]] = Recent()
        self.afresh()

    def afresh(self) -> None:
        """Begin a look: what was listed for the last one is forgotten."""
        self._listing = Listing(self.api, self._name)

    # What there is.

    def hosted(self) -> Hosted:
        """Return the repository, asked once. Raises `ForgeRefused` where there is none."""
        if self._hosted is None:
            found = self._described or self.api.get(self._root)
            if found is None:
                raise ForgeRefused(f"there is no repository {self._name} at GitHub, or none for us")
            # GitHub leads from a former name to the one that the repository has now.
            self._name = str(found["full_name"])
            self._root = f"/repos/{quote(self._name)}"
            self.afresh()
            self._hosted = Hosted(
                name=self._name.lower(),
                default_branch=str(found["default_branch"]),
                private=bool(found["private"]),
                me=self._me(),
                checks=self._access.kind != "token",
            )
        return self._hosted

    def thread(self, number: int) -> Thread | None:
        """Return an issue or pull request; None when it was deleted or moved away."""
        found = self.api.get(f"{self._root}/issues/{number}")
        if found is None or not self._ours(str(found.get("repository_url", ""))):
            return None
        pull = self.api.get(f"{self._root}/pulls/{number}") if found.get("pull_request") else None
        return reading.thread(found, pull, self._name)

    def threads(self, since: str = "") -> Iterator[Thread]:
        """Yield all open threads, the newest first; with `since` also those closed after it."""
        return self._listing.threads(since)

    def proposals(self) -> Iterator[Thread]:
        """Yield all open pull requests, the newest first."""
        return self._listing.proposals()

    def idle(self, branch: str, since: str) -> bool:
        """Say whether nobody has pushed to a branch after that time, and nobody proposes it.

        False where branches and threads were not listed in this look, or GitHub does not tell.
        """
        return self._listing.idle(branch, since)

    def pulls(self, branch: str) -> list[Thread]:
        """Return the pull requests from a branch of this repository, the newest first.

        Where one was listed as open, it alone.
        """
        if branch in self._listing.proposed:
            return [self._listing.proposed[branch]]
        owner = self._name.partition("/")[0]
        found = self.api.pages(
            f"{self._root}/pulls", state="all", head=f"{owner}:{branch}", sort="created",
            direction="desc",
        )  # fmt: skip
        # A pull request has all fields of its issue that we look at.
        threads = [reading.thread(pull, pull, self._name) for pull in found]
        return [x for x in threads if x.pull and x.pull.own and x.pull.branch == branch]

    def files(self, number: int, head: str) -> tuple[Change, ...]:
        """Return what a pull request with this head changes: at most 3,000 files."""
        known = self._files.recall((number, head))
        if known is None:
            found = self.api.pages(f"{self._root}/pulls/{number}/files")
            known = self._files[number, head] = reading.changes(found)
        return known

    def messages(self, number: int, head: str) -> tuple[str, ...]:
        """Return the messages of a pull request's commits, at most 250, the oldest first."""
        known = self._messages.recall((number, head))
        if known is None:
            found = self.api.pages(f"{self._root}/pulls/{number}/commits")
            known = tuple(str(each["commit"]["message"]) for each in found)
            self._messages[number, head] = known
        return known

    def branches(self) -> Mapping[str, str]:
        """Return the oid of every branch by its name."""
        return self._listing.branches()

    def head(self, branch: str) -> str:
        """Return the oid of a branch, "" where there is none."""
        found = self.api.get(f"{self._root}/branches/{quote(branch, safe='')}")
        return "" if found is None else str(found["commit"]["sha"])

    def relation(self, commit: str, to: str) -> Relation:
        """Return how a commit stands to another one, both object ids."""
        return Pulls(self.api, self._name).relation(commit, to)

    def tree(self, commit: str) -> str:
        """Return the tree of a commit; "" where GitHub has not got it."""
        return Pulls(self.api, self._name).tree(commit)

    def comparison(self, base: str, branch: str) -> Comparison | None:
        """Hold a branch, or a commit by its oid, against a branch; None when one is not there."""
        spec = f"{quote(base, safe='')}...{quote(branch, safe='')}"
        named, heads = is_oid(branch), self._listing.heads
        if heads is not None and branch not in heads and not named:
            return None
        found = self.api.get(f"{self._root}/compare/{spec}", per_page=COMMITS, page=1)
        oid = reading.compared_head(found) if found else ""
        if found and not oid:
            oid = branch if named else self.head(branch)
        if not oid:
            return None
        changes, whole = reading.changes(found.get("files") or ()), True
        if len(changes) >= COMPARED:
            trees = Trees(self.api, self._root)
            before, first = trees.whole(str(found["merge_base_commit"]["sha"]))
            after, second = trees.whole(oid)
            changes, whole = reading.between(before, after), first and second
        pull = self._listing.proposed.get(branch)
        if whole and pull and pull.pull and (pull.pull.base, pull.pull.head) == (base, oid):
            self._files[pull.number, oid] = changes
        return Comparison(int(found["ahead_by"]), int(found["behind_by"]), oid, changes, whole)

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return the oid of what each path holds in a commit or branch; others lack."""
        head = self.api.get(f"{self._root}/commits/{quote(commit, safe='')}", per_page=1)
        return {} if head is None else Trees(self.api, self._root).blobs(str(head["sha"]), paths)

    def comment(self, id: int) -> Comment | None:
        """Return a comment; None when it was deleted."""
        found = self.api.get(f"{self._root}/issues/comments/{id}")
        return None if found is None else reading.comment(found)

    def comments(self, number: int) -> list[Comment]:
        """Return the comments on a thread, the oldest first."""
        found = self.api.pages(f"{self._root}/issues/{number}/comments")
        return [reading.comment(each) for each in found]

    def comments_since(self, since: str) -> Iterator[Comment]:
        """Yield the comments on all threads that were written or edited after that time."""
        found = self.api.pages(f"{self._root}/issues/comments", since=since, sort="created")
        return (reading.comment(each) for each in found)

    def history(self, number: int) -> list[Happening]:
        """Return when labels were put on and the thread was reopened, the oldest first."""
        found = self.api.pages(f"{self._root}/issues/{number}/events")
        return [reading.happening(each) for each in found]

    def permission(self, login: str) -> Permission:
        """Return what an account may do here."""
        return reading.permission(
            self.api.get(f"{self._root}/collaborators/{quote(login, safe='')}/permission")
        )

    def file(self, branch: str, path: str) -> File:
        """Return a file of a branch; one that is not there is empty and has no blob."""
        return Files(self.api, self._root).read(branch, path)

    def labels(self) -> frozenset[str]:
        """Return the names of the repository's labels."""
        found = self.api.pages(f"{self._root}/labels")
        return frozenset(str(each["name"]) for each in found)

    def runs(self, commit: str) -> list[CheckRun]:
        """Return the check runs and commit statuses of a commit but for ours, the worst by name.

        None where GitHub does not know the commit.
        """
        return Checks(self.api, self._root, runs=False, me="").seen(commit)

    # What shall be.

    def label(
        self, number: int, name: str, color: str, description: str, *, exact: bool = False
    ) -> bool:
        """Put a label on, made first where there is none of that name.

        With `exact`, False and nothing put where the repository has that name in other letters
        of case, which GitHub takes for the same.
        """
        found = self.make_label(name, color, description)
        if exact and found != name:
            return False
        self.api.change("POST", f"{self._root}/issues/{number}/labels", {"labels": [name]})
        return True

    def make_label(self, name: str, color: str, description: str) -> str:
        """See that the repository has a label that says this; return how its name is written."""
        if (name, description) in self._labels:
            return name
        address = f"{self._root}/labels/{quote(name, safe='')}"
        found = self.api.get(address)
        if found is None:
            body = {"name": name, "color": color, "description": description}
            try:
                self.api.change("POST", f"{self._root}/labels", body)
            except ForgeRefused as error:
                # Somebody else was faster.
                if error.details.get("status") != 422:
                    raise
        elif str(found["name"]) != name:
            return str(found["name"])
        elif description and str(found.get("description") or "") != description:
            self.api.change("PATCH", address, {"description": description})
        self._labels.add((name, description))
        return name

    def unlabel(self, number: int, name: str) -> None:
        """Take a label off; one that is not there is no error."""
        self.api.change("DELETE", f"{self._root}/issues/{number}/labels/{quote(name, safe='')}")

    def say(self, number: int, body: str) -> int:
        """Write a comment and return its id; 0 where the thread is gone."""
        found = self.api.change("POST", f"{self._root}/issues/{number}/comments", {"body": body})
        return 0 if found is None else int(found["id"])

    def rewrite(self, comment: int, body: str) -> None:
        """Replace what a comment of ours says."""
        self.api.change("PATCH", f"{self._root}/issues/comments/{comment}", {"body": body})

    def unsay(self, comment: int) -> None:
        """Delete a comment of ours; one that is not there is no error."""
        self.api.change("DELETE", f"{self._root}/issues/comments/{comment}")

    def react(self, comment: int, content: Reaction) -> None:
        """Put a reaction on a comment; twice is once."""
        path = f"{self._root}/issues/comments/{comment}/reactions"
        self.api.change("POST", path, {"content": content})

    def check(self, head: str, *, ok: bool, title: str, summary: str, stamp: Stamp) -> None:
        """Say whether a commit may be merged, as a check run or a commit status of ours.

        Nothing is written where ours says the same already, or shows a newer state.
        """
        hosted = self.hosted()
        checks = Checks(self.api, self._root, runs=hosted.checks, me=hosted.me)
        checks.say(head, ok=ok, title=title, summary=summary, stamp=stamp)

    def close(self, number: int, reason: str) -> None:
        """Close an issue."""
        body = {"state": "closed", "state_reason": reason}
        self.api.change("PATCH", f"{self._root}/issues/{number}", body)

    def open(self, title: str, body: str, labels: Sequence[str]) -> int:
        """Open an issue and return its number."""
        said = {"title": title, "body": body, "labels": list(labels)}
        return int(self.api.change("POST", f"{self._root}/issues", said)["number"])

    def withdraw(self, number: int, body: str) -> None:
        """Close an issue of ours that nobody was to have, and let it say so."""
        said = {"body": body, "state": "closed", "state_reason": "not_planned"}
        self.api.change("PATCH", f"{self._root}/issues/{number}", said)

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request and return its number, or that of the one that is open already."""
        return Pulls(self.api, self._name).propose(branch, base, title, body)

    def merge(self, number: int, head: str, method: str, *, sure: bool) -> bool:
        """Merge a pull request at this head; False where it cannot be merged at this moment."""
        return Pulls(self.api, self._name).merge(number, head, method, sure=sure)

    def page(self, branch: str, path: str, text: str, message: str, before: str) -> bool:
        """Replace a file of a branch of ours whose blob was `before`, "" for none yet.

        False where it is another by now. The branch is made where there is none.
        """
        return Files(self.api, self._root).write(branch, path, text, message, before)

    def _me(self) -> str:
        if self._access.kind == "app":
            return self._app
        if self._access.actions:
            return ACTIONS
        found = self.api.get("/user") if self._access.token else None
        return str(found["login"]) if found else ""

    def _ours(self, address: str) -> bool:
        return address.lower().endswith(f"/repos/{self._name}".lower())
