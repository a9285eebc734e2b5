"""What a clone knows about its git host between two commands: `host.json`.

Disposable: without it the host is asked once more. Holds no secret. Another URL is another
host, of which nothing is known.
"""

from __future__ import annotations

import os

import msgspec

from gitcoord.storage.durable import disk_error, temporary


class HostMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Facts about one host as one clone has met them."""

    #: The URL without secrets; facts count for this one only.
    url: str = ""
    #: "sha1" or "sha256"; empty before the first contact.
    object_format: str = ""
    #: Whether several refs move as one; None before it was asked.
    atomic: bool | None = None
    #: Whether a push is taken without asking for the refs first.
    direct: bool = True
    #: Whether reads speak protocol v2; None before one was answered.
    v2: bool | None = None
    #: Whether the host wants credentials, so that they are sent with the first request.
    authenticated: bool = False
    #: Seconds since 1970, by our own clock, of the last answer; 0: never.
    contact: float = 0.0
    #: The last comparison with the host's clock (see ledger's clock); empty: none.
    clock: dict[str, float | str] = {}


class Keeper:
    """Reads and writes the memory of one host; `now` is what this process knows."""

    def __init__(self, path: str, url: str) -> None:
        self._path = path
        self.now = HostMemory(url=url)
        try:
            with open(path, "rb") as file:
                found = msgspec.json.decode(file.read(), type=HostMemory)
        except (FileNotFoundError, ValueError):
            return
        except OSError as error:
            raise disk_error(error, f"read {path}") from error
        if found.url == url:
            self.now = found

    def save(self) -> None:
        """Keep it for the next command, as far as the disk allows."""
        folder = os.path.dirname(self._path)
        interim = temporary(folder, "host")
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            with open(interim, "xb") as file:
                file.write(msgspec.json.encode(self.now))
            os.replace(interim, self._path)
        except OSError:
            # Where nothing can be written, a decision fails by itself and says so; a read
            # that has its answer must not.
            return
