"""Session tokens: 64 hex digits that prove whose session it is, and are stored nowhere.

A token is an HMAC of project and session under the service's secret, so that services which share
their file agree on it, and whoever reads the ledger cannot make one. It is good for as long as
the session lives.
"""

from __future__ import annotations

import hmac
import re
import threading
from hashlib import sha256
from typing import TYPE_CHECKING

from gitcoord.domain.sessions import Session

if TYPE_CHECKING:
    from webhook.projects import Project

FORM = re.compile(r"[0-9a-f]{64}")


class Tokens:
    """Makes tokens and finds whose one is. Safe between threads."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._lock = threading.Lock()
        #: Project -> head of its ledger, and token -> session of those that live there.
        self._known: dict[str, tuple[str, dict[str, str]]] = {}

    def token(self, project: str, session: str) -> str:
        """Return the token of a session."""
        text = f"{project}\0{session}".encode()
        return hmac.new(self._secret, text, sha256).hexdigest()

    def session(self, project: Project, token: str) -> str | None:
        """Return the live session whose token this is; None for no such session."""
        if not FORM.fullmatch(token):
            return None
        ledger = project.house().ledger
        head = ledger.head()
        with self._lock:
            seen, known = self._known.get(project.name, ("", {}))
        if seen != head:
            with ledger.state() as state:
                live = state.find(Session, "live")
            known = {self.token(project.name, one.id): one.id for one in live}
            with self._lock:
                self._known[project.name] = (head, known)
        found = known.get(token)
        # The search above is by hash; what was found is compared in constant time.
        right = self.token(project.name, found or "")
        return found if hmac.compare_digest(right, token) and found else None
