"""What holds for every text: wrapping does not help, quoting does not hurt, nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from shlex import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitcoord.domain.guardrails.judge import judge_command, judge_paths, judge_text
from gitcoord.domain.guardrails.policy import DEFAULT
from gitcoord.domain.guardrails.rules import SEVERITIES
from gitcoord.domain.guardrails.sql import bare, statements
from gitcoord.domain.guardrails.writes import written_paths
from tests.domain.guardrails.corpus import OWN
from tests.domain.guardrails.score import judged

_FEW = settings(max_examples=60)
_ORDER = (*SEVERITIES, "allow")

DANGEROUS = [text for text, wanted, _ in OWN if wanted == "block"]
#: Does not lead elsewhere, where another command would mean something else.
HARMLESS = [text for text, wanted, _ in OWN if wanted == "allow" and not text.startswith("cd ")]
#: One program with its words: what a program that runs the rest of its words can take.
SIMPLE = [text for text in DANGEROUS if not set(text) & set("\n;&|<>(){}`$!=*~'\"\\[")]
#: The harmless one defines again what was never called: nobody can call it any more.
REDEFINED = {("f() { rm -rf /; }", 'f() { rm -rf "$1"; }; f build')}
#: Shows a text, and does not run it.
SHOWING: dict[str, Callable[[str], str]] = {
    "echo": lambda text: f"echo {quote(text)}",
    "printf": lambda text: f"printf '%s\\n' {quote(text)}",
    "grep": lambda text: f"grep -rn -e {quote(text)} src",
    "commit": lambda text: f"git commit -m {quote(text)}",
    "issue": lambda text: f"gh issue create --title x --body {quote(text)}",
    "document": lambda text: f"cat > notes.md <<'END-OF-IT'\n{text}\nEND-OF-IT",
    "comment": lambda text: "ls # " + text.replace("\n", " "),
    "variable": lambda text: f'OUTER={quote(text)}; wc -c <<< "$OUTER"',
    "test": lambda text: f"pytest -k {quote(text)}",
}
#: Runs a text in a shell of its own, or in this one.
RUNNING: dict[str, Callable[[str], str]] = {
    "sh": lambda text: f"sh -c {quote(text)}",
    "bash": lambda text: f"bash -lc {quote(text)}",
    "eval": lambda text: f"eval {quote(text)}",
    "pipe": lambda text: f"printf '%s' {quote(text)} | sh",
    "here": lambda text: f"bash <<'E{len(text)}'\n{text}\nE{len(text)}",
    "string": lambda text: f"bash <<< {quote(text)}",
    "file": lambda text: f"printf '%s' {quote(text)} > outer.sh; sh outer.sh",
    "variable": lambda text: f'OUTER={quote(text)}; sh -c "$OUTER"',
    "split": lambda text: f"sudo -n sh -c {quote(text)}",
    "trap": lambda text: f"trap {quote(text)} EXIT",
    "python": lambda text: f"python3 -c {quote(f'import os; os.system({text!r})')}",
    "subshell": lambda text: f"(\n{text}\n)",
    "group": lambda text: f"if true; then\n{text}\nfi",
    "function": lambda text: f"outer() {{\n{text}\n}}\nouter",
    "substitution": lambda text: f'outer="$(\n{text}\n)"',
    "loop": lambda text: f"for outer in 1 2; do\n{text}\ndone",
    "after": lambda text: f"ls\n{text}",
    "before": lambda text: f"{text}\nls",
}
#: Runs the rest of its words.
WRAPPING = (
    "sudo", "sudo -u root", "env", "env A=1", "nohup", "nice -n 5", "timeout 5", "time",
    "command", "exec", "stdbuf -oL", "setsid", "xargs -I%", "echo | xargs", "busybox",
)  # fmt: skip


def gravity(action: str) -> int:
    """Return a number that is less for what is graver."""
    return _ORDER.index(action)


def stops(text: str) -> bool:
    return judged(text).action in {"block", "ask"}


@_FEW
@given(st.sampled_from(DANGEROUS), st.sampled_from(sorted(RUNNING)))
def test_running_a_text_in_another_way_does_not_lower_the_verdict(text: str, how: str) -> None:
    assert gravity(judged(RUNNING[how](text)).action) <= gravity(judged(text).action)


@_FEW
@given(st.sampled_from(DANGEROUS), st.lists(st.sampled_from(sorted(RUNNING)), max_size=3))
def test_however_often_a_text_is_wrapped_it_is_stopped(text: str, ways: list[str]) -> None:
    for how in ways:
        text = RUNNING[how](text)
    assert stops(text)


@_FEW
@given(st.sampled_from(SIMPLE), st.lists(st.sampled_from(WRAPPING), min_size=1, max_size=3))
def test_a_program_that_runs_its_words_does_not_lower_the_verdict(
    text: str, wrappers: list[str]
) -> None:
    whole = " ".join(["A=1", *wrappers, text])
    assert gravity(judged(whole).action) <= gravity(judged(text).action)


@_FEW
@given(st.sampled_from(SIMPLE), st.data())
def test_quotes_and_escapes_inside_of_words_do_not_lower_the_verdict(
    text: str, data: st.DataObject
) -> None:
    words = []
    for word in text.split():
        at = data.draw(st.integers(0, len(word)))
        how = data.draw(st.sampled_from(("''", '""', "\\\n", '$""')))
        words.append(word[:at] + how + word[at:])
    blank = data.draw(st.sampled_from((" ", "  ", "\t", " \\\n ")))
    assert gravity(judged(blank.join(words)).action) <= gravity(judged(text).action)


@_FEW
@given(st.sampled_from(DANGEROUS), st.sampled_from(sorted(SHOWING)))
def test_showing_a_dangerous_text_is_harmless(text: str, how: str) -> None:
    verdict = judged(SHOWING[how](text))
    assert verdict.action in {"allow", "log"}, verdict.findings


@_FEW
@given(
    st.sampled_from(DANGEROUS),
    st.sampled_from(HARMLESS),
)
def test_a_harmless_command_beside_it_does_not_excuse_a_dangerous_one(bad: str, good: str) -> None:
    assert stops(f"{good}\n{bad}")
    assert stops(f"{bad}\n{good}") or (bad, good) in REDEFINED


#: Texts near those of a shell, so that the grammar gets far.
SHELLISH = st.lists(
    st.one_of(
        st.sampled_from([
            "rm", "-rf", "/", "git", "push", "-f", "$", "$(", ")", "`", "'", '"', "\\", "{", "}",
            ",", "..", "|", "&&", ";", "\n", " ", "<<E\n", "E\n", "<(", "$((", "))", "${", ":-",
            "[[", "]]", "if", "then", "fi", "for x in", "do", "done", "case", "esac", "in", "f()",
            "x=", "!", "#", ">", ">>", "2>&1", "*", "~", "\0", "é", "\ud800", "\uf8ff", "\ue07b",
            "sh -c", "eval", "xargs", "-exec", "{}", "python3 -c", "psql -c", "DELETE FROM t",
            "WHERE", "1=1", "/*", "--", "$a$", "curl", "-d", "@.env", "base64 -d", "printf", "%s",
            "{1..9}", "alias.x=!", "tr", "a-z", "\\x", "\\u{", "$'", "find", "chmod", "a+w",
        ]),
        st.text(max_size=3),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=300)
@given(SHELLISH, st.sampled_from(("", " ")))
@example(["tr", " a-\\ud800 x <<< '", "a"], "")
def test_no_text_breaks_the_judge(pieces: list[str], glue: str) -> None:
    text = glue.join(pieces)
    verdict = judge_command(text, DEFAULT)
    for one in verdict.findings:
        assert 0 <= one.start <= one.end <= len(text)
    assert verdict == judge_command(text, DEFAULT)
    judge_text(text, DEFAULT)
    judge_paths([text], DEFAULT)
    for path in written_paths(text):
        assert path.path
    list(statements(text))


@_FEW
@given(st.text(alphabet="'\"`$a-/*#\n\\; ", max_size=40))
def test_what_is_left_of_sql_has_no_more_than_there_was(text: str) -> None:
    left = bare(text)
    assert left.count(";") <= text.count(";")
    if not set(text) & set("'\"`$-/#"):
        assert left == text


#: Pieces that are repeated: each made some pattern or walk take quadratic time once.
REPEATED = st.sampled_from([
    "{a,{b,", "(", "$(", "((", "a|", "a && ", "a;", "'", "\\'", "/* ", "ALTER TABLE x ", "$a$",
    "a=$a$a;", "sudo ", "eval ", "xargs ", "sh -c ", "if a; then ", "rsync ", "a' ", "*", "é;",
    "socketconnect", "system ", "echo `", "${a:-", "[[ a == ", ">b ", "<(a) ", "f() { ", "\\\n",
])  # fmt: skip


@settings(max_examples=12)
@given(st.sampled_from(("", "echo ", "psql -c '", "python -c '", "gsutil ", "chmod ")), REPEATED)
def test_the_work_on_a_huge_text_is_bounded(start: str, piece: str) -> None:
    # Without bounds some of these take hours; pytest's own limit would end the run.
    text = start + piece * (20_000 // len(piece))
    assert judge_command(text, DEFAULT).action in _ORDER
