"""The part of a probe that pushes: swaps of scratch refs at a host, right and wrong ones.

Promises that what it makes is gone after `clean`, and that no deletion names a value which
the host might not have: it would carry that out whatever the ref is at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from gitcoord.errors import AccessDenied, GitcoordError, HostRefused
from gitcoord.storage.packfile import pack
from gitcoord.storage.store import ABSENT, OID_LENGTH, Expected, GitObject, Oid, make_object
from gitcoord.storage.wire import push as pushing
from gitcoord.storage.wire.probe import Fact, Line, Stop, failed, median
from gitcoord.storage.wire.push import Command, Report
from gitcoord.storage.wire.transport import Interrupted

PREFIX = "refs/coord/probe/"
#: Seconds after which the refs of another probe are taken for forgotten.
FORGOTTEN = 3600.0


class Trial:
    """One trial with refs `a` and `b` of its own, which it moves between two commits."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._way = line.connected()
        self._direct = True
        name = f"{int(time.time()):x}-{os.urandom(6).hex()}"
        self._a, self._b = f"{PREFIX}{name}/a", f"{PREFIX}{name}/b"
        tree = make_object(b"tree", b"", line.object_format)
        self._one, self._two = (_commit(tree, word, line.object_format) for word in ("1", "2"))
        #: All of it goes along with every push, so that the host never lacks what is named.
        self._pack = pack([tree, self._one, self._two], line.object_format)[0]
        #: What the host has accepted.
        self._at: dict[str, Oid] = {}
        self._times: list[float] = []

    def run(self, more: int) -> Iterator[Fact]:
        """Yield how swaps turn out; `more` of them are made for their time alone.

        Raises `Stop` with what makes the host unfit.
        """
        yield from self._first()
        yield from self._together()
        yield self._stale()
        at = self._one.oid
        for _ in range(more):
            to = self._two.oid if at == self._one.oid else self._one.oid
            self._accepted((self._a, at, to))
            at = to
        times = self._times
        message = f"a decision takes {median(times)} ms (median of {len(times)})"
        yield Fact("remote_swap", "ok", message)

    def _first(self) -> Iterator[Fact]:
        """Create a ref, without asking first."""
        self._accepted((self._a, ABSENT, self._one.oid))
        if self._line.address.kind == "http":
            if self._direct:
                yield Fact("remote_direct", "ok", "a decision is one request")
            else:
                message = "the host wants to be asked for its refs before each push"
                hint = "Nothing to do: a decision is two requests there."
                yield Fact("remote_direct", "note", message, hint)
        if self._found().get(self._a) != self._one.oid:
            message = "the host takes refs/coord/* and does not show them"
            hint = "Take refs/coord out of uploadpack.hideRefs and transfer.hideRefs."
            raise Stop(Fact("remote_hidden", "error", message, hint))
        yield Fact("remote_namespace", "ok", "the host takes refs/coord/* and shows them")

    def _together(self) -> Iterator[Fact]:
        """Guard a move by the value of another ref, once by a right and once by a wrong one."""
        if "atomic" not in self._line.seen.capabilities:
            message = "the host does not move several refs as one"
            hint = "Sweeps take two steps there, and `task complete --push` is refused."
            yield Fact("remote_atomic", "note", message, hint)
            return
        one, two = self._one.oid, self._two.oid
        self._accepted((self._a, one, one), (self._b, ABSENT, one))
        report = self._sent((self._a, two, two), (self._b, one, two))
        if report.refs.get(self._b) == "" or self._found().get(self._b) != one:
            message = "the host moves one of several refs although another is refused"
            hint = "Do not use it for a ledger: a sweep could hit a session that lives."
            raise Stop(Fact("remote_atomic", "error", message, hint))
        yield Fact("remote_atomic", "ok", "several refs move as one, or none")
        yield Fact("remote_verify", "ok", "a move can be guarded by the value of another ref")

    def _stale(self) -> Fact:
        """Move a ref from a value that it has not."""
        report = self._sent((self._a, self._two.oid, self._one.oid))
        if report.refs.get(self._a) == "" or self._found().get(self._a) != self._one.oid:
            message = "the host moves a ref whatever value is expected of it"
            hint = "Do not use it for a ledger: two could hold the same lock."
            raise Stop(Fact("remote_compare", "error", message, hint))
        return Fact("remote_compare", "ok", "who expects an old value is refused")

    def clean(self) -> Fact | None:
        """Delete our refs, and those of probes that were forgotten; return what stays."""
        try:
            found = self._found()
            doomed = {ref: oid for ref, oid in self._at.items() if ref not in found}
            doomed |= {ref: oid for ref, oid in found.items() if ref in (self._a, self._b)}
            gone = _forgotten(found, time.time())
            doomed |= {ref: found[ref] for ref in gone}
            if doomed:
                self._delete(doomed)
            left = sorted(set(self._found()) & set(doomed)) if doomed else []
        except (Interrupted, GitcoordError) as error:
            hint = "The next `gitcoord doctor --remote` removes what this one has left there."
            return failed("probe_left", error)._replace(severity="warning", hint=hint)
        if left:
            message = f"the host does not let us delete {', '.join(left)}"
            return Fact("probe_left", "warning", message, "Delete them at the host.")
        if gone:
            return Fact("probe_forgotten", "note", f"{len(gone)} refs of older probes are gone")
        return None

    def _delete(self, refs: dict[str, Oid]) -> None:
        zeros = "0" * OID_LENGTH[self._line.object_format]
        commands = [Command(ref, oid, zeros) for ref, oid in refs.items()]
        # The way before may have ended in the middle of something.
        self._way = self._line.connected()
        # One that somebody else has deleted meanwhile must not keep the others.
        self._push(commands, (), atomic=False)

    def _accepted(self, *moves: tuple[str, Expected, Oid]) -> None:
        start = time.monotonic()
        report = self._sent(*moves)
        self._times.append(time.monotonic() - start)
        reasons = [report.unpack, *(report.refs.get(ref, "no answer") for ref, _, _ in moves)]
        if any(reasons):
            said = "; ".join(dict.fromkeys(filter(None, [*reasons, report.said])))
            message = f"the host does not take {moves[-1][0]}: {said}"
            hint = "Allow refs/coord/* there (docs/hosts.md), or use another repository."
            raise Stop(Fact("remote_namespace", "error", message, hint))
        self._at.update({ref: to for ref, _, to in moves})

    def _sent(self, *moves: tuple[str, Expected, Oid]) -> Report:
        try:
            return self._push([Command(*move) for move in moves], self._pack, atomic=len(moves) > 1)
        except (Interrupted, GitcoordError) as error:
            raise Stop(failed("remote_push", error)) from error

    def _push(self, commands: Sequence[Command], parts: Sequence[bytes], *, atomic: bool) -> Report:
        body = pushing.request(commands, parts, self._line.object_format, atomic=atomic)
        if not self._direct:
            self._way.discover()
        try:
            return pushing.report(self._way.push(body))
        except (HostRefused, AccessDenied):
            if not self._direct:
                raise
            self._way.discover()
            report = pushing.report(self._way.push(body))
            self._direct = False
            return report

    def _found(self) -> dict[str, Oid]:
        return self._line.refs(PREFIX)


def _forgotten(refs: dict[str, Oid], now: float) -> list[str]:
    """Return the refs of probes that began long ago, as their names say."""
    found = []
    for ref in refs:
        try:
            began = int(ref.removeprefix(PREFIX).partition("-")[0], 16)
        except ValueError:
            # Somebody else's.
            continue
        if now - began > FORGOTTEN:
            found.append(ref)
    return found


def _commit(tree: GitObject, word: str, fmt: str) -> GitObject:
    who = f"gitcoord <probe@gitcoord> {int(time.time())} +0000"
    lines = (f"tree {tree.oid}", f"author {who}", f"committer {who}", "", f"probe: {word}", "")
    text = "\n".join(lines) + f"{os.urandom(8).hex()}\n"
    return make_object(b"commit", text.encode(), fmt)
