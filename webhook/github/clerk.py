"""One project's clerk: hears GitHub and the ledger, and lets the mirror look.

Deliveries that wait are looked at together. Where GitHub does not answer or wants time they go
back and are done later; one that fails by itself is told from the others by trying each alone.
Now and then everything is looked at, for what nobody tells: locks that end, lost deliveries.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio

from gitcoord.domain.time import from_epoch
from gitcoord.entrypoints.forge_access import repository
from gitcoord.errors import Contended, ForgeBusy, ForgeRefused, GitcoordError, Unavailable
from gitcoord.ledger.request import fresh_id
from gitcoord.mirror.hooks import Hooks
from gitcoord.mirror.subjects import Everything, Subject
from webhook.github.lead import Lead
from webhook.github.news import Heard, concerned

if TYPE_CHECKING:
    from gitcoord.bootstrap import House
    from gitcoord.mirror.access import Access
    from gitcoord.mirror.mirror import Mirror
    from webhook.github.inbox import Inbox, Waiting
    from webhook.projects import Project
    from webhook.streams import Streams

LOG = logging.getLogger("gitcoord.github")
#: Seconds for which deliveries are claimed: a look takes less.
CLAIM = 300.0
#: Seconds between two looks at everything.
WHOLE = 900.0
#: Seconds in which changes of the ledger are gathered before they are shown.
GATHER = 2.0
#: Seconds before what could not be done is tried again; doubled each time, up to the last.
SOON, LATE = 2.0, 120.0
#: Seconds between two looks whether another service has left something behind.
LOOK = 20.0
#: Seconds for which GitHub remembers deliveries.
MISSED = 3 * 86_400.0
#: With what the ledger has changed, every open pull request is shown it.
EVERY_PULL = 10_000


class Clerk:
    """Works for one project, until it is cancelled."""

    def __init__(
        self, project: Project, inbox: Inbox, access: Access, environ: Mapping[str, str]
    ) -> None:
        self._project = project
        self._inbox = inbox
        self._access = access
        self._environ = environ
        self._me = fresh_id()
        self._mirror: tuple[House, Mirror] | None = None
        self._lead = Lead()
        self._awake = anyio.Event()
        self._heard = Heard((Everything(),))
        self._whole_at = 0.0
        self._pause = SOON
        #: Until when GitHub wants to be left alone, by the clock that only grows.
        self._quiet_until = 0.0

    def wake(self) -> None:
        """Look at once. Only in the event loop."""
        self._awake.set()

    async def work(self) -> None:
        """Do what waits, again and again."""
        try:
            while True:
                self._awake = anyio.Event()
                heard, self._heard = self._heard, Heard()
                wait = await self._project.work(self._step, heard)
                with anyio.move_on_after(wait):
                    await self._awake.wait()
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                await self._project.work(self._leave)

    async def listen(self, streams: Streams) -> None:
        """Hear what happens in the ledger, and have it shown when it has been quiet for a bit."""
        while True:
            try:
                hub = await streams.hub(self._project)
                async with aclosing(await hub.subscribe(ticks=GATHER)) as told:
                    # What happened before, also while nobody listened, is told by no event.
                    self._note(Heard((Everything(),)))
                    self.wake()
                    async for item in told:
                        self._note(concerned([item]))
                        if item.type == "tick" and self._heard:
                            self.wake()
            except GitcoordError as trouble:
                self._project.told(trouble)
            await anyio.sleep(LOOK)

    def _note(self, heard: Heard) -> None:
        subjects = dict.fromkeys((*self._heard.subjects, *heard.subjects))
        self._heard = Heard(tuple(subjects), self._heard.pulls or heard.pulls)

    def _step(self, heard: Heard) -> float:
        """Do what is due; return the seconds until there may be more."""
        if (left := self._quiet_until - time.monotonic()) > 0:
            # What comes meanwhile wakes us and waits as well: who goes on is kept out longer.
            self._note(heard)
            return left
        try:
            mirror = self._looking()
            self._deliveries(mirror)
            self._show(mirror, heard)
        except (Unavailable, Contended) as trouble:
            self._note(heard)
            return self._later(trouble)
        except GitcoordError as trouble:
            # A setting that is wrong, a ledger that is not there: somebody has to mend it.
            self._project.told(trouble)
            LOG.warning("%s: %s", self._project.name, trouble.message)
            self._note(heard)
            return LATE
        self._pause = SOON
        due = self._inbox.due(self._project.name)
        return LOOK if due is None else min(LOOK, max(0.0, due - time.time()))

    def _deliveries(self, mirror: Mirror) -> None:
        while found := self._claimed():
            self._look(mirror, found)

    def _claimed(self) -> list[Waiting]:
        now = time.time()
        return self._inbox.claim(self._project.name, self._me, at=now, until=now + CLAIM)

    def _look(self, mirror: Mirror, found: Sequence[Waiting]) -> None:
        ids = [each.id for each in found]
        name = self._project.name
        try:
            self._at(mirror, [one for each in found for one in each.subjects])
        except (Unavailable, Contended) as trouble:
            due = time.time() + self._wait(trouble)
            self._inbox.again(name, self._me, ids, due=due, error=trouble.message, counts=False)
            raise
        except Exception as wrong:
            if len(found) > 1:
                for each in found:
                    self._look(mirror, [each])
                return
            LOG.exception("%s: delivery %s", name, ids[0])
            due = time.time() + LATE
            self._inbox.again(name, self._me, ids, due=due, error=repr(wrong), counts=True)
            return
        self._inbox.done(name, self._me, ids)

    def _show(self, mirror: Mirror, heard: Heard) -> None:
        """Look at what the ledger's events concern, and now and then at everything."""
        whole = time.monotonic() >= self._whole_at
        if not (whole or heard) or not self._lead.have(self._project.house()):
            return
        if whole and not self._whole_at:
            self._missed(mirror)
        subjects: Sequence[Subject] = (Everything(),) if whole else heard.subjects
        self._at(mirror, subjects, anew=heard.pulls)
        if whole or Everything() in subjects:
            self._whole_at = time.monotonic() + WHOLE

    def _missed(self, mirror: Mirror) -> None:
        """Let GitHub send again what nobody has taken; that is for administrators."""
        since = from_epoch(time.time() - MISSED)
        try:
            found = Hooks(mirror.forge.api, mirror.forge.hosted().name).redeliver(since)
        except ForgeRefused as refusal:
            LOG.info("%s: missed deliveries: %s", self._project.name, refusal.message)
        else:
            LOG.info("%s: of %d missed deliveries %d come again", self._project.name, *found)

    def _at(self, mirror: Mirror, subjects: Sequence[Subject], *, anew: bool = False) -> None:
        outcome = mirror.look(subjects, others=EVERY_PULL, anew=anew)
        for refusal in outcome.refused:
            LOG.warning("%s: %s", self._project.name, refusal.message)

    def _looking(self) -> Mirror:
        house = self._project.house()
        if self._mirror is None or self._mirror[0] is not house:
            name = repository(house, self._environ)
            self._mirror = (house, house.mirror(self._access, name))
        return self._mirror[1]

    def _leave(self) -> None:
        if self._mirror is not None:
            self._lead.leave(self._mirror[0])

    def _later(self, trouble: GitcoordError) -> float:
        wait = self._wait(trouble)
        LOG.warning("%s: %s; again in %.0f s", self._project.name, trouble.message, wait)
        self._pause = min(self._pause * 2, LATE)
        if isinstance(trouble, ForgeBusy):
            self._quiet_until = time.monotonic() + wait
        return wait

    def _wait(self, trouble: GitcoordError) -> float:
        named = trouble.details.get("retry_after")
        return max(self._pause, float(named)) if named is not None else self._pause
