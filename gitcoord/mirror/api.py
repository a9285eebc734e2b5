"""GitHub's REST interface through PyGithub: JSON in and out, pages, what is kept, what goes wrong.

What GitHub refuses becomes an error of ours: what is not there is None for a question, a limit
is `ForgeBusy` with the seconds to wait, trouble is `Unavailable`. A question is asked again a few
times when GitHub stumbles; a change never is, for it may have been made. Not here: what the
JSON means.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from gitcoord.errors import AccessDenied, ForgeBusy, ForgeRefused, InvalidConfig, Unavailable
from gitcoord.mirror.answers import Answers, Kept

if TYPE_CHECKING:
    from github.Requester import Requester

#: How often a question is asked, and the seconds before it is asked again.
TRIES = 3
PAUSES = (0.2, 1.0)
#: Seconds to wait where GitHub wants time and does not say how much.
UNNAMED = 60.0
#: Most pages that one list is read in.
PAGES = 100

_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_GONE = frozenset((404, 410))


class Api:
    """The interface of one GitHub. For one thread at a time."""

    def __init__(self, requester: Requester, answers: Answers) -> None:
        self._requester = requester
        self._answers = answers
        #: How many requests counted against the limit.
        self.spent = 0

    def get(self, path: str, /, *, lasting: bool = False, **parameters: Any) -> Any:
        """Return the JSON at a path, or None where nothing is.

        `lasting`: it never changes once it is there. Raises `ForgeBusy`, `ForgeRefused`,
        `AccessDenied` and `Unavailable`, like all of this class.
        """
        return self._page(_address(path, parameters), lasting)[0]

    def pages(self, path: str, /, **parameters: Any) -> Iterator[Any]:
        """Yield the items of a list, page after page; none where there is no list.

        An answer that holds its items under a name is a list of these.
        """
        address = _address(path, {"per_page": self._requester.per_page} | parameters)
        for _ in range(PAGES):
            found, address = self._page(address, lasting=False, listed=True)
            yield from _items(found)
            if not address:
                return

    def change(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make a change and return what GitHub says to it; None where there is nothing to change.

        Raises also `ForgeRefused` for what GitHub calls invalid.
        """
        status, headers, text = self._ask(verb, path, body, {})
        if status in _GONE:
            return None
        _refuse(status, headers, text)
        return json.loads(text) if text else None

    def _page(self, address: str, lasting: bool, *, listed: bool = False) -> tuple[Any, str]:
        kept = self._answers.get(address)
        if kept is not None and lasting:
            return json.loads(kept.body), kept.following
        if kept is not None and listed and not kept.following and self._full(kept):
            # The same page may have one after it by now, of which its ETag says nothing.
            kept = None
        known = {"If-None-Match": kept.etag} if kept is not None and kept.etag else {}
        status, headers, text = self._asked(address, known)
        if status == 304 and kept is not None:
            return json.loads(kept.body), kept.following
        if status in _GONE or (status == 409 and "empty" in text.lower()):
            return None, ""
        _refuse(status, headers, text)
        following = _following(headers.get("link", ""))
        etag = headers.get("etag", "")
        if etag or lasting:
            self._answers.put(address, Kept(etag, text or "null", following))
        return (json.loads(text) if text else None), following

    def _full(self, kept: Kept) -> bool:
        return len(_items(json.loads(kept.body))) >= self._requester.per_page

    def _asked(self, address: str, known: dict[str, str]) -> tuple[int, dict[str, Any], str]:
        for pause in (*PAUSES[: TRIES - 1], None):
            try:
                status, headers, text = self._ask("GET", address, None, known)
            except (ForgeBusy, AccessDenied):
                raise
            except Unavailable:
                if pause is None:
                    raise
            else:
                if status < 500 or pause is None:
                    return status, headers, text
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _ask(
        self, verb: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], str]:
        import requests
        from github import GithubException

        try:
            status, told, text = self._requester.requestJson(
                verb, path, None, headers, dict(body) if body is not None else None
            )
        except requests.exceptions.RequestException as wrong:
            raise Unavailable(f"GitHub does not answer: {type(wrong).__name__}") from wrong
        except RuntimeError as wrong:
            # So PyGithub says that GitHub leads to another host or scheme, where no token goes.
            raise InvalidConfig(
                f"GitHub leads elsewhere: {wrong}",
                hint="Set GITCOORD_GITHUB_API_URL to the address that GitHub has now.",
            ) from wrong
        except GithubException as wrong:
            # Only what renews an app's token raises; its answer tells why.
            _refuse(wrong.status, wrong.headers or {}, json.dumps(wrong.data))
            raise Unavailable(f"GitHub does not let us in: {wrong.status}") from wrong
        if status != 304:
            self.spent += 1
        return status, told, text or ""


def _refuse(status: int, headers: Mapping[str, Any], text: str) -> None:
    """Raise what a status means, if it is not one of success."""
    if status < 400:
        return
    said = _message(text)
    wait = _wait(status, headers, said)
    if wait is not None:
        raise ForgeBusy(f"GitHub wants {wait:.0f} s: {said}", retry_after=wait)
    if status >= 500:
        raise Unavailable(f"GitHub has trouble: {status} {said}")
    if status == 401:
        raise AccessDenied(
            f"GitHub does not let us in: {said}",
            hint="Set GITCOORD_GITHUB_TOKEN, or GITCOORD_GITHUB_APP_ID and its key.",
        )
    raise ForgeRefused(f"GitHub says {status}: {said}", status=status)


def _wait(status: int, headers: Mapping[str, Any], said: str) -> float | None:
    """Return the seconds that GitHub wants, or None where it is not about limits.

    https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if status not in (403, 429):
        return None
    named = str(headers.get("retry-after", ""))
    if named.isdigit():
        return float(named)
    if headers.get("x-ratelimit-remaining") == "0":
        reset = str(headers.get("x-ratelimit-reset", ""))
        # Cut to what is said; a clock that is wrong must not make this an eternity.
        return min(max(1.0, float(reset) - time.time()), 3600.0) if reset.isdigit() else UNNAMED
    return UNNAMED if status == 429 or "rate limit" in said.lower() else None


def _message(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return text[:200]
    if not isinstance(found, dict):
        return text[:200]
    said = str(found.get("message", ""))
    errors = [each for each in found.get("errors") or () if isinstance(each, dict)]
    more = [str(each.get("message") or each.get("code")) for each in errors]
    return ": ".join([said, *more])[:300]


def _address(path: str, parameters: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _following(link: str) -> str:
    """Return path and query of the next page, "" for none."""
    match = _NEXT.search(link)
    return match[1] if match else ""


def _items(found: Any) -> list[Any]:
    if isinstance(found, dict):
        found = next((value for value in found.values() if isinstance(value, list)), [])
    return found or []
