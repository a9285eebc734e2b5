"""One repository at GitHub, asked and written to over its REST interface.

Implements `forge.Forge`. Not here: what anything means, and when it is asked.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gitcoord.domain.check_runs import CheckRun
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

#: GitHub names at most so many files of a comparison, and of a pull request.
COMPARED = 300
FILES = 3_000
#: Who a workflow's own token is.
ACTIONS = "github-actions[bot]"


class _Listed:
    """What was listed in this look, and need not be asked for one by one."""

    def __init__(self) -> None:
        #: Open threads in their order, and pull requests among them by their branch here.
        self.open: list[Thread] | None = None
        self.pulls: dict[str, Thread] = {}
        self.heads: dict[str, str] | None = None
        #: What a head changes against the branch that it is proposed for.
        self.changes: dict[tuple[str, str], tuple[Change, ...]] = {}


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
        self._listed = _Listed()

    def afresh(self) -> None:
        """Begin a look: what was listed for the last one is forgotten."""
        self._listed = _Listed()

    # What there is.

    def hosted(self) -> Hosted:
        """Return the repository, asked once. Raises `ForgeRefused` where there is none."""
        if self._hosted is None:
            found = self._described or self.api.get(self._root)
            if found is None:
                raise ForgeRefused(f"there is no repository {self._name} at GitHub, or none for us")
            self._hosted = Hosted(
                name=str(found["full_name"]).lower(),
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
        """Yield all open threads, the newest first; with `since` also those closed after it.

        Closed pull requests without a label are left out.
        """
        if self._listed.open is None:
            self._listed.open = list(self._open())
            self._listed.pulls = {
                x.pull.branch: x for x in reversed(self._listed.open) if x.pull and x.pull.own
            }
        yield from self._listed.open
        seen = {thread.number for thread in self._listed.open}
        later = {"state": "closed", "since": since, "sort": "updated"}
        for issue in self.api.pages(f"{self._root}/issues", **later) if since else ():
            number = int(issue["number"])
            proposed = issue.get("pull_request")
            # A pull request that is closed has something of ours only by its labels.
            if number in seen or (proposed and not issue.get("labels")):
                continue
            seen.add(number)
            pull = self.api.get(f"{self._root}/pulls/{number}") if proposed else None
            yield reading.thread(issue, pull, self._name)

    def pulls(self, branch: str) -> list[Thread]:
        """Return the pull requests from a branch of this repository, the newest first.

        Where one was listed as open, it alone.
        """
        if branch in self._listed.pulls:
            return [self._listed.pulls[branch]]
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
        found = self.api.pages(f"{self._root}/branches")
        heads = {str(each["name"]): str(each["commit"]["sha"]) for each in found}
        self._listed.heads = heads
        return heads

    def comparison(self, base: str, branch: str) -> Comparison | None:
        """Hold a branch against another; None when one of them is not there."""
        spec = f"{quote(base, safe='')}...{quote(branch, safe='')}"
        oid = self._head(branch)
        found = self.api.get(f"{self._root}/compare/{spec}", per_page=1, page=1) if oid else None
        if found is None:
            return None
        changes, whole = reading.changes(found.get("files") or ()), True
        if len(changes) >= COMPARED:
            before, first = self._tree(str(found["merge_base_commit"]["sha"]))
            after, second = self._tree(oid)
            changes, whole = reading.between(before, after), first and second
        pull = self._listed.pulls.get(branch)
        if whole and pull and pull.pull and (pull.pull.base, pull.pull.head) == (base, oid):
            self._files[pull.number, oid] = changes
        return Comparison(int(found["ahead_by"]), int(found["behind_by"]), oid, changes, whole)

    def blobs(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return the oid of what each path holds in a commit or branch; others lack."""
        head = self.api.get(f"{self._root}/commits/{quote(commit, safe='')}", per_page=1)
        if head is None:
            return {}
        found, whole = self._tree(str(head["sha"]))
        if not whole:
            return self._few(str(head["sha"]), paths)
        return {path: found[path] for path in paths if path in found}

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

    def page_text(self, branch: str, path: str) -> str | None:
        """Return what a file of a branch holds, or None."""
        found = self.api.get(f"{self._root}/contents/{quote(path)}", ref=branch)
        return None if found is None else base64.b64decode(found["content"]).decode()

    def labels(self) -> frozenset[str]:
        """Return the names of the repository's labels."""
        found = self.api.pages(f"{self._root}/labels")
        return frozenset(str(each["name"]) for each in found)

    def runs(self, commit: str) -> list[CheckRun]:
        """Return the check runs and commit statuses of a commit but for ours, the worst by name.

        None where GitHub does not know the commit.
        """
        return Checks(self.api, self._root, runs=False).seen(commit)

    # What shall be.

    def label(self, number: int, name: str, color: str, description: str) -> None:
        """Put a label on, made first where there is none of that name."""
        self.make_label(name, color, description)
        self.api.change("POST", f"{self._root}/issues/{number}/labels", {"labels": [name]})

    def make_label(self, name: str, color: str, description: str) -> None:
        """See that the repository has a label that says this."""
        if (name, description) in self._labels:
            return
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
        elif description and str(found.get("description") or "") != description:
            self.api.change("PATCH", address, {"description": description})
        self._labels.add((name, description))

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
        checks = Checks(self.api, self._root, runs=self.hosted().checks)
        checks.say(head, ok=ok, title=title, summary=summary, stamp=stamp)

    def close(self, number: int, reason: str) -> None:
        """Close an issue."""
        body = {"state": "closed", "state_reason": reason}
        self.api.change("PATCH", f"{self._root}/issues/{number}", body)

    def open(self, title: str, body: str, labels: Sequence[str]) -> int:
        """Open an issue and return its number."""
        said = {"title": title, "body": body, "labels": list(labels)}
        return int(self.api.change("POST", f"{self._root}/issues", said)["number"])

    def page(self, branch: str, path: str, text: str, message: str) -> None:
        """See that a branch of ours holds this file; the branch is made where there is none."""
        address = f"{self._root}/contents/{quote(path)}"
        if self.api.get(f"{self._root}/branches/{quote(branch, safe='')}") is None:
            self._branch(branch, path, text, message)
            return
        found = self.api.get(address, ref=branch)
        content = base64.b64encode(text.encode()).decode()
        body = {"message": message, "content": content, "branch": branch}
        if found is not None:
            body["sha"] = str(found["sha"])
        self.api.change("PUT", address, body)

    def _open(self) -> Iterator[Thread]:
        pulls = {
            int(pull["number"]): pull
            for pull in self.api.pages(f"{self._root}/pulls", state="open")
        }
        for issue in self.api.pages(f"{self._root}/issues", state="open"):
            number = int(issue["number"])
            pull = pulls.get(number)
            if pull is None and issue.get("pull_request"):
                pull = self.api.get(f"{self._root}/pulls/{number}")
            yield reading.thread(issue, pull, self._name)

    def _head(self, branch: str) -> str:
        """Return the oid of a branch, "" where there is none."""
        if self._listed.heads is not None:
            return self._listed.heads.get(branch, "")
        found = self.api.get(f"{self._root}/branches/{quote(branch, safe='')}")
        return "" if found is None else str(found["commit"]["sha"])

    def _branch(self, branch: str, path: str, text: str, message: str) -> None:
        """Make a branch with nothing but one file, and without the history of any other."""
        entry = {"path": path, "mode": "100644", "type": "blob", "content": text}
        tree = self.api.change("POST", f"{self._root}/git/trees", {"tree": [entry]})
        made = {"message": message, "tree": tree["sha"], "parents": []}
        commit = self.api.change("POST", f"{self._root}/git/commits", made)
        ref = {"ref": f"refs/heads/{branch}", "sha": commit["sha"]}
        self.api.change("POST", f"{self._root}/git/refs", ref)

    def _tree(self, commit: str) -> tuple[dict[str, str], bool]:
        """Return the oid of every file of a commit, and whether these are all."""
        found = self.api.get(f"{self._root}/git/trees/{commit}", lasting=True, recursive=1)
        if found is None:
            return {}, False
        return reading.tree(found), not found.get("truncated")

    def _few(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """Return the oids of some files of a tree that is too large to be told whole."""
        trees: dict[str, Mapping[str, Any]] = {}

        def entries(folder: str) -> Mapping[str, Any]:
            if folder not in trees:
                oid = commit
                if folder:
                    parent, _, name = folder.rpartition("/")
                    oid = str((entries(parent).get(name) or {}).get("sha") or "")
                found = oid and self.api.get(f"{self._root}/git/trees/{oid}", lasting=True)
                listed = (found or {}).get("tree") or ()
                trees[folder] = {str(each["path"]): each for each in listed}
            return trees[folder]

        split = {path: path.rpartition("/") for path in paths}
        found = {path: entries(folder).get(name) for path, (folder, _, name) in split.items()}
        return {path: str(each["sha"]) for path, each in found.items() if each}

    def _me(self) -> str:
        if self._access.kind == "app":
            return self._app
        if self._access.actions:
            return ACTIONS
        found = self.api.get("/user") if self._access.token else None
        return str(found["login"]) if found else ""

    def _ours(self, address: str) -> bool:
        return address.lower().endswith(f"/repos/{self._name}".lower())
