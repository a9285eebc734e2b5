"""Worktrees that have a branch checked out which moves: whether they can follow, and following.

Promises that nothing of the user's is overwritten: only a worktree without changes follows, by
git's own two-way merge on its own index. A note in the git directory lets the next landing
finish what a killed one has begun. Not here: moving the branch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from gitcoord.errors import CorruptRecord, NotARepository, TargetDirty
from gitcoord.storage import codec
from gitcoord.storage.durable import disk_error, put
from gitcoord.storage.introduced import between
from gitcoord.storage.landing import Step, differences, is_ancestor
from gitcoord.storage.linked import linked
from gitcoord.storage.merging import several, tree_of
from gitcoord.storage.repository import home
from gitcoord.storage.store import Oid, make_object
from gitcoord.storage.worktree import Checkout, path_of

#: Signs in a git directory that something is under way which ends with a commit.
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")
#: Paths that a refusal names.
_NAMED = 20


class Left(NamedTuple):
    """A worktree that could not follow, and why."""

    path: str
    text: str


class Note(NamedTuple):
    """A move of a branch that worktrees have to follow."""

    file: str
    ref: str
    old: Oid
    new: Oid


def holders(checkout: Checkout, ref: str) -> list[Checkout]:
    """Return the worktrees that have the branch checked out, as far as they are there."""
    # A branch may be another name of one: then that is what is checked out.
    named = path_of(checkout.run("symbolic-ref", "-q", ref, accept=(0, 1))[1]).strip()
    ref = named or ref
    found = []
    for one in linked(checkout):
        if one.branch and f"refs/heads/{one.branch}" == ref and os.path.isdir(one.path):
            with suppress(NotARepository):
                found.append(checkout.elsewhere(one.path))
    return found


def check(places: Iterable[Checkout], old: Oid, new: Oid) -> None:
    """Raise `TargetDirty` for the first worktree that cannot follow from `old` to `new`."""
    for place in places:
        changed = _changed(place) or _in_the_way(place, old, new)
        begun = [sign for sign in _UNDER_WAY if _has(place, sign)]
        if not changed and not begun:
            continue
        what = several(changed) or f"{begun[0]} is there"
        raise TargetDirty(
            f"the target is checked out in {place.place}, which has changes of its own: {what}",
            hint=f"Commit, stash or move them there (git -C {place.place} status), then try again.",
            path=place.place,
            dirty=[several([path]) for path in changed[:_NAMED]],
        )


def follow(places: Iterable[Checkout], old: Oid, new: Oid, *, begun: bool = False) -> list[Left]:
    """Bring the worktrees from `old` to `new`; return those that could not follow.

    One whose index is not that of `old` is left alone. `begun`: a killed git may have done a
    part of it, which is gone on with.
    """
    left = []
    for place in places:
        if _index_tree(place) != tree_of(place, old):
            continue
        if begun:
            _take_over(place, old, new)
        # A file that was only touched counts as changed until the index has seen it again.
        place.told("update-index", "-q", "--refresh")
        code, _, said = place.told("read-tree", "-m", "-u", old, new)
        if code != 0:
            words = said.decode("utf-8", "backslashreplace").strip().removeprefix("error: ")
            left.append(Left(place.place, words))
    return left


def note(checkout: Checkout, ref: str, old: Oid, new: Oid) -> Note:
    """Write down that the branch is about to move. Raises `ReadOnly`, `DiskFull`."""
    file = os.path.join(_folder(checkout), new)
    put(file, codec.encode({"ref": ref, "old": old, "new": new}))
    return Note(file, ref, old, new)


def drop(noted: Note) -> None:
    """Forget a note. Raises `ReadOnly`."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(noted.file)
    except OSError as error:
        raise disk_error(error, f"remove {noted.file}") from error


def finish(checkout: Checkout) -> list[Left]:
    """Bring along what a killed landing has left behind; return what cannot follow.

    Its note stays while a worktree cannot; one of a move that never came is dropped.
    """
    left = []
    for noted in _notes(checkout):
        tip = checkout.resolve(noted.ref)
        here = []
        if tip is not None and tip != noted.old and is_ancestor(checkout, noted.new, tip):
            here = follow(holders(checkout, noted.ref), noted.old, tip, begun=True)
        if not here:
            drop(noted)
        left += here
    return left


def _notes(checkout: Checkout) -> Iterator[Note]:
    folder = _folder(checkout)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        file = os.path.join(folder, name)
        try:
            with open(file, "rb") as found:
                body = codec.decode(found.read(), file)
            yield Note(file, body["ref"], body["old"], body["new"])
        except (FileNotFoundError, CorruptRecord, KeyError, TypeError):
            continue  # another landing is at it, or a power cut was


def _folder(checkout: Checkout) -> str:
    return os.path.join(home(checkout.repository), "landings")


def _changed(place: Checkout) -> list[str]:
    """Return the tracked paths that differ from HEAD, in the index or as files."""
    found = place.run(
        "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames",
        "--ignore-submodules=dirty",
    )[1]  # fmt: skip
    return sorted(path_of(line[3:]) for line in found.split(b"\0") if line)


def _in_the_way(place: Checkout, old: Oid, new: Oid) -> list[str]:
    """Return what is no part of `old` and would be overwritten, also where git ignores it."""
    changes = between(place, old, new)
    gone = {one.path for one in changes if one.kind == "delete"}
    found: set[str] = set()
    for change in changes:
        if change.kind != "create":
            continue
        for name in _upwards(change.path):
            full = os.path.join(place.place, name)
            folder = os.path.isdir(full) and not os.path.islink(full)
            if name == change.path and folder:
                inside = (f"{name}/{path}" for path in _files(full))
                found.update(path for path in inside if path not in gone)
            elif not folder and os.path.lexists(full) and name not in gone:
                found.add(name)
    return sorted(found)


def _files(folder: str) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        for name in names:
            yield os.path.relpath(os.path.join(where, name), folder).replace(os.sep, "/")


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _has(place: Checkout, sign: str) -> bool:
    return os.path.exists(os.path.join(place.repository.git_dir, sign))


def _index_tree(place: Checkout) -> Oid:
    """Return the tree of the index, "" where it has conflicts."""
    code, found, _ = place.told("write-tree")
    return found.decode("ascii").strip() if code == 0 else ""


def _take_over(place: Checkout, old: Oid, new: Oid) -> None:
    """Let the index know of files that a killed git has brought to `new` already."""
    steps = list(differences(place, old, new))
    found = _contents(place, [step.path for step in steps])
    done = [step.path for step in steps if found.get(step.path, "") == _wanted(step)]
    if done:
        names = b"".join(os.fsencode(path) + b"\0" for path in done)
        place.run("update-index", "--add", "--remove", "-z", "--stdin", send=names)


def _wanted(step: Step) -> Oid:
    return step.after.oid if step.after.oid.strip("0") else ""


def _contents(place: Checkout, paths: Iterable[str]) -> dict[str, Oid]:
    """Return the object of each file that is there; one that cannot be told is a "?"."""
    found, files = {}, []
    for path in paths:
        full = os.path.join(place.place, path)
        if os.path.islink(full):
            data = os.fsencode(os.readlink(full))
            found[path] = make_object(b"blob", data, place.repository.object_format).oid
        elif os.path.isfile(full) and "\n" not in path:
            files.append(path)
        elif os.path.lexists(full):
            found[path] = "?"
    send = b"".join(os.fsencode(path) + b"\n" for path in files)
    oids = place.run("hash-object", "--stdin-paths", send=send)[1].decode("ascii").split()
    return found | dict(zip(files, oids, strict=True))
