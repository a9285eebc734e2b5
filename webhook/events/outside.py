"""A connection to a URL that somebody else has chosen, and only to where that may lead.

The name is resolved once, every address is checked, and the connection goes to one that was
checked, so that a name which changes its address meanwhile gains nothing. Loopback, private,
link-local (with the metadata services of clouds) and all other addresses that are not public
are refused, also inside IPv6 addresses that carry an IPv4 one, unless the operator has allowed
their network. Redirects are not followed, and no proxy is used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from gitcoord.errors import Denied, InvalidUrl, InvalidValue, Unavailable

#: Seconds for one step of a connection, and for all of it.
STEP, WHOLE = 10.0, 20.0
#: Bytes of an answer that are read.
ANSWER = 4096

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address
#: NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
_NAT64 = IPv6Network("64:ff9b::/96")
#: What else leads inside: NAT64 of one's own (RFC 8215), and the site-local of old (RFC 3879).
_INSIDE = (IPv6Network("64:ff9b:1::/48"), IPv6Network("fec0::/10"))


class Reply(NamedTuple):
    """What came back."""

    status: int
    #: Seconds after which the other side wants to be asked again; None: it does not say.
    retry_after: float | None
    #: The beginning of the body.
    text: str


class Lines:
    """Connections that are in use, and that can all be cut at once. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[_Line] = set()
        #: Whether they were cut; then there are no new ones.
        self.cut_off = False

    def cut(self) -> None:
        """End all, and let nobody begin one. Whoever is in one gets `Unavailable`."""
        with self._lock:
            self.cut_off = True
            found = list(self._open)
        for line in found:
            line.cut()

    @contextmanager
    def held(self) -> Iterator[_Line]:
        """Yield a line for as long as the block runs."""
        line = _Line()
        with self._lock:
            self._open.add(line)
            line.late = self.cut_off
        try:
            yield line
        finally:
            with self._lock:
                self._open.discard(line)
            line.close()


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks that these texts name, `10.0.0.0/8` for one. Raises `InvalidValue`."""
    try:
        return tuple(ip_network(text) for text in texts)
    except ValueError as error:
        raise InvalidValue(
            f"not a network: {error}", hint="Write it as 10.0.0.0/8 or 127.0.0.1/32."
        ) from error


def checked(url: str) -> SplitResult:
    """Return the parts of a URL to which may be posted.

    Raises `InvalidUrl` for what is not http or https, has no host, a name or password, or
    characters that are not of a URL.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidUrl("not a URL of http or https to which could be posted")
    if parts.username is not None or parts.password is not None:
        raise InvalidUrl("a URL for notifications has no name and no password")
    return parts


def public(text: str, allowed: Sequence[Network] = ()) -> bool:
    """Say whether one may connect to an address: it is public, or its network is allowed."""
    address = _plain(ip_address(text.partition("%")[0]))
    if any(address in network for network in allowed):
        return True
    return all(
        each.is_global
        and not (each.is_multicast or each.is_reserved)
        and not any(each in network for network in _INSIDE)
        for each in (address, *_carried(address))
    )


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Sequence[Network] = (),
    context: ssl.SSLContext | None = None,
    lines: Lines | None = None,
) -> Reply:
    """Post to the URL and return what came back, whatever its status.

    Raises `InvalidUrl`, `Denied` where one of the name's addresses may not be connected to, and
    `Unavailable` when nothing comes back in time, or `lines` are cut.
    """
    parts = checked(url)
    host = parts.hostname or ""
    until = time.monotonic() + WHOLE
    with (lines or Lines()).held() as line:
        timer = threading.Timer(WHOLE, line.cut)
        timer.daemon = True
        timer.start()
        try:
            _connect(line, host, parts.port or _PORTS[parts.scheme], allowed, until)
            reply = _exchange(line, parts, body, headers, context)
            if line.late:
                # What ends too early looks whole to a reader of HTTP.
                raise TimeoutError(f"no whole answer within {WHOLE:.0f} s")
            return reply
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable(f"{host}: {error or type(error).__name__}") from error
        finally:
            timer.cancel()


_PORTS = {"http": 80, "https": 443}


class _Line:
    """A connection that can be cut from another thread, from its beginning to its end."""

    def __init__(self) -> None:
        self.late = False
        self.socket: socket.socket | None = None

    def cut(self) -> None:
        """End it; whoever reads from it finds its end."""
        self.late = True
        if self.socket is None:
            return
        try:
            # Not that of a secure socket, which takes away what its reader is using.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            # It has ended by itself meanwhile.
            return

    def close(self) -> None:
        """Let go of it."""
        if self.socket is not None:
            self.socket.close()


def _exchange(
    line: _Line,
    parts: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
) -> Reply:
    host, port = parts.hostname or "", parts.port
    assert line.socket is not None
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port)
        secure = (context or _context()).wrap_socket(
            line.socket, server_hostname=host, do_handshake_on_connect=False
        )
        line.socket = secure
        secure.do_handshake()
    else:
        connection = http.client.HTTPConnection(host, port)
    connection.sock = line.socket
    # There is one connection, and it was checked.
    connection.auto_open = 0
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**headers, "Connection": "close"})
        reply = connection.getresponse()
        text = reply.read(ANSWER).decode("utf-8", "replace")
        return Reply(reply.status, _seconds(reply.headers.get("Retry-After", "")), text)
    finally:
        connection.close()


def _connect(line: _Line, host: str, port: int, allowed: Sequence[Network], until: float) -> None:
    """Connect the line to one of the host's addresses, all of which were checked."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for _, _, _, _, address in found:
        if not public(str(address[0]), allowed):
            raise Denied(
                f"{host} is at {address[0]}, which is not a public address",
                hint="Allow its network in the service's settings if that is wanted.",
                host=host,
            )
    trouble: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in found:
        if line.late:
            raise TimeoutError("it was cut off before it was connected")
        line.close()
        line.socket = socket.socket(family, kind, protocol)
        try:
            line.socket.settimeout(min(STEP, max(0.1, until - time.monotonic())))
            line.socket.connect(address)
        except OSError as error:
            trouble = error
        else:
            return
    raise trouble


def _plain(address: _Address) -> _Address:
    """Return the IPv4 address that an IPv6 one only writes otherwise, or the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _carried(address: _Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses through which an IPv6 one is reached."""
    if isinstance(address, IPv4Address):
        return ()
    found = (address.sixtofour, *(address.teredo or ()))
    return tuple(each for each in found if each is not None)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
