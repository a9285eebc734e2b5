"""A race for one swap: processes that each try, what each was told, and who has won.

Light to import, since each process does so: no fixtures and nothing of pytest here.
"""

from __future__ import annotations

import multiprocessing as mp
import os
from collections.abc import Callable, Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

from gitcoord.storage.repository import Repository, find
from gitcoord.storage.store import ABSENT, Move, Oid, Store, SwapLost, make_object
from tests.gitrun import git
from tests.races.start import context, process

PROCESSES = 8
Engine = Callable[[Repository], Store]
Claim = tuple[str, Oid, Oid | None, Oid | None]


def racer(
    path: str,
    engine: Engine,
    rounds: int,
    barrier: Barrier,
    answers: SimpleQueue[list[Claim]],
    shared: str,
) -> None:
    """Race one create and one update per round; report (ref, mine, who I beat, who beat me)."""
    store: Store = engine(find(path, os.environ))
    claims: list[Claim] = []
    try:
        for number in range(rounds):
            fresh = f"refs/coord/race/{number}"
            for ref in (fresh, shared):
                old = store.read_ref(ref)
                barrier.wait()
                claims.append(attempt(store, ref, old))
                barrier.wait()
    except BaseException:
        barrier.abort()  # nobody waits for one who has failed
        raise
    finally:
        store.close()
        answers.put(claims)


def attempt(store: Store, ref: str, old: object) -> Claim:
    expect = old if isinstance(old, str) else ABSENT
    text = f"{mp.current_process().name} {ref} {old}".encode()
    blob = make_object(b"blob", text, store.object_format)
    before = expect if isinstance(expect, str) else None
    try:
        store.commit([blob], [Move(ref, expect, blob.oid)])
    except SwapLost as lost:
        return ref, blob.oid, before, lost.found if isinstance(lost.found, str) else None
    return ref, blob.oid, before, blob.oid


def raced(
    places: Sequence[str],
    kinds: Sequence[Engine],
    rounds: int,
    shared: str = "refs/coord/state",
) -> list[Claim]:
    """Return the claims of all processes, spread over the places and the engines.

    Each round races the creation of a ref of its own and the next update of `shared`.
    """
    start = context()
    barrier, answers = start.Barrier(PROCESSES), start.SimpleQueue()
    spread = [(places[n % len(places)], kinds[n % len(kinds)]) for n in range(PROCESSES)]
    processes = [
        process(start, racer, place, kind, rounds, barrier, answers, shared)
        for place, kind in spread
    ]
    for each in processes:
        each.start()
    claims = [claim for _ in processes for claim in answers.get()]
    for each in processes:
        each.join()
        assert each.exitcode == 0
    return claims


def one_winner_each(claims: Sequence[Claim], rounds: int, repo: str) -> None:
    """See that each race has one winner, known to all, whose new ref is in `repo`."""
    races = sorted({(ref, before or "") for ref, _, before, _ in claims})
    assert len(races) == 2 * rounds
    for ref, before in races:
        rivals = [claim for claim in claims if claim[0] == ref and (claim[2] or "") == before]
        assert len(rivals) == PROCESSES
        winners = [mine for _, mine, _, now in rivals if now == mine]
        assert len(winners) == 1
        assert {now for _, _, _, now in rivals} == {winners[0]}
        if ref.startswith("refs/coord/race/"):
            assert git(repo, "rev-parse", ref) == winners[0]
    git(repo, "fsck", "--strict", "--no-dangling")
