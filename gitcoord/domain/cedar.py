"""Cedar: the schema of gitcoord's policies, whether a text fits it, and what policies decide.

The only file that imports cedarpy (extra `cedar`), where it is used; it is a function of texts.
Promises that the schema is always given, that anything but Allow denies, and that a policy which
fails denies too: a forbid that fails would otherwise not forbid. Not here: which policies there
are (`policies`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from gitcoord.domain.policies import in_force
from gitcoord.domain.record import TEXT_LIMIT
from gitcoord.domain.resources import Resource
from gitcoord.domain.rights import NAMES, NEEDED, kind_of
from gitcoord.errors import (
    DomainBlocked,
    InsufficientTrust,
    PolicyDenied,
    PolicyEngineMissing,
    PolicyEvaluationFailed,
    PolicyLoadFailed,
    TextTooLong,
)

if TYPE_CHECKING:
    from gitcoord.domain.permission import Decision, Principal
    from gitcoord.domain.state import State

#: Brackets within brackets, and operators, in one policy. cedarpy reads texts by recursion and
#: ends the process where the stack is full: from 40 brackets on with the 512 KiB of a thread.
DEPTH, OPERATORS = 24, 500
#: The action of operations that the schema does not know by name.
OTHER = "other"

_OPERATOR = re.compile(r"[-+*.|&=<>!]+|\b(?:if|in|has|like|is)\b")


def _schema() -> str:
    kinds = sorted({kind for kind in NEEDED if kind != "presence"} | {"presence", "network"})
    lines = [
        "entity AgentType;",
        "entity Agent in [AgentType] = {",
        "  trust_level: Long, agent_type: String, session_id: String, profile: String,",
        "  profile_source: String, allowed_operations: Set<String>,",
        "  blocked_operations: Set<String>, max_file_modifications?: Long,",
        "  max_execution_time_seconds?: Long, max_api_calls_per_hour?: Long,",
        "};",
        "entity File = { path: String };",
        "entity Task = { task_type: String, priority: Long };",
        "entity Domain = { name: String, allowed: Bool };",
        "entity Ledger;",
        "type Used = { operation: String, files: Long, seconds: Long, calls: Long };",
        f"action {', '.join(kinds)};",
    ]
    for name, kind in [*NAMES.items(), (OTHER, "write")]:
        group, things = kind, "Ledger, File, Task"
        if name == "network_access":
            group, things = "network", "Domain"  # type: ignore[assignment]
        lines.append(
            f"action {name} in [{group}] appliesTo "
            f"{{ principal: [Agent], resource: [{things}], context: Used }};"
        )
    return "\n".join(lines)


#: What policies can speak of, in Cedar's own notation.
SCHEMA = _schema()


def errors_of(text: str) -> list[str]:
    """Return what is wrong with a policy, in words; empty: it fits the schema.

    Raises `TextTooLong`, and `PolicyEngineMissing` where cedarpy is not installed.
    """
    if len(text.encode("utf-8", "replace")) > TEXT_LIMIT:
        raise TextTooLong(f"a policy has at most {TEXT_LIMIT} bytes", field="policy_text")
    cedarpy = _cedarpy()
    if tangled := _tangled(text):
        return [tangled]
    found = cedarpy.validate_policies(text, _compiled_schema())
    if not found:
        return [_words(one) for one in found.errors]
    return [] if _statements(text) else ["there is no statement in it"]


def judge(
    state: State, who: Principal, name: str, resource: Resource, diagnostics: dict[str, Any]
) -> Decision:
    """Return what the policies in force decide. Raises `PolicyEngineMissing`."""
    from gitcoord.domain.permission import Decision

    cedarpy = _cedarpy()

    def denied(reason: str, detail: str, **more: Any) -> Decision:
        return Decision(
            allowed=False,
            reason=reason,
            engine="cedar",
            detail=detail,
            diagnostics=diagnostics | more,
        )

    policies = in_force(state)
    try:
        loaded, names = _loaded(tuple((one.name, one.text) for one in policies))
    except ValueError as wrong:
        return denied(PolicyLoadFailed.code, "the policies cannot be read", errors=[str(wrong)])
    request, entities = _request(who, name, resource)
    found = cedarpy.is_authorized(request, loaded, entities, _compiled_schema())
    errors = [str(one) for one in found.diagnostics.errors]
    if errors or found.decision.value == "NoDecision":
        words = "a policy could not be evaluated"
        return denied(PolicyEvaluationFailed.code, words, errors=errors)
    by = sorted({names.get(one, one) for one in found.diagnostics.reasons})
    if found.decision.value == "Allow":
        return Decision(
            allowed=True,
            reason=f"{kind_of(name)}_permitted",
            engine="cedar",
            diagnostics=diagnostics | {"policies": by},
        )
    if by:
        return denied(PolicyDenied.code, f"forbidden by policy {', '.join(by)}", policies=by)
    needed, has = NEEDED[kind_of(name)], who.standing.trust
    if has < needed:
        words = f"no policy permits it at trust level {has}"
        return denied(InsufficientTrust.code, words, needed=needed)
    if resource.type == "Domain" and not resource.attributes["allowed"]:
        return denied(DomainBlocked.code, f"no network rule allows {resource.id}")
    return denied(PolicyDenied.code, "no policy permits it")


def _request(
    who: Principal, name: str, resource: Resource
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    profile = who.standing.profile
    limits = {
        "max_file_modifications": profile.max_files,
        "max_execution_time_seconds": profile.max_seconds,
        "max_api_calls_per_hour": profile.max_calls,
    }
    agent = {"type": "Agent", "id": who.agent}
    kind = {"type": "AgentType", "id": who.type}
    thing = {"type": resource.type, "id": resource.id}
    attributes: dict[str, Any] = {
        "trust_level": who.standing.trust,
        "agent_type": who.type,
        "session_id": who.session,
        "profile": profile.name,
        "profile_source": who.standing.source,
        "allowed_operations": list(profile.allowed),
        "blocked_operations": list(profile.blocked),
    } | {field: value for field, value in limits.items() if value is not None}
    request = {
        "principal": agent,
        "action": {"type": "Action", "id": name if name in NAMES else OTHER},
        "resource": thing,
        "context": {
            "operation": name,
            "files": who.files,
            "seconds": int(who.seconds),
            "calls": who.calls,
        },
    }
    entities: list[dict[str, Any]] = [
        {"uid": agent, "attrs": attributes, "parents": [kind]},
        {"uid": kind, "attrs": {}, "parents": []},
        {"uid": thing, "attrs": resource.attributes, "parents": []},
    ]
    return request, entities


@lru_cache(maxsize=8)
def _loaded(texts: tuple[tuple[str, str], ...]) -> tuple[Any, dict[str, str]]:
    """Return the policies ready for use, and the name of each of Cedar's own ids.

    Raises `ValueError` for a text that is no policy.
    """
    cedarpy = _cedarpy()
    names: dict[str, str] = {}
    for name, text in texts:
        if tangled := _tangled(text):
            raise ValueError(f"{name}: {tangled}")
        for _ in range(_statements(text)):
            names[f"policy{len(names)}"] = name
    return cedarpy.PolicySet.from_str("\n".join(text for _, text in texts)), names


def _statements(text: str) -> int:
    """Return how many statements a text has. Raises `ValueError` for what is no policy."""
    found = msgspec.json.decode(_cedarpy().policies_to_json_str(text))
    return len(found.get("staticPolicies", {})) + len(found.get("templates", {}))


def _tangled(text: str) -> str:
    """Return why a text is not given to cedarpy: it is nested too deep, or too long-winded."""
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    if deepest > DEPTH:
        return f"brackets are nested {deepest} deep, at most {DEPTH} are read"
    count = len(_OPERATOR.findall(text))
    return f"it has {count} operators, at most {OPERATORS} are read" if count > OPERATORS else ""


@lru_cache(maxsize=1)
def _compiled_schema() -> Any:
    return _cedarpy().Schema.from_str(SCHEMA)


def _words(error: Any) -> str:
    return str(error.error).removeprefix("Policy parse error: ")


def _cedarpy() -> Any:
    try:
        import cedarpy
    except ImportError:
        raise PolicyEngineMissing from None
    return cedarpy
