"""The ledger as JSON Lines: a first line about the whole, then one record per line.

An export holds everything, in a form that other programs can read; an import takes what
can live in another ledger, all or none. Not here: which tables those are (domain).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from gitcoord.domain.transfer import LEFT_BEHIND, Imported, ImportRecords
from gitcoord.errors import FormatTooNew, InvalidFile
from gitcoord.ledger.coordinator import Coordinator
from gitcoord.ledger.ledger import FORMAT, Ledger, read_meta
from gitcoord.storage import codec
from gitcoord.storage.store import Oid

#: Format of the lines themselves.
VERSION = 1


def exported(ledger: Ledger, commit: Oid | None = None) -> Iterator[bytes]:
    """Yield the lines of an export, each with its newline, at `commit` (default: the head).

    The same records give the same lines. Raises `CorruptRecord` and `FormatTooNew`.
    """
    with ledger.snapshot(commit) as snapshot:
        meta = read_meta(snapshot.load("", "meta.json"))
        settings = snapshot.load("", "settings.json")
        yield _line(
            {
                "gitcoord": VERSION,
                "format": FORMAT,
                "epoch": meta.epoch,
                "seq": meta.seq,
                "time": meta.time,
                "settings": codec.decode(settings, "settings.json") if settings else {},
            }
        )
        for table in snapshot.tables():
            for name in snapshot.names(table):
                data = snapshot.load(table, name)
                if data is not None:
                    record = codec.decode(data, f"{table}/{name}")
                    yield _line({"table": table, "record": record})


def import_lines(
    coordinator: Coordinator, lines: Iterable[bytes], *, session: str | None = None, agent: str = ""
) -> Imported:
    """Add the records of an export that are not here and return how many of each table.

    All or none. Raises `InvalidFile` with the number of the line, `FormatTooNew`, and what
    `ImportRecords` refuses.
    """
    records, numbers, behind = _parsed(lines)
    try:
        answer = coordinator.do(
            ImportRecords(records=records), Imported, session=session, agent=agent
        )
    except InvalidFile as wrong:
        at = wrong.details.get("record")
        if not isinstance(at, int) or not 1 <= at <= len(numbers):
            raise
        message = wrong.message.replace(f"record {at} ", "", 1)
        raise _invalid(numbers[at - 1], message) from wrong
    return msgspec.structs.replace(answer, left_behind=behind)


def _parsed(lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], list[int], dict[str, int]]:
    """Return the records to import, the line of each, and what stays behind by table."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    behind: dict[str, int] = {}
    begun = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        body = _object(line, number)
        if not begun:
            _check_header(body, number)
            begun = True
            continue
        table, record = body.get("table"), body.get("record")
        if not isinstance(table, str) or not isinstance(record, dict) or len(body) != 2:
            raise _invalid(number, 'expected {"table": "...", "record": {...}}')
        _check_format(record.pop("format", FORMAT), number)
        home = table.removeprefix("archive/")
        if home in LEFT_BEHIND:
            behind[home] = behind.get(home, 0) + 1
        else:
            records.append({"table": home, "record": record})
            numbers.append(number)
    if not begun:
        raise InvalidFile("this file is empty; an export begins with a line about the ledger")
    return records, numbers, behind


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise _invalid(number, f"not JSON: {wrong}") from wrong
    if not isinstance(body, dict):
        raise _invalid(number, "not a JSON object")
    return body


def _check_header(body: dict[str, Any], number: int) -> None:
    version = body.get("gitcoord")
    if not isinstance(version, int):
        raise _invalid(number, 'an export begins with {"gitcoord": 1, "format": 1, ...}')
    if version > VERSION:
        raise FormatTooNew(
            f"the export has version {version}; this gitcoord reads up to {VERSION}",
            found=version,
            supported=VERSION,
        )
    _check_format(body.get("format"), number)


def _check_format(found: Any, number: int) -> None:
    if not isinstance(found, int) or found < 1:
        raise _invalid(number, f"not a format: {found!r}")
    if found > FORMAT:
        raise FormatTooNew(
            f"line {number} has format {found}; this gitcoord reads up to {FORMAT}",
            found=found,
            supported=FORMAT,
        )


def _invalid(number: int, why: str) -> InvalidFile:
    return InvalidFile(f"line {number}: {why}", line=number)


def _line(body: dict[str, Any]) -> bytes:
    return msgspec.json.encode(body, order="sorted") + b"\n"
