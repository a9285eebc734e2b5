"""A branch and the ledger in one push: both move at the host, or neither does.

git itself pushes, so that the user's pre-push hook, LFS and credentials are honoured; every
ref has its expected value named. Promises that nothing has changed at the host when it
raises anything but OutcomeUnknown. Not for decisions without a branch: those need no git.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.errors import (
    HostRefused,
    HostUnreachable,
    LandingRefused,
    OutcomeUnknown,
    Unavailable,
)
from gitcoord.storage.durable import put
from gitcoord.storage.moving import Branch
from gitcoord.storage.store import ABSENT, Expected, GitObject, Move, Oid, SwapLost
from gitcoord.storage.wire.attempt import Attempt
from gitcoord.storage.wire.complaint import failure, masked
from gitcoord.storage.wire.mirror import cuts
from gitcoord.storage.wire.push import Report
from gitcoord.storage.wire.transport import Interrupted
from gitcoord.storage.wire.verdict import Verdict, by_refs

if TYPE_CHECKING:
    from gitcoord.storage.wire.store import WireStore
    from gitcoord.storage.worktree import Checkout

#: The exit code of a git that never came to speak with the host.
_NO_WAY = 128
#: What git says of a push that it did not send, or that was turned away: it does not arrive later.
_TURNED_AWAY = re.compile(r"does not support|(HTTP|returned error:) 4(?!08|29)\d\d\b")
#: Why a host does not take a branch: it is not what it was, it takes none whatever is in it,
#: only pull requests change it, what is sent is too large, a hook (the user's own among them)
#: says no, or something else.
Why = Literal["moved", "host", "protected", "too_large", "hook", "other"]
#: Signs by which a refusal tells why, the first that fits; `moved` comes from the refs as well.
#: Sources: git's send-pack and receive-pack, and the hosts' documented messages.
_WHY: tuple[tuple[Why, re.Pattern[str]], ...] = (
    ("moved", re.compile(r"stale info|fetch first|non-fast-forward")),
    (
        "host",
        re.compile(r"does not support --atomic|refusing to update checked out branch"),
    ),
    (
        "too_large",
        re.compile(r"maximum allowed size|GH001|too large|file size limit|\b413\b", re.IGNORECASE),
    ),
    (
        "protected",
        re.compile(
            r"protected|GH006|GH013|rule violations|pull request|merge request", re.IGNORECASE
        ),
    ),
    ("hook", re.compile(r"hook declined|pre-push|failed to push some refs")),
)
#: The words of each refusal, and what to do.
_SAID: dict[Why, tuple[str, str]] = {
    "moved": (
        "{name} has moved at the host since you last saw it; nothing was changed",
        "Run `git fetch {remote}`, merge or rebase, then try again.",
    ),
    "host": (
        "the host takes nothing for {name} in this way; nothing was changed: {words}",
        "Have the host's settings mended (receive.advertiseAtomic, receive.denyCurrentBranch).",
    ),
    "protected": (
        "the host does not let you push to {name}; nothing was changed: {words}",
        "Open a pull request for the branch, and complete the task when it is merged.",
    ),
    "too_large": (
        "the host does not take so much; nothing was changed: {words}",
        "Take large files out of the branch's history, or have the host's limit raised.",
    ),
    "hook": (
        "a hook refuses the push to {name}; nothing was changed: {words}",
        "Mend what it names, then run the same command again.",
    ),
    "other": (
        "the push was refused; nothing was changed: {words}",
        "Mend what it names, then run the same command again.",
    ),
}
#: What git says in the end of every push that was refused.
_GENERAL = b"failed to push some refs"
_AGAIN = "Run the same command again; where the task is completed by then, all of it has landed."


class _Told(NamedTuple):
    """What git says of a push."""

    code: int
    #: Whether it, or the host, has judged a ref and said no.
    refused: bool
    #: All of it that is worth telling; safe to print.
    words: str
    complaint: bytes


class Landing:
    """Carries one decision to the host together with a branch; to be called like `commit`."""

    def __init__(self, wire: WireStore, checkout: Checkout, remote: str, branch: Branch) -> None:
        self._wire = wire
        self._checkout = checkout
        self._remote = remote
        self._branch = branch

    def rehearse(self) -> None:
        """Run the user's pre-push hook and let the host be asked, without changing anything.

        Raises `LandingRefused` where the branch cannot land, `HostRefused` where the host
        cannot move both as one.
        """
        if not self._wire.atomic:
            raise HostRefused(
                "this host cannot move a branch and the ledger as one",
                hint="Push the branch yourself, then complete the task without --push.",
            )
        branch = self._branch
        if isinstance(branch.expect, str) and not self._forward(branch.expect, branch.oid):
            raise LandingRefused(
                f"{branch.name} at the host is at {branch.expect[:12]}, which your branch does "
                "not contain",
                hint=f"Merge or rebase onto {self._remote}/{branch.name}, then try again.",
                branch=branch.name,
            )
        told = self._push("--dry-run", self._lease(), f"{branch.oid}:{branch.ref}")
        if told.code == _NO_WAY and not told.refused:
            raise self._unreachable(told)
        if told.code != 0:
            raise self._refusal(told.words)

    def __call__(self, objects: Sequence[GitObject], moves: Sequence[Move]) -> None:
        """Make the moves of the ledger and that of the branch; see `Store.commit`."""
        branch = self._branch
        everything = [*moves, Move(branch.ref, branch.expect, branch.oid)]
        self._wire.mirror.inner.commit(objects, ())
        attempt = Attempt(everything, self._wire.patience)
        try:
            while not self._landed(everything, attempt):
                attempt.wait(None)
        except OutcomeUnknown as unknown:
            unknown.hint = _AGAIN
            raise
        self._wire.mirror.keep((), moves)

    def _landed(self, moves: Sequence[Move], attempt: Attempt) -> bool:
        """Push once; say whether it has landed, whatever git says of it. False: once more.

        The same push is harmless: what it names as old it finds, or it finds its own values.
        """
        leases = [f"--force-with-lease={move.ref}:{_old(move.expect)}" for move in moves]
        specs = [f"{move.to}:{move.ref}" for move in moves]
        told = self._push("--atomic", "--no-verify", *leases, *specs, extra=self._lent())
        if told.code == 0:
            return True
        if not told.refused:
            # git has heard no verdict, so that the push may yet arrive.
            attempt.interrupted(Interrupted(HostUnreachable(told.words), sent=True))
        verdict, ref = self._verdict(moves)
        if verdict == "again":
            self._check_again(moves, told, attempt)
            return False
        if verdict == "lost" and ref != self._branch.ref:
            self._wire.refresh()
            raise SwapLost(ref, ABSENT)
        if verdict == "lost":
            raise self._refusal(told.words, moved=True)
        return True

    def _verdict(self, moves: Sequence[Move]) -> tuple[Verdict, str]:
        """Return what the refs at the host say: git sends a push again by itself, too.

        So what it was refused may be what it has done before.
        """
        try:
            return by_refs(moves, self._wire.look([move.ref for move in moves]))
        except (Interrupted, Unavailable) as silent:
            self._wire.host.reset()
            error = silent.error if isinstance(silent, Interrupted) else silent
            raise OutcomeUnknown(f"whether it has landed is not known: {error.message}") from silent

    def _check_again(self, moves: Sequence[Move], told: _Told, attempt: Attempt) -> None:
        """Raise the refusal unless another attempt may well succeed. Nothing has moved."""
        if not told.refused:
            if _TURNED_AWAY.search(told.words):
                raise self._refusal(told.words)
            return
        if "cannot lock ref" not in told.words:
            raise self._refusal(told.words)
        try:
            attempt.refused(Report("", {move.ref: told.words for move in moves}, ""))
        except HostRefused as final:
            raise self._refusal(told.words) from final

    def _unreachable(self, told: _Told) -> Exception:
        found = failure(self._wire.host.address.shown, told.code, told.complaint, sent=False)
        return found.error if isinstance(found, Interrupted) else found

    def _refusal(self, words: str, *, moved: bool = False) -> LandingRefused:
        """Return the refusal; its detail `why` is one of `Why`."""
        name = self._branch.name
        found: Why = next((name for name, signs in _WHY if signs.search(words)), "other")
        why: Why = "moved" if moved else found
        said, hint = _SAID[why]
        return LandingRefused(
            said.format(name=name, words=words),
            hint=hint.format(remote=self._remote),
            branch=name,
            why=why,
            said=words,
        )

    def _lease(self) -> str:
        return f"--force-with-lease={self._branch.ref}:{_old(self._branch.expect)}"

    def _forward(self, old: Oid, new: Oid) -> bool:
        asked = ("merge-base", "--is-ancestor", old, new)
        return self._checkout.run(*asked, accept=(0, 1, 128))[0] == 0

    def _lent(self) -> dict[str, str]:
        """Return the variables by which git finds the ledger's objects, in the mirror alone.

        Where its history is cut in the mirror, a partial clone would take it for left out, and
        have all of it sent to the user's objects.
        """
        repository = self._wire.mirror.repository
        lent = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.path.join(repository.common_dir, "objects")}
        promised = ("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$")
        cut = self._wire.mirror.cut()
        if cut and self._checkout.run(*promised, accept=(0, 1))[1]:
            lent["GIT_SHALLOW_FILE"] = f"{repository.common_dir}.landing-shallow"
            here = cuts(self._checkout.repository)
            text = "".join(f"{oid}\n" for oid in sorted({*here, *cut}))
            put(lent["GIT_SHALLOW_FILE"], text.encode())
        return lent

    def _push(self, *words: str, extra: Mapping[str, str] | None = None) -> _Told:
        """Return what became of one push, by git's account; `extra` adds to its environment."""
        options = [word for word in words if word.startswith("--")]
        specs = [word for word in words if not word.startswith("--")]
        code, output, complaint = self._checkout.told(
            "-c",
            "push.followTags=false",
            "push",
            "--porcelain",
            "--no-recurse-submodules",
            *options,
            self._remote,
            *specs,
            extra=extra,
        )
        refused = [line for line in output.splitlines() if line.startswith(b"!")]
        return _Told(
            code, bool(refused), masked(b"; ".join(_telling(refused, complaint))), complaint
        )


