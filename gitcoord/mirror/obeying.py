"""What commands in comments do: each is decided by the ledger once, and answered once.

A comment is known by its id, so that it does the same however often it is told of. `lock` and
`unlock` put labels on and take them off, which is what keeps and ends the locks. Only people
with write permission are heard, and apps that the settings name. Whoever may write can change
others' comments, so that one which was changed before it was heard counts for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.claiming import Claimed, ClaimTask
from gitcoord.domain.handoffs import WriteHandoff
from gitcoord.domain.key_index import wanted
from gitcoord.domain.lock_operations import AcquireLocks, Locked, Released, ReleaseLocks
from gitcoord.domain.locks import covering
from gitcoord.domain.task_moves import MoveTask
from gitcoord.domain.tasks import held_by as tasks_of
from gitcoord.domain.time import Time, parse
from gitcoord.errors import Contended, GitcoordError, InvalidValue, Unavailable
from gitcoord.mirror import consent, issues, labels, queueing, texts
from gitcoord.mirror.asking import Seat, checked_in, labels_of, seat
from gitcoord.mirror.commands import LIMIT, WORD, Command, beyond, commands
from gitcoord.mirror.effects import Effect, Label, React, Say, Unlabel
from gitcoord.mirror.facts import COMMANDERS, Comment, Person, Thread
from gitcoord.mirror.markdown import clock, code, codes, table, why
from gitcoord.mirror.seats import held_by, label_holder
from gitcoord.mirror.status import told

if TYPE_CHECKING:
    from gitcoord.domain.operation import Operation
    from gitcoord.domain.sessions import Session
    from gitcoord.ledger.request import Reply
    from gitcoord.mirror.desk import Desk
    from gitcoord.mirror.forge import Forge


class Asked(NamedTuple):
    """One command, where it was given and by whom."""

    desk: Desk
    forge: Forge
    thread: Thread
    comment: Comment
    command: Command
    #: Its place among the commands of the comment.
    at: int

    @property
    def id(self) -> str:
        """The idempotency key of what it does."""
        return f"gh-comment-{self.comment.id}-{self.at}"


class Done(NamedTuple):
    """What a command came to: its answer in Markdown, and what is to change at the thread."""

    said: str
    effects: tuple[Effect, ...] = ()
    ok: bool = True


def due(forge: Forge, number: int, last: int, since: Time) -> list[Comment]:
    """Return the comments of a thread with commands that were not answered yet, in their order.

    Up to the one with the id `last`, so that nobody's second command is heard before the first;
    those from before `since` are the past.
    """
    me = forge.hosted().me
    there = forge.comments(number)
    answered = {texts.ours(one.author, one.body, me) for one in there}
    return [
        one
        for one in sorted(there, key=lambda one: one.id)
        if one.id <= last
        and not texts.ours(one.author, one.body, me)
        and texts.answer_mark(one.id) not in answered
        and parse(one.created_at) > since
        and commands(one.body)
    ]


def obey(desk: Desk, forge: Forge, thread: Thread, comment: Comment) -> list[Effect]:
    """Do what a comment asks for and return the answer."""
    with desk.look() as look:
        bots = look.settings.github_bots
    if not _may(forge, comment.author, bots):
        return _refused(thread, comment, texts.no_permission(comment.author.login, comment.id))
    if comment.edited:
        return _refused(thread, comment, texts.edited(comment.id))
    done = [
        _do(Asked(desk, forge, thread, comment, command, at))
        for at, command in enumerate(commands(comment.body))
    ]
    if more := beyond(comment.body):
        done.append(Done(f"Only {LIMIT} commands of a comment are done: {more} are not.", ok=False))
    said = texts.answer(comment.id, (one.said for one in done))
    return [
        *(effect for one in done for effect in one.effects),
        Say(thread.number, said.mark, said.body),
        React(comment.id, "+1" if all(one.ok for one in done) else "confused"),
    ]


def _refused(thread: Thread, comment: Comment, said: texts.Words) -> list[Effect]:
    return [Say(thread.number, said.mark, said.body), React(comment.id, "confused")]


def _may(forge: Forge, author: Person, bots: tuple[str, ...]) -> bool:
    if author.bot:
        return author.login in bots
    return forge.permission(author.login) in COMMANDERS


def _do(asked: Asked) -> Done:
    verb = _VERBS.get(asked.command.verb)
    if verb is None:
        return Done(texts.wrong_command(asked.command), ok=False)
    try:
        return verb(asked)
    except (Unavailable, Contended):
        # Nobody has decided yet, so that it is heard again.
        raise
    except GitcoordError as error:
        return Done(texts.failed(asked.command, error), ok=False)


def _lock(asked: Asked) -> Done:
    with asked.desk.look() as look:
        prefix, ttl = look.settings.github_lock_label, look.settings.github_label_ttl
    _need(asked, "lock KEY...")
    session = _session(asked)
    wish = AcquireLocks(
        keys=asked.command.words, ttl=ttl, reason=f"asked for in {asked.thread.url}"
    )
    reply = _decided(asked, wish, label_holder(session.id), session.agent)
    assert isinstance(reply, Locked)
    put = [Label(asked.thread.number, labels.lock_label(x.key, prefix), x.key) for x in reply.locks]
    rows = [[code(x.key), clock(x.expires_at), f"{x.epoch}/{x.token}"] for x in reply.locks]
    return Done(f"Locked.\n\n{table(['Key', 'Until', 'Token'], rows)}", tuple(put))


def _unlock(asked: Asked) -> Done:
    here = _seat(asked)
    if here.session is None:
        raise InvalidValue("this thread holds nothing")
    holder = label_holder(here.session.id)
    with asked.desk.look() as look:
        texts_ = {wanted(look.settings, word).text for word in asked.command.words}
        held = held_by(look.state, holder)
        # A label may spell its key otherwise, as people put it on.
        stand = labels_of(look, asked.thread, held)
    keys = tuple(sorted(texts_ or held))
    reply = _decided(asked, ReleaseLocks(keys=keys), holder, here.session.agent)
    assert isinstance(reply, Released)
    off = [Unlabel(asked.thread.number, x.label) for x in stand if x.key in keys]
    return Done(f"Released {codes(reply.keys, 20)}.", tuple(off))


def _claim(asked: Asked) -> Done:
    session = _session(asked)
    with asked.desk.look() as look:
        ttl = look.settings.github_label_ttl
    wish = ClaimTask(id=_task(asked, asked.command.words[:1]), ttl=ttl)
    reply = _decided(asked, wish, session.id, session.agent)
    assert isinstance(reply, Claimed)
    assert reply.task is not None
    task = reply.task
    keys = f" with {codes(task.claimed_keys, 20)}" if task.claimed_keys else ""
    until = clock(task.lease_until)
    return Done(f"{code(task.id)} {code(task.title)} is claimed{keys} until {until}.")


def _done(asked: Asked) -> Done:
    here = _seat(asked)
    with asked.desk.look() as look:
        mine = tasks_of(look.state, here.session.id) if here.session else []
    if here.session is None or not mine:
        raise InvalidValue(f"this thread has claimed no task; {WORD} claim TASK claims one")
    if len(mine) > 1:
        raise InvalidValue(f"this thread has claimed {len(mine)} tasks: complete them one by one")
    result = asked.command.text or f"done, says {asked.thread.url}"
    wish = MoveTask(id=mine[0].id, move="complete", result=result)
    _decided(asked, wish, here.session.id, here.session.agent)
    return Done(f"{code(mine[0].id)} {code(mine[0].title)} is completed.")


def _handoff(asked: Asked) -> Done:
    _need(asked, "handoff TEXT")
    session = _session(asked)
    with asked.desk.look() as look:
        mine = tasks_of(look.state, session.id)
    wish = WriteHandoff(
        id=f"h-{asked.id}", summary=asked.command.text, task=mine[0].id if len(mine) == 1 else ""
    )
    _decided(asked, wish, session.id, session.agent)
    return Done(f"Handoff {code(wish.id)} is written.")


def _status(asked: Asked) -> Done:
    return Done(told(asked.desk, asked.forge, asked.thread))


def _who(asked: Asked) -> Done:
    _need(asked, "who PATH...")
    with asked.desk.look() as look:
        rows = []
        for word in asked.command.words:
            key = wanted(look.settings, word)
            found = list(covering(look.state, look.context, key))
            rows += [
                [code(word), code(x.key), code(x.agent), clock(x.expires_at), why(x)] for x in found
            ] or [[code(word), "nobody", "", "", ""]]
    return Done(table(["Path", "Held", "By", "Until", "Reason"], rows))


def _queue(asked: Asked) -> Done:
    priority = asked.command.words[0] if asked.command.words else ""
    who = asked.comment.author
    return Done(
        queueing.enqueue(asked.desk, asked.forge, asked.thread, who, priority, key=asked.id)
    )


def _dequeue(asked: Asked) -> Done:
    who, reason = asked.comment.author, asked.command.text
    return Done(queueing.dequeue(asked.desk, asked.thread, who, reason, key=asked.id))


def _approve(asked: Asked) -> Done:
    _need(asked, "approve ID")
    who, id_ = asked.comment.author, asked.command.words[0]
    return Done(consent.decide(asked.desk, who, id_, "approve", key=asked.id))


def _deny(asked: Asked) -> Done:
    _need(asked, "deny ID REASON")
    who, id_ = asked.comment.author, asked.command.words[0]
    reason = asked.command.text.removeprefix(id_).strip()
    return Done(consent.decide(asked.desk, who, id_, "deny", reason=reason, key=asked.id))


def _help(asked: Asked) -> Done:
    return Done(texts.usage())


_VERBS: dict[str, Callable[[Asked], Done]] = {
    "lock": _lock,
    "unlock": _unlock,
    "claim": _claim,
    "done": _done,
    "handoff": _handoff,
    "status": _status,
    "who": _who,
    "queue": _queue,
    "dequeue": _dequeue,
    "approve": _approve,
    "deny": _deny,
    "help": _help,
}


def _need(asked: Asked, form: str) -> None:
    if not asked.command.words:
        raise InvalidValue(f"write {WORD} {form}")


def _seat(asked: Asked) -> Seat:
    with asked.desk.look() as look:
        return seat(look, asked.desk.hosted.name, asked.thread, asked.comment.author.login)


def _session(asked: Asked) -> Session:
    return checked_in(asked.desk, asked.thread, asked.comment.author.login)


def _task(asked: Asked, words: tuple[str, ...]) -> str:
    """Return the task that a command names, by default that of the issue; "#12" is one too."""
    if words:
        word = words[0]
        return issues.task_id(int(word[1:])) if word[:1] == "#" and word[1:].isdigit() else word
    with asked.desk.look() as look:
        task, _ = issues.latest(look.state, asked.thread, asked.desk.hosted.me)
    if task is None:
        raise InvalidValue(f"this issue is no task; write {WORD} claim TASK")
    return task.id


def _decided(asked: Asked, wish: Operation, session: str, agent: str) -> object:
    reply: Reply
    (reply,) = asked.desk.run(wish, session=session, agent=agent, id=asked.id)
    if reply.error is not None:
        raise reply.error
    return reply.answers[0]
