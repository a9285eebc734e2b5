"""The way to a host over the pipes of a program that runs git there, or here for a path.

Promises that a push which was cut short before the host spoke has changed nothing: the
last bytes are held back until then. The upload-pack that listed refs is asked for objects. What
program that is, its starter knows. Format: https://git-scm.com/docs/gitprotocol-pack
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gitcoord.errors import UnreadableAnswer
from gitcoord.storage.wire import complaint
from gitcoord.storage.wire.child import Child
from gitcoord.storage.wire.pktline import FLUSH, Packets, Special
from gitcoord.storage.wire.push import Advertised, advertised
from gitcoord.storage.wire.read import NotVersion2
from gitcoord.storage.wire.transport import Interrupted

if TYPE_CHECKING:
    from gitcoord.storage.wire.address import Address

#: What a surrounding git sets for its own repository, and git takes from the environment of
#: those that it starts for another one (`local_repo_env` in git's environment.c).
_LOCAL = frozenset(
    (
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_PROTOCOL",
        "GIT_QUARANTINE_PATH",
        "GIT_REFERENCE_BACKEND",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    )
)
_LOCAL_PREFIXES = ("GIT_TRACE", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
_VERSION_2 = b"version 2"
#: As much of a push as its host cannot do without: a pack ends with a hash of 20 or 32 bytes.
_HELD_BACK = 20


class PipeTransport:
    """One way to one repository; `start` runs "receive-pack" or "upload-pack" there."""

    date: tuple[float, float] | None = None

    def __init__(self, shown: str, start: Callable[[str], Child]) -> None:
        self.shown = shown
        #: What receive-pack said of itself at the last push or discovery.
        self.advertised: Advertised | None = None
        self._start = start
        self._receiving: Child | None = None
        self._serving: Child | None = None
        self._answer: _Answer | None = None
        self._version2 = True

    def push(self, body: Sequence[bytes], meanwhile: Callable[[], None] | None = None) -> Packets:
        """Send one push and return the answer, positioned at the report; see `Transport.push`.

        Raises `Interrupted`, and while the host cannot have acted `AccessDenied`,
        `HostRefused`, `UnreadableAnswer`.
        """
        data = b"".join(body)
        child = self._greeted(data[:-_HELD_BACK])
        child.write(data[-_HELD_BACK:])
        child.end_input()
        if meanwhile is not None:
            meanwhile()
        return _Answer(self.shown, child, sent=True)

    def discover(self) -> Advertised:
        """Return what receive-pack advertises. Raises as `push`."""
        child = self._greeted(b"")
        child.write(FLUSH)
        child.finish()
        assert self.advertised is not None
        return self.advertised

    def _greeted(self, data: bytes) -> Child:
        """Return a new receive-pack whose advertisement is read while it is sent the data."""
        if self._receiving is not None:
            self._receiving.close()
        self._receiving = child = self._start("receive-pack")
        child.write(data)
        try:
            self.advertised = advertised(_Answer(self.shown, child, sent=False))
        except UnreadableAnswer as error:
            child.close()
            raise self._untidy(error) from error
        except BaseException:
            child.close()
            raise
        return child

    def ask(self, body: bytes) -> Packets:
        """Send one command of protocol v2 and return its answer.

        Raises `NotVersion2`, `Interrupted` (never sent: reading changes nothing),
        `AccessDenied`, `HostRefused`, `UnreadableAnswer`.
        """
        if not self._version2:
            raise NotVersion2
        # A git that lists refs a second time says again what it has said: it keeps loose refs
        # in memory. What follows the list, a fetch, may go to the same one.
        if self._answer is None or not self._answer.over or b"command=ls-refs" in body[:24]:
            self._hang_up()
        if self._serving is not None and self._serving.usable:
            try:
                return self._asked(self._serving, body)
            except Interrupted as cut:
                if isinstance(cut.__cause__, TimeoutError):
                    raise
                # Hosts hang up on those who are quiet for long; a read may be asked again.
        self._hang_up()
        self._serving = child = self._start("upload-pack")
        # The greeting is the same for all who ask, so nothing is gained by waiting for it.
        child.write(body)
        self._listen_for_version(child)
        self._answer = _Answer(self.shown, child, sent=False)
        return self._answer

    def _asked(self, child: Child, body: bytes) -> _Answer:
        child.write(body)
        self._answer = _Answer(self.shown, child, sent=False)
        self._answer.look_ahead()
        return self._answer

    def _listen_for_version(self, child: Child) -> None:
        packets = _Answer(self.shown, child, sent=False, silent=True)
        try:
            first = packets.next()
            if isinstance(first, bytes) and first.rstrip(b"\n") == _VERSION_2:
                while packets.next() not in (Special.FLUSH, None):
                    pass
                return
        except UnreadableAnswer as error:
            self._hang_up()
            raise self._untidy(error) from error
        except BaseException:
            self._hang_up()
            raise
        self._hang_up()
        self._version2 = False
        raise NotVersion2

    def _untidy(self, error: UnreadableAnswer) -> UnreadableAnswer:
        return UnreadableAnswer(
            f"{self.shown}: {error.message}",
            hint="See that the login at the host prints nothing before git is started.",
        )

    def _hang_up(self) -> None:
        if self._serving is not None:
            self._serving.close()
        self._serving = self._answer = None

    def close(self) -> None:
        """End the programs; closing twice is allowed."""
        if self._receiving is not None:
            self._receiving.close()
            self._receiving = None
        self._hang_up()


class _Answer(Packets):
    """The packets of one child up to a flush; a child that ends before it is an error.

    `silent`: one that ends in peace, having said nothing at all, is none.
    """

    def __init__(self, shown: str, child: Child, *, sent: bool, silent: bool = False) -> None:
        super().__init__(self._take)
        self.over = False
        self._shown, self._child, self._sent, self._silent = shown, child, sent, silent
        self._first: bytes | Special | None = None

    def look_ahead(self) -> None:
        """Wait for the first packet."""
        self._first = self.next()

    def next(self) -> bytes | Special | None:
        """Return the next packet. Raises also as `Transport.push`."""
        packet, self._first = self._first, None
        if packet is None:
            packet = super().next()
        self.over = packet in (Special.FLUSH, None)
        return packet

    def _take(self, size: int) -> bytes:
        try:
            data = self._child.read(size)
        except TimeoutError as error:
            raise complaint.silence(self._shown, error, sent=self._sent) from error
        if len(data) == size or self.over:
            self._silent = False
            return data
        code, said = self._child.finish()
        if self._silent and code == 0 and not data:
            return data
        raise complaint.failure(self._shown, code, said, sent=self._sent)


def to_path(address: Address, environ: Mapping[str, str], *, timeout: float) -> PipeTransport:
    """Return the way to a repository on this machine; `timeout` is in seconds of silence."""

    def start(service: str) -> Child:
        command = ("git", service, address.path)
        return Child(command, for_service(environ, service), timeout=timeout)

    return PipeTransport(address.shown, start)


def for_service(environ: Mapping[str, str], service: str) -> dict[str, str]:
    """Return `foreign(environ)`, with which upload-pack speaks protocol v2."""
    # receive-pack would take a version 1, which no host has any use for.
    return foreign(environ) | ({"GIT_PROTOCOL": "version=2"} if service == "upload-pack" else {})


def foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what speaks of our repository; git is plain and asks nobody."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _LOCAL and not name.startswith(_LOCAL_PREFIXES)
    }
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LANGUAGE": "", "LC_ALL": "C"}
