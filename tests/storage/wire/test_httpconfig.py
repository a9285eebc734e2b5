"""What git's settings for HTTP do on the wire, as a scripted host and proxy see it."""

from __future__ import annotations

import gzip
import http.client
import os
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitcoord.errors import (
    AccessDenied,
    HostRefused,
    HostUnreachable,
    InvalidConfig,
    UnreadableAnswer,
)
from gitcoord.storage.gitproc import Git
from gitcoord.storage.repository import find
from gitcoord.storage.wire.address import resolve
from gitcoord.storage.wire.config import GitConfig
from gitcoord.storage.wire.connect import connect
from gitcoord.storage.wire.credentials import basic
from gitcoord.storage.wire.httpanswer import Answer
from gitcoord.storage.wire.httpconfig import HttpSettings, Proxy
from gitcoord.storage.wire.transport import Interrupted
from tests.gitrun import git
from tests.servers import tls
from tests.servers.git_http import serving
from tests.storage.wire.scripted import reply, scripted
from tests.storage.wire.ways import Way, way

__all__ = ["way"]

OID = "1" * 40
LINE = f"{OID} refs/heads/main\n".encode()
LISTED = b"%04x%s0000" % (len(LINE) + 4, LINE)


def of(repo: str, environ: Mapping[str, str], url: str = "https://example.com/x") -> HttpSettings:
    return HttpSettings(url, GitConfig(Git(find(repo, os.environ))), environ)


