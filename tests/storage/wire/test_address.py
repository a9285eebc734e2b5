"""What a remote, a URL or a path is taken for, and what is refused before anything is started."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import InvalidUrl
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire.address import Address, parsed, resolve
from tests.gitrun import git


def asked(repo: str, remote: str) -> Address:
    return resolve(remote, Git(find(repo, os.environ)), repo)


@pytest.mark.parametrize(
    ("url", "user", "host", "port", "path"),
    [
        ("ssh://git@example.org/a/b.git", "git", "example.org", None, "/a/b.git"),
        ("ssh://git@example.org:2222/a/b", "git", "example.org", 2222, "/a/b"),
        ("git+ssh://example.org:/a", "", "example.org", None, "/a"),
        ("ssh://example.org/~alice/a.git", "", "example.org", None, "~alice/a.git"),
        ("ssh://[::1]:22/a%20b", "", "::1", 22, "/a b"),
        ("ssh://alice@[fe80::1]/a", "alice", "fe80::1", None, "/a"),
        ("git@example.org:a/b.git", "git", "example.org", None, "a/b.git"),
        ("example.org:/a/b:c", "", "example.org", None, "/a/b:c"),
        ("example.org:~alice/a", "", "example.org", None, "~alice/a"),
        ("[::1]:a", "", "::1", None, "a"),
        ("alice@[::1]:a", "alice", "::1", None, "a"),
        ("[alice@example.org:2222]:a", "alice", "example.org", 2222, "a"),
    ],
)
def test_ssh_is_read_in_all_forms_of_git(
    url: str, user: str, host: str, port: int | None, path: str
) -> None:
    found = parsed(url, "/nowhere")
    assert found == Address("ssh", url, url, host, port, user, path)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://git@example.org/a/b.git",
        "ssh://git@example.org:2222/~alice/a",
        "ssh://[::1]:22/a%20b",
        "git@example.org:a/b.git",
        "[alice@example.org:2222]:a",
        "alice@[::1]:a",
        "example.org:/a/b:c",
    ],
)
def test_git_itself_reads_ssh_in_the_same_way(url: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    fake = tmp_path / "fake"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\nexit 1\n')
    fake.chmod(0o755)
    environ = os.environ | {"GIT_SSH": str(fake), "GIT_SSH_VARIANT": "ssh"}
    command = ["git", "-c", "protocol.version=0", "ls-remote", url]
    subprocess.run(command, env=environ, capture_output=True)
    found = parsed(url, "/nowhere")
    port = ["-p", str(found.port)] if found.port else []
    login = f"{found.user}@{found.host}" if found.user else found.host
    expected = [*port, login, f"git-upload-pack '{found.path}'"]
    assert said.read_text().splitlines() == expected


@pytest.mark.parametrize(
    ("url", "shown", "host", "port", "user", "path"),
    [
        ("https://h/a.git", "https://h/a.git", "h", None, "", "/a.git"),
        ("http://h:81/a", "http://h:81/a", "h", 81, "", "/a"),
        ("https://al:secret@h/a", "https://h/a", "h", None, "al:secret", "/a"),
        ("https://ghp_secret@h/a?t=secret#x", "https://h/a", "h", None, "ghp_secret", "/a"),
        ("HTTPS://h", "HTTPS://h", "h", None, "", "/"),
    ],
)
def test_http_is_shown_without_what_may_be_secret(
    url: str, shown: str, host: str, port: int | None, user: str, path: str
) -> None:
    assert parsed(url, "/nowhere") == Address("http", url, shown, host, port, user, path)


def test_a_password_for_ssh_is_not_shown() -> None:
    assert parsed("ssh://al:secret@h/a", "/").shown == "ssh://al@h/a"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/a.git", "/srv/a.git"),
        ("../a.git", "/home/a.git"),
        ("./a:b", "/home/al/a:b"),
        ("file:///srv/a%20b", "/srv/a b"),
    ],
)
def test_a_path_becomes_absolute(url: str, path: str) -> None:
    found = parsed(url, "/home/al")
    assert (found.kind, found.path, found.host) == ("path", path, "")


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch%20x/a",
        "ssh://%2doProxyCommand=x/a",
        "ssh://-oProxyCommand=x@h/a",
        "ssh://al@-oProxyCommand=x/a",
        "-oProxyCommand=x:a",
        "al@-oX:a",
        "[-oX]:a",
        "h:-x",
        "h:--upload-pack=x",
        "ssh://h/%00a",
        "ssh://h%0ax/a",
        "ssh://h;x/a",
        "al$(x)@h:a",
        "-x",
        "--upload-pack=touch x",
        "https://-x/a",
        "https://h%0ahost=other/a",
        "https://h/a%0ahost=other",
        "https:///a",
        "https://h:port/a",
        "https://h:99999/a",
        "ssh://h:70000/a",
        "ssh://h",
        "ssh://h/",
        "h:",
        "file://",
        "a\nb",
        "",
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(repo: str, url: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        asked(repo, url)
    assert refused.value.hint


@pytest.mark.parametrize(
    "url", ["ext::sh -c x", "git://h/a", "ftp://h/a", "rsync://h/a", "hg::https://h/a"]
)
def test_helpers_and_protocols_that_cannot_push_safely_are_refused(repo: str, url: str) -> None:
    with pytest.raises(InvalidUrl, match=url.partition(":")[0]):
        asked(repo, url)


def test_a_refused_url_is_quoted_without_its_secrets() -> None:
    for url in (
        "https://al:secret@h:x/a",
        "https://al:secret@-h/a",
        "https://al:secret@h/%0a",
        "https://al:sec/secret@h/a",
    ):
        with pytest.raises(InvalidUrl) as refused:
            parsed(url, "/")
        assert "secret" not in str(refused.value.as_dict()), url


def test_the_name_of_a_remote_leads_to_where_git_pushes(repo: str) -> None:
    git(repo, "remote", "add", "origin", "https://h/read")
    assert asked(repo, "origin").url == "https://h/read"
    git(repo, "remote", "set-url", "--push", "origin", "gh:write")
    git(repo, "config", "url.https://h/.insteadOf", "gh:")
    assert asked(repo, "origin").url == "https://h/write"


def test_rules_for_pushing_count_before_others(repo: str) -> None:
    git(repo, "remote", "add", "origin", "https://h/a")
    git(repo, "config", "url.git@h:.pushInsteadOf", "https://h/")
    assert asked(repo, "origin").url == "git@h:a"
    assert asked(repo, "https://h/b=c").url == "git@h:b=c"
    assert asked(repo, "https://other/b").url == "https://other/b"


def test_a_remote_of_the_users_own_settings_is_found(repo: str) -> None:
    git(repo, "config", "--global", "remote.everywhere.url", "https://h/a")
    try:
        assert asked(repo, "everywhere").url == "https://h/a"
    finally:
        git(repo, "config", "--global", "--remove-section", "remote.everywhere")


def test_a_remote_that_pushes_to_two_places_is_refused_and_both_are_named(repo: str) -> None:
    git(repo, "remote", "add", "both", "https://h/a")
    git(repo, "remote", "set-url", "--push", "--add", "both", "https://al:secret@h/b")
    git(repo, "remote", "set-url", "--push", "--add", "both", "https://h/c")
    with pytest.raises(InvalidUrl, match=r"https://h/b, https://h/c") as refused:
        asked(repo, "both")
    assert "secret" not in refused.value.message


def test_a_word_that_is_neither_remote_nor_directory_is_refused(repo: str) -> None:
    with pytest.raises(InvalidUrl, match="no git remote 'origni'"):
        asked(repo, "origni")
    Path(repo, "origni").mkdir()
    assert asked(repo, "origni").path == str(Path(repo, "origni"))


def test_a_path_that_is_away_may_come_back(repo: str) -> None:
    assert asked(repo, "/mnt/away/a.git").path == "/mnt/away/a.git"


def test_a_relative_remote_is_the_same_from_every_worktree(
    repo: str, linked_worktree: str, tmp_path: Path
) -> None:
    git(repo, "remote", "add", "near", "../hub.git")
    below = Path(repo, "below")
    below.mkdir()
    for place in (repo, str(below), linked_worktree):
        found = resolve("near", Git(find(place, os.environ)), place)
        assert found.path == str(tmp_path / "hub.git")


@given(st.text(alphabet="ahs:/@[]-~%0 .?#\n\\;'1", max_size=24))
def test_any_text_is_an_address_without_options_or_refused(text: str) -> None:
    try:
        found = parsed(text, "/start")
    except InvalidUrl:
        return
    for part in (found.host, found.user, found.path):
        assert not part.startswith("-")
        assert "\n" not in part
    assert (found.host == "") == (found.kind == "path")
