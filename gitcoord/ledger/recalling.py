"""Recalling memories of a ledger: its texts are searched, and the rules say what comes first.

The index of texts is a file of its own, which only whoever searches opens. Reads only. Not
here: the rules (`domain/recall`), or what to do with what is found.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitcoord.domain.memories import Memory
from gitcoord.domain.recall import Query, Recalled, recall
from gitcoord.ledger.clock import reading
from gitcoord.storage import codec

if TYPE_CHECKING:
    from gitcoord.ledger.ledger import Ledger

#: The file of the index, beside the index of records.
FILE = "memories.sqlite"
#: Raised whenever the texts of a memory change, so that indexes made before are thrown away.
VERSION = "1"


def recalled(ledger: Ledger, home: str, query: Query) -> list[Recalled]:
    """Return the memories that answer the query now, the most relevant first.

    `home` is where this clone keeps its files. Raises `InvalidValue` for a wrong query,
    `NotInitialised`, `CorruptRecord` and `Unavailable`.
    """
    scores = None
    if query.text:
        from gitcoord.storage.search import Search

        search = Search(os.path.join(home, FILE), Memory.table, texts, VERSION)
        try:
            scores = search.scores(ledger.tree(ledger.head()), ledger.store, query.text)
        finally:
            search.close()
    # It may be a later state than the one that was searched: what is gone is left out, and
    # what has come is for the next search.
    with ledger.state() as state:
        return recall(state, query, reading(ledger.clock, state.meta.time).now, scores)


def texts(table: str, data: bytes) -> tuple[str, Sequence[str]]:
    """Return a stored memory's id and texts. Raises `CorruptRecord`, `FormatTooNew`."""
    memory = codec.decode_record(data, Memory, table)
    return memory.id, memory.texts()