@pytest.mark.parametrize(
    ("scheme", "host", "environ", "proxy"),
    [
        ("http", "a.com", {}, None),
        ("http", "a.com", {"http_proxy": "http://p:3128"}, "p:3128"),
        ("http", "a.com", {"http_proxy": "p"}, "p:1080"),
        ("http", "a.com", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http", "a.com", {"https_proxy": "http://p:3128"}, None),
        ("https", "a.com", {"https_proxy": "http://p:3128"}, "p:3128"),
        ("https", "a.com", {"HTTPS_PROXY": "http://p:3128"}, "p:3128"),
        ("https", "a.com", {"HTTPS_PROXY": "http://P:1", "https_proxy": "http://q:2"}, "q:2"),
        ("https", "a.com", {"https_proxy": "", "all_proxy": "http://p:1"}, None),
        ("https", "a.com", {"all_proxy": "http://p:1"}, "p:1"),
        ("http", "a.com", {"ALL_PROXY": "http://p:1"}, "p:1"),
        ("http", "a.com", {"ALL_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ("http", "a.com", {"ALL_PROXY": "http://p:1", "no_proxy": "b.com, a.com"}, None),
        ("http", "x.a.com", {"ALL_PROXY": "http://p:1", "NO_PROXY": "a.com"}, None),
        ("http", "x.a.com", {"ALL_PROXY": "http://p:1", "no_proxy": ".a.com"}, None),
        ("http", "xa.com", {"ALL_PROXY": "http://p:1", "no_proxy": "a.com"}, "p:1"),
        ("http", "A.com.", {"ALL_PROXY": "http://p:1", "no_proxy": "a.COM"}, None),
        ("http", "10.1.2.3", {"ALL_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, None),
        ("http", "11.1.2.3", {"ALL_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, "p:1"),
        ("http", "::1", {"ALL_PROXY": "http://p:1", "no_proxy": "[::1]"}, None),
    ],
)
def test_the_environment_names_the_proxy_as_for_git(
    scheme: str, host: str, environ: dict[str, str], proxy: str | None, repo: str
) -> None:
    found = of(repo, environ).proxy(scheme, host)
    assert (found and f"{found.host}:{found.port}") == proxy


def test_the_setting_goes_before_the_environment_and_an_empty_one_means_none(repo: str) -> None:
    git(repo, "config", "http.proxy", "http://ada:s3%40cret@p:3128")
    git(repo, "config", "http.https://straight.com.proxy", "")
    environ = {"https_proxy": "http://q:1", "no_proxy": "b.com"}
    found = of(repo, environ).proxy("https", "example.com")
    assert found == Proxy("p", 3128, basic("ada", "s3@cret").authorization)
    assert "YWR" not in repr(found)
    assert of(repo, environ).proxy("https", "b.com") is None
    assert of(repo, environ, "https://straight.com/x").proxy("https", "straight.com") is None


def test_the_proxy_of_a_remote_goes_before_all_others(repo: str, tmp_path: Path) -> None:
    with serving(tmp_path / "host") as host:
        git(repo, "push", "-q", str(host.create("hub")), "HEAD:refs/heads/main")
        git(repo, "remote", "add", "origin", "http://example.invalid/hub.git")
        git(repo, "config", "http.proxy", "http://127.0.0.1:1")
        git(repo, "config", "remote.origin.proxy", host.base)
        starter = Git(find(repo, os.environ))
        transport = connect(resolve("origin", starter, repo), starter, os.environ)
        assert transport.discover().refs
        transport.close()
        assert host.count(proxied=True) == host.count() == 1
    git(repo, "config", "remote.origin.proxy", "")
    settings = HttpSettings("http://a.com/", GitConfig(starter), {"all_proxy": "p"}, "origin")
    assert settings.proxy("http", "a.com") is None


@pytest.mark.parametrize(
    "value", ["socks5://p:1", "https://p", "http://ada:s3cret@p:port", "http://"]
)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str, repo: str) -> None:
    git(repo, "config", "http.proxy", value)
    with pytest.raises(InvalidConfig, match=r"http\.proxy") as refused:
        of(repo, {}).proxy("https", "example.com")
    assert "s3cret" not in str(refused.value.as_dict())


@pytest.mark.parametrize(
    "line", ["Secret s3cret", "Bad name: s3cret", "A: s3cret\r\nB: x", ": s3cret"]
)
def test_what_is_no_header_is_refused_without_showing_it(line: str, repo: str) -> None:
    git(repo, "config", "http.extraHeader", line)
    with pytest.raises(InvalidConfig) as refused:
        of(repo, {}).headers()
    assert "s3cret" not in str(refused.value.as_dict())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("http.sslVerify", "perhaps"),
        ("http.sslCAInfo", "/nowhere/ca.pem"),
        ("http.sslCAPath", ""),
        ("http.sslCert", "/nowhere/cert.pem"),
        ("http.sslVersion", "sslv2"),
        ("http.sslCipherList", "NONE-OF-THESE"),
        ("http.pinnedPubkey", "sha256//AAAA"),
    ],
)
def test_settings_of_tls_that_cannot_be_followed_are_refused(
    key: str, value: str, repo: str
) -> None:
    git(repo, "config", key, value)
    if value:
        with pytest.raises(InvalidConfig):
            of(repo, {}).tls()
    else:
        assert of(repo, {}).tls().check_hostname


def test_settings_of_tls_are_followed(repo: str) -> None:
    import ssl

    git(repo, "config", "http.sslVersion", "tlsv1.3")
    context = of(repo, {}).tls()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert of(repo, {"GIT_SSL_VERSION": ""}).tls().minimum_version is not ssl.TLSVersion.TLSv1_3
    git(repo, "config", "http.https://other.com.pinnedPubkey", "sha256//AAAA")
    git(repo, "config", "http.https://example.com.sslVerify", "false")
    assert of(repo, {}).tls().verify_mode is ssl.CERT_NONE
    assert of(repo, {}, "https://third.com/x").tls().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.skipif(bool(tls.missing()), reason=tls.missing())
def test_our_own_certificate_is_shown_and_a_key_with_a_passphrase_is_refused(
    repo: str, tmp_path: Path
) -> None:
    import subprocess

    known = tls.certificate(tmp_path / "tls")
    key = tmp_path / "tls" / "key.pem"
    environ = {"HOME": str(tmp_path), "GIT_SSL_KEY": str(key)}
    git(repo, "config", "http.sslCert", "~/tls/certificate.pem")
    of(repo, environ).tls()
    locked = tmp_path / "locked.pem"
    command = [
        "openssl",
        "ec",
        "-in",
        str(key),
        "-out",
        str(locked),
        "-aes128",
        "-passout",
        "pass:x",
    ]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(InvalidConfig, match=str(known.file)) as refused:
        of(repo, environ | {"GIT_SSL_KEY": str(locked)}).tls()
    assert "passphrase" in (refused.value.hint or "")


def test_extra_headers_are_sent_and_an_empty_one_clears(way: Way) -> None:
    with scripted(reply(LISTED)) as host:
        way(
            host.url,
            "http.extraHeader=X-One: 1",
            "http.extraHeader=",
            "http.extraHeader=X-Two: 2",
            "http.extraHeader=X-Two:  3",
            "http.extraHeader=User-Agent: mine",
        ).ask(b"0000")
        assert host.header("X-One") == []
        assert host.header("X-Two") == ["2", "3"]
        assert host.header("User-Agent") == ["mine"]


def test_a_request_says_what_git_says(way: Way) -> None:
    with scripted(reply(LISTED), reply(LISTED)) as host:
        way(host.url).ask(b"0000")
        assert host.heard[0][:2] == ("POST", "/r.git/git-upload-pack")
        assert host.header("Host") == [f"127.0.0.1:{host.port}"]
        assert host.header("Git-Protocol") == ["version=2"]
        assert host.header("Accept-Encoding") == ["gzip"]
        assert host.header("Content-Type") == ["application/x-git-upload-pack-request"]
        assert host.header("Authorization") == []
        assert host.header("User-Agent")[0].startswith("git/")
        way(host.url, "http.userAgent=Ada", GIT_HTTP_USER_AGENT="Bob").ask(b"0000")
        assert host.header("User-Agent") == ["Bob"]


def test_a_packed_answer_is_unpacked(way: Way) -> None:
    with scripted(reply(gzip.compress(LISTED), "Content-Encoding: gzip")) as host:
        assert way(host.url).ask(b"0000").next() == LINE


def test_a_packed_answer_that_breaks_off_is_an_interruption(way: Way) -> None:
    packed = gzip.compress(os.urandom(3000))[:-20]
    with (
        scripted(reply(packed, "Content-Encoding: gzip")) as host,
        pytest.raises(Interrupted, match="cut the connection"),
    ):
        way(host.url).ask(b"0000")


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"no gzip at all", "gzip"), (LISTED, "br"), (LISTED, "gzip, gzip")]
)
def test_an_answer_in_another_packing_is_unreadable(body: bytes, encoding: str, way: Way) -> None:
    packed = reply(body, f"Content-Encoding: {encoding}")
    with scripted(packed) as host, pytest.raises(UnreadableAnswer):
        way(host.url).ask(b"0000")


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_is_too_large_is_given_up(packed: bool) -> None:
    zeros = bytes(1001)
    bomb = reply(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip")
    with scripted(bomb if packed else reply(zeros), reply(zeros[1:])) as host:
        for refused in (True, False):
            line = http.client.HTTPConnection("127.0.0.1", host.port)
            line.request("GET", "/")
            response = line.getresponse()
            if refused:
                with pytest.raises(UnreadableAnswer, match="larger than 1000 bytes"):
                    Answer(response, 1000)
            else:
                assert Answer(response, 1000).body.getvalue() == zeros[1:]
            response.close()
            line.close()


def test_an_answer_without_a_length_must_end_as_git_ends_it(way: Way) -> None:
    with scripted(reply(LISTED, length=False), reply(LISTED[:-4], length=False)) as host:
        transport = way(host.url)
        assert transport.ask(b"0000").next() == LINE
        with pytest.raises(Interrupted) as lost:
            transport.push([b"0000"])
        assert lost.value.sent


def test_chunks_are_read_and_a_missing_one_is_noticed(way: Way) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-result\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(LISTED), LISTED)
    with scripted(head + chunk + b"0\r\n\r\n") as host:
        assert way(host.url).ask(b"0000").next() == LINE
    cut = head.replace(b"chunked", b"chunked ") + chunk
    with scripted(cut) as host, pytest.raises(Interrupted, match="cut the connection"):
        way(host.url).ask(b"0000")


def test_what_is_not_http_is_unreadable_and_after_a_push_the_outcome_is_unknown(way: Way) -> None:
    garbage = b"SSH-2.0-OpenSSH_9.2\r\nContent-Length: 0\r\n"
    with scripted(garbage, garbage) as host:
        with pytest.raises(UnreadableAnswer, match="not HTTP"):
            way(host.url).ask(b"0000")
        with pytest.raises(Interrupted) as lost:
            way(host.url).push([b"0000"])
        assert lost.value.sent


def test_http_goes_to_the_proxy_with_the_whole_url_and_its_credentials(way: Way) -> None:
    with scripted(reply(LISTED)) as proxy:
        way(
            "http://ann:s3cret@example.com:81/r.git",
            http_proxy=f"http://ada:p%40ss@127.0.0.1:{proxy.port}",
        ).ask(b"0000")
        assert proxy.heard[0].target == "http://example.com:81/r.git/git-upload-pack"
        assert proxy.header("Host") == ["example.com:81"]
        assert proxy.header("Proxy-Authorization") == [basic("ada", "p@ss").authorization]
        assert proxy.header("Authorization") == [basic("ann", "s3cret").authorization]


@pytest.mark.skipif(bool(tls.missing()), reason=tls.missing())
def test_https_goes_through_a_tunnel_that_sees_nothing(way: Way, tmp_path: Path, repo: str) -> None:
    known = tls.certificate(tmp_path / "tls")
    with (
        serving(tmp_path / "secure", tls=known.context) as host,
        scripted(b"HTTP/1.1 200 Connected\r\n\r\n", tunnel=True) as proxy,
    ):
        git(repo, "push", "-q", str(host.create("hub")), "HEAD:refs/heads/main")
        transport = way(
            host.url("hub"),
            "http.extraHeader=X-Token: t0ken",
            GIT_SSL_CAINFO=str(known.file),
            HTTPS_PROXY=f"http://ada:pass@127.0.0.1:{proxy.port}",
        )
        assert transport.discover().refs
        assert transport.discover().refs
        transport.close()
        assert [seen.method for seen in proxy.heard] == ["CONNECT"]
        assert proxy.heard[0].target == f"127.0.0.1:{host.port}"
        assert proxy.header("Proxy-Authorization") == [basic("ada", "pass").authorization]
        assert proxy.header("X-Token") == []
        assert {(seen.path, seen.connection) for seen in host.requests} == {
            ("/hub.git/info/refs", 1)
        }


@pytest.mark.parametrize(
    ("status", "error"),
    [(407, AccessDenied), (403, HostRefused), (502, Interrupted), (429, Interrupted)],
)
def test_a_proxy_that_does_not_let_us_through_says_why(
    status: int, error: type[Exception], way: Way
) -> None:
    with scripted(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as proxy:
        with pytest.raises(error) as refused:
            way(
                "https://example.com/r.git",
                https_proxy=f"http://ada:s3cret@127.0.0.1:{proxy.port}",
            ).push([b"0000"])
        assert "s3cret" not in str(refused.value)


def test_a_host_that_speaks_no_tls_is_told_from_a_silent_one(way: Way) -> None:
    with scripted() as host, pytest.raises(HostUnreachable, match="does not speak TLS"):
        way(host.url.replace("http:", "https:")).ask(b"0000")


def test_extra_headers_and_credentials_stay_at_home(way: Way) -> None:
    with scripted(reply(LISTED)) as away:
        moved = reply(b"", f"Location: {away.url}/git-upload-pack", status=307)
        with scripted(moved) as home:
            way(home.url.replace("://", "://ann:s3cret@"), "http.extraHeader=X-Token: t0ken").ask(
                b"0000"
            )
            assert home.header("X-Token") == ["t0ken"]
            assert home.header("Authorization") != []
        assert away.header("X-Token") == away.header("Authorization") == []
        assert away.heard[0].body == b"0000"


@pytest.mark.parametrize(
    "to",
    [
        "https://ada:s3cret@login.example.com/sign_in?next=s3cret",
        "https://ada:s3cret@login.example.com[/sign_in/git-upload-pack",
        "https://ada:s3cret@login.example.com:port/sign_in/git-upload-pack",
    ],
)
def test_a_redirect_to_what_is_no_repository_is_not_followed(to: str, way: Way) -> None:
    to = f"Location: {to}"
    with scripted(reply(b"", to, status=302)) as host:
        with pytest.raises(UnreadableAnswer, match=r"login\.example\.com") as refused:
            way(host.url).ask(b"0000")
        assert "s3cret" not in refused.value.message
        assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_all_redirects_are_followed_where_the_user_wants_that(way: Way) -> None:
    with scripted(reply(LISTED)) as away:
        moved = reply(b"", f"Location: {away.url}/git-upload-pack", status=308)
        with scripted(reply(LISTED), moved) as home:
            transport = way(home.url, "http.followRedirects=true")
            transport.ask(b"0000")
            transport.ask(b"0000")
        assert len(away.heard) == 1
