"""Agent Coordinator: its routes at the root, as its clients and its bridge script call them.

Refusals of the rules are answers with `success` false; what HTTP has against a request is
`detail`, a text or a list of fields.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from gitcoord.entrypoints import originals
from gitcoord.errors import GitcoordError, NotPermitted, Refused, SessionPaused, UsageError
from webhook.compat import coordinator_agents as agents
from webhook.compat import coordinator_approvals as approvals
from webhook.compat import coordinator_audit as audit
from webhook.compat import coordinator_features as features
from webhook.compat import coordinator_locks as locks
from webhook.compat import coordinator_memory as memory
from webhook.compat import coordinator_merges as merges
from webhook.compat import coordinator_ports as ports
from webhook.compat import coordinator_profiles as profiles
from webhook.compat import coordinator_work as work
from webhook.compat.line import Line, Misfit, response
from webhook.compat.system import System
from webhook.problems import Problem, status_of


def _blank(*names: str) -> dict[str, Any]:
    return {"success": False} | dict.fromkeys(names)


_LOCK = _blank("action", "file_path", "expires_at", "reason", "locked_by", "lock_reason")
_WORK = _blank(
    "task_id", "task_type", "description", "input_data", "priority", "deadline", "reason"
)
_HANDOFF = _blank("handoff_id", "error")
_WRITE = Line("POST", "", "agent", locks.write_handoff, locks.Handing, blank=_HANDOFF)
_READ = Line("POST", "", "read", locks.read_handoffs, locks.Reading)
_MERGE = _blank("feature_id", "status", "reason")

LINES: tuple[Line, ...] = (
    Line("POST", "/locks/acquire", "agent", locks.acquire, locks.Acquiring, blank=_LOCK),
    Line(
        "POST",
        "/locks/release",
        "agent",
        locks.release,
        locks.Releasing,
        blank=_blank("action", "file_path", "reason"),
    ),
    Line("GET", "/locks/status/{path:path}", "read", locks.status, keyless="anybody"),
    Line("DELETE", "/locks/{path:path}", "admin", locks.force),
    Line("POST", "/work/claim", "agent", work.claim, work.Claiming, blank=_WORK),
    Line(
        "POST",
        "/work/complete",
        "agent",
        work.complete,
        work.Completing,
        blank=_blank("status", "task_id", "reason"),
    ),
    Line("POST", "/work/submit", "agent", work.submit, work.Submitting, blank=_blank("task_id")),
    Line("POST", "/work/get", "read", work.get, work.Getting, blank=_blank("reason")),
    Line("POST", "/guardrails/check", "read", locks.check_guardrails, locks.Checking),
    # The bridge script knows several names for the same.
    *(_WRITE._replace(path=path) for path in ("/handoffs/write", "/handoff/write", "/handoffs")),
    *(_READ._replace(path=path) for path in ("/handoffs/read", "/handoff/read")),
    Line("GET", "/handoffs/latest", "read", locks.latest_handoff, query=("agent_name",)),
    Line(
        "POST",
        "/discovery/register",
        "agent",
        agents.register,
        agents.Registering,
        blank=_blank("session_id"),
    ),
    Line("GET", "/discovery/agents", "read", agents.agents, query=("capability", "status")),
    Line(
        "POST",
        "/discovery/heartbeat",
        "agent",
        agents.heartbeat,
        agents.Identity,
        blank=_blank("session_id", "error"),
    ),
    Line("POST", "/discovery/cleanup", "agent", agents.cleanup, agents.Cleaning),
    Line("GET", "/profiles/me", "read", profiles.mine),
    Line("POST", "/policy/check", "read", profiles.check, profiles.Asking),
    Line("POST", "/policy/validate", "read", profiles.validate, profiles.Validating),
    Line(
        "POST",
        "/memory/store",
        "agent",
        memory.store,
        memory.Storing,
        blank=_blank("memory_id", "action", "error"),
    ),
    Line("GET", "/audit", "read", audit.query, query=("agent_id", "operation", "limit")),
    Line("POST", "/memory/query", "read", memory.query, memory.Querying),
    Line(
        "POST",
        "/ports/allocate",
        "agent",
        ports.allocate,
        ports.Porting,
        blank=_blank("allocation", "env_snippet", "error"),
    ),
    Line("POST", "/ports/release", "agent", ports.release, ports.Porting, blank=_blank("error")),
    Line("GET", "/ports/status", "read", ports.status, keyless="anybody"),
    Line(
        "POST",
        "/features/register",
        "agent",
        features.register,
        features.Registering,
        blank=_blank("feature_id", "action", "reason"),
    ),
    Line(
        "POST",
        "/features/deregister",
        "agent",
        features.deregister,
        features.Ending,
        blank=_blank("feature_id", "status", "reason"),
    ),
    Line("GET", "/features/active", "read", features.active),
    Line("POST", "/features/conflicts", "read", features.conflicts, features.Comparing),
    Line("GET", "/features/{id}", "read", features.get),
    Line(
        "POST",
        "/approvals/request",
        "agent",
        approvals.request,
        approvals.Asking,
        blank=_blank("request_id", "status", "expires_at", "error"),
    ),
    Line("GET", "/approvals/pending", "read", approvals.pending, query=("agent_id", "limit")),
    Line("GET", "/approvals/{id}", "read", approvals.get),
    Line("POST", "/approvals/{id}/decide", "admin", approvals.decide, approvals.Deciding),
    Line("POST", "/merge-queue/enqueue", "agent", merges.enqueue, merges.Queueing, blank=_MERGE),
    Line("GET", "/merge-queue", "read", merges.queue),
    Line("GET", "/merge-queue/next", "read", merges.following, query=("target",)),
    Line(
        "POST",
        "/merge-queue/check/{id}",
        "agent",
        merges.check,
        blank=_MERGE | _blank("passed", "checks", "issues", "conflicts"),
    ),
    Line("POST", "/merge-queue/merged/{id}", "agent", merges.merged, blank=_MERGE),
    Line("DELETE", "/merge-queue/{id}", "agent", merges.remove, blank=_MERGE),
)


def _told(line: Line, answer: Any) -> Response:
    if isinstance(answer, list):
        return response(answer, line.status)
    return response({**line.blank, **answer}, line.status)


def _refused(line: Line | None, error: GitcoordError | Problem) -> Response:
    if isinstance(error, Problem):
        return _problem(error)
    if isinstance(error, SessionPaused):
        return response({"detail": error.message}, 403)
    if isinstance(error, NotPermitted):
        return response(
            {"detail": f"{error.code}: {error.message}", "refusal": error.as_dict()}, 403
        )
    status = status_of(error)
    if status == 503 or not isinstance(error, (Refused, UsageError)):
        return response({"detail": error.message}, status, error)
    if line is None or not line.blank:
        return response({"detail": error.message}, 422 if status == 400 else status)
    found = {**line.blank, **originals.refusal(error)}
    if "error" in line.blank:
        found["error"] = found.pop("reason")
    return response(found | {"refusal": error.as_dict()}, 200)


def _problem(problem: Problem) -> Response:
    detail: Any = problem.detail
    status = problem.status
    if isinstance(problem, Misfit):
        kind = "missing" if problem.missing else "value_error"
        words = "Field required" if problem.missing else problem.words
        place = [problem.place, problem.field] if problem.field else [problem.place]
        status, detail = 422, [{"type": kind, "loc": place, "msg": words}]
    elif problem.code == "malformed_body":
        status, detail = 422, [{"type": "json_invalid", "loc": ["body"], "msg": problem.detail}]
    return response({"detail": detail}, status, problem)


def _answer(line: Line) -> dict[str, Any]:
    if line.blank:
        return {"type": "object", "required": sorted({"success", *line.blank})}
    return {"type": ["object", "array"]}


_FAILURE = {
    "type": "object",
    "properties": {"detail": {"type": ["string", "array"]}},
    "required": ["detail"],
}

#: First parts of paths that only later versions have; docs/compatibility.md says what is ours.
LATER = (
    "/issues", "/agents", "/policies", "/permissions", "/merge-train", "/archetypes", "/status",
    "/notifications", "/gen-eval", "/help", "/sync-points", "/worktrees", "/events", "/kanban-viz",
    "/search", "/github", "/openspec", "/live",
)  # fmt: skip

SYSTEM = System(
    "Agent Coordinator",
    "",
    tuple(dict.fromkeys(["/" + line.path.split("/")[1] for line in LINES] + [*LATER])),
    LINES,
    _told,
    _refused,
    answer=_answer,
    failure=_FAILURE,
    failures=(401, 403, 404, 409, 413, 422, 429, 503),
)
