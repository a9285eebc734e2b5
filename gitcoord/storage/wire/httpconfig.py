"""What git's configuration and environment say about HTTP: headers, proxies, TLS, redirects.

Honoured of `http.*`, also as `http.<url>.*`: proxy (`remote.<name>.proxy` goes before it),
extraHeader, userAgent, followRedirects, sslVerify, sslCAInfo, sslCAPath, sslCert, sslKey,
sslVersion (as the oldest allowed) and sslCipherList, with the variables that git lets go before
them. Refused: http.pinnedPubkey, socks, TLS to a proxy, keys with a passphrase. Not honoured:
cookies, other proxy authentication than Basic, all the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from gitcoord import __version__
from gitcoord.errors import InvalidConfig
from gitcoord.storage.gitconfig import boolean
from gitcoord.storage.wire.credentials import basic

if TYPE_CHECKING:
    from ssl import SSLContext

    from gitcoord.storage.wire.config import GitConfig

# Some hosts let only those in whose name starts like git's.
USER_AGENT = f"git/2.0 (gitcoord/{__version__})"
#: The port that curl takes where a proxy is named without one.
_PROXY_PORT = 1080
_TLS = {
    "tlsv1": "TLSv1",
    "tlsv1.0": "TLSv1",
    "tlsv1.1": "TLSv1_1",
    "tlsv1.2": "TLSv1_2",
    "tlsv1.3": "TLSv1_3",
}


class Proxy(NamedTuple):
    """A proxy that is spoken to in plain HTTP."""

    host: str
    port: int
    #: Value of `Proxy-Authorization`; empty for none.
    authorization: str

    def __repr__(self) -> str:
        """Return what may be shown of it."""
        return f"Proxy({self.host}:{self.port})"


class HttpSettings:
    """The settings for one URL, read when they are needed; prints as nothing but its class."""

    def __init__(
        self, url: str, config: GitConfig, environ: Mapping[str, str], remote: str = ""
    ) -> None:
        self._url = url
        self._remote = remote
        self._config = config
        self._environ = environ

    def headers(self) -> list[tuple[str, str]]:
        """Return http.extraHeader as (name, value); an empty value clears those before it.

        Raises InvalidConfig for what is no header, without showing it.
        """
        found: list[tuple[str, str]] = []
        for line in self._config.all_for_url("http.extraHeader", self._url):
            if not line:
                found.clear()
                continue
            name, colon, value = line.partition(":")
            if not (colon and _is_token(name) and _is_value(value)):
                raise InvalidConfig("a value of http.extraHeader is not `Name: value`")
            found.append((name, value.strip()))
        return found

    def user_agent(self) -> str:
        """Return the name to go by."""
        agent = self._chosen("GIT_HTTP_USER_AGENT", "http.userAgent") or USER_AGENT
        if not _is_value(agent):
            raise InvalidConfig("http.userAgent holds characters that no header may have")
        return agent

    def redirects(self) -> str:
        """Return "initial", "true" or "false"; InvalidConfig for another word."""
        value = self._config.for_url("http.followRedirects", self._url)
        if value is None or value.lower() == "initial":
            return "initial"
        return "true" if _flag("http.followRedirects", value) else "false"

    def proxy(self, scheme: str, host: str) -> Proxy | None:
        """Return the proxy on the way to this host, None for the straight way.

        An empty setting turns proxies off. Raises InvalidConfig for a proxy that cannot be
        used. Rules: https://everything.curl.dev/usingcurl/proxies/env.html
        """
        value = self._config.for_url("http.proxy", self._url)
        source = "http.proxy"
        own = self._config.one(f"remote.{self._remote}.proxy") if self._remote else None
        if own is not None:
            value, source = own, f"remote.{self._remote}.proxy"
        # HTTP_PROXY does not count: in a CGI program any client can set it by a header.
        names = ("https_proxy", "HTTPS_PROXY") if scheme == "https" else ("http_proxy",)
        for name in (*names, "all_proxy", "ALL_PROXY"):
            if value is None and name in self._environ:
                value, source = self._environ[name], name
        if not value or _passed_by(host, self._first("no_proxy", "NO_PROXY")):
            return None
        return _proxy(value, source)

    def tls(self) -> SSLContext:
        """Return how TLS is to be spoken. Raises InvalidConfig for files that cannot be used.

        SSL_CERT_FILE and SSL_CERT_DIR count where git names no authorities.
        """
        import ssl

        if self._config.for_url("http.pinnedPubkey", self._url):
            # Whoever pins a key wants no connection that has not been held against it.
            raise InvalidConfig(
                "http.pinnedPubkey names the key of this host, which gitcoord cannot check",
                hint="Use ssh for the ledger, or set it to nothing for the URL of this host.",
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        if not self._verified():
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            self._trust(context)
        self._restrict(context)
        cert = self._path("GIT_SSL_CERT", "http.sslCert")
        if cert:
            key = self._path("GIT_SSL_KEY", "http.sslKey")
            try:
                # Without a password OpenSSL would ask on the terminal.
                context.load_cert_chain(cert, key, password=lambda: b"")
            except (OSError, ssl.SSLError, ValueError) as error:
                raise InvalidConfig(
                    f"http.sslCert: {cert} and its key cannot be used: {_why(error)}",
                    hint="The key must have no passphrase.",
                ) from error
        return context

    def _verified(self) -> bool:
        # The variable counts by being there, whatever its value.
        if "GIT_SSL_NO_VERIFY" in self._environ:
            return False
        value = self._config.for_url("http.sslVerify", self._url)
        return value is None or _flag("http.sslVerify", value)

    def _trust(self, context: SSLContext) -> None:
        file = self._path("GIT_SSL_CAINFO", "http.sslCAInfo") or self._environ.get("SSL_CERT_FILE")
        directory = self._path("GIT_SSL_CAPATH", "http.sslCAPath") or self._environ.get(
            "SSL_CERT_DIR"
        )
        if not file and not directory:
            context.load_default_certs()
            return
        try:
            context.load_verify_locations(file or None, directory or None)
        except OSError as error:
            raise InvalidConfig(
                f"the certificates in {file or directory} cannot be read: {_why(error)}",
                hint="See http.sslCAInfo and http.sslCAPath in `git config --list --show-origin`.",
            ) from error

    def _restrict(self, context: SSLContext) -> None:
        import ssl

        version = self._chosen("GIT_SSL_VERSION", "http.sslVersion")
        if version:
            if version not in _TLS:
                raise InvalidConfig(f"http.sslVersion: {version!r} is none of {', '.join(_TLS)}")
            context.minimum_version = ssl.TLSVersion[_TLS[version]]
        ciphers = self._chosen("GIT_SSL_CIPHER_LIST", "http.sslCipherList")
        if ciphers:
            try:
                context.set_ciphers(ciphers)
            except ssl.SSLError as error:
                raise InvalidConfig(f"http.sslCipherList: {_why(error)}") from error

    def _path(self, variable: str, key: str) -> str | None:
        value = self._chosen(variable, key)
        if not value or not value.startswith("~"):
            return value or None
        home = self._environ.get("HOME")
        return home + value[1:] if home and value[1:2] == "/" else os.path.expanduser(value)

    def _chosen(self, variable: str, key: str) -> str | None:
        """Return the variable, which goes before the setting even when it is empty."""
        if variable in self._environ:
            return self._environ[variable]
        return self._config.for_url(key, self._url)

    def _first(self, *names: str) -> str:
        return next((self._environ[name] for name in names if name in self._environ), "")


def _proxy(value: str, source: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or _PROXY_PORT
    except ValueError:
        # Its message would show the whole value, password included.
        raise InvalidConfig(f"{source} is not the URL of a proxy") from None
    if parts.scheme != "http":
        raise InvalidConfig(
            f"{source} names a proxy of the kind {parts.scheme}; gitcoord knows http",
            hint="Set http.proxy to an http:// proxy, or to nothing for this host.",
        )
    if not parts.hostname:
        raise InvalidConfig(f"{source} names a proxy without a host")
    shown = ""
    if parts.username is not None:
        shown = basic(unquote(parts.username), unquote(parts.password or "")).authorization
    return Proxy(parts.hostname, port, shown)


def _passed_by(host: str, without: str) -> bool:
    """Return whether the list of no_proxy names the host, as itself, domain or network."""
    host = host.rstrip(".").lower()
    words = [word.strip(".[]").lower() for word in without.replace(",", " ").split()]
    if words == ["*"]:
        return True
    return any(host == word or host.endswith(f".{word}") for word in words if word) or _within(
        host, [word for word in words if "/" in word]
    )


def _within(host: str, networks: Sequence[str]) -> bool:
    try:
        address = ip_address(host)
        return any(address in ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


def _flag(key: str, value: str) -> bool:
    try:
        return boolean(value)
    except ValueError as error:
        raise InvalidConfig(f"{key}: {error}") from error


def _is_token(name: str) -> bool:
    return bool(name) and all(
        char.isascii() and (char.isalnum() or char in "!#$%&'*+-.^_`|~") for char in name
    )


def _is_value(value: str) -> bool:
    return value.isascii() and value.replace("\t", " ").isprintable()


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
