"""The OpenAPI document of the systems' routes, and the service held against it."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.webhook.compat.talking import GOLEMXV, Client, add_task
from tests.webhook.conftest import Maker
from tests.webhook.served import begun
from webhook.app import ORIGINALS
from webhook.compat.document import PATH, described

#: Requests that are made up for each route.
EXAMPLES = 5
#: Said with a status of servers: busy, out of reach, not configured.
ABSENT = 503


def test_every_route_is_described_with_what_it_takes() -> None:
    document = described(ORIGINALS)
    named = {(m.upper(), path) for path, routes in document["paths"].items() for m in routes}
    lines = [(system, line) for system in ORIGINALS for line in system.lines]
    assert named == {
        (line.method, system.base + line.path.replace(":path}", "}")) for system, line in lines
    }
    for system, line in lines:
        path = system.base + line.path.replace(":path}", "}")
        route = document["paths"][path][line.method.lower()]
        assert route["tags"] == [system.name]
        assert route["summary"], line.path
        assert str(line.status) in route["responses"]
        assert {one["name"] for one in route["parameters"] if one["in"] == "query"} == {*line.query}
        assert ("requestBody" in route) == (line.body is not None)


def test_the_document_is_open_until_keys_are_required_everywhere(serving: Maker, repo: str) -> None:
    places = {"default": begun(repo)}
    assert serving(places).client.get(PATH).json()["openapi"] == "3.1.0"
    closed = serving(places, require_key_everywhere=True)
    assert closed.client.get(PATH).status_code == 401
    assert Client(closed, "", "read").get(PATH).status_code == 200


@pytest.mark.parametrize("system", ORIGINALS, ids=lambda system: system.name)
def test_every_answer_is_one_that_the_document_describes(serving: Maker, system: Any) -> None:
    served = serving(rate=10**9)
    add_task(served)
    admin = Client(served, "", "admin")
    document = schemathesis.openapi.from_asgi(PATH, served.client.app)
    document.config.update(headers={"X-API-Key": admin.key})
    seen: dict[str, set[int]] = {}
    for found in document.get_all_operations():
        operation = found.ok()
        if system.name in operation.tags:
            ada = admin.good("POST", f"{GOLEMXV}/checkin", {"agent_name": "ada"}, 201)["data"]
            seen[operation.label] = _answers(operation, ada)
    assert len(seen) == len(system.lines)
    # Requests that are made up have reached the rules, and not only their doors.
    there = {name for name, statuses in seen.items() if ABSENT not in statuses}
    done = {name for name in there if seen[name] & {200, 201}}
    assert len(done) > len(there) / 2, sorted(there - done)


def _answers(operation: Any, ada: dict[str, str]) -> set[int]:
    """Send requests to one route, hold the answers against the document, return statuses."""
    statuses: set[int] = set()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def answered(case: Any) -> None:
        # Whose session it is and which task, is tested elsewhere; made up it is never right.
        token = ada["session_token"]
        named = {"session_token": token, "session_id": token, "to": "broadcast"}
        if isinstance(case.body, dict):
            case.body |= {name: named[name] for name in named if name in case.body}
        if case.path_parameters and "id" in case.path_parameters:
            id = ada["session_id"] if "/sessions/" in operation.path else "t-1"
            case.path_parameters["id"] = id
        answer = case.call()
        statuses.add(answer.status_code)
        checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
        if answer.status_code != ABSENT or "bug of gitcoord" in answer.text:
            checks.append(not_a_server_error)
        case.validate_response(answer, checks=checks)

    answered()
    return statuses
