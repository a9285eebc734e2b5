"""The host's control page: faults and settings as JSON, for a host in a process of its own.

POST {"set": {attribute: value}, "faults": [...], "random": {"share", "seed"}, "redirect":
[name, to, code], "clear": true, "drop": true, "show": true}; every answer holds {"count",
"struck"}, and the log itself as "requests" where "show" asks for it.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.servers import faults
from tests.servers.backend import Reply
from tests.servers.repositories import Repositories

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.servers.git_http import GitHost
    from tests.servers.incoming import Incoming

PATH = "/-/control"
SETTABLE = frozenset(
    ("users", "tokens", "readers", "insist_on_advertisement", "no_v2", "date_offset", "latency")
)


def answer(host: GitHost, request: Incoming) -> Reply:
    """Do what the request asks of the host, and return how much it was asked so far."""
    wanted: dict[str, Any] = json.loads(request.body or b"{}")
    for name, value in wanted.get("set", {}).items():
        assert name in SETTABLE, name
        setattr(host, name, value)
    host.faults.extend(faults.from_json(fields) for fields in wanted.get("faults", ()))
    if "random" in wanted:
        dice: dict[str, Any] = wanted["random"]
        kinds = tuple(faults.from_json(fields) for fields in dice.get("kinds", ()))
        host.random_faults(dice["share"], dice["seed"], kinds or faults.CUTS)
    if "redirect" in wanted:
        host.redirect(*wanted["redirect"])
    if wanted.get("drop"):
        host.drop_connections()
    shown: dict[str, Any] = {"count": len(host.requests), "struck": host.misfortune.struck}
    if wanted.get("show"):
        shown["requests"] = [row._asdict() for row in host.requests]
    if wanted.get("clear"):
        host.clear()
    return Reply(200, (("Content-Type", "application/json"),), json.dumps(shown).encode())


class HostProcess(Repositories):
    """A host in a process of its own; what it can is set through its control page."""

    def __init__(self, root: str | Path, base: str) -> None:
        super().__init__(root)
        self.base = base

    def url(self, name: str) -> str:
        """Return the URL of a repository."""
        return f"{self.base}/{name}.git"

    def set(self, **values: object) -> None:
        """Set attributes of the host: `set(latency=0.05)`."""
        self.tell({"set": values})

    def add_fault(self, kind: str, **arguments: object) -> None:
        """Order a fault: `add_fault("status", code=429, retry_after=1)`."""
        self.tell({"faults": [{"kind": kind, **arguments}]})

    def random_faults(
        self, share: float = 0.2, seed: int = 0, kinds: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Strike this share of all requests; `kinds` as for `add_fault`, none: connections cut."""
        self.tell({"random": {"share": share, "seed": seed, "kinds": list(kinds)}})

    def drop_connections(self) -> None:
        """Close all connections, as a host does with idle ones."""
        self.tell({"drop": True})

    def requests(self, *, clear: bool = False) -> list[dict[str, Any]]:
        """Return the log, and forget it if asked to."""
        rows: list[dict[str, Any]] = self.tell({"show": True, "clear": clear})["requests"]
        return rows

    def tell(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return what the control page answers."""
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=30)
        try:
            connection.request("POST", PATH, json.dumps(wanted))
            reply: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return reply


@contextmanager
def host_process(root: str | Path) -> Iterator[HostProcess]:
    """Run a host in a process of its own while the block runs."""
    command = [sys.executable, "-m", "tests.servers.git_http", str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield HostProcess(root, child.stdout.readline().decode().strip())
        finally:
            child.stdin.close()
            child.wait()
