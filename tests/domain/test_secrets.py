"""Texts with secrets in them and texts that only look so. No real token stands here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.domain.secrets import HIDDEN, hide

A = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8"  # 27 characters
HEX = "0123456789abcdef"


def _block(kind: str) -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----\nMIIEvQ{A}\n{A}\n-----END {kind}PRIVATE KEY-----"


#: (text, the part of it that must not survive)
SECRETS = [
    ("use ghp_" + A + A[:9] + " for now", A),
    ("GITHUB_TOKEN=ghs_" + A + A[:9], A),
    ("gho_" + A + A[:9], A),
    ("ghu_" + A + A[:9] + ".", A),
    ("(ghr_" + A + A[:9] + ")", A),
    ("github_pat_11AAAA_" + A + A, A),
    ("glpat-" + A, A),
    ("AKIA" + "ABCDEFGHIJ234567", "ABCDEFGHIJ234567"),
    ("ASIA" + "ABCDEFGHIJ234567 is temporary", "ABCDEFGHIJ234567"),
    ("maps uses AIza" + A + A[:8], A),
    ("ya29." + A, A),
    ("GOCSPX-" + A, A),
    ("sk-" + A + A, A),
    ("sk-proj-" + A + "-" + A, A),
    ("the key sk-ant-api03-" + A + A + " leaked", A),
    ("sk_live_" + A, A),
    ("rk_test_" + A, A),
    ("whsec_" + A, A),
    ("xoxb-1234567890-" + A, A),
    ("xapp-1-" + A, A),
    ("https://hooks.slack.com/services/T000/B000/" + A, A),
    ("npm_" + A + A[:9], A),
    ("pypi-AgEI" + A + A, A),
    ("hf_" + A + "abcd", A),
    ("SG." + A + "." + A, A),
    ("shpat_" + HEX + HEX, HEX),
    ("dop_v1_" + HEX * 4, HEX),
    ("dckr_pat_" + A, A),
    ("glsa_" + A + "abcde_" + HEX[:8], A),
    ("hvs." + A, A),
    ("AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6, "QPZRY9X8GF"),
    ("eyJhbGciOiJIUzI1" + ".eyJzdWIiOiIxMjM0." + A, A),
    (_block(""), A),
    (_block("RSA "), A),
    (_block("OPENSSH ") + " and more", A),
    ("cut off: -----BEGIN EC PRIVATE KEY-----\nMHcC" + A, A),
    ("clone https://me:hunter2secret@example.org/r.git", "hunter2secret"),
    ("postgres://app:p4ss@db:5432/app failed", "p4ss"),
    ("redis://:s3cr3tpw@cache/0", "s3cr3tpw"),
    ("curl -H 'Authorization: Bearer " + A + "'", A),
    ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "dXNlcjpwYXNzd29yZDE"),
    ("X-Api-Key: " + A, A),
    ("password=hunter2", "hunter2"),
    ("DB_PASSWORD=correcthorse make test", "correcthorse"),
    ("mysql --user=x --password=letmein now", "letmein"),
    ('{"password": "opensesame"}', "opensesame"),
    ("password: 'tr0ub4dor&3'", "tr0ub4dor"),
    ("passphrase = 'four common words here'", "common words"),
    ("pwd := geheim99", "geheim99"),
    ("set api_key=" + A, A),
    ("apiKey: " + A, A),
    ("client_secret='" + A + "'", A),
    ("aws_secret_access_key = wJalr/" + A + "/K", A),
    ("AccountKey=" + A + "==;EndpointSuffix", A),
    ('"access_token" => "' + A + '"', A),
    ("token=" + A + "&next=1", A),
    ("secret: s3cretvalue1", "s3cretvalue1"),
]

HARMLESS = [
    "",
    "lock: claude-1 takes src/auth/** (token 1/987)",
    "token 1/987",
    "Coord-Token: 1/987",
    "Coord-Session: s-ab12cd34ef",
    "fencing token: 987",
    "token: 987",
    "max_tokens=4096",
    "next_token = 12345678901",
    "the password is checked in src/auth/password.py",
    "password: required",
    "password: str",
    "password: the user types it",
    "password=",
    'password=""',
    "password=None",
    "password=$PASSWORD",
    "password=${DB_PASSWORD}",
    "password={{ vault }}",
    "password=<your password>",
    "password=********",
    "password=[secret]",
    'password=os.environ["PW"]',
    "password = get_password()",
    "password=config.password",
    "self.token = settings.api_token",
    "token = make_token(user)",
    '"token": null',
    "PASSWORD_FILE=/run/secrets/db",
    "rename secret to credential in the docs",
    "secret: to be decided",
    "refactor the Basic authentication and Bearer header code",
    "Authorization: Bearer $TOKEN",
    "https://example.org/a/b?c=d",
    "https://user@example.org/r.git",
    "git@github.com:owner/repo.git",
    "ssh://git@example.org:22/r.git",
    "http://localhost:8080/@me",
    "https://me:${TOKEN}@example.org/r.git",
    "0123456789abcdef0123456789abcdef01234567",
    "sha256:" + HEX * 4,
    "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "the ghp_ prefix names a personal access token",
    "sk-learn-pipeline-for-the-new-model",
    "task-sk_lorem npm_config_cache hf_hub",
    "api_key: string",
    "key: src/auth/v2.py",
    "env:API_TOKEN",
    "primary_key=id",
    "see tests/test_token=refresh.py",
    "eyJ is how a JWT begins",
    "passes 40 of 41 tests; pass: 40",
    "bypass=12345abc compass:12345abc",
    "Basic understanding of authentication1",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_does_not_survive_and_the_rest_does(text: str, secret: str) -> None:
    hidden = hide(text)
    assert secret not in hidden
    assert HIDDEN in hidden
    assert hide(hidden) is hidden


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_text_is_returned_as_it_is(text: str) -> None:
    assert hide(text) is text


def test_what_stands_around_a_secret_stays_readable() -> None:
    assert hide("clone https://me:hunter2x@example.org/r.git now") == (
        "clone https://me:[secret]@example.org/r.git now"
    )
    assert hide("DB_PASSWORD=hunter2 make") == "DB_PASSWORD=[secret] make"
    assert hide('{"password": "opensesame", "user": "me"}') == (
        '{"password": "[secret]", "user": "me"}'
    )


def test_secrets_are_found_in_nested_values_which_are_not_changed_in_place() -> None:
    value = {"op": "task.add", "tasks": [{"title": "password=hunter2"}], "n": 3, "t": ("pwd=abc",)}
    assert hide(value) == {
        "op": "task.add",
        "tasks": [{"title": "password=[secret]"}],
        "n": 3,
        "t": ("pwd=[secret]",),
    }
    assert value["tasks"] == [{"title": "password=hunter2"}]


def test_a_value_without_secrets_is_the_same_object() -> None:
    value = {"a": ["b", ("c", 1)], "token": 987, "password": None}
    assert hide(value) is value


def test_a_text_under_the_name_of_a_secret_is_hidden_whole() -> None:
    assert hide({"db_password": "correct horse"}) == {"db_password": HIDDEN}
    assert hide({"api_key": A}) == {"api_key": HIDDEN}
    assert hide({1: "x", "token": "1/987"}) == {1: "x", "token": "1/987"}
    assert hide({"password": ""}) == {"password": ""}
    assert hide({"compass": "abc12345", "keys": ("src/a.py",)}) == {
        "compass": "abc12345",
        "keys": ("src/a.py",),
    }


FRAGMENTS = ["password", "token", "api_key", "=", ": ", '"', "'", "[secret]", "Bearer ", "://"]


@given(
    st.lists(st.sampled_from([*FRAGMENTS, A, "a1", "@", "\n", " ", "sk-"]) | st.text(max_size=3))
)
def test_hiding_twice_is_hiding_once(parts: list[str]) -> None:
    once = hide("".join(parts))
    assert hide(once) == once


@given(
    before=st.sampled_from(["", "see ", "x=", "\n"]),
    after=st.sampled_from(["", " and", "\n", ", "]),
    pair=st.sampled_from(SECRETS[:36]),
)
def test_a_token_is_found_wherever_it_stands(
    before: str, after: str, pair: tuple[str, str]
) -> None:
    assert pair[1] not in hide(before + pair[0] + after)


@pytest.mark.parametrize(
    "part",
    ["sk-", "password=", "-eyJ", "a.", "://", "-----BEGIN PRIVATE KEY-----", "bearer ", "a:"],
)
def test_a_long_hostile_text_is_read_in_bounded_steps(part: str) -> None:
    text = "token " + part * (64_000 // len(part))
    assert hide(hide(text)) == hide(text)
