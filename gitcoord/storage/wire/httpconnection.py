"""One connection to a host, straight or through a proxy, and the URL that it belongs to.

Promises that a connection is there or it is said why not, and that no name or password of a
URL gets into a message. Not here: what is asked over it.
"""

from __future__ import annotations

import http.client
import re
import select
import socket
import ssl
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gitcoord.errors import (
    AccessDenied,
    GitcoordError,
    HostRefused,
    HostUnreachable,
    InvalidUrl,
)
from gitcoord.storage.wire.httpconfig import Proxy
from gitcoord.storage.wire.transport import Interrupted

_USUAL_PORTS = {"http": 80, "https": 443}
# How http.client says what a proxy answered to CONNECT.
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


class Base(NamedTuple):
    """Where a repository is, without anybody's name or password."""

    scheme: str
    host: str
    #: None for the usual one.
    port: int | None
    path: str

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Return what credentials are bound to."""
        return self[:3]

    @property
    def place(self) -> str:
        """Return host and port as a URL and the header `Host` have them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Return the URL."""
        return f"{self.scheme}://{self.place}{self.path}"


class Named(NamedTuple):
    """Who the URL says we are; None for what it does not say."""

    user: str | None
    password: str | None

    def __repr__(self) -> str:
        """Return nothing of it: tokens stand in either place."""
        return "Named(...)"


def split(url: str) -> tuple[Base, Named]:
    """Return where the URL leads, and who it says we are.

    Raises InvalidUrl for what is no http or https URL, without showing it.
    """
    wrong = InvalidUrl(
        "this is no URL of a repository that http or https could reach",
        hint="Name it as https://HOST/PATH, without spaces, ? and #.",
    )
    if not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        # Its message would show what stands before the host.
        raise wrong from None
    if parts.scheme not in _USUAL_PORTS or not host or parts.query or parts.fragment:
        raise wrong
    if not parts.path.isascii():
        raise InvalidUrl("the path of the URL must be spelt with percent signs")
    port = None if port == _USUAL_PORTS[parts.scheme] else port
    user, password = (
        None if part is None else unquote(part) for part in (parts.username, parts.password)
    )
    return Base(parts.scheme, host, port, parts.path.rstrip("/")), Named(user, password)


def opened(
    base: Base, proxy: Proxy | None, tls: ssl.SSLContext | None, timeout: float
) -> http.client.HTTPConnection:
    """Return a connection that stands; `tls` None for plain http. `timeout`: seconds of silence.

    Raises Interrupted where nobody answers, HostUnreachable for a certificate that is not
    trusted, and AccessDenied or HostRefused for what a proxy says.
    """
    port = base.port or _USUAL_PORTS[base.scheme]
    to = (base.host, port) if proxy is None else (proxy.host, proxy.port)
    connection: http.client.HTTPConnection
    if tls is None:
        connection = http.client.HTTPConnection(*to, timeout=timeout)
    else:
        connection = http.client.HTTPSConnection(*to, timeout=timeout, context=tls)
        if proxy is not None:
            shown = proxy.authorization
            connection.set_tunnel(base.host, port, {"Proxy-Authorization": shown} if shown else {})
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise _unreachable(base, proxy, error) from error
    return connection


def stands(connection: http.client.HTTPConnection) -> bool:
    """Return whether a connection that rests can be used again: nothing lies in it, no end."""
    sock: socket.socket | None = connection.sock
    if sock is None:
        return False
    if hasattr(select, "poll"):
        watch = select.poll()
        watch.register(sock, select.POLLIN)
        return not watch.poll(0)
    return not select.select([sock], [], [], 0)[0]


def proxy_denies() -> AccessDenied:
    """Return what to tell when a proxy wants to know who asks."""
    return AccessDenied(
        "the proxy wants to know who asks",
        hint="Put name and password into http.proxy: http://NAME:PASSWORD@HOST:PORT",
    )


def _unreachable(
    base: Base, proxy: Proxy | None, error: OSError | http.client.HTTPException
) -> GitcoordError | Interrupted:
    answered = _TUNNEL.search(str(error))
    if answered:
        code = int(answered[1])
        if code == 407:
            return proxy_denies()
        if code != 429 and code < 500:
            return HostRefused(f"the proxy does not let us through to {base.place}: {code}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return HostUnreachable(
            f"{base.place} is not who it says: {error.verify_message}",
            hint="If its authority is your own, name it in http.sslCAInfo.",
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        why = (error.reason or str(error)).replace("_", " ").lower()
        return HostUnreachable(f"{base.place} does not speak TLS with us: {why}")
    way = "" if proxy is None else f" through the proxy {proxy.host}:{proxy.port}"
    silent = isinstance(error, TimeoutError)
    told = "no answer" if silent else getattr(error, "strerror", None) or str(error)
    return Interrupted(HostUnreachable(f"{base.place} cannot be reached{way}: {told}"), sent=False)
