"""The webhooks of a repository: made once, and asked what they could not deliver.

GitHub tries a delivery once; what a service missed is listed for some days and can be sent
again under the same id, so that it is known when it comes twice. Needs administration rights.
https://docs.github.com/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from gitcoord.domain.time import parse

if TYPE_CHECKING:
    from gitcoord.domain.time import Time
    from gitcoord.mirror.api import Api

#: Where the service receives webhooks (DESIGN §7).
PATH = "/webhook/github"
#: The events that a hook of ours is sent.
EVENTS = (
    "check_run", "check_suite", "delete", "issue_comment", "issues", "label",
    "merge_group", "pull_request", "push", "repository_dispatch", "status",
)  # fmt: skip


class Redelivered(NamedTuple):
    """How many deliveries had failed, and how many of these GitHub sends again."""

    missed: int
    again: int


class Hooks:
    """The webhooks of one repository."""

    def __init__(self, api: Api, repository: str) -> None:
        self._api = api
        self._root = f"/repos/{repository}/hooks"

    def ours(self, url: str = "") -> list[Mapping[str, Any]]:
        """Return the webhooks that lead to a service of ours, or to that URL."""
        return [
            hook
            for hook in self._api.pages(self._root)
            if _leads_to(str((hook.get("config") or {}).get("url", "")), url)
        ]

    def make(self, url: str, secret: str) -> int:
        """Make a webhook for a service at this URL and return its id, or bring one up to date."""
        config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
        body = {"active": True, "events": list(EVENTS), "config": config}
        there = self.ours(url)
        if there:
            number = int(there[0]["id"])
            self._api.change("PATCH", f"{self._root}/{number}", body)
            return number
        return int(self._api.change("POST", self._root, {"name": "web", **body})["id"])

    def redeliver(self, since: Time) -> Redelivered:
        """Let GitHub send again what no service has taken since then.

        A delivery counts as taken when any try at it was answered with success.
        """
        missed = again = 0
        for hook in self.ours():
            root = f"{self._root}/{hook['id']}/deliveries"
            listed = self._api.pages(root)
            recent = list(takewhile(lambda one: parse(str(one["delivered_at"])) > since, listed))
            taken = {one["guid"] for one in recent if 200 <= int(one["status_code"] or 0) < 300}
            for one in {x["guid"]: x for x in recent if x["guid"] not in taken}.values():
                missed += 1
                said = self._api.change("POST", f"{root}/{one['id']}/attempts")
                again += said is not None
        return Redelivered(missed, again)


def _leads_to(found: str, url: str) -> bool:
    return found == url if url else found.rstrip("/").endswith(PATH)
