"""From an event of GitHub to what has to be looked at.

An event is a hint that something may have changed: it is dropped, delayed, doubled and comes
out of order. So nothing is taken from it but which thread, branch or comment it is about; what
that is like now is read from GitHub. Events: https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

HEADS = "refs/heads/"
#: What our check is called.
CHECK = "gitcoord/locks"
#: The event with which anybody who may write asks for a look at everything.
BELL = "gitcoord"
#: What happens to a pull request that says something about its branch.
_OF_BRANCHES = frozenset(("opened", "reopened", "closed"))


class Thread(NamedTuple):
    """An issue or a pull request."""

    number: int


class Branch(NamedTuple):
    """A branch, there or gone."""

    name: str


class Comment(NamedTuple):
    """A comment that may hold commands."""

    number: int
    id: int


class Group(NamedTuple):
    """A commit that GitHub's merge queue wants checked, and the pull request it is for."""

    head: str
    number: int


class Head(NamedTuple):
    """A commit of which checks have said something new."""

    oid: str


class Target(NamedTuple):
    """The branch on which work lands: it has moved, and with it may have come anybody's work."""


class Everything(NamedTuple):
    """All threads and branches."""


Subject = Thread | Branch | Comment | Group | Head | Target | Everything


def subjects(event: str, payload: Mapping[str, Any]) -> list[Subject]:
    """Return what an event is about, each once; none for events that say nothing to us.

    A payload that lacks what GitHub documents gives nothing.
    """
    read = _READERS.get(event)
    if read is None:
        return []
    try:
        return list(dict.fromkeys(read(payload)))
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def handled() -> frozenset[str]:
    """Return the names of events that can mean something."""
    return frozenset(_READERS)


def repository(payload: Mapping[str, Any]) -> str:
    """Return the "owner/name" that the payload speaks of, in lower case; "" for none."""
    found = payload.get("repository")
    name = found.get("full_name") if isinstance(found, Mapping) else None
    return name.lower() if isinstance(name, str) else ""


def _issue(payload: Mapping[str, Any]) -> Iterator[Subject]:
    yield Thread(int(payload["issue"]["number"]))


def _comment(payload: Mapping[str, Any]) -> Iterator[Subject]:
    # What was edited or deleted was a command already, or is none.
    if payload["action"] == "created":
        yield Comment(int(payload["issue"]["number"]), int(payload["comment"]["id"]))


def _pull(payload: Mapping[str, Any]) -> Iterator[Subject]:
    pull = payload["pull_request"]
    source = pull["head"].get("repo") or {}
    own = source.get("full_name") == payload["repository"]["full_name"]
    # Of what is pushed to it there is an event of its own.
    if own and payload["action"] in _OF_BRANCHES:
        yield Branch(str(pull["head"]["ref"]))
    yield Thread(int(pull["number"]))


def _push(payload: Mapping[str, Any]) -> Iterator[Subject]:
    ref = str(payload["ref"])
    if not ref.startswith(HEADS):
        return
    name = ref.removeprefix(HEADS)
    yield Branch(name)
    if name == payload["repository"].get("default_branch"):
        yield Target()


def _branch(payload: Mapping[str, Any]) -> Iterator[Subject]:
    if payload["ref_type"] == "branch":
        yield Branch(str(payload["ref"]))


def _check(payload: Mapping[str, Any]) -> Iterator[Subject]:
    run = payload.get("check_run") or payload["check_suite"]
    # What we have written ourselves is no news.
    if payload["action"] == "completed" and run.get("name") != CHECK:
        yield Head(str(run["head_sha"]))
    if payload["action"] == "rerequested":
        yield from (Thread(int(pull["number"])) for pull in run["pull_requests"])


def _status(payload: Mapping[str, Any]) -> Iterator[Subject]:
    if payload["context"] != CHECK and payload["state"] != "pending":
        yield Head(str(payload["sha"]))


def _ran(payload: Mapping[str, Any]) -> Iterator[Subject]:
    # Workflows are not told of the check runs of workflows, but of their end.
    if payload["action"] == "completed":
        yield Head(str(payload["workflow_run"]["head_sha"]))


def _group(payload: Mapping[str, Any]) -> Iterator[Subject]:
    # refs/heads/gh-readonly-queue/main/pr-12-<oid of the target>
    if payload["action"] == "checks_requested":
        group = payload["merge_group"]
        number = str(group["head_ref"]).rpartition("/")[2].split("-")[1]
        yield Group(str(group["head_sha"]), int(number))


def _all(payload: Mapping[str, Any]) -> Iterator[Subject]:
    yield Everything()


def _bell(payload: Mapping[str, Any]) -> Iterator[Subject]:
    if payload["action"] == BELL:
        yield Everything()


_READERS: dict[str, Callable[[Mapping[str, Any]], Iterator[Subject]]] = {
    "issues": _issue,
    "issue_comment": _comment,
    "pull_request": _pull,
    "pull_request_target": _pull,
    "push": _push,
    # Workflows are not told of a deletion as of a push; of a new branch they are.
    "delete": _branch,
    # A label that is renamed or deleted is so on all threads, which are not named.
    "label": _all,
    "check_run": _check,
    "check_suite": _check,
    "status": _status,
    "workflow_run": _ran,
    "merge_group": _group,
    "repository_dispatch": _bell,
    "workflow_dispatch": _all,
    "schedule": _all,
}
