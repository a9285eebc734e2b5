"""What check runs say together: only what has certainly passed counts as passed."""

from __future__ import annotations

import pytest

from gitcoord.domain.check_runs import CheckRun, Conclusion, judged

P, F, S, W = "passed", "failed", "skipped", ""


def runs(**found: Conclusion) -> list[CheckRun]:
    return [CheckRun(name=name, conclusion=how, url=f"at/{name}") for name, how in found.items()]


@pytest.mark.parametrize(
    ("found", "names", "status", "reason", "url"),
    [
        ({}, (), "pending", "no check has run", ""),
        ({"a": P, "b": P}, (), "passed", "passed: a, b", "at/b"),
        ({"a": P, "b": W}, (), "pending", "waits for b", "at/b"),
        ({"a": W, "b": F}, (), "failed", "b failed", "at/b"),
        ({"a": P, "b": S}, (), "passed", "passed: a", "at/a"),
        ({"a": S}, (), "pending", "no check has run", ""),
        ({"a": P, "b": F}, ("a",), "passed", "passed: a", "at/a"),
        ({"a": P}, ("a", "c"), "pending", "waits for c", ""),
        ({"a": S}, ("a",), "failed", "a skipped", "at/a"),
        ({}, ("a", "c"), "pending", "waits for a, c", ""),
    ],
)
def test_check_runs_say_together(
    found: dict[str, Conclusion], names: tuple[str, ...], status: str, reason: str, url: str
) -> None:
    said = judged(runs(**found), names)
    assert (said.status, said.reason, said.url) == (status, reason, url)