def _telling(refused: Sequence[bytes], complaint: bytes) -> list[bytes]:
    """Return what a push was told, each once: the host's own words first, then why of each ref."""
    said = [line.strip() for line in complaint.splitlines()]
    said = [line for line in said if line and not line.startswith((b"To ", b"hint:"))]
    remote = [line for line in said if line.startswith(b"remote:")]
    # A line of a ref has tabs between the mark, the names and the reason.
    reasons = [line.rpartition(b"\t")[2] for line in refused]
    rest = [line for line in said if line not in remote and not (refused and _GENERAL in line)]
    return list(dict.fromkeys([*remote, *reasons, *rest]))


def planned(wire: WireStore, checkout: Checkout, remote: str) -> Landing:
    """Return the landing of the current branch at `remote`, which keeps the ledger too.

    It goes where `git push` would take it, else to the branch of the same name. Raises
    `LandingRefused` where there is no such branch, or the ledger is kept elsewhere.
    """
    name = checkout.branch()
    oid = checkout.resolve("HEAD")
    if not name or oid is None:
        raise LandingRefused(
            "no branch with a commit is checked out here", hint="Check out the branch to land."
        )
    check_shared(checkout, remote)
    target = checkout.told("rev-parse", "--symbolic-full-name", f"{name}@{{push}}")[1]
    follows, prefix = target.decode("utf-8", "surrogateescape").strip(), f"refs/remotes/{remote}/"
    short = follows.removeprefix(prefix) if follows.startswith(prefix) else name
    seen = checkout.resolve(prefix + short)
    branch = Branch(oid, f"refs/heads/{short}", ABSENT if seen is None else seen)
    return Landing(wire, checkout, remote, branch)


