"""Reading through git: into the mirror alone, with the settings of the user's repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.errors import AccessDenied, HostRefused
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import Repository, find
from gitcoord.storage.wire import gitread
from gitcoord.storage.wire.address import parsed, resolve
from gitcoord.storage.wire.mirror import opened
from gitcoord.storage.wire.transport import Interrupted
from tests.gitrun import git
from tests.servers.fixtures import git_host, old_sshd
from tests.servers.git_http import GitHost
from tests.servers.sshd import Sshd

__all__ = ["git_host", "old_sshd"]

REF = "refs/coord/state"


@pytest.fixture
def mirror(repo: str) -> Repository:
    """Make the mirror where it is in life: inside the user's git directory."""
    return opened(f"{repo}/.git/gitcoord/remote/origin/ledger.git", "sha1", os.environ).repository


@pytest.fixture
def hub(repo: str, bare_repo: str) -> str:
    """Give the bare repository a chain of five commits under refs/coord."""
    chain(repo, bare_repo)
    return bare_repo


def chain(repo: str, hub: str) -> None:
    tip = ""
    tree = git(repo, "rev-parse", "HEAD^{tree}")
    for number in range(5):
        parent = ["-p", tip] if tip else []
        tip = git(repo, "commit-tree", tree, *parent, "-m", f"state {number}")
    git(repo, "push", "-q", hub, f"{tip}:{REF}", f"{tip}:refs/coord/session/a", "HEAD:main")
    git(repo, "prune", "--expire=now")


def user(repo: str) -> Git:
    return Git(find(repo, os.environ))


def untouched(repo: str) -> tuple[object, ...]:
    files = sorted(str(path) for path in Path(repo, ".git", "objects").rglob("*"))
    names = [name for name in os.listdir(f"{repo}/.git") if name != "gitcoord"]
    return files, sorted(names), git(repo, "for-each-ref"), Path(repo, ".git/config").read_text()


def count(mirror: Repository, oid: str) -> int:
    return len(git(mirror.common_dir, "rev-list", oid).split())


def test_only_refs_with_the_prefix_are_listed(repo: str, hub: str) -> None:
    where = parsed(hub, "/")
    tip = git(hub, "rev-parse", REF)
    both = {REF: tip, "refs/coord/session/a": tip}
    assert gitread.refs(user(repo), where, "refs/coord/") == both
    assert gitread.refs(user(repo), where, "refs/coord/sta") == {REF: tip}
    assert gitread.refs(user(repo), where, "refs/none/") == {}


def test_objects_come_into_the_mirror_and_nothing_of_the_user_changes(
    repo: str, hub: str, mirror: Repository
) -> None:
    tip = git(hub, "rev-parse", REF)
    before = untouched(repo)
    gitread.fetch(user(repo), mirror, parsed(hub, "/"), {REF: tip, "refs/coord/x": tip}, None)
    assert untouched(repo) == before
    assert count(mirror, tip) == 5
    assert git(mirror.common_dir, "for-each-ref") == ""
    assert "FETCH_HEAD" not in os.listdir(mirror.common_dir)
    assert "shallow" not in os.listdir(mirror.common_dir)


def test_a_shallow_fetch_cuts_the_mirror_only(repo: str, hub: str, mirror: Repository) -> None:
    tip = git(hub, "rev-parse", REF)
    before = untouched(repo)
    # Over file:// git sends packs as it does over a network.
    gitread.fetch(user(repo), mirror, parsed(f"file://{hub}", "/"), {REF: tip}, 2)
    assert untouched(repo) == before
    assert count(mirror, tip) == 2
    cut = Path(mirror.common_dir, "shallow").read_text().split()
    assert cut == [git(hub, "rev-parse", f"{REF}~1")]


