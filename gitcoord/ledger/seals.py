"""Whether the transactions of a chain are signed, by whom, and where they are not.

A chain may have begun before anybody signed it: what is older than the first signature is
counted and is no fault; what comes later without one is. git judges the signatures. Not here:
how that is done (storage/signing), what else can be wrong with a chain (proof).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from gitcoord.ledger.proof import Fault
from gitcoord.storage.signing import Signature
from gitcoord.storage.store import Oid

#: git's letter -> code, severity and words of a fault.
_LETTERS: dict[str, tuple[str, Literal["error", "warning"], str]] = {
    "B": ("signature_wrong", "error", "its signature is not one of this content"),
    "E": ("signature_unchecked", "error", "its signature cannot be checked"),
    "U": ("signer_unknown", "error", "it is signed with a key that is not among the allowed ones"),
    "R": ("signer_revoked", "error", "it is signed with a key that was revoked"),
    "X": ("signature_expired", "warning", "its signature was good and has expired"),
    "Y": ("signature_expired", "warning", "its signature is good and its key has expired since"),
}


class Seals:
    """What came of the signatures of a chain; complete when `faults` has ended."""

    def __init__(self, *, wanted: bool) -> None:
        """`wanted`: a chain without any signature is a fault too."""
        self._wanted = wanted
        self.signed = 0
        self.unsigned = 0
        #: Whose signatures are good, and how many there are.
        self.signers: Counter[str] = Counter()

    def faults(self, judged: Iterable[Signature]) -> Iterator[Fault]:
        """Yield what is wrong with signatures that come newest first."""
        bare: list[Oid] = []
        for one in judged:
            if one.letter == "N":
                self.unsigned += 1
                bare.append(one.commit)
                continue
            self.signed += 1
            for oid in bare:
                yield Fault("unsigned", "error", oid, "it is not signed, and older ones are")
            bare.clear()
            if one.letter in _LETTERS:
                code, severity, words = _LETTERS[one.letter]
                yield Fault(
                    code, severity, one.commit, f"{words} ({one.key})" if one.key else words
                )
            else:
                self.signers[one.signer] += 1
        if bare and not self.signed:
            if self._wanted:
                yield Fault("unsigned", "error", bare[0], "no transaction of the chain is signed")
        elif bare:
            message = f"it and {len(bare) - 1} before it are older than the first signature"
            yield Fault("unsigned_before", "note", bare[0], message)
