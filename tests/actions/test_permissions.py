"""What a run may not do is said, and what it is told cannot make it do anything else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from tests.actions.runner import Job
from tests.actions.scene import LABEL_LOCKS, Scene, names, said
from tests.gitrun import git
from tests.servers.github import GitHub


def forked(scene: Scene) -> str:
    """Open a pull request from a fork, and return the commit of its branch."""
    fork = scene.github.repository("eve/project", fork_of=scene.repo)
    head = scene.eve.commits(fork, "mine", {"src/a.py": "2\n"}, "work", start="main")
    scene.started()
    scene.eve.opens_pull(scene.repo, "mine", source=fork)
    return head


def test_a_token_that_may_only_read_decides_nothing_and_the_run_says_so(scene: Scene) -> None:
    head = forked(scene)
    pull = scene.repo.issues[1]
    scene.ada.labels(pull, "locked:doc/")
    before = scene.head()
    steps = [step for _, step in scene.workflows()]
    assert len(steps) == 2
    for step in steps:
        assert step.ok, step.log
        assert "the token of this run may only read" in step.told("warning")
    assert (scene.head(), scene.check(head), names(pull)) == (before, None, ["locked:doc/"])
    _, step = scene.scheduled()
    assert step.ok
    assert scene.locks() == {"doc/**": "ada"}
    assert scene.check(head) == "success"
    assert names(pull) == ["coord:locks", "locked:doc/"]


def test_a_run_that_lacks_a_permission_fails_and_names_what_to_grant(scene: Scene) -> None:
    scene.ada.commits(scene.repo, "feature", {"src/a.py": "2\n"}, "work", start="main")
    scene.started()
    scene.ada.opens_pull(scene.repo, "feature")
    ((event, payload),) = scene.started()
    grants = {"contents": "write", "issues": "write", "pull_requests": "write"}
    step = scene.job(event, payload, **grants).uses("sync")
    assert (step.ok, step.outputs["refused"]) == (False, "1")
    assert "checks: write" in step.told("error")
    issue = scene.ada.opens_issue(scene.repo, "Slow", labels=["locked:doc/"])
    event, payload = scene.started()[-1]
    step = scene.job(event, payload, issues="write", contents="read").uses("sync")
    assert not step.ok
    assert "access_denied" in step.log
    assert "next: Give the job permissions: contents" in step.log
    assert (scene.locks(), names(issue)) == ({}, ["locked:doc/"])


def test_an_event_of_another_repository_is_refused(scene: Scene) -> None:
    issue = scene.ada.opens_issue(scene.repo, "Slow", labels=["locked:src/"])
    event, payload = scene.started()[-1]
    before = scene.head()
    other = dict(payload) | {"repository": dict(payload["repository"], full_name="octo/other")}
    _, step = scene.workflow(LABEL_LOCKS, event, other)
    assert step is not None
    assert not step.ok
    assert "the event is of octo/other, the ledger belongs to octo/project" in step.log
    assert (scene.head(), names(issue)) == (before, ["locked:src/"])


def test_a_repository_without_a_ledger_is_told_how_to_begin_one(
    github: GitHub, scene: Scene
) -> None:
    bare = github.repository("octo/bare")
    github.person("ada", bare, role="write").opens_issue(bare, "Slow", labels=["locked:src/"])
    job = scene.job("schedule", {}, contents="write", issues="write")
    git(str(job.workspace), "remote", "set-url", "origin", f"{github.base}/octo/bare.git")
    job.github["repository"] = "octo/bare"
    step = job.uses("sync")
    assert not step.ok
    assert "not_initialised" in step.log
    assert "gitcoord init --remote origin" in step.log


def test_the_credentials_of_a_checkout_are_used_where_it_has_left_some(scene: Scene) -> None:
    scene.ada.opens_issue(scene.repo, "Slow", labels=["locked:src/"])
    event, payload = scene.started()[-1]
    job = scene.job(event, payload, issues="write", pull_requests="read", contents="read")
    token = scene.github.workflow(scene.repo, contents="write").token
    key = f"http.{scene.github.base}/.extraheader"
    git(str(job.workspace), "config", key, f"AUTHORIZATION: basic {basic(token)}")
    assert job.uses("sync").ok
    assert scene.locks() == {"src/**": "ada"}


def test_the_token_is_in_no_file_and_no_log(scene: Scene) -> None:
    scene.ada.opens_issue(scene.repo, "Slow", labels=["locked:src/"])
    event, payload = scene.started()[-1]
    job = scene.job(event, payload, issues="write", pull_requests="read", contents="write")
    logs = job.uses("sync").log + job.uses("lock", keys="doc/").log + job.ends()[0].log
    token = job.github["token"]
    for secret in (token, basic(token)):
        assert secret not in logs
        assert [path for path in files(job) if secret.encode() in path.read_bytes()] == []
    assert scene.locks() == {"src/**": "ada"}


def basic(token: str) -> str:
    return b64encode(f"x-access-token:{token}".encode()).decode()


def files(job: Job) -> list[Path]:
    return [path for path in job.place.rglob("*") if path.is_file()]


def test_what_people_write_is_never_run(scene: Scene) -> None:
    """Titles, labels, branches, comments, paths and reasons, each with what a shell would do."""
    evil = "$(touch pwned)`touch pwned`; touch pwned #"
    commands = "::set-output name=changed::pwned ##[set-output name=changed;]pwned"
    scene.ada.commits(
        scene.repo, "claude/$(touch$IFS'pwned')", {"src/$(touch pwned).py": "x\n"}, evil,
        start="main",
    )  # fmt: skip
    pull = scene.ada.opens_pull(scene.repo, "claude/$(touch$IFS'pwned')", title=evil, body=commands)
    issue = scene.ada.opens_issue(
        scene.repo, f"{commands} {evil}", evil, labels=["locked:$(touch pwned)", "agent-task"]
    )
    scene.ada.comments(issue, f"/coord handoff {commands}\n/coord who '{evil}'\n/coord {commands}")
    scene.holds("carl", "doc/a.md", reason=f"##[error]pwned {evil}")
    done = scene.workflows(each_once=True)
    scene.ada.comments(pull, "/coord lock 'doc/`touch pwned`' doc/a.md")
    done.append(scene.newest())
    assert len(done) == 5
    for job, step in done:
        assert step.ok, step.log
        assert step.commands == []
        assert step.outputs.get("changed") in ("true", "false")
        assert [path for path in files(job) if path.name == "pwned"] == []
    assert scene.locks() == {
        "$(touch pwned)": "ada",
        "src/$(touch pwned).py": "claude",
        "doc/a.md": "carl",
    }
    assert "carl" in said(pull)[-1]
    assert len(said(issue)) == 1
