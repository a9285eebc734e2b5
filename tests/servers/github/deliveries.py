"""Deliveries of webhooks: signed, sent, recorded, and sent again when asked.

GitHub never tries again by itself, and promises no order. A redelivery has the same GUID.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from tests.servers.github.ask import encoded

if TYPE_CHECKING:
    from tests.servers.github.apps import App
    from tests.servers.github.events import Event
    from tests.servers.github.records import Hook
    from tests.servers.github.world import Repository, World

#: Seconds that a receiver has for its answer.
PATIENCE = 10.0
#: (status, its text) of an answer; status 0: there was none.
Answered = tuple[int, str]
#: How a delivery goes out: (URL, headers, body).
Post = Callable[[str, dict[str, str], bytes], Answered]


@dataclass
class Delivery:
    """One delivery. `code` None: not sent yet; 0: nobody answered."""

    id: int
    guid: str
    hook: Hook
    event: str
    action: str | None
    #: The payload as JSON.
    content: bytes
    repository: int | None
    installation: int | None
    #: "repository" or "integration", with its id.
    target: tuple[str, int]
    redelivery: bool = False
    code: int | None = None
    status: str = "pending"
    answer: str = ""
    duration: float = 0.0
    at: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        """Return the payload."""
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def ok(self) -> bool:
        """Return whether a receiver took it."""
        return self.code is not None and 200 <= self.code < 300

    @property
    def body(self) -> bytes:
        """Return the bytes that go out: JSON, or a form with JSON in it, as the hook wants it."""
        if self.hook.content_type == "json":
            return self.content
        return urlencode({"payload": self.content.decode()}).encode()


def queue(
    world: World,
    hook: Hook,
    event: Event,
    repo: Repository,
    *,
    app: App | None = None,
    installation: int | None = None,
) -> Delivery:
    """Put an event into the outbox for one hook."""
    content = event.body
    if installation is not None:
        content = encoded(
            event.payload | {"installation": {"id": installation, "node_id": f"I_{installation}"}}
        )
    target = ("integration", app.id) if app else ("repository", repo.id)
    delivery = Delivery(
        world.new_id(),
        str(uuid.uuid4()),
        hook,
        event.name,
        event.action,
        content,
        repo.id,
        installation,
        target,
    )
    _put(world, delivery)
    return delivery


def again(world: World, delivery: Delivery) -> Delivery:
    """Queue a delivery once more, under its old GUID."""
    fresh = replace(
        delivery,
        id=world.new_id(),
        redelivery=True,
        code=None,
        status="pending",
        answer="",
        at="",
        headers={},
    )
    _put(world, fresh)
    return fresh


def _put(world: World, delivery: Delivery) -> None:
    delivery.headers = headers(delivery)
    world.outbox.append(delivery)
    world.wake.set()


def headers(delivery: Delivery) -> dict[str, str]:
    """Return the headers that GitHub sends with a delivery."""
    form = delivery.hook.content_type != "json"
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    sent = {
        "Accept": "*/*",
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/fake",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(delivery.hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.target[1]),
        "X-GitHub-Hook-Installation-Target-Type": delivery.target[0],
    }
    if secret := delivery.hook.secret:
        sent |= {
            "X-Hub-Signature": "sha1=" + sign(secret, delivery.body, "sha1"),
            "X-Hub-Signature-256": "sha256=" + sign(secret, delivery.body),
        }
    return sent


def sign(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of a body, in hexadecimal digits."""
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def send(world: World, delivery: Delivery, post: Post) -> Delivery:
    """Send one delivery and record what came of it."""
    began = time.monotonic()
    code, answer = post(delivery.hook.url, delivery.headers, delivery.body)
    record(world, delivery, code, answer, time.monotonic() - began)
    return delivery


def record(
    world: World, delivery: Delivery, code: int, answer: str = "", seconds: float = 0.0
) -> None:
    """Write an attempt down where the API lists it, newest first."""
    delivery.code, delivery.answer, delivery.duration = code, answer, round(seconds, 2)
    delivery.status = (
        "OK" if delivery.ok else answer if code == 0 else f"Invalid HTTP Response: {code}"
    )
    delivery.at = world.stamp()
    hook = delivery.hook
    hook.last = (code or None, delivery.status)
    hook.deliveries.insert(0, delivery)


def over_http(url: str, headers: dict[str, str], body: bytes) -> Answered:
    """Post over HTTP; no answer within ten seconds is none."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except TimeoutError:
        return 0, "timed out"
    except (OSError, http.client.HTTPException):
        return 0, "failed to connect to host"
    finally:
        connection.close()


def row(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as lists show it."""
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": delivery.at,
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.code or 0,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": None,
    }


def shown(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery with all that was sent and said."""
    return row(delivery) | {
        "url": delivery.hook.url,
        "request": {"headers": delivery.headers, "payload": delivery.payload},
        "response": {"headers": {}, "payload": delivery.answer},
    }
