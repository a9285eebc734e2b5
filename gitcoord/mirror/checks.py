"""The checks of a commit: ours, written as a check run or a commit status, and those of others.

Check runs are for apps and workflows, statuses for everybody who may push; both can be required
of pull requests under the same name. Either names the state of the ledger that it shows.
https://docs.github.com/rest/checks/runs, https://docs.github.com/rest/commits/statuses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitcoord.domain.check_runs import CheckRun, Conclusion
from gitcoord.errors import ForgeRefused
from gitcoord.mirror.effects import NO_AGE, age_of
from gitcoord.mirror.subjects import CHECK

if TYPE_CHECKING:
    from gitcoord.mirror.api import Api
    from gitcoord.mirror.effects import Stamp

#: Longest description of a status and title of a check run, in characters; longest summary.
STATUS_LIMIT, TITLE_LIMIT, SUMMARY_LIMIT = 140, 250, 60_000
#: Status with which GitHub answers to a commit that it does not know.
UNKNOWN = 422
#: Conclusion of a check run, state of a commit status -> ours. Another one has failed.
_ENDS: dict[str, Conclusion] = {
    "success": "passed",
    "neutral": "passed",
    "skipped": "skipped",
    "pending": "",
}
_RANKS: tuple[Conclusion, ...] = ("failed", "", "skipped", "passed")


class Checks:
    """What our checks say about commits of one repository."""

    def __init__(self, api: Api, root: str, *, runs: bool, me: str) -> None:
        """Say with `runs` whether check runs may be written, and by whom: the login of an app."""
        self._api = api
        self._root = root
        self._runs = runs
        self._me = me

    def say(self, head: str, *, ok: bool, title: str, summary: str, stamp: Stamp) -> None:
        """See that the check of a commit says this, unless it shows a newer state."""
        if self._runs:
            self._run(head, ok, title[:TITLE_LIMIT], summary[:SUMMARY_LIMIT], stamp)
        else:
            self._status(head, ok, title, stamp)

    def seen(self, head: str) -> list[CheckRun]:
        """Return what others say of a commit, by name; of several the worst counts."""
        try:
            runs = list(self._api.pages(f"{self._root}/commits/{head}/check-runs", filter="latest"))
            statuses = list(self._api.pages(f"{self._root}/commits/{head}/statuses"))
        except ForgeRefused as refused:
            # So GitHub calls a commit that it has not got.
            if refused.details.get("status") == UNKNOWN:
                return []
            raise
        found: dict[str, CheckRun] = {}
        newest: dict[str, Any] = {}
        for status in statuses:
            # The newest comes first.
            newest.setdefault(str(status.get("context")), status)
        for one in (*map(_of_run, runs), *map(_of_status, newest.values())):
            before = found.get(one.name)
            if one.name != CHECK and (before is None or _rank(one) < _rank(before)):
                found[one.name] = one
        return list(found.values())

    def _run(self, head: str, ok: bool, title: str, summary: str, stamp: Stamp) -> None:
        there = self._api.pages(
            f"{self._root}/commits/{head}/check-runs", check_name=CHECK, filter="latest"
        )
        # A service and the workflows are different apps; only its own app can change a run.
        ours = [
            run
            for run in there
            if age_of(str(run.get("external_id") or "")) > NO_AGE
            and f"{(run.get('app') or {}).get('slug')}[bot]" == self._me
        ]
        body: dict[str, Any] = {
            "name": CHECK,
            "status": "completed",
            "conclusion": "success" if ok else "failure",
            "external_id": f"{stamp} {stamp.oid}",
            "output": {"title": title, "summary": summary or title},
        }
        if not ours:
            self._api.change("POST", f"{self._root}/check-runs", body | {"head_sha": head})
            return
        last = ours[0]
        said = last.get("output") or {}
        same = (
            last.get("conclusion") == body["conclusion"]
            and said.get("title") == title
            and said.get("summary") == body["output"]["summary"]
        )
        if not same and age_of(str(last["external_id"])) <= stamp.age:
            self._api.change("PATCH", f"{self._root}/check-runs/{last['id']}", body)

    def _status(self, head: str, ok: bool, title: str, stamp: Stamp) -> None:
        tail = f" ({stamp})"
        room = STATUS_LIMIT - len(tail)
        short = title if len(title) <= room else title[: room - 1] + "…"
        state = "success" if ok else "failure"
        for there in self._api.pages(f"{self._root}/commits/{head}/statuses"):
            if there.get("context") != CHECK:
                continue
            # The newest comes first.
            said, _, age = str(there.get("description") or "").rpartition(" (")
            if (said, there.get("state")) == (short, state) or age_of(age) > stamp.age:
                return
            break
        body = {"state": state, "context": CHECK, "description": f"{short}{tail}"}
        self._api.change("POST", f"{self._root}/statuses/{head}", body)


def _of_run(run: dict[str, Any]) -> CheckRun:
    ended = run.get("status") == "completed"
    conclusion = _ENDS.get(str(run.get("conclusion")), "failed") if ended else ""
    url = str(run.get("html_url") or run.get("details_url") or "")
    return CheckRun(name=str(run.get("name")), conclusion=conclusion, url=url)


def _of_status(status: dict[str, Any]) -> CheckRun:
    conclusion = _ENDS.get(str(status.get("state")), "failed")
    url = str(status.get("target_url") or "")
    return CheckRun(name=str(status.get("context")), conclusion=conclusion, url=url)


def _rank(run: CheckRun) -> int:
    return _RANKS.index(run.conclusion)
