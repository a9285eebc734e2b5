"""What git's credential helpers are asked and told, with a helper that keeps a diary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.errors import InvalidUrl
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire.credentials import Helpers, basic, from_netrc
from tests.gitrun import git

HELPER = """#!/bin/sh
{ echo "> $1"; cat; } >>"%(diary)s"
test "$1" = get && printf '%%s' "$ANSWER"
exit 0
"""


@pytest.fixture
def diary(repo: str, tmp_path: Path) -> Path:
    """Give the repository a helper that notes what it hears; return the file."""
    diary = tmp_path / "diary"
    helper = tmp_path / "helper"
    helper.write_text(HELPER % {"diary": diary})
    helper.chmod(0o755)
    git(repo, "config", "credential.helper", str(helper))
    return diary


def helpers(repo: str, answer: str) -> Helpers:
    return Helpers(Git(find(repo, {**os.environ, "ANSWER": answer})))


def test_a_helper_is_asked_for_the_place_and_its_answer_is_basic(repo: str, diary: Path) -> None:
    asking = helpers(repo, "username=ada\npassword=s3cret\n")
    found = asking.fill("https", "example.com:8443", "org/repo.git", None)
    assert found is not None
    assert found.authorization == basic("ada", "s3cret").authorization == "Basic YWRhOnMzY3JldA=="
    heard = diary.read_text().splitlines()
    assert heard[0] == "> get"
    assert {"protocol=https", "host=example.com:8443"} <= set(heard)
    assert not any(line.startswith("path=") for line in heard)


def test_the_path_is_named_where_the_user_wants_that(repo: str, diary: Path) -> None:
    git(repo, "config", "credential.useHttpPath", "true")
    helpers(repo, "username=a\npassword=b\n").fill("https", "example.com", "org/repo.git", "ada")
    assert {"path=org/repo.git", "username=ada"} <= set(diary.read_text().splitlines())


def test_helpers_that_know_nothing_give_nothing_and_nobody_is_asked(repo: str, diary: Path) -> None:
    assert helpers(repo, "").fill("https", "example.com", "", None) is None
    assert "> get" in diary.read_text()


def test_helpers_hear_whether_the_host_took_it(repo: str, diary: Path) -> None:
    asking = helpers(repo, "username=ada\npassword=s3cret\n")
    found = asking.fill("https", "example.com", "x", None)
    assert found is not None
    asking.approve(found)
    asking.close()
    asking.reject(found)
    asking.close()
    asking.close()
    told = diary.read_text().split("> ")
    assert [entry.splitlines()[0] for entry in told[1:]] == ["get", "store", "erase"]
    for entry in told[2:]:
        assert {"host=example.com", "username=ada", "password=s3cret"} <= set(entry.splitlines())


def test_what_git_did_not_give_is_not_told_to_helpers(repo: str, diary: Path) -> None:
    asking = helpers(repo, "")
    asking.approve(basic("ada", "s3cret"))
    asking.close()
    assert not diary.exists()


@pytest.mark.parametrize("host", ["a\nhost=evil", "a\r", "a\0b"])
def test_a_line_break_cannot_forge_the_question(repo: str, diary: Path, host: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        helpers(repo, "").fill("https", host, "", None)
    assert "evil" not in refused.value.message
    assert not diary.exists()


def test_a_credential_prints_nothing_of_itself() -> None:
    assert "YWRhOnMzY3JldA" not in repr(basic("ada", "s3cret"))
    assert "s3cret" not in repr(basic("ada", "s3cret"))


def test_names_and_passwords_are_sent_in_utf_8() -> None:
    assert basic("ä", "ö:ü").authorization == "Basic w6Q6w7Y6w7w="


def test_netrc_is_read_for_the_host_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / ".netrc"
    file.write_text("machine example.com login ada password s3cret\n")
    file.chmod(0o600)
    environ = {"HOME": str(tmp_path)}
    found = from_netrc("example.com", None, environ)
    assert found is not None
    assert found.authorization == basic("ada", "s3cret").authorization
    assert from_netrc("example.com", "ada", environ) is not None
    assert from_netrc("example.com", "bob", environ) is None
    assert from_netrc("other.com", None, environ) is None
    assert from_netrc("example.com", None, {"HOME": str(tmp_path / "absent")}) is None


def test_a_broken_netrc_counts_as_none(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_text("machine\n")
    assert from_netrc("example.com", None, {"NETRC": str(file), "HOME": str(tmp_path)}) is None
