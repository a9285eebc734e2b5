"""The host over HTTP does what tests will ask of it, seen through git and through http.client."""

from __future__ import annotations

import base64
import gzip
import http.client
import subprocess
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.gitrun import git
from tests.servers import tls, wires
from tests.servers.control import HostProcess
from tests.servers.git_http import GitHost, serving
from tests.servers.repositories import Repositories
from tests.servers.wires import PUSH, READ, ZERO

COORD = "refs/coord/state"


def failing(path: str, *args: str) -> str:
    """Return the words of a git that has to fail."""
    done = subprocess.run(["git", "-C", path, *args], capture_output=True)
    assert done.returncode != 0, done.stdout
    return done.stderr.decode()


def test_git_pushes_and_clones_with_two_and_three_requests(
    git_host: GitHost, repo: str, tmp_path: Path
) -> None:
    git_host.create("team/app")
    git(repo, "push", "-q", git_host.url("team/app"), "HEAD:refs/heads/main")
    asked = [(seen.service, seen.command) for seen in git_host.requests]
    assert asked == [("receive-pack", "discover"), ("receive-pack", "push")]
    assert git_host.requests[1].moved == ("refs/heads/main",)
    git_host.clear()
    git(str(tmp_path), "clone", "-q", git_host.url("team/app"), "copy")
    assert [seen.command for seen in git_host.requests] == ["discover", "ls-refs", "fetch"]
    assert (tmp_path / "copy" / "README").read_text() == "hello\n"


def test_one_connection_serves_many_requests(hub: GitHost, tip: str, line: HTTPConnection) -> None:
    assert b"unpack ok" in wires.push(line, "hub", (COORD, ZERO, tip)).body
    assert f"{tip} {COORD}".encode() in wires.ls_refs(line, "hub").body
    assert {seen.connection for seen in hub.requests} == {1}
    assert [(seen.command, seen.status) for seen in hub.requests] == [
        ("push", 200),
        ("ls-refs", 200),
    ]
    assert hub.count(command="push") == 1
    assert hub.requests[0].bytes_in == len(wires.push_body((COORD, ZERO, tip)))


def test_a_body_in_chunks_arrives_whole(hub: GitHost, tip: str, line: HTTPConnection) -> None:
    body = wires.push_body((COORD, ZERO, tip))
    parts = (body[at : at + 30] for at in range(0, len(body), 30))
    wires.post(line, "/hub.git/git-receive-pack", parts, {"Content-Type": PUSH})
    assert hub.refs("hub")[COORD] == tip


def test_a_compressed_body_is_unpacked_by_git(hub: GitHost, tip: str, line: HTTPConnection) -> None:
    body = gzip.compress(wires.push_body((COORD, ZERO, tip)))
    headers = {"Content-Type": PUSH, "Content-Encoding": "gzip"}
    wires.post(line, "/hub.git/git-receive-pack", body, headers)
    assert hub.refs("hub")[COORD] == tip
    assert hub.requests[0].moved == (COORD,)


def test_a_client_that_waits_for_leave_to_send_gets_it(hub: GitHost, line: HTTPConnection) -> None:
    line.connect()
    assert line.sock is not None
    line.sock.sendall(
        b"POST /hub.git/git-upload-pack HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 4\r\n\r\n"
    )
    assert line.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_the_user_is_asked_for_a_name_and_a_password(hub: GitHost, repo: str) -> None:
    hub.users = {"ann": "s3cret:word"}
    assert "could not read Username" in failing(repo, "ls-remote", hub.url("hub"))
    assert "Authentication failed" in failing(repo, "ls-remote", hub.url("hub", "ann", "wrong"))
    hub.clear()
    assert "refs/heads/main" in git(repo, "ls-remote", hub.url("hub", "ann", "s3cret:word"))
    assert [(seen.status, seen.authenticated) for seen in hub.requests] == [
        (401, False),
        (200, True),
        (200, True),
    ]


def test_a_token_opens_the_host(hub: GitHost, repo: str) -> None:
    hub.tokens = {"t0ken"}
    assert "could not read Username" in failing(repo, "ls-remote", hub.url("hub"))
    header = "http.extraHeader=Authorization: Bearer t0ken"
    assert "refs/heads/main" in git(repo, "-c", header, "ls-remote", hub.url("hub"))


def test_a_reader_may_fetch_and_not_push(hub: GitHost, repo: str) -> None:
    hub.users, hub.readers = {"ann": "a"}, {"ann"}
    assert "refs/heads/main" in git(repo, "ls-remote", hub.url("hub", "ann", "a"))
    assert "403" in failing(repo, "push", hub.url("hub", "ann", "a"), f"HEAD:{COORD}")


