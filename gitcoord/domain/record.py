"""What the ledger keeps: one frozen struct per record, found by name and by index terms.

A record says itself what it is called, under which terms it can be found and
whether it is closed; where it is stored follows from that alone. Fields that
are left at their default are not written, so a default is part of the format.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

import msgspec

#: Longest text that one field of a record may hold, in bytes of UTF-8.
TEXT_LIMIT = 64 * 1024

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the ledger remembers."""

    table: ClassVar[str]

    @property
    def name(self) -> str:
        """The record's name, unique in its table for as long as it is not archived."""
        raise TypeError(f"{type(self).__name__} has no name")

    def terms(self) -> Iterable[str]:
        """Index terms under which `State.find` and `State.scan` see this record."""
        return ()

    @property
    def archived(self) -> bool:
        """Whether the record is closed and belongs where hot reads do not pass."""
        return False


class Meta(msgspec.Struct, kw_only=True, omit_defaults=False):
    """`meta.json`: counters of the whole ledger. `time` is the last writer's, in UTC."""

    epoch: int = 1
    seq: int = 0
    #: Last fencing token granted in this epoch.
    token: int = 0
    time: str = ""
    #: Lowest `WRITER` number of a program that may still write this ledger.
    min_writer: int = 1


_TIMES = ("_at", "_until", "_since", "deadline", "since", "not_before")


def shown(value: Any, field: str = "") -> Any:
    """Return a record or answer as plain data with every field, for doors.

    Unlike in storage defaults are spelled out, and a time that has not come is null.
    """
    if isinstance(value, msgspec.Struct):
        return {name: shown(getattr(value, name), name) for name in value.__struct_fields__}
    if isinstance(value, (list, tuple)):
        return [shown(one) for one in value]
    if isinstance(value, dict):
        return {key: shown(one, key) for key, one in value.items()}
    if value == "" and field.endswith(_TIMES):
        return None
    return value
