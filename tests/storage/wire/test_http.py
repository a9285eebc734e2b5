"""The way over HTTP to a real host, with what goes wrong there."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from gitcoord.errors import (
    AccessDenied,
    HostBusy,
    HostRefused,
    HostUnreachable,
    InvalidUrl,
    UnreadableAnswer,
)
from gitcoord.storage.store import ABSENT
from gitcoord.storage.wire import push, read
from gitcoord.storage.wire.http import HttpTransport
from gitcoord.storage.wire.transport import Interrupted
from tests.gitrun import git
from tests.servers import faults, tls
from tests.servers.fixtures import git_host
from tests.servers.git_http import GitHost, serving
from tests.storage.wire.ways import Way, way

__all__ = ["git_host", "way"]

REF = "refs/coord/state"
EMPTY_PACK = b"PACK\0\0\0\2\0\0\0\0" + bytes.fromhex("029d08823bd8a8eab510ad6ac75c823cfd3ed31e")


@pytest.fixture
def hub(git_host: GitHost, repo: str) -> GitHost:
    """Give the host a repository `hub` with the commit of `repo` on main."""
    path = git_host.create("hub")
    git(repo, "push", "-q", str(path), "HEAD:refs/heads/main")
    return git_host


def body(repo: str) -> list[bytes]:
    command = push.Command(REF, ABSENT, git(repo, "rev-parse", "HEAD"))
    return push.request([command], [EMPTY_PACK], "sha1", atomic=False)


def listed(transport: HttpTransport, *prefixes: str) -> dict[str, str]:
    return read.refs(transport.ask(read.ls_refs(prefixes or ("refs/",), "sha1")))


def test_a_push_and_the_reads_around_it_use_one_connection(
    hub: GitHost, repo: str, way: Way
) -> None:
    transport = way(hub.url("hub"))
    tip = git(repo, "rev-parse", "HEAD")
    assert listed(transport) == {"refs/heads/main": tip}
    report = push.report(transport.push(body(repo)))
    assert (report.unpack, report.refs) == ("", {REF: ""})
    assert listed(transport, "refs/coord/") == {REF: tip}
    assert transport.discover().refs == {REF: tip, "refs/heads/main": tip}
    assert [seen.command for seen in hub.requests] == ["ls-refs", "push", "ls-refs", "discover"]
    assert {seen.connection for seen in hub.requests} == {1}


def test_objects_are_fetched(hub: GitHost, repo: str, way: Way) -> None:
    tip = git(repo, "rev-parse", "HEAD")
    asked = read.fetch([tip], [], "sha1", depth=None, shallow=())
    assert read.fetched(way(hub.url("hub")).ask(asked)).pack.startswith(b"PACK")


def test_a_long_question_is_sent_packed(hub: GitHost, way: Way) -> None:
    asked = read.ls_refs([f"refs/coord/{n}" for n in range(200)], "sha1")
    assert read.refs(way(hub.url("hub")).ask(asked)) == {}
    assert hub.requests[0].bytes_in < len(asked) / 4


def test_a_connection_that_the_host_has_closed_is_made_anew(hub: GitHost, way: Way) -> None:
    transport = way(hub.url("hub"))
    listed(transport)
    hub.drop_connections()
    assert listed(transport)
    assert [seen.connection for seen in hub.requests] == [1, 2]


def test_the_clock_of_the_host_is_kept_with_our_moment(hub: GitHost, way: Way) -> None:
    hub.date_offset = 3600.0
    transport = way(hub.url("hub"))
    assert transport.date is None
    before = time.monotonic()
    listed(transport)
    assert transport.date is not None
    assert 3590 < transport.date[0] - time.time() < 3610
    assert before <= transport.date[1] <= time.monotonic()


def test_a_host_without_version_2_is_told_from_others(hub: GitHost, way: Way) -> None:
    hub.no_v2 = True
    with pytest.raises(read.NotVersion2):
        way(hub.url("hub")).ask(read.ls_refs(["refs/"], "sha1"))


@pytest.mark.parametrize("cut", [faults.cut_before, faults.cut_after, faults.cut_middle])
def test_a_cut_push_may_have_landed_and_a_cut_read_has_changed_nothing(
    cut: Callable[[], faults.Fault], hub: GitHost, repo: str, way: Way
) -> None:
    transport = way(hub.url("hub"))
    for act, sent in (
        (lambda: transport.push(body(repo)), True),
        (lambda: listed(transport), False),
    ):
        hub.faults.append(cut())
        with pytest.raises(Interrupted) as lost:
            act()
        assert lost.value.sent is sent
        assert isinstance(lost.value.error, HostUnreachable)
    assert "refs/heads/main" in listed(transport)


def test_a_silent_host_is_given_up_after_the_time_given(hub: GitHost, way: Way, repo: str) -> None:
    fault = faults.hold()
    hub.faults.append(fault)
    with pytest.raises(Interrupted) as lost:
        way(hub.url("hub"), timeout=0.1).push(body(repo))
    fault.release()
    assert lost.value.sent
    assert "nothing for 0.1 seconds" in lost.value.error.message


def test_nobody_at_the_port_means_that_nothing_was_sent(hub: GitHost, way: Way, repo: str) -> None:
    url = hub.url("hub")
    hub.stop()
    with pytest.raises(Interrupted) as lost:
        way(url).push(body(repo))
    assert not lost.value.sent
    assert "cannot be reached" in lost.value.error.message


@pytest.mark.parametrize(
    ("code", "error", "sent"),
    [
        (429, HostBusy, False),
        (500, HostUnreachable, True),
        (502, HostUnreachable, True),
        (503, HostBusy, True),
    ],
)
def test_a_host_that_cannot_now_says_when(
    code: int, error: type[Exception], sent: bool, hub: GitHost, way: Way, repo: str
) -> None:
    transport = way(hub.url("hub"))
    later = formatdate(time.time() + 90, usegmt=True)
    for asked, least, most in (("7", 7, 7), (later, 85, 91), ("soon", None, None)):
        hub.faults.append(faults.status(code, asked))
        with pytest.raises(Interrupted) as lost:
            transport.push(body(repo))
        assert type(lost.value.error) is error
        assert lost.value.sent is sent
        if least is None:
            assert lost.value.retry_after is None
        else:
            assert lost.value.retry_after is not None
            assert least <= lost.value.retry_after <= most


def test_a_limit_that_is_told_as_forbidden_is_a_limit(hub: GitHost, way: Way, repo: str) -> None:
    hub.faults.append(faults.status(403, 60))
    with pytest.raises(Interrupted) as lost:
        way(hub.url("hub")).push(body(repo))
    assert (lost.value.retry_after, lost.value.sent) == (60.0, False)


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (400, HostRefused, "400"),
        (403, AccessDenied, "403"),
        (404, HostRefused, "no permission to see it"),
        (407, AccessDenied, "proxy"),
        (410, HostRefused, "no such repository"),
        (413, HostRefused, "413"),
    ],
)
def test_a_refusal_is_told_with_its_reason(
    code: int, error: type[Exception], word: str, hub: GitHost, way: Way, repo: str
) -> None:
    hub.faults.append(faults.status(code))
    with pytest.raises(error, match=word):
        way(hub.url("hub")).push(body(repo))


def test_a_login_page_is_named_by_its_title(hub: GitHost, way: Way) -> None:
    page = "<html><TITLE>\n Sign&nbsp;in\x1b[31m " + "x" * 200 + "</title>"
    hub.faults.append(faults.page(page))
    with pytest.raises(UnreadableAnswer) as refused:
        listed(way(hub.url("hub")))
    assert "Sign in" in refused.value.message
    assert "\x1b" not in refused.value.message
    assert "x" * 81 not in refused.value.message


def test_name_and_password_of_the_url_are_sent_at_once(hub: GitHost, way: Way) -> None:
    hub.users = {"ann": "s3:cret/"}
    transport = way(hub.url("hub", "ann", "s3:cret/"))
    assert listed(transport)
    assert [seen.status for seen in hub.requests] == [200]
    assert not transport.authenticated
    assert "s3" not in transport.shown
    assert "ann" not in transport.shown + repr(transport)


def test_wrong_ones_in_the_url_are_not_tried_again(
    hub: GitHost, way: Way, repo: str, tmp_path: Path
) -> None:
    hub.users = {"ann": "right"}
    with pytest.raises(AccessDenied) as denied:
        way(hub.url("hub", "ann", "wr0ng"), helper(tmp_path, "ann", "right")).push(body(repo))
    assert hub.count() == 1
    assert diary(tmp_path) == []
    assert "wr0ng" not in str(denied.value.as_dict())
    assert denied.value.hint


def helper(tmp_path: Path, user: str, password: str) -> str:
    file = tmp_path / "helper"
    file.write_text(
        f'#!/bin/sh\necho "$1" >>"{tmp_path}/diary"\n'
        f"test $1 = get && echo username={user} && echo password={password}\nexit 0\n"
    )
    file.chmod(0o755)
    return f"credential.helper={file}"


def diary(tmp_path: Path) -> list[str]:
    file = tmp_path / "diary"
    return file.read_text().split() if file.exists() else []


def test_the_helpers_are_asked_after_a_refusal_and_told_of_success(
    hub: GitHost, way: Way, tmp_path: Path
) -> None:
    hub.users = {"ann": "s3cret"}
    transport = way(hub.url("hub"), helper(tmp_path, "ann", "s3cret"))
    assert listed(transport)
    assert listed(transport)
    transport.close()
    assert transport.authenticated
    assert [seen.status for seen in hub.requests] == [401, 200, 200]
    assert diary(tmp_path) == ["get", "store"]


def test_a_host_that_is_known_to_ask_is_told_at_once(
    hub: GitHost, way: Way, tmp_path: Path, repo: str
) -> None:
    hub.users = {"ann": "s3cret"}
    transport = way(hub.url("hub"), helper(tmp_path, "ann", "s3cret"), preemptive=True)
    assert push.report(transport.push(body(repo))).refs == {REF: ""}
    assert [seen.status for seen in hub.requests] == [200]
    assert transport.authenticated


def test_what_a_helper_knows_wrong_is_rejected(hub: GitHost, way: Way, tmp_path: Path) -> None:
    hub.users = {"ann": "s3cret"}
    transport = way(hub.url("hub"), helper(tmp_path, "ann", "0ld"))
    with pytest.raises(AccessDenied) as denied:
        listed(transport)
    transport.close()
    assert hub.count() == 2
    assert diary(tmp_path) == ["get", "erase"]
    assert "0ld" not in str(denied.value.as_dict())


def test_what_a_helper_has_kept_too_long_is_asked_for_anew(
    hub: GitHost, way: Way, tmp_path: Path
) -> None:
    hub.users = {"ann": "n3w"}
    setting = helper(tmp_path, "ann", "$(test -e kept && echo 0ld || echo n3w)")
    file = tmp_path / "helper"
    kept = f"cd {tmp_path}; test $1 = erase && rm kept\n"
    file.write_text(file.read_text().replace("\n", f"\n{kept}", 1))
    (tmp_path / "kept").touch()
    transport = way(hub.url("hub"), setting, preemptive=True)
    assert listed(transport)
    transport.close()
    assert [seen.status for seen in hub.requests] == [401, 200]
    assert diary(tmp_path) == ["get", "erase", "get", "store"]


def test_without_helpers_access_is_denied_with_what_to_do(hub: GitHost, way: Way) -> None:
    hub.users = {"ann": "s3cret"}
    with pytest.raises(AccessDenied) as denied:
        listed(way(hub.url("hub")))
    assert "wants credentials" in denied.value.message
    assert "git push" in (denied.value.hint or "")


def test_netrc_is_read_after_a_refusal(hub: GitHost, way: Way, tmp_path: Path) -> None:
    hub.users = {"ann": "s3cret"}
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    transport = way(hub.url("hub"), NETRC=str(tmp_path / ".netrc"))
    assert listed(transport)
    assert transport.authenticated
    assert [seen.status for seen in hub.requests] == [401, 200]


def test_a_token_as_extra_header_opens_the_host(hub: GitHost, way: Way) -> None:
    hub.tokens = {"t0ken"}
    setting = f"http.{hub.base}/.extraHeader=Authorization: Bearer t0ken"
    assert listed(way(hub.url("hub"), setting))
    assert [seen.status for seen in hub.requests] == [200]


def test_the_first_redirect_moves_the_repository(hub: GitHost, repo: str, way: Way) -> None:
    hub.redirect("old", hub.url("hub"))
    transport = way(hub.url("old"))
    assert push.report(transport.push(body(repo))).refs == {REF: ""}
    assert listed(transport)
    assert [seen.status for seen in hub.requests] == [301, 200, 200]
    hub.clear()
    hub.redirect("hub", hub.url("other"))
    with pytest.raises(HostRefused, match=r"redirects to .*/other\.git"):
        listed(transport)


def test_redirects_are_not_followed_where_the_user_wants_none(hub: GitHost, way: Way) -> None:
    hub.redirect("old", hub.url("hub"))
    with pytest.raises(HostRefused, match="redirects"):
        listed(way(hub.url("old"), "http.followRedirects=false"))


def test_redirects_in_a_circle_end(hub: GitHost, way: Way) -> None:
    hub.redirect("a", hub.url("b"))
    hub.redirect("b", hub.url("a"))
    with pytest.raises(HostRefused, match="redirects"):
        listed(way(hub.url("a")))


def test_credentials_do_not_follow_to_another_host(hub: GitHost, way: Way, tmp_path: Path) -> None:
    with serving(tmp_path / "away") as away:
        away.users = {"ann": "s3cret"}
        hub.users = {"ann": "s3cret"}
        hub.redirect("old", away.url("hub"))
        transport = way(hub.url("old", "ann", "s3cret"), "http.extraHeader=X-Token: t0ken")
        with pytest.raises(AccessDenied, match="wants credentials"):
            listed(transport)
        assert [seen.status for seen in away.requests] == [401]


@pytest.mark.skipif(bool(tls.missing()), reason=tls.missing())
def test_https_needs_a_certificate_that_is_trusted(repo: str, way: Way, tmp_path: Path) -> None:
    known = tls.certificate(tmp_path / "tls")
    with serving(tmp_path / "secure", tls=known.context) as host:
        path = host.create("hub")
        git(repo, "push", "-q", str(path), "HEAD:refs/heads/main")
        with pytest.raises(HostUnreachable, match="not who it says") as refused:
            listed(way(host.url("hub")))
        assert "http.sslCAInfo" in (refused.value.hint or "")
        assert host.requests == []
        trusting: list[tuple[tuple[str, ...], dict[str, str]]] = [
            ((), {"GIT_SSL_CAINFO": str(known.file)}),
            ((), {"SSL_CERT_FILE": str(known.file)}),
            ((), {"GIT_SSL_NO_VERIFY": "1"}),
            ((f"http.{host.base}.sslCAInfo={known.file}",), {}),
        ]
        for settings, environ in trusting:
            transport = way(host.url("hub"), *settings, **environ)
            assert listed(transport)
            assert listed(transport)
            assert push.Advertised is type(transport.discover())
        assert {seen.connection for seen in host.requests} == {2, 3, 4, 5}


@pytest.mark.skipif(bool(tls.missing()), reason=tls.missing())
def test_nothing_leads_from_https_to_http(hub: GitHost, way: Way, tmp_path: Path) -> None:
    known = tls.certificate(tmp_path / "tls")
    with serving(tmp_path / "secure", tls=known.context) as host:
        host.redirect("hub", hub.url("hub"))
        with pytest.raises(HostRefused, match="nothing is encrypted"):
            listed(way(host.url("hub"), GIT_SSL_CAINFO=str(known.file)))
    assert hub.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "ftp://ann:s3cret@example.com/x",
        "http://ann:s3cret@example.com:port/x",
        "http://ann:s3cret@[::1/x",
        "http://example.com/a\nb",
        "https://example.com/x?token=s3cret",
    ],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str, way: Way) -> None:
    with pytest.raises(InvalidUrl) as refused:
        way(url)
    assert "s3cret" not in str(refused.value.as_dict())


def test_closing_twice_is_allowed(hub: GitHost, way: Way) -> None:
    transport = way(hub.url("hub"))
    listed(transport)
    transport.close()
    transport.close()
