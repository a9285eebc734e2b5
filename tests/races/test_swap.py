"""Processes that race one swap: exactly one wins, every round, whichever engines they use."""

from __future__ import annotations

import pytest

from gitcoord.storage.libgit2 import Libgit2Store
from gitcoord.storage.plumbing import PlumbingStore
from tests.races.swapping import Engine, one_winner_each, raced

ENGINES: dict[str, list[Engine]] = {
    "plumbing": [PlumbingStore],
    "libgit2": [Libgit2Store],
    "both engines": [PlumbingStore, Libgit2Store],
}


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize(
    "rounds", [pytest.param(20), pytest.param(300, marks=pytest.mark.soak)]
)  # fmt: skip
def test_of_eight_processes_exactly_one_wins_each_create_and_each_update(
    repo: str, engines: str, rounds: int
) -> None:
    one_winner_each(raced([repo], ENGINES[engines], rounds), rounds, repo)