def test_an_unknown_repository_is_not_found(hub: GitHost, line: HTTPConnection) -> None:
    assert wires.ls_refs(line, "other").status == 404


def test_the_clock_of_the_host_is_what_the_test_says(hub: GitHost, line: HTTPConnection) -> None:
    hub.date_offset = 3600.0
    shown = parsedate_to_datetime(wires.ls_refs(line, "hub").headers["Date"]).timestamp()
    assert 3590 < shown - time.time() < 3610
    hub.date_offset = None
    assert wires.ls_refs(line, "hub").headers["Date"] is None


def test_every_request_takes_the_latency_longer(hub: GitHost, line: HTTPConnection) -> None:
    hub.latency = 0.15
    assert wires.ls_refs(line, "hub").seconds >= 0.15


def test_the_first_request_is_redirected_and_git_follows(hub: GitHost, repo: str) -> None:
    hub.redirect("old/name", hub.url("hub"))
    git(repo, "push", "-q", hub.url("old/name"), f"HEAD:{COORD}")
    assert COORD in hub.refs("hub")
    assert [(seen.path, seen.status) for seen in hub.requests] == [
        ("/old/name.git/info/refs", 301),
        ("/hub.git/info/refs", 200),
        ("/hub.git/git-receive-pack", 200),
    ]


@pytest.mark.parametrize("wanted,status", [(True, 400), (403, 403)])
def test_a_host_can_insist_on_its_advertisement(
    hub: GitHost, tip: str, repo: str, line: HTTPConnection, wanted: int, status: int
) -> None:
    hub.insist_on_advertisement = wanted
    assert wires.push(line, "hub", (COORD, ZERO, tip)).status == status
    assert COORD not in hub.refs("hub")
    git(repo, "push", "-q", hub.url("hub"), f"HEAD:{COORD}")
    assert hub.refs("hub")[COORD] == tip


def test_a_host_can_be_deaf_to_version_2(hub: GitHost, repo: str, line: HTTPConnection) -> None:
    hub.no_v2 = True
    assert wires.ls_refs(line, "hub").body == b""
    hub.clear()
    assert "refs/heads/main" in git(repo, "ls-remote", hub.url("hub"))
    assert [seen.command for seen in hub.requests] == ["discover"]


def test_a_hook_protects_refs(hub: GitHost, repo: str) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "more")
    hub.protect("hub", "refs/heads/main", "refs/heads/release/*")
    told = failing(repo, "push", hub.url("hub"), "HEAD:main", "HEAD:refs/heads/release/1")
    assert told.count("remote: protected branch hook declined") == 2
    git(repo, "push", "-q", hub.url("hub"), "HEAD:refs/heads/free")
    hub.protect("hub")
    git(repo, "push", "-q", hub.url("hub"), "HEAD:main")


def test_hidden_refs_are_neither_shown_nor_pushed(hub: GitHost, repo: str) -> None:
    git(repo, "push", "-q", hub.url("hub"), f"HEAD:{COORD}")
    assert COORD in git(repo, "ls-remote", hub.url("hub"))
    hub.hide("hub", "refs/coord")
    assert COORD not in git(repo, "ls-remote", hub.url("hub"))
    assert "deny updating a hidden ref" in failing(repo, "push", hub.url("hub"), f"HEAD:{COORD}2")


def test_a_host_without_atomic_applies_half_a_push(
    hub: GitHost, tip: str, repo: str, line: HTTPConnection
) -> None:
    hub.no_atomic("hub")
    told = failing(repo, "push", "--atomic", hub.url("hub"), f"HEAD:{COORD}")
    assert "does not support --atomic" in told
    moves = ((COORD, ZERO, tip), ("refs/heads/main", ZERO, tip))
    body = wires.push_body(*moves, capabilities="report-status atomic")
    wires.post(line, "/hub.git/git-receive-pack", body, {"Content-Type": PUSH})
    assert COORD in hub.refs("hub")


def test_objects_are_checked_as_hosts_check_them(hub: GitHost, repo: str) -> None:
    body = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor x\ncommitter x\n\nbad\n"
    git(repo, "mktree", stdin=b"")
    bad = git(repo, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=body)
    assert "fsck error" in failing(repo, "push", hub.url("hub"), f"{bad}:{COORD}")


