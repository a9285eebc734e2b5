"""The hosts, and a clone with something to push, for the tests of the hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection

import pytest
from github import Auth, Github, GithubIntegration

from tests.servers import wires
from tests.servers.fixtures import (
    git_host,
    git_host_process,
    github,
    github_enterprise,
    old_sshd,
    sshd,
)
from tests.servers.git_http import GitHost
from tests.servers.github import GitHub
from tests.servers.github.people import Person
from tests.servers.github.records import Issue
from tests.servers.github.world import Repository

__all__ = ["git_host", "git_host_process", "github", "github_enterprise", "old_sshd", "sshd"]

#: PyGithub waits between its requests when it is not told otherwise.
AT_ONCE = {"seconds_between_requests": 0, "seconds_between_writes": 0}
Connect = Callable[[Auth.Auth | Person | None], Github]


@pytest.fixture
def hub(git_host: GitHost, repo: str) -> GitHost:
    """Serve one repository, `hub`, that has the commit of `repo` on main; nothing logged."""
    git_host.seed("hub", repo)
    return git_host


@pytest.fixture
def tip(hub: GitHost) -> str:
    """Return the commit on the hub's main."""
    return hub.refs("hub")["refs/heads/main"]


@pytest.fixture
def line(hub: GitHost) -> Iterator[HTTPConnection]:
    """Open a connection to the hub."""
    connection = wires.connect(hub.port)
    yield connection
    connection.close()


@pytest.fixture
def project(github: GitHub) -> Repository:
    """Make a public repository of three files."""
    files = {"src/a.py": "a = 1\n" * 9, "src/b.py": "b = 1\n", "README.md": "# Project\n"}
    return github.repository("octo/project", files=files)


@pytest.fixture
def ada(github: GitHub, project: Repository) -> Person:
    """Know somebody who may write to the project."""
    return github.person("ada", project)


@pytest.fixture
def pull(project: Repository, ada: Person) -> Issue:
    """Open a pull request that changes one file, moves one and adds one."""
    files = {"src/b.py": "b = 2\n", "src/a.py": None, "src/c.py": "a = 1\n" * 9, "new.py": "n\n"}
    ada.commits(project, "agent/x/1", files, "Work")
    return ada.opens_pull(project, "agent/x/1")


@pytest.fixture
def connect(github: GitHub) -> Iterator[Connect]:
    """Return what makes a PyGithub client for somebody, which tries nothing twice."""
    made = []

    def client(who: Auth.Auth | Person | None = None) -> Github:
        auth = Auth.Token(who.token) if isinstance(who, Person) else who
        made.append(Github(base_url=github.api, auth=auth, retry=None, **AT_ONCE))
        return made[-1]

    yield client
    for one in made:
        one.close()


def integration(github: GitHub, auth: Auth.AppAuth) -> GithubIntegration:
    """Return PyGithub's client for an App, which tries nothing twice."""
    return GithubIntegration(auth=auth, base_url=github.api, retry=None, **AT_ONCE)
