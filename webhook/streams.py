"""The event hubs and notifiers of a running service: one of each for a project.

They live in the event loop from the service's start to its end; a hub is made when somebody
listens for the first time, and anew when its repository was opened anew. What goes wrong in one
project is no other's business. Not here: the routes (`listening`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from gitcoord.errors import GitcoordError, Unavailable
from gitcoord.ledger import feed
from webhook.events.hub import Hub
from webhook.events.item import wish
from webhook.events.notify import Notifier, Target
from webhook.events.outbox import Outbox
from webhook.events.outside import networks
from webhook.events.watching import Watching
from webhook.targets import Kept, Targets
from webhook.unending import kept_up, once

if TYPE_CHECKING:
    from webhook.projects import Project
    from webhook.service import Service

LOG = logging.getLogger("gitcoord.service")
#: Seconds between two looks at which targets there are: another service may have been told.
LOOK = 5.0


class Streams:
    """The hubs and notifiers of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.targets = Targets(service.private)
        self.outbox = Outbox(service.private)
        self._hubs: dict[str, Hub] = {}
        self._notifiers = {
            name: Notifier(partial(self.heard, project), name, self.outbox)
            for name, project in service.projects.items()
        }
        self._group: anyio.abc.TaskGroup | None = None
        self._ending = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run what is needed while the block runs; streams end in good order after it."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                group.start_soon(self._renewing)
                for name, notifier in self._notifiers.items():
                    group.start_soon(kept_up, LOG, f"{name}: notifications", notifier.run)
                yield
                self.ended()
                group.cancel_scope.cancel()
        finally:
            self._group = None

    async def hub(self, project: Project) -> Hub:
        """Return the project's hub. Raises what keeps its repository closed."""
        house = await project.work(project.house)
        found = self._hubs.get(project.name)
        if found is not None and found.house is not house:
            # Where there was no ledger there may be one now, and elsewhere.
            found.close()
        if found is None or found.closed:
            if self._group is None or self._ending:
                raise Unavailable("the service is about to end")
            found = self._hubs[project.name] = Hub(Watching(house))
            self._group.start_soon(once, LOG, f"{project.name}: events", found.run)
        return found

    async def heard(self, project: Project) -> Hub:
        """Return the project's hub, which can be listened to.

        Raises what keeps its ledger from being read; then that is looked for anew the next time.
        """
        hub = await self.hub(project)
        try:
            await (await hub.subscribe()).aclose()
        except GitcoordError as error:
            project.told(error)
            raise
        return hub

    def woken(self, project: Project) -> None:
        """Have the project's listeners told at once: this service has just changed its ledger."""
        if (hub := self._hubs.get(project.name)) is not None:
            hub.wake()

    def ended(self) -> None:
        """End all streams and all waiting in good order, as the service is about to end."""
        self._service.waits.end()
        self._ending = True
        for hub in self._hubs.values():
            hub.close()

    async def add(self, project: Project, url: str, types: str, form: str, *, at: float) -> Kept:
        """Make a target that is told what happens from now on. Raises as `Targets.add`."""
        made = await project.work(lambda: self.targets.add(project.name, url, types, form, at=at))
        await project.work(self._begun, project, made)
        await self.renew()
        return made

    async def remove(self, project: Project, id: str) -> Kept:
        """Tell a target no more. Raises `InvalidValue` for one that the project has not."""
        gone = await project.work(self.targets.remove, project.name, id)
        await self.renew()
        return gone

    async def renew(self) -> None:
        """Tell the targets that there are now. Raises `Unavailable`."""
        found = list(await anyio.to_thread.run_sync(self.targets.everywhere))
        for name, notifier in self._notifiers.items():
            try:
                notifier.tell([self._target(one) for one in found if one.project == name])
            except GitcoordError as trouble:
                LOG.warning("%s: nobody new is notified: %s", name, trouble.message)

    async def _renewing(self) -> None:
        while True:
            try:
                await self.renew()
            except GitcoordError as trouble:
                LOG.warning("targets of notifications: %s", trouble.message)
            await anyio.sleep(LOOK)

    def _begun(self, project: Project, made: Kept) -> None:
        try:
            self.outbox.begin([made.id], feed.end(project.house().ledger))
        except GitcoordError as error:
            # It begins as soon as there is a ledger that can be read.
            project.told(error)

    def _target(self, one: Kept) -> Target:
        allowed = ("0.0.0.0/0", "::/0") if self._service.settings.private_notifications else ()
        return Target(one.id, one.url, one.secret, wish(one.types), networks(allowed), one.format)
