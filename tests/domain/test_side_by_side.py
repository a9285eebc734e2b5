"""Packages side by side: every overlap is found, and only where nothing orders the two."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.domain.graph import reached
from gitcoord.domain.key_index import wanted
from gitcoord.domain.overlap import matches
from gitcoord.domain.settings import Settings
from gitcoord.domain.side_by_side import KEYS_LIMIT, Clash, Package, allowed, clashes
from gitcoord.errors import InvalidKey, LimitReached, UnknownNamespace

AGREED = Settings()


def pairs(*packages: Package, agreed: Settings = AGREED) -> dict[tuple[str, str], list[object]]:
    return {one.packages: list(one.keys) for one in clashes(agreed, packages)}


def test_scopes_that_overlap_are_shown_with_the_pair_and_the_keys() -> None:
    found = clashes(
        AGREED,
        [
            Package(id="a", write=("src/**", "docs/a.md")),
            Package(id="b", write=("src/api/**", "docs/*.md")),
            Package(id="c", write=("tests/**",)),
        ],
    )
    keys = [("docs/a.md", "docs/*.md"), ("src/**", "src/api/**")]
    assert found == [Clash(packages=("a", "b"), keys=keys)]
    assert found[0].told() == (
        "a and b could run side by side, and overlap in 'docs/a.md' with 'docs/*.md', "
        "'src/**' with 'src/api/**'"
    )
    many = Clash(packages=("a", "b"), keys=[(f"{n}", f"{n}") for n in range(5)])
    assert many.told().endswith("'0', '1', '2' and 2 more")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # What one pattern held against the other's text does not see.
        (("src/*/a.py",), ("src/b/*.py",)),
        (("src/",), ("src/api/x.py",)),
        (("{a,b}/**",), ("b/c",)),
        (("./src/x",), ("src//x",)),
    ],
)
def test_overlap_is_that_of_the_patterns_and_not_of_their_texts(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert list(pairs(Package(id="a", write=one), Package(id="b", write=other))) == [("a", "b")]
    assert list(pairs(Package(id="a", write=one), Package(id="b", locks=other))) == [("a", "b")]


def test_logical_keys_overlap_when_they_are_equal() -> None:
    one = Package(id="a", locks=("api:GET /x", "db:migration-slot"))
    other = Package(id="b", locks=("db:migration-slot", "api:GET /y"))
    assert pairs(one, other) == {("a", "b"): [("db:migration-slot", "db:migration-slot")]}


def test_whoever_depends_on_the_other_even_through_a_third_may_overlap() -> None:
    a = Package(id="a", write=("src/**",))
    b = Package(id="b", depends_on=("a",))
    c = Package(id="c", depends_on=("b",), write=("src/**",))
    d = Package(id="d", write=("src/x",))
    assert list(pairs(a, b, c)) == []
    assert list(pairs(c, b, a)) == []
    assert list(pairs(a, b, c, d)) == [("a", "d"), ("c", "d")]


def test_what_one_denies_itself_does_not_count_but_what_it_locks_does() -> None:
    def both(deny: str, other: str, **more: tuple[str, ...]) -> bool:
        one = Package(id="a", write=("src/**",), deny=(deny,), **more)
        return bool(pairs(one, Package(id="b", write=(other,))))

    assert not both("src/api/**", "src/api/x/**")
    assert not both("src/api/*.py", "src/api/x.py")
    assert not both("src/*/x", "src/*/x")
    assert both("src/api/**", "src/**")
    assert both("src/api/*.py", "src/api/**")
    assert both("db:schema:x", "src/x")
    assert both("src/api/**", "src/api/x", locks=("src/api/x",))


def test_what_is_never_locked_or_always_shared_is_nobodys() -> None:
    agreed = Settings(ignore=("gen/**",), shared=("uv.lock",))
    one = Package(id="a", write=("gen/x", "uv.lock", "gen/**"))
    other = Package(id="b", write=("gen/**", "uv.lock"))
    assert pairs(one, other, agreed=agreed) == {}
    assert pairs(one, other) != {}


def test_wrong_patterns_and_too_many_are_refused() -> None:
    with pytest.raises(InvalidKey):
        clashes(AGREED, [Package(id="a", write=("../x",))])
    with pytest.raises(InvalidKey):
        clashes(AGREED, [Package(id="a", deny=("",))])
    with pytest.raises(UnknownNamespace):
        clashes(AGREED, [Package(id="a", locks=("queue:x",))])
    many = tuple(f"f{n}" for n in range(KEYS_LIMIT + 1))
    with pytest.raises(LimitReached):
        clashes(AGREED, [Package(id="a", write=many)])
    assert clashes(AGREED, [Package(id="a", write=many[1:])]) == []


def test_patterns_that_would_take_too_long_are_refused() -> None:
    many = [
        Package(id=f"p{one}", write=tuple(f"**/{one}x{n}" for n in range(10))) for one in range(22)
    ]
    with pytest.raises(LimitReached, match="begin alike"):
        clashes(AGREED, many)
    assert clashes(AGREED, many[:5]) == []


def test_a_pair_shows_not_more_keys_than_somebody_reads() -> None:
    names = tuple(f"f{n}" for n in range(30))
    (found,) = clashes(AGREED, [Package(id="a", write=names), Package(id="b", locks=names)])
    assert len(found.keys) == 20


def test_a_file_may_be_changed_that_is_allowed_and_not_denied() -> None:
    one = Package(id="a", write=("src/**",), deny=("src/api/**",))
    assert allowed(AGREED, one, "src/a.py")
    assert not allowed(AGREED, one, "src/api/a.py")
    assert not allowed(AGREED, one, "docs/a.md")
    assert not allowed(AGREED, one, "SRC/a.py")
    assert allowed(Settings(case_folding=True), one, "SRC/a.py")


PATTERNS = ["**", "a", "b", "a/**", "a/b", "*", "*/b", "**/b", "a/*", "{a,b}/a", "?/b/**", "[ab]"]
#: Every path that can tell these patterns apart.
PATHS = ["/".join(x) for depth in (1, 2, 3) for x in product("abc", repeat=depth)]


@st.composite
def plans(draw: st.DrawFn, *, denying: bool) -> list[Package]:
    some = st.lists(st.sampled_from(PATTERNS), max_size=3).map(tuple)
    count = draw(st.integers(2, 5))
    packages = []
    for number in range(count):
        earlier = [f"p{n}" for n in range(number)]
        after = draw(st.lists(st.sampled_from(earlier), max_size=2)) if earlier else []
        packages.append(
            Package(
                id=f"p{number}",
                depends_on=tuple(after),
                write=draw(some),
                locks=draw(some),
                deny=draw(some) if denying else (),
            )
        )
    return draw(st.permutations(packages))


def brute(packages: list[Package]) -> set[frozenset[str]]:
    """Return the pairs that collide, by trying every path and every chain of dependencies."""

    def some(texts: tuple[str, ...], path: str) -> bool:
        return any(matches(wanted(AGREED, text), path) for text in texts)

    def wants(one: Package, path: str) -> bool:
        return some(one.locks, path) or (some(one.write, path) and not some(one.deny, path))

    edges = {one.id: one.depends_on for one in packages}

    def leads(one: str, other: str) -> bool:
        return any(name == other or leads(name, other) for name in edges[one])

    return {
        frozenset((one.id, other.id))
        for one, other in combinations(packages, 2)
        if not leads(one.id, other.id) and not leads(other.id, one.id)
        if any(wants(one, path) and wants(other, path) for path in PATHS)
    }


@settings(max_examples=150)
@given(plans(denying=False))
def test_validation_says_what_trying_every_path_says(packages: list[Package]) -> None:
    assert {frozenset(one.packages) for one in clashes(AGREED, packages)} == brute(packages)
    edges = {one.id: one.depends_on for one in packages}
    assert reached(edges).keys() == edges.keys()


@settings(max_examples=150)
@given(plans(denying=True))
def test_with_denials_no_collision_is_missed(packages: list[Package]) -> None:
    assert {frozenset(one.packages) for one in clashes(AGREED, packages)} >= brute(packages)
