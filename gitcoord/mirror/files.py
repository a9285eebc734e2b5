"""Files that we keep on a branch of our own: read with what they are, replaced only as read.

Of two writers at once one is told that the other was faster, so that nobody overwrites what was
not looked at. https://docs.github.com/rest/repos/contents
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from gitcoord.errors import ForgeRefused

if TYPE_CHECKING:
    from gitcoord.mirror.api import Api

#: How GitHub says that what is to be changed is not what was read, or is there already.
_OVERTAKEN = frozenset((409, 422))


class File(NamedTuple):
    """What a file holds, and the blob that it is; "" for one that is not there."""

    text: str = ""
    blob: str = ""


class Files:
    """Files of one repository."""

    def __init__(self, api: Api, root: str) -> None:
        self._api = api
        self._root = root

    def read(self, branch: str, path: str) -> File:
        """Return a file of a branch."""
        found = self._api.get(self._address(path), ref=branch)
        if found is None:
            return File()
        return File(base64.b64decode(found["content"]).decode(), str(found["sha"]))

    def write(self, branch: str, path: str, text: str, message: str, before: str) -> bool:
        """Replace a file whose blob was `before`; False where it is another by now.

        The branch is made where there is none, with nothing but this file.
        """
        try:
            if not before and not self._there(branch):
                self._begin(branch, path, text, message)
            else:
                self._put(branch, path, text, message, before)
        except ForgeRefused as refusal:
            if refusal.details.get("status") not in _OVERTAKEN or not self._moved(
                branch, path, before
            ):
                raise
            return False
        return True

    def _moved(self, branch: str, path: str, before: str) -> bool:
        return self.read(branch, path).blob != before

    def _there(self, branch: str) -> bool:
        return self._api.get(f"{self._root}/branches/{quote(branch, safe='')}") is not None

    def _put(self, branch: str, path: str, text: str, message: str, before: str) -> None:
        content = base64.b64encode(text.encode()).decode()
        body = {"message": message, "content": content, "branch": branch}
        if before:
            body["sha"] = before
        self._api.change("PUT", self._address(path), body)

    def _begin(self, branch: str, path: str, text: str, message: str) -> None:
        """Make a branch with nothing but one file, and without the history of any other."""
        entry = {"path": path, "mode": "100644", "type": "blob", "content": text}
        tree = self._api.change("POST", f"{self._root}/git/trees", {"tree": [entry]})
        made = {"message": message, "tree": tree["sha"], "parents": []}
        commit = self._api.change("POST", f"{self._root}/git/commits", made)
        ref = {"ref": f"refs/heads/{branch}", "sha": commit["sha"]}
        self._api.change("POST", f"{self._root}/git/refs", ref)

    def _address(self, path: str) -> str:
        return f"{self._root}/contents/{quote(path)}"
