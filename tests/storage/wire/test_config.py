"""git's configuration, compared with what git itself answers."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire.config import GitConfig, normalised
from tests.gitrun import git

PATTERNS = [
    "https://example.com",
    "https://example.com/",
    "https://example.com:443/org",
    "https://example.com:8443",
    "https://EXAMPLE.com/Org/Repo.git",
    "https://*.example.com",
    "https://*.example.com/org",
    "https://*.*.com",
    "https://git.example.com",
    "https://ada@example.com",
    "https://ada@example.com/org",
    "https://bob:secret@example.com/org/",
    "https://@example.com",
    "http://example.com:080",
    "http://[::1]:8080/x",
    "https://example.com/a%20b",
    "https://example.com/a%2Fb",
    "https://example.com/a/b",
    "https://example.com/%7Eada/",
    "https://example.com/a/../b/./c",
    "https://example.com/org?query",
    "https://example.com./dot",
    "ftp://example.com",
    "not a url",
    "https://exa mple.com",
    "https://example.com:99999",
    "https://*",
]
URLS = [
    "https://example.com",
    "https://example.com/org",
    "https://example.com/org/",
    "https://example.com/orga",
    "https://example.com/org/repo.git",
    "https://example.com/Org/Repo.git",
    "https://EXAMPLE.COM:443/org/repo",
    "https://example.com:0443/org/repo",
    "https://example.com:8443/org",
    "https://git.example.com/org/repo.git",
    "https://a.b.example.com/org",
    "https://x.y.com/",
    "https://ada@example.com/org/repo",
    "https://ada:pw@example.com/",
    "https://bob@example.com/org/x",
    "https://@example.com/",
    "https://%61da@example.com/org",
    "http://example.com/",
    "http://example.com:80/x",
    "http://[::1]:8080/x/y",
    "https://example.com/a b/c",
    "https://example.com/a%20b",
    "https://example.com/~ada/x",
    "https://example.com/a%2fb",
    "https://example.com/a/b",
    "https://example.com/b/c/d",
    "https://example.com/x/../org/y",
    "https://example.com/org?query",
    "https://example.com/org#part",
    "https://example.com./dot/x",
    "https://localhost/",
    "ftp://example.com/x",
]


def config_of(path: str) -> GitConfig:
    return GitConfig(Git(find(path, os.environ)))


def gits_answer(path: str, key: str, url: str) -> str | None:
    done = subprocess.run(
        ["git", "-C", path, "config", "--get-urlmatch", key, url], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.removesuffix("\n") if done.returncode == 0 else None


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a repository whose patterns each have a value of their own."""
    path = str(tmp_path_factory.mktemp("settled"))
    git(path, "init", "-q")
    text = "".join(f'[http "{pattern}"]\n\tproxy = {n}\n' for n, pattern in enumerate(PATTERNS))
    with open(os.path.join(path, ".git", "config"), "a", encoding="utf-8") as file:
        file.write(f"[http]\n\tproxy = plain\n{text}")
    return path


def test_each_url_gets_the_value_that_git_gives_it(settled: str) -> None:
    config = config_of(settled)
    ours = {url: config.for_url("http.proxy", url) for url in URLS}
    assert ours == {url: gits_answer(settled, "http.proxy", url) for url in URLS}


@pytest.mark.parametrize("n", range(len(PATTERNS)))
def test_a_pattern_alone_fits_the_urls_that_git_says(n: int, empty_repo: str) -> None:
    git(empty_repo, "config", f"http.{PATTERNS[n]}.proxy", "here")
    config = config_of(empty_repo)
    some = URLS[n % 3 :: 3]
    ours = {url: config.for_url("http.proxy", url) for url in some}
    assert ours == {url: gits_answer(empty_repo, "http.proxy", url) for url in some}


PART = st.text(alphabet="ab.%2fF/*:@~ [é", max_size=6)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(user=PART, host=PART, path=PART)
def test_any_text_is_a_url_for_us_when_it_is_one_for_git(
    user: str, host: str, path: str, settled: str
) -> None:
    url = f"https://{user}@a{host}/{path}"
    done = subprocess.run(
        ["git", "-C", settled, "config", "--get-urlmatch", "http.proxy", url],
        capture_output=True,
        text=True,
    )
    assert (normalised(url) is not None) == (done.returncode != 128), done.stderr
    if normalised(url) is not None:
        value = done.stdout.removesuffix("\n") if done.returncode == 0 else None
        assert config_of(settled).for_url("http.proxy", url) == value


def test_the_last_of_several_values_counts_and_all_are_known(empty_repo: str) -> None:
    git(empty_repo, "config", "--add", "core.Thing", "one")
    git(empty_repo, "config", "--add", "core.thing", "two\nlines")
    config = config_of(empty_repo)
    assert config.one("CORE.thinG") == "two\nlines"
    assert config.all("core.thing") == ["one", "two\nlines"]
    assert config.one("core.absent") is None


def test_subsections_keep_their_case_and_a_key_alone_is_true(empty_repo: str) -> None:
    with open(os.path.join(empty_repo, ".git", "config"), "a", encoding="utf-8") as file:
        file.write('[remote "Up.Stream"]\n\turl = here\n\tmirror\n')
    config = config_of(empty_repo)
    assert config.one("remote.Up.Stream.url") == "here"
    assert config.one("remote.Up.Stream.mirror") == "true"
    assert config.one("remote.up.stream.url") is None


def test_values_for_a_pattern_that_fits_worse_than_one_before_are_left_out(
    empty_repo: str,
) -> None:
    git(empty_repo, "config", "--add", "http.extraHeader", "A: 1")
    git(empty_repo, "config", "--add", "http.https://example.com/.extraHeader", "B: 2")
    git(empty_repo, "config", "--add", "http.extraHeader", "C: 3")
    # git reads the last one where its section first stands, before the narrower pattern.
    config = config_of(empty_repo)
    assert config.all_for_url("http.extraheader", "https://example.com/x") == [
        "A: 1",
        "C: 3",
        "B: 2",
    ]
    assert config.all_for_url("http.extraheader", "https://other.com/x") == ["A: 1", "C: 3"]
    with open(os.path.join(empty_repo, ".git", "config"), "a", encoding="utf-8") as file:
        file.write("[http]\n\textraHeader = D: 4\n")
    later = config_of(empty_repo)
    assert later.all_for_url("http.extraheader", "https://example.com/x")[-1] == "B: 2"


def test_the_users_own_file_is_read_too(
    empty_repo: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("home") / "gitconfig"
    file.write_text("[http]\n\tuserAgent = Ada\n")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": str(file)}
    assert GitConfig(Git(find(empty_repo, environ))).one("http.useragent") == "Ada"
