"""Where a hook of git is checked: who acts, what the ledger says, what becomes of a refusal.

Promises that only a proven conflict stops somebody's git: without a ledger nothing is
said, and where the ledger cannot be read or reached one line on standard error says so.
Not here: what a commit or a push brings along.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gitcoord.domain.sessions import root
from gitcoord.entrypoints.cli.facts import printable
from gitcoord.errors import (
    Contended,
    Damaged,
    Denied,
    GitcoordError,
    HostUnreachable,
    LockHeld,
    NotARepository,
    NotInitialised,
    Refused,
    SessionAmbiguous,
    SessionRequired,
    Unavailable,
    UsageError,
)

if TYPE_CHECKING:
    from gitcoord.domain.guarding import Obstruction
    from gitcoord.entrypoints.cli.desk import Desk

#: Seconds for which a hook waits for a git host.
PATIENCE = 3.0
#: Seconds after the last word from a host in which a lock of one's own is certain.
CERTAIN = 60.0
#: The session and token (epoch, n) under which paths were written.
Group = tuple[str, int, int]
#: Paths that a refusal names for each lock, and locks that it names.
SHOWN = 20


class Checkpoint:
    """One hook that runs: the desk behind it, and what is known about who acts."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        #: Why the git host could not be asked.
        self.silent: GitcoordError | None = None

    @cached_property
    def acting(self) -> tuple[str | None, frozenset[str]]:
        """Who acts, where that is certain, and all sessions that may be the one.

        A person who is checked in nowhere is nobody; where several sessions are live in this
        worktree it may be each of them.
        """
        try:
            holder = self.desk.holder
        except SessionAmbiguous as several:
            return None, frozenset(map(root, several.details["sessions"]))
        except SessionRequired:
            return None, frozenset()
        return holder, frozenset((root(holder),))

    def present(self, *, ask: bool = True) -> bool:
        """Say whether there is a ledger; with `ask` its git host is asked what is decided.

        Raises `Damaged`, and `Unavailable` where nothing is known of the ledger.
        """
        house = self.desk.house
        if house.wire is None:
            return house.ledger.exists()
        if ask:
            try:
                with within(PATIENCE):
                    house.wire.refresh()
            except Unavailable as error:
                self.silent = error
        with within(PATIENCE):
            there = house.ledger.exists()
        if self.silent is not None:
            self.desk.note(f"gitcoord: {self.silent.message}; checked by what was last known")
        return there

    def others(self) -> bool:
        """Say whether anybody else holds any lock, ended or not; looks at the index only."""
        with self.desk.snapshot() as snapshot:
            terms = (term for term, _ in snapshot.scan("locks", "by:"))
            return any(term[3:] not in self.acting[1] for term in terms)

    def obstructed(self, paths: Collection[str]) -> list[Obstruction]:
        """Return what excludes writing the paths; the dead are swept before they count."""
        from gitcoord.domain.guarding import obstructions

        def look() -> list[Obstruction]:
            with self.desk.state() as state:
                return obstructions(state, self.desk.context(state), paths, self.acting[1])

        found = look()
        if found and self.silent is None:
            # A judge that cannot work leaves everybody alive.
            with suppress(Unavailable, Contended):
                if self.desk.house.judge().look().swept:
                    found = look()
        return found

    def unvouched(self, paths: Collection[str]) -> Denied | None:
        """Return the refusal of paths that nobody can vouch for, where the settings want it."""
        if self.silent is None:
            return None
        from gitcoord.domain.guarding import unconfirmed

        wire = self.desk.house.wire
        age = wire.contact.age if wire is not None else None
        with self.desk.state() as state:
            if state.settings.when_unreachable != "deny":
                return None
            left = list(paths)
            if age is not None and age <= CERTAIN:
                left = unconfirmed(state, self.desk.context(state), paths, self.acting[1])
        if not left:
            return None
        return Denied(
            f"{counted(left)} not known to be free: {self.silent.message}",
            hint="Try again when the git host answers; `gitcoord config when_unreachable` says"
            " what happens until then.",
            paths=left[:SHOWN],
        )

    def overtaken(self, groups: Mapping[Group, Sequence[str]]) -> list[dict[str, Any]]:
        """Return what of the paths in each group somebody else was granted since, and by what.

        Says so where the ledger's history does not reach back far enough to know.
        """
        if not groups:
            return []
        from gitcoord.domain.coverage import Coverage
        from gitcoord.domain.key_index import stored
        from gitcoord.domain.locks import view
        from gitcoord.domain.record import shown
        from gitcoord.ledger.fencing import Question, granted_since

        ledger = self.desk.house.ledger
        with self.desk.state() as state:
            fold_case = state.settings.case_folding
        covers = [Coverage(paths, fold_case=fold_case) for paths in groups.values()]
        verdicts = granted_since(
            ledger,
            [
                Question((epoch, token), self.acting[1] | {root(session)}, cover.touches)
                for (session, epoch, token), cover in zip(groups, covers, strict=True)
            ],
        )
        found: list[dict[str, Any]] = []
        for (session, epoch, token), cover, verdict in zip(groups, covers, verdicts, strict=True):
            if not (verdict.known or verdict.grants):
                self.desk.note(
                    f"gitcoord: it is not known whether token {epoch}/{token} is overtaken;"
                    " the ledger's history does not reach back to it"
                )
            seen: set[str] = set()
            # The newest grant is the one that tells where to look.
            for lock in verdict.grants:
                paths = [path for path in cover.of(stored(lock.key)) if path not in seen]
                seen.update(paths)
                known = {"session": session, "epoch": epoch, "token": token, "paths": paths}
                found += [known | {"granted": shown(view(lock))}] if paths else []
        return found

    def settle(self, what: str, refusal: Refused | None, paths: Sequence[str]) -> None:
        """Raise the refusal of a commit or push, unless it is bypassed with a reason.

        Both are recorded with this machine's next decision; a bypass is said too.
        """
        if refusal is None:
            return
        reason = self.desk.environ.get("GITCOORD_BYPASS", "").strip()
        self._record(what, refusal, reason, paths)
        if not reason:
            raise refusal
        self.desk.note(f"gitcoord: bypassed ({reason}): {refusal.code}: {refusal.message}")

    def _record(self, what: str, refusal: Refused, reason: str, paths: Sequence[str]) -> None:
        from gitcoord.domain.sessions import Session
        from gitcoord.domain.time import from_epoch
        from gitcoord.domain.violations import RecordViolations, ViolationDraft

        found = [*refusal.details.get("conflicts", ()), *refusal.details.get("stale", ())]
        named = dict.fromkeys(path for one in found for path in one["paths"]) or paths
        house, holder = self.desk.house, self.acting[0]
        with self.desk.state() as state:
            if holder is not None and state.get(Session, root(holder)) is None:
                holder = None
        draft = ViolationDraft(
            rule=refusal.code,
            category="git",
            severity="block",
            action="bypassed" if reason else "blocked",
            part=printable(refusal.message),
            tool=f"git {what}",
            reason=reason,
            paths=tuple(printable(path) for path in list(named)[:SHOWN]),
            at=from_epoch(house.ledger.clock.wall()),
        )
        # The refusal counts, not the note about it.
        with suppress(Unavailable):
            wish = RecordViolations(violations=(draft,))
            house.coordinator.later(wish, session=holder, agent=self.desk.person)


