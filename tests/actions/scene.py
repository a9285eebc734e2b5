"""A repository at the fake GitHub whose git keeps the ledger, and the workflows that run there.

People act at GitHub; `workflows` runs what GitHub would start for it, until nothing is started
any more. Tokens have what the workflow's job asks for, and may only read where GitHub says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gitcoord.domain.configure import Begin
from gitcoord.domain.lock_operations import AcquireLocks, Locked
from gitcoord.domain.locks import Lock
from gitcoord.domain.record import Record
from gitcoord.domain.sessions import Session
from gitcoord.domain.settings import remote_defaults
from tests.actions.runner import ROOT, Job, Step, carried_out, job_of
from tests.gitrun import git
from tests.ledger.houses import opened, session
from tests.servers.github import GitHub

NAME = "octo/project"
FILES = {"src/a.py": "1\n", "src/b.py": "2\n", "doc/a.md": "text\n"}
LABEL_LOCKS = ROOT / ".github" / "workflows" / "label-locks.yml"
MERGE_GUARD = ROOT / ".github" / "workflows" / "merge-guard.yml"
#: The file that `gitcoord github setup` writes, and whose events GitHub starts workflows for.
WRITTEN = ROOT / "gitcoord" / "mirror" / "gitcoord.yml"


class Scene:
    """What a scenario plays on."""

    def __init__(self, github: GitHub, folder: Path, **settings: Any) -> None:
        self.github, self.folder = github, folder
        self.repo = github.repository(NAME, files=FILES)
        self.ada = github.person("ada", self.repo, role="write")
        self.bob = github.person("bob", self.repo, role="triage")
        self.eve = github.person("eve", self.repo, role="read")
        self._numbers = itertools.count(1)
        # Ada's clone: it has begun the ledger at the host, and shows it to the test.
        self.clone = str(folder / "ada")
        git(str(folder), "clone", "-q", github.url(NAME, "ada", self.ada.token), self.clone)
        git(self.clone, "config", "coord.remote", "origin")
        self.house = opened(self.clone)
        self.house.coordinator.begin(Begin(settings=remote_defaults() | settings))
        self._heard = len(github.world.events)

    # What runs.

    def job(
        self, event: str = "workflow_dispatch", payload: Mapping[str, Any] | None = None,
        **permissions: str,
    ) -> Job:  # fmt: skip
        """Return a job with a checkout that knows no credentials, and a token of its own."""
        number = next(self._numbers)
        workspace = self.folder / f"job-{number}" / "workspace"
        workspace.parent.mkdir()
        git(str(self.folder), "clone", "-q", "--depth", "1", f"{self.github.base}/{NAME}.git",
            str(workspace))  # fmt: skip
        token = self.github.workflow(self.repo, **permissions).token
        context = {
            "token": token,
            "event": payload if payload is not None else {"repository": {"full_name": NAME}},
            "event_name": event,
            "api_url": self.github.api,
            "server_url": self.github.base,
            "repository": NAME,
            "run_id": str(1000 + number),
        }
        return Job(self.folder / f"job-{number}", workspace, context)

    def workflow(
        self, path: Path, event: str, payload: Mapping[str, Any], **inputs: str
    ) -> tuple[Job, Step | None]:
        """Run a workflow for an event."""
        described = job_of(path)
        permissions = {name.replace("-", "_"): level for name, level in
                       described["permissions"].items()}  # fmt: skip
        if event == "pull_request" and _forked(payload):
            permissions = dict.fromkeys(permissions, "read")
        job = self.job(event, payload, **permissions)
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))[True]
        known = (declared.get("workflow_call") or {}).get("inputs", {})
        defaults = {name: one["default"] for name, one in known.items()}
        return job, carried_out(job, described, defaults | inputs)

    def workflows(
        self, path: Path = LABEL_LOCKS, *, each_once: bool = False
    ) -> list[tuple[Job, Step]]:
        """Run what GitHub starts for all that has happened since the last time, in its order.

        `each_once`: of the events of one name only the newest, as each looks at what is there.
        """
        events = self.started()
        done = []
        for name, payload in dict(events).items() if each_once else events:
            job, step = self.workflow(path, name, payload)
            if step is not None:
                done.append((job, step))
        return done

    def newest(self, path: Path = LABEL_LOCKS) -> tuple[Job, Step]:
        """Run what GitHub starts for the newest event alone: what is there is looked at anyway."""
        name, payload = self.started()[-1]
        job, step = self.workflow(path, name, payload)
        assert step is not None
        return job, step

    def started(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the events since the last time for which GitHub starts the workflow."""
        events = self.github.world.events
        new, self._heard = events[self._heard :], len(events)
        on = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))[True]
        types = {
            name: row.get("types") if isinstance(row, dict) else None for name, row in on.items()
        }
        return [
            (one.name, one.payload)
            for one in new
            if one.starts_workflows
            and one.name in types
            and (types[one.name] is None or one.action in types[one.name])
        ]

    def scheduled(self, path: Path = WRITTEN) -> tuple[Job, Step]:
        """Run the workflow as by its schedule."""
        job, step = self.workflow(path, "schedule", {"schedule": "*/15 * * * *"})
        assert step is not None
        return job, step

    # What there is.

    def all(self, kind: type[Record]) -> list[Any]:
        """Return the live records of a kind, as the host has them."""
        self.house.store.refresh()
        with self.house.ledger.state() as state:
            return list(state.all(kind))

    def locks(self) -> dict[str, str]:
        """Return who holds which key."""
        return {lock.key: lock.agent for lock in self.all(Lock)}

    def head(self) -> str:
        """Return the ledger's commit at the host."""
        return self.github.refs(NAME)["refs/coord/state"]

    def holds(self, name: str, *keys: str, **fields: Any) -> Session:
        """Let an agent elsewhere hold keys."""
        who = session(self.house, name)
        self.house.coordinator.do(AcquireLocks(keys=keys, **fields), Locked, session=who.id)
        return who

    def run(self, operation: Any, session: str | None = None) -> Any:
        """Decide an operation, and return its answer or raise its refusal."""
        return self.house.coordinator.do(operation, operation.answer, session=session)

    def check(self, head: str) -> str | None:
        """Return what our check of a commit says, or None."""
        found = [run for run in self.repo.checks.values() if run.oid == head]
        return str(found[-1].fields["conclusion"]) if found else None


def _forked(payload: Mapping[str, Any]) -> bool:
    return bool(
        payload["pull_request"]["head"]["repo"]["full_name"] != payload["repository"]["full_name"]
    )


def names(thread: Any) -> list[str]:
    """Return the labels of a thread, sorted."""
    return sorted(label.name for label in thread.labels)


def said(thread: Any) -> list[str]:
    """Return what workflows have written on a thread."""
    return [one.body for one in thread.comments if one.user.login == "github-actions[bot]"]
