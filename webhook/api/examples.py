"""A body of each operation that takes one, as the document shows it. A test sends them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = {"keys": ["src/auth/**"]}
_SILENT = {"beat": 7, "seen_at": "2026-07-27T18:30:00.000Z"}

#: Tag of an operation -> a body. What the path says is not in it.
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "session.start": {"agent": "ada", "area": "auth", "files": ["src/auth/**"]},
    "session.heartbeat": {"idle": True},
    "session.scope": {"files": ["src/billing/**"]},
    "session.end": {"outcome": "completed", "summary": "Login works with passkeys."},
    "session.usage": {"usage": {"requests": 3, "input_tokens": 1200, "output_tokens": 80}},
    "session.signals": {"signals": {"calls": 12, "errors_in_row": 3, "error_text": "no such file"}},
    "session.pause": {"reason": "Wait for the review."},
    "session.kill": {"reason": "It works on the wrong branch."},
    "session.suspect": _SILENT,
    "session.sweep": _SILENT,
    "lock.acquire": _KEYS,
    "lock.renew": _KEYS,
    "lock.release": _KEYS,
    "lock.takeover": _KEYS | {"reason": "ada is on holiday"},
    "lock.leave": _KEYS,
    "lock.landed": {"names": ["u-1"], "why": "dropped"},
    "lock.track": {"paths": ["src/auth/login.py"], "reason": "branch agent/ada/t-1"},
    "task.settle": {"result": "Merged as #12."},
    "task.add": {"tasks": [{"id": "t-1", "title": "Write the parser", "keys": ["src/parser/**"]}]},
    "task.next": {"types": ["task"], "ttl": 3600},
    "task.claim": {"ttl": 3600},
    "task.move": {"move": "complete", "result": "Merged as #12."},
    "task.retry": {"reason": "The host answers again."},
    "task.note": {"text": "The lexer is done."},
    "task.worktree": {"branch": "feature/parser"},
    "handoff.write": {"id": "h-1", "summary": "Login works, tests for logout are missing."},
    "memory.remember": {
        "id": "k-1",
        "summary": "Uploads over 2 GB hang",
        "type": "error",
        "tags": ["s3"],
    },
    "memory.use": {"ids": ["k-1"]},
    "memory.forget": {"ids": ["k-1"]},
    "working.set": {"items": {"plan": "The parser, then the printer."}},
    "working.clear": {"names": ["plan"]},
    "message.send": {"id": "m-1", "text": "May I have src/api?", "to": "bob"},
    "message.read": {"ids": ["m-1"]},
    "message.ack": {"ids": ["m-1"]},
    "change.record": {"changes": [{"path": "src/auth/login.py", "kind": "modify"}]},
    "guard.record": {
        "violations": [
            {
                "rule": "git_force_push",
                "category": "git",
                "severity": "block",
                "action": "blocked",
                "part": "git push --force",
            }
        ]
    },
    "plan.add": {
        "feature": "login",
        "plan_revision": 1,
        "contracts_revision": 1,
        "packages": [{"id": "wp-api", "write": ["src/api/**"]}],
        "tasks": [{"id": "t-9", "ref": "wp-api", "title": "Write the routes"}],
    },
    "task.report": {
        "payload": {
            "feature_id": "login",
            "package_id": "wp-api",
            "plan_revision": 1,
            "contracts_revision": 1,
            "status": "completed",
        }
    },
    "escalation.raise": {
        "escalation": {
            "id": "e-1",
            "queued": "t-10",
            "kind": "RESOURCE_CONFLICT",
            "summary": "The port is taken.",
        }
    },
    "escalation.resolve": {"resolution": "Take another port."},
    "feature.register": {"id": "login", "claims": ["src/auth/**"], "branch": "feat/login"},
    "feature.pause": {"reason": "The schema changes."},
    "feature.resume": {},
    "feature.deregister": {"status": "completed"},
    "approval.request": {"id": "a-1", "about": {"kind": "command", "text": "git push --force"}},
    "approval.use": {"about": {"kind": "command", "text": "git push --force"}},
    "approval.decide": {"decision": "deny", "reason": "not before the release"},
    "merge.enqueue": {"branch": "feat/login", "target": "main", "head": "1" * 40},
    "merge.eject": {"reason": "It does not build."},
    "merge.remove": {"reason": "Done otherwise."},
    "verification.record": {
        "commit": "1" * 40,
        "tree": "2" * 40,
        "results": [{"policy": "unit", "digest": "3" * 32, "status": "passed", "seconds": 12.5}],
    },
    "verification.policy_set": {"include": ["src/**"], "command": ["pytest", "-q"], "tier": 1},
    "profile.set": {"trust": 1, "max_files": 0},
    "profile.assign": {"profile": "claude_code_web_reviewer"},
    "policy.set": {"text": 'permit(principal, action in Action::"read", resource);'},
    "network.set": {"id": "n-docs", "pattern": "*.example.com"},
    "network.record": {"accesses": [{"domain": "github.com", "allowed": True}]},
    "config.set": {"values": {"lock_ttl": 3600}},
    "ledger.compact": {"tasks": 2592000},
    "ledger.import": {"records": []},
    "ledger.init": {"settings": {"lock_ttl": 3600}},
}
