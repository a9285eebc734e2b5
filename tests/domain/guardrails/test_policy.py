"""A repository's own taste: what the section says, and what it must not say."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.domain.guardrails.catalogue import RULES
from gitcoord.domain.guardrails.judge import Verdict, judge_command, judge_paths, judge_text
from gitcoord.domain.guardrails.policy import DEFAULT, OWN_RULES, PATTERN, policy_from
from gitcoord.errors import InvalidConfig

FORCE = "git push -f origin topic"


def judged(section: dict[str, Any], text: str, trust: int = 2) -> Verdict:
    return judge_command(text, policy_from(section), trust=trust)


def met(verdict: Verdict) -> dict[str, str]:
    return {one.rule: one.severity for one in verdict.findings}


def test_nothing_said_means_the_defaults() -> None:
    assert policy_from(None) == policy_from({}) == policy_from({"disable": None}) == DEFAULT
    assert met(judged({}, FORCE)) == {"git_force_push": "block"}


def test_guardrails_can_be_switched_off_whole_or_by_rule() -> None:
    assert judged({"enabled": False}, FORCE).findings == ()
    off = policy_from({"enabled": False})
    assert judge_text(f"`{FORCE}`", off).findings == ()
    assert judge_paths([".env"], off).findings == ()
    assert judged({"disable": ["git_force_push"]}, FORCE).findings == ()
    assert met(judged({"disable": ["rm_rf"]}, FORCE)) == {"git_force_push": "block"}


def test_protected_branches_are_named_or_matched_and_replace_the_usual_ones() -> None:
    own = {"protected_branches": ["stable", "v*"]}
    assert judged(own, "git push origin main").action == "allow"
    assert judged(own, "git push origin stable").action == "ask"
    assert judged(own, "git branch -D v2").action == "block"
    for name in ("main", "master", "trunk", "develop", "release/1.0", "production"):
        assert judged({}, f"git push origin {name}").action == "ask"


def test_the_branch_into_which_work_lands_is_always_protected() -> None:
    policy = policy_from({"protected_branches": []})
    assert judge_command("git push origin next", policy).action == "allow"
    assert judge_command("git push origin next", policy, target="next").action == "ask"


@pytest.mark.parametrize(
    ("severity", "text", "wanted"),
    [
        ("ask", FORCE, "ask"),
        ("log", FORCE, "log"),
        # A lease to an own branch is only noted, also where the rule is made less grave.
        ("ask", "git push --force-with-lease origin topic", "log"),
        ("warn", "git push --force-with-lease origin main", "warn"),
        ("ask", "git push --force-with-lease", "ask"),
    ],
)
def test_a_severity_of_its_own_moves_a_rule(severity: str, text: str, wanted: str) -> None:
    found = met(judged({"severities": {"git_force_push": severity}}, text))
    assert found["git_force_push"] == wanted


def test_a_rule_made_graver_stays_less_grave_where_it_hardly_applies() -> None:
    graver = {"severities": {"rm_rf": "block"}}
    assert judged(graver, "rm -rf lib/x").action == "block"
    assert judged(graver, "rm -rf build").action == "log"


def test_directories_of_scratch_are_added_to_the_usual_ones() -> None:
    assert judged({}, "rm -rf output").action == "warn"
    own = {"scratch": ["output", "gen/cache"]}
    assert judged(own, "rm -rf output").action == "log"
    assert judged(own, "rm -rf gen/cache").action == "log"
    assert judged(own, "rm -rf gen/other").action == "warn"
    assert judged(own, "rm -rf build").action == "log"


# ---- trust


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_trust_passes_from_the_level_of_a_rule_on(rule: Any) -> None:
    from tests.domain.guardrails.corpus import OWN

    for text, *_ in OWN:
        found = [one for one in judge_command(text, DEFAULT).findings if one.rule == rule.name]
        if found:
            break
    else:
        assert rule.name == "too_long"
        text = "ls " * 30_000
    for trust in range(5):
        (one, *_) = [
            one
            for one in judge_command(text, DEFAULT, trust=trust).findings
            if one.rule == rule.name
        ]
        assert one.bypassed == (rule.bypass is not None and trust >= rule.bypass)


def test_what_trust_passes_is_still_shown_and_comes_last() -> None:
    verdict = judge_command(f"{FORCE}; rm -rf /", DEFAULT, trust=3)
    assert [(one.rule, one.bypassed) for one in verdict.findings] == [
        ("rm_recursive_force", False),
        ("git_force_push", True),
    ]
    assert judge_command(FORCE, DEFAULT, trust=3).action == "allow"


def test_no_trust_passes_what_cannot_be_repaired() -> None:
    always = {name for name, rule in RULES.items() if rule.bypass is None}
    assert always == {
        "ledger_change", "disk_write", "host_damage", "secret_exfiltration", "reverse_shell",
    }  # fmt: skip


# ---- own rules


def own(**rule: Any) -> dict[str, Any]:
    return {"rules": [{"name": "ours"} | rule]}


@pytest.mark.parametrize(
    ("rule", "text", "is_met"),
    [
        ({"command": "make deploy"}, "make deploy", True),
        ({"command": "make deploy"}, "sudo /usr/bin/make -j4 deploy FORCE=1", True),
        ({"command": "make deploy"}, "sh -c 'cd x; make deploy'", True),
        ({"command": "make deploy"}, "make test deploy", False),
        ({"command": "make deploy"}, "echo make deploy", False),
        ({"pattern": r"prod-\d+"}, "ping prod-7", True),
        ({"pattern": r"prod-\d+"}, "ping prod-x", False),
        ({"paths": ["vendor/**"]}, "sed -i s/a/b/ vendor/a/b.c", True),
        ({"paths": ["vendor/"]}, "echo x > vendor/a", True),
        ({"paths": ["vendor/*"]}, "echo x > vendor/a/b.c", False),
        ({"paths": ["**/*.lock"]}, "cd sub && rm x.lock", True),
        ({"paths": ["v?.txt"]}, "touch v1.txt", True),
        ({"paths": ["vendor/**"]}, "cat vendor/a", False),
    ],
)
def test_a_rule_of_a_repository_is_met(rule: dict[str, Any], text: str, is_met: bool) -> None:
    found = {one.rule for one in judged(own(**rule), text).findings}
    assert ("ours" in found) == is_met


def test_a_rule_of_a_repository_says_what_it_says() -> None:
    section = own(
        command="make deploy", severity="block", category="deployment", message="the robot does it",
        bypass_trust=3,
    )  # fmt: skip
    (one,) = [one for one in judged(section, "cd x && make deploy").findings if one.rule == "ours"]
    assert (one.severity, one.category, one.part) == ("block", "deployment", "make deploy")
    assert one.message == "the robot does it"
    (one,) = [one for one in judged(section, "make deploy", trust=3).findings if one.rule == "ours"]
    assert one.bypassed
    (one,) = judge_paths(["gen/a"], policy_from(own(paths=["gen/**"]))).findings
    assert (one.rule, one.severity, one.bypassed) == ("ours", "warn", False)
    (one,) = judge_text("ask prod-7", policy_from(own(pattern="prod-[0-9]"))).findings
    assert one.part == "prod-7"


def test_the_example_of_the_document_is_taken_and_shows_the_defaults() -> None:
    import re
    from pathlib import Path

    import yaml

    text = (Path(__file__).parents[3] / "docs" / "guardrails.md").read_text(encoding="utf-8")
    found = re.search(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    policy = policy_from(yaml.safe_load(found[1])["guardrails"])
    assert policy.protected_branches == DEFAULT.protected_branches
    assert [rule.name for rule in policy.rules] == ["our_deploy", "vendored", "live_hosts"]


# ---- wrong sections


@pytest.mark.parametrize(
    ("section", "message", "hint"),
    [
        ([], "must hold keys", None),
        ("on", "must hold keys", None),
        ({"enable": True}, "no key 'enable'", "Did you mean enabled?"),
        ({"enabled": "maybe"}, "enabled", None),
        (
            {"disable": ["git_force_pull"]},
            "no rule 'git_force_pull'",
            "Did you mean git_force_push?",
        ),
        ({"disable": ["x"]}, "no rule 'x'", "See `gitcoord guard check --rules`."),
        ({"severities": {"rm_r": "log"}}, "no rule 'rm_r'", "Did you mean rm_rf?"),
        ({"severities": {"rm_rf": "fatal"}}, "severities", "Choose one of block, ask, warn, log."),
        ({"rules": [{"nam": "x"}]}, "no key 'nam'", "Did you mean name?"),
        ({"rules": [{"command": "x"}]}, "name", None),
        ({"rules": [{"name": "x"}]}, "needs one of command, pattern, paths", None),
        ({"rules": [{"name": "X y", "command": "x"}]}, "lower-case letters", None),
        ({"rules": [{"name": "rm_rf", "command": "x"}]}, "is taken", "Choose another name."),
        ({"rules": [{"name": "x", "command": "x"}] * 2}, "is taken", None),
        ({"rules": [{"name": "x", "pattern": "("}]}, "no regular expression", None),
        ({"rules": [{"name": "x", "pattern": "(a+)+$"}]}, "for ever", None),
        ({"rules": [{"name": "x", "pattern": "((a+)b?)+$"}]}, "for ever", None),
        ({"rules": [{"name": "x", "pattern": "(a|aa)+$"}]}, "for ever", None),
        ({"rules": [{"name": "x", "pattern": "(a|[)]a*){2,}$"}]}, "for ever", None),
        ({"rules": [{"name": "x", "pattern": "a" * (PATTERN + 1)}]}, "characters", None),
        ({"rules": [{"name": "x", "command": "x", "severity": "no"}]}, "severity", "Choose one"),
        ({"rules": [{"name": "x", "command": "x", "category": "no"}]}, "category", None),
        (
            {"rules": [{"name": f"x{n}", "command": "x"} for n in range(OWN_RULES + 1)]},
            f"at most {OWN_RULES} rules",
            None,
        ),
    ],
)
def test_a_wrong_section_is_refused_with_a_hint(
    section: Any, message: str, hint: str | None
) -> None:
    with pytest.raises(InvalidConfig) as refused:
        policy_from(section)
    assert message in refused.value.message
    assert hint is None or (refused.value.hint or "").startswith(hint)


@pytest.mark.parametrize("pattern", [r"\(a+\)+", "[(a+)]+", "(foo|bar)", "(?:a+)?", "a+b*c{2}"])
def test_patterns_that_only_look_as_if_they_took_for_ever_are_taken(pattern: str) -> None:
    policy_from({"rules": [{"name": "x", "pattern": pattern}]})
