"""Which request of the API a fault of the host strikes: by method and path.

`github.faults.append(at(faults.status(502), "POST", r"/repos/[^/]+/[^/]+/issues"))`; the makers
(`status`, `delay`, `hold`, `cut_before`, `cut_after`, `cut_middle`, `page`) are the host's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from tests.servers.faults import Fault
from tests.servers.github.api import ENTERPRISE
from tests.servers.incoming import Incoming


@dataclass(frozen=True)
class ApiFault(Fault):
    """A fault for a method ("": any) and the paths that a regular expression matches whole."""

    method: str = ""
    path: str = ""

    def matches(self, request: Incoming) -> bool:
        """Return whether this request is the one to suffer."""
        return self.method in {"", request.method} and bool(
            re.fullmatch(self.path or ".*", request.path.removeprefix(ENTERPRISE))
        )


def at(fault: Fault, method: str = "", path: str = "") -> ApiFault:
    """Return the fault, for requests with this method and path alone."""
    given = {field.name: getattr(fault, field.name) for field in fields(Fault)}
    return ApiFault(**given, method=method, path=path)
