"""What a host's answer means, without a host."""

from __future__ import annotations

import pytest

from gitcoord.errors import CorruptRecord, HostRefused
from gitcoord.storage.store import ABSENT, Move
from gitcoord.storage.wire.push import Report
from gitcoord.storage.wire.verdict import FINAL, by_refs, objection, settled, stubborn

STATE, PRESENCE = "refs/coord/state", "refs/coord/presence/m"
OLD, NEW, OTHER, SEEN = (letter * 40 for letter in "abcd")
MOVE = Move(STATE, OLD, NEW)
GUARD = Move(PRESENCE, SEEN, SEEN)
FIRST = Move(STATE, ABSENT, NEW)


def said(reason: str = "failed to update ref", unpack: str = "", band: str = "") -> Report:
    return Report(unpack, {STATE: reason}, band)


def test_only_ok_for_every_ref_is_success() -> None:
    assert settled(Report("", {STATE: ""}, ""), [MOVE])
    assert settled(Report("", {STATE: "", PRESENCE: ""}, ""), [MOVE, GUARD])
    assert not settled(Report("", {STATE: ""}, ""), [MOVE, GUARD])
    assert not settled(Report("", {STATE: "", PRESENCE: "no"}, ""), [MOVE, GUARD])
    assert not settled(Report("index-pack failed", {STATE: ""}, ""), [MOVE])
    assert not settled(Report("", {}, ""), [MOVE])


@pytest.mark.parametrize(
    ("moves", "found", "verdict"),
    [
        ([MOVE], {STATE: NEW}, ("landed", "")),
        ([MOVE], {STATE: OLD}, ("again", "")),
        ([MOVE], {STATE: OTHER}, ("lost", STATE)),
        ([MOVE], {}, ("lost", STATE)),
        ([FIRST], {}, ("again", "")),
        ([FIRST], {STATE: OTHER}, ("lost", STATE)),
        ([MOVE, GUARD], {STATE: NEW, PRESENCE: SEEN}, ("landed", "")),
        ([MOVE, GUARD], {STATE: OLD, PRESENCE: SEEN}, ("again", "")),
        ([MOVE, GUARD], {STATE: OLD, PRESENCE: OTHER}, ("lost", PRESENCE)),
        ([GUARD], {PRESENCE: SEEN}, ("landed", "")),
        ([GUARD], {PRESENCE: OTHER}, ("lost", PRESENCE)),
        ([MOVE, Move(PRESENCE, SEEN, OTHER)], {STATE: NEW, PRESENCE: SEEN}, ("lost", STATE)),
    ],
)
def test_the_refs_decide(
    moves: list[Move], found: dict[str, str], verdict: tuple[str, str]
) -> None:
    assert by_refs(moves, found) == verdict


def test_a_guard_that_moved_after_our_success_does_not_turn_it_into_a_loss() -> None:
    assert by_refs([MOVE, GUARD], {STATE: NEW, PRESENCE: OTHER}) == ("landed", "")


@pytest.mark.parametrize("word", [word for word, _ in FINAL])
def test_a_rule_of_the_host_is_its_last_word(word: str) -> None:
    for report in (said(f"pre-receive {word} here"), said(band=f"remote: {word.upper()}!")):
        error = objection(report, [MOVE])
        assert isinstance(error, HostRefused)
        assert error.hint
        assert STATE in error.message


@pytest.mark.parametrize(
    "band",
    [
        "error: cannot lock ref 'refs/coord/state': Unable to create '/x/state.lock': File exists.",
        "error: cannot lock ref 'refs/coord/state': is at ccc but expected aaa",
        "",
    ],
)
def test_a_lock_of_the_moment_is_tried_again(band: str) -> None:
    assert objection(said(band=band), [MOVE]) is None


def test_a_ref_in_the_way_is_the_last_word_although_git_speaks_of_locks() -> None:
    band = "error: cannot lock ref 'refs/coord/state/x': 'refs/coord/state' exists; cannot create"
    assert isinstance(objection(said(band=band), [MOVE]), HostRefused)


def test_objects_that_the_host_lacks_are_corrupt() -> None:
    assert isinstance(objection(said("missing necessary objects"), [MOVE]), CorruptRecord)


def test_objects_that_the_host_does_not_take_are_refused_with_its_words() -> None:
    error = objection(said("unpacker error", unpack="index-pack abnormal exit"), [MOVE])
    assert isinstance(error, HostRefused)
    assert "index-pack abnormal exit" in error.message


def test_a_refusal_without_a_reason_still_says_what_was_refused() -> None:
    assert STATE in stubborn(Report("", {}, ""), [MOVE]).message