@contextmanager
def lenient(desk: Desk, *, quiet: bool = False) -> Iterator[Checkpoint]:
    """Let refusals end the hook; everything else that goes wrong lets git go on.

    It is said in one line, unless it has to be `quiet`.
    """
    desk.seeks = desk.tends = False
    try:
        yield Checkpoint(desk)
    except (NotInitialised, NotARepository):
        return
    except (Unavailable, Damaged, Contended, UsageError) as trouble:
        if not quiet:
            desk.note(f"gitcoord: not checked: {trouble.code}: {trouble.message}")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `HostUnreachable` in the block when it takes longer; Windows has no such alarm."""
    import signal

    def over(number: int, frame: object) -> None:
        raise HostUnreachable(f"the git host has not answered within {seconds:g} s")

    try:
        before = signal.signal(signal.SIGALRM, over)
    except (AttributeError, ValueError):
        # No alarms on this system, or this is not the main thread.
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def held(found: Sequence[Obstruction], what: str, hint: Callable[[str], str]) -> LockHeld:
    """Return the refusal of what others hold; `what` is refused, `hint` is made of one path."""
    paths = list(dict.fromkeys(path for one in found for path in one.paths))
    agents = list(dict.fromkeys(one.lock.agent for one in found))
    who = agents[0] if len(agents) == 1 else f"{agents[0]} and others"
    return LockHeld(
        f"{what}: {counted(paths)} held by {who}",
        hint=hint(paths[0]),
        conflicts=[_conflict(one) for one in found[:SHOWN]],
        others=max(0, len(found) - SHOWN),
    )


def counted(paths: Sequence[str]) -> str:
    """Return paths as the subject of a sentence with its verb."""
    more = len(paths) - 1
    return f"{paths[0]} and {more} more are" if more else f"{paths[0]} is"


def _conflict(one: Obstruction) -> dict[str, Any]:
    from gitcoord.domain.locks import view
    from gitcoord.domain.record import shown

    found: dict[str, Any] = shown(view(one.lock))
    return found | {"paths": one.paths[:SHOWN], "more_paths": max(0, len(one.paths) - SHOWN)}
