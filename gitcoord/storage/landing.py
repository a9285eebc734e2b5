"""Which changes of a branch the target branch has not got yet, judged by content.

A merge, a squash and a rebase all count: what matters is whether the target has, or
once had, the file as the branch left it, or would gain nothing from merging it again.
Asks git and changes nothing. Not here: keys; who asks brings a test of paths along.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from gitcoord.storage.store import Oid, make_object
from gitcoord.storage.worktree import Checkout, Target, Worktree, path_of

Matcher = Callable[[str], bool]

#: More paths than this are not named on git's command line.
_NAMED = 200
#: At most so many files are merged for trial; git is started several times for each.
_TRIALS = 50
_FILES = frozenset(("100644", "100755"))


class Content(NamedTuple):
    """What a path holds in one tree; mode "000000" where it does not exist."""

    mode: str
    oid: Oid


class Step(NamedTuple):
    """One path that differs between two trees."""

    path: str
    before: Content
    after: Content


class Unlanded(NamedTuple):
    """Paths that match a key and are on a branch, or in its worktree, only."""

    key: str
    #: The branch, or the head's own name where HEAD is detached.
    branch: str
    head: Oid
    paths: tuple[str, ...]


def changed_paths(checkout: Checkout, base: str, head: str) -> tuple[str, ...]:
    """Return what `head` has changed since it left `base`, sorted.

    Both names of a rename, deleted paths, changes of mode and submodules are among them.
    """
    return tuple(sorted(step.path for step in _diff(checkout, _fork(checkout, base, head), head)))


def changed_lines(checkout: Checkout, base: str, head: str) -> int:
    """Return how many lines `head` has added and removed since it left `base`; binaries count 0."""
    before = (
        _fork(checkout, base, head)
        or make_object(b"tree", b"", checkout.repository.object_format).oid
    )
    told = checkout.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", before, head)[1]
    fields = (line.split(b"\t")[:2] for line in told.split(b"\0") if b"\t" in line)
    return sum(int(number) for pair in fields for number in pair if number.isdigit())


def landed(checkout: Checkout, paths: Collection[str], head: Oid, target: Oid) -> bool:
    """Say whether the target has everything that `head` changed in these paths."""
    return not remaining(checkout, head, target, set(paths).__contains__)


def remaining(checkout: Checkout, head: Oid, target: Oid, matches: Matcher) -> tuple[str, ...]:
    """Return the matching paths that `head` changed and that have not landed, sorted."""
    if is_ancestor(checkout, head, target):
        return ()
    base = _fork(checkout, target, head)
    left = {step.path: step for step in _diff(checkout, base, head) if matches(step.path)}
    if left:
        there = {step.path: step.after for step in _diff(checkout, base, target)}
        now = {path: there.get(path, step.before) for path, step in left.items()}
        left = {path: step for path, step in left.items() if now[path] != step.after}
    if left:
        once = _history(checkout, base, target, left)
        left = {path: step for path, step in left.items() if (path, step.after) not in once}
    return tuple(
        sorted(
            path
            for at, (path, step) in enumerate(left.items())
            if at >= _TRIALS or not _contained(checkout, step, now[path])
        )
    )


def unlanded(
    checkout: Checkout,
    worktree: Worktree,
    keys: Mapping[str, Matcher],
    target: Target | None,
) -> list[Unlanded]:
    """Return what each key covers that is committed here and not landed, or not committed.

    A key with nothing of that kind is left out. Before the first commit, and with no
    target but uncommitted work, there is no branch to build on: nothing is returned.
    """
    if not worktree.head:
        return []
    paths = set(worktree.dirty)
    if target is not None:
        paths.update(
            remaining(
                checkout,
                worktree.head,
                target.oid,
                lambda path: any(matches(path) for matches in keys.values()),
            )
        )
    found = []
    for key, matches in keys.items():
        hit = tuple(sorted(path for path in paths if matches(path)))
        if hit:
            branch = worktree.branch or worktree.head
            found.append(Unlanded(key, branch, worktree.head, hit))
    return found


def is_ancestor(checkout: Checkout, old: Oid, new: Oid) -> bool:
    """Return whether `old` is `new` or an ancestor of it."""
    return checkout.run("merge-base", "--is-ancestor", old, new, accept=(0, 1))[0] == 0


def _fork(checkout: Checkout, one: str, other: str) -> Oid | None:
    """Return the best common ancestor; None for unrelated histories."""
    code, found = checkout.run("merge-base", one, other, accept=(0, 1))
    return found.split()[0].decode("ascii") if code == 0 else None


def _diff(checkout: Checkout, old: Oid | None, new: str) -> Iterator[Step]:
    before = old or make_object(b"tree", b"", checkout.repository.object_format).oid
    raw = checkout.run(
        "diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", before, new
    )[1]
    return _steps(raw)


def _history(
    checkout: Checkout, base: Oid | None, target: Oid, paths: Iterable[str]
) -> set[tuple[str, Content]]:
    """Return every (path, state) that a commit of the target since `base` has made."""
    wanted = list(paths)
    since = () if base is None else (f"^{base}",)
    named = ("--", *wanted) if len(wanted) <= _NAMED and _plain(wanted) else ()
    commits = checkout.run(
        "--literal-pathspecs", "rev-list", "--full-history", target, *since, *named
    )[1]
    raw = checkout.run(
        "diff-tree", "--stdin", "--root", "-m", "-r", "-z", "--raw", "--no-renames",
        "--no-commit-id", "--ignore-submodules=none",
        send=commits,
    )[1]  # fmt: skip
    return {(step.path, step.after) for step in _steps(raw)}


def _plain(paths: Iterable[str]) -> bool:
    """Say whether the paths can be handed to a process on every system."""
    return os.name == "posix" or all(path.isprintable() for path in paths)


def _steps(raw: bytes) -> Iterator[Step]:
    """Yield the differences of git's raw format: https://git-scm.com/docs/diff-format."""
    fields = iter(raw.split(b"\0"))
    for field in fields:
        if field.startswith(b":"):
            old_mode, mode, old, oid, _ = field[1:].decode("ascii").split(" ")
            yield Step(path_of(next(fields)), Content(old_mode, old), Content(mode, oid))


def _contained(checkout: Checkout, step: Step, now: Content) -> bool:
    """Say whether merging the change into the target's file of today would change nothing."""
    states = (now, step.before, step.after)
    if not all(state.mode in _FILES for state in states):
        return False
    if step.after.mode not in (now.mode, step.before.mode):
        return False
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, state in zip(("now", "before", "after"), states, strict=True):
            names.append(os.path.join(folder, name))
            with open(names[-1], "wb") as file:
                file.write(checkout.run("cat-file", "blob", state.oid)[1])
        # Its exit code counts the conflicts; from 128 on it could not merge at all.
        code, merged = checkout.run("merge-file", "-p", "-q", *names, accept=tuple(range(256)))
        with open(names[0], "rb") as file:
            return code == 0 and merged == file.read()
