"""A verdict says which rule is met and by which part, and limits let nothing through."""

from __future__ import annotations

import pytest

from gitcoord.domain.guardrails.budget import LONGEST
from gitcoord.domain.guardrails.judge import FINDINGS, PART, Verdict, judge_paths, judge_text
from gitcoord.domain.guardrails.policy import DEFAULT
from gitcoord.domain.guardrails.shell import LIMIT, TURNS
from tests.domain.guardrails.score import HOME, WORK, judged


def parts(verdict: Verdict) -> list[tuple[str, str]]:
    return [(one.rule, one.part) for one in verdict.findings]


def rules(verdict: Verdict) -> set[str]:
    return {one.rule for one in verdict.findings}


def test_the_part_is_the_command_that_meets_the_rule() -> None:
    text = "cd src && git push -f origin topic; ls"
    assert parts(judged(text)) == [("git_force_push", "git push -f origin topic")]
    (one,) = judged(text).findings
    assert text[one.start : one.end] == one.part
    assert (one.category, one.severity, one.bypassed) == ("git", "block", False)
    assert one.message
    assert one.hint


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("echo é; rm -rf /", "rm -rf /"),
        ("sh -c 'ls; rm -rf /'", "rm -rf /"),
        ("sh -c 'echo é; rm -rf /'", "rm -rf /"),
        ("sudo rm -rf /", "sudo rm -rf /"),
        ("x=$(rm -rf /)", "rm -rf /"),
        ("bash <<E\nls\nrm -rf /\nE", "rm -rf /"),
        ("f() { rm -rf /; }; f", "rm -rf /"),
    ],
)
def test_the_part_is_found_within_texts_within_texts(text: str, part: str) -> None:
    (one,) = judged(text).findings
    assert one.part == part
    assert text[one.start : one.end] == part


def test_a_part_that_is_not_written_so_is_the_command_that_makes_it() -> None:
    text = "echo cm0gLXJmIC8= | base64 -d | sh"
    (one,) = [one for one in judged(text).findings if one.rule == "rm_recursive_force"]
    assert one.part == "sh"
    assert text[one.start : one.end] == "sh"


def test_the_gravest_finding_comes_first_and_decides() -> None:
    verdict = judged("rm -rf build; git commit -n -m x; git push origin main; git push -f")
    assert [one.severity for one in verdict.findings] == ["block", "ask", "warn", "log"]
    assert verdict.action == "block"
    assert judged("ls").findings == ()
    assert judged("ls").action == "allow"


def test_a_command_that_meets_a_rule_twice_is_found_once() -> None:
    assert parts(judged("rm -rf / /etc")) == [("rm_recursive_force", "rm -rf / /etc")]


def test_a_long_part_is_cut_and_findings_are_limited() -> None:
    (one,) = judged("rm -rf / " + "a" * 1000).findings[:1]
    assert len(one.part) == PART
    assert len(judged("rm -rf /a/b;" * (FINDINGS * 2)).findings) == FINDINGS


def test_where_things_are_decides() -> None:
    assert rules(judged(f"rm -rf {WORK}")) == {"rm_recursive_force"}
    assert rules(judged(f"rm -rf {WORK}/lib/x")) == {"rm_rf"}
    assert judged(f"rm -rf {WORK}/build").action == "log"
    assert rules(judged(f"rm -rf {HOME}")) == {"rm_recursive_force"}
    assert judged(f"cd {WORK}/lib && rm -rf old").action == "warn"
    assert judged(f"cd {WORK}/lib && rm -rf ../..").action == "block"


# ---- limits: what is not looked at is asked about