def test_what_is_known_is_not_sent_again_and_the_cut_stays(
    repo: str, hub: str, mirror: Repository
) -> None:
    where = parsed(f"file://{hub}", "/")
    tip = git(hub, "rev-parse", REF)
    gitread.fetch(user(repo), mirror, where, {REF: tip}, 2)
    git(mirror.common_dir, "update-ref", REF, tip)
    new = git(hub, "commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "new")
    git(hub, "update-ref", REF, new)
    gitread.fetch(user(repo), mirror, where, {REF: new}, None)
    assert count(mirror, new) == 3


def test_a_repository_with_sha256_is_read(sha256_repo: str, tmp_path: Path) -> None:
    hub = str(tmp_path / "hub")
    git(str(tmp_path), "init", "-q", "--bare", "--object-format=sha256", hub)
    chain(sha256_repo, hub)
    mirror = opened(str(tmp_path / "m.git"), "sha256", os.environ).repository
    tip = git(hub, "rev-parse", REF)
    gitread.fetch(user(sha256_repo), mirror, parsed(hub, "/"), {REF: tip}, None)
    assert count(mirror, tip) == 5


def test_a_ref_that_moved_on_meanwhile_is_to_be_read_again(
    repo: str, git_host: GitHost, mirror: Repository
) -> None:
    path = str(git_host.create("hub"))
    chain(repo, path)
    git_host.no_v2 = True
    before = git(path, "rev-parse", f"{REF}~1")
    with pytest.raises(Interrupted) as cut:
        gitread.fetch(user(repo), mirror, parsed(git_host.url("hub"), "/"), {REF: before}, None)
    assert not cut.value.sent
    assert cut.value.error.code == "host_busy"


def test_a_credential_helper_of_the_users_repository_opens_the_host(
    repo: str, git_host: GitHost, mirror: Repository
) -> None:
    path = str(git_host.create("hub"))
    chain(repo, path)
    tip = git(path, "rev-parse", REF)
    git_host.no_v2 = True
    git_host.users["al"] = "secret"
    where = parsed(git_host.url("hub"), "/")
    with pytest.raises(AccessDenied) as denied:
        gitread.fetch(user(repo), mirror, where, {REF: tip}, 1)
    assert where.shown in denied.value.message
    git(repo, "config", "credential.helper", "!f() { echo username=al; echo password=secret; }; f")
    assert gitread.refs(user(repo), where, REF) == {REF: tip}
    gitread.fetch(user(repo), mirror, where, {REF: tip}, 1)
    assert count(mirror, tip) == 1


def test_a_helper_that_is_in_all_settings_is_asked_once(
    repo: str, git_host: GitHost, mirror: Repository, tmp_path: Path
) -> None:
    path = str(git_host.create("hub"))
    chain(repo, path)
    git_host.users["al"] = "secret"
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/asked\n")
    helper.chmod(0o755)
    shared, own = f"!{helper}", f"!{helper} && echo username=al && echo password=secret #"
    git(repo, "config", "--global", "credential.helper", shared)
    git(repo, "config", "credential.helper", own)
    try:
        tip = git(path, "rev-parse", REF)
        gitread.fetch(user(repo), mirror, parsed(git_host.url("hub"), "/"), {REF: tip}, 1)
    finally:
        git(repo, "config", "--global", "--remove-section", "credential")
    assert (tmp_path / "asked").read_text().split().count("get") == 1
    assert count(mirror, tip) == 1


def test_settings_for_this_repository_in_the_users_own_files_count(
    repo: str, old_sshd: Sshd, hub: str, mirror: Repository, tmp_path: Path
) -> None:
    included = tmp_path / "included"
    git(repo, "config", "--file", str(included), "core.sshCommand", old_sshd.command)
    git(repo, "config", "--global", f"includeIf.gitdir:{repo}/.git.path", str(included))
    tip = git(hub, "rev-parse", REF)
    try:
        gitread.fetch(user(repo), mirror, parsed(old_sshd.url(hub), "/"), {REF: tip}, 1)
    finally:
        git(repo, "config", "--global", "--remove-section", f"includeIf.gitdir:{repo}/.git")
    assert count(mirror, tip) == 1


def test_an_ssh_command_of_the_users_repository_reaches_the_host(
    repo: str, old_sshd: Sshd, hub: str, mirror: Repository
) -> None:
    git(repo, "config", "core.sshCommand", old_sshd.command)
    where = parsed(old_sshd.url(hub), "/")
    tip = git(hub, "rev-parse", REF)
    assert gitread.refs(user(repo), where, REF) == {REF: tip}
    gitread.fetch(user(repo), mirror, where, {REF: tip}, 3)
    assert count(mirror, tip) == 3


def test_a_rewritten_url_is_not_rewritten_again(repo: str, hub: str, mirror: Repository) -> None:
    git(repo, "config", f"url.{hub}.insteadOf", "gh:hub")
    git(repo, "config", "url./nowhere/.insteadOf", os.path.dirname(hub))
    where = resolve("gh:hub", user(repo), repo)
    tip = git(hub, "rev-parse", REF)
    assert gitread.refs(user(repo), where, REF) == {REF: tip}
    gitread.fetch(user(repo), mirror, where, {REF: tip}, None)
    assert count(mirror, tip) == 5


def test_settings_of_one_command_count_before_those_of_the_repository(
    repo: str, old_sshd: Sshd, hub: str, mirror: Repository
) -> None:
    git(repo, "config", "core.sshCommand", "false")
    environ = os.environ | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.sshCommand",
        "GIT_CONFIG_VALUE_0": old_sshd.command,
    }
    starter = Git(find(repo, environ))
    where = parsed(old_sshd.url(hub), "/")
    tip = git(hub, "rev-parse", REF)
    assert gitread.refs(starter, where, REF) == {REF: tip}
    gitread.fetch(starter, mirror, where, {REF: tip}, 1)
    assert count(mirror, tip) == 1


def test_a_missing_repository_is_refused(repo: str, mirror: Repository, tmp_path: Path) -> None:
    where = parsed(str(tmp_path / "none"), "/")
    with pytest.raises(HostRefused, match="does not appear to be a git repository"):
        gitread.refs(user(repo), where, REF)
    with pytest.raises(HostRefused):
        gitread.fetch(user(repo), mirror, where, {REF: "1" * 40}, None)


def test_a_silent_host_is_given_up(repo: str, tmp_path: Path) -> None:
    script = tmp_path / "ssh"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    git(repo, "config", "core.sshCommand", str(script))
    with pytest.raises(Interrupted, match="does not answer") as cut:
        gitread.refs(user(repo), parsed("ssh://h/a", "/"), REF, timeout=0.1)
    assert not cut.value.sent
