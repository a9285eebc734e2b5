"""Numbers for Prometheus at `/metrics`: requests, their time, and what the ledgers hold.

Labels are routes and projects, never what somebody sent. Needs a key with scope `read`, and shows
that key's project, and requests whose project nobody knew. Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from webhook.access import Caller, caller
from webhook.api.asking import Asking
from webhook.api.pages import Asked
from webhook.api.who import status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from webhook.service import Service

#: Upper ends of the classes of times, in seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The numbers of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ("project", "method", "route", "status")
        self._requests = Counter(
            "gitcoord_requests", "Requests by route and status", names, registry=self.registry
        )
        self._seconds = Histogram(
            "gitcoord_request_seconds",
            "Seconds until the answer began",
            ("project", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )

    def count(self, project: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; the project is "" where nobody who is known has asked."""
        self._requests.labels(project, method, route, str(status)).inc()
        self._seconds.labels(project, route).observe(seconds)

    def of(self, project: str) -> Iterator[Metric]:
        """Yield the numbers without those of other projects."""
        for family in self.registry.collect():
            mine = [one for one in family.samples if one.labels["project"] in ("", project)]
            shown = Metric(family.name, family.documentation, family.type, family.unit)
            shown.samples = mine
            yield shown


class Counted:
    """Counts every request by its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                named = getattr(route, "path", "unknown")
                spent = time.perf_counter() - began
                method = scope["method"] if named != "unknown" else "any"
                project = scope.get("state", {}).get("project", "")
                self._metrics.count(project, method, named, message["status"], spent)
            await send(message)

        await self._app(scope, receive, sent)


class _Of(Collector):
    """What a project may see of the service's numbers."""

    def __init__(self, metrics: Metrics, project: str) -> None:
        self._metrics = metrics
        self._project = project

    def collect(self) -> Iterator[Metric]:
        return self._metrics.of(self._project)


def route(service: Service, metrics: Metrics) -> Route:
    """Return the route."""

    async def shown(request: Request) -> Response:
        known = await caller(service, request, "read")
        own = await known.project.work(_gauges, known)
        own.register(_Of(metrics, known.project.name))
        body = generate_latest(own)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Route("/metrics", shown)


def _gauges(known: Caller) -> CollectorRegistry:
    """Return what the project's ledger holds now."""
    known.project.fresh()
    found = status(Asking(known), Asked())
    registry = CollectorRegistry()
    label = ("project",)
    for name, words, value in (
        ("gitcoord_sessions", "Live sessions", found.sessions),
        ("gitcoord_locks", "Live locks", found.locks),
        ("gitcoord_waiters", "Sessions in the queue", found.waiting),
        ("gitcoord_unlanded", "Marks of work that has not landed", found.unlanded),
        ("gitcoord_ledger_seq", "Transactions of the ledger", found.seq),
    ):
        Gauge(name, words, label, registry=registry).labels(found.project).set(value)
    tasks = Gauge("gitcoord_tasks", "Tasks by status", (*label, "status"), registry=registry)
    for name, count in found.tasks.items():
        tasks.labels(found.project, name).set(count)
    return registry
