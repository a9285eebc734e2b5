"""One look at what GitHub and the ledger have of each other, and both brought in line.

`look` is told what to look at, by events or by whoever repairs after a pause; what it does
follows from what is there alone. So the same end is reached whatever events were lost, doubled
or came in another order, and looking twice does nothing more. First the ledger hears GitHub
(commands, branches, labels, issues), then GitHub is shown the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from gitcoord.domain.time import plus
from gitcoord.errors import GitcoordError
from gitcoord.mirror import (
    asking,
    entries,
    facts,
    following,
    issues,
    labels,
    markdown,
    obeying,
    posting,
    proposals,
    proving,
    sought,
    status,
)
from gitcoord.mirror.desk import Desk
from gitcoord.mirror.effects import Say
from gitcoord.mirror.seats import branch_holder, held_by
from gitcoord.mirror.subjects import (
    Branch,
    Comment,
    Everything,
    Group,
    Head,
    Subject,
    Target,
    Thread,
)
from gitcoord.mirror.writer import Writer

if TYPE_CHECKING:
    from gitcoord.domain.time import Time
    from gitcoord.ledger.coordinator import Coordinator
    from gitcoord.mirror.effects import Effect
    from gitcoord.mirror.forge import Forge
    from gitcoord.mirror.github import GitHub
    from gitcoord.mirror.verdict import Verdict

#: Seconds for which comments are looked through anew; less than operation ids are kept (7 days).
LOOKED_BACK = 6 * 86_400
#: How often a look shows anew what others have changed meanwhile.
AGAIN = 3
#: Seconds by which GitHub's clock and the ledger's may differ.
SKEW = 600


class Outcome(NamedTuple):
    """What a look came to."""

    threads: tuple[int, ...]
    branches: tuple[str, ...]
    comments: tuple[int, ...]
    #: The ledger's state before and afterwards, as epoch and number.
    before: tuple[int, int]
    after: tuple[int, int]
    #: How much was to be seen to at GitHub, and what it would not have.
    effects: int
    refused: tuple[GitcoordError, ...]
    #: What GitHub shall show or have by it, also where it did already.
    wanted: tuple[Effect, ...] = ()


class Mirror:
    """One repository at GitHub and its ledger. One look at a time."""

    def __init__(
        self, coordinator: Coordinator, forge: GitHub, follow: Callable[[], object]
    ) -> None:
        """Ask GitHub who we are. `follow` sees what a git host has decided meanwhile."""
        self.forge = forge
        self._desk = Desk(coordinator, forge.hosted())
        self._follow = follow

    def look(self, subjects: Iterable[Subject], *, others: int = 30, anew: bool = False) -> Outcome:
        """Look at these subjects, and show what has changed by it.

        Where the ledger has changed, or is said to have been (`anew`), up to `others` other open
        pull requests are shown it as well, the newest first. Raises `Unavailable` and
        `Contended`; what was done by then is done.
        """
        self._follow()
        self.forge.afresh()
        look = _Look(self._desk, self.forge, others)
        look.at(subjects, anew)
        for _ in range(AGAIN):
            # GitHub lets the last writer win: whoever shows an older state after another has
            # shown a newer one would leave that there. So nobody ends with an older one.
            self._follow()
            if not look.overtaken():
                break
            look.again()
        return look.outcome()

    def judge(self, number: int) -> Verdict | None:
        """Return how a pull request stands to what others hold; None for what is none.

        Only reads. Raises `Unavailable`.
        """
        self._follow()
        thread = self.forge.thread(number)
        if thread is None or thread.pull is None:
            return None
        return status.standing(self._desk, self.forge, thread)[0]


class _Look:
    """One look: what was seen by it, and what was done."""

    def __init__(self, desk: Desk, forge: Forge, others: int) -> None:
        self._desk = desk
        self._forge = forge
        self._others = others
        self._writer = Writer(forge)
        self._threads: dict[int, facts.Thread] = {}
        self._branches: dict[str, None] = {}
        self._comments: dict[int, None] = {}
        self._wanted: list[Effect] = []
        self._refused: list[GitcoordError] = []
        self._groups: list[Group] = []
        self._shown: dict[int, None] = {}
        with desk.look() as look:
            self._before = self._showing = look.stamp.age
            self._since = plus(look.now, -LOOKED_BACK)

    def at(self, subjects: Iterable[Subject], anew: bool) -> None:
        asked = list(dict.fromkeys(subjects))
        whole = any(isinstance(one, Everything) for one in asked)
        if whole:
            found, threads = sought.everything(self._desk, self._forge, self._since)
            asked += found
            self._threads |= threads
        elif Target() in asked or Branch(self._target()) in asked:
            asked += sought.unproposed(self._desk, self._forge)
        moved = {one.name for one in asked if isinstance(one, Branch)}
        moved |= {self._target()} if Target() in asked else set()
        asked += sought.handed_over(self._desk, moved, whole=whole)
        asked = list(dict.fromkeys(asked))
        for comment in (one for one in asked if isinstance(one, Comment)):
            self._obey(comment)
        numbers = [one.number for one in asked if isinstance(one, (Thread, Comment))]
        for branch in (one for one in asked if isinstance(one, Branch)):
            numbers += self._land(branch.name)
            self._follow(branch.name)
        heads = {one.oid for one in asked if isinstance(one, Head)}
        if heads or whole:
            self._refused += proving.note(self._desk, self._forge, None if whole else heads)
        for number in dict.fromkeys(numbers):
            self._hear(number)
        self._showing = self._age()
        self._groups = [one for one in asked if isinstance(one, Group)]
        self._check()
        self._show(dict.fromkeys(numbers))
        changed = anew or self._age() != self._before
        if changed:
            self._show_others(whole=whole)
        self._merge()
        if changed or whole:
            self._post(whole)

    def overtaken(self) -> bool:
        """Say whether others have changed the ledger since this began to show it."""
        return self._age() != self._showing

    def again(self) -> None:
        """Show the ledger anew where it was shown."""
        self._showing = self._age()
        numbers = list(self._shown)
        for number in numbers:
            self._threads.pop(number, None)
        self._check()
        self._show(numbers)
        self._post(whole=False)

    def _target(self) -> str:
        with self._desk.look() as look:
            return look.settings.target_branch or self._desk.hosted.default_branch

    def _obey(self, subject: Comment) -> None:
        for comment in obeying.due(self._forge, subject.number, subject.id, self._since):
            thread = self._read(subject.number)
            if thread is None:
                return
            self._comments[comment.id] = None
            self._carry(obeying.obey(self._desk, self._forge, thread, comment))
            # The labels that it has put on are what is heard next.
            self._threads.pop(subject.number, None)

    def _follow(self, branch: str) -> None:
        self._branches[branch] = None
        following.follow(self._desk, self._forge, branch)

    def _land(self, branch: str) -> list[int]:
        """Follow the branch's entries of the merge queue; return their pull requests."""
        before = self._noted(branch)
        wished = proposals.follow(self._desk, self._forge, branch)
        if wished:
            self._carry(wished)
            # What is open now is noted; what GitHub would not have comes with the next look.
            proposals.follow(self._desk, self._forge, branch)
        return list(dict.fromkeys((*before, *self._noted(branch))))

    def _noted(self, branch: str) -> list[int]:
        with self._desk.look() as look:
            return proposals.numbers(look.state, self._desk.hosted.name, branch)

    def _merge(self) -> None:
        """Merge pull requests that were shown and that nothing speaks against, if that is set.

        After they were shown, so that our own check does not stand in the way.
        """
        with self._desk.look() as look:
            if not look.settings.github_merge:
                return
        for number in list(self._shown):
            thread = self._read(number)
            wished = proposals.merging(self._desk, self._forge, thread) if thread else []
            if not wished or thread is None or thread.pull is None:
                continue
            self._carry(wished)
            # A workflow is told of nothing that its own token has done. What was listed before
            # still has it as open; the ledger changes by it, so that all is shown anew.
            self._forge.afresh()
            self._land(thread.pull.branch)
            self._follow(thread.pull.branch)

    def _hear(self, number: int) -> None:
        thread = self._read(number)
        if thread is None:
            # Deleted or moved away: it asks for nothing any more.
            gone = facts.Thread(number, "", f"#{number}", facts.Person(""), open=False)
            asking.ask(self._desk, self._forge, gone)
            return
        self._carry(issues.queue(self._desk, self._forge, thread))
        self._carry(asking.ask(self._desk, self._forge, thread))

    def _check(self) -> None:
        for group in self._groups:
            thread = self._read(group.number)
            if thread is not None and thread.pull is not None:
                self._carry(status.group(self._desk, self._forge, group.head, thread))

    def _show(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            thread = self._read(number)
            if thread is not None:
                self._shown[number] = None
                self._carry(status.shown(self._desk, self._forge, thread))

    def _show_others(self, *, whole: bool) -> None:
        """Show open pull requests that were not looked at what the ledger has now.

        One whose branch holds its files is in nobody's way, and nobody in its: it is passed
        over unless everything is looked at, it is shown as blocked, or the queue moves it.
        """
        left = self._others
        for thread in self._forge.proposals():
            if thread.number in self._threads:
                continue
            if not whole and self._alone(thread):
                continue
            if not left:
                break
            left -= 1
            self._threads[thread.number] = thread
            self._shown[thread.number] = None
            self._carry(status.shown(self._desk, self._forge, thread))

    def _alone(self, thread: facts.Thread) -> bool:
        """Say whether a pull request holds the files that it changes, and nothing else moves it."""
        if labels.BLOCKED in thread.names:
            return False
        with self._desk.look() as look:
            session = asking.seat(look, self._desk.hosted.name, thread).session
            holds = session is not None and held_by(look.state, branch_holder(session.id))
            return bool(holds) and entries.place_of(look, thread) is None

    def _post(self, whole: bool) -> None:
        with self._desk.look() as look:
            settings = look.settings
            if settings.github_status_branch:
                self._carry([posting.page(look, settings.github_status_branch)])
            if settings.github_issues and whole:
                lacking = posting.lacking(look, self._posted())
                if lacking:
                    # Also the closed ones: who has closed an issue does not want it again.
                    begun = plus(min(task.created_at for task in lacking), -SKEW)
                    lacking = posting.lacking(look, self._posted(begun))
                self._carry(list(posting.opened(look, lacking)))

    def _posted(self, since: Time = "") -> set[str]:
        """Return the tasks that have an issue which is open, or was closed after that time."""
        me = self._desk.hosted.me
        return {issues.posted(one, me) for one in self._forge.threads(since)} - {""}

    def _read(self, number: int) -> facts.Thread | None:
        if number not in self._threads:
            thread = self._forge.thread(number)
            if thread is None:
                return None
            self._threads[number] = thread
        return self._threads[number]

    def _carry(self, effects: Iterable[Effect]) -> None:
        found = list(dict.fromkeys(effects))
        self._wanted += found
        if any(isinstance(effect, Say) for effect in found):
            # What is said once is true of the state in which it was decided, or of a later one.
            with self._desk.look() as look:
                as_of = markdown.small(look.stamp)
            found = [
                one._replace(body=f"{one.body}\n\n{as_of}") if isinstance(one, Say) else one
                for one in found
            ]
        self._refused += self._writer.carry_out(found).refused

    def _age(self) -> tuple[int, int]:
        with self._desk.look() as look:
            return look.stamp.age

    def outcome(self) -> Outcome:
        """Return what it came to."""
        return Outcome(
            threads=tuple(sorted(self._threads)),
            branches=tuple(self._branches),
            comments=tuple(self._comments),
            before=self._before,
            after=self._age(),
            effects=len(self._wanted),
            refused=tuple(self._refused),
            wanted=tuple(self._wanted),
        )
