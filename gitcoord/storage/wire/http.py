"""The way to a git host over HTTP and HTTPS: one kept-alive connection, one request at a time.

Promises one request for one conversation where the host knows us, and that credentials and
extra headers go to nobody but the host that the URL names, nor into any message. What is
honoured of git's `http.*` stands in httpconfig.py. Imported for remote ledgers only: the
standard library's client takes 25 ms to load. See https://git-scm.com/docs/gitprotocol-http
"""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from gitcoord.errors import (
    AccessDenied,
    GitcoordError,
    HostBusy,
    HostRefused,
    HostUnreachable,
    InvalidUrl,
    UnreadableAnswer,
)
from gitcoord.storage.wire.credentials import Credential, Helpers, basic, from_netrc
from gitcoord.storage.wire.httpanswer import Answer
from gitcoord.storage.wire.httpconfig import HttpSettings, Proxy
from gitcoord.storage.wire.httpconnection import opened, proxy_denies, split, stands
from gitcoord.storage.wire.pktline import Packets, plain
from gitcoord.storage.wire.push import Advertised, advertised
from gitcoord.storage.wire.read import NotVersion2
from gitcoord.storage.wire.transport import Interrupted

if TYPE_CHECKING:
    from ssl import SSLContext

    from gitcoord.storage.gitproc import Git
    from gitcoord.storage.wire.config import GitConfig

#: Bytes of a question above which it is sent packed.
_PACKED_FROM = 1024
_GZIP = 16 + zlib.MAX_WBITS
_REDIRECTS = (301, 302, 307, 308)
_HOPS = 5


class _Request(NamedTuple):
    """One request, the same for each time that it has to be sent."""

    method: str
    #: What follows the repository's path.
    tail: str
    #: The content type that the answer must have.
    kind: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Sequence[bytes] = ()
    #: Whether a host that has all of it may have changed something.
    acts: bool = False
    #: What is done while the host is at work.
    meanwhile: Callable[[], None] | None = None


