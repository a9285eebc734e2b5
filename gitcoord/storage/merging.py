"""Three-way merges without a worktree: the commit that a branch would make of its target.

git computes the merge (`git merge-tree`), our own hand writes the commits. Promises that
neither refs nor index nor files change: only objects are added, which are garbage until a
ref names one of them (`moving` makes them durable). Not here: whether it may land.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Literal, NamedTuple

from gitcoord.errors import GitFailed, GitTooOld
from gitcoord.storage.commits import Commit, anew, composed, read_commits
from gitcoord.storage.introduced import Change, between, merge_base
from gitcoord.storage.store import Oid, make_object
from gitcoord.storage.twins import twins
from gitcoord.storage.worktree import Checkout, path_of

Method = Literal["merge", "squash", "rebase"]
#: Why a branch does not become part of its target. `nothing`: it has no commits that the target
#: lacks; `landed`: it has, and the target has all that they change.
Kind = Literal[
    "nothing", "landed", "unrelated", "conflict", "binary", "submodule", "case", "merges"
]

#: The first git with `merge-tree --write-tree`.
NEEDED = (2, 38)
#: Paths that the text of a clash names.
_SHOWN = 5
# What the user has configured must not make another merge of the same commits.
_MERGE = (
    "-c", "merge.renames=true", "-c", "merge.directoryRenames=conflict",
    "-c", "merge.renameLimit=7000", "-c", "merge.renormalize=false",
    "merge-tree", "--write-tree", "-z", "--name-only", "--messages",
)  # fmt: skip
_WORDS: dict[Kind, str] = {
    "conflict": "both sides have changed the same lines of {paths}",
    "binary": "both sides have changed the binary {paths}",
    "submodule": "both sides have moved the submodule {paths}",
}


#: What git says of its version, by where it was searched for.
_VERSIONS: dict[str, str] = {}


class Combined(NamedTuple):
    """What the target would become."""

    oid: Oid
    tree: Oid
    #: Paths that differ from the target, both names of a rename among them, as git stores
    #: them; a submodule a second time with a "/" at its end. Sorted.
    paths: tuple[str, ...]


class Clash(NamedTuple):
    """Why the target cannot become that."""

    kind: Kind
    #: As git stores them, sorted.
    paths: tuple[str, ...]
    #: One line for people.
    text: str


def combine(
    checkout: Checkout,
    target: Oid,
    head: Oid,
    method: Method,
    message: str,
    committer: bytes,
) -> Combined | Clash:
    """Return the commit that brings `head` into `target`, or why there is none.

    merge: a commit of two parents, also where the target could just move on. squash: one with
    the target as its parent; author is that of the newest commit. rebase: each commit anew on
    the target, with its author and message; those that change nothing are dropped, and merges
    among them as long as their content is not lost. `message` is that of merge and squash;
    `committer` as `commits.identity` returns it. Raises `GitTooOld`, `GitMissing` and `GitFailed`.
    """
    need_git(checkout)
    base = merge_base(checkout, target, head)
    if base == head:
        return Clash("nothing", (), "it has no commits that the target lacks")
    if base is None:
        return _unrelated(checkout)
    merged = merged_tree(checkout, target, head)
    if method != "rebase" and isinstance(merged, Clash):
        return merged
    if merged == tree_of(checkout, target):
        return Clash("landed", (), "the target has everything that it changes")
    if method == "rebase":
        return _rebased(checkout, target, head, merged, committer)
    parents = (target, head) if method == "merge" else (target,)
    author = committer if method == "merge" else _author(checkout, target, head)
    text = message.encode("utf-8", "surrogateescape")
    oid = composed(checkout.repository, str(merged), parents, author, committer, text)
    return _checked(checkout, target, oid, str(merged))


def need_git(checkout: Checkout) -> None:
    """Raise `GitTooOld` where git cannot merge without a worktree."""
    search = checkout.environ.get("PATH", "")
    # Asked for every merge; git is not replaced while a process runs.
    if search not in _VERSIONS:
        _VERSIONS[search] = path_of(checkout.run("version")[1])
    said = _VERSIONS[search]
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and tuple(map(int, found.groups())) < NEEDED:
        needed = ".".join(map(str, NEEDED))
        raise GitTooOld(
            f"git {found[0]} cannot merge without a worktree",
            hint=f"Install git {needed} or newer, or land from a machine that has it.",
            found=found[0],
            needed=needed,
        )


@lru_cache(maxsize=256)
def tree_of(checkout: Checkout, commit: Oid) -> Oid:
    """Return the tree of a commit. Raises `GitFailed`."""
    found = checkout.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")[1]
    return found.decode("ascii").strip()


def merged_tree(checkout: Checkout, ours: Oid, theirs: Oid) -> Oid | Clash:
    """Return the tree of the merge of two commits, or the conflict. Raises `GitFailed`.

    Attributes of files are those of `ours`; a git before 2.41 takes those of the worktree.
    """
    code, raw, complaint = checkout.told(*_MERGE, ours, theirs, extra={"GIT_ATTR_SOURCE": ours})
    if code not in (0, 1):
        said = complaint.decode("utf-8", "replace").strip()
        raise GitFailed(f"git merge-tree: {said or f'ended with {code}'}")
    fields = iter(raw.split(b"\0"))
    tree = next(fields).decode("ascii")
    return tree if code == 0 else _conflict(fields)


def _conflict(fields: Iterator[bytes]) -> Clash:
    """Return what git says after the tree: https://git-scm.com/docs/git-merge-tree#OUTPUT."""
    paths = {path_of(path) for path in takewhile(bool, fields)}
    kinds = set()
    for count in takewhile(bytes.isdigit, fields):
        for _ in range(int(count)):
            next(fields)
        kinds.add(next(fields, b"").decode("ascii", "replace"))
        next(fields, b"")
    kind: Kind = "conflict"
    for word in ("binary", "submodule"):
        if any(word in one for one in kinds):
            kind = word
    named = tuple(sorted(paths))
    plain = not any("CONFLICT" in one and "contents" not in one for one in kinds)
    words = _WORDS[kind] if kind != "conflict" or plain else "its changes do not fit to {paths}"
    return Clash(kind, named, words.format(paths=several(named)))


