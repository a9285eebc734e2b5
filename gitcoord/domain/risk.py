"""How risky a change is to land: a number from 0 to 100, and the reasons for it.

Promises that it never falls when something is added: another path, line, lock of somebody else
or failed check. Pure arithmetic over facts. Not here: where the facts come from (`verification`),
and what follows from the number.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

HIGHEST = 100

#: Each kind of fact: points for one, and most points of all together.
FILE = (0.5, 25.0)
LINE = (0.02, 15.0)
LOCK = (10.0, 30.0)
FAILURE = (8.0, 24.0)


class RiskyPath(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Paths whose change is risky by itself, and how much, in points."""

    pattern: str
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)]


#: What is risky in most repositories: how it is built and delivered, the shape of data, who may
#: do what, and what is taken from others.
RISKY: tuple[RiskyPath, ...] = (
    RiskyPath(
        pattern="{.github/{workflows,actions}/**,.gitlab-ci.yml,.circleci/**,Jenkinsfile,.ci/**}",
        weight=30,
    ),
    RiskyPath(pattern="**/{migrations,migration,alembic}/**", weight=30),
    RiskyPath(pattern="**/{auth,authentication,authorization,security,permissions}/**", weight=30),
    RiskyPath(pattern="**/{Dockerfile,docker-compose.yml,compose.yml,*.tf}", weight=15),
    RiskyPath(
        pattern=(
            "**/{package-lock.json,yarn.lock,pnpm-lock.yaml,poetry.lock,uv.lock,Pipfile.lock,"
            "Cargo.lock,go.sum,Gemfile.lock,composer.lock}"
        ),
        weight=10,
    ),
)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a change."""

    files: int = 0
    #: Lines added and removed, as far as they were counted.
    lines: int = 0
    #: Whether it has more paths than are listed.
    wide: bool = False
    #: Patterns that it meets.
    risky: tuple[RiskyPath, ...] = ()
    #: Live locks of others on its paths.
    locks: int = 0
    #: Checks of the same branch or agent that failed lately.
    failures: int = 0


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """The risk of a change."""

    #: 0 to 100.
    score: int
    #: Each reason with its points, the largest first.
    reasons: tuple[str, ...] = ()
    #: Whether the settings want a person's approval for as much (`risk_approval`).
    person: bool = False


def rated(facts: Facts, limit: int = 0) -> Risk:
    """Return the risk of what is known; `limit`: from where on a person approves, 0: nowhere."""
    files = FILE[1] if facts.wide else _points(facts.files, FILE)
    counted = (
        (files, "more files than are listed" if facts.wide else _many(facts.files, "file")),
        (_points(facts.lines, LINE), _many(facts.lines, "line")),
        *((float(one.weight), f"changes {one.pattern}") for one in facts.risky),
        (_points(facts.locks, LOCK), _many(facts.locks, "lock") + " of others on its paths"),
        (_points(facts.failures, FAILURE), _many(facts.failures, "failed check") + " lately"),
    )
    score = min(HIGHEST, int(sum(points for points, _ in counted)))
    told = sorted((one for one in counted if one[0]), key=lambda one: (-one[0], one[1]))
    reasons = tuple(f"{why} (+{points:g})" for points, why in told)
    return Risk(score=score, reasons=reasons, person=0 < limit <= score)


def _points(count: int, worth: tuple[float, float]) -> float:
    each, most = worth
    return min(most, count * each)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
