"""Check runs: verdicts on a commit that only Apps write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.servers.github import apps, commits, events, pulls, statuses
from tests.servers.github.ask import Ask, Refusal, Said, not_found
from tests.servers.github.records import CheckRun

if TYPE_CHECKING:
    from tests.servers.github.world import Repository

#: Characters of a summary or text; annotations in one request.
TEXT, ANNOTATIONS = 65535, 50


def shown(repo: Repository, run: CheckRun) -> dict[str, Any]:
    """Return a check run."""
    fields, url = run.fields, f"{repo.api}/check-runs/{run.id}"
    output = fields.get("output") or {}
    return {
        "id": run.id,
        "node_id": f"CR_{run.id}",
        "name": fields["name"],
        "head_sha": run.oid,
        "external_id": fields.get("external_id", ""),
        "url": url,
        "html_url": f"{repo.web}/runs/{run.id}",
        "details_url": fields.get("details_url", repo.world.web),
        "status": fields["status"],
        "conclusion": fields.get("conclusion"),
        "started_at": fields["started_at"],
        "completed_at": fields.get("completed_at"),
        "output": {
            "title": output.get("title"),
            "summary": output.get("summary"),
            "text": output.get("text"),
            "annotations_count": len(output.get("annotations", ())),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": _suite(run)},
        "app": apps.shown(repo.world, run.app),
        "pull_requests": [pulls.minimal(i) for i in repo.pulls() if i.pr.head_oid == run.oid],
    }


def _suite(run: CheckRun) -> int:
    """Return the number of the suite: one for each App and commit."""
    return int(run.oid[:8], 16)


def _check(ask: Ask) -> None:
    output = ask.data.get("output") or {}
    for field in ("summary", "text"):
        if len(output.get(field) or "") > TEXT:
            words = f"Only {TEXT} characters are allowed; {len(output[field])} were supplied."
            raise Refusal(422, f"Invalid request.\n\n{words}")
    if len(output.get("annotations", ())) > ANNOTATIONS:
        raise Refusal(422, f"Invalid request.\n\nNo more than {ANNOTATIONS} items are allowed.")
    if ask.data.get("status") == "completed" and not ask.data.get("conclusion"):
        raise Refusal(422, 'Invalid request.\n\nMissing required field "conclusion".')


def _put(ask: Ask, run: CheckRun) -> None:
    """Write the fields of a request into a run; annotations are added to those it has."""
    old = run.fields.get("output") or {}
    run.fields |= ask.data
    if output := ask.data.get("output"):
        added = [*old.get("annotations", ()), *output.get("annotations", ())]
        run.fields["output"] = old | output | {"annotations": added}
    now = ask.github.world.stamp()
    run.fields.setdefault("started_at", now)
    if run.fields.get("conclusion"):
        run.fields["status"] = "completed"
        run.fields.setdefault("completed_at", now)
    elif run.fields["status"] != "completed":
        run.fields.pop("completed_at", None)


def _tell(ask: Ask, run: CheckRun, action: str) -> None:
    world, now = ask.github.world, ask.github.world.stamp()
    suite = {
        "id": _suite(run),
        "head_sha": run.oid,
        "status": run.fields["status"],
        "conclusion": run.fields.get("conclusion"),
        "url": f"{ask.repo.api}/check-suites/{_suite(run)}",
        "app": apps.shown(world, run.app),
        "pull_requests": [],
        "created_at": now,
        "updated_at": now,
    }
    row = shown(ask.repo, run) | {"check_suite": suite}
    events.emit(ask.repo, ask.actor, "check_run", action, check_run=row)


def _app(ask: Ask) -> str:
    if ask.actor.app is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    return ask.actor.app


def create(ask: Ask) -> Said:
    """POST /repos/{owner}/{repo}/check-runs."""
    app = _app(ask)
    ask.text("name", "CheckRun")
    oid = commits.resolved(ask, ask.text("head_sha", "CheckRun"))
    _check(ask)
    run = CheckRun(ask.github.world.new_id(), oid, app, {"status": "queued"})
    _put(ask, run)
    ask.repo.checks[run.id] = run
    _tell(ask, run, "created")
    if run.fields["status"] == "completed":
        _tell(ask, run, "completed")
    return Said(201, shown(ask.repo, run))


def _found(ask: Ask) -> CheckRun:
    return ask.repo.checks.get(ask.number("check_run_id")) or not_found()


def change(ask: Ask) -> Said:
    """PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}: by the App that made it."""
    run = _found(ask)
    if run.app != _app(ask):
        raise Refusal(403, f"Invalid app_id for check run {run.id}")
    _check(ask)
    was = run.fields["status"]
    if ask.data.get("status", "completed") != "completed":
        run.fields.pop("conclusion", None)
    _put(ask, run)
    if run.fields["status"] == "completed" and was != "completed":
        _tell(ask, run, "completed")
    return Said(200, shown(ask.repo, run))


def one(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/check-runs/{check_run_id}."""
    return Said(200, shown(ask.repo, _found(ask)))


def annotated(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations."""
    run = _found(ask)
    more = {"start_column": None, "end_column": None, "title": None, "raw_details": None}
    rows = [
        more | row | {"blob_href": f"{ask.repo.web}/blob/{run.oid}/{row['path']}"}
        for row in (run.fields.get("output") or {}).get("annotations", ())
    ]
    return ask.page(rows)


def of_commit(ask: Ask) -> Said:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-runs: the newest of each name and App."""
    oid, wanted = commits.resolved(ask, ask.parts["ref"]), ask.query.get("check_name")
    rows = [
        run
        for run in sorted(ask.repo.checks.values(), key=lambda run: -run.id)
        if run.oid == oid and wanted in {None, run.fields["name"]}
        if ask.query.get("status", run.fields["status"]) == run.fields["status"]
    ]
    if ask.query.get("filter", "latest") == "latest":
        newest: dict[tuple[str, str], CheckRun] = {}
        for run in rows:
            newest.setdefault((run.app, run.fields["name"]), run)
        rows = list(newest.values())
    return ask.page([shown(ask.repo, run) for run in rows], "check_runs")


def verdict(repo: Repository, oid: str, name: str) -> str | None:
    """Return what the check run or status of this name says last: "success", "failure" ..."""
    runs = [r for r in repo.checks.values() if r.oid == oid and r.fields["name"] == name]
    if runs:
        return runs[-1].fields.get("conclusion") or "pending"
    return next((s.state for s in statuses.latest(repo, oid) if s.context == name), None)
