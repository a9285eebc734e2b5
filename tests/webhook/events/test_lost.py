"""What cannot be told, what only seems to be lost, and how streams go on behind it."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from gitcoord.domain.configure import Begin
from gitcoord.ledger import feed, remedies
from tests.gitrun import git
from tests.ledger.houses import acquire, begun, opened, session
from tests.servers.git_http import GitHost
from tests.webhook.events.listening import Listener, body, ids, running, threaded, until

STATE = "refs/coord/state"


def by_hand(repo: str, name: str, text: str) -> None:
    """Put a transaction on the ledger that no gitcoord would write: one session is this text."""
    head = git(repo, "rev-parse", STATE).strip()
    meta = json.loads(git(repo, "show", f"{head}:meta.json"))
    meta["seq"] += 1
    sessions = replaced(repo, f"{head}:sessions", name, blob(repo, text))
    half = replaced(repo, f"{head}:", "sessions", sessions)
    tree = replaced(repo, half, "meta.json", blob(repo, json.dumps(meta) + "\n"))
    commit = git(repo, "commit-tree", tree, "-p", head, "-m", "by hand").strip()
    git(repo, "update-ref", STATE, commit, head)


def blob(repo: str, text: str) -> str:
    return git(repo, "hash-object", "-w", "--stdin", stdin=text.encode()).strip()


def replaced(repo: str, tree: str, name: str, oid: str) -> str:
    lines = []
    for line in git(repo, "ls-tree", tree).splitlines():
        what, _, found = line.partition("\t")
        mode, kind, old = what.split()
        lines.append(f"{mode} {kind} {oid if found == name else old}\t{found}\n")
    assert any(oid in line for line in lines)
    return git(repo, "mktree", stdin="".join(lines).encode()).strip()


def test_a_transaction_that_cannot_be_read_is_a_gap_and_not_the_end(
    repo: str, caplog: pytest.LogCaptureFixture
) -> None:
    house = begun(repo)
    ada = session(house)
    first = ids(house)[-1]
    name = f"r.{ada.id}.json"
    good = git(repo, "show", f"{STATE}:sessions/{name}")

    async def scene() -> None:
        async with running(house) as hub, anyio.create_task_group() as group:
            now, later = Listener(), Listener()
            group.start_soon(now.listen, hub)
            await until(lambda: now.heard)
            by_hand(repo, name, '{"id": 7')
            await until(lambda: "gap" in [x.type for x in now.heard])
            by_hand(repo, name, good)
            await threaded(acquire, house, ada, "a.py")
            await until(lambda: now.kinds[-1:] == ["lock.acquired"])
            assert hub.trouble is None
            gaps = [x for x in now.heard if x.type == "gap"]
            assert [x.id for x in gaps] == ["1.3.999999999", "1.4.999999999"]
            assert "cannot be read" in body(gaps[0])["reason"]
            # Whoever was there before it gets past it, too, and knows that it missed something.
            group.start_soon(later.listen, hub, first)
            await until(lambda: later.kinds == ["lock.acquired"])
            told = [x.id for x in later.heard if x.id]
            assert told == ["1.3.999999999", "1.4.999999999", "1.5.1"]
            hub.close()

    anyio.run(scene)
    # However many come past it, the log says it once.
    assert caplog.text.count("events of 1.3.999999999 cannot be told") == 1


def test_what_a_restored_ledger_has_lost_is_a_gap_in_open_streams_and_resumed_ones(
    git_host: GitHost, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.entrypoints.cli import pace

    monkeypatch.setattr(pace, "FIRST", 0.05)
    monkeypatch.setattr(pace, "LAST", 0.1)
    git_host.create("hub")
    git(repo, "push", "-q", git_host.url("hub"), "main")
    for name in ("here", "there"):
        git(str(tmp_path), "clone", "-q", git_host.url("hub"), name)
    here = opened(str(tmp_path / "here"), remote="origin")
    here.coordinator.begin(Begin())
    ada = session(here)
    there = opened(str(tmp_path / "there"), remote="origin")
    there.follow()
    there.ledger.head()

    async def scene() -> None:
        async with running(here) as hub, anyio.create_task_group() as group:
            open_one = Listener()
            group.start_soon(open_one.listen, hub)
            await until(lambda: open_one.heard)
            await threaded(acquire, here, ada, "lost.py")
            await until(lambda: open_one.events)
            # The host loses the ledger; somebody who is behind publishes it anew.
            git(git_host.path("hub"), "update-ref", "-d", STATE)
            await threaded(there.store.refresh)
            restored = await threaded(remedies.restore, there)
            assert (restored.epoch, restored.seq) == (2, 3)
            bob = await threaded(session, there, "bob")
            await until(lambda: open_one.kinds[-1:] == ["agent.checkin"])
            (gap,) = [x for x in open_one.heard if x.type == "gap"]
            assert body(gap)["after"].startswith("1.3.")
            # What has happened since then is told.
            assert gap.id == "2.3.0"
            assert open_one.kinds == ["lock.acquired", "ledger.restored", "agent.checkin"]
            # The id of what was lost is one of no transaction here, though the number is taken.
            back = Listener()
            group.start_soon(back.listen, hub, open_one.ids[0])
            await until(lambda: [x for x in back.heard if x.type == "gap"])
            await threaded(acquire, there, bob, "b.py")
            since = ["ledger.restored", "agent.checkin", "lock.acquired"]
            await until(lambda: back.kinds == since)
            await until(lambda: open_one.kinds == ["lock.acquired", *since])
            # Whoever has heard the last thing that was kept misses nothing.
            kept = Listener()
            group.start_soon(kept.listen, hub, "1.2.1")
            await until(lambda: kept.kinds == since)
            assert "gap" not in [x.type for x in kept.heard]
            hub.close()

    anyio.run(scene)


def test_a_service_on_a_new_clone_tells_what_was_before_its_first_fetch(
    git_host: GitHost, repo: str, tmp_path: Path
) -> None:
    git_host.create("hub")
    git(repo, "push", "-q", git_host.url("hub"), "main")
    for name in ("here", "new"):
        git(str(tmp_path), "clone", "-q", git_host.url("hub"), name)
    here = opened(str(tmp_path / "here"), remote="origin")
    here.coordinator.begin(Begin())
    ada = session(here)
    for number in range(40):
        acquire(here, ada, f"k{number}")
    everything = ids(here)
    new = opened(str(tmp_path / "new"), remote="origin")
    new.follow()
    assert len(list(new.store.mirror.inner.chain(new.ledger.head()))) < 40  # type: ignore[attr-defined]
    found = feed.since(new.ledger, feed.parsed(everything[0]))
    assert [str(each.at) for each in found] == everything[1:]
