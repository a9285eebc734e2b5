"""The OpenAPI document, and the service held against it by generated requests."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.webhook.conftest import Maker
from tests.webhook.served import Served
from webhook.api import openapi, said, waiting
from webhook.api.openapi import _left, described
from webhook.api.table import LINES
from webhook.compat.document import PATH as COMPAT

#: Requests that are made up for each route: such as the document describes, and others.
EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}


@pytest.fixture
def schema(serving: Maker, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Served]:
    # What may wait a minute shows as much in the time of a blink.
    for module in (openapi, said, waiting):
        monkeypatch.setattr(module, "LONGEST", 0.05)
    served = serving(rate=10**9)
    ada = served.agent("ada")
    ada.post("/locks", {"keys": ["src/**"]})
    ada.post("/tasks", {"tasks": [{"id": "t-1", "title": "Parser", "keys": ["src/parser/**"]}]})
    ada.post("/handoffs", {"id": "h-1", "summary": "login works"})
    ada.post("/messages", {"id": "m-1", "text": "hello"})
    found = schemathesis.openapi.from_asgi("/api/v1/openapi.json", served.client.app)
    found.config.update(headers={"X-API-Key": served.key("admin")})
    return found, served


def test_every_answer_is_one_that_the_document_describes(
    schema: tuple[Any, Served],
) -> None:
    document, served = schema
    seen = {}
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path == "/api/v1/events":
            # A stream that does not end.
            continue
        statuses: set[int] = set()
        takes = any(True for _ in operation.iter_parameters()) or operation.body
        # Nothing can be wrong with what takes nothing.
        for mode in GenerationMode if takes else (GenerationMode.POSITIVE,):
            statuses |= _answers(operation, served.agent("bob").token, mode)
        seen[operation.label] = statuses
    assert len(seen) == len(LINES) + 11
    # Requests that are made up have reached the rules, and not only their doors.
    done = [label for label, statuses in seen.items() if statuses & {200, 201}]
    assert len(done) > len(LINES) / 2, sorted(set(seen) - set(done))
    refused = [label for label, statuses in seen.items() if 400 in statuses]
    assert len(refused) > len(LINES) / 2, sorted(set(seen) - set(refused))


def _answers(operation: Any, token: str, mode: GenerationMode) -> set[int]:
    """Send requests to one route, hold the answers against the document, return statuses."""
    statuses: set[int] = set()

    @hypothesis.settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def answered(case: Any) -> None:
        # Whose session it is, and which project, is tested elsewhere; made up it is never right.
        case.headers.pop("Gitcoord-Project", None)
        case.headers["Gitcoord-Session"] = token
        answer = case.call()
        statuses.add(answer.status_code)
        checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
        # What is not possible now is said with 503, which a client can do something about.
        if answer.status_code != 503 or answer.json()["code"] == "bug":
            checks.append(not_a_server_error)
        case.validate_response(answer, checks=checks)

    answered()
    return statuses


def test_every_route_of_the_table_is_described_with_what_it_takes() -> None:
    document = described()
    for line in LINES:
        route = document["paths"]["/api/v1" + line.path][line.method.lower()]
        assert route["summary"] == line.summary
        assert f"`{line.scope}`" in route["description"]
        assert {"400", "401", "403"} <= route["responses"].keys()
        in_path = {one["name"] for one in route["parameters"] if one["in"] == "path"}
        assert in_path == {part[1:-1] for part in line.path.split("/") if part[:1] == "{"}
    table = {(line.method, "/api/v1" + line.path) for line in LINES}
    beside = {
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/metrics"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/notifications"),
        ("POST", "/api/v1/notifications"),
        ("DELETE", "/api/v1/notifications/{id}"),
        ("GET", "/api/v1/ports"),
        ("POST", "/api/v1/ports"),
        ("POST", "/api/v1/ports/release"),
        ("POST", "/api/v1/merges/check"),
        ("POST", "/api/v1/merges/land"),
    }
    named = {(m.upper(), path) for path, routes in document["paths"].items() for m in routes}
    assert named == table | beside


def test_every_route_below_the_prefix_is_in_the_document(served: Served) -> None:
    document = described()["paths"]
    known = ("/api/v1/", "/health", "/ready", "/metrics")
    paths = {route.path for route in served.client.app.routes if route.path.startswith(known)}
    ours = {path for path in paths if not path.startswith("/api/v1/agent")}
    assert ours - {"/api/v1/openapi.json", COMPAT} == document.keys()


@pytest.mark.parametrize("line", [x for x in LINES if x.tag], ids=lambda line: line.id)
def test_the_example_of_a_route_is_one_that_it_takes(served: Served, line: Any) -> None:
    ada = served.agent("ada")
    path = line.path.replace("{task}", "t-1").replace("{id}", "t-1")
    answer = served.call(
        line.method, path, dict(line.example), key=served.key("admin"), session=ada.token
    )
    assert line.example or not _left(line), "an operation that takes something has an example"
    # Refused by the rules perhaps, as there is nothing yet, but never for its form.
    assert answer.status_code != 400 or line.tag == "ledger.import", answer.text
