"""The event hubs and notifiers of a running service: one of each for a project that needs it.

They live in the event loop from the service's start to its end; a hub is made when somebody
listens for the first time. Not here: the routes (`listening`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from gitcoord.errors import GitcoordError
from webhook.events.hub import Hub
from webhook.events.item import wish
from webhook.events.notify import Notifier, Target
from webhook.events.outbox import Outbox
from webhook.events.outside import networks
from webhook.events.watching import Watching
from webhook.targets import Targets

if TYPE_CHECKING:
    from webhook.projects import Project
    from webhook.service import Service

LOG = logging.getLogger("gitcoord.service")
#: Seconds after which a project that could not be opened is tried again.
AGAIN = 30.0


class Streams:
    """The hubs and notifiers of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.targets = Targets(service.private)
        self.outbox = Outbox(os.path.join(os.path.dirname(service.settings.state), "outbox.sqlite"))
        self._hubs: dict[str, Hub] = {}
        self._notifying: dict[str, anyio.CancelScope] = {}
        self._making = anyio.Lock()
        self._group: anyio.abc.TaskGroup | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run what is needed while the block runs; streams end in good order after it."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                for project in self._service.projects.values():
                    self.notify(project)
                yield
                for hub in self._hubs.values():
                    hub.close()
                group.cancel_scope.cancel()
        finally:
            self._group = None
            self.outbox.close()

    async def hub(self, project: Project) -> Hub:
        """Return the project's hub. Raises what keeps its repository closed."""
        async with self._making:
            found = self._hubs.get(project.name)
            if found is None or found.closed:
                assert self._group is not None
                found = Hub(Watching(await project.work(project.house)))
                self._hubs[project.name] = found
                self._group.start_soon(found.run)
            return found

    def woken(self, project: Project) -> None:
        """Have the project's listeners told at once: this service has just changed its ledger."""
        if (hub := self._hubs.get(project.name)) is not None:
            hub.wake()

    def ended(self) -> None:
        """End all streams and all waiting in good order, as the service is about to end."""
        self._service.waits.end()
        for hub in self._hubs.values():
            hub.close()

    def notify(self, project: Project) -> None:
        """Tell the project's targets from now on, as they are now."""
        before = self._notifying.pop(project.name, None)
        if before is not None:
            before.cancel()
        if self._group is not None and self.targets.list(project.name):
            scope = self._notifying[project.name] = anyio.CancelScope()
            self._group.start_soon(self._told, project, scope)

    async def _told(self, project: Project, scope: anyio.CancelScope) -> None:
        allowed = ("0.0.0.0/0", "::/0") if self._service.settings.private_notifications else ()
        with scope:
            while True:
                targets = [
                    Target(one.id, one.url, one.secret, wish(one.types), networks(allowed))
                    for one in await project.work(self.targets.list, project.name)
                ]
                try:
                    hub = await self.hub(project)
                    await Notifier(hub, project.name, targets, self.outbox).run()
                except GitcoordError as trouble:
                    LOG.warning("%s: nobody is notified: %s", project.name, trouble.message)
                await anyio.sleep(AGAIN)
