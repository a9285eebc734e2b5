"""What the user's next commit, a commit or a push brings in by itself.

Both names of a rename, deletions, changes of mode and submodules are changes; what a merge
only takes over from one of its parents is none. Asks git and changes nothing: the index is
read where git says that it is. Paths are as git stores them, with surrogate escapes. Not
here: who may change them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from gitcoord.errors import GitFailed
from gitcoord.storage.store import Oid, make_object
from gitcoord.storage.worktree import Checkout, path_of

Kind = Literal["create", "modify", "delete", "rename"]

_RAW = ("-z", "--raw", "--no-renames", "--ignore-submodules=none")
_GITLINK = "160000"
_NOTHING = "000000"
#: More paths than this are not named on git's command line.
_NAMED = 100
#: Renames with edits are looked for among at most so many new and old files.
_RENAMES = 200


class Change(NamedTuple):
    """One path and what becomes of it."""

    path: str
    kind: Kind = "modify"
    #: Whether it is, or was, a submodule: then it stands for everything below it too.
    submodule: bool = False
    old_path: str = ""


class Commit(NamedTuple):
    """A commit with what its trailers say and what it changes by itself."""

    oid: Oid
    #: The values of the trailers that were asked for, the last where there are several.
    trailers: tuple[str, ...]
    changes: tuple[Change, ...]


def names(changes: Iterable[Change]) -> list[str]:
    """Return the paths of changes; a submodule comes a second time with a "/" at its end."""
    found: dict[str, None] = {}
    for change in changes:
        for path in filter(None, (change.path, change.old_path)):
            found[path] = None
            if change.submodule:
                found[f"{path}/"] = None
    return list(found)


def staged(checkout: Checkout, *, amended: bool = False) -> list[Change]:
    """Return what a commit of the index would bring in.

    `amended`: as a replacement of HEAD instead of on top of it. While a merge is concluded
    only what differs from all of its parents counts. Raises `GitMissing`, `GitFailed`.
    """
    parents = _parents(checkout, "HEAD") if amended else ["HEAD"]
    if not amended:
        parents += _lines(os.path.join(checkout.repository.git_dir, "MERGE_HEAD"))
    index = _index(checkout)
    found: dict[str, Change] | None = None
    for parent in parents or [_empty(checkout)]:
        changes = {one.path: one for one in _against(checkout, parent, index)}
        found = changes if found is None else {p: c for p, c in found.items() if p in changes}
    return list((found or {}).values())


def committed(checkout: Checkout, commit: str = "HEAD") -> list[Change]:
    """Return what a commit has brought in, renames as such. Raises as `staged`."""
    raw = checkout.run(
        "diff-tree", "--no-commit-id", "--root", "-r", "-c", "-z", "--raw", "-M", f"-l{_RENAMES}",
        "--ignore-submodules=none", commit,
    )[1]  # fmt: skip
    return [change for _, change in _parsed(raw)]


def unstaged(checkout: Checkout, paths: Collection[str]) -> list[str]:
    """Return those of the paths whose files are not as the index has them. Raises as `staged`."""
    if not paths:
        return []
    named = ("--", *paths) if len(paths) <= _NAMED else ()
    command = ("--literal-pathspecs", "diff-files", *_RAW, *named)
    raw = checkout.run(*command, extra=_index(checkout))[1]
    return [change.path for _, change in _parsed(raw) if change.path in paths]


def commits(
    checkout: Checkout, tip: Oid, known: Sequence[str], limit: int, trailers: Sequence[str] = ()
) -> tuple[list[Commit], bool]:
    """Return the newest commits that `tip` has and `known` has not, children before parents.

    `known` are commits, or options of `git rev-list` that name some; `trailers` are keys. At
    most `limit` are returned, and whether these are all. Raises `GitMissing`, `GitFailed`.
    """
    values = (f"%(trailers:key={key},valueonly,unfold,separator=%x1f)" for key in trailers)
    listed = checkout.run(
        "rev-list", "--topo-order", f"--max-count={limit + 1}", "--no-commit-header",
        "--encoding=UTF-8", f"--format={'%x00'.join(('%H', *values))}", tip, "--not", *known,
    )[1]  # fmt: skip
    heads = [line.split("\0") for line in path_of(listed).split("\n") if line]
    changes = _of_each(checkout, [oid for oid, *_ in heads[:limit]])
    found = [
        Commit(oid, tuple(map(_last, said)), tuple(changes.get(oid, ())))
        for oid, *said in heads[:limit]
    ]
    return found, len(heads) <= limit


def between(checkout: Checkout, base: Oid | None, tip: str) -> list[Change]:
    """Return how two trees differ; `base` None is the empty one. Raises as `staged`."""
    raw = checkout.run("diff-tree", "-r", *_RAW, base or _empty(checkout), tip)[1]
    return [change for _, change in _parsed(raw)]


def merge_base(checkout: Checkout, one: str, other: str) -> Oid | None:
    """Return the best common ancestor of two commits; None for unrelated histories."""
    code, found = checkout.run("merge-base", one, other, accept=(0, 1))
    return found.split()[0].decode("ascii") if code == 0 else None


def descendants(checkout: Checkout, commit: Oid, tip: Oid) -> set[Oid]:
    """Return the commits between `commit` and `tip` that go on from it, `tip` among them."""
    found = checkout.run("rev-list", "--ancestry-path", tip, f"^{commit}")[1]
    return set(found.decode("ascii").split())


def _index(checkout: Checkout) -> Mapping[str, str]:
    """Return the variable that names the index of the commit that is being made.

    git names another one for `git commit PATH`, relative to where it has started the hook.
    """
    named = checkout.environ.get("GIT_INDEX_FILE")
    return {"GIT_INDEX_FILE": os.path.join(checkout.place, named)} if named else {}


def _against(checkout: Checkout, tree: str, index: Mapping[str, str]) -> list[Change]:
    command = ("diff-index", "--cached", "--ita-invisible-in-index", *_RAW, tree, "--")
    code, raw, complaint = checkout.told(*command, extra=index)
    if code != 0 and tree == "HEAD" and checkout.resolve("HEAD") is None:
        # A branch without commits.
        return _against(checkout, _empty(checkout), index)
    if code != 0:
        raise GitFailed(f"git diff-index: {complaint.decode('utf-8', 'replace').strip()}")
    return [change for _, change in _parsed(raw)]


def _of_each(checkout: Checkout, oids: Sequence[Oid]) -> dict[Oid, list[Change]]:
    raw = checkout.run(
        "diff-tree", "--stdin", "--root", "-r", "-c", *_RAW,
        send="".join(f"{oid}\n" for oid in oids).encode("ascii"),
    )[1]  # fmt: skip
    found: dict[Oid, list[Change]] = {}
    for oid, change in _parsed(raw):
        found.setdefault(oid, []).append(change)
    return found


def _parsed(raw: bytes) -> Iterator[tuple[Oid, Change]]:
    """Yield each change with the commit named before it.

    The raw format, also that of merges: https://git-scm.com/docs/diff-format.
    """
    oid = ""
    fields = iter(raw.split(b"\0"))
    for field in fields:
        if not field.startswith(b":"):
            oid = field.decode("ascii", "replace") or oid
            continue
        parents = len(field) - len(field.lstrip(b":"))
        words = field[parents:].decode("ascii", "replace").split(" ")
        modes, status = words[: parents + 1], words[-1]
        path = path_of(next(fields))
        old = ""
        if status[:1] in ("R", "C") and parents == 1:
            old, path = (path if status[0] == "R" else ""), path_of(next(fields))
        yield oid, Change(path, _kind(modes, old), _GITLINK in modes, old)


def _kind(modes: Sequence[str], old_path: str) -> Kind:
    if old_path:
        return "rename"
    if modes[-1] == _NOTHING:
        return "delete"
    return "create" if all(mode == _NOTHING for mode in modes[:-1]) else "modify"


def _parents(checkout: Checkout, commit: str) -> list[str]:
    listed = checkout.run("rev-list", "--parents", "--max-count=1", commit)[1]
    return listed.decode("ascii").split()[1:]


def _empty(checkout: Checkout) -> Oid:
    return make_object(b"tree", b"", checkout.repository.object_format).oid


def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="ascii", errors="replace") as found:
            return found.read().split()
    except FileNotFoundError:
        return []


def _last(values: str) -> str:
    return values.rpartition("\x1f")[2].strip()
