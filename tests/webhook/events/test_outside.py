"""Connections to URLs of others: which addresses are refused, and what a hostile server can do."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import Denied, InvalidUrl, InvalidValue, Unavailable
from tests.servers import tls
from tests.webhook.events.receiving import Receiver, receiving, status
from webhook.events import outside
from webhook.events.outside import checked, networks, post, public

HERE = networks(["127.0.0.0/8"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2001:0:7f00:1::",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_not(address: str) -> None:
    assert public(address)


def test_an_allowed_network_is_allowed_and_no_other() -> None:
    allowed = networks(["10.0.0.0/8", "fd00::/8"])
    assert public("10.1.2.3", allowed)
    assert public("::ffff:10.1.2.3", allowed)
    assert public("fd12::1", allowed)
    assert not public("192.168.1.1", allowed)
    assert not public("169.254.169.254", allowed)
    with pytest.raises(InvalidValue):
        networks(["10.0.0.1/8"])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/x",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://:80/",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org/a b",
        "http://example.org/a\r\nX: y",
        "http://[::1/",
        "http://ex\u00e4mple.org/",
    ],
)
def test_what_is_no_url_to_post_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl) as wrong:
        checked(url)
    assert "secret" not in wrong.value.message


def test_a_post_arrives_with_its_headers_path_and_host(receiver: Receiver) -> None:
    reply = post(receiver.url, b'{"id": "1.1.1"}', {"X-Name": "value"}, allowed=HERE)
    assert reply.status == 204
    (got,) = receiver.got
    assert (got.path, got.body) == ("/hook?a=b", b'{"id": "1.1.1"}')
    assert got.headers["x-name"] == "value"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1"])
def test_loopback_under_any_name_is_refused_before_anything_is_sent(
    receiver: Receiver, host: str
) -> None:
    with pytest.raises(Denied, match="not a public address"):
        post(f"http://{host}:{receiver.port}/", b"{}", {})
    assert receiver.got == []


def test_one_address_of_several_that_is_not_public_is_enough_to_refuse(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answers(["8.8.8.8", "127.0.0.1"], receiver.port))
    monkeypatch.setattr(socket.socket, "connect", _unwanted)
    with pytest.raises(Denied):
        post("http://example.org/", b"{}", {})


def test_the_name_is_asked_for_once_so_that_it_cannot_change_its_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", _answers(["127.0.0.1"], receiver.port, asked=asked))
    url = f"http://rebound.example:{receiver.port}/"
    assert post(url, b'{"id": "1"}', {}, allowed=HERE).status == 204
    assert asked == ["rebound.example"]
    assert receiver.got[0].headers["host"] == f"rebound.example:{receiver.port}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.answers.append(status(307, Location=inside.url))
        assert post(receiver.url, b'{"id": "1"}', {}, allowed=HERE).status == 307
        assert inside.got == []


def test_a_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    assert post(receiver.url, b'{"id": "1"}', {}, allowed=HERE).status == 204


def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver) -> None:
    def endless(_: Any, __: Any, handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            return

    receiver.answers.append(endless)
    reply = post(receiver.url, b'{"id": "1"}', {}, allowed=HERE)
    assert (reply.status, len(reply.text)) == (200, outside.ANSWER)


@pytest.mark.parametrize("secure", [False, True])
def test_a_server_that_drips_is_cut_off(
    secure: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if secure and (reason := tls.missing()):
        pytest.skip(reason)
    monkeypatch.setattr(outside, "WHOLE", 0.5)
    certificate = tls.certificate(tmp_path / "tls") if secure else None

    def drips(_: Any, __: Any, handler: Any) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                # Never silent for as long as one step may take, and never at an end.
                handler.wfile.write(b"X-A: b\r\n"[:1])
                handler.server.socket.fileno()
                _wait(0.02)
        except OSError:
            return

    with receiving(certificate and certificate.context) as receiver:
        receiver.answers.append(drips)
        context = ssl.create_default_context(cafile=str(certificate.file)) if certificate else None
        with pytest.raises(Unavailable):
            post(receiver.url, b'{"id": "1"}', {}, allowed=HERE, context=context)


def test_https_is_verified_against_the_name(tmp_path: Path) -> None:
    if reason := tls.missing():
        pytest.skip(reason)
    certificate = tls.certificate(tmp_path / "tls")
    context = ssl.create_default_context(cafile=str(certificate.file))
    with receiving(certificate.context) as receiver:
        body = b'{"id": "1"}'
        assert post(receiver.url, body, {}, allowed=HERE, context=context).status == 204
        with pytest.raises(Unavailable, match="certificate"):
            post(receiver.url, body, {}, allowed=HERE)
        named = receiver.url.replace("127.0.0.1", "localhost")
        both = networks(["127.0.0.0/8", "::1/128"])
        with pytest.raises(Unavailable, match="certificate"):
            post(named, body, {}, allowed=both, context=context)
        assert len(receiver.got) == 1


def test_nobody_there_and_no_such_name_are_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, allowed=HERE)

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unavailable, match="not known"):
        post("http://nowhere.example/", b"{}", {})


def _wait(seconds: float) -> None:
    import threading

    threading.Event().wait(seconds)


def _answers(addresses: list[str], port: int, asked: list[str] | None = None) -> Any:
    def resolve(host: str, *_: Any, **__: Any) -> Any:
        if asked is not None:
            asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    return resolve


def _unwanted(*_: Any) -> None:
    raise AssertionError("connected all the same")
