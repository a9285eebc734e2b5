"""Session tokens: 64 hex digits that prove whose session it is, and are stored nowhere.

A token is an HMAC of project and session under the service's secret, so that services which share
their file agree on it, and whoever reads the ledger cannot make one. It is good for as long as
the session lives.
"""

from __future__ import annotations

import hmac
import re
import threading
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.sessions import Session
from gitcoord.domain.time import plus

if TYPE_CHECKING:
    from gitcoord.ledger.ledger import Ledger
    from webhook.projects import Project

FORM = re.compile(r"[0-9a-f]{64}")
#: Seconds for which it is known of an ended session whose token is shown that it has ended.
REMEMBERED = 86400.0


class Owner(NamedTuple):
    """Whose a token is."""

    session: str
    agent: str


class Tokens:
    """Makes tokens and finds whose one is. Safe between threads."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._lock = threading.Lock()
        #: Project -> head of its ledger when the sessions were looked through, and whose their
        #: tokens are. A token stays that of its session, and that of its agent, whatever the head.
        self._known: dict[str, tuple[str, dict[str, Owner]]] = {}

    def token(self, project: str, session: str) -> str:
        """Return the token of a session."""
        text = f"{project}\0{session}".encode()
        return hmac.digest(self._secret, text, "sha256").hex()

    def known(self, project: Project, token: str) -> Owner | None:
        """Return whose a token is that was seen before, without a look at the ledger."""
        found = self._known.get(project.name, ("", {}))[1].get(token)
        if found is None:
            return None
        mine = self.token(project.name, found.session)
        return found if hmac.compare_digest(mine, token) else None

    def session(self, project: Project, token: str, *, living: bool) -> str | None:
        """Return the session whose token this is; None for no such session.

        `living`: whether it has to be seen that the session lives. Operations test that
        themselves, in the state in which they are decided.
        """
        if not FORM.fullmatch(token):
            return None
        ledger = project.house().ledger
        found = self.known(project, token)
        if found is None:
            self._look_through(project.name, ledger)
            found = self.known(project, token)
        if found is None:
            return None
        name = found.session
        if not living:
            return name
        with ledger.state() as state:
            return name if state.get(Session, name, archived=False) is not None else None

    def _look_through(self, project: str, ledger: Ledger) -> None:
        """See the tokens of sessions that may show one; nobody looks twice at the same head."""
        with self._lock:
            head = ledger.head()
            if self._known.get(project, ("", {}))[0] != head:
                with ledger.state(head) as state:
                    # Who has just been ended is told so, by whichever service.
                    since = plus(state.meta.time, -REMEMBERED)
                    gone = state.scan(Session, "end:", archived=True)
                    late = [one for one in gone if one.ended_at >= since]
                    found = [*state.find(Session, "live"), *late]
                known = {self.token(project, one.id): Owner(one.id, one.agent) for one in found}
                self._known[project] = (head, known)
