"""One canonical text for each key, and a reason for each text that is none."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gitcoord.domain.globs import EXPANDED_LIMIT
from gitcoord.domain.keys import Key, ancestors, escape, parse
from gitcoord.domain.overlap import matches
from gitcoord.errors import InvalidKey, UnknownNamespace

SYNTAX = "ab.:/*?[]{},\\!^-é\u0301 ßſ"


@pytest.mark.parametrize(
    "text, canonical, literal, pattern",
    [
        ("src/a.py", "src/a.py", "src/a.py", ""),
        ("file:src/a.py", "src/a.py", "src/a.py", ""),
        ("./src//./a.py", "src/a.py", "src/a.py", ""),
        ("././a", "a", "a", ""),
        ("e\u0301", "é", "é", ""),
        ("a b/c", "a b/c", "a b/c", ""),
        ("~/x", "~/x", "~/x", ""),
        ("...", "...", "...", ""),
        ("a/.git/x", "a/.git/x", "a/.git/x", ""),
        (".gitignore", ".gitignore", ".gitignore", ""),
        ("file:a:b/c", "file:a:b/c", "a:b/c", ""),
        ("./a:b", "file:a:b", "a:b", ""),
        ("src/a:b", "src/a:b", "src/a:b", ""),
        ("a,b]", "a,b]", "a,b]", ""),
        ("a\\,b\\]\\!\\^\\-", "a,b]!^-", "a,b]!^-", ""),
        ("a\\*\\?\\[\\{\\}\\\\", "a\\*\\?\\[\\{\\}\\\\", "a*?[{}\\", ""),
        ("src/[a]uth", "src/auth", "src/auth", ""),
        ("[*]", "\\*", "*", ""),
        ("src/", "src/**", "src/", "**"),
        ("src/.", "src/**", "src/", "**"),
        ("src//", "src/**", "src/", "**"),
        ("src/**/", "src/**", "src/", "**"),
        ("src/**", "src/**", "src/", "**"),
        ("**/**/x", "**/x", "", "**/x"),
        ("**", "**", "", "**"),
        ("***/a**b", "*/a*b", "", "*/a*b"),
        ("src/auth/*.py", "src/auth/*.py", "src/auth/", "*.py"),
        ("src/a?/b", "src/a?/b", "src/", "a?/b"),
        ("a\\*b/*", "a\\*b/*", "a*b/", "*"),
        ("[^ab]", "[!ab]", "", "[!ab]"),
        ("[cab]", "[a-c]", "", "[a-c]"),
        ("[a-cb-d]", "[a-d]", "", "[a-d]"),
        ("[ba]", "[ab]", "", "[ab]"),
        ("[]a]", "[\\]a]", "", "[\\]a]"),
        ("[!]a]", "[!\\]a]", "", "[!\\]a]"),
        ("[a-]", "[\\-a]", "", "[\\-a]"),
        ("[[a]", "[\\[a]", "", "[\\[a]"),
        ("[+-9]", "[+-.0-9]", "", "[+-.0-9]"),
        ("src/{a,b}", "src/{a,b}", "src/", "{a,b}"),
        ("src//{a,b}/", "src/{a,b}/**", "src/", "{a,b}/**"),
        ("src/{a,./a}", "src/a", "src/a", ""),
        ("{src/,src/**}", "src/**", "src/", "**"),
        ("x{a\\,b,a\\,b}", "xa,b", "xa,b", ""),
        ("{[,],x}", "{\\,,x}", "", "{\\,,x}"),
        ("src/{,a}", "src/{,a}", "src/", "{,a}"),
        ("{**,a}/b", "{**,a}/b", "", "{**,a}/b"),
    ],
)
def test_a_path_key_has_one_canonical_text(
    text: str, canonical: str, literal: str, pattern: str
) -> None:
    key = parse(text)
    assert key == Key(canonical, "file", literal, not pattern, pattern)
    assert parse(canonical) == key


@pytest.mark.parametrize(
    "text, namespace, name",
    [
        ("api:GET /users/{id}", "api", "GET /users/{id}"),
        ("db:schema:users", "db", "schema:users"),
        ("feature:billing:pause", "feature", "billing:pause"),
        ("event:e\u0301", "event", "é"),
        ("env:*", "env", "*"),
        ("flag:../x", "flag", "../x"),
        ("contract:/", "contract", "/"),
    ],
)
def test_a_logical_key_is_its_namespace_and_a_plain_name(
    text: str, namespace: str, name: str
) -> None:
    assert parse(text) == Key(f"{namespace}:{name}", namespace, name, True, "")
    assert parse(text, fold_case=True) == parse(text)
    assert ancestors(parse(text)) == [name]


def test_settings_can_add_namespaces() -> None:
    assert parse("queue:mail", prefixes=["queue"]).namespace == "queue"
    assert parse("x:y", prefixes=("x",)).namespace == "x"
    with pytest.raises(UnknownNamespace) as refusal:
        parse("api:users", prefixes=["queue", "file"])
    assert refusal.value.details == {"key": "api:users", "known": ["file", "queue"]}


@pytest.mark.parametrize(
    "text", ["users:x", ":x", "API:x", " api:x", "https://example.org/x", "?:b"]
)
def test_an_unknown_namespace_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UnknownNamespace, match="known are file, api, contract") as refusal:
        parse(text)
    assert 'write "file:"' in str(refusal.value.hint)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "is empty"),
        ("file:", "names no file"),
        (".", "names no file"),
        ("./", "names no file"),
        ("./.", "names no file"),
        ("{.,a}", "names no file"),
        ("{,a}", "names no file"),
        ("/etc/passwd", "is absolute"),
        ("//host/share", "is absolute"),
        ("file:/x", "is absolute"),
        ("/", "is absolute"),
        ("{/a,b}", "is absolute"),
        ("{,a}/b", "is absolute"),
        ("C:", "drive letter"),
        ("C:/x", "drive letter"),
        ("c:\\x", "drive letter"),
        ("z:x", "drive letter"),
        ("file:C:/x", "drive letter"),
        ("file:C:\\\\x", "drive letter"),
        ("./C:/x", "drive letter"),
        ("file:{C:,a}/x", "drive letter"),
        ("..", 'holds ".."'),
        ("../x", 'holds ".."'),
        ("a/../b", 'holds ".."'),
        ("a/..", 'holds ".."'),
        ("a/*/../b", 'holds ".."'),
        ("a/{b,..}", 'holds ".."'),
        ("a/.{.,b}", 'holds ".."'),
        ("[.].", 'holds ".."'),
        (".git", "is inside .git"),
        (".git/", "is inside .git"),
        (".GIT/config", "is inside .git"),
        ("./.git/x", "is inside .git"),
        ("file:.git/*", "is inside .git"),
        ("{a,.g[i]t}/x", "is inside .git"),
        ("a\x00b", "control character"),
        ("a\nb", "control character"),
        ("a\x7f", "control character"),
        ("a\x85", "control character"),
        ("api:a\tb", "control character"),
        ("a\udc80", "not valid UTF-8"),
        ("\ud800", "not valid UTF-8"),
        ("api:\udcff", "not valid UTF-8"),
        ("a" * 513, "over 512 characters"),
        ("a" * 511 + "/", "over 512 characters"),
        ("api:" + "a" * 509, "over 512 characters"),
        ("é" * 512 + "x", "over 512 characters"),
        ("€" * 342, "over 1024 bytes"),
        ("\u0958" * 340 + "x", "over 512 characters"),
        ("\u0958" * 200, "over 1024 bytes"),
        ("\\", "escapes nothing"),
        ("src\\auth\\x.py", "escapes nothing"),
        ("\\\\server\\share", "escapes nothing"),
        ("\\Windows", "escapes nothing"),
        ("a\\/b", "escapes nothing"),
        ("[\\", "escapes nothing"),
        ("[", 'has a "\\[" without'),
        ("[]", 'has a "\\[" without'),
        ("[!", 'has a "\\[" without'),
        ("[a-", 'has a "\\[" without'),
        ("[a-z", 'has a "\\[" without'),
        ("x[ab/c]", 'has a "/" between'),
        ("[a-/]", 'has a "/" between'),
        ("[!/]", 'has a "/" between'),
        ("[z-a]", "the wrong way round"),
        ("x/[[:alpha:]]", "a kind of class"),
        ("[a[.x.]]", "a kind of class"),
        ("[[=a=]]", "a kind of class"),
        ("[\u0301e]", "combines with others"),
        ("{", 'has a "{" without'),
        ("{a,b", 'has a "{" without'),
        ("{a,{b,c}", 'has a "{" without'),
        ("a}", 'a lone "}"'),
        ("{a}", 'braces without ","'),
        ("{{name}}", 'braces without ","'),
        ("{a,b}}", 'a lone "}"'),
        ("{a,b}" * 9, "over 256 alternatives"),
        ("{" + "," * 256 + "}", "over 256 alternatives"),
        ("x{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" + "y" * 64, "characters in all"),
        ("api:", "nothing after"),
        ("api:  ", "nothing after"),
        ("api: x", "blanks around"),
        ("api:x ", "blanks around"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidKey, match=reason) as refusal:
        parse(text)
    refusal.value.message.encode()
    refusal.value.details["key"].encode()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 512,
        "é" * 512,
        "api:" + "a" * 508,
        "x" + "{a,b}" * 8,
        "src/" + "z" * 300 + "/" + "{a,b}" * 8,
        "{" + "," * 255 + "}.py",
        "".join("{a," for _ in range(30)) + "b" + "}" * 30,
        "".join("{a," for _ in range(120)) + "b" + "}" * 120,
        "*a" * 256,
    ],
)
def test_a_key_just_within_the_limits_is_taken(text: str) -> None:
    key = parse(text)
    assert parse(key.text) == key
    assert EXPANDED_LIMIT >= 256 * 64


def test_with_case_folding_the_text_is_folded() -> None:
    assert parse("SRC/Auth.PY", fold_case=True).text == "src/auth.py"
    assert parse("Ä/É*", fold_case=True).text == "ä/é*"
    assert parse("[A-Z]X", fold_case=True).text == "[a-z]x"
    assert parse("[Z-a]", fold_case=True).text == "[\\[-az]"
    assert parse("[A]b", fold_case=True).text == "ab"
    assert parse("[Aa]b", fold_case=True).text == "ab"
    assert parse("[!A]", fold_case=True).text == "[!a]"
    assert parse("SRC/").text == "SRC/**"


@settings(deadline=None)
@given(st.text(st.sampled_from(SYNTAX + SYNTAX.upper()), max_size=12), st.booleans())
@example("e\\-\u0301", False)
@example("J\u030c", True)
@example("[e]\u0301", False)
def test_the_canonical_text_of_a_key_is_its_own(text: str, fold_case: bool) -> None:
    try:
        key = parse(text, fold_case=fold_case)
    except (InvalidKey, UnknownNamespace):
        assume(False)
    assert parse(key.text) == key
    assert parse(key.text, fold_case=fold_case) == key
    assert unicodedata.is_normalized("NFC", key.text)
    assert key.is_literal == (not key.pattern)
    assert key.is_literal or key.literal[-1:] in ("", "/")


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_a_key_or_refused_in_words(text: str) -> None:
    try:
        key = parse(text)
    except (InvalidKey, UnknownNamespace) as refusal:
        refusal.message.encode()
    else:
        assert parse(key.text) == key


@settings(deadline=None)
@given(st.text(st.sampled_from(SYNTAX), min_size=1, max_size=10))
def test_an_escaped_path_is_the_key_of_that_path(text: str) -> None:
    path = unicodedata.normalize("NFC", text)
    assume(not {"", ".", ".."} & set(path.split("/")))
    assume(path[1:2] != ":" or not path[0].isalpha() or path[2:3] not in ("", "/", "\\"))
    key = parse(escape(path))
    assert (key.literal, key.is_literal, key.text) == (path, True, escape(path))
    assert matches(key, path)


def test_an_escaped_directory_is_the_key_of_the_directory() -> None:
    assert parse(escape("a*b/")) == parse("a\\*b/**")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a", ["", "a"]),
        ("src/auth/x.py", ["", "src/", "src/auth/", "src/auth/x.py"]),
        ("src/auth/", ["", "src/", "src/auth/"]),
        ("src/*/x", ["", "src/"]),
        ("**", [""]),
        ("*.py", [""]),
    ],
)
def test_the_ancestors_of_a_key_are_the_directories_above_it(
    text: str, expected: list[str]
) -> None:
    assert ancestors(parse(text)) == expected