class HttpTransport:
    """A `Transport`. For one thread at a time; prints as nothing but its class."""

    def __init__(
        self,
        url: str,
        config: GitConfig,
        git: Git,
        environ: Mapping[str, str],
        *,
        timeout: float = 15.0,
        preemptive: bool = False,
        remote: str = "",
    ) -> None:
        """Connect to nothing yet. Raises InvalidUrl.

        `timeout`: seconds without a byte from the host. `preemptive`: ask git's credential
        helpers before the first request, not after a 401. `remote`: git's name of the host.
        """
        self._base, named = split(url)
        self.shown = str(self._base)
        self.date: tuple[float, float] | None = None
        #: Whether the host let us in only with what git's helpers or a netrc know.
        self.authenticated = False
        self._origin = self._base.origin
        self._settings = HttpSettings(url, config, environ, remote)
        self._environ = environ
        self._timeout = timeout
        self._helpers = Helpers(git)
        self._preemptive = preemptive
        self._user = named.user
        self._credential: Credential | None = None
        if named.password is not None:
            self._credential = basic(named.user or "", named.password)
        #: What the helpers gave and the host has not yet judged.
        self._unproven: Credential | None = None
        self._answered = False
        self._connection: http.client.HTTPConnection | None = None
        self._proxy: Proxy | None = None
        self._tls: SSLContext | None = None
        self._extra: list[tuple[str, str]] | None = None

    def push(self, body: Sequence[bytes], meanwhile: Callable[[], None] | None = None) -> Packets:
        """Send one receive-pack request; see `Transport.push`."""
        request = _post("receive-pack", body, acts=True)._replace(meanwhile=meanwhile)
        return Packets(self._ask(request).body.read)

    def ask(self, body: bytes) -> Packets:
        """Send one command of protocol v2 to upload-pack; see `Transport.ask`."""
        headers = [("Git-Protocol", "version=2")]
        if len(body) > _PACKED_FROM:
            packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
            body = packer.compress(body) + packer.flush()
            headers.append(("Content-Encoding", "gzip"))
        answer = self._ask(_post("upload-pack", (body,), headers))
        start = answer.body.getvalue()[:256]
        # To an older host the command is a broken request of version 0.
        broken = start[4:8] == b"ERR " and b"command=" in start
        if not start or start[4:7] == b"NAK" or broken:
            raise NotVersion2(f"{self.shown} does not speak version 2 of git's protocol")
        return Packets(answer.body.read)

    def discover(self) -> Advertised:
        """Return what receive-pack advertises; see `Transport.discover`."""
        kind = "application/x-git-receive-pack-advertisement"
        request = _Request("GET", "/info/refs?service=git-receive-pack", kind)
        return advertised(Packets(self._ask(request).body.read))

    def close(self) -> None:
        """Let go of the connection, and wait for what the helpers are being told."""
        self._drop()
        self._helpers.close()

    def _ask(self, request: _Request) -> Answer:
        """Return the answer that is git's; everything else is raised."""
        if self._preemptive and not self._answered and self._credential is None:
            self._fill(())
        hops = 0
        while True:
            answer = self._exchange(request)
            if answer.status in _REDIRECTS and hops < _HOPS and self._may_follow():
                hops += 1
                self._follow(answer, request)
            elif answer.status != 401 or not self._identify(answer):
                break
        self._judge(request, answer)
        self._answered = True
        if self._unproven is not None:
            self._helpers.approve(self._unproven)
            self._unproven = None
        return answer

    def _judge(self, request: _Request, answer: Answer) -> None:
        """Raise what an answer means that is not the one hoped for."""
        status, heard = answer.status, answer.said()
        if status == 200 and answer.kind == request.kind:
            return
        if status == 200:
            kind = plain(answer.kind.encode("utf-8", "replace")) or "something unnamed"
            title = f" ({heard})" if heard else ""
            raise UnreadableAnswer(f"{self.shown} answers with {kind}{title}, not as a git host")
        told = f"{status}: {heard}" if heard else str(status)
        limited = status == 429 or (status == 403 and answer.retry_after is not None)
        if limited or status >= 500:
            error = HostBusy if limited or status == 503 else HostUnreachable
            wait = answer.retry_after
            asks = f"; it asks to wait for {wait:.0f} s" if wait else ""
            raise Interrupted(
                error(f"{self._base.place} answers {told}{asks}"),
                sent=request.acts and not limited,
                retry_after=wait,
            )
        raise self._refusal(answer, told)

    def _refusal(self, answer: Answer, told: str) -> GitcoordError:
        status, place = answer.status, self._base.place
        if status == 407:
            return proxy_denies()
        if status == 401:
            known = "does not take our credentials" if self._credential else "wants credentials"
            hint = f"See that `git push {self.shown}` works here without asking."
            return AccessDenied(f"{place} {known} ({told})", hint=hint)
        if status == 403:
            return AccessDenied(f"{place} does not let us do this ({told})")
        if status in (404, 410):
            missing = "no such repository, or no permission to see it"
            hint = f"See that `git ls-remote {self.shown}` works here."
            return HostRefused(f"{self.shown}: {missing} ({told})", hint=hint)
        if 300 <= status < 400:
            hint = "Use that URL, or see http.followRedirects in git's documentation."
            return HostRefused(f"{self.shown} redirects to {_shown(answer.location)}", hint=hint)
        return HostRefused(f"{self.shown} answers {told}")

    def _may_follow(self) -> bool:
        mode = self._settings.redirects()
        return mode == "true" or (mode == "initial" and not self._answered)

    def _follow(self, answer: Answer, request: _Request) -> None:
        """Move to where the answer points. Raises for what is not the same repository."""
        foreign = UnreadableAnswer(
            f"{self.shown} redirects to {_shown(answer.location)}, which is no git repository"
        )
        try:
            target = urljoin(f"{self._base}{request.tail}", answer.location)
            if not target.endswith(request.tail):
                raise foreign
            base, _ = split(target.removesuffix(request.tail))
        except (ValueError, InvalidUrl):
            raise foreign from None
        if (self._base.scheme, base.scheme) == ("https", "http"):
            raise HostRefused(f"{self.shown} redirects to {base}, where nothing is encrypted")
        if base.origin != self._base.origin:
            self._drop()
            self._user = self._credential = self._unproven = None
        self._base = base

    def _identify(self, answer: Answer) -> bool:
        """Find better credentials after a 401; False where there are none."""
        if self._unproven is not None:
            self._helpers.reject(self._unproven)
            self._unproven = None
            # What a helper had kept too long it may have anew, once it knows.
            again, self._preemptive = self._preemptive, False
            return again and self._fill(answer.challenges)
        if any(name.lower() == "authorization" for name, _ in self._headers()):
            return False
        if self._credential is None:
            self._credential = from_netrc(self._base.host, self._user, self._environ)
            if self._credential is not None:
                self.authenticated = True
                return True
        elif not self.authenticated:
            # Name and password stood in the URL: nobody has better ones.
            return False
        return self._fill(answer.challenges)

    def _fill(self, challenges: Sequence[str]) -> bool:
        base = self._base
        path = base.path.lstrip("/")
        found = self._helpers.fill(base.scheme, base.place, path, self._user, challenges)
        if found is None:
            return False
        self._credential = self._unproven = found
        self.authenticated = True
        return True

    def _exchange(self, request: _Request) -> Answer:
        """Send it once and read the whole answer; Interrupted where that does not work."""
        connection = self._connected()
        begun = time.monotonic()
        sent = False
        try:
            self._send_head(connection, request)
            sent = request.acts
            if request.body:
                # In one piece: a pack of many objects would be as many packets on the wire.
                connection.send(b"".join(request.body))
            if request.meanwhile is not None:
                request.meanwhile()
            response = connection.getresponse()
            arrived = time.monotonic()
            answer = Answer(response)
            if answer.status == 200 and not answer.whole:
                raise http.client.IncompleteRead(b"")
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            lost = self._lost(error)
            if isinstance(lost, UnreadableAnswer) and not sent:
                raise lost from error
            raise Interrupted(lost, sent=sent) from error
        except BaseException:
            # What is left unread would be taken for the next answer.
            self._drop()
            raise
        if answer.date is not None:
            self.date = (answer.date, (begun + arrived) / 2)
        return answer

    def _lost(self, error: Exception) -> GitcoordError:
        place = self._base.place
        if isinstance(error, TimeoutError):
            return HostUnreachable(f"{place} has said nothing for {self._timeout:g} seconds")
        if isinstance(error, (OSError, http.client.IncompleteRead)):
            return HostUnreachable(f"{place} has cut the connection")
        return UnreadableAnswer(f"{place} answers with something that is not HTTP")

    def _send_head(self, connection: http.client.HTTPConnection, request: _Request) -> None:
        base = self._base
        path = f"{base.path}{request.tail}"
        own = [
            ("Host", base.place),
            ("User-Agent", self._settings.user_agent()),
            ("Accept", request.kind),
            ("Accept-Encoding", "gzip"),
            ("Pragma", "no-cache"),
            *request.headers,
        ]
        if request.method == "POST":
            own.append(("Content-Length", str(sum(map(len, request.body)))))
        if self._credential is not None:
            own.append(("Authorization", self._credential.authorization))
        if self._proxy is not None and base.scheme == "http":
            path = f"{base.scheme}://{base.place}{path}"
            if self._proxy.authorization:
                own.append(("Proxy-Authorization", self._proxy.authorization))
        extra = self._headers()
        # What the user sets goes before what we would say, as with curl.
        taken = {name.lower() for name, _ in extra}
        own = [field for field in own if field[0].lower() not in taken]
        connection.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in own + extra:
            connection.putheader(name, value)
        connection.endheaders()

    def _headers(self) -> list[tuple[str, str]]:
        """Return the user's extra headers, which are for nobody but the host of the URL."""
        if self._extra is None:
            self._extra = self._settings.headers()
        return self._extra if self._base.origin == self._origin else []

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and not stands(self._connection):
            self._drop()
        if self._connection is None:
            base = self._base
            self._proxy = self._settings.proxy(base.scheme, base.host)
            if base.scheme == "https" and self._tls is None:
                self._tls = self._settings.tls()
            tls = self._tls if base.scheme == "https" else None
            self._connection = opened(base, self._proxy, tls, self._timeout)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _post(
    service: str,
    body: Sequence[bytes],
    headers: Sequence[tuple[str, str]] = (),
    *,
    acts: bool = False,
) -> _Request:
    content = ("Content-Type", f"application/x-git-{service}-request")
    kind = f"application/x-git-{service}-result"
    return _Request("POST", f"/git-{service}", kind, (content, *headers), body, acts)


def _shown(location: str) -> str:
    """Return what may be shown of where a host points: no query, no name, no password."""
    way, _, rest = plain(location.encode("utf-8", "replace")).partition("?")[0].rpartition("@")
    return rest if not way else f"{way.partition('://')[0]}://{rest}"
