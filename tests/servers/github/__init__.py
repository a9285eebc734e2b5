"""A fake GitHub on loopback, stateful, at HTTP level: API, git and outgoing webhooks on one port.

A test asks for the fixture `github` (or `github_enterprise`, whose API is below /api/v3):

    from tests.servers.fixtures import github  # in a conftest

    def test_a_label_asks_for_a_lock(github):
        repo = github.repository("octo/project", files={"src/a.py": "1"})
        ada = github.person("ada", repo)                 # role "write", token in ada.token
        hook = github.hook(repo, "http://127.0.0.1:8750/webhook/github", secret="s")
        ada.commits(repo, "agent/x/1", {"src/a.py": "2"})       # a real commit, pushed
        pull = ada.opens_pull(repo, "agent/x/1")
        ada.labels(pull, "locked:src/a.py")
        github.deliver()                                 # sends what is in github.outbox
        client = Github(base_url=github.api, auth=Auth.Token(ada.token), retry=None)

* `world` holds the state, `world.clock` tells its time (seconds since 1970) and may be replaced.
* `person(...)`, `workflow(repo, issues="write")` (a GITHUB_TOKEN), `app(...)` and `install(...)`
  give tokens; what people do on the pages are the methods of `people.Person`.
* `world.events` is all that has happened; `event.starts_workflows` says what Actions would hear.
* `outbox` is a plain list of deliveries: reorder, drop, double, `deliver(most)` or `miss()` them;
  `with github.delivering():` sends them as they come; `post` may be a function of the test.
* `faults.append(at(status(502), "GET", "/repos/.*/labels"))`: see `faults.py` here and beside.
* `limits.exhaust()`, `limits.secondary()`, `limits.hourly["user"] = 3`, `limits.strict = True`.
* `calls`, `asked("GET /repos/{owner}/{repo}/labels")`: the log. `unknown` and `problems` must be
  empty when the test ends; a test that means to fill them clears them.
* `log.moved["/repos/octo/former"] = "/repos/octo/project"`: what was renamed or transferred.

Requests, replies and deliveries are validated against GitHub's OpenAPI description where `.ci/npm`
has installed it (`openapi.missing()` says why not); nothing is validated elsewhere.
"""

from tests.servers.github.faults import at
from tests.servers.github.host import GitHub, serving

__all__ = ["GitHub", "at", "serving"]
