"""Labels that ask for locks: what a thread shall hold is what its labels say.

The labels are compared with what the thread's session holds, whatever happened in between, so
that events may be lost, doubled and out of order. A label whose lock is refused, or was taken
away, is taken off with the reason. A thread that is closed asks for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.claiming import ClaimTask
from gitcoord.domain.departure import EndSession
from gitcoord.domain.key_index import wanted
from gitcoord.domain.lock_operations import AcquireLocks, ReleaseLocks
from gitcoord.domain.locks import Lock
from gitcoord.domain.tasks import held_by as tasks_of
from gitcoord.domain.time import Time, parse, seconds_between
from gitcoord.errors import SessionEnded, SessionPaused, UsageError
from gitcoord.mirror import labels, texts
from gitcoord.mirror.branches import owner
from gitcoord.mirror.effects import Effect, Say, Unlabel
from gitcoord.mirror.facts import LABELLERS, Happening, Person, Thread
from gitcoord.mirror.seats import (
    OF_BRANCH,
    OF_LABEL,
    branch_place,
    held_by,
    killed_at,
    label_holder,
    seated,
    thread_place,
    worker,
)

if TYPE_CHECKING:
    from gitcoord.domain.sessions import Session
    from gitcoord.mirror.desk import Desk, Look
    from gitcoord.mirror.forge import Forge


class Seat(NamedTuple):
    """Where a thread stands in the ledger, and as whom it would check in."""

    place: str
    agent: str
    type: str
    branch: str = ""
    task: str = ""
    #: The live session, or None where nothing was asked for yet.
    session: Session | None = None


class Wanted(NamedTuple):
    """A label that asks, the canonical key that it asks for, and who put it on and when."""

    label: str
    key: str
    put: Happening | None = None


def seat(look: Look, repository: str, thread: Thread, asker: str = "") -> Seat:
    """Return the seat of a thread: of its branch, where that is an agent's, or of its own.

    The agent of a thread without such a branch is its assignee, or else who asks.
    """
    pull = thread.pull
    if pull is not None and pull.own:
        whose = owner(pull.branch, look.settings.github_branches)
        if whose is not None:
            found = worker(look.state, pull.branch, whose)
            place = branch_place(repository, pull.branch)
            live = found or seated(look.state, place)
            return Seat(place, whose.agent, OF_BRANCH, pull.branch, whose.task, live)
    place = thread_place(repository, thread.number)
    name = thread.assignees[0] if len(thread.assignees) == 1 else asker or thread.author.login
    return Seat(place, name, OF_LABEL, session=seated(look.state, place))


def ask(desk: Desk, forge: Forge, thread: Thread) -> list[Effect]:
    """Bring what a thread holds in line with its labels; return what is to be told there."""
    try:
        return list(_ask(desk, forge, thread))
    except SessionEnded:
        # Somebody has ended it since it was looked up: what it meant is seen by a second look.
        return list(_ask(desk, forge, thread))


def _ask(desk: Desk, forge: Forge, thread: Thread) -> Iterator[Effect]:
    with desk.look() as look:
        here = seat(look, desk.hosted.name, thread)
        holder = label_holder(here.session.id) if here.session else ""
        held = held_by(look.state, holder) if holder else {}
        wants, wrong = _read(look, thread, held)
        killed = "" if here.session else killed_at(look.state, here.place)
        ttl, now = look.settings.github_label_ttl, look.now
    yield from wrong
    if not thread.open:
        yield from (Unlabel(thread.number, want.label) for want in wants)
        wants = []
    new = [want for want in wants if want.key not in held]
    if new:
        new, barred = _worthy(forge, thread, new, killed)
        yield from barred
    if new and here.session is None:
        asker = new[0].put.actor.login if new[0].put else ""
        here = here._replace(session=checked_in(desk, thread, asker))
    if here.session is None:
        return
    late = [x for x in wants if (lock := held.get(x.key)) and _late(lock, now)]
    yield from _acquire(desk, thread, here.session, [*new, *late], ttl)
    extra = tuple(sorted(held.keys() - {want.key for want in wants}))
    if extra:
        desk.run(ReleaseLocks(keys=extra), session=holder, agent=here.session.agent)
    if not here.branch:
        _tend(desk, thread, here.session, ttl, keep=bool(wants) and thread.open)


def checked_in(desk: Desk, thread: Thread, asker: str) -> Session:
    """Return the session of a thread, begun in the name of who asks where there is none."""
    with desk.look() as look:
        here = seat(look, desk.hosted.name, thread, asker)
    return here.session or desk.check_in(
        here.place, here.agent, here.type, branch=here.branch, task=here.task
    )


def _tend(desk: Desk, thread: Thread, session: Session, ttl: float, *, keep: bool) -> None:
    """End the session of a thread that asks for nothing; renew what it has claimed."""
    with desk.look() as look:
        tasks, now = tasks_of(look.state, session.id), look.now
    if thread.open and (keep or tasks):
        late = [x for x in tasks if seconds_between(now, x.lease_until or now) < x.ttl / 2]
        claims = [ClaimTask(id=task.id, ttl=ttl) for task in late]
        desk.run(*claims, session=session.id, agent=session.agent)
        return
    end = EndSession(outcome="completed", summary=f"nothing is asked for by {thread.url}")
    desk.run(end, session=session.id, agent=session.agent)


def _late(lock: Lock, now: Time) -> bool:
    return seconds_between(now, lock.expires_at) < lock.ttl / 2


def _read(look: Look, thread: Thread, held: Iterable[str]) -> tuple[list[Wanted], list[Effect]]:
    """Return what the labels ask for, and what is to be told of those that say nothing."""
    longer = {labels.short(key): key for key in held}
    longer |= {labels.short(x.description): x.description for x in thread.labels if x.description}
    wants: list[Wanted] = []
    wrong: list[Effect] = []
    prefix = look.settings.github_lock_label
    for name, asked in labels.asked(thread.names, prefix).items():
        text = longer.get(asked, "") if labels.is_short(asked) else asked
        if labels.is_short(asked) and not text:
            wrong += _off(thread.number, name, texts.unknown_short(name))
            continue
        try:
            wants.append(Wanted(name, wanted(look.settings, text).text))
        except UsageError as error:
            wrong += _off(thread.number, name, texts.invalid(name, error))
    return wants, wrong


def labels_of(look: Look, thread: Thread, held: Iterable[str]) -> list[Wanted]:
    """Return the labels of a thread that stand for keys; `held` are those that it has."""
    return _read(look, thread, held)[0]


def _worthy(
    forge: Forge, thread: Thread, new: Iterable[Wanted], killed: Time
) -> tuple[list[Wanted], list[Effect]]:
    """Return the labels that count, and what is to be told of those that do not.

    Those do not that were put on by who may not, or before somebody ended the session.
    """
    history = forge.history(thread.number)
    worthy: list[Wanted] = []
    barred: list[Effect] = []
    for want in new:
        put = _put(history, want.label)
        # GitHub's history may come after the label, or know it by a former name: then it is
        # as if the thread's author had put it on, at some time before.
        who = put.actor if put else thread.author
        if killed and (put is None or parse(put.at) <= killed):
            barred += _off(thread.number, want.label, texts.ended(want.key, killed))
        elif not _may(forge, who):
            said = texts.not_allowed(who.login, put.at if put else "")
            barred += _off(thread.number, want.label, said)
        else:
            worthy.append(want._replace(put=put))
    return worthy, barred


def _may(forge: Forge, actor: Person) -> bool:
    # An app could not put labels on without permission; templates do it in people's names.
    return actor.bot or forge.permission(actor.login) in LABELLERS


def _acquire(
    desk: Desk, thread: Thread, session: Session, wants: list[Wanted], ttl: float
) -> Iterator[Effect]:
    wishes = [AcquireLocks(keys=(x.key,), ttl=ttl, reason=_reason(thread, x)) for x in wants]
    replies = desk.run(*wishes, session=label_holder(session.id), agent=session.agent)
    for want, reply in zip(wants, replies, strict=True):
        if reply.error is None:
            continue
        if isinstance(reply.error, SessionEnded):
            raise reply.error
        if isinstance(reply.error, SessionPaused):
            # It goes on asking when it is resumed.
            continue
        at = want.put.at if want.put else ""
        yield from _off(thread.number, want.label, texts.refused(want.key, reply.error, at))


def _reason(thread: Thread, want: Wanted) -> str:
    who = f" by {want.put.actor.login}" if want.put else ""
    return f"label on {thread.url}{who}"


def _off(number: int, label: str, said: texts.Words) -> list[Effect]:
    # The reason first: when GitHub stumbles in between, the label still asks, and is answered.
    return [Say(number, said.mark, said.body), Unlabel(number, label)]


def _put(history: Iterable[Happening], label: str) -> Happening | None:
    found = [one for one in history if one.kind == "labeled" and one.label == label]
    return found[-1] if found else None
