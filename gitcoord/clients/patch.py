"""Which files the patch format of Codex touches: `*** Update File: src/a.py` and its like.

One patch may touch many files. What is no patch has none; the hunks are not read.
"""

from __future__ import annotations

from gitcoord.clients.event import Edit, Kind

_HEADS: dict[str, Kind] = {
    "*** Add File: ": "create",
    "*** Update File: ": "modify",
    "*** Delete File: ": "delete",
}
_MOVE = "*** Move to: "

#: Most files of one patch that are looked at.
LIMIT = 1000


def touched(text: str) -> tuple[Edit, ...]:
    """Return the files that the patch adds, changes, deletes or moves, in its order."""
    found: list[Edit] = []
    for line in text.splitlines():
        for head, kind in _HEADS.items():
            if line.startswith(head):
                found.append(Edit(line[len(head) :].strip(), kind))
        if line.startswith(_MOVE) and found:
            old = found.pop()
            found.append(Edit(line[len(_MOVE) :].strip(), "rename", old.path))
        if len(found) >= LIMIT:
            break
    return tuple(edit for edit in found if edit.path)