def _unrelated(checkout: Checkout) -> Clash:
    text = "it has no commit in common with the target"
    if checkout.run("rev-parse", "--is-shallow-repository")[1].strip() == b"true":
        text += ", as far as this shallow clone goes (`git fetch --unshallow`)"
    return Clash("unrelated", (), text)


def _author(checkout: Checkout, target: Oid, head: Oid) -> bytes:
    """Return the author line of the newest commit that is no merge."""
    command = ("log", "-1", "--no-merges", "--encoding=UTF-8", "--format=%an <%ae> %ad")
    found = checkout.run(*command, "--date=raw", head, f"^{target}")[1].strip()
    return found or checkout.run("log", "-1", command[-1], "--date=raw", head)[1].strip()


def _rebased(
    checkout: Checkout, target: Oid, head: Oid, merged: Oid | Clash, committer: bytes
) -> Combined | Clash:
    listed = checkout.run(
        "rev-list", "--reverse", "--topo-order", "--no-merges", "--right-only", "--cherry-pick",
        f"{target}...{head}",
    )[1]  # fmt: skip
    tip, tree = target, tree_of(checkout, target)
    for commit in read_commits(checkout.repository, listed.decode("ascii").split()):
        if commit.parents == (tip,):
            tip, tree = commit.oid, commit.tree
            continue
        found = _applied(checkout, tree, commit, committer)
        if isinstance(found, Clash):
            return found._replace(text=f"at commit {commit.oid[:12]} {found.text}")
        if found != tree:
            tip, tree = anew(checkout.repository, commit, found, tip, committer), found
    if tree == tree_of(checkout, target):
        return Clash("landed", (), "the target has everything that it changes")
    merges = checkout.run("rev-list", "--merges", "--count", f"{target}..{head}")[1]
    if merges.strip() != b"0" and tree != merged:
        text = "a rebase would lose what its merge commits hold; land it by merge or squash"
        return Clash("merges", (), text)
    return _checked(checkout, target, tip, tree)


def _applied(checkout: Checkout, tree: Oid, commit: Commit, committer: bytes) -> Oid | Clash:
    """Return a tree with what one commit changes, or the conflict.

    The merge base of two commits is their parent: so one with this tree is put beside the
    other. A first commit has no parent, and gets an empty one.
    """
    repository = checkout.repository

    def beside(tree: Oid, *parents: Oid) -> Oid:
        return composed(repository, tree, parents, committer, committer, b"")

    base, theirs = "".join(commit.parents), commit.oid
    if not base:
        base = beside(make_object(b"tree", b"", repository.object_format).oid)
        theirs = beside(commit.tree, base)
    return merged_tree(checkout, beside(tree, base), theirs)


def _checked(checkout: Checkout, target: Oid, oid: Oid, tree: Oid) -> Combined | Clash:
    """Return the outcome with its paths, unless it brings names that differ only in case."""
    changes = between(checkout, target, oid)
    added = [change.path for change in changes if change.kind == "create"]
    alike = twins(checkout, target, oid, added) if added else ()
    if alike:
        text = f"names would differ only in case: {several(alike)}"
        return Clash("case", alike, text)
    return Combined(oid, tree, _paths(changes))


def _paths(changes: Iterable[Change]) -> tuple[str, ...]:
    found = set()
    for change in changes:
        found.add(change.path)
        if change.submodule:
            found.add(f"{change.path}/")
    return tuple(sorted(found))


def several(paths: Sequence[str]) -> str:
    """Return some of the paths for people, bytes that are no UTF-8 as escapes."""
    shown = [path.encode("utf-8", "backslashreplace").decode() for path in paths[:_SHOWN]]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(shown) + more
