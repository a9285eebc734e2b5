"""The risk of a change: a number that never falls when something is added."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.keys import parse
from gitcoord.domain.overlap import matches
from gitcoord.domain.risk import HIGHEST, RISKY, Facts, RiskyPath, rated

MANY = st.integers(0, 200)
PATHS = st.lists(st.builds(RiskyPath, pattern=st.just("x"), weight=st.integers(0, 100)), max_size=4)
FACTS = st.builds(
    Facts, files=MANY, lines=st.integers(0, 5000), wide=st.booleans(), risky=PATHS.map(tuple),
    locks=MANY, failures=MANY,
)  # fmt: skip


@given(FACTS, FACTS)
def test_the_risk_never_falls_when_something_is_added(facts: Facts, more: Facts) -> None:
    larger = Facts(
        files=facts.files + more.files,
        lines=facts.lines + more.lines,
        wide=facts.wide or more.wide,
        risky=(*facts.risky, *more.risky),
        locks=facts.locks + more.locks,
        failures=facts.failures + more.failures,
    )
    small, large = rated(facts, 50), rated(larger, 50)
    assert 0 <= small.score <= large.score <= HIGHEST
    assert large.person or not small.person
    for field in Facts.__struct_fields__:
        one = msgspec.structs.replace(facts, **{field: getattr(larger, field)})
        assert small.score <= rated(one).score <= large.score


def test_each_reason_is_told_with_its_points_the_largest_first() -> None:
    auth = RiskyPath(pattern="**/auth/**", weight=30)
    risk = rated(Facts(files=2, lines=1, risky=(auth,), locks=1, failures=1))
    assert risk.reasons == (
        "changes **/auth/** (+30)",
        "1 lock of others on its paths (+10)",
        "1 failed check lately (+8)",
        "2 files (+1)",
        "1 line (+0.02)",
    )
    assert risk.score == 49
    assert rated(Facts()) == rated(Facts(), 1)
    assert rated(Facts()).reasons == ()


def test_one_kind_of_fact_alone_has_most_points() -> None:
    most = {"files": 25, "lines": 15, "locks": 30, "failures": 24}
    for field, points in most.items():
        assert rated(Facts(**{field: 1_000_000})).score == points
    # Then the number of those that are listed says nothing.
    assert rated(Facts(files=1, wide=True)).reasons == ("more files than are listed (+25)",)


def test_a_person_is_asked_for_at_the_limit_and_above_and_never_at_0() -> None:
    facts = Facts(locks=3)
    assert [rated(facts, limit).person for limit in (0, 29, 30, 31)] == [False, True, True, False]
    assert rated(Facts(), 0).person is False


def test_what_is_risky_by_default_is_found_wherever_it_lies() -> None:
    risky = {
        ".github/workflows/ci.yml": 30,
        ".gitlab-ci.yml": 30,
        "app/migrations/0001_first.py": 30,
        "migrations/0001.sql": 30,
        "src/auth/login.py": 30,
        "poetry.lock": 10,
        "web/package-lock.json": 10,
        "deploy/main.tf": 15,
        "src/author.py": 0,
        "docs/migrations.md": 0,
    }
    for path, weight in risky.items():
        met = [one.weight for one in RISKY if matches(parse(one.pattern), path)]
        assert sum(met) == weight, path
