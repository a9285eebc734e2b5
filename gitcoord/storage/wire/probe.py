"""What a git host lets us do, tried out on refs of its own that are gone afterwards.

Promises to touch nothing but `refs/coord/probe/*`, to say of each thing how it turned out,
and to leave nothing behind: what an interrupted probe left, a later one removes. Believes
no capability that it can try. Not here: whether the ledger at the host is sound.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from gitcoord.errors import AccessDenied, GitcoordError, HostRefused, UnreadableAnswer
from gitcoord.storage.wire import read as reading
from gitcoord.storage.wire.connect import connect
from gitcoord.storage.wire.push import Advertised
from gitcoord.storage.wire.transport import Interrupted, Transport

if TYPE_CHECKING:
    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.store import Oid
    from gitcoord.storage.wire.address import Address

#: Pushes of one probe at least, with cleaning up, and at most.
PUSHES, MOST = 5, 8
#: Seconds without a word from the host after which a request is given up.
TIMEOUT = 20.0
#: Polls that are timed; of them the median counts.
_TIMED = 5
#: Bytes of advertisement that are worth a word: every ordinary `git push` downloads it.
_LARGE = 1_000_000
#: Seconds by which clocks may differ without harm: the tolerance of leases.
_CLOCK = 30.0

Severity = Literal["ok", "note", "warning", "error"]


class Fact(NamedTuple):
    """One thing about the host: how it turned out, and what to do about it."""

    code: str
    severity: Severity
    message: str
    hint: str = ""


class Stop(Exception):
    """The probe cannot go on; holds the fact that says why."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(fact.message)
        self.fact = fact


def probe(
    address: Address, git: Git, *, preemptive: bool, pushes: int
) -> Generator[Fact, None, None]:
    """Yield what turns out, as it turns out; what could not be cleaned up comes last.

    Closed before its end, it cleans up as well.

    `preemptive`: the host is known to want credentials. `pushes`: how many may be made;
    below `PUSHES` the host is only read from.
    """
    from gitcoord.storage.wire.trial import Trial

    line = Line(address, git, preemptive)
    try:
        yield from _readings(line)
        if pushes < PUSHES:
            message = f"the push budget leaves {pushes} pushes; {PUSHES} are needed to try more"
            yield Fact("probe_short", "note", message, "Run it again in a minute.")
            return
        trial = Trial(line)
        stopped = left = None
        try:
            yield from trial.run(min(pushes, MOST) - PUSHES)
        except Stop as stop:
            stopped = stop.fact
        finally:
            left = trial.clean()
        yield from (fact for fact in (stopped, left) if fact is not None)
    except Stop as stop:
        yield stop.fact
    finally:
        line.close()


class Line:
    """The ways to one host, and what has turned out about it so far."""

    def __init__(self, address: Address, git: Git, preemptive: bool) -> None:
        self.address = address
        self._git, self._preemptive = git, preemptive
        self._ways: list[Transport] = []
        self.reader = self.connected()
        self.seen = Advertised({}, frozenset())
        self.version2 = True

    @property
    def object_format(self) -> str:
        """The host's object format, as it has advertised it."""
        words = self.seen.capabilities
        return next((word[14:] for word in words if word.startswith("object-format=")), "sha1")

    def connected(self) -> Transport:
        """Return a new way to the host. Raises `InvalidUrl`, `InvalidConfig`."""
        way = connect(
            self.address,
            self._git,
            self._git.inherited,
            timeout=TIMEOUT,
            preemptive=self._preemptive,
        )
        self._ways.append(way)
        return way

    def refs(self, prefix: str) -> dict[str, Oid]:
        """Return the refs below `prefix`. Raises as `Transport.ask`."""
        from gitcoord.storage.wire import gitread

        if self.version2:
            body = reading.ls_refs([prefix], self.object_format)
            try:
                found = reading.refs(self.reader.ask(body))
            except (reading.NotVersion2, AccessDenied, HostRefused, UnreadableAnswer) as refusal:
                try:
                    found = gitread.refs(self._git, self.address, prefix)
                except GitcoordError as worse:
                    raise worse if isinstance(refusal, reading.NotVersion2) else refusal from None
                self.version2 = False
            return {ref: oid for ref, oid in found.items() if ref.startswith(prefix)}
        return gitread.refs(self._git, self.address, prefix)

    def close(self) -> None:
        """Let go of all ways."""
        for way in self._ways:
            way.close()


def _readings(line: Line) -> Iterator[Fact]:
    """Yield what can be known without moving anything."""
    start = time.monotonic()
    try:
        line.seen = line.reader.discover()
    except (Interrupted, GitcoordError) as error:
        raise Stop(failed("remote_unreachable", error)) from error
    spent = 1000 * (time.monotonic() - start)
    message = f"{line.address.shown} lets us in to push ({spent:.0f} ms)"
    yield Fact("remote_reachable", "ok", message)
    yield _advertisement(line.seen)
    if "report-status" not in line.seen.capabilities:
        message = "the host does not report what becomes of a push"
        raise Stop(Fact("remote_report", "error", message, "Use another host."))
    yield _polls(line)
    yield _clock(line.reader.date)


def _advertisement(seen: Advertised) -> Fact:
    size = sum(len(ref.encode("utf-8", "surrogateescape")) + 46 for ref in seen.refs)
    message = f"{len(seen.refs)} refs, {size / 1000:.0f} kB, are told to every ordinary git push"
    if size > _LARGE:
        hint = "Decisions do not need it. Delete branches that are done with."
        return Fact("remote_advertisement", "note", message, hint)
    return Fact("remote_advertisement", "ok", message)


def _polls(line: Line) -> Fact:
    spent = []
    try:
        for _ in range(_TIMED):
            start = time.monotonic()
            line.refs("refs/coord/")
            spent.append(time.monotonic() - start)
    except (Interrupted, GitcoordError) as error:
        raise Stop(failed("remote_poll", error)) from error
    message = f"asking for the ledger takes {median(spent)} ms"
    if line.version2:
        return Fact("remote_poll", "ok", message)
    hint = "On an ssh server set AcceptEnv GIT_PROTOCOL; until then each poll takes longer."
    message += "; git has to ask, as the host does not take version 2 of its protocol at once"
    return Fact("remote_poll", "note", message, hint)


def _clock(date: tuple[float, float] | None) -> Fact:
    if date is None:
        message = "the host tells no time, so that each machine's own clock counts"
        return Fact("remote_clock", "note", message, "Keep all clocks right (NTP).")
    offset = date[0] - (time.time() - (time.monotonic() - date[1]))
    message = f"the host's clock is {offset:+.1f} s from this machine's"
    if abs(offset) <= _CLOCK:
        return Fact("remote_clock", "ok", message)
    hint = "Set this machine's clock (NTP). Until then the host's time counts here."
    return Fact("remote_clock", "warning", message, hint)


def failed(code: str, error: Interrupted | GitcoordError) -> Fact:
    """Return the fact that a request failed."""
    said = error.error if isinstance(error, Interrupted) else error
    return Fact(code, "error", f"{said.code}: {said.message}", said.hint or "")


def median(seconds: Sequence[float]) -> str:
    """Return the median in whole milliseconds."""
    return f"{1000 * sorted(seconds)[len(seconds) // 2]:.0f}"
