"""How a host fails: what is done to which request, on order or by the dice of a seed.

A fault is used up by the first request that it matches. "after" means that git has done
its work and only the answer goes wrong.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.incoming import Incoming


@dataclass(frozen=True)
class Fault:
    """One misfortune; make it with the functions below. Empty `service`, `command`: any."""

    kind: str
    service: str = ""
    command: str = ""
    #: Whether git does its work before the misfortune shows.
    after: bool = False
    seconds: float = 0.0
    code: int = 0
    retry_after: str | None = None
    content_type: str = "text/plain"
    body: str = ""
    reached: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)
    released: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    def matches(self, request: Incoming) -> bool:
        """Return whether this request is the one to suffer."""
        return self.service in {"", request.service} and self.command in {"", request.command}

    def release(self) -> None:
        """Let a held request go on."""
        self.released.set()


def delay(seconds: float, *, after: bool = False, service: str = "", command: str = "") -> Fault:
    """Return: the request (or, after, its answer) waits for so many seconds."""
    return Fault("delay", service, command, after=after, seconds=seconds)


def hold(*, after: bool = False, service: str = "", command: str = "") -> Fault:
    """Return: the request (or, after, its answer) waits until the test calls `release()`.

    `reached.wait()` tells that it has arrived. Only for a host in the test's own process.
    """
    return Fault("hold", service, command, after=after)


def cut_before(*, service: str = "", command: str = "") -> Fault:
    """Return: the connection is closed after the request has come and before git sees it."""
    return Fault("cut_before", service, command)


def cut_after(*, service: str = "", command: str = "") -> Fault:
    """Return: git does its work, and the connection is closed without an answer."""
    return Fault("cut_after", service, command, after=True)


def cut_middle(*, service: str = "", command: str = "") -> Fault:
    """Return: git does its work, and the connection is closed in the middle of the answer."""
    return Fault("cut_middle", service, command, after=True)


def status(
    code: int,
    retry_after: float | str | None = None,
    *,
    after: bool = False,
    service: str = "",
    command: str = "",
) -> Fault:
    """Return: the answer is this status; `retry_after` in seconds, or as an HTTP date."""
    asked = None if retry_after is None else str(retry_after)
    words = f"{code} by order of the test\n"
    return Fault("answer", service, command, after, code=code, retry_after=asked, body=words)


def page(
    body: str = "<html>Sign in</html>",
    *,
    code: int = 200,
    content_type: str = "text/html",
    after: bool = False,
    service: str = "",
    command: str = "",
) -> Fault:
    """Return: the answer is this text, like the page of a proxy that wants a login."""
    return Fault("answer", service, command, after, code=code, content_type=content_type, body=body)


def from_json(fields: dict[str, Any]) -> Fault:
    """Return the fault of {"kind": name of a function above, and its arguments}."""
    arguments = dict(fields)
    return MAKERS[arguments.pop("kind")](**arguments)


#: What the control page can order.
MAKERS: dict[str, Callable[..., Fault]] = {
    "delay": delay,
    "cut_before": cut_before,
    "cut_after": cut_after,
    "cut_middle": cut_middle,
    "status": status,
    "page": page,
}


#: What random faults do: the connection is cut before, after, in the middle.
CUTS = (cut_before(), cut_after(), cut_middle())


class Misfortune:
    """Decides, request by request, what goes wrong: ordered faults first, then the dice."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []
        #: How many requests the dice have struck.
        self.struck = 0
        self._share = 0.0
        self._dice = random.Random(0)
        self._kinds: tuple[Fault, ...] = CUTS
        self._lock = threading.Lock()

    def at_random(self, share: float, seed: int, kinds: tuple[Fault, ...] = CUTS) -> None:
        """Strike this share of all requests from here on with one of `kinds` each; 0.0 ends it."""
        with self._lock:
            self._share, self._dice, self._kinds = share, random.Random(seed), kinds

    def next(self, request: Incoming) -> Fault | None:
        """Return what happens to this request, or None."""
        with self._lock:
            for fault in self.ordered:
                if fault.matches(request):
                    self.ordered.remove(fault)
                    return fault
            if not self._share or self._dice.random() >= self._share:
                return None
            fault = self._dice.choice(self._kinds)
            if not fault.matches(request):
                return None
            self.struck += 1
            return fault