def towards(wire: WireStore, checkout: Checkout, remote: str, branch: Branch) -> Landing:
    """Return the landing of any local commit on any branch of `remote`, which keeps the ledger.

    Raises `LandingRefused` where the ledger is kept elsewhere.
    """
    check_shared(checkout, remote)
    return Landing(wire, checkout, remote, branch)


def check_shared(checkout: Checkout, remote: str) -> None:
    """Raise `LandingRefused` unless the remote that keeps the ledger has the code, too."""
    if remote not in checkout.run("remote")[1].decode("utf-8", "surrogateescape").split():
        raise LandingRefused(
            "the ledger is kept in another repository than the code; they cannot land as one",
            hint="Push the branch yourself, then complete the task without --push.",
            why="apart",
        )


def fetched(checkout: Checkout, remote: str, tips: Mapping[str, Oid]) -> None:
    """Fetch branches of the remote that this clone has not seen at these values.

    `tips` has full names of branches as the host has them; they go to the tracking refs, as
    with `git fetch`. Raises `HostUnreachable` and what else keeps git from the host.
    """
    wanted = {}
    for ref, oid in tips.items():
        tracking = f"refs/remotes/{remote}/{ref.removeprefix('refs/heads/')}"
        if checkout.resolve(tracking) != oid:
            wanted[ref] = tracking
    if not wanted:
        return
    code, _, complaint = checkout.told(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
        "--no-auto-maintenance", remote, *(f"+{ref}:{to}" for ref, to in wanted.items()),
    )  # fmt: skip
    if code != 0:
        found = failure(remote, code, complaint, sent=False)
        raise found.error if isinstance(found, Interrupted) else found


def _old(expect: Expected) -> str:
    return expect if isinstance(expect, str) else ""
