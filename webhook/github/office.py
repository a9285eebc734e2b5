"""Where deliveries are kept, and worked on: for each project a clerk, who is woken when one comes.

Where nothing lets us in at GitHub there are no clerks, and deliveries wait. Not here: what a
clerk does.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio

from gitcoord.entrypoints.forge_access import repository
from gitcoord.errors import GitcoordError
from webhook.github.clerk import Clerk
from webhook.github.inbox import Inbox
from webhook.unending import kept_up

if TYPE_CHECKING:
    from gitcoord.mirror.access import Access
    from gitcoord.mirror.subjects import Subject
    from webhook.projects import Project
    from webhook.service import Service
    from webhook.settings import Forge
    from webhook.streams import Streams

LOG = logging.getLogger("gitcoord.github")


class Office:
    """The clerks of one service."""

    def __init__(self, service: Service, forge: Forge) -> None:
        self.secrets = forge.secrets
        self.inbox = Inbox(service.private)
        self._service = service
        self._forge = forge
        self._clerks: dict[str, Clerk] = {}

    @asynccontextmanager
    async def open(self, streams: Streams) -> AsyncIterator[None]:
        """Let the clerks work while the block runs; where nothing lets us in, nobody does."""
        access = self._forge.access
        if access is None:
            if self.secrets:
                LOG.warning("nothing lets us in at GitHub: deliveries are kept, and wait")
            yield
            return
        async with anyio.create_task_group() as group:
            for project in self._service.projects.values():
                group.start_soon(self._employ, project, access, streams)
            yield
            group.cancel_scope.cancel()

    async def _employ(self, project: Project, access: Access, streams: Streams) -> None:
        """Let a clerk work for a project that is at GitHub."""
        if not await self._name(project):
            LOG.info("%s is no repository at GitHub that is known", project.name)
            return
        clerk = Clerk(project, self.inbox, access, self._forge.environ)
        self._clerks[project.name] = clerk
        async with anyio.create_task_group() as group:
            group.start_soon(kept_up, LOG, f"{project.name}: what GitHub asks", clerk.work)
            listen = partial(clerk.listen, streams)
            group.start_soon(kept_up, LOG, f"{project.name}: events", listen)

    async def project(self, name: str) -> Project | None:
        """Return the project that belongs to the "owner/name" at GitHub, or None."""
        for project in self._service.projects.values():
            if name and await self._name(project) == name.lower():
                return project
        return None

    async def put(
        self, project: Project, delivery: str, about: Sequence[Subject], *, at: float
    ) -> bool:
        """Keep a delivery, and wake who works on it; False when it was kept before."""
        new = await project.work(lambda: self.inbox.put(project.name, delivery, about, at=at))
        if new and (clerk := self._clerks.get(project.name)) is not None:
            clerk.wake()
        return new

    async def _name(self, project: Project) -> str:
        """Return the "owner/name" of a project in lower case; "" for none."""
        with suppress(GitcoordError):
            return (await project.work(self._named, project)).lower()
        return ""

    def _named(self, project: Project) -> str:
        return repository(project.house(), self._forge.environ)
