"""Network rules: which host a URL means, which rule decides, exports and the access log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.accesses import CALL_LIMIT, Access, AccessDraft, RecordAccesses, accessed
from gitcoord.domain.hosts import Host, checked_pattern, host_of, matches
from gitcoord.domain.network import (
    BUILT_IN,
    NO_MATCH,
    NetworkRule,
    RemoveNetworkRule,
    SetNetworkRule,
    rules,
    verdict,
)
from gitcoord.domain.network_export import LISTS, allowed, covers, proxy_config
from gitcoord.domain.time import plus
from gitcoord.errors import (
    InvalidId,
    InvalidUrl,
    InvalidValue,
    LimitReached,
    ProfileNotFound,
    RuleNotFound,
    SessionNotFound,
)
from tests.domain.world import START, World


def ask(world: World, text: str, profile: str = "") -> Any:
    return verdict(world.state(), profile, text)


def rule(id: str, pattern: str, **fields: Any) -> SetNetworkRule:
    return SetNetworkRule(id=id, pattern=pattern, **fields)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("github.com", Host("github.com")),
        ("GitHub.COM.", Host("github.com")),
        ("https://github.com:443/a?b#c", Host("github.com", port=443)),
        ("https://github.com?x=@evil.com", Host("github.com")),
        ("https://github.com#@evil.com", Host("github.com")),
        ("https://github.com/@evil.com", Host("github.com")),
        ("github.com:", Host("github.com")),
        ("bücher.example", Host("xn--bcher-kva.example")),
        ("https://BÜCHER.example", Host("xn--bcher-kva.example")),
        ("github\u3002com", Host("github.com")),
        ("127.0.0.1", Host("127.0.0.1", True)),
        ("http://127.0.0.1:8080/x", Host("127.0.0.1", True, 8080)),
        ("[::1]", Host("0:0:0:0:0:0:0:1", True)),
        ("http://[2001:DB8::1]:80/", Host("2001:db8:0:0:0:0:0:1", True, 80)),
        ("[1:2:3:4:5:6:7:8]", Host("1:2:3:4:5:6:7:8", True)),
        ("localhost", Host("localhost")),
    ],
)
def test_a_host_has_one_form(text: str, host: Host) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https:///github.com",
        "https://github.com@evil.com",
        "https://user:pass@github.com",
        "https://github.com\\@evil.com",
        "https://github.com\\.evil.com",
        "github.com evil.com",
        "github.com\nevil.com",
        "https://github%2ecom",
        "https://github.com%00.evil.com",
        "github..com",
        ".github.com",
        "github.com..",
        "-a.com",
        "a-.com",
        "x" * 64 + ".com",
        ".".join(["abcdefgh"] * 30),
        "0x7f.1",
        "2130706433",
        "127.1",
        "127.0.0.01",
        "256.1.1.1",
        "1.2.3.4.5",
        "0x7f000001",
        "github.com:http",
        "github.com:0",
        "github.com:99999",
        "::1",
        "[::1",
        "[::1]x",
        "[1::2::3]",
        "[1:2:3]",
        "[::ffff:127.0.0.1]",
        "[1:2:3:4:5:6:7:8::]",
        "[g::]",
        "straße.de",
        "a\u200db.com",
        "xn--\u00fc.com",
        "a" * 3000,
        "\u202egithub.com",
        "*.github.com",
        "file://",
        "javascript:alert(1)",
    ],
)
def test_what_not_everybody_reads_alike_is_no_host(text: str) -> None:
    with pytest.raises(InvalidUrl):
        host_of(text)


@given(st.text(max_size=40))
def test_a_host_that_is_read_is_read_again_as_itself(text: str) -> None:
    try:
        found = host_of(text)
    except InvalidUrl:
        return
    shown = f"[{found.name}]" if ":" in found.name else found.name
    assert host_of(shown)._replace(port=found.port) == found
    assert found.name == found.name.lower().rstrip(".")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("github.com", ["github.com"], ["api.github.com", "github.com.evil.com", "xgithub.com"]),
        (
            "*.github.com",
            ["api.github.com", "a.b.github.com"],
            ["github.com", "github.com.evil.com", "xgithub.com", "api-github.com"],
        ),
        ("*", ["github.com", "127.0.0.1"], []),
        ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2"]),
    ],
)
def test_a_pattern_matches_label_by_label(pattern: str, yes: list[str], no: list[str]) -> None:
    found = checked_pattern(pattern)
    assert [text for text in yes if not matches(found, host_of(text))] == []
    assert [text for text in no if matches(found, host_of(text))] == []


@pytest.mark.parametrize(
    "pattern",
    ["", "api.*.com", "*github.com", "**.com", "*.com", "*.", "*.127.0.0.1", "a.com:443", "a.com/x",
     "https://*.a.com", "a b.com", "*.*.com", "u@a.com"],
)  # fmt: skip
def test_what_is_no_pattern_or_too_wide_is_refused(pattern: str) -> None:
    World().refused(InvalidValue, rule("n", pattern))


def test_requirement_14_a_seeded_domain_may_be_reached() -> None:
    world = World()
    found = ask(world, "https://api.github.com/repos")
    assert (found.allowed, found.host, found.reason) == (True, "api.github.com", "allowed_by_rule")
    assert all(ask(world, one.pattern.replace("*", "x")).allowed for one in BUILT_IN.values())


def test_requirement_14_what_no_rule_is_about_is_blocked() -> None:
    found = ask(World(), "https://github.com.evil.com/")
    assert (found.allowed, found.rule, found.reason) == (False, "", NO_MATCH)


def test_rules_of_a_profile_come_first_then_the_lowest_priority_then_what_denies() -> None:
    world = World()
    world.run(rule("n-1", "a.example.com", action="deny", priority=1))
    world.run(rule("n-2", "*.example.com", priority=2))
    assert not ask(world, "a.example.com").allowed
    assert ask(world, "b.example.com").allowed
    world.run(rule("n-3", "a.example.com", priority=9, profile="claude-code-cli"))
    assert ask(world, "a.example.com", "claude_code_cli").rule == "n-3"
    assert ask(world, "a.example.com", "default").rule == "n-1"
    world.run(rule("n-0", "b.example.com", action="deny", priority=2))
    assert ask(world, "b.example.com").rule == "n-0"
    assert ask(world, "b.example.com").reason == "denied_by_rule"
    world.run(rule("n-0", "b.example.com", action="deny", priority=2, enabled=False))
    assert ask(world, "b.example.com").rule == "n-2"


def test_a_stored_rule_replaces_the_built_in_one_of_its_id() -> None:
    world = World()
    world.run(rule("github.com", "github.com", action="deny"))
    assert not ask(world, "github.com").allowed
    world.unchanged(rule("github.com", "github.com", action="deny"))
    assert world.run(RemoveNetworkRule(id="github.com")).rule == BUILT_IN["github.com"]
    assert ask(world, "github.com").allowed
    assert "built-in" in world.refused(RuleNotFound, RemoveNetworkRule(id="github.com")).message
    world.refused(RuleNotFound, RemoveNetworkRule(id="none"))
    assert world.all(NetworkRule) == []


def test_wrong_rules_are_refused() -> None:
    world = World()
    world.refused(InvalidValue, rule("n", "a.com", priority=1001))
    world.refused(InvalidId, rule("<n>", "a.com"))
    world.refused(ProfileNotFound, rule("n", "a.com", profile="none"))


def test_accesses_are_kept_with_whose_they_were_and_those_blocked_stand_out() -> None:
    world = World()
    world.session("s-ann")
    draft = AccessDraft(domain="GitHub.com", allowed=True, rule="github.com")
    answer = world.run(RecordAccesses(accesses=(draft,)), "s-ann/sub", op_id="o-1")
    assert answer.ids == ["o-1.000"]
    world.pass_time(1)
    world.run(RecordAccesses(accesses=(AccessDraft(domain="evil.com", allowed=False),)))
    state = world.state()
    assert [one.domain for one in accessed(state)] == ["evil.com", "github.com"]
    assert [one.domain for one in accessed(state, blocked=True)] == ["evil.com"]
    assert [one.agent for one in accessed(state, session="s-ann")] == ["ann"]
    assert accessed(state, session="s-ann", blocked=True) == []
    assert accessed(state, since=plus(START, 1), limit=5)[0].domain == "evil.com"
    assert RecordAccesses(accesses=()).subject(answer, "") == "network: somebody reaches nothing"


def test_the_access_log_is_bounded_by_number_and_by_age() -> None:
    world = World(accesses_kept=2, accesses_age=60)
    for name in ("a.com", "b.com", "c.com"):
        world.run(RecordAccesses(accesses=(AccessDraft(domain=name, allowed=True),)))
    assert sorted(one.domain for one in world.all(Access)) == ["b.com", "c.com"]
    world.pass_time(61)
    world.run(RecordAccesses(accesses=(AccessDraft(domain="d.com", allowed=True),)))
    assert [one.domain for one in world.all(Access)] == ["d.com"]


def test_wrong_accesses_are_refused() -> None:
    world = World()
    good = AccessDraft(domain="a.com", allowed=True)
    world.refused(LimitReached, RecordAccesses(accesses=(good,) * (CALL_LIMIT + 1)))
    world.refused(InvalidUrl, RecordAccesses(accesses=(AccessDraft(domain="a b", allowed=True),)))
    world.refused(SessionNotFound, RecordAccesses(accesses=(good,)), "s-none")


def test_a_list_never_allows_more_than_the_rules() -> None:
    world = World()
    world.run(rule("d", "*.x.com", action="deny", priority=1))
    world.run(rule("d2", "127.0.0.1", action="deny", priority=1))
    for id, pattern in (
        ("in", "a.x.com"),
        ("wide", "*.com.org"),
        ("all", "*"),
        ("top", "x.com"),
        ("deep", "*.b.x.com"),
        ("ip", "10.0.0.1"),
    ):
        world.run(rule(id, pattern, priority=2))
    found = allowed(rules(world.state()))
    assert found.omitted == ["*"]
    assert {"*.com.org", "x.com", "10.0.0.1"} <= set(found.patterns)
    assert not {"a.x.com", "*.b.x.com", "*"} & set(found.patterns)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "a.com", True),
        ("a.com", "a.com", True),
        ("*.a.com", "b.a.com", True),
        ("*.a.com", "*.b.a.com", True),
        ("*.a.com", "a.com", False),
        ("a.com", "*", False),
        ("a.com", "*.a.com", False),
        ("*.0.1", "10.0.0.1", False),
        ("*.a.com", "0:0:0:0:0:0:0:1", False),
    ],
)
def test_a_pattern_covers_another(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected


def test_exports_say_what_programs_read() -> None:
    world = World()
    world.run(rule("no", "evil.github.com", action="deny", priority=1))
    world.run(rule("all", "*", action="deny", priority=900))
    found = rules(world.state())
    text = proxy_config(found, "PROXY proxy.example:3128")
    lines = text.splitlines()
    assert '  var allow = "PROXY proxy.example:3128", deny = "PROXY 127.0.0.1:9";' in lines
    deny = lines.index('  if (host === "evil.github.com") return deny;')
    assert deny < lines.index('  if (!address && host.slice(-11) === ".github.com") return allow;')
    assert lines[-3:] == ["  if (true) return deny;", "  return deny;", "}"]
    patterns = ["a.com", "*.b.com"]
    assert LISTS["list"](patterns) == "a.com\n*.b.com\n"
    assert LISTS["commas"](patterns) == "a.com,*.b.com\n"
    assert '"allowedDomains": [\n' in LISTS["claude"](patterns)


def test_the_list_of_all_rules_has_those_of_every_profile_and_those_switched_off() -> None:
    world = World()
    world.run(rule("n-1", "a.com", profile="strands_orchestrator", enabled=False))
    assert "n-1" in {one.id for one in rules(world.state(), all_profiles=True)}
    assert "n-1" not in {one.id for one in rules(world.state(), "strands-orchestrator")}


def test_an_access_log_of_nothing_keeps_nothing() -> None:
    world = World(accesses_kept=0)
    world.run(RecordAccesses(accesses=(AccessDraft(domain="a.com", allowed=True),)))
    assert world.all(Access) == []


def test_who_writes_a_user_name_before_the_host_is_told_so() -> None:
    with pytest.raises(InvalidUrl, match="user name before the host"):
        host_of("https://github.com@evil.com")