def test_pruned_objects_are_gone(hub: GitHost, repo: str) -> None:
    old = git(repo, "commit-tree", "HEAD^{tree}", "-m", "old")
    git(repo, "push", "-q", hub.url("hub"), f"{old}:{COORD}")
    git(repo, "push", "-q", hub.url("hub"), f"+HEAD:{COORD}")
    assert hub.git("hub", "cat-file", "-t", old) == "commit"
    hub.prune("hub")
    with pytest.raises(AssertionError):
        hub.git("hub", "cat-file", "-t", old)


def test_a_backup_brings_old_refs_back(hub: GitHost, repo: str) -> None:
    copy = hub.backup("hub")
    git(repo, "push", "-q", hub.url("hub"), f"HEAD:{COORD}")
    hub.restore("hub", copy)
    assert COORD not in hub.refs("hub")
    assert "refs/heads/main" in git(repo, "ls-remote", hub.url("hub"))


def test_a_host_comes_back_at_the_same_port(hub: GitHost, repo: str) -> None:
    address = hub.url("hub")
    hub.stop()
    assert "Failed to connect" in failing(repo, "ls-remote", address)
    hub.start()
    assert "refs/heads/main" in git(repo, "ls-remote", address)


def test_idle_connections_can_be_dropped(hub: GitHost, line: HTTPConnection) -> None:
    wires.ls_refs(line, "hub")
    hub.drop_connections()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        wires.ls_refs(line, "hub")
    line.close()
    assert wires.ls_refs(line, "hub").status == 200
    assert [seen.connection for seen in hub.requests] == [1, 2]


def test_the_host_answers_as_a_proxy_too(hub: GitHost, repo: str) -> None:
    proxy = f"http.proxy={hub.base}"
    address = "http://host.invalid/hub.git"
    assert "refs/heads/main" in git(repo, "-c", proxy, "ls-remote", address)
    assert all(seen.proxied for seen in hub.requests)


def test_the_host_speaks_https_with_a_certificate_of_its_own(repo: str, tmp_path: Path) -> None:
    if reason := tls.missing():
        pytest.skip(reason)
    own = tls.certificate(tmp_path / "tls")
    with serving(tmp_path / "host", tls=own.context) as host:
        host.create("hub")
        assert "certificate" in failing(repo, "push", host.url("hub"), "HEAD:main")
        trust = f"http.sslCAInfo={own.file}"
        git(repo, "-c", trust, "push", "-q", host.url("hub"), "HEAD:refs/heads/main")
        host.drop_connections()
        assert "refs/heads/main" in host.refs("hub")


def test_the_backend_knows_nothing_of_the_user(
    hub: GitHost, line: HTTPConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "theirs"
    settings.write_text("[transfer]\n\thideRefs = refs/heads\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert b"refs/heads/main" in wires.ls_refs(line, "hub").body


def test_a_repository_can_have_longer_ids(git_host: GitHost, sha256_repo: str) -> None:
    git_host.create("wide", "--object-format=sha256")
    git(sha256_repo, "push", "-q", git_host.url("wide"), f"HEAD:{COORD}")
    assert len(git_host.refs("wide")[COORD]) == 64
    assert git_host.seen(command="push")[0].moved == (COORD,)


def test_basic_works_by_hand(hub: GitHost, line: HTTPConnection) -> None:
    hub.users = {"ann": "a"}
    headers = {"Content-Type": READ, "Git-Protocol": "version=2"}
    answer = wires.post(line, "/hub.git/git-upload-pack", wires.LS_REFS, headers)
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    headers["Authorization"] = "Basic " + base64.b64encode(b"ann:a").decode()
    assert wires.post(line, "/hub.git/git-upload-pack", wires.LS_REFS, headers).status == 200


def test_a_host_in_its_own_process_takes_orders(git_host_process: HostProcess, repo: str) -> None:
    host = git_host_process
    assert isinstance(host, Repositories)
    host.create("hub")
    git(repo, "push", "-q", host.url("hub"), "HEAD:refs/heads/main")
    assert [seen["command"] for seen in host.requests(clear=True)] == ["discover", "push"]
    host.add_fault("status", code=503, service="upload-pack")
    assert "503" in failing(repo, "ls-remote", host.url("hub"))
    host.set(users={"ann": "a"})
    assert "could not read Username" in failing(repo, "ls-remote", host.url("hub"))
    host.set(users={})
    host.drop_connections()
    host.random_faults(1.0, seed=1, kinds=[{"kind": "status", "code": 502}])
    assert "502" in failing(repo, "ls-remote", host.url("hub"))
    host.random_faults(0.0)
    assert "refs/heads/main" in git(repo, "ls-remote", host.url("hub"))
    assert host.tell({})["struck"] == 1
