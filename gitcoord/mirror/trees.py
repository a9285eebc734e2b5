"""What commits hold: the oid of each file by its path, asked for once, since a tree never changes.

https://docs.github.com/rest/git/trees
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.mirror import reading

if TYPE_CHECKING:
    from gitcoord.mirror.api import Api


class Trees:
    """The trees of one repository."""

    def __init__(self, api: Api, root: str) -> None:
        self._api = api
        self._root = root

    def whole(self, commit: str) -> tuple[dict[str, str], bool]:
        """Return the oid of every file of a commit, and whether these are all."""
        found = self._api.get(f"{self._root}/git/trees/{commit}", lasting=True, recursive=1)
        if found is None:
            return {}, False
        return reading.tree(found), not found.get("truncated")

    def blobs(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """Return the oid of what each path holds in a commit; paths that are not there lack."""
        found, whole = self.whole(commit)
        if not whole:
            return self._few(commit, paths)
        return {path: found[path] for path in paths if path in found}

    def _few(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """Return the oids of some files of a tree that is too large to be told whole."""
        trees: dict[str, Mapping[str, Any]] = {}

        def entries(folder: str) -> Mapping[str, Any]:
            if folder not in trees:
                oid = commit
                if folder:
                    parent, _, name = folder.rpartition("/")
                    oid = str((entries(parent).get(name) or {}).get("sha") or "")
                found = oid and self._api.get(f"{self._root}/git/trees/{oid}", lasting=True)
                listed = (found or {}).get("tree") or ()
                trees[folder] = {str(each["path"]): each for each in listed}
            return trees[folder]

        split = {path: path.rpartition("/") for path in paths}
        found = {path: entries(folder).get(name) for path, (folder, _, name) in split.items()}
        return {path: str(each["sha"]) for path, each in found.items() if each}
