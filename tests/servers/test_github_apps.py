"""Who may do what at the fake GitHub: tokens, Apps and their installations, workflows, roles."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
from github import Auth, BadCredentialsException, GithubException

from tests.servers.conftest import Connect, integration
from tests.servers.github import GitHub
from tests.servers.github.apps import App
from tests.servers.github.people import Person
from tests.servers.github.world import Repository

PERMISSIONS = {"issues": "write", "checks": "write", "contents": "read", "metadata": "read"}


@pytest.fixture
def app(github: GitHub) -> App:
    """Make an App that nobody has installed."""
    return github.app("gitcoord", permissions=PERMISSIONS, events=["issues"])


def signed(app: App, **claims: object) -> str:
    now = int(time.time())
    return jwt.encode(
        {"iat": now - 10, "exp": now + 500, "iss": str(app.id)} | claims,
        app.private_key,
        algorithm="RS256",
    )


def test_an_app_finds_its_installation_and_acts_as_a_bot(
    github: GitHub, project: Repository, ada: Person, app: App, connect: Connect
) -> None:
    installed = github.install(app, project)
    auth = Auth.AppAuth(app.id, app.private_key)
    with integration(github, auth) as asked:
        assert asked.get_app().slug == "gitcoord"
        assert [one.id for one in asked.get_installations()] == [installed.id]
        assert asked.get_repo_installation("octo", "project").id == installed.id
        assert asked.get_access_token(installed.id).permissions == PERMISSIONS
        found = asked.get_installations()[0].get_repos()
        assert [repo.full_name for repo in found] == ["octo/project"]
    issue = ada.opens_issue(project, "Bug")
    client = connect(auth.get_installation_auth(installed.id))
    client.get_repo("octo/project").get_issue(issue.number).create_comment("Granted")
    assert (issue.comments[0].user.login, issue.comments[0].app) == ("gitcoord[bot]", "gitcoord")
    assert issue.comments[0].user.type == "Bot"


def test_the_token_of_an_installation_lives_an_hour(
    github: GitHub, project: Repository, app: App, connect: Connect
) -> None:
    installed = github.install(app, project)
    token = github.issued.installation(app, installed, PERMISSIONS, ("octo/project",)).token
    client = connect(Auth.Token(token))
    assert client.get_repo("octo/project").name == "project"
    later = time.time() + 3601
    github.world.clock = lambda: later
    with pytest.raises(BadCredentialsException):
        client.get_repo("octo/project")


@pytest.mark.parametrize(
    ("claim", "seconds", "words"),
    [
        ("exp", 3600, "too far in the future"),
        ("exp", -5, "must be a time in the future"),
        ("iat", 300, "must be an Integer in the past"),
        ("iss", None, "Integration not found"),
    ],
)
def test_a_jwt_is_looked_at(
    github: GitHub, app: App, claim: str, seconds: int | None, words: str
) -> None:
    # Counted from now, not from when the tests were collected: that may be minutes ago.
    value: object = "1" if seconds is None else int(time.time()) + seconds
    headers = {"Authorization": f"Bearer {signed(app, **{claim: value})}"}
    answer = requests.get(f"{github.api}/app", headers=headers, timeout=10)
    assert answer.status_code in {401, 404}
    assert words in answer.json()["message"]


def test_a_jwt_of_another_key_is_nobody(github: GitHub, app: App) -> None:
    good = signed(app)
    head, body, signature = good.split(".")
    forged = f"{head}.{body}.{signature[:-4]}AAAA"
    codes = [
        requests.get(
            f"{github.api}/app", headers={"Authorization": f"Bearer {token}"}, timeout=10
        ).status_code
        for token in (good, forged)
    ]
    assert codes == [200, 401]


def test_a_token_gets_no_more_than_its_installation_has(
    github: GitHub, project: Repository, app: App
) -> None:
    installed = github.install(app, project, permissions={"issues": "read"})
    auth = Auth.AppAuth(app.id, app.private_key)
    with integration(github, auth) as asked:
        with pytest.raises(GithubException) as failure:
            asked.get_access_token(installed.id, {"issues": "write"})
        assert failure.value.status == 422
        assert asked.get_access_token(installed.id, {"issues": "read"}).token


def test_a_workflow_may_do_what_it_was_granted_and_starts_no_workflows(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    bot = github.workflow(project, issues="write")
    repo = connect(bot).get_repo("octo/project")
    repo.get_issue(issue.number).create_comment("Granted")
    with pytest.raises(GithubException, match="not accessible by integration") as failure:
        repo.get_commit("main")
    assert failure.value.headers["x-accepted-github-permissions"] == "contents=read"
    by = [(e.name, e.actor, e.starts_workflows) for e in github.world.events]
    assert by == [("issues", "ada", True), ("issue_comment", "github-actions[bot]", False)]


def test_a_dispatch_starts_workflows_even_from_a_workflow(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    on = "on:\n  workflow_dispatch:\njobs: {}\n"
    ada.commits(project, "main", {".github/workflows/sync.yml": f"name: Sync\n{on}"})
    bot = github.workflow(project, contents="write", actions="write")
    repo = connect(bot).get_repo("octo/project")
    assert [w.name for w in repo.get_workflows()] == ["Sync"]
    assert repo.get_workflow("sync.yml").create_dispatch("main", {"key": "a"})
    repo.create_repository_dispatch("bell", {"x": 1})
    last = github.world.events[-2:]
    assert [(e.name, e.starts_workflows) for e in last] == [
        ("workflow_dispatch", True),
        ("repository_dispatch", True),
    ]
    assert (last[0].payload["inputs"], last[1].action) == ({"key": "a"}, "bell")


def test_workflow_files_need_a_permission_of_their_own(
    github: GitHub, project: Repository, connect: Connect
) -> None:
    bot = github.workflow(project, contents="write")
    repo = connect(bot).get_repo("octo/project")
    repo.create_file("notes.md", "Add", "x\n")
    with pytest.raises(GithubException, match="not accessible by integration"):
        repo.create_file(".github/workflows/x.yml", "Add", "on: push\n")
    assert "notes.md" in [row.path for row in repo.get_contents("")]


@pytest.mark.parametrize(
    ("role", "permission"),
    [("read", "read"), ("triage", "read"), ("write", "write"), ("maintain", "write"),
     ("admin", "admin")],
)  # fmt: skip
def test_what_somebody_may_do_is_told(
    github: GitHub, project: Repository, ada: Person, connect: Connect, role: str, permission: str
) -> None:
    github.person("bob", project, role)
    repo = connect(ada).get_repo("octo/project")
    assert repo.get_collaborator_permission("bob") == permission
    assert repo.has_in_collaborators("bob")
    assert not repo.has_in_collaborators("eve")
    assert {p.login for p in repo.get_collaborators()} == {"octo", "ada", "bob"}


def test_nobody_reads_what_is_public_and_writes_nothing(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    issue = ada.opens_issue(project, "Bug")
    repo = connect(None).get_repo("octo/project")
    with pytest.raises(GithubException) as failure:
        repo.get_issue(issue.number).create_comment("spam")
    assert failure.value.status == 401
    with pytest.raises(BadCredentialsException):
        connect(Auth.Token("ghp_wrong")).get_repo("octo/project")
    assert issue.comments == []


def test_a_token_says_whose_it_is(
    github: GitHub, project: Repository, ada: Person, connect: Connect
) -> None:
    assert connect(ada).get_user().login == "ada"
    assert connect(ada).get_user("octo").type == "User"
    with pytest.raises(GithubException, match="not accessible"):
        _ = connect(github.workflow(project)).get_user().login


def test_an_enterprise_server_has_its_api_below_a_path(github_enterprise: GitHub) -> None:
    repo = github_enterprise.repository("octo/project")
    ada = github_enterprise.person("ada", repo)
    assert github_enterprise.api.endswith("/api/v3")
    issue = ada.opens_issue(repo, "Bug")
    headers = {"Authorization": f"Bearer {ada.token}"}
    url = f"{github_enterprise.api}/repos/octo/project/issues/{issue.number}"
    assert requests.get(url, headers=headers, timeout=10).json()["url"] == url
    wrong = requests.get(url.replace("/api/v3", ""), headers=headers, timeout=10)
    assert wrong.status_code == 501
    assert len(github_enterprise.unknown) == 1
    github_enterprise.unknown.clear()