DOUBLING = "".join(f"f{n}() {{ f{n - 1}; f{n - 1}; }}; " for n in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        "ls;" * 30_000,
        "a" * (LIMIT + 1),
        f"f0() {{ x=1; }}; {DOUBLING} f39",
        f"f0() {{ :; }}; {DOUBLING} f39",
        "for a in {1..50}; do " * 6 + ":; " + "done; " * 6,
        "a=xxxxxxxxxx; " + "a=$a$a; " * 40,
        "a=xxxxxxxxxx; " + "export a=$a$a; " * 40,
        "x=1; " + 'x="$(echo $x $x)"; ' * 40,
        "eval " * 500 + "ls",
        "sudo " * 500 + "ls",
        "echo a | " + "xargs " * 500 + "ls",
        "(" * 200 + "ls" + ")" * 200,
        "$(" * 200 + "ls" + ")" * 200,
        "echo a" + " | cat" * 200,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_too_much_is_asked_about(text: str) -> None:
    verdict = judged(text)
    assert verdict.action == "ask"
    assert rules(verdict) == {"too_long"}


def test_what_is_found_before_the_limit_still_counts() -> None:
    assert judged("rm -rf /; " + "ls;" * 30_000).action == "block"
    assert judged("ls;" * 1_900 + "rm -rf /").action == "block"
    assert judged("rm -rf / && " + "ls && " * 1_500 + "ls").action == "block"


@pytest.mark.parametrize(
    "text",
    [
        "for f in " + "a " * (TURNS + 20) + "/; do rm -rf $f; done",
        "echo " + "a " * 2_000 + "/ | xargs rm -rf",
        "printf '%s\\n' " + "a " * 2_000 + "/ | xargs -I{} rm -rf {}",
        "rm -rf " + "{a,b}" * 12 + "/",
        "rm -rf lib/{1..1000}x",
    ],
    ids=lambda text: text[:20],
)
def test_items_beyond_the_limit_are_not_known_and_so_not_harmless(text: str) -> None:
    assert judged(text).action in {"ask", "block"}


def test_many_harmless_items_are_harmless() -> None:
    assert judged("for f in " + "a " * 500 + "; do wc -l $f; done").action == "allow"
    assert judged("wc -l src/{1..1000}.py").action == "allow"


def test_a_long_text_that_is_only_data_is_no_reason_to_ask() -> None:
    data = "a line of text\n" * 4_000
    assert len(data) < LONGEST
    assert judged(f"cat > notes.txt <<'E'\n{data}E").action == "allow"


# ---- broken texts


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf / '",
        "echo ${; rm -rf /",
        "if true; rm -rf /",
        "rm -rf / )",
        "{rm,-rf,/}",
        "<<< ; git push -f",
        "sudo A=1 rm -rf ~ `",
    ],
)
def test_a_text_that_the_grammar_does_not_understand_hides_nothing_plain(text: str) -> None:
    assert judged(text).action == "block"


@pytest.mark.parametrize(
    "text",
    [
        "\x17\xdf{\\u{\U000eef49C",
        "{\U000eef49",
        "${\U0010ffff",
        "<<\U000eef49\n",
        "\U000eef49=1 ls",
    ],
)
def test_characters_far_away_do_not_end_the_process(text: str) -> None:
    # The scanner of the grammar looked them up beyond the end of a table.
    assert judged(f"{text}\nrm -rf /").action == "block"


def test_characters_beyond_ascii_are_parts_of_words() -> None:
    assert parts(judged("echo \u00e9t\u00e9 \U0001f600; rm -rf lib/\u00e9 && ls")) == [
        ("rm_rf", "rm -rf lib/\u00e9")
    ]
    assert judged("rm\u00a0-rf /").action == "allow"
    assert judged("cat <<\u00e9\nrm -rf /\n\u00e9").action == "allow"


# ---- prose


def test_prose_is_not_judged_but_commands_in_it_are() -> None:
    assert judge_text("We never force push. rm is dangerous.", DEFAULT).action == "allow"
    assert judge_text("Do not push --force to main", DEFAULT).action == "allow"
    text = "Clean up:\n\n    $ rm -rf /\n\nand go on"
    assert parts(judge_text(text, DEFAULT)) == [("rm_recursive_force", "rm -rf /")]
    (one,) = judge_text("First run `git push -f`, then wait", DEFAULT).findings
    assert (one.rule, one.part, one.start) == ("git_force_push", "git push -f", 11)
    assert judge_text("Please DELETE FROM users;", DEFAULT).action == "block"
    assert judge_text("a\n" * 10_000, DEFAULT).action == "ask"
    assert judge_text("`ls` " * 5_000, DEFAULT).action in {"allow", "ask"}


# ---- paths


@pytest.mark.parametrize(
    ("path", "rule", "severity"),
    [
        (".env", "env_file_modify", "warn"),
        ("config\\credentials.json", "credentials_file", "warn"),
        ("deploy/id_ed25519", "ssh_key_modify", "block"),
        (".git/config", "git_directory_change", "ask"),
        (".git/refs/coord/ledger", "ledger_change", "block"),
        ("/etc/hosts", "system_change", "ask"),
    ],
)
def test_a_file_is_judged_by_its_path(path: str, rule: str, severity: str) -> None:
    (one,) = judge_paths([path], DEFAULT).findings
    assert (one.rule, one.severity, one.part) == (rule, severity, path.replace("\\", "/"))


def test_reading_is_judged_less_than_writing_and_samples_are_not() -> None:
    assert judge_paths(["/etc/hosts"], DEFAULT, writing=False).findings == ()
    assert rules(judge_paths([".env"], DEFAULT, writing=False)) == {"env_file_modify"}
    assert judge_paths(["src/a.py", ".env.example", "secrets.py"], DEFAULT).findings == ()
