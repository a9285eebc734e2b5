"""Hubs and notifiers of a service: kept apart, made anew, agreed with those of another service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from gitcoord.domain.configure import Begin
from gitcoord.errors import InvalidUrl, InvalidValue, LimitReached, NotInitialised, Unavailable
from tests.gitrun import git
from tests.ledger.houses import acquire, opened, session
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost
from tests.webhook.events.listening import Listener, threaded, until
from tests.webhook.events.receiving import Receiver, receiving
from tests.webhook.served import begun
from webhook import streams as module
from webhook import targets, unending
from webhook.events import notify
from webhook.events.hub import Hub
from webhook.service import Service, assemble
from webhook.settings import Settings
from webhook.streams import Streams

__all__ = ["git_host"]


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "LOOK", 0.02)
    monkeypatch.setattr(module, "LOOK", 0.02)
    monkeypatch.setattr(unending, "AGAIN", 0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def served(repo: str, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Return a maker of services that share one file."""
    made: list[Service] = []

    def make(**places: str) -> Service:
        settings = Settings(
            places or {"web": repo}, str(tmp_path / "own" / "state"), private_notifications=True
        )
        made.append(assemble(settings, os.environ))
        return made[-1]

    yield make
    for one in made:
        one.close()


@asynccontextmanager
async def running(*services: Service) -> AsyncIterator[list[Streams]]:
    async with AsyncExitStack() as stack:
        found = [Streams(service) for service in services]
        for each in found:
            await stack.enter_async_context(each.open())
        yield found


def test_a_ledger_that_was_not_there_at_first_is_listened_to_where_it_has_come_to_be(
    git_host: GitHost, repo: str, tmp_path: Path, served: Callable[..., Service]
) -> None:
    git_host.create("hub")
    git(repo, "push", "-q", git_host.url("hub"), "main")
    for name in ("here", "there"):
        git(str(tmp_path), "clone", "-q", git_host.url("hub"), name)
    service = served(web=str(tmp_path / "here"))
    project = service.projects["web"]

    async def scene() -> None:
        async with running(service) as (streams,), anyio.create_task_group() as group:
            for _ in range(2):
                with pytest.raises(NotInitialised):
                    await streams.heard(project)
            there = opened(str(tmp_path / "there"), remote="origin")
            await threaded(there.coordinator.begin, Begin())
            # As a command in this clone does, which finds the ledger.
            git(str(tmp_path / "here"), "config", "coord.remote", "origin")
            listener = Listener()
            group.start_soon(listener.listen, await streams.heard(project))
            await until(lambda: listener.heard)
            ada = await threaded(session, there)
            await until(lambda: listener.kinds == ["agent.checkin"])
            assert ada.id in listener.events[0].text
            group.cancel_scope.cancel()

    anyio.run(scene)


def test_a_bug_in_one_project_is_no_other_s_business(
    repo: str,
    tmp_path: Path,
    served: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    git(str(tmp_path), "clone", "-q", repo, "other")
    places = {"web": begun(repo), "api": begun(str(tmp_path / "other"))}
    service = served(**places)
    right = Hub.run
    broken: list[Hub] = []

    async def run(self: Hub) -> None:
        if self.house.repository.worktree == repo and not broken:
            broken.append(self)
            try:
                raise RuntimeError("a bug of ours")
            finally:
                self.close()
        await right(self)

    monkeypatch.setattr(Hub, "run", run)

    async def scene() -> None:
        async with running(service) as (streams,), anyio.create_task_group() as group:
            other, mine = Listener(), Listener()
            group.start_soon(other.listen, await streams.hub(service.projects["api"]))
            await streams.hub(service.projects["web"])
            await until(lambda: broken)
            # The next who asks finds one that works.
            group.start_soon(mine.listen, await streams.hub(service.projects["web"]))
            await until(lambda: mine.heard and other.heard)
            for place, listener in ((repo, mine), (places["api"], other)):
                await threaded(session, opened(place))
                await until(lambda x=listener: x.kinds == ["agent.checkin"])
            group.cancel_scope.cancel()

    anyio.run(scene)
    assert "a bug in web: events" in caplog.text
    assert "a bug of ours" in caplog.text


def test_what_happens_from_the_answer_on_is_told_by_any_service_until_it_is_removed(
    repo: str, served: Callable[..., Service], receiver: Receiver
) -> None:
    place = begun(repo)
    house = opened(place)
    ada = session(house)
    one, two = served(web=place), served(web=place)

    async def scene() -> None:
        async with running(one, two) as (first, second):
            made = await first.add(one.projects["web"], receiver.url, "lock.*", "event", at=0)
            # The one that was told may end at once.
            await threaded(acquire, house, ada, "a")
            await until(lambda: len(receiver.got) == 1)
            await second.remove(two.projects["web"], made.id)
            await until(lambda: not first._notifiers["web"]._targets)
            await threaded(acquire, house, ada, "b")
            again = await second.add(two.projects["web"], receiver.url, "lock.*", "event", at=0)
            await threaded(acquire, house, ada, "c")
            await until(lambda: len(receiver.got) == 2)
            assert again.id != made.id

    anyio.run(scene)
    assert receiver.events == ["1.3.1", "1.5.1"]


def test_another_service_goes_on_with_the_targets_of_one_that_is_gone(
    repo: str, served: Callable[..., Service], receiver: Receiver
) -> None:
    place = begun(repo)
    house = opened(place)
    ada = session(house)
    one, two = served(web=place), served(web=place)

    async def scene() -> None:
        async with running(two):
            async with running(one) as (first,):
                await first.add(one.projects["web"], receiver.url, "", "event", at=0)
            await threaded(acquire, house, ada, "a")
            await until(lambda: len(receiver.got) == 1)

    anyio.run(scene)
    assert receiver.events == ["1.3.1"]


def test_a_file_that_cannot_be_read_for_a_while_ends_nothing(
    repo: str,
    served: Callable[..., Service],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = begun(repo)
    house = opened(place)
    ada = session(house)
    service = served(web=place)
    project = service.projects["web"]
    right, failed = targets.Targets.everywhere, [0]

    def everywhere(self: Any) -> Any:
        failed[0] += 1
        if failed[0] in (3, 4):
            raise Unavailable("the file is locked")
        return right(self)

    monkeypatch.setattr(targets.Targets, "everywhere", everywhere)

    async def scene() -> None:
        async with running(service) as (streams,):
            await streams.add(project, receiver.url, "", "event", at=0)
            await until(lambda: failed[0] > 5)
            await threaded(acquire, house, ada, "a")
            await until(lambda: receiver.got)

    anyio.run(scene)


def test_what_can_be_no_target_is_refused_and_not_kept(
    repo: str, served: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = served(web=begun(repo))
    kept = targets.Targets(service.private)
    for wrong, words in (
        (InvalidUrl, ("ftp://a.example/",)),
        (InvalidValue, ("https://a.example/", "lock.stolen")),
        (InvalidValue, ("https://a.example/", "lock.*,presence")),
        (InvalidValue, ("https://a.example/", "", "xml")),
    ):
        with pytest.raises(wrong):
            kept.add("web", *words, at=0)
    assert kept.list("web") == []
    monkeypatch.setattr(targets, "MOST", 2)
    for _ in range(2):
        kept.add("web", "https://a.example/", at=0)
    with pytest.raises(LimitReached):
        kept.add("web", "https://a.example/", at=0)
    kept.add("api", "https://a.example/", at=0)
    with pytest.raises(InvalidValue, match="no target"):
        kept.remove("api", kept.list("web")[0].id)
    assert len(kept.list("web")) == 2
