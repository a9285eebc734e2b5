"""How the service says no: a problem document with a status, the same for every route.

Errors of gitcoord keep their code, words and details; what HTTP itself has against a request is
a `Problem`. Documents follow RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457): `title` is the
kind of error, `detail` this case, `hint` what to do next. Not here: the words of the older
systems' routes (compat).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from gitcoord.errors import (
    ApprovalClosed,
    ApprovalNotFound,
    BranchMissing,
    Contended,
    Damaged,
    Denied,
    FeatureNotFound,
    GitcoordError,
    InvalidTransition,
    MemoryNotFound,
    MergeNotFound,
    MessageNotFound,
    NoActiveFeature,
    NotAssigned,
    NotInitialised,
    NotLockHolder,
    NotPermitted,
    OperationReused,
    OwnApproval,
    PolicyNotFound,
    ProfileNotFound,
    RecipientNotFound,
    Refused,
    RuleNotFound,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
    TaskNotFound,
    TextTooLong,
    Unavailable,
    UsageError,
    VerificationNotFound,
    VerifyPolicyNotFound,
)

MEDIA_TYPE = "application/problem+json"
#: What `type` begins with; the code follows. No document is there: codes are in docs/http.md.
NAMESPACE = "urn:gitcoord:error:"
#: Seconds after which what was only busy may be asked again.
RETRY_AFTER = 1

#: Looked up along the class's ancestors.
STATUSES: dict[type[GitcoordError], int] = {
    GitcoordError: 500,
    UsageError: 400,
    TextTooLong: 413,
    NotInitialised: 503,
    Refused: 409,
    Denied: 403,
    NotAssigned: 403,
    NotPermitted: 403,
    NotLockHolder: 404,
    TaskNotFound: 404,
    ProfileNotFound: 404,
    PolicyNotFound: 404,
    RuleNotFound: 404,
    SessionNotFound: 404,
    MessageNotFound: 404,
    MemoryNotFound: 404,
    RecipientNotFound: 404,
    FeatureNotFound: 404,
    ApprovalNotFound: 404,
    ApprovalClosed: 409,
    OwnApproval: 403,
    VerificationNotFound: 404,
    VerifyPolicyNotFound: 404,
    NoActiveFeature: 404,
    MergeNotFound: 404,
    BranchMissing: 404,
    SessionEnded: 410,
    SessionPaused: 423,
    InvalidTransition: 422,
    OperationReused: 422,
    Contended: 503,
    Unavailable: 503,
    Damaged: 503,
}


#: What to do next, where gitcoord's own words name a command that this client may not have.
HINTS: dict[str, str] = {
    "lock_held": 'Send it again with "wait": 30 to queue for it, or work elsewhere.',
    "queued_behind": 'Send it again with "wait": 30 to stand in the queue, or work elsewhere.',
    "session_not_found": "GET /api/v1/sessions lists them; POST /api/v1/sessions checks in.",
    "session_required": "Send its token as Gitcoord-Session; POST /api/v1/sessions gives one.",
    "session_ended": "Check in again: POST /api/v1/sessions.",
    "session_paused": "POST /api/v1/sessions/{id}/resume by an admin lets it go on.",
    "id_taken": "Send another id.",
    "task_not_found": "GET /api/v1/tasks lists them.",
    "claim_failed": "POST /api/v1/tasks/next claims one that can be claimed.",
    "paused": "POST /api/v1/tasks/next claims one that can be claimed.",
    "not_assigned": "GET /api/v1/tasks/{task} says whose it is.",
    "attempts_exhausted": "POST /api/v1/tasks/{id}/retry with more max_attempts, or cancel it.",
    "merge_not_found": "GET /api/v1/merges lists them.",
    "not_ready": "GET /api/v1/merges/{merge} says what stands in its way.",
    "branch_moved": "POST /api/v1/merges queues what it is now.",
    "branch_rewound": "POST /api/v1/merges queues what it is now.",
    "verification_not_found": "GET /api/v1/verifications lists commits that were checked.",
    "verify_policy_not_found": "GET /api/v1/verify-policies lists them.",
    "message_not_found": "GET /api/v1/messages?all=true lists them.",
    "not_initialised": "POST /api/v1/ledger with an admin's key begins one.",
}


class Problem(Exception):
    """What stands against a request before any rule has seen it."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})


#: Tells an error at a path; the application's `state.tell` is one.
Teller = Callable[[str, "GitcoordError | Problem"], Response]


def status_of(error: GitcoordError) -> int:
    """Return the status of an error of gitcoord."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answered(error: GitcoordError | Problem) -> Response:
    """Return the response that tells the error."""
    if isinstance(error, Problem):
        body = document(error.status, error.code, error.detail, error.hint)
        return _response(body, error.status, error.headers)
    status = status_of(error)
    hint = error.hint
    if hint is not None and "`gitcoord " in hint:
        hint = HINTS.get(error.code, hint)
    body = document(status, error.code, error.message, hint) | _details(error)
    headers = {"Retry-After": str(RETRY_AFTER)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return _response(body, status, headers)


def told(scope: Mapping[str, Any], error: GitcoordError | Problem) -> Response:
    """Return the response that tells the error to a request: in the words of its path."""
    tell: Teller = scope["app"].state.tell
    return tell(scope["path"], error)


def document(status: int, code: str, detail: str, hint: str | None = None) -> dict[str, Any]:
    """Return the problem document."""
    body = {
        "type": NAMESPACE + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return body | ({"hint": hint} if hint else {})


def _details(error: GitcoordError) -> dict[str, Any]:
    """Return what else the error names: conflicts, ids, limits. Ours come first."""
    reserved = ("type", "title", "status", "code", "detail", "hint")
    return {name: value for name, value in error.details.items() if name not in reserved}


def _response(body: dict[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    data = msgspec.json.encode(body, enc_hook=str)
    # What is refused now may be granted in a moment.
    kept = {"Cache-Control": "no-store", **headers}
    return Response(data, status, headers=kept, media_type=MEDIA_TYPE)
