"""How long a push pauses before it is sent again, and with what it gives up."""

from __future__ import annotations

import time

import pytest

from gitcoord.errors import GitcoordError, HostBusy, HostRefused, HostUnreachable, OutcomeUnknown
from gitcoord.storage.store import Move
from gitcoord.storage.wire.attempt import Attempt, spread
from gitcoord.storage.wire.push import Report
from gitcoord.storage.wire.transport import Interrupted

MOVE = Move("refs/coord/state", "a" * 40, "b" * 40)


@pytest.mark.parametrize(("asked", "most"), [(None, 0.15), (0.0, 0.15), (1.0, 1.375), (60.0, 63.0)])
def test_a_pause_is_never_shorter_than_the_host_asks_and_differs_by_chance(
    asked: float | None, most: float
) -> None:
    pauses = [spread(0.1, asked) for _ in range(200)]
    least = asked or 0.0
    assert all(least + 0.05 <= pause <= most for pause in pauses)
    assert len(set(pauses)) > 20
    assert max(pauses) - min(pauses) > (most - least) / 4


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Sleep for no time, and return for how long that would have been."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_a_host_is_given_the_time_it_asks_for_and_pauses_grow(slept: list[float]) -> None:
    attempt = Attempt([MOVE], patience=60.0)
    attempt.interrupted(Interrupted(HostBusy("429"), sent=False, retry_after=7.0))
    attempt.wait(7.0)
    assert 7.0 <= slept[0] <= 9.0
    for _ in range(6):
        attempt.wait(None)
    assert slept[1] < 0.1 < slept[-1]


@pytest.mark.parametrize(
    ("sent", "error", "kind"),
    [
        (False, HostBusy("429"), HostBusy),
        (False, HostUnreachable("cut"), HostUnreachable),
        (True, HostUnreachable("cut"), OutcomeUnknown),
    ],
)
def test_where_patience_ends_the_error_says_whether_anything_can_have_changed(
    slept: list[float], sent: bool, error: GitcoordError, kind: type[GitcoordError]
) -> None:
    attempt = Attempt([MOVE], patience=0.0)
    attempt.interrupted(Interrupted(error, sent=sent))
    with pytest.raises(GitcoordError) as caught:
        attempt.wait(None)
    assert type(caught.value) is kind
    assert error.message in caught.value.message
    assert slept == []


def test_a_host_that_goes_on_refusing_is_quoted_whether_time_or_attempts_run_out(
    slept: list[float],
) -> None:
    locked = Report("", {MOVE.ref: "failed to update ref"}, "error: cannot lock ref")
    hasty = Attempt([MOVE], patience=0.0)
    hasty.refused(locked)
    with pytest.raises(HostRefused, match="cannot lock ref"):
        hasty.wait(None)
    patient = Attempt([MOVE], patience=60.0)
    for _ in range(5):
        patient.refused(locked)
        patient.wait(None)
    with pytest.raises(HostRefused, match="cannot lock ref"):
        patient.refused(locked)
    assert len(slept) == 5
