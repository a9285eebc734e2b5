"""What is stored and cannot be relied upon."""

from __future__ import annotations

from gitcoord.errors.family import Damaged


class LedgerMissing(Damaged):
    """The ledger that this clone has seen is gone."""

    code = "ledger_missing"


class LedgerRewound(Damaged):
    """The ledger is older than, or no descendant of, the one this clone has seen."""

    code = "ledger_rewound"


class CorruptRecord(Damaged):
    """A stored record or object cannot be read."""

    code = "corrupt_record"


class FormatTooNew(Damaged):
    """The ledger was written by a newer gitcoord in a format that this one cannot read."""

    code = "format_too_new"
    remedy = "Upgrade gitcoord."


class WriterTooOld(Damaged):
    """The ledger asks its writers for a newer gitcoord; this one may only read."""

    code = "writer_too_old"
    remedy = "Upgrade gitcoord."
